"""Scan lines: an image and the spectra of its survey in, spectra that hold nothing of the noise of lines out.

A scanning microscope writes line after line, and each line has an offset of its own: the tip jumps, the
sample drifts. Such noise lies on one axis of the spectra, where it differs from one band of lines to
the next as structures do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fftscape.compute.executors import ordered
from fftscape.compute.half_plane import half_plane_weights
from fftscape.compute.pixels import Scale, scale_of
from fftscape.compute.tapers import profile
from fftscape.compute.whitening import ROUNDING
from fftscape.model.arrays import BoolArray, FloatArray, IntArray
from fftscape.model.mapped import release
from fftscape.model.records import LocalSpectra, Spectra, WindowGrid
from fftscape.model.settings import Backend, SpectraSettings

Lines = Literal["rows", "columns"]

# Offsets of lines count where they hold nearly as much power on their axis as all else beside it.
_STRENGTH = 0.7
# Frequencies along the lines that lie beside the axis but are not reached by it through the taper.
_BESIDE = (3, 6)
# Slower changes across the lines than this part of the fastest, or than so many steps, are uneven light.
_SLOW, _SLOWEST = 0.25, 3
# A lattice along the axis is the same in all windows, too, but at few frequencies: the lower third knows nothing of it.
_EVERYWHERE = 1 / 3
# A lattice without any noise has hardly any power beside it; so small a part of its own is the taper's leakage.
_LEAKAGE = 1e-2
# Of a window's energy, well above what rounding makes of an image without any noise.
_ROUNDING = 1e-12
# So few neighbours say nothing.
_FEWEST_PAIRS = 6
_TINY = 1e-30


def noisy_lines(data: npt.NDArray[Any], grid: WindowGrid, scale: Scale | None = None) -> tuple[Lines, ...]:
    """Tell whether rows or columns of an image have offsets of their own.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Pixel values of any real dtype.
    grid : WindowGrid
        Windows at regular steps; those side by side are looked at.
    scale : Scale, optional
        Of the whole image, where it is known.

    Returns
    -------
    tuple of {'rows', 'columns'}
        Lines with noise.

    Notes
    -----
    An offset goes through the whole line: at zero frequency along the line, neighbouring windows have the same
    transform, phases and all, whatever the frequency across the lines. Textures have phases of their own in every
    window; a lattice has the same ones everywhere, but at few frequencies, and an edge along the lines at all of them,
    but in few windows. So what neighbours have in common, divided by the power of what lies beside the axis, counts
    where two thirds of the frequencies and half of the windows above one another have it. Both ways to lie are treated
    alike, so that an image and the same one turned have the same answer.
    """
    if min(grid.size) < 2 * _BESIDE[1]:
        return ()
    rows, columns = (
        _strength(lines) >= _STRENGTH for lines in _axes(data, grid, scale or scale_of(data, centred=True))
    )
    return (*(("rows",) if rows else ()), *(("columns",) if columns else ()))


@dataclass(frozen=True, eq=False, repr=False)
class QuietSpectra:
    """Spectra of which those axes on which offsets of lines lie hold what lies beside them.

    Parameters
    ----------
    noisy : Spectra
        Of unit norm.
    lines : tuple of {'rows', 'columns'}
        Which have offsets.
    """

    noisy: Spectra
    lines: tuple[Lines, ...]

    @property
    def grid(self) -> WindowGrid:
        """Where the windows lie."""
        return self.noisy.grid

    @property
    def settings(self) -> SpectraSettings:
        """How the values are made."""
        return self.noisy.settings

    @property
    def shape(self) -> tuple[int, int]:
        """Number of valid windows and of features."""
        return self.noisy.shape

    def rows(self, chosen: slice | IntArray) -> npt.NDArray[np.float32]:
        """Return the spectra of some windows, of unit norm again, shape (window, feature)."""
        return _quiet(self.noisy.rows(chosen), self.grid.size, self.lines)

    @property
    def backend(self) -> Backend:
        """NumPy: they are changed in this process."""
        return "numpy"

    def device_rows(self, chosen: slice | IntArray) -> Any:
        """Return the same as `rows`."""
        return self.rows(chosen)

    def on(self, grid: WindowGrid) -> QuietSpectra:
        """Return the same spectra of the same windows under another name of their grid."""
        return replace(self, noisy=self.noisy.on(grid))


def without_lines(spectra: Spectra, lines: tuple[Lines, ...]) -> Spectra:
    """Put what lies beside the axes on which offsets of lines lie in their place.

    Parameters
    ----------
    spectra : Spectra
        Of unit norm.
    lines : tuple of {'rows', 'columns'}
        Which have offsets.

    Returns
    -------
    Spectra
        Of unit norm again; in memory if they were.
    """
    if not lines:
        return spectra
    if isinstance(spectra, LocalSpectra):
        return replace(spectra, values=_quiet(spectra.values, spectra.grid.size, lines))
    return QuietSpectra(spectra, lines)


def _quiet(values: npt.NDArray[np.float32], size: tuple[int, int], lines: tuple[Lines, ...]) -> npt.NDArray[np.float32]:
    height, width = size
    weights = half_plane_weights(size).astype(np.float32)
    # Where lines are all there is, the unit norm must not be given to rounding.
    values = np.where(values < ROUNDING["sqrt"] * values.max(axis=1, keepdims=True), 0, values)
    plane = values.reshape(-1, height, width // 2 + 1) / weights
    if "rows" in lines:
        beside = plane[:, :, 2:4].mean(axis=2)
        plane[:, :, 1] = beside
        # The axis is its own mirror image.
        plane[:, :, 0] = (beside + beside[:, -np.arange(height)]) / 2
    if "columns" in lines:
        above, below = plane[:, 2:4].mean(axis=1), plane[:, -3:-1].mean(axis=1)
        plane[:, 1], plane[:, -1], plane[:, 0] = above, below, (above + below) / 2
    plane[:, 0, 0] = 0
    quiet = (plane * weights).reshape(values.shape)
    norms = np.linalg.norm(quiet, axis=1, keepdims=True)
    return np.asarray(quiet / np.where(norms > 0, norms, 1), np.float32)


_Row = tuple[npt.NDArray[np.complex128], FloatArray]


@dataclass(frozen=True, eq=False)
class _Axis:
    """Of windows side by side: transforms at zero frequency along the lines, and the power beside that axis."""

    transforms: npt.NDArray[np.complex128]
    beside: FloatArray
    valid: BoolArray


def _axes(data: npt.NDArray[Any], grid: WindowGrid, scale: Scale) -> tuple[_Axis, _Axis]:
    """Transform windows that hardly overlap along rows and along columns, one row of windows at a time."""
    rows, columns = (np.arange(0, length, span) for length, span in zip(grid.shape, grid.span, strict=True))
    valid = grid.valid[np.ix_(rows, columns)]
    height, width = grid.size
    found: tuple[list[_Row], list[_Row]] = ([], [])

    def work(index: int) -> tuple[_Row, _Row]:
        top = grid.origins_y[rows[index]]
        pixels = scale.normalised(data[top : top + height])
        blocks = _blocks(pixels, width, np.where(valid[index], grid.origins_x[columns], -1))
        release(data)
        rounding = _ROUNDING * np.einsum("ynx,ynx->n", blocks, blocks)
        along_rows = (blocks.reshape(-1, width) @ _waves(width)).view(np.complex64)
        along_columns = (blocks.reshape(height, -1).T @ _waves(height)).view(np.complex64)
        return (
            _on_axis(along_rows.reshape(height, len(columns), -1).swapaxes(0, 1), rounding),
            _on_axis(along_columns.reshape(len(columns), width, -1), rounding),
        )

    for own in ordered(work, range(len(rows))):
        for parts, part in zip(found, own, strict=True):
            parts.append(part)
    (rows_axis, rows_beside), (columns_axis, columns_beside) = (
        (np.stack([axis for axis, _ in parts]), np.stack([beside for _, beside in parts])) for parts in found
    )
    along_columns = _Axis(columns_axis.swapaxes(0, 1), columns_beside.swapaxes(0, 1), valid.T)
    return _Axis(rows_axis, rows_beside, valid), along_columns


def _blocks(pixels: npt.NDArray[np.float32], width: int, lefts: IntArray) -> npt.NDArray[np.float32]:
    """Cut windows out of their rows of pixels, shape (y, window, x), near their means; 0 where `lefts` is negative."""
    blocks = np.stack([pixels[:, left : left + width] for left in np.maximum(lefts, 0)], axis=1)
    # A constant shows at none of the frequencies looked at, but would cost digits.
    blocks -= blocks[len(blocks) // 2].mean(axis=1, keepdims=True)
    blocks[:, lefts < 0] = 0
    return blocks


@lru_cache(maxsize=4)
def _waves(length: int) -> npt.NDArray[np.float32]:
    """Return what turns a tapered line into its transform at the few frequencies looked at: a product is faster.

    Shape (place, 2 * frequency), real parts and imaginary ones side by side.
    """
    phase = 2 * np.pi * np.outer(np.arange(length), [0, *range(*_BESIDE)]) / length
    waves: npt.NDArray[np.complex64] = (profile(length, "hann")[:, None] * np.exp(-1j * phase)).astype(np.complex64)
    waves.flags.writeable = False  # all callers share it
    return waves.view(np.float32)


def _on_axis(
    along: npt.NDArray[np.complex64], rounding: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.complex128], FloatArray]:
    """Return transforms on the axis and mean power beside it, both of shape (window, frequency across the lines).

    `along` are transforms along the lines, shape (window, line, frequency), on the axis first; power that is less than
    each window's `rounding` may be nothing else.
    """
    length = along.shape[1]
    across = np.arange(max(_SLOWEST, round(_SLOW * length / 2)), length // 2)
    fade = profile(length, "hann").astype(np.float32)[:, None]
    transforms = np.fft.fft(along * fade, axis=1)
    # Both signs of the frequency across the lines, since a texture may lean to one side.
    beside = transforms[:, [across, -across], 1:]
    power = np.mean(beside.real**2 + beside.imag**2, axis=(1, 3), dtype=np.float64)
    return transforms[:, across, 0].astype(np.complex128), np.maximum(power, rounding[:, None])


def _strength(lines: _Axis) -> float:
    """Power that the rows' offsets have on their axis, in units of what lies beside it."""
    levels = lines.beside.mean(axis=2, keepdims=True)
    valid = lines.valid & (levels[..., 0] > 0)
    pairs = valid[:, 1:] & valid[:, :-1]
    if np.count_nonzero(pairs) < _FEWEST_PAIRS:
        return 0.0
    # Each window in units of its own level, so that a bright thing does not speak for all.
    axis = lines.transforms / np.sqrt(np.maximum(levels, _TINY))
    common = np.real(axis[:, 1:] * axis[:, :-1].conj())
    rows = [common[row][chosen].mean(axis=0) for row, chosen in enumerate(pairs) if chosen.any()]
    near = (lines.beside / np.maximum(levels, _TINY))[valid].mean(axis=0)
    near = np.maximum(near, _LEAKAGE * np.median(np.abs(axis[valid]) ** 2, axis=0).max())
    return float(np.quantile(np.median(rows, axis=0) / near, _EVERYWHERE))
