"""Territories: regions of a map in, their thickness, insides and reach out; lengths in windows."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import BoolArray, FloatArray, IntArray

Span = tuple[int, int]
Scalar = TypeVar("Scalar", bound=np.generic)

# Deep inside is so far from the border, in windows, or so far relative to the deepest place.
_DEPTH = 0.7
_RELATIVE_DEPTH = 0.6
# Means are taken around a place with this Gaussian sigma, in windows, so that slow changes do no harm.
_NEIGHBOURHOOD = 1.5
_BOXES = 3
# Weight of the mean over everywhere, which decides only far from a region.
_FAR_WEIGHT = 0.02
# A region may grow so far, in windows.
_REACH = 0.75


def depth(inside: BoolArray, span: Span) -> FloatArray:
    """Return how far each place lies inside a region.

    Parameters
    ----------
    inside : ndarray of bool, shape (y, x)
        The region, which is taken to go on beyond the edges of the map.
    span : tuple of int
        Places per window, (y, x).

    Returns
    -------
    ndarray of float64, shape (y, x)
        Distance to the border in windows; 0 outside, infinity where the region is everything.

    Examples
    --------
    >>> depth(np.array([[True, True, True, False]]), (1, 2)).tolist()
    [[1.25, 0.75, 0.25, 0.0]]
    """
    from scipy.ndimage import distance_transform_edt

    if inside.all():
        return np.full(inside.shape, np.inf)
    pad = (2 * span[0], 2 * span[1])
    beyond = np.pad(inside, ((pad[0],) * 2, (pad[1],) * 2), mode="edge")
    # The border lies half a step outside the last place.
    distance = distance_transform_edt(beyond, sampling=(1 / span[0], 1 / span[1])) - 0.5 / max(span)
    return np.asarray(np.maximum(distance, 0)[pad[0] : -pad[0], pad[1] : -pad[1]])


def thickness(inside: BoolArray, span: Span) -> float:
    """Return the largest depth of a region, half the width of its widest place; parameters as in `depth`."""
    return float(depth(inside, span).max()) if inside.any() else 0.0


def deep_inside(inside: BoolArray, span: Span, valid: BoolArray | None = None) -> BoolArray:
    """Choose the places of a region that lie well away from its border.

    Parameters
    ----------
    inside : ndarray of bool, shape (y, x)
        The region, which is taken to go on beyond the edges of the map.
    span : tuple of int
        Places per window, (y, x).
    valid : ndarray of bool, shape (y, x), optional
        Places that may be chosen; all where left out.

    Returns
    -------
    ndarray of bool, shape (y, x)
        At least one place of each region that has any to choose from.

    Examples
    --------
    >>> deep_inside(np.array([[True, True, True, False]]), (1, 2)).tolist()
    [[True, True, False, False]]
    """
    depths = depth(inside, span)
    inside = inside if valid is None else inside & valid
    return np.asarray(inside & (depths >= min(_DEPTH, _RELATIVE_DEPTH * float(depths.max(where=inside, initial=0)))))


def within_reach(labels: IntArray, count: int, span: Span, reach: float = _REACH) -> BoolArray:
    """Tell which regions each place may belong to.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x)
        Region of each place.
    count : int
        Number of regions.
    span : tuple of int
        Places per window, (y, x).
    reach : float
        In windows.

    Returns
    -------
    ndarray of bool, shape (region, y, x)
        Whether the region is so near.
    """
    from scipy.ndimage import distance_transform_edt

    sampling = (1 / span[0], 1 / span[1])
    return np.stack([distance_transform_edt(labels != index, sampling=sampling) <= reach for index in range(count)])


def without_gaps(values: npt.NDArray[Scalar], valid: BoolArray) -> npt.NDArray[Scalar]:
    """Give places without a value that of the nearest place with one.

    Parameters
    ----------
    values : ndarray, shape (y, x, ...)
        Anything on a map.
    valid : ndarray of bool, shape (y, x)
        Where there is a value.

    Returns
    -------
    ndarray, shape (y, x, ...)
        Values everywhere.

    Examples
    --------
    >>> without_gaps(np.array([[1.0, 0.0, 3.0, 0.0]]), np.array([[True, False, True, False]])).tolist()
    [[1.0, 1.0, 3.0, 3.0]]
    """
    from scipy.ndimage import distance_transform_edt

    if valid.all():
        return values
    nearest = distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return np.asarray(values[nearest[0], nearest[1]])


def local_distances(values: FloatArray, insides: list[BoolArray], span: Span) -> FloatArray:
    """Return the squared distance of each place to each region's mean in the neighbourhood.

    Parameters
    ----------
    values : ndarray, shape (y, x, direction)
        Coordinates in units of noise.
    insides : list of ndarray of bool, shape (y, x)
        Places that speak for each region.
    span : tuple of int
        Places per window, (y, x).

    Returns
    -------
    ndarray of float64, shape (region, y, x)
        Smaller is more alike.
    """
    distances = []
    for inside in insides:
        # The last one of these maps counts the places.
        summed = np.concatenate([values * inside[..., None], inside[..., None]], axis=-1)
        nearby = _smoothed(summed, (_NEIGHBOURHOOD * span[0], _NEIGHBOURHOOD * span[1]))
        centre = (nearby[..., :-1] + _FAR_WEIGHT * values[inside].mean(axis=0)) / (nearby[..., -1:] + _FAR_WEIGHT)
        distances.append(np.sum((values - centre) ** 2, axis=-1))
    return np.array(distances)


def _smoothed(values: FloatArray, sigma: tuple[float, float]) -> FloatArray:
    """Smooth maps of shape (y, x, map), nothing beyond their edges, by a few boxes, which a wide Gaussian comes to."""
    from scipy.ndimage import uniform_filter1d

    for axis in (0, 1):
        # The variance of a box of odd width w is (w^2 - 1) / 12.
        width = 2 * round((np.sqrt(12 * sigma[axis] ** 2 / _BOXES + 1) - 1) / 2) + 1
        for _ in range(_BOXES):
            values = uniform_filter1d(values, width, axis=axis, mode="constant")
    return values
