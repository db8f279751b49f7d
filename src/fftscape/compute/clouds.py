"""Clouds of points: scores of the windows in two regions in, how far apart they are and how abruptly out."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from fftscape.compute.territories import Span, deep_inside
from fftscape.model.arrays import BoolArray, FloatArray

# Points whose medians are as good as those of more.
_ENOUGH_POINTS = 5000
# The least spread that is believed, in units of the typical noise.
_LEAST_SPREAD = 0.5
# On either side of a boundary, so far from it, windows hold nothing of the other side and are still near. In windows.
_BESIDE = (0.4, 1.1)
# So few windows beside a boundary say nothing.
_FEWEST = 3


class Cloud:
    """Points, with the median of each coordinate.

    Parameters
    ----------
    points : ndarray, shape (point, direction)
        In units of noise; of very many an even part stands for all.
    """

    def __init__(self, points: FloatArray) -> None:
        self.points = points[:: max(1, -(-len(points) // _ENOUGH_POINTS))]

    @cached_property
    def median(self) -> FloatArray:
        """Its middle, shape (direction,): a cloud may hold some points that belong elsewhere."""
        return np.asarray(np.median(self.points, axis=0))


def apart(one: Cloud, other: Cloud) -> float:
    """Measure the distance of two clouds in units of the sum of their spreads along the line between them.

    Parameters
    ----------
    one, other : Cloud
        Of points in the same units.

    Returns
    -------
    float
        From median to median; 0 where the clouds coincide.

    Examples
    --------
    >>> apart(Cloud(np.array([[-1.0], [0.0], [1.0]])), Cloud(np.array([[5.0], [6.0], [7.0]]))).__round__(2)
    2.02
    """
    line, distance = _line(one, other)
    return distance / (_spread(one.points @ line) + _spread(other.points @ line))


def contrast(values: FloatArray, one: BoolArray, other: BoolArray, span: Span, valid: BoolArray) -> float:
    """Measure how much scores change across the boundary of two regions, in units of their spreads.

    Where scores change slowly all over, two regions may lie far apart, but at their boundary hardly anything
    changes; where a texture is uneven, much changes, but no more at the boundary than elsewhere.

    Parameters
    ----------
    values : ndarray, shape (y, x, direction)
        In units of noise.
    one, other : ndarray of bool, shape (y, x)
        The regions.
    span : tuple of int
        Places per window, (y, x).
    valid : ndarray of bool, shape (y, x)
        Places that speak for anything.

    Returns
    -------
    float
        Change of the median score, along the line between the regions' medians, over about one and a half
        windows across the boundary, divided by the sum of the regions' spreads along that line; infinity
        where the regions do not touch, and 0 where they do but only in a gap, which shows nothing.
    """
    clouds = [Cloud(values[deep_inside(region, span, valid)]) for region in (one, other)]
    if not all(len(cloud.points) for cloud in clouds):
        return 0.0
    line, _ = _line(*clouds)
    beside = _beside(one, other, span), _beside(other, one, span)
    if min(map(np.count_nonzero, beside)) < _FEWEST:
        return float("inf")
    beside = beside[0] & valid, beside[1] & valid
    if min(map(np.count_nonzero, beside)) < _FEWEST:
        return 0.0
    here, there = (float(np.median(values[places] @ line)) for places in beside)
    return (there - here) / sum(_spread(cloud.points @ line) for cloud in clouds)


def _line(one: Cloud, other: Cloud) -> tuple[FloatArray, float]:
    """Return the direction from one median to the other, and how far it is."""
    way = other.median - one.median
    length = float(np.linalg.norm(way))
    return (way / length if length else way), length


def _spread(values: FloatArray) -> float:
    deviation = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return max(deviation, _LEAST_SPREAD)


def _beside(region: BoolArray, other: BoolArray, span: Span) -> BoolArray:
    """Choose the places of a region that lie next to the other one."""
    from scipy.ndimage import distance_transform_edt

    distance = distance_transform_edt(~other, sampling=(1 / span[0], 1 / span[1]))
    return np.asarray(region & (distance > _BESIDE[0]) & (distance < _BESIDE[1]))
