"""Local spectra: pixels and a window grid in, one scaled half-plane spectrum a window out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fftscape.compute.executors import for_each
from fftscape.compute.half_plane import half_plane_weights
from fftscape.compute.tapers import taper
from fftscape.model.records import LocalSpectra, WindowGrid
from fftscape.model.settings import Scaling, SpectraSettings

Block = npt.NDArray[np.float32]

# Pixels a task works on at a time: small enough to stay in a core's cache.
_CHUNK_PIXELS = 1 << 17
# A window whose contrast is below this part of its level holds float32 rounding, not structure.
_ROUNDING = 4e-6
# The scale of an image is taken from this part of its values, in a sample of about this many of its pixels.
_TYPICAL = (0.001, 0.999)
_SAMPLE = 1 << 18
# Integers of so many bytes are exact in float32.
_EXACT_BYTES = 2
# Largest pixel in units of the image's spread; its square is still far from overflow.
_LARGEST = 1e12


class _Scale(NamedTuple):
    centre: float
    spread: float


_SCALINGS: Mapping[Scaling, Callable[[Block], Block]] = {
    "amplitude": lambda amplitude: amplitude,
    "sqrt": lambda amplitude: np.sqrt(amplitude, out=amplitude),
    "log": lambda amplitude: np.log1p(amplitude, out=amplitude),
}


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
    from scipy import fft

    pixels = _normalised(data, settings.remove_mean)
    size = grid.size
    tapered = taper(size, settings.taper)
    shape_weights = (tapered / tapered.sum()).astype(np.float32).ravel()
    scaled_taper = (tapered / np.linalg.norm(tapered)).astype(np.float32)
    weights = half_plane_weights(size).astype(np.float32)
    tiles = np.lib.stride_tricks.sliding_window_view(pixels, size)
    rows, columns = np.nonzero(grid.valid)
    rows, columns = grid.origins_y[rows], grid.origins_x[columns]
    values = np.empty((len(rows), size[0] * len(weights)), np.float32)

    def compute(chunk: slice) -> None:
        block = tiles[rows[chunk], columns[chunk]]
        level = block.reshape(len(block), -1) @ shape_weights
        if settings.remove_mean:
            block -= level[:, None, None]
            _silence_rounding(block, level)
        block *= scaled_taper
        amplitude = np.abs(fft.rfft2(block, workers=1))
        if settings.remove_mean:
            amplitude[:, 0, 0] = 0
        features = (_SCALINGS[settings.scaling](amplitude) * weights).reshape(len(block), -1)
        if settings.unit_norm:
            norms = np.linalg.norm(features, axis=1, keepdims=True)
            features /= np.where(norms > 0, norms, 1)
        values[chunk] = features

    count = max(1, _CHUNK_PIXELS // (size[0] * size[1]))
    for_each(compute, [slice(start, start + count) for start in range(0, len(rows), count)])
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


def _silence_rounding(block: Block, level: Block) -> None:
    """Set windows to zero whose contrast is only rounding."""
    contrast = np.sqrt(np.mean(block * block, axis=(1, 2)))
    block[contrast <= _ROUNDING * np.maximum(np.abs(level), 1)] = 0


def _normalised(data: npt.NDArray[Any], remove_mean: bool) -> Block:
    """Return float32 pixels in units of the image's spread, so that nothing over- or underflows."""
    if data.dtype.kind in "iu" and data.dtype.itemsize <= _EXACT_BYTES:
        # Exact in float32, finite, and far from any overflow: no copy in float64 is needed.
        scale = _centre_and_spread(data.ravel())
        pixels: Block = np.subtract(data, np.float32(scale.centre if remove_mean else 0), dtype=np.float32)
        pixels /= np.float32(scale.spread)
        return pixels
    finite = np.isfinite(data)
    exact = np.where(finite, data, 0).astype(np.float64, copy=False)
    exact /= max(exact.max(), -exact.min()) or 1.0
    scale = _centre_and_spread(exact[finite])
    if remove_mean:
        exact -= scale.centre
    exact /= scale.spread
    return np.asarray(np.clip(exact, -_LARGEST, _LARGEST, out=exact), np.float32)


def _centre_and_spread(values: npt.NDArray[Any]) -> _Scale:
    """Mean and standard deviation of most of the values: a few absurd ones must not set the scale."""
    sample = values[:: max(1, values.size // _SAMPLE)].astype(np.float64)
    typical = np.clip(sample, *np.quantile(sample, _TYPICAL))
    if typical.std() == 0:  # nearly all pixels are equal: the few others are the image
        typical = values.astype(np.float64)
    return _Scale(float(typical.mean()), float(typical.std()) or 1.0)
