"""Where the structures are and how many: spectra of a regular survey in, `Regions` out.

Spectra are reduced to their few leading directions in units of noise. Where they change abruptly,
within a window's length, is a boundary; basins between boundaries are regions, and regions whose
spectra cannot be told apart, or only by their brightness, are one structure. A region that is
uneven in itself is divided where its spectra fall into groups.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fftscape.compute.basins import Relief, in_order
from fftscape.compute.blocks import sample_of
from fftscape.compute.brightness import same_but_brightness
from fftscape.compute.clouds import Cloud, apart
from fftscape.compute.evidence import Evidence, Field, gathered, is_enough
from fftscape.compute.parts import Groups, subdivided
from fftscape.compute.territories import local_distances, thickness, within_reach, without_gaps
from fftscape.model.arrays import BoolArray, FloatArray, IntArray
from fftscape.model.records import Regions, Spectra
from fftscape.model.settings import RegionSettings

# Blank windows take no part unless all are blank: so many tell.
_A_FEW = 16
# Part of the windows that surely lies in no boundary, and how far above its level unevenness is ignored.
_QUIET = 0.15
_QUIET_FLOOR = 0.8
# A basin narrower than this (in windows, half width) is the seam of two boundaries.
_NARROWEST_BASIN = 0.55
# The thresholds are varied by these factors to see how firm the number is.
_VARIED = (0.8, 1.0, 1.25)
# Side of the blocks, in windows, that are held out to see how stable a structure is.
_BLOCK = 2
# More spread inside a structure than this, in units of noise, is a continuous change.
_CONTINUOUS = 3.0


def evidence_in(
    survey: Spectra, n_directions: int, settings: RegionSettings, start: FloatArray | None = None
) -> Evidence | None:
    """Gather what tells of structures.

    Parameters
    ----------
    survey : Spectra
        Spectra of windows in regular steps of about a quarter of a window, scaled by default
        settings.
    n_directions : int
        Number of directions in which spectra differ by more than noise does. A few more are
        looked at in any case: what many neighbouring windows share may show nowhere else.
    settings : RegionSettings
        With the seed.
    start : ndarray, shape (direction, feature), optional
        Directions in which some of these spectra, divided by their mean, differ most.

    Returns
    -------
    Evidence or None
        None where there is nothing to see, or too little to tell.
    """
    if _is_blank(survey) or not is_enough(survey):
        return None
    return gathered(survey, n_directions, settings.seed, start)


def find_regions(survey: Spectra, evidence: Evidence | None, settings: RegionSettings) -> Regions:
    """Find the structures, how many they are and where.

    Parameters
    ----------
    survey : Spectra
        See `evidence_in`.
    evidence : Evidence or None
        What was found in the survey.
    settings : RegionSettings
        Thresholds.

    Returns
    -------
    Regions
        Structures in falling order of area.

    Notes
    -----
    See ``docs/method.md``. In short: (1) leading principal components of flattened spectra in
    units of noise, which is estimated from pairs of windows half a window apart; (2) abruptness,
    the change of these scores across one window; (3) a watershed of the abruptness, simplified by
    persistence; (4) regions joined whose scores overlap; (5) regions joined that differ only in
    how far the same spectrum stands above white noise; (6) structures nowhere wider than a window
    are boundaries and go up in their neighbours; (7) regions divided whose spectra fall into
    groups that meet abruptly.
    """
    if evidence is None:
        return _undivided(survey, confidence=1.0 if _is_blank(survey) else None)
    valid = survey.grid.valid
    trials = _trials(evidence, settings)
    labels = _by_area(trials[len(trials) // 2], valid)
    numbers = [int(division.max()) + 1 for division in trials]
    n = int(labels.max()) + 1
    others = sorted({number for number in numbers if number != n})
    variation = _variation(evidence.field, labels)
    return Regions(
        labels=np.where(valid, labels, -1).astype(np.int16),
        abruptness=evidence.abruptness.astype(np.float32),
        core=_cores(evidence.field, labels),
        stability=_stability(evidence.field, labels),
        variation=variation,
        confidence=numbers.count(n) / len(numbers),
        alternatives=tuple(others),
        continuous=tuple(int(index) for index in np.flatnonzero(variation > _CONTINUOUS)),
    )


def _is_blank(survey: Spectra) -> bool:
    return not survey.rows(sample_of(survey, _A_FEW)).any()


def _by_area(labels: IntArray, valid: BoolArray) -> IntArray:
    """Give regions numbers in falling order of their valid windows, of which one may have none."""
    order = np.argsort(-np.bincount(labels[valid], minlength=int(labels.max()) + 1), kind="stable")
    return np.asarray(np.argsort(order)[labels])


def _undivided(survey: Spectra, confidence: float | None) -> Regions:
    shape = survey.grid.shape
    return Regions(
        labels=np.where(survey.grid.valid, 0, -1).astype(np.int16),
        abruptness=np.zeros(shape, np.float32),
        core=survey.grid.valid,
        stability=np.full(1, np.nan if confidence is None else 1.0),
        variation=np.full(1, np.nan if confidence is None else 0.0),
        confidence=confidence,
        alternatives=(),
        continuous=(),
    )


def _trials(evidence: Evidence, settings: RegionSettings) -> list[IntArray]:
    """Divide the survey into structures with varied thresholds; the middle trial has them as they are."""
    groups = Groups(evidence.field, settings.seed)
    known: dict[tuple[bytes, float], IntArray] = {}
    divided: dict[bytes, list[IntArray]] = {}
    trials = []
    relief = Relief(_relief(evidence.abruptness, evidence.field.valid))
    for ridge in _VARIED:
        basins = _basins(evidence.field, relief.basins(1 + (settings.ridge - 1) * ridge))
        if basins.tobytes() not in divided:
            divided[basins.tobytes()] = _ridge_divided(evidence, settings, basins)
        for factor, labels in zip(_VARIED, divided[basins.tobytes()], strict=True):
            key = labels.tobytes(), factor
            if key not in known:
                known[key] = _uneven_divided(evidence, labels, groups, settings, factor)
            trials.append(known[key])
    return trials


def _basins(field: Field, basins: IntArray) -> IntArray:
    """Leave out gaps, and basins that are seams of two boundaries."""
    return _without_narrow(in_order(without_gaps(basins, field.valid)), field.span, _NARROWEST_BASIN)


def _ridge_divided(evidence: Evidence, settings: RegionSettings, basins: IntArray) -> list[IntArray]:
    """Join the basins that are one structure, with each varied separation."""
    field, narrowest = evidence.field, settings.narrowest / 2
    known: dict[bytes, IntArray] = {}
    divisions = []
    for labels in _alike_joined(field, basins, [settings.separation * factor for factor in _VARIED]):
        key = labels.tobytes()
        if key not in known:
            wide = _without_narrow(_brightness_joined(evidence, labels), field.span, narrowest)
            known[key] = _without_narrow(_reassigned(field, wide), field.span, narrowest)
        divisions.append(known[key])
    return divisions


def _uneven_divided(
    evidence: Evidence, labels: IntArray, groups: Groups, settings: RegionSettings, factor: float
) -> IntArray:
    """Divide regions further that are uneven in themselves, with the thresholds varied by a factor."""
    field, separation, narrowest = evidence.field, settings.separation * factor, settings.narrowest / 2
    divided = subdivided(
        evidence,
        labels,
        groups,
        separation=separation,
        least_contrast=settings.contrast * factor,
        half_width=narrowest,
    )
    if divided.max() == labels.max():
        return labels
    (joined,) = _alike_joined(field, in_order(divided), [separation])
    return _without_narrow(_reassigned(field, joined), field.span, narrowest)


def _relief(abruptness: FloatArray, valid: BoolArray) -> FloatArray:
    """Take the level of noise out of the abruptness, and leave a floor so that ratios mean something."""
    quiet = np.quantile(abruptness[valid], _QUIET)
    return np.sqrt(np.maximum(abruptness**2 - quiet**2, 0) + (_QUIET_FLOOR * quiet + 1e-9) ** 2)


def _without_narrow(labels: IntArray, span: tuple[int, int], half_width: float) -> IntArray:
    """Give regions that are nowhere wide enough to the nearest of the others."""
    widths = [thickness(labels == index, span) for index in range(int(labels.max()) + 1)]
    wide = np.array(widths) > half_width
    if wide.all():
        return labels
    if not wide.any():
        return np.zeros_like(labels)
    return in_order(without_gaps(labels, wide[labels]))


def _alike_joined(field: Field, labels: IntArray, separations: list[float]) -> list[IntArray]:
    """Join the two most alike regions until the scores of any two stand apart: by so much, and on by more and more."""
    members = [[index] for index in range(int(labels.max()) + 1)]
    points = [field.values[inside] for inside in field.inside_each(labels)]
    clouds = [Cloud(own) for own in points]
    table = np.full((len(points), len(points)), np.inf)
    for i in range(len(points)):
        for j in range(i):
            table[i, j] = apart(clouds[i], clouds[j])
    results: list[IntArray] = []
    while len(results) < len(separations):
        i, j = divmod(int(np.argmin(table)), len(table))
        if table[i, j] > separations[len(results)]:
            results.append(_grouped(labels, members))
            continue
        points[j] = np.concatenate([points[j], points[i]])
        clouds[j] = Cloud(points[j])
        members[j] += members[i]
        del points[i], clouds[i], members[i]
        table = np.delete(np.delete(table, i, axis=0), i, axis=1)
        for other in range(len(points)):
            if other != j:
                table[max(j, other), min(j, other)] = apart(clouds[j], clouds[other])
    return results


def _grouped(labels: IntArray, members: list[list[int]]) -> IntArray:
    """Give each region the number of the group it is a member of."""
    joined = np.zeros(int(labels.max()) + 1, int)
    for index, group in enumerate(members):
        joined[group] = index
    return in_order(joined[labels])


def _brightness_joined(evidence: Evidence, labels: IntArray) -> IntArray:
    """Join regions whose spectra differ only by how far they stand above white noise."""
    if labels.max() == 0:
        return labels
    examples = evidence.examples(evidence.field.inside_each(labels))
    joined = same_but_brightness(examples, evidence.spectra.grid.size, evidence.embed)
    return in_order(joined[labels])


def _reassigned(field: Field, labels: IntArray) -> IntArray:
    """Give each window to the structure near it whose scores around there it is closest to."""
    count = int(labels.max()) + 1
    for _ in range(2):
        if count == 1:
            return labels
        distances = local_distances(field.values, field.inside_each(labels), field.span)
        near = within_reach(labels, count, field.span)
        better = without_gaps(np.where(near, distances, 4 * distances).argmin(axis=0), field.valid)
        if len(np.unique(better)) < count:
            return labels
        labels = better
    return labels


def _cores(field: Field, labels: IntArray) -> BoolArray:
    return np.asarray(np.logical_or.reduce(field.inside_each(labels)))


def _variation(field: Field, labels: IntArray) -> npt.NDArray[np.float64]:
    """Largest spread of the scores deep inside each structure, in units of noise."""
    spreads = []
    for inside in field.inside_each(labels):
        points = field.values[inside]
        spreads.append(
            float(np.sqrt(np.linalg.eigvalsh(np.atleast_2d(np.cov(points.T)))[-1]))
            if len(points) > points.shape[1]
            else 0.0
        )
    return np.array(spreads)


def _stability(field: Field, labels: IntArray) -> npt.NDArray[np.float64]:
    """Part of each structure's windows that is recognised from the other blocks of a chessboard alone.

    Windows of a structure that the other blocks do not show at all say nothing.
    """
    y, x = np.indices(labels.shape)
    colour = (y // (_BLOCK * field.span[0]) + x // (_BLOCK * field.span[1])) % 2
    inside = field.inside_each(labels)
    right, judged = np.zeros(len(inside)), np.zeros(len(inside))
    for held_out in (0, 1):
        seen = [chosen & (colour != held_out) for chosen in inside]
        known = [index for index, chosen in enumerate(seen) if chosen.any()]
        if not known:
            continue
        distances = local_distances(field.values, [seen[index] for index in known], field.span)
        nearest = np.array(known)[distances.argmin(axis=0)]
        for index in known:
            held = inside[index] & (colour == held_out)
            right[index] += np.sum(nearest[held] == index)
            judged[index] += held.sum()
    return np.asarray(np.divide(right, judged, out=np.full(len(inside), np.nan), where=judged > 0))
