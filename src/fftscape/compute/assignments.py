"""Assignments: how far the windows of a grid are from each component; in, the same at other places out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fftscape.compute.kernel import LANES, kernel
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
    position = _positions(places, centres)
    values = np.asarray(values, np.float32)
    out = np.empty((*values.shape[:-2], len(places), values.shape[-1]), np.float32)
    for start in range(0, len(places), _AT_A_TIME):
        own = position[start : start + _AT_A_TIME]
        near = slice(int(own[0]), min(int(own[-1]) + 2, len(centres)))
        # With the few centres around them a product is several times as fast as picking two for each place.
        weights = np.maximum(1 - np.abs(own[:, None] - np.arange(near.start, near.stop)), 0)
        np.matmul(weights.astype(np.float32), values[..., near, :], out=out[..., start : start + _AT_A_TIME, :])
    return out


def nearest(
    lines: npt.NDArray[np.float32], centres: FloatArray, places: FloatArray
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float32]]:
    """Return which component is nearest, between lines on which distances are known.

    A compiled kernel (``kernel``) forgets each distance as soon as it is compared; where that could not be built, NumPy
    does it map by map.

    Parameters
    ----------
    lines : ndarray of float32, shape (component, centre, column)
        Non-negative distances, see `across`.
    centres : ndarray of float, shape (centre,)
        Rising.
    places : ndarray of float, shape (place,)
        Rising, in the same units.

    Returns
    -------
    ndarray of int16, shape (place, column)
        The nearest component; of equally near ones the first.
    ndarray of float32, shape (place, column)
        How much farther the second one is, as a part of the sum of both distances: 1 where a component is alone.

    Examples
    --------
    >>> lines = np.array([[[0.0], [4.0]], [[4.0], [0.0]]], np.float32)
    >>> labels, margin = nearest(lines, np.array([0.0, 4.0]), np.array([0.0, 1.0, 3.0]))
    >>> labels.ravel().tolist(), margin.ravel().tolist()
    ([0, 0, 1], [1.0, 0.5, 0.5])
    """
    count, _, width = lines.shape
    if kernel is None or count == 1 or width < LANES:
        return _nearest(interpolated(lines, centres, places))
    labels, margin = np.empty((len(places), width), np.int16), np.empty((len(places), width), np.float32)
    kernel.nearest(
        np.ascontiguousarray(lines, np.float32), count, width, _positions(places, centres), labels, margin, LANES
    )
    return labels, margin


def _nearest(distances: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float32]]:
    if len(distances) == 1:
        return np.zeros(distances.shape[1:], np.int16), np.ones(distances.shape[1:], np.float32)
    first, other = distances[:2]
    labels = (other < first).astype(np.int16)
    best, second = np.minimum(first, other), np.maximum(first, other)
    for index, distance in enumerate(distances[2:], 2):
        np.copyto(labels, np.int16(index), where=distance < best)
        np.minimum(second, np.maximum(best, distance), out=second)
        np.minimum(best, distance, out=best)
    return labels, (second - best) / np.maximum(second + best, np.float32(1e-12))


def _positions(places: FloatArray, centres: FloatArray) -> FloatArray:
    """Return places counted in centres, none beyond the outermost ones."""
    return np.interp(places, centres, np.arange(len(centres)))
