"""Parts: one region of a map in, its parts out where its spectra fall into groups that meet abruptly.

Ridges of abruptness cannot divide structures that are uneven in themselves, such as random textures,
cells or brush strokes: spectra change as much within as between them. Groups of spectra can.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from fftscape.compute.brightness import same_but_brightness
from fftscape.compute.clouds import Cloud, apart, contrast
from fftscape.compute.evidence import Evidence, Field
from fftscape.compute.executors import for_each
from fftscape.compute.groups import grouped
from fftscape.compute.territories import thickness
from fftscape.model.arrays import BoolArray, IntArray

# Parts looked for in one region at a time; parts are looked at again.
_PART_NUMBERS = (4, 3, 2)
_MOST_REGIONS = 16
# Points from which groups are learned, at most, and at least.
_ENOUGH_POINTS = 2000
_FEWEST_POINTS = 16
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
        self._known: dict[tuple[bytes, int], npt.NDArray[np.int8]] = {}

    def look_in(self, regions: Iterable[BoolArray], counts: tuple[int, ...]) -> None:
        """Put the places of each region, no two of which are the same, into each of these numbers of groups at once."""

        def look(asked: tuple[BoolArray, int]) -> None:
            self.of(*asked)

        for_each(look, ((inside, count) for inside in regions for count in counts))

    def of(self, inside: BoolArray, count: int) -> npt.NDArray[np.int8]:
        """Put the places of a region into so many groups 0, 1, ...; -1 outside."""
        key = inside.tobytes(), count
        if key not in self._known:
            self._known[key] = self._found(inside, count)
        return self._known[key]

    def _found(self, inside: BoolArray, count: int) -> npt.NDArray[np.int8]:
        points, known = self._field.values[inside], self._field.values[inside & self._field.valid]
        groups = np.full(inside.shape, -1, np.int8)
        if len(known) >= _FEWEST_POINTS:
            groups[inside] = grouped(points, known[:: -(-len(known) // _ENOUGH_POINTS)], count, self._seed)
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
    if len(waiting) < _MOST_REGIONS:  # most regions are in one piece, for which each number of parts is asked for
        groups.look_in((labels == region for region in waiting), _PART_NUMBERS)
    while waiting and labels.max() + 1 < _MOST_REGIONS:
        region = waiting.pop()
        for count in _PART_NUMBERS:
            parts = groups.of(labels == region, count)
            if _are_structures(evidence, parts, separation, least_contrast, half_width):
                labels[parts > 0] = labels.max() + parts[parts > 0]
                waiting += [region, *range(int(labels.max()) + 2 - count, int(labels.max()) + 1)]
                break
    return labels


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
