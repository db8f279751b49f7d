"""Spots of a spectrum: what they must stand out of, and where they lie between the points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import BoolArray, FloatArray, IntArray

# Rings on either side that count for the level at a radius: enough pixels that six spots stay a minority.
_NEIGHBOURS = 2
_MAD_TO_SIGMA = 1.4826
# Spots closer to zero than this (in frequency steps) have fewer than two periods in a window.
_SMALLEST_RADIUS = 2.0
# A spot has come down to its surroundings this many steps away: the lobe of a tapered wave is two steps wide.
_VALLEY = (2, 3, 4)
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
# Points in a dip do not stand out: surroundings count as at least this part of what is usual on the ring.
_LEAST_LEVEL = 0.5
# The scatter counts as at least this part of the strongest value: clean images have empty rings.
_LEAST_SPREAD = 2e-3


@dataclass(frozen=True, eq=False)
class Spots:
    """Spots of one spectrum, highest first; opposite spots are one entry.

    Parameters
    ----------
    y, x : ndarray of float64, shape (spot,)
        Position relative to zero frequency, in frequency steps.
    height : ndarray of float64, shape (spot,)
        Height above the surroundings.
    significance : ndarray of float64, shape (spot,)
        The same in units of the surroundings' scatter.
    crowding : ndarray of float64, shape (spot,)
        How far the deepest point between the spot and its surroundings in the worst direction is
        filled: 0 for a spot of its own, towards 1 for one that hardly parts from its neighbour.
    """

    y: FloatArray
    x: FloatArray
    height: FloatArray
    significance: FloatArray
    crowding: FloatArray


def find_spots(spectrum: FloatArray, *, least_significance: float) -> Spots:
    """Find the maxima of a spectrum that stand out of their surroundings in every direction.

    Parameters
    ----------
    spectrum : ndarray, shape (frequency_y, frequency_x)
        Non-negative and point-symmetric, zero frequency at index ``size // 2``.
    least_significance : float
        What counts as a spot.

    Returns
    -------
    Spots
        Empty where nothing stands out.

    Notes
    -----
    In the direction in which a maximum stands out least, its surroundings are the mean of the
    valleys on both sides, so that points on a ridge (the streak of scan-line noise) or a slope (the
    rise towards zero) do not count. The scatter of a spectrum is proportional to its level; their
    ratio is measured ring by ring. Positions are vertices of parabolas through logarithms.

    Examples
    --------
    >>> y, x = np.mgrid[-16:16, -20:20]
    >>> wave = np.exp(-((y - 5.2) ** 2) - (x - 3) ** 2) + np.exp(-((y + 5.2) ** 2) - (x + 3) ** 2)
    >>> spots = find_spots(wave + 0.001, least_significance=6)
    >>> spots.y.round(2).tolist(), spots.x.round(2).tolist()
    ([5.2], [3.0])
    """
    strongest = float(spectrum.max())
    if strongest <= 0:
        return Spots(*(np.empty(0) for _ in range(5)))
    spectrum = spectrum.astype(np.float64)
    background = radial_background(spectrum)
    surroundings = _surroundings(spectrum)
    height = spectrum - surroundings
    relative_spread = np.median(background.spread / np.maximum(background.level, _LEAST_SPREAD * strongest))
    scatter = relative_spread * np.maximum(surroundings, _LEAST_LEVEL * background.level)
    significance = height / np.maximum(scatter, _LEAST_SPREAD * strongest)
    y, x = np.nonzero(local_maxima(spectrum) & (significance >= least_significance) & _one_of_each_pair(spectrum.shape))
    order = np.argsort(-height[y, x], kind="stable")
    y, x = y[order], x[order]
    offset_y, offset_x = (_vertex_offset(spectrum, y, x, axis=axis) for axis in (0, 1))
    usual = background.level[y, x]
    crowding = np.clip((surroundings[y, x] - usual) / (spectrum[y, x] - usual), 0, 1)
    return Spots(
        y - spectrum.shape[0] // 2 + offset_y,
        x - spectrum.shape[1] // 2 + offset_x,
        height[y, x],
        significance[y, x],
        crowding,
    )


@dataclass(frozen=True, eq=False)
class RadialBackground:
    """Level and scatter of a spectrum at each of its points.

    Parameters
    ----------
    level : ndarray, shape (frequency_y, frequency_x)
        Median over rings of about the same spatial frequency.
    spread : ndarray, shape (frequency_y, frequency_x)
        Standard deviation over those rings, from the median absolute deviation.
    """

    level: FloatArray
    spread: FloatArray


def radial_background(spectrum: FloatArray) -> RadialBackground:
    """Measure level and scatter of a spectrum ring by ring.

    Parameters
    ----------
    spectrum : ndarray, shape (frequency_y, frequency_x)
        Zero frequency at index ``size // 2``; rings are circles in cycles per pixel.

    Returns
    -------
    RadialBackground
        Robust: spots that fill less than half of a ring do not matter.

    Examples
    --------
    >>> background = radial_background(np.ones((16, 12)))
    >>> float(background.level.min()), float(background.spread.max())
    (1.0, 0.0)
    """
    height, width = spectrum.shape
    y = (np.arange(height) - height // 2) / height
    x = (np.arange(width) - width // 2) / width
    ring = np.rint(np.hypot(y[:, None], x[None, :]) * min(height, width)).astype(np.intp).ravel()
    order = np.argsort(ring, kind="stable")
    starts = np.searchsorted(ring[order], np.arange(ring.max() + 2))
    values = spectrum.ravel()[order]
    level, spread = np.empty(ring.max() + 1), np.empty(ring.max() + 1)
    for radius in range(len(level)):
        near = values[starts[max(radius - _NEIGHBOURS, 0)] : starts[min(radius + _NEIGHBOURS + 1, len(level))]]
        level[radius] = _median(near)
        spread[radius] = _MAD_TO_SIGMA * _median(np.abs(near - level[radius]))
    return RadialBackground(level[ring].reshape(spectrum.shape), spread[ring].reshape(spectrum.shape))


def _median(values: FloatArray) -> float:
    """Return what `numpy.median` does, which takes ten times as long for a few hundred values."""
    low, high = (len(values) - 1) // 2, len(values) // 2
    values = np.partition(values, (low, high))
    return float((values[low] + values[high]) / 2)


def local_maxima(spectrum: FloatArray) -> npt.NDArray[np.bool_]:
    """Mark points that are higher than their eight neighbours; a spectrum continues around its edges.

    Parameters
    ----------
    spectrum : ndarray, shape (frequency_y, frequency_x)
        Any spectrum.

    Returns
    -------
    ndarray of bool, shape (frequency_y, frequency_x)
        True at maxima; of equal neighbours the later one in memory counts.

    Examples
    --------
    >>> spectrum = np.zeros((5, 6)); spectrum[2, 4] = 1
    >>> np.argwhere(local_maxima(spectrum)).tolist()
    [[2, 4]]
    """
    highest = np.ones(spectrum.shape, bool)
    around = _going_on(spectrum, 1)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if (dy, dx) < (0, 0):
                highest &= spectrum > around(dy, dx)
            elif (dy, dx) > (0, 0):
                highest &= spectrum >= around(dy, dx)
    return highest


def _going_on(spectrum: FloatArray, reach: int) -> Callable[[int, int], FloatArray]:
    """Return what gives the values so many points before each one, (y, x), in a spectrum that goes on at its edges."""
    height, width = spectrum.shape
    padded = np.pad(spectrum, reach, mode="wrap")

    def shifted(dy: int, dx: int) -> FloatArray:
        return padded[reach - dy : reach - dy + height, reach - dx : reach - dx + width]

    return shifted


def _one_of_each_pair(shape: tuple[int, ...]) -> BoolArray:
    """Mark one of each pair of opposite frequencies, without those too close to zero."""
    y = np.arange(shape[0])[:, None] - shape[0] // 2
    x = np.arange(shape[1])[None, :] - shape[1] // 2
    chosen = (x > 0) | ((x == 0) & (y < 0))
    if shape[1] % 2 == 0:  # the column at the edge stands for both signs of its frequency
        chosen |= (x == -(shape[1] // 2)) & (y <= 0)
    return np.asarray(chosen & (np.hypot(y, x) >= _SMALLEST_RADIUS))


def _surroundings(spectrum: FloatArray) -> FloatArray:
    """Level around each point: the mean of the valleys on both sides, in the direction where it is highest."""
    highest = np.full(spectrum.shape, -np.inf)
    around = _going_on(spectrum, max(_VALLEY))
    for dy, dx in _DIRECTIONS:
        before, after = (
            reduce(np.minimum, (around(sign * k * dy, sign * k * dx) for k in _VALLEY)) for sign in (1, -1)
        )
        np.maximum(highest, (before + after) / 2, out=highest)
    return highest


def _vertex_offset(spectrum: FloatArray, y: IntArray, x: IntArray, *, axis: int) -> FloatArray:
    """Return how far maxima lie from their grid points along one axis, in steps; at most a half."""
    floor = 1e-6 * float(spectrum.max())
    step = (1, 0) if axis == 0 else (0, 1)
    before, here, after = (
        np.log(
            np.maximum(spectrum[(y + k * step[0]) % spectrum.shape[0], (x + k * step[1]) % spectrum.shape[1]], floor)
        )
        for k in (-1, 0, 1)
    )
    curvature = before - 2 * here + after
    offset = np.divide(before - after, 2 * curvature, out=np.zeros_like(here), where=curvature < 0)
    return np.asarray(np.clip(offset, -0.5, 0.5))
