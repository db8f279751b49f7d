"""Local spectra: pixels and a window grid in, one scaled half-plane spectrum a window out, held or streamed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.compute.backend import device, transformed
from fftscape.compute.executors import for_each
from fftscape.compute.half_plane import n_features
from fftscape.compute.pixels import Scale, scale_of
from fftscape.compute.transform import Transform
from fftscape.model.arrays import BoolArray, IntArray
from fftscape.model.mapped import release
from fftscape.model.records import LocalSpectra, Spectra, WindowGrid
from fftscape.model.settings import Backend, SpectraSettings

# A window may be blank if so many of its pixels along each axis differ by no more than this part of their level.
_PROBES = 4
_NEARLY_EQUAL = 1e-3
# Rows of windows that are looked at together.
_PROBED_ROWS = 16


@dataclass(frozen=True, eq=False, repr=False)
class StreamedSpectra:
    """Spectra of windows too many to be held: they are computed from the pixels whenever some are asked for.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Pixel values of any real dtype, perhaps mapped from a file.
    grid : WindowGrid
        Where the windows lie.
    settings : SpectraSettings
        How the values are made.
    scale : Scale
        Of the whole image.
    backend : {'numpy', 'torch', 'cupy'}
        What they are computed with.
    """

    data: npt.NDArray[Any]
    grid: WindowGrid
    settings: SpectraSettings
    scale: Scale
    backend: Backend = "numpy"

    @cached_property
    def _windows(self) -> IntArray:
        """Number in the whole grid of each valid window."""
        return np.flatnonzero(self.grid.valid)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of valid windows and of features."""
        return len(self._windows), n_features(self.grid.size)

    def rows(self, chosen: slice | IntArray) -> npt.NDArray[np.float32]:
        """Compute the spectra of some windows, shape (window, feature); numbers are to rise.

        With NumPy the values are those that `local_spectra` gives, to the last digit.
        """
        values = self.device_rows(chosen)
        return values if self.backend == "numpy" else device(self.backend).get(values)

    def device_rows(self, chosen: slice | IntArray) -> Any:
        """Compute the same as an array of the backend's library."""
        windows = self._windows[chosen]
        if not len(windows):
            nothing = np.empty((0, self.shape[1]), np.float32)
            return nothing if self.backend == "numpy" else device(self.backend).put(nothing)
        columns = self.grid.shape[1]
        rows = slice(int(windows[0] // columns), int(windows[-1] // columns) + 1)
        wanted = np.zeros((rows.stop - rows.start, columns), bool)
        wanted.reshape(-1)[windows - rows.start * columns] = True
        part = replace(self.grid, origins_y=self.grid.origins_y[rows], valid=wanted)
        if self.backend == "numpy":
            values: Any = _computed(self.data, part, self.settings, self.scale)
        else:
            values = transformed(self.data, part, self.settings, self.scale, device(self.backend))
        release(self.data)
        return values

    def on(self, grid: WindowGrid) -> StreamedSpectra:
        """Return the same spectra of the same windows under another name of their grid."""
        return replace(self, grid=grid)


def local_spectra(
    data: npt.NDArray[Any], grid: WindowGrid, settings: SpectraSettings, scale: Scale | None = None
) -> LocalSpectra:
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
    scale : Scale, optional
        Of the whole image, where it is known.

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
    scale = scale or scale_of(data, centred=settings.remove_mean)
    return LocalSpectra(_computed(data, grid, settings, scale), grid, settings)


def spectra_within(
    room: int,
    data: npt.NDArray[Any],
    grid: WindowGrid,
    settings: SpectraSettings,
    scale: Scale | None = None,
    backend: Backend = "numpy",
) -> Spectra:
    """Return the spectra of the valid windows, held if there is room for them and else streamed.

    Parameters
    ----------
    room : int
        Bytes that they may take.
    data, grid, settings, scale
        As in `local_spectra`.
    backend : {'numpy', 'torch', 'cupy'}
        What they are computed with. Others than NumPy stream always: they compute faster than they are copied to.

    Returns
    -------
    Spectra
        The same values either way.
    """
    scale = scale or scale_of(data, centred=settings.remove_mean)
    needed = grid.n_valid * n_features(grid.size) * np.dtype(np.float32).itemsize
    if needed > room or backend != "numpy":
        return StreamedSpectra(data, grid, settings, scale, backend)
    return local_spectra(data, grid, settings, scale)


def without_blank_windows(
    data: npt.NDArray[Any], grid: WindowGrid, settings: SpectraSettings, scale: Scale | None = None
) -> WindowGrid:
    """Leave out windows that have no spectrum, such as blank borders.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Pixel values of any real dtype.
    grid : WindowGrid
        Where the windows lie.
    settings : SpectraSettings
        How spectra will be made.
    scale : Scale, optional
        Of the whole image, where it is known.

    Returns
    -------
    WindowGrid
        Without the windows that have no contrast; unchanged where all are so, since a constant
        image is an answer of its own.
    """
    scale = scale or scale_of(data, centred=settings.remove_mean)
    suspected = replace(grid, valid=grid.valid & _nearly_flat(data, grid, scale))
    if not suspected.valid.any():
        return grid
    blank = suspected.valid.copy()
    blank[suspected.valid] = ~_computed(data, suspected, settings, scale).any(axis=1)
    return replace(grid, valid=grid.valid & ~blank) if 0 < blank.sum() < grid.n_valid else grid


def _nearly_flat(data: npt.NDArray[Any], grid: WindowGrid, scale: Scale) -> BoolArray:
    """Tell in which windows a few pixels here and there are all nearly equal."""
    down, right = (np.linspace(0, length - 1, _PROBES).astype(int) for length in grid.size)
    columns = (grid.origins_x[:, None] + right).ravel()
    flat = np.empty(grid.shape, bool)
    for start in range(0, grid.shape[0], _PROBED_ROWS):
        own = slice(start, start + _PROBED_ROWS)
        rows = (grid.origins_y[own, None] + down).ravel()
        probes = scale.normalised(data[rows[:, None], columns]).reshape(-1, _PROBES, len(grid.origins_x), _PROBES)
        least, most = probes.min(axis=1).min(axis=2), probes.max(axis=1).max(axis=2)
        flat[own] = most - least <= _NEARLY_EQUAL * np.maximum(np.maximum(np.abs(least), np.abs(most)), 1)
    return flat


def _computed(
    data: npt.NDArray[Any], grid: WindowGrid, settings: SpectraSettings, scale: Scale
) -> npt.NDArray[np.float32]:
    transform = Transform(data, grid, settings, scale)
    values = np.empty((grid.n_valid, transform.n_features), np.float32)
    places = np.cumsum(grid.valid).reshape(grid.shape) - 1
    for_each(lambda piece: transform.fill(values, places, grid.valid, piece), transform.pieces(grid.valid))
    return values
