"""Where the structures are and how many: spectra of a regular survey in, `Regions` out.

Spectra are reduced to their few leading directions in units of noise. Where they change abruptly,
within a window's length, is a boundary; basins between boundaries are regions, and regions whose
spectra cannot be told apart, or only by their brightness, are one structure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fftscape.compute.basins import in_order, persistent_basins
from fftscape.compute.brightness import same_but_brightness
from fftscape.compute.scores import Scores, leading_scores, trimmed_covariance, whitening
from fftscape.compute.territories import deep_inside, local_distances, thickness, within_reach, without_gaps
from fftscape.model.arrays import BoolArray, FloatArray, IntArray
from fftscape.model.records import LocalSpectra, Regions, WindowGrid
from fftscape.model.settings import RegionSettings

# Directions kept beyond those that stand above the noise, and at most.
_EXTRA_DIRECTIONS = 2
_MOST_DIRECTIONS = 16
# Neighbouring windows overlap, so a light smoothing costs no resolution. In windows.
_SMOOTHING = 0.2
# Windows half a window apart share little noise under a Hann taper; at least this part of them lies in one region.
_HOMOGENEOUS = 0.5
# Images without any noise have some: rounding is no structure. In units of a whole flattened spectrum's level.
_LEAST_NOISE = 0.02
# Distance, in windows, across which a change counts as abrupt.
_ACROSS = 1.0
# The least noise that is believed, in units of the typical noise.
_LEAST_SPREAD = 0.5
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


class _Field(NamedTuple):
    """Scores on the survey's grid, shape (y, x, direction), in units of noise, and steps per window (y, x).

    Places without a window, where `valid` is False, have what the nearest one has, and speak for nothing.
    """

    values: FloatArray
    span: tuple[int, int]
    valid: BoolArray


@dataclass(frozen=True, eq=False)
class _Evidence:
    """All that the choice rests on and that does not depend on its thresholds."""

    field: _Field
    abruptness: FloatArray
    spectra: LocalSpectra
    embed: Callable[[FloatArray], FloatArray]


def find_regions(survey: LocalSpectra, n_directions: int, settings: RegionSettings) -> Regions:
    """Find the structures, how many they are and where.

    Parameters
    ----------
    survey : LocalSpectra
        Spectra of windows in regular steps of about a quarter of a window, scaled by default
        settings.
    n_directions : int
        Number of directions in which spectra differ by more than noise does. A few more are
        looked at in any case: what many neighbouring windows share may show nowhere else.
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
    are boundaries and go up in their neighbours.
    """
    valid = survey.grid.valid
    if not survey.values.any():
        return _undivided(survey, confidence=1.0)
    if min(survey.values.shape) < 2 * _MOST_DIRECTIONS or not _differences(valid.astype(float), survey.grid):
        return _undivided(survey, confidence=None)
    evidence = _evidence(survey, n_directions, settings.seed)
    trials = [division for ridge in _VARIED for division in _divisions(evidence, settings, ridge)]
    labels = trials[len(trials) // 2]  # that of the thresholds as they are
    order = np.argsort(-np.bincount(labels[valid]), kind="stable")
    labels = np.argsort(order)[labels]
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


def on_grid(regions: Regions, survey: WindowGrid, grid: WindowGrid) -> Regions:
    """Carry regions over to other windows of the same size.

    Parameters
    ----------
    regions : Regions
        On the survey's grid.
    survey, grid : WindowGrid
        Where they were found and where they are wanted.

    Returns
    -------
    Regions
        Each window has what the survey's nearest window has.
    """
    rows = np.abs(grid.centres_y[:, None] - survey.centres_y).argmin(axis=1)
    columns = np.abs(grid.centres_x[:, None] - survey.centres_x).argmin(axis=1)
    labels = without_gaps(regions.labels, survey.valid)[np.ix_(rows, columns)]
    return replace(
        regions,
        labels=np.where(grid.valid, labels, -1).astype(np.int16),
        core=regions.core[np.ix_(rows, columns)] & grid.valid,
        abruptness=np.where(grid.valid, regions.abruptness[np.ix_(rows, columns)], np.nan).astype(np.float32),
    )


def mean_spectra(spectra: LocalSpectra, regions: Regions) -> FloatArray:
    """Average the spectra of the windows that lie well inside each structure.

    Parameters
    ----------
    spectra : LocalSpectra
        Values of shape (n_valid, feature).
    regions : Regions
        On the grid of the spectra.

    Returns
    -------
    ndarray of float64, shape (structure, feature)
        Mean over all windows of a structure where none lies well inside, and of all windows where
        the grid is so coarse that it has none at all.
    """
    valid = spectra.grid.valid
    labels, core = regions.labels[valid], regions.core[valid]
    means = []
    for index in range(regions.n_structures):
        chosen = (labels == index) & core
        for fallback in (labels == index, np.ones_like(core)):
            chosen = chosen if chosen.any() else fallback
        means.append(chosen.astype(np.float32) @ spectra.values / chosen.sum())
    return np.array(means, np.float64)


def agreement(regions: Regions, loadings: FloatArray, grid: WindowGrid) -> float:
    """Tell how far maps agree with regions.

    Parameters
    ----------
    regions : Regions
        On the grid.
    loadings : ndarray, shape (n_valid, structure)
        Weights of unit-norm factors.
    grid : WindowGrid
        The windows.

    Returns
    -------
    float
        Smallest part, over the structures, of the windows well inside one that load its own component most.
    """
    labels, core = regions.labels[grid.valid], regions.core[grid.valid]
    strongest = loadings.argmax(axis=1)
    parts = [np.mean(strongest[core & (labels == index)] == index) for index in np.unique(labels[core])]
    return float(min(parts, default=1.0))


def _undivided(survey: LocalSpectra, confidence: float | None) -> Regions:
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


def _evidence(survey: LocalSpectra, n_directions: int, seed: int) -> _Evidence:
    scores = leading_scores(survey.values, min(max(n_directions, 1) + _EXTRA_DIRECTIONS, _MOST_DIRECTIONS), seed=seed)
    field, to_noise_units = _field(scores, survey)
    return _Evidence(
        field, _abruptness(field), survey, embed=lambda spectra: np.asarray(scores.of(spectra) @ to_noise_units)
    )


def _field(scores: Scores, survey: LocalSpectra) -> tuple[_Field, FloatArray]:
    """Lay scores out as a map, scale them to units of noise and smooth them lightly."""
    from scipy.ndimage import gaussian_filter

    grid, span = survey.grid, survey.grid.span
    values = without_gaps(np.moveaxis(grid.to_map(scores.values), 0, -1).astype(np.float64), grid.valid)
    # Each direction for itself: scan lines differ along y only, and half of all pairs would show nothing of it.
    pairs = _differences(values, grid)
    noise = np.mean([trimmed_covariance(along, _HOMOGENEOUS, least=_LEAST_NOISE) / 2 for along in pairs], axis=0)
    to_noise_units = whitening(noise)
    smooth = gaussian_filter(values @ to_noise_units, (_SMOOTHING * span[0], _SMOOTHING * span[1], 0), mode="nearest")
    return _Field(smooth, span, grid.valid), to_noise_units


def _differences(values: FloatArray, grid: WindowGrid) -> list[FloatArray]:
    """Return differences of scores half a window apart along y and along x, as far as there are enough."""
    half_y, half_x = (max(1, steps // 2) for steps in grid.span)
    valid = grid.valid
    along_y = (values[half_y:] - values[:-half_y])[valid[half_y:] & valid[:-half_y]]
    along_x = (values[:, half_x:] - values[:, :-half_x])[valid[:, half_x:] & valid[:, :-half_x]]
    return [along for along in (along_y, along_x) if len(along) > _MOST_DIRECTIONS]


def _abruptness(field: _Field) -> FloatArray:
    """Return how much scores change across each place, from about 3/8 of a window before to as far behind."""
    total = sum(_squared_change(field.values, field.span[axis], axis) for axis in (0, 1))
    return np.asarray(np.sqrt(total))


def _squared_change(values: FloatArray, span: int, axis: int) -> FloatArray:
    """Return the squared change across each place along an axis; next to the map's edges that of the last full way."""
    values = np.moveaxis(values, axis, 0)
    size = len(values)
    reach = min(max(1, round(_ACROSS * span)), size - 1)
    # An odd distance has its middle between two places: both ways to lie around this one count.
    change = np.zeros(values.shape[:-1])
    for before in (reach // 2, reach - reach // 2):
        first = np.clip(np.arange(size) - before, 0, size - 1 - reach)
        change += np.sum((values[first + reach] - values[first]) ** 2, axis=-1) / 2
    return np.moveaxis(change, 0, axis)


def _divisions(evidence: _Evidence, settings: RegionSettings, ridge: float) -> list[IntArray]:
    """Divide the survey into structures, with the height of ridges varied by a factor and each varied separation."""
    field, narrowest = evidence.field, settings.narrowest / 2
    basins = persistent_basins(_relief(evidence.abruptness, field.valid), 1 + (settings.ridge - 1) * ridge)
    basins = _without_narrow(in_order(without_gaps(basins, field.valid)), field.span, _NARROWEST_BASIN)
    divisions = []
    for labels in _alike_joined(field, basins, [settings.separation * factor for factor in _VARIED]):
        wide = _without_narrow(_brightness_joined(evidence, labels), field.span, narrowest)
        divisions.append(_without_narrow(_reassigned(field, wide), field.span, narrowest))
    return divisions


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


def _alike_joined(field: _Field, labels: IntArray, separations: list[float]) -> list[IntArray]:
    """Join the two most alike regions until the scores of any two stand apart: by so much, and on by more and more."""
    members = [[index] for index in range(int(labels.max()) + 1)]
    points = [field.values[inside] for inside in _inside_each(field, labels)]
    table = np.full((len(points), len(points)), np.inf)
    for i in range(len(points)):
        for j in range(i):
            table[i, j] = _apart(points[i], points[j])
    results: list[IntArray] = []
    while len(results) < len(separations):
        i, j = divmod(int(np.argmin(table)), len(table))
        if table[i, j] > separations[len(results)]:
            results.append(_grouped(labels, members))
            continue
        points[j] = np.concatenate([points[j], points[i]])
        members[j] += members[i]
        del points[i], members[i]
        table = np.delete(np.delete(table, i, axis=0), i, axis=1)
        for other in range(len(points)):
            if other != j:
                table[max(j, other), min(j, other)] = _apart(points[j], points[other])
    return results


def _grouped(labels: IntArray, members: list[list[int]]) -> IntArray:
    """Give each region the number of the group it is a member of."""
    joined = np.zeros(int(labels.max()) + 1, int)
    for index, group in enumerate(members):
        joined[group] = index
    return in_order(joined[labels])


def _apart(one: FloatArray, other: FloatArray) -> float:
    """Distance of two clouds of points in units of the sum of their spreads along the line between them.

    Medians, since a cloud may hold some points that belong elsewhere.
    """
    line = np.median(other, axis=0) - np.median(one, axis=0)
    distance = float(np.linalg.norm(line))
    if distance == 0:
        return 0.0
    return distance / sum(max(_spread(cloud @ line / distance), _LEAST_SPREAD) for cloud in (one, other))


def _spread(values: FloatArray) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _brightness_joined(evidence: _Evidence, labels: IntArray) -> IntArray:
    """Join regions whose spectra differ only by how far they stand above white noise."""
    if labels.max() == 0:
        return labels
    spectra, valid = evidence.spectra, evidence.spectra.grid.valid
    regions = [spectra.values[inside[valid]] for inside in _inside_each(evidence.field, labels)]
    joined = same_but_brightness(regions, spectra.grid.size, evidence.embed)
    return in_order(joined[labels])


def _reassigned(field: _Field, labels: IntArray) -> IntArray:
    """Give each window to the structure near it whose scores around there it is closest to."""
    count = int(labels.max()) + 1
    for _ in range(2):
        if count == 1:
            return labels
        distances = local_distances(field.values, _inside_each(field, labels), field.span)
        near = within_reach(labels, count, field.span)
        better = without_gaps(np.where(near, distances, 4 * distances).argmin(axis=0), field.valid)
        if len(np.unique(better)) < count:
            return labels
        labels = better
    return labels


def _inside_each(field: _Field, labels: IntArray) -> list[BoolArray]:
    return [deep_inside(labels == index, field.span, field.valid) for index in range(int(labels.max()) + 1)]


def _cores(field: _Field, labels: IntArray) -> BoolArray:
    return np.asarray(np.logical_or.reduce(_inside_each(field, labels)))


def _variation(field: _Field, labels: IntArray) -> npt.NDArray[np.float64]:
    """Largest spread of the scores deep inside each structure, in units of noise."""
    spreads = []
    for inside in _inside_each(field, labels):
        points = field.values[inside]
        spreads.append(
            float(np.sqrt(np.linalg.eigvalsh(np.cov(points.T))[-1])) if len(points) > points.shape[1] else 0.0
        )
    return np.array(spreads)


def _stability(field: _Field, labels: IntArray) -> npt.NDArray[np.float64]:
    """Part of each structure's windows that is recognised from the other blocks of a chessboard alone.

    Windows of a structure that the other blocks do not show at all say nothing.
    """
    y, x = np.indices(labels.shape)
    colour = (y // (_BLOCK * field.span[0]) + x // (_BLOCK * field.span[1])) % 2
    inside = _inside_each(field, labels)
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
