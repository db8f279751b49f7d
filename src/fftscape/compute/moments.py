"""Moments: pixels in, the mean and the mean square of small cells and larger neighbourhoods out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.compute.executors import for_each
from fftscape.compute.pixels import Scale, are_all
from fftscape.model.arrays import BoolArray, FloatArray
from fftscape.model.records import WindowGrid

# Rows of pixels that are measured at a time.
_ROWS = 64


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and mean square of the pixels around places.

    Parameters
    ----------
    grid : WindowGrid
        The places; cells that hold pixels without data are not valid.
    mean, square : ndarray of float32, shape (y, x)
        In units of the image's spread.
    """

    grid: WindowGrid
    mean: FloatArray
    square: FloatArray

    def smoothed(self, sigma: tuple[float, float]) -> Moments:
        """Return means around each place with a Gaussian weight, sigma in pixels (y, x)."""
        from scipy.ndimage import gaussian_filter

        steps = [length / cell for length, cell in zip(sigma, self.grid.size, strict=True)]
        mean, square = (gaussian_filter(values, steps, mode="nearest") for values in (self.mean, self.square))
        return replace(self, mean=mean, square=square)

    def over(self, windows: WindowGrid) -> Moments:
        """Return means over larger windows, those of the cells that lie in them."""
        from scipy.ndimage import uniform_filter

        size = [max(1, round(length / cell)) for length, cell in zip(windows.size, self.grid.size, strict=True)]
        rows = _nearest(self.grid.centres_y, windows.centres_y)
        columns = _nearest(self.grid.centres_x, windows.centres_x)
        mean, square = (
            uniform_filter(values, size, mode="nearest")[np.ix_(rows, columns)] for values in (self.mean, self.square)
        )
        return Moments(windows, mean, square)

    def about(self, level: FloatArray) -> FloatArray:
        """Return the mean squared distance from a level, shape (y, x), never negative."""
        return np.asarray(np.maximum(self.square - 2 * level * self.mean + level**2, 0))


def cell_moments(
    pixels: npt.NDArray[Any], scale: Scale, usable: BoolArray, cell: tuple[int, int], part: tuple[slice, slice]
) -> Moments:
    """Measure the cells in a part of an image.

    Parameters
    ----------
    pixels : ndarray, shape (y, x)
        The image.
    scale : Scale
        Its scale.
    usable : ndarray of bool, shape (y, x)
        False for pixels without data.
    cell : tuple of int
        In pixels, (y, x), at most the part's.
    part : tuple of slice
        Rows and columns.

    Returns
    -------
    Moments
        Of cells side by side, centred in the part.

    Examples
    --------
    >>> pixels = np.array([[1.0, 3.0, 5.0, 5.0]])
    >>> found = cell_moments(pixels, Scale(0.0, 1.0), pixels > 0, (1, 2), (slice(0, 1), slice(0, 4)))
    >>> found.mean.tolist(), found.square.tolist()
    ([[2.0, 5.0]], [[5.0, 25.0]])
    """
    origins = [_side_by_side(along, step) for along, step in zip(part, cell, strict=True)]
    columns = slice(int(origins[1][0]), int(origins[1][-1]) + cell[1])
    mean, square = np.empty((2, len(origins[0]), len(origins[1])), np.float32)
    all_known = are_all(usable)
    known = np.full(mean.shape, all_known)

    def measure(own: slice) -> None:
        rows = slice(int(origins[0][own][0]), int(origins[0][own][-1]) + cell[0])
        shape = -1, cell[0], len(origins[1]), cell[1]
        values = scale.normalised(pixels[rows, columns]).reshape(shape)
        mean[own] = values.mean(axis=(1, 3))
        square[own] = np.einsum("yixj,yixj->yx", values, values) / np.float32(cell[0] * cell[1])
        if not all_known:
            known[own] = usable[rows, columns].reshape(shape).all(axis=(1, 3))

    at_once = max(1, _ROWS // cell[0])
    for_each(measure, [slice(start, start + at_once) for start in range(0, len(mean), at_once)])
    return Moments(WindowGrid(cell, cell, origins[0], origins[1], pixels.shape[:2], known), mean, square)


def _side_by_side(part: slice, step: int) -> npt.NDArray[np.intp]:
    length = part.stop - part.start
    return np.arange(part.start + length % step // 2, part.stop - step + 1, step, dtype=np.intp)


def _nearest(centres: FloatArray, wanted: FloatArray) -> npt.NDArray[np.intp]:
    steps = np.interp(wanted, centres, np.arange(len(centres)))
    return np.asarray(np.rint(steps), np.intp)
