"""Groups: points in, groups of similar ones out (k-means).

The search is done by a compiled kernel (``kernel``) or, where that could not be built, by NumPy.
"""

from __future__ import annotations

import numpy as np

from fftscape.compute.kernel import LANES, kernel
from fftscape.model.arrays import FloatArray, IntArray

_STARTS = 4
_ROUNDS = 20


def grouped(points: FloatArray, known: FloatArray, count: int, seed: int) -> IntArray:
    """Put points into groups.

    Parameters
    ----------
    points : ndarray of float64, shape (point, dimension)
        What to group.
    known : ndarray of float64, shape (other, dimension)
        Points like these, from which the groups are learned.
    count : int
        How many groups to look for; of points that are all the same there is one.
    seed : int
        Seed of the starts, of which the one with the least squared distances counts.

    Returns
    -------
    ndarray of int, shape (point,)
        Group 0, 1, ... of each point.

    Notes
    -----
    k-means (Lloyd, IEEE Trans. Inf. Theory 28, 129, 1982) from starts that lie far apart (k-means++, Arthur and
    Vassilvitskii, SODA 2007).

    Examples
    --------
    >>> points = np.array([[0.0], [5.0], [0.1], [5.1]])
    >>> groups = grouped(points, points, 2, seed=0)
    >>> bool(groups[0] == groups[2] != groups[1] == groups[3])
    True
    """
    nearest, _ = _nearest(points.T, _centres(known, count, seed)[None])
    return np.asarray(nearest[0])


def _centres(points: FloatArray, count: int, seed: int) -> FloatArray:
    """Return the centres of the groups with the least squared distances of a few trials (k-means)."""
    random = np.random.default_rng(seed)
    if not np.ptp(points, axis=0).any():
        return points[:1]
    columns = np.ascontiguousarray(points.T)
    trials = _settled(columns, _spread_starts(columns, count, random))
    if not len(trials):
        return points[:1]
    return np.asarray(trials[_nearest(columns, trials)[1].sum(axis=1).argmin()])


def _settled(columns: FloatArray, trials: FloatArray) -> FloatArray:
    """Move centres to the middle of the points that are nearest to them, until they stay.

    `trials` has shape (trial, centre, dimension). A trial of which a centre loses all its points is left out.
    """
    count, dimension = trials.shape[1:]
    if kernel is not None:
        kernel.settle(columns, dimension, trials, count, _ROUNDS, LANES)
        return trials[~np.isnan(trials[:, 0, 0])]
    # All trials at a time: calls cost more than the few numbers of one of them.
    moving = np.arange(len(trials))
    lost = np.zeros(len(trials), bool)
    for _ in range(_ROUNDS):
        nearest, _ = _nearest(columns, trials[moving])
        members = nearest[:, None] == np.arange(count)[:, None]
        sizes = members.sum(axis=2)
        full = sizes.all(axis=1)
        lost[moving[~full]] = True
        moving, members, sizes = moving[full], members[full], sizes[full]
        moved = (members @ columns.T) / sizes[:, :, None]
        stays = (moved == trials[moving]).all(axis=(1, 2))
        trials[moving] = moved
        moving = moving[~stays]
        if not len(moving):
            break
    return trials[~lost]


def _spread_starts(columns: FloatArray, count: int, random: np.random.Generator) -> FloatArray:
    """Draw points that lie far apart, several times; shape (trial, centre, dimension)."""
    first, draws = np.empty(_STARTS, int), np.empty((_STARTS, count - 1))
    for trial in range(_STARTS):
        first[trial], draws[trial] = random.integers(columns.shape[1]), random.random(count - 1)
    chosen = [first]
    distances = np.full((_STARTS, columns.shape[1]), np.inf)
    for draw in draws.T:
        away = columns - columns[:, chosen[-1]].T[..., None]
        distances = np.minimum(distances, np.sum(away**2, axis=1))
        total = np.cumsum(distances, axis=1)
        places = [np.searchsorted(*sums, side="right") for sums in zip(total, draw * total[:, -1], strict=True)]
        chosen.append(np.minimum(places, columns.shape[1] - 1))
    return np.ascontiguousarray(columns[:, np.array(chosen).T].transpose(1, 2, 0))


def _nearest(columns: FloatArray, trials: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return each point's nearest centre in each trial, and its squared distance less the point's own square.

    Both of shape (trial, point); `columns` is of shape (dimension, point).
    """
    count, size, dimension = trials.shape
    distances = (np.sum(trials**2, axis=2).reshape(-1, 1) - 2 * (trials.reshape(-1, dimension) @ columns)).reshape(
        count, size, -1
    )
    nearest, least = np.zeros((count, columns.shape[1]), np.intp), distances[:, 0].copy()
    # NumPy's own search along any axis but the last one takes several times as long.
    for centre in range(1, size):
        nearest[distances[:, centre] < least] = centre
        np.minimum(least, distances[:, centre], out=least)
    return nearest, least
