"""Transforms of windows: an image and the places of windows in, one scaled half-plane spectrum a window out.

Windows above one another share rows, so each row is tapered and transformed along x once for all of them. The mean
of a window is taken out of its spectrum, where it is a few numbers: a taper's transform is zero nearly everywhere.

The arithmetic is done by a compiled kernel (``kernel``), and where that could not be built by NumPy and SciPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.compute.half_plane import half_plane_weights, n_features
from fftscape.compute.kernel import LANES, kernel, vectors
from fftscape.compute.pixels import Pixels, Scale
from fftscape.compute.tapers import profile
from fftscape.model.arrays import BoolArray, IntArray
from fftscape.model.records import WindowGrid
from fftscape.model.settings import Pair, Scaling, SpectraSettings

Block = npt.NDArray[np.float32]

# Values a step works on: small enough to stay in a core's cache, large enough to be worth the calls.
_CHUNK_VALUES = 1 << 18
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
# The kernel's names of them.
_NUMBERS: Mapping[Scaling, int] = {"amplitude": 0, "sqrt": 1, "log": 2}
# It does not know the best ways to transform lengths with other factors, nor lengths that do not stay in its cache.
_FACTORS = (2, 3, 5, 7)
_LONGEST = 512
# A weight of scaled values is this power of it for amplitudes; a logarithm has none.
_AMPLITUDE_WEIGHTS: Mapping[Scaling, int] = {"amplitude": 1, "sqrt": 2, "log": 0}


def done_by(size: Pair) -> str:
    """Return what transforms windows of a size: SciPy, or the kernel and its vectors; they differ by rounding."""
    return f"kernel, {vectors(LANES)}" if _suits_kernel(size) else "SciPy"


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
class _Method:
    """What is done to each window, in numbers.

    Parameters
    ----------
    taper_y, taper_x : ndarray of float32, shape (y,), (x,)
        Their outer product has Euclidean norm 1.
    mean_y, mean_x : ndarray of complex64, shape (frequency_y,), (column,)
        Their outer product is the half-plane spectrum of a constant 1.
    level : float
        Of that, the value at zero frequency.
    before, after, energy : ndarray of float32, shape (column,)
        Weights of amplitudes, of scaled values, and of squared amplitudes in the window's energy.
    """

    taper_y: Pixels
    taper_x: Pixels
    mean_y: npt.NDArray[np.complex64]
    mean_x: npt.NDArray[np.complex64]
    level: float
    before: Block
    after: Block
    energy: Block


@dataclass(frozen=True, eq=False)
class _Strip:
    """Pixels, the windows asked for in them and where their spectra go: -1 for a window that is not wanted."""

    pixels: Pixels
    tops: IntArray
    lefts: IntArray
    places: IntArray


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
        method = _method(grid.size, settings)
        self._work = (_by_kernel if _suits_kernel(grid.size) else _by_scipy)(method, settings)

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
        asked = wanted[piece.rows, piece.columns]
        rows, columns = np.flatnonzero(asked.any(axis=1)), np.flatnonzero(asked.any(axis=0))
        tops = self._grid.origins_y[piece.rows][rows]
        lefts = self._grid.origins_x[piece.columns][columns]
        height, width = self._grid.size
        strip = self._data[tops[0] : tops[-1] + height, lefts[0] : lefts[-1] + width]
        there = np.where(asked, places[piece.rows, piece.columns], -1)[np.ix_(rows, columns)]
        self._work(_Strip(self._scale.normalised(strip), tops - tops[0], lefts - lefts[0], there), values)


def _suits_kernel(size: Pair) -> bool:
    return kernel is not None and max(size) <= _LONGEST and all(map(_is_made_of_small_factors, size))


def _is_made_of_small_factors(length: int) -> bool:
    for factor in _FACTORS:
        while length % factor == 0:
            length //= factor
    return length == 1


def _method(size: Pair, settings: SpectraSettings) -> _Method:
    along_y, along_x = (profile(length, settings.taper) for length in size)
    along_y = along_y / (np.linalg.norm(along_y) * np.linalg.norm(along_x))
    weights = half_plane_weights(size)
    # Where the scaling allows it, amplitudes are weighted.
    early = weights ** _AMPLITUDE_WEIGHTS[settings.scaling]
    return _Method(
        taper_y=along_y.astype(np.float32),
        taper_x=along_x.astype(np.float32),
        mean_y=_without_nothing(np.fft.fft(along_y)),
        mean_x=_without_nothing(np.fft.rfft(along_x)),
        level=float(along_y.sum() * along_x.sum()),
        before=early.astype(np.float32),
        after=(np.ones_like(weights) if _AMPLITUDE_WEIGHTS[settings.scaling] else weights).astype(np.float32),
        # By Parseval's theorem.
        energy=(weights**2 / (size[0] * size[1])).astype(np.float32),
    )


def _without_nothing(transform: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex64]:
    return np.where(np.abs(transform) > _NOTHING * np.abs(transform[0]), transform, 0).astype(np.complex64)


def _by_kernel(method: _Method, settings: SpectraSettings) -> Callable[[_Strip, Block], None]:
    """Return what computes spectra by the compiled kernel."""
    weights = np.stack([method.before, method.after, method.energy])
    scaling = _NUMBERS[settings.scaling]
    options = (scaling, settings.remove_mean, settings.unit_norm, method.level, ROUNDING, LANES)

    def work(strip: _Strip, values: Block) -> None:
        tops, lefts, places = (np.ascontiguousarray(n, np.int64) for n in (strip.tops, strip.lefts, strip.places))
        kernel.spectra(
            np.ascontiguousarray(strip.pixels),
            strip.pixels.shape[1],
            tops,
            lefts,
            places,
            method.taper_y,
            method.taper_x,
            method.mean_y,
            method.mean_x,
            weights,
            values,
            *options,
        )

    return work


def _by_scipy(method: _Method, settings: SpectraSettings) -> Callable[[_Strip, Block], None]:
    """Return what computes spectra by NumPy and SciPy."""
    from scipy import fft

    width = len(method.taper_x)
    # Real and imaginary parts lie one after the other: a real taper needs no complex product, and weights cost nothing.
    taper_y = method.taper_y[:, None] * method.before.repeat(2)
    mean_rows, mean_columns = np.flatnonzero(method.mean_y), np.flatnonzero(method.mean_x)
    mean = np.outer(method.mean_y[mean_rows], (method.mean_x * method.before)[mean_columns])
    to_energy = np.tile(method.energy / method.before**2, len(method.taper_y))

    def work(strip: _Strip, values: Block) -> None:
        cut = np.lib.stride_tricks.sliding_window_view(strip.pixels, width, axis=1).transpose(1, 0, 2)
        tapered = np.empty((len(strip.lefts), len(strip.pixels), width), np.float32)
        for run in _runs(strip.lefts):  # a slice of a view copies nothing
            places_x = slice(int(strip.lefts[run.start]), int(strip.lefts[run.stop - 1]) + 1, run.step)
            np.multiply(cut[places_x], method.taper_x, out=tapered[run.start : run.stop])
        lines = fft.rfft(tapered, axis=2, workers=1).view(np.float32)
        for places, top in zip(strip.places, strip.tops, strict=True):
            chosen = np.flatnonzero(places >= 0)
            rows = slice(top, top + len(taper_y))
            own = lines[:, rows] if len(chosen) == len(lines) else lines[chosen, rows]
            first = places[chosen[0]]
            finish((own * taper_y).view(np.complex64), values[first : first + len(chosen)])

    def finish(block: npt.NDArray[np.complex64], out: Block) -> None:
        """Transform tapered lines of shape (window, y, column) along y, and scale the spectra."""
        spectra = fft.fft(block, axis=1, workers=1, overwrite_x=True)
        level = spectra[:, 0, 0].real / method.level
        if settings.remove_mean:
            spectra[np.ix_(np.arange(len(spectra)), mean_rows, mean_columns)] -= level[:, None, None] * mean
            spectra[:, 0, 0] = 0
        np.abs(spectra, out=out.reshape(spectra.shape))
        if settings.remove_mean:
            contrast = np.sqrt((out * out) @ to_energy)
            out[contrast <= ROUNDING * np.maximum(np.abs(level), 1)] = 0
        _SCALINGS[settings.scaling](out)
        if not _AMPLITUDE_WEIGHTS[settings.scaling]:
            out.reshape(spectra.shape)[...] *= method.after
        if settings.unit_norm:
            norms = np.sqrt(np.einsum("ij,ij->i", out, out))[:, None]
            out /= np.where(norms > 0, norms, np.float32(1))

    return work


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
