"""Assignments: how far the windows of a grid are from each component; in, the same at other places out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import FloatArray
from fftscape.model.records import WindowGrid

# Places that are interpolated to together.
_AT_A_TIME = 64


@dataclass(frozen=True, eq=False)
class Assignment:
    """How far each window is from each component.

    Parameters
    ----------
    grid : WindowGrid
        The windows.
    distances : ndarray of float, shape (component, window_y, window_x)
        Non-negative; the nearest component is the window's own.
    resolution : tuple of int, optional
        Size in pixels, (y, x), of the windows on which it rests, where these are not the grid's.
    """

    grid: WindowGrid
    distances: FloatArray
    resolution: tuple[int, int] | None = None

    @property
    def window(self) -> tuple[int, int]:
        """Size in pixels, (y, x), of the windows on which it rests."""
        return self.resolution or self.grid.size


def resampled(assignment: Assignment, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Interpolate distances bilinearly to other places.

    Parameters
    ----------
    assignment : Assignment
        Distances on a grid of windows.
    rows, columns : ndarray of float
        Rising places in pixels.

    Returns
    -------
    ndarray of float32, shape (component, row, column)
        Constant beyond the outermost window centres.
    """
    return interpolated(across(assignment, columns), assignment.grid.centres_y, rows)


def across(assignment: Assignment, columns: FloatArray) -> npt.NDArray[np.float32]:
    """Interpolate distances along x only; parameters as in `resampled`, shape (component, window_y, column)."""
    turned = interpolated(assignment.distances.swapaxes(1, 2), assignment.grid.centres_x, columns)
    return np.ascontiguousarray(turned.swapaxes(1, 2))


def coarse_span(assignment: Assignment, grid: WindowGrid) -> tuple[int, int]:
    """Return how many steps of a finer grid a window of the coarser scale is long, (y, x), at least 1."""
    coarse = assignment.grid.size
    return max(1, round(coarse[0] / grid.step[0])), max(1, round(coarse[1] / grid.step[1]))


def interpolated(values: FloatArray, centres: FloatArray, places: FloatArray) -> npt.NDArray[np.float32]:
    """Interpolate linearly along the last axis but one.

    Parameters
    ----------
    values : ndarray, shape (..., centre, other)
        What is known at the centres; finite.
    centres : ndarray of float, shape (centre,)
        Rising.
    places : ndarray of float, shape (place,)
        Rising, in the same units.

    Returns
    -------
    ndarray of float32, shape (..., place, other)
        Constant beyond the outermost centres.

    Examples
    --------
    >>> interpolated(np.array([[0.0], [4.0]]), np.array([1.0, 3.0]), np.array([0.0, 1.5, 9.0])).ravel().tolist()
    [0.0, 1.0, 4.0]
    """
    position = np.interp(places, centres, np.arange(len(centres)))
    values = np.asarray(values, np.float32)
    out = np.empty((*values.shape[:-2], len(places), values.shape[-1]), np.float32)
    for start in range(0, len(places), _AT_A_TIME):
        own = position[start : start + _AT_A_TIME]
        near = slice(int(own[0]), min(int(own[-1]) + 2, len(centres)))
        # With the few centres around them a product is several times as fast as picking two for each place.
        weights = np.maximum(1 - np.abs(own[:, None] - np.arange(near.start, near.stop)), 0)
        np.matmul(weights.astype(np.float32), values[..., near, :], out=out[..., start : start + _AT_A_TIME, :])
    return out
