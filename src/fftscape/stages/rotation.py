"""Structures that lie in the image in several orientations: which components are one structure turned, and by how much.

Spectra of components in, `Turns` out; spectra of windows and references in, `Orientation` out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeVar

import numpy as np

from fftscape.compute.executors import ordered
from fftscape.compute.spots import find_spots
from fftscape.compute.turning import (
    N_DIRECTIONS,
    RING_STEP,
    PixelSize,
    Rings,
    correlations,
    frequency_steps,
    overlap,
    period_of,
    rings_of,
    turned,
)
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.arrays import BoolArray, FloatArray, IntArray
from fftscape.model.records import Peaks, Segmentation
from fftscape.model.rotation import Orientation, Turns
from fftscape.model.settings import Scaling

_DEGREES = 180 / N_DIRECTIONS
# What counts as the same rings, found on scenes of known truth (docs/method.md): the least correlation of what
# depends on direction, the most that radii may differ by, and the least part of its expected height that a spot
# must have in the other component.
_LEAST_SCORE = 0.85
_MOST_STRETCH = 0.03
_LEAST_HEIGHT = 0.35
# Radii are compared over this range of ratios (in rings), wide enough that other periods show themselves as such.
_STRETCHES = 8
# A spot that should stand out this much in the other component, in units of its scatter, can be missed there.
_MISSED = 8.0
_LEAST_SIGNIFICANCE = 8.0
# Weaker than this, relative to the strongest, it may be missing; beyond the strongest one's frequency, where waves too
# short for the pixels are folded back and do not turn, it may be missing unless it is much stronger.
_WEAKEST, _WEAKEST_BEYOND = 0.1, 0.3
_BEYOND = 1.1
# A spot may lie this many steps of frequency from where it is expected, where the scan was sheared.
_REACH = 1.5
# Standard uncertainty of a turn: what interpolation gets wrong (degrees), and how many points of a spectrum
# one independent value stands for.
_LEAST_UNCERTAINTY = 0.03
_POINTS_PER_VALUE = 3.0
# A smaller turn (degrees) is none.
_LEAST_TURN = 0.5


Record = TypeVar("Record", bound=AnalysisRecord)


@dataclass(frozen=True, eq=False)
class _Variants:
    """Which structure each component is, and by how many degrees it is turned against the strongest one of it."""

    structure: IntArray
    angle: FloatArray
    leads: IntArray


@dataclass(frozen=True)
class _Turn:
    angle: float
    uncertainty: float
    period: float
    score: float
    stretch: float
    same: bool


def same_rings(spectra: FloatArray, pixel_size: PixelSize, scaling: Scaling) -> Turns:
    """Tell for each pair of components whether one is the other, turned.

    Parameters
    ----------
    spectra : ndarray, shape (component, frequency_y, frequency_x)
        Mean spectra of the components' own windows, zero frequency at index ``size // 2``.
    pixel_size : tuple of float
        Height and width of a pixel, (y, x).
    scaling : {'sqrt', 'amplitude', 'log'}
        How the spectra were scaled.

    Returns
    -------
    Turns
        One row for each pair.
    """
    compared: list[FloatArray] = list(spectra) if len(spectra) > 1 else []
    rings = list(ordered(lambda spectrum: rings_of(spectrum, pixel_size, scaling), compared))
    spots = list(ordered(lambda spectrum: _spots(spectrum, pixel_size), compared))
    pairs = list(combinations(range(len(spectra)), 2))

    def compared_pair(pair: tuple[int, int]) -> _Turn:
        one, other = pair
        return _compare(rings[one], rings[other], spots[one], spots[other])

    found = list(ordered(compared_pair, pairs))
    first, second = np.array(pairs, int).reshape(-1, 2).T
    return Turns(
        first=first,
        second=second,
        **{
            name: np.array([getattr(turn, name) for turn in found])
            for name in ("angle", "uncertainty", "period", "score", "stretch", "same")
        },
    )


def said(turns: Turns) -> list[str]:
    """Say in sentences which components are one structure.

    Parameters
    ----------
    turns : Turns
        What `same_rings` found.

    Returns
    -------
    list of str
        One sentence for each component that is an earlier one, turned; components are counted from 1.
    """
    sentences, told = [], set()
    for row in np.flatnonzero(turns.same):
        # Against the first of its kind: of seven grains six sentences tell all, not the twenty-one of all pairs.
        if turns.second[row] in told:
            continue
        told.add(turns.second[row])
        pair = f"Components {turns.first[row] + 1} and {turns.second[row] + 1} are the same structure"
        angle, uncertainty, period = turns.angle[row], turns.uncertainty[row], turns.period[row]
        digits = int(np.clip(1 - np.floor(np.log10(uncertainty)), 1, 2)) if uncertainty < 1 else 0
        measured = f"{abs(angle):.{digits}f} +- {uncertainty:.{digits}f} degrees"
        if abs(angle) < max(3 * uncertainty, _LEAST_TURN):
            sentences.append(f"{pair} in the same orientation (turned by {measured}).")
            continue
        way = "counter-clockwise" if angle > 0 else "clockwise"
        known = f" (or that and any multiple of {period:g})" if period < 180 else ""
        sentences.append(f"{pair} turned {way} by {measured}{known}.")
    return sentences


def joined(record: Record, turns: Turns, orientation: Orientation) -> Record:
    """Make one component of all that are the same structure in several orientations.

    Parameters
    ----------
    record : AnalysisRecord
        A result with one component for each orientation.
    turns : Turns
        What `same_rings` found of its components.
    orientation : Orientation
        What `orientation_map` found of its windows, each against its own component.

    Returns
    -------
    AnalysisRecord
        Loadings, shares, labels and area fractions are those of all variants together, the factor is
        their mean turned into the orientation of the strongest one, in which the spots were
        measured; angles are counted from it.
    """
    variants = _variants(turns, record.shares)
    count = len(variants.leads)
    member = variants.structure == np.arange(count)[:, None]
    own = np.append(variants.structure, -1)[record.peaks.component]
    rows = np.flatnonzero(np.isin(record.peaks.component, variants.leads))
    rows = rows[np.argsort(own[rows], kind="stable")]
    columns = {name: column[rows] for name, column in record.peaks.columns.items()} | {"component": own[rows]}
    angle = _from_strongest(orientation, variants)
    uncertainty = np.where(np.isfinite(angle), orientation.uncertainty, np.nan)
    return replace(
        record,
        factors=np.array([_mean_factor(record, variants, structure) for structure in range(count)], np.float32),
        loadings=np.array([record.loadings[rows].sum(axis=0) for rows in member], np.float32),
        shares=member @ record.shares,
        segmentation=_joined_segmentation(record.segmentation, variants.structure, member),
        stability=(member * record.area_fractions)
        @ record.stability
        / np.maximum(member @ record.area_fractions, 1e-12),
        variation=np.array([record.variation[rows].max() for rows in member]),
        peaks=Peaks(**columns, unit=record.peaks.unit),
        scree=replace(
            record.scree,
            n_components=count,
            rule="rotation" if count < record.n_components else record.scree.rule,
            confidence=None if count < record.n_components else record.scree.confidence,
            alternatives=() if count < record.n_components else record.scree.alternatives,
            reason=f"{record.scree.reason} {_counted(variants)}".strip(),
        ),
        orientation=record.grid.to_map(angle).astype(np.float32),
        orientation_uncertainty=record.grid.to_map(uncertainty).astype(np.float32),
        orientation_period=orientation.period[variants.leads],
    )


def _variants(turns: Turns, shares: FloatArray) -> _Variants:
    """Let each component, strongest first, join the first structure whose strongest one it is, turned."""
    count = len(shares)
    same, angle = np.eye(count, dtype=bool), np.zeros((count, count))
    same[turns.first, turns.second] = same[turns.second, turns.first] = turns.same
    angle[turns.first, turns.second], angle[turns.second, turns.first] = turns.angle, -turns.angle
    lead = np.full(count, -1)
    for component in np.argsort(-shares, kind="stable"):
        known = [one for one in dict.fromkeys(lead[lead >= 0]) if same[one, component]]
        lead[component] = known[0] if known else component
    leads = np.unique(lead)
    leads = leads[np.argsort([-shares[lead == one].sum() for one in leads], kind="stable")]
    structure = (lead[:, None] == leads).argmax(axis=1)
    return _Variants(structure, angle[lead, np.arange(count)], leads)


def _joined_segmentation(segmentation: Segmentation, structure: IntArray, member: BoolArray) -> Segmentation:
    """Give variants the label of their structure; where nothing else is near, a pixel clearly belongs to it."""
    from scipy.ndimage import maximum_filter, minimum_filter

    near = max(1, round(segmentation.resolution))
    labels = np.append(structure, -1).astype(np.int16)[segmentation.labels]
    alone_before, alone = (
        maximum_filter(values, near) == minimum_filter(values, near) for values in (segmentation.labels, labels)
    )
    return replace(
        segmentation,
        labels=labels,
        margin=np.where(alone & ~alone_before, np.float32(1), segmentation.margin),
        area_fractions=member @ segmentation.area_fractions,
        # Boundaries between variants cancel in truth: this is the most it can be, unless there are no others.
        area_uncertainties=np.where(member.all(axis=1), 0.0, np.sqrt(member @ segmentation.area_uncertainties**2)),
    )


def _mean_factor(record: AnalysisRecord, variants: _Variants, structure: int) -> FloatArray:
    members = np.flatnonzero(variants.structure == structure)
    back = np.array([turned(record.factors[k], -variants.angle[k], record.image.pixel_size) for k in members])
    known = np.isfinite(back)
    mean = np.maximum(np.sum(np.where(known, back, 0), axis=0) / np.maximum(known.sum(axis=0), 1), 0)
    factor: FloatArray = mean / (np.linalg.norm(mean) or 1.0)
    return factor


def _from_strongest(orientation: Orientation, variants: _Variants) -> FloatArray:
    """Return the angle of each window against the strongest variant of its structure."""
    owner = orientation.owner
    period = orientation.period[variants.leads][variants.structure][owner]
    angle = orientation.angle + variants.angle[owner]
    return np.where(owner >= 0, (angle + period / 2) % period - period / 2, np.nan)


def _counted(variants: _Variants) -> str:
    """Say how many components became how many structures."""
    orientations = [str(number) for number in np.bincount(variants.structure)]
    if len(variants.structure) == 1:
        return ""
    if len(orientations) == len(variants.structure):
        return "No two components are one structure turned."
    *others, last = orientations
    told = f"{', '.join(others)} and {last}" if others else last
    plural = "s" * (len(orientations) > 1)
    return f"{len(variants.structure)} components are {len(orientations)} structure{plural} in {told} orientations."


def _compare(one: Rings, other: Rings, spots: FloatArray, other_spots: FloatArray) -> _Turn:
    table = _correlations(one, other)
    shift, index = (int(place) for place in np.unravel_index(table.argmax(), table.shape))
    best = table[shift]
    score = float(best[index])
    angle = (index + _vertex(best, index)) * _DEGREES
    stretch = float(np.exp((shift - _STRETCHES + _vertex(table[:, index], shift, around=False)) * RING_STEP))
    period = period_of(best, index)
    same = (
        score >= _LEAST_SCORE
        and abs(stretch - 1) <= _MOST_STRETCH
        and not _any_missing(one, other, spots, angle, stretch)
        and not _any_missing(other, one, other_spots, -angle, 1 / stretch)
    )
    smallest = (angle + period / 2) % period - period / 2
    return _Turn(float(smallest), _uncertainty(one, other, angle, shift - _STRETCHES), period, score, stretch, same)


def _correlations(one: Rings, other: Rings) -> FloatArray:
    """Correlate two components over turns and ratios of radii, shape (ratio, direction)."""
    return correlations(one, other, range(-_STRETCHES, _STRETCHES + 1))


def _vertex(values: FloatArray, index: int, *, around: bool = True) -> float:
    """Return how far from its highest point the maximum of a curve lies, at most half a step."""
    if not around and not 0 < index < len(values) - 1:
        return 0.0
    before, here, after = values[index - 1], values[index], values[(index + 1) % len(values)]
    curvature = before - 2 * here + after
    return float(np.clip((before - after) / (2 * curvature), -0.5, 0.5)) if curvature < 0 else 0.0


def _uncertainty(one: Rings, other: Rings, angle: float, shift: int) -> float:
    """Return the standard uncertainty of a turn from what the turned component does not explain of the other one."""
    here, there = overlap(len(one.values), shift)
    cells = one.cells[here, None]
    order = np.arange(one.n_orders)
    # Directions run over half a turn, so that order k has 2 k periods in a whole one.
    # Waves are of values times the roots of the cells, and so is all that is made of them.
    waves = one.waves[here, : len(order)] * np.exp(-2j * order * np.radians(angle))
    moved = np.fft.irfft(waves, N_DIRECTIONS, axis=1)
    slope = np.fft.irfft(waves * (2j * order), N_DIRECTIONS, axis=1)
    target = other.values[there] * np.sqrt(cells)
    gain = np.sum(moved * target) / (np.sum(moved**2) or 1.0)
    left = target - gain * moved
    stiffness = gain * np.sum(slope**2)
    if stiffness <= 0:
        return 180.0
    noise = np.sqrt(_POINTS_PER_VALUE * np.sum(left**2 * slope**2 / cells)) / stiffness
    return float(min(np.hypot(np.degrees(noise), _LEAST_UNCERTAINTY), 180.0))


def _spots(spectrum: FloatArray, pixel_size: PixelSize) -> FloatArray:
    """Return logarithm of frequency and direction (degrees) of each spot, shape (spot, 2)."""
    spots = find_spots(spectrum, least_significance=_LEAST_SIGNIFICANCE)
    steps = frequency_steps(spectrum.shape, pixel_size)
    y, x = -spots.y * steps[0], spots.x * steps[1]
    return np.stack([np.log(np.hypot(y, x)), np.degrees(np.arctan2(y, x))], axis=1)


def _any_missing(one: Rings, other: Rings, spots: FloatArray, angle: float, stretch: float) -> bool:
    """Tell whether a spot of one component ought to be seen in the other and is not."""
    rows = (spots[:, 0] - np.log(one.frequency[0])) / RING_STEP
    moved = rows + np.log(stretch) / RING_STEP
    inside = (np.minimum(rows, moved) >= 0) & (np.maximum(rows, moved) <= len(one.frequency) - 1)
    if not inside.any():
        return False
    rows, moved, directions = rows[inside], moved[inside], spots[inside, 1]
    reach = _REACH * one.coarse_step / one.frequency[np.rint(rows).astype(int)]
    height = _highest(one.values, rows, directions, reach)
    there = _highest(other.values, moved, directions + angle, reach)
    strongest = int(height.argmax())
    beyond = rows > rows[strongest] + np.log(_BEYOND) / RING_STEP
    strong = height > np.where(beyond, _WEAKEST_BEYOND, _WEAKEST) * height[strongest]
    gain = float(np.sum(height * there) / (np.sum(height**2) or 1.0))
    scatter = other.scatter[np.rint(moved).astype(int)]
    seen = gain * height > _MISSED * scatter
    return bool(np.any(strong & seen & (there < _LEAST_HEIGHT * gain * height)))


def _highest(values: FloatArray, rows: FloatArray, directions: FloatArray, reach: FloatArray) -> FloatArray:
    """Return the highest value around each place; `reach` is relative to its frequency."""
    around = np.linspace(-1, 1, 5)[:, None]
    row = np.clip(np.rint(rows + around * reach / RING_STEP), 0, len(values) - 1).astype(int)
    column = np.rint((directions + around * np.degrees(reach)) / _DEGREES).astype(int) % N_DIRECTIONS
    return np.asarray(values[row[:, None], column].max(axis=(0, 1)))
