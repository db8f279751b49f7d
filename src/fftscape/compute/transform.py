"""Transforms of windows: an image and the places of windows in, one scaled half-plane spectrum a window out.

Windows above one another share rows, so each row is tapered and transformed along x once for all of them. The mean
of a window is taken out of its spectrum, where it is a few numbers: a taper's transform is zero nearly everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.compute.half_plane import half_plane_weights, n_features
from fftscape.compute.pixels import Scale
from fftscape.compute.tapers import profile
from fftscape.model.arrays import BoolArray, IntArray
from fftscape.model.records import WindowGrid
from fftscape.model.settings import Scaling, SpectraSettings

Block = npt.NDArray[np.float32]

# Values a step works on: small enough to stay in a core's cache, large enough to be worth the calls.
_CHUNK_VALUES = 1 << 19
# Rows transformed at a time, in window heights: more save little, since rows shared between pieces become few.
_HEIGHTS = 3
# A window whose contrast is below this part of its level holds float32 rounding, not structure.
ROUNDING = 4e-6
# The transform of a raised cosine is zero but for rounding at all other frequencies.
_NOTHING = 1e-9

# In place.
_SCALINGS: Mapping[Scaling, Callable[[Block], Block]] = {
    "amplitude": lambda amplitude: amplitude,
    "sqrt": lambda amplitude: np.sqrt(amplitude, out=amplitude),
    "log": lambda amplitude: np.log1p(amplitude, out=amplitude),
}
# A weight of scaled values is this power of it for amplitudes; a logarithm has none.
_AMPLITUDE_WEIGHTS: Mapping[Scaling, int] = {"amplitude": 1, "sqrt": 2, "log": 0}


@dataclass(frozen=True)
class Piece:
    """Windows that are transformed together: some rows of windows and, of these, some columns.

    Parameters
    ----------
    rows, columns : slice
        Of the grid.
    """

    rows: slice
    columns: slice


@dataclass(frozen=True, eq=False)
class _Mean:
    """What a window's mean adds to its spectrum, for a value of 1 at zero frequency: nothing but at a few places."""

    rows: IntArray
    columns: IntArray
    values: npt.NDArray[np.complex64]


class Transform:
    """Turns windows of one image into spectra.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Pixel values of any real dtype, perhaps mapped from a file; only the rows needed are touched.
    grid : WindowGrid
        Where the windows lie; its `valid` is not looked at.
    settings : SpectraSettings
        Taper, mean, scaling and norm.
    scale : Scale
        Of the whole image.
    """

    def __init__(self, data: npt.NDArray[Any], grid: WindowGrid, settings: SpectraSettings, scale: Scale) -> None:
        self._data, self._grid, self._settings, self._scale = data, grid, settings, scale
        along_y, along_x = (profile(length, settings.taper) for length in grid.size)
        along_y = along_y / (np.linalg.norm(along_y) * np.linalg.norm(along_x))
        # Where the scaling allows it, amplitudes are weighted while lines are tapered, which costs nothing.
        weights = half_plane_weights(grid.size)
        early = weights ** _AMPLITUDE_WEIGHTS[settings.scaling]
        self._late = None if _AMPLITUDE_WEIGHTS[settings.scaling] else weights.astype(np.float32)
        self._taper_x = along_x.astype(np.float32)
        # Real and imaginary parts lie one after the other: a real taper needs no complex product.
        self._taper_y = (along_y[:, None] * early.repeat(2)).astype(np.float32)
        self._mean = _mean_of(np.fft.rfft2(np.outer(along_y, along_x)) * early) if settings.remove_mean else None
        # A constant of 1 has so much at zero frequency.
        self._level = float(along_y.sum() * along_x.sum())
        # What turns squared weighted amplitudes into the window's energy, by Parseval's theorem.
        self._to_energy = np.tile((weights / early) ** 2 / (grid.size[0] * grid.size[1]), grid.size[0]).astype(
            np.float32
        )

    @property
    def n_features(self) -> int:
        """Length of a spectrum."""
        return n_features(self._grid.size)

    def pieces(self, wanted: BoolArray) -> Iterator[Piece]:
        """Cut a grid into pieces; those without a wanted window are left out."""
        height, width = self._grid.size
        many = max(1, _CHUNK_VALUES // (height * width))
        for rows in _bands(self._grid.origins_y, _HEIGHTS * height):
            for start in range(0, wanted.shape[1], many):
                columns = slice(start, min(start + many, wanted.shape[1]))
                if wanted[rows, columns].any():
                    yield Piece(rows, columns)

    def fill(self, values: Block, places: IntArray, wanted: BoolArray, piece: Piece) -> None:
        """Compute the spectra of a piece's wanted windows.

        Parameters
        ----------
        values : ndarray of float32, shape (window, feature)
            Where they are written.
        places : ndarray of int, shape (window_y, window_x)
            Row of `values` of each wanted window; increasing by one along each row of the grid.
        wanted : ndarray of bool, shape (window_y, window_x)
            Which.
        piece : Piece
            One of `pieces`.
        """
        from scipy import fft

        asked = wanted[piece.rows, piece.columns]
        rows, columns = np.flatnonzero(asked.any(axis=1)), np.flatnonzero(asked.any(axis=0))
        origins = self._grid.origins_y[piece.rows][rows]
        lefts = self._grid.origins_x[piece.columns][columns]
        height, width = self._grid.size
        strip = self._data[origins[0] : origins[-1] + height, lefts[0] : lefts[-1] + width]
        pixels = self._scale.normalised(strip)
        cut = np.lib.stride_tricks.sliding_window_view(pixels, width, axis=1).transpose(1, 0, 2)
        tapered = np.empty((len(lefts), len(pixels), width), np.float32)
        for run in _runs(lefts):  # a slice of a view copies nothing
            places_x = slice(int(lefts[run.start] - lefts[0]), int(lefts[run.stop - 1] - lefts[0]) + 1, run.step)
            np.multiply(cut[places_x], self._taper_x, out=tapered[run.start : run.stop])
        lines = fft.rfft(tapered, axis=2, workers=1).view(np.float32)
        for row, top in zip(rows, origins - origins[0], strict=True):
            chosen = np.flatnonzero(asked[row, columns])
            whole = len(chosen) == len(columns)
            own = lines[:, top : top + height] if whole else lines[chosen, top : top + height]
            first = places[piece.rows, piece.columns][row, columns[chosen[0]]]
            self._finish((own * self._taper_y).view(np.complex64), values[first : first + len(chosen)])

    def _finish(self, block: npt.NDArray[np.complex64], out: Block) -> None:
        """Transform tapered lines of shape (window, y, frequency_x) along y, and scale the spectra."""
        from scipy import fft

        spectra = fft.fft(block, axis=1, workers=1, overwrite_x=True)
        level = spectra[:, 0, 0].real / self._level
        if self._mean is not None:
            mean = self._mean
            places = np.ix_(np.arange(len(spectra)), mean.rows, mean.columns)
            spectra[places] -= level[:, None, None] * mean.values
            spectra[:, 0, 0] = 0
        np.abs(spectra, out=out.reshape(spectra.shape))
        if self._mean is not None:
            contrast = np.sqrt((out * out) @ self._to_energy)
            out[contrast <= ROUNDING * np.maximum(np.abs(level), 1)] = 0
        _SCALINGS[self._settings.scaling](out)
        if self._late is not None:
            out.reshape(spectra.shape)[...] *= self._late
        if self._settings.unit_norm:
            norms = np.sqrt(np.einsum("ij,ij->i", out, out))[:, None]
            out /= np.where(norms > 0, norms, np.float32(1))


def _mean_of(taper: npt.NDArray[np.complex128]) -> _Mean:
    there = np.abs(taper) > _NOTHING * np.abs(taper[0, 0])
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    return _Mean(rows, columns, taper[np.ix_(rows, columns)].astype(np.complex64))


def _bands(origins: IntArray, limit: int) -> Iterator[slice]:
    """Group rows of windows whose first rows of pixels lie less than `limit` apart."""
    start = 0
    while start < len(origins):
        stop = int(np.searchsorted(origins, origins[start] + limit))
        yield slice(start, stop)
        start = stop


def _runs(places: IntArray) -> Iterator[slice]:
    """Cut rising places into runs of equal distances; the slice's step is that distance."""
    distances = np.diff(places)
    start = 0
    while start < len(places):
        step = int(distances[start]) if start < len(distances) else 1
        differing = np.flatnonzero(distances[start:] != step)
        stop = start + int(differing[0]) + 1 if len(differing) else len(places)
        yield slice(start, stop, step)
        start = stop
