"""Parts: one region of a map in, its parts out where its spectra fall into groups that meet abruptly.

Ridges of abruptness cannot divide structures that are uneven in themselves, such as random textures,
cells or brush strokes: spectra change as much within as between them. Groups of spectra can.
"""

from __future__ import annotations

import numpy as np

from fftscape.compute.brightness import same_but_brightness
from fftscape.compute.clouds import Cloud, apart, contrast
from fftscape.compute.evidence import Evidence, Field
from fftscape.compute.territories import thickness
from fftscape.model.arrays import BoolArray, FloatArray, IntArray

# Parts looked for in one region at a time; parts are looked at again.
_PART_NUMBERS = (4, 3, 2)
_MOST_REGIONS = 16
# Points from which groups are learned, at most, and at least.
_ENOUGH_POINTS = 2000
_FEWEST_POINTS = 16
_STARTS = 4
_ROUNDS = 20
# Of several boundaries, one may have so much less contrast if half of them have all of it.
_WEAKEST = 0.8


class Groups:
    """Groups of similar scores in parts of a field, each search made once: thresholds have no part in it.

    Parameters
    ----------
    field : Field
        Scores.
    seed : int
        Seed of the searches.
    """

    def __init__(self, field: Field, seed: int) -> None:
        self._field, self._seed = field, seed
        self._known: dict[tuple[bytes, int], IntArray] = {}

    def of(self, inside: BoolArray, count: int) -> IntArray:
        """Put the places of a region into so many groups 0, 1, ...; -1 outside."""
        key = inside.tobytes(), count
        if key not in self._known:
            self._known[key] = self._found(inside, count)
        return self._known[key]

    def _found(self, inside: BoolArray, count: int) -> IntArray:
        points, known = self._field.values[inside], self._field.values[inside & self._field.valid]
        groups = np.full(inside.shape, -1)
        if len(known) >= _FEWEST_POINTS:
            centres = _centres(known[:: -(-len(known) // _ENOUGH_POINTS)], count, self._seed)
            groups[inside] = _nearest(points.T, centres[None])[0][0]
        return groups


def subdivided(
    evidence: Evidence, labels: IntArray, groups: Groups, *, separation: float, least_contrast: float, half_width: float
) -> IntArray:
    """Divide regions whose spectra fall into groups.

    Parameters
    ----------
    evidence : Evidence
        Scores of the survey's windows.
    labels : ndarray of int, shape (y, x)
        Regions 0, 1, ...
    groups : Groups
        Of the evidence's field.
    separation : float
        Distance of any two parts' scores, at least, in units of the sum of their spreads.
    least_contrast : float
        Change of the scores across the boundary of any two parts, at least, in the same units.
    half_width : float
        In windows; a part must be wider somewhere.

    Returns
    -------
    ndarray of int, shape (y, x)
        Regions 0, 1, ..., the undivided ones and first parts with their old numbers.

    Notes
    -----
    Groups are those of k-means in the space of scores. Any slow change, such as the bending of a
    lattice, can be cut into groups, too, and so can noise; but their boundaries have little contrast.
    Not more than 16 regions are made.
    """
    # Without a direction that stands above the noise there is nothing to fall into groups.
    waiting = list(range(int(labels.max()) + 1)) if evidence.n_directions else []
    labels = labels.copy()
    while waiting and labels.max() + 1 < _MOST_REGIONS:
        region = waiting.pop()
        for count in _PART_NUMBERS:
            parts = groups.of(labels == region, count)
            if _are_structures(evidence, parts, separation, least_contrast, half_width):
                labels[parts > 0] = labels.max() + parts[parts > 0]
                waiting += [region, *range(int(labels.max()) + 2 - count, int(labels.max()) + 1)]
                break
    return labels


def _centres(points: FloatArray, count: int, seed: int) -> FloatArray:
    """Return the centres of the groups with the least squared distances of a few trials (k-means)."""
    random = np.random.default_rng(seed)
    if not np.ptp(points, axis=0).any():
        return points[:1]
    columns = np.ascontiguousarray(points.T)
    trials = _settled(points, columns, np.array([_spread_start(points, count, random) for _ in range(_STARTS)]))
    if not len(trials):
        return points[:1]
    return np.asarray(trials[_nearest(columns, trials)[1].sum(axis=1).argmin()])


def _settled(points: FloatArray, columns: FloatArray, trials: FloatArray) -> FloatArray:
    """Move centres to the middle of the points that are nearest to them, until they stay.

    `trials` has shape (trial, centre, dimension): calls cost more than the few numbers of one of them. A trial of which
    a centre loses all its points is left out.
    """
    count = trials.shape[1]
    moving = np.arange(len(trials))
    lost = np.zeros(len(trials), bool)
    for _ in range(_ROUNDS):
        nearest, _ = _nearest(columns, trials[moving])
        members = nearest[:, None] == np.arange(count)[:, None]
        sizes = members.sum(axis=2)
        full = sizes.all(axis=1)
        lost[moving[~full]] = True
        moving, members, sizes = moving[full], members[full], sizes[full]
        moved = (members.reshape(-1, len(points)) @ points).reshape(len(moving), *trials.shape[1:]) / sizes[:, :, None]
        stays = (moved == trials[moving]).all(axis=(1, 2))
        trials[moving] = moved
        moving = moving[~stays]
        if not len(moving):
            break
    return trials[~lost]


def _spread_start(points: FloatArray, count: int, random: np.random.Generator) -> FloatArray:
    """Draw points that lie far apart (k-means++, Arthur and Vassilvitskii, SODA 2007)."""
    chosen = [int(random.integers(len(points)))]
    distances = np.full(len(points), np.inf)
    while len(chosen) < count:
        distances = np.minimum(distances, np.sum((points - points[chosen[-1]]) ** 2, axis=1))
        total = np.cumsum(distances)
        chosen.append(int(np.searchsorted(total, random.random() * total[-1], side="right").clip(max=len(points) - 1)))
    return np.asarray(points[chosen])


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


def _are_structures(
    evidence: Evidence, parts: IntArray, separation: float, least_contrast: float, half_width: float
) -> bool:
    """Tell whether all parts are wide enough, stand apart, meet abruptly and differ by more than brightness."""
    field = evidence.field
    count = int(parts.max()) + 1
    places = [parts == index for index in range(count)]
    if count < 2 or any(thickness(place, field.span) <= half_width for place in places):
        return False
    insides = field.inside_each(parts)
    if not all(inside.any() for inside in insides):
        return False
    pairs = [(i, j) for i in range(count) for j in range(i)]
    clouds = [Cloud(field.values[inside]) for inside in insides]
    if any(apart(clouds[i], clouds[j]) < separation for i, j in pairs):
        return False
    contrasts = [contrast(field.values, places[i], places[j], field.span, field.valid) for i, j in pairs]
    if np.isinf(contrasts).all() or min(contrasts) < _WEAKEST * least_contrast or np.median(contrasts) < least_contrast:
        return False
    same = same_but_brightness(evidence.examples(insides), evidence.spectra.grid.size, evidence.embed)
    return len(set(same.tolist())) == count
