"""Evidence: spectra of a survey in, all that the choice of structures rests on out.

Spectra are reduced to their few leading directions in units of noise; abruptness is how much these
change across one window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fftscape.compute.executors import ordered
from fftscape.compute.scores import Scores, leading_scores, trimmed_covariance
from fftscape.compute.territories import Span, deep_inside, without_gaps
from fftscape.compute.whitening import whitening
from fftscape.model.arrays import BoolArray, FloatArray, IntArray
from fftscape.model.records import Spectra, WindowGrid

# Directions kept beyond those that stand above the noise, and at most.
_EXTRA_DIRECTIONS = 2
_MOST_DIRECTIONS = 16
# Neighbouring windows overlap, so a light smoothing costs no resolution. In windows.
_SMOOTHING = 0.2
# Windows half a window apart share little noise under a Hann taper; at least this part of them lies in one region.
_HOMOGENEOUS = 0.5
# Pairs of windows that tell as much of noise as more would.
_ENOUGH_PAIRS = 20_000
# Images without any noise have some: rounding is no structure. In units of a whole flattened spectrum's level.
_LEAST_NOISE = 0.02
# Windows of a region that are averaged; more would not sharpen the mean much.
_EXAMPLES = 150
# Distance, in windows, across which a change counts as abrupt.
_ACROSS = 1.0


class Field(NamedTuple):
    """Scores on the survey's grid, shape (y, x, direction), in units of noise, and steps per window (y, x).

    Places without a window, where `valid` is False, have what the nearest one has, and speak for nothing.
    """

    values: FloatArray
    span: Span
    valid: BoolArray

    def inside_each(self, labels: IntArray) -> list[BoolArray]:
        """Choose the places deep inside each region of a map of labels 0, 1, ..., each of shape (y, x)."""
        return [deep_inside(labels == index, self.span, self.valid) for index in range(int(labels.max()) + 1)]


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that the choice rests on and that does not depend on its thresholds.

    Parameters
    ----------
    field : Field
        Scores on the survey's grid.
    n_directions : int
        Number of directions in which spectra differ by more than noise does.
    abruptness : ndarray of float64, shape (y, x)
        Change of the scores across each place.
    spectra : Spectra
        The survey itself.
    embed : callable
        Turns spectra of shape (spectrum, feature) into scores in units of noise.
    """

    field: Field
    n_directions: int
    abruptness: FloatArray
    spectra: Spectra
    embed: Callable[[FloatArray], FloatArray]

    def examples(self, insides: list[BoolArray]) -> list[FloatArray]:
        """Return spectra of some of the windows at the places of each region, evenly over all of them."""
        valid = self.spectra.grid.valid
        windows = [np.flatnonzero(inside[valid]) for inside in insides]
        return [self.spectra.rows(own[:: max(1, len(own) // _EXAMPLES)]) for own in windows]


def is_enough(survey: Spectra) -> bool:
    """Tell whether a survey holds enough windows to tell noise from structure.

    Parameters
    ----------
    survey : Spectra
        Spectra of windows in regular steps.

    Returns
    -------
    bool
        Whether directions and noise can be estimated.
    """
    grid = survey.grid
    return min(survey.shape) >= 2 * _MOST_DIRECTIONS and bool(_differences(grid.valid.astype(float), grid))


def gathered(survey: Spectra, n_directions: int, seed: int, start: FloatArray | None = None) -> Evidence:
    """Gather the evidence.

    Parameters
    ----------
    survey : Spectra
        Spectra of windows in regular steps of about a quarter of a window.
    n_directions : int
        Number of directions in which spectra differ by more than noise does. A few more are
        looked at in any case: what many neighbouring windows share may show nowhere else.
    seed : int
        Seed of the search for leading directions.
    start : ndarray, shape (direction, feature), optional
        Directions to begin that search with, see `leading_scores`.

    Returns
    -------
    Evidence
        Scores, their change and how to score other spectra.
    """
    count = min(max(n_directions, 1) + _EXTRA_DIRECTIONS, _MOST_DIRECTIONS)
    scores = leading_scores(survey, count, seed=seed, start=start)
    field, to_noise_units = _field(scores, survey)
    return Evidence(
        field,
        n_directions,
        _abruptness(field),
        survey,
        embed=lambda spectra: np.asarray(scores.of(spectra) @ to_noise_units),
    )


def _field(scores: Scores, survey: Spectra) -> tuple[Field, FloatArray]:
    """Lay scores out as a map, scale them to units of noise and smooth them lightly."""
    from scipy.ndimage import gaussian_filter

    grid, span = survey.grid, survey.grid.span
    values = without_gaps(np.moveaxis(grid.to_map(scores.values), 0, -1).astype(np.float64), grid.valid)
    # Each direction for itself: scan lines differ along y only, and half of all pairs would show nothing of it.
    pairs = _differences(values, grid)
    found = ordered(lambda along: trimmed_covariance(along, _HOMOGENEOUS, least=_LEAST_NOISE) / 2, pairs)
    noise = np.mean(list(found), axis=0)
    to_noise_units = whitening(noise)
    values = values @ to_noise_units
    gaussian_filter(values, (_SMOOTHING * span[0], _SMOOTHING * span[1], 0), output=values, mode="nearest")
    return Field(values, span, grid.valid), to_noise_units


def _differences(values: FloatArray, grid: WindowGrid) -> list[FloatArray]:
    """Return differences of scores half a window apart along y and along x, as far as there are enough."""
    half_y, half_x = (max(1, steps // 2) for steps in grid.span)
    valid = grid.valid
    along_y = _some_differences(values, valid, half_y)
    along_x = _some_differences(values.swapaxes(0, 1), valid.T, half_x)
    return [along for along in (along_y, along_x) if len(along) > _MOST_DIRECTIONS]


def _some_differences(values: FloatArray, valid: BoolArray, distance: int) -> FloatArray:
    """Return differences along the first axis, of very many an even part."""
    pairs = np.flatnonzero(valid[distance:] & valid[:-distance])
    first, second = np.unravel_index(pairs[:: -(-len(pairs) // _ENOUGH_PAIRS) or 1], valid[distance:].shape)
    return np.asarray(values[first + distance, second] - values[first, second])


def _abruptness(field: Field) -> FloatArray:
    """Return how much scores change across each place, from about half of a window before to as far behind."""
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
