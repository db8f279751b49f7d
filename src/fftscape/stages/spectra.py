"""Local spectra: pixels and a window grid in, one scaled half-plane spectrum a window out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.compute.executors import for_each
from fftscape.compute.pixels import scale_of
from fftscape.compute.transform import Transform
from fftscape.model.records import LocalSpectra, WindowGrid
from fftscape.model.settings import SpectraSettings


def local_spectra(data: npt.NDArray[Any], grid: WindowGrid, settings: SpectraSettings) -> LocalSpectra:
    """Compute the scaled spectrum of every valid window.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Pixel values of any real dtype; gain drops out, and so does an offset when
        `settings.remove_mean` is on.
    grid : WindowGrid
        Where the windows lie.
    settings : SpectraSettings
        Taper, mean, scaling and norm.

    Returns
    -------
    LocalSpectra
        Values of shape (n_valid, feature), float32. Amplitudes are |FFT| of the image in units
        of its standard deviation, divided by the taper's Euclidean norm: white noise has
        amplitude about 1. A window without contrast has an all-zero spectrum.

    Notes
    -----
    With `remove_mean` the taper-weighted mean is subtracted before tapering, which makes the
    zero frequency exactly zero.
    """
    transform = Transform(data, grid, settings, scale_of(data, centred=settings.remove_mean))
    values = np.empty((grid.n_valid, transform.n_features), np.float32)
    places = np.cumsum(grid.valid).reshape(grid.shape) - 1
    for_each(lambda piece: transform.fill(values, places, grid.valid, piece), transform.pieces(grid.valid))
    return LocalSpectra(values, grid, settings)


def without_blank_windows(spectra: LocalSpectra) -> LocalSpectra:
    """Leave out windows that have no spectrum, such as blank borders.

    Parameters
    ----------
    spectra : LocalSpectra
        Spectra of all valid windows.

    Returns
    -------
    LocalSpectra
        Those with a spectrum, over a grid in which the others are not valid; unchanged where all
        windows are blank, since a constant image is an answer of its own.
    """
    has_spectrum = spectra.values.any(axis=1)
    if has_spectrum.all() or not has_spectrum.any():
        return spectra
    valid = spectra.grid.valid.copy()
    valid[valid] = has_spectrum
    return replace(spectra, values=spectra.values[has_spectrum], grid=replace(spectra.grid, valid=valid))
