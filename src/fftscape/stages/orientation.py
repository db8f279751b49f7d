"""How far each window is turned: local spectra and the reference of their structure in, `Orientation` out.

One reference turned to many angles makes a fan of templates; the angle at which a window agrees best with them is its
orientation, interpolated between the templates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fftscape.compute.half_plane import half_plane_weights, to_full_plane
from fftscape.compute.turning import (
    PixelSize,
    amplitudes,
    correlation,
    detail,
    frequency_steps,
    own_period,
    rings_of,
    turned,
)
from fftscape.model.arrays import FloatArray, IntArray
from fftscape.model.records import Spectra
from fftscape.model.rotation import Orientation

# Degrees from one template to the next: far less than the width of a spot, seen from zero frequency.
_STEP = 1.0
# Where angles scatter more than this (degrees), the reference is smeared and made anew from windows turned back.
_BENT = 1.0
# A lattice whose cell is nearly square agrees nearly as well after a quarter turn.
_NEARLY_BEST, _ANOTHER = 0.9, 15.0
# Two halves of the windows must show the same directions: noise and random textures do not.
_LEAST_CORRELATION = 0.5
# In a random texture every window has an orientation of its own; then none of them says anything.
_LEAST_AGREEMENT = 0.6
# Angles less certain than this (degrees, and part of the period) are none.
_MOST_UNCERTAIN = 8.0
_MOST_OF_PERIOD = 1 / 8
# Standard uncertainty of an angle: what interpolation gets wrong (degrees), and how many points of a spectrum one
# independent value stands for (tests/stages/test_orientation.py).
_LEAST_UNCERTAINTY = 0.05
_POINTS_PER_VALUE = 3.0


@dataclass(frozen=True, eq=False)
class _Fan:
    """Templates of one reference: `angles` (template,), the rest (template, feature)."""

    angles: FloatArray
    patterns: FloatArray
    whole: FloatArray


def orientation_map(spectra: Spectra, references: FloatArray, owner: IntArray, pixel_size: PixelSize) -> Orientation:
    """Measure how far each window is turned against the reference of its component.

    Parameters
    ----------
    spectra : Spectra
        Values of shape (n_valid, feature).
    references : ndarray, shape (component, frequency_y, frequency_x)
        Mean spectra of the components' own windows, zero frequency at index ``size // 2``.
    owner : ndarray of int, shape (n_valid,)
        Component of each window; -1 for none.
    pixel_size : tuple of float
        Height and width of a pixel, (y, x).

    Returns
    -------
    Orientation
        Angles in [-period / 2, period / 2) around the reference; NaN where a window does not show
        its orientation well enough.
    """
    angle, uncertainty = np.full(len(owner), np.nan), np.full(len(owner), np.nan)
    periods = np.full(len(references), np.nan)
    for component, reference in enumerate(references):
        rows = np.flatnonzero(owner == component)
        period = own_period(reference, pixel_size, spectra.settings.scaling)
        if period is None or not _has_direction(spectra, rows, pixel_size):
            continue
        whole = amplitudes(reference, spectra.settings.scaling)
        rough, _ = _measured(spectra, rows, whole, pixel_size, period)
        if np.isfinite(rough).any() and np.nanstd(rough) > _BENT:
            whole = _straightened(spectra, rows, rough, pixel_size)
        own, own_uncertainty = _measured(spectra, rows, whole, pixel_size, period)
        if _agreement(own, period) < _LEAST_AGREEMENT:
            continue
        periods[component] = period
        angle[rows], uncertainty[rows] = own, own_uncertainty
    return Orientation(owner, angle, uncertainty, periods)


def _measured(
    spectra: Spectra, rows: IntArray, whole: FloatArray, pixel_size: PixelSize, period: float
) -> tuple[FloatArray, FloatArray]:
    """Return angle and uncertainty of some windows against the amplitudes of a reference, in pieces to save memory."""
    fan = _fan(whole, spectra, pixel_size, period)
    pieces = [
        _angles(_half_amplitudes(spectra, part), fan, period) for part in np.array_split(rows, -(-len(rows) // 256))
    ]
    angles, uncertainties = zip(*pieces, strict=True)
    return np.concatenate(angles), np.concatenate(uncertainties)


def _has_direction(spectra: Spectra, rows: IntArray, pixel_size: PixelSize) -> bool:
    """Tell whether what depends on direction is the same, turned or not, in both halves of the windows."""
    if len(rows) < 2:
        return False
    halves = (
        to_full_plane(_half_amplitudes_mean(spectra, half), spectra.grid.size) for half in np.array_split(rows, 2)
    )
    one, other = (rings_of(half, pixel_size, "amplitude") for half in halves)
    return bool(correlation(one, other).max() >= _LEAST_CORRELATION)


def _agreement(angle: FloatArray, period: float) -> float:
    """Return how much alike the angles are: 1 for equal ones, towards 0 for any."""
    known = angle[np.isfinite(angle)]
    return float(np.abs(np.mean(np.exp(2j * np.pi * known / period)))) if len(known) else 0.0


def _straightened(spectra: Spectra, rows: IntArray, angle: FloatArray, pixel_size: PixelSize) -> FloatArray:
    """Average amplitudes of windows, each turned back: the mean spectrum of a bent crystal is smeared."""
    known, rounded = np.isfinite(angle), np.rint(angle)
    total, count = np.zeros(spectra.grid.size), np.zeros(spectra.grid.size)
    for turn in np.unique(rounded[known]):
        own = rows[rounded == turn]
        back = turned(to_full_plane(_half_amplitudes_mean(spectra, own), spectra.grid.size), -float(turn), pixel_size)
        total += np.nan_to_num(len(own) * back)
        count += len(own) * np.isfinite(back)
    straight: FloatArray = total / np.maximum(count, 1)
    return straight


def _fan(whole: FloatArray, spectra: Spectra, pixel_size: PixelSize, period: float) -> _Fan:
    angles = np.linspace(0, period, round(period / _STEP), endpoint=False)
    ring = _rings(spectra.grid.size, pixel_size)
    shape = detail(whole, pixel_size)
    patterns, models = [], []
    for angle in angles:
        pattern = _half(turned(shape, float(angle), pixel_size))
        # What is equal in all directions must not count, whatever the turning cut off at the edges.
        level = np.bincount(ring, pattern * _half_weights(spectra)) / np.bincount(ring, _half_weights(spectra))
        patterns.append(pattern - level[ring])
        models.append(_half(turned(whole, float(angle), pixel_size)))
    root = np.sqrt(_half_weights(spectra))
    return _Fan(angles, np.array(patterns) * root, np.array(models) * root)


def _angles(windows: FloatArray, fan: _Fan, period: float) -> tuple[FloatArray, FloatArray]:
    """Return angle and uncertainty of windows, (n,) each."""
    norms = np.linalg.norm(fan.patterns, axis=1)
    scores = windows @ (fan.patterns / norms[:, None]).T
    count, here = len(fan.angles), np.arange(len(windows))
    best = _least_turn(scores)
    before, top, after = scores[here, best - 1], scores[here, best], scores[here, (best + 1) % count]
    curvature = before - 2 * top + after
    step = fan.angles[1]
    offset = np.clip(np.divide(before - after, 2 * curvature, out=np.zeros_like(top), where=curvature < 0), -0.5, 0.5)
    angle = (fan.angles[best] + offset * step + period / 2) % period - period / 2
    uncertainty = np.empty(len(windows))
    for template in np.unique(best):
        rows = best == template
        pattern = fan.patterns[template]
        slope = (fan.patterns[(template + 1) % count] - fan.patterns[template - 1]) / (2 * step)
        model = fan.whole[template]
        left = windows[rows] - (windows[rows] @ model / (model @ model))[:, None] * model
        gain = windows[rows] @ pattern / (pattern @ pattern)
        stiffness = np.maximum(gain, 1e-12) * (slope @ slope)
        uncertainty[rows] = np.sqrt(_POINTS_PER_VALUE * (left**2 @ slope**2)) / stiffness
    uncertainty = np.hypot(uncertainty, _LEAST_UNCERTAINTY)
    unknown = uncertainty > min(_MOST_UNCERTAIN, _MOST_OF_PERIOD * period)
    angle[unknown] = uncertainty[unknown] = np.nan
    return angle, uncertainty


def _least_turn(scores: FloatArray) -> IntArray:
    """Return for each window which template agrees best; of nearly equal ones, that which is turned least."""
    peaks = (scores >= np.roll(scores, 1, axis=1)) & (scores > np.roll(scores, -1, axis=1))
    count, best = scores.shape[1], scores.argmax(axis=1)
    turn = np.minimum(np.arange(count), count - np.arange(count))
    # Another orientation is meant, not a ripple on the same peak.
    apart = turn[np.abs(np.arange(count) - best[:, None])] * _STEP >= _ANOTHER
    good = peaks & apart & (scores >= _NEARLY_BEST * scores.max(axis=1, keepdims=True))
    other = np.where(good, turn, count).argmin(axis=1)
    least: IntArray = np.where(good.any(axis=1) & (turn[other] < turn[best]), other, best)
    return least


def _half_amplitudes(spectra: Spectra, rows: IntArray) -> FloatArray:
    """Return amplitudes of windows in the half plane, weighted as its features are."""
    root = np.sqrt(_half_weights(spectra))
    out: FloatArray = amplitudes(spectra.rows(rows) / root, spectra.settings.scaling) * root
    return out


def _half_amplitudes_mean(spectra: Spectra, rows: IntArray) -> FloatArray:
    """Return the mean amplitudes of windows in the half plane, in pieces to save memory."""
    pieces = np.array_split(rows, -(-len(rows) // 256))
    total = np.sum([_half_amplitudes(spectra, part).sum(axis=0) for part in pieces], axis=0)
    return np.asarray(total / len(rows))


def _half_weights(spectra: Spectra) -> FloatArray:
    """Return how many frequencies each feature stands for, shape (feature,)."""
    height, width = spectra.grid.size
    return np.tile(half_plane_weights((height, width)) ** 2, height)


def _half(spectrum: FloatArray) -> FloatArray:
    """Return the half plane of a full one, flattened and without weights; 0 where it is unknown."""
    half = np.fft.ifftshift(spectrum)[:, : spectrum.shape[1] // 2 + 1]
    return np.nan_to_num(half).ravel()


def _rings(size: tuple[int, int], pixel_size: PixelSize) -> IntArray:
    """Return the number of the ring of physical frequency each feature lies on."""
    y, x = (np.fft.fftfreq(n, length) for n, length in zip(size, pixel_size, strict=True))
    radius = np.hypot(y[:, None], np.abs(x)[None, : size[1] // 2 + 1])
    rings: IntArray = np.rint(radius / max(frequency_steps(size, pixel_size))).astype(np.intp).ravel()
    return rings
