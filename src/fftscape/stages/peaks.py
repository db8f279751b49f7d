"""Spots of the components: one full-plane spectrum each in, a table of d-spacings and angles (`Peaks`) out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fftscape.compute.rings import local_maxima, radial_background
from fftscape.model.arrays import FloatArray
from fftscape.model.records import Peaks
from fftscape.model.settings import PeakSettings, SpectraSettings, Taper

# Spots closer to zero than this (in frequency steps) have fewer than two periods in a window.
_SMALLEST_RADIUS = 2.0
# A spot has come down to its surroundings this many steps away: the lobe of a tapered wave is two steps wide.
_VALLEY = (2, 3, 4)
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
# Points in a dip do not stand out: surroundings count as at least this part of what is usual on the ring.
_LEAST_LEVEL = 0.5
# The scatter counts as at least this part of the strongest value: clean images have empty rings.
_LEAST_SPREAD = 2e-3
# Standard uncertainty of a position in frequency steps, as found on waves of known frequency
# (tests/known_truth/test_peaks.py): what the parabola gets wrong for a spot between two steps, which
# depends on the shape that the taper gives it, and the noise of its points at a given significance.
_PARABOLA_ERROR: Mapping[Taper, float] = {"hann": 0.015, "hamming": 0.015, "none": 0.16}
_LOG_PARABOLA_FACTOR = 2.0
_NOISE_ERROR = 0.8


def find_peaks(
    component_spectra: FloatArray,
    pixel_size: tuple[float, float],
    unit: str,
    *,
    spectra: SpectraSettings,
    settings: PeakSettings,
) -> Peaks:
    """Find the spots of components and measure their d-spacings and angles.

    Parameters
    ----------
    component_spectra : ndarray, shape (component, frequency_y, frequency_x)
        One spectrum for each component, zero frequency at index ``size // 2``.
    pixel_size : tuple of float
        Height and width of a pixel, (y, x).
    unit : str
        Unit of `pixel_size`.
    spectra : SpectraSettings
        How the spectra were made: the taper and scaling shape the spots.
    settings : PeakSettings
        What counts as a spot.

    Returns
    -------
    Peaks
        Strongest first within each component; opposite spots are one row. Empty where none stands out.

    Notes
    -----
    A spot is a local maximum that stands out of its surroundings in every direction, by
    `min_significance` times their scatter. In the direction in which it stands out least, the
    surroundings are the mean of the valleys on both sides, so that points on a ridge (the streak
    of scan-line noise) or a slope (the rise towards zero) do not count. The scatter of a spectrum
    is proportional to its level; their ratio is measured ring by ring. A position is the vertex
    of parabolas through the logarithms of three neighbours along each axis. Uncertainties hold
    for the reading of the spectrum; that of the pixel size is not known here.
    """
    tables = [_peaks_of(spectrum, index, settings) for index, spectrum in enumerate(component_spectra)]
    rows = np.concatenate(tables)
    component, y, x, height, significance = rows.T
    y_step, x_step = (1 / (n * size) for n, size in zip(component_spectra.shape[1:], pixel_size, strict=True))
    y, x = y * y_step, x * x_step
    flip = np.where((x < 0) | ((x == 0) & (y > 0)), -1, 1)
    y, x = y * flip, x * flip
    radius = np.hypot(y, x)
    systematic = _PARABOLA_ERROR[spectra.taper] * (_LOG_PARABOLA_FACTOR if spectra.scaling == "log" else 1)
    error = np.hypot(systematic, _NOISE_ERROR / significance)
    y_error, x_error = error * y_step, error * x_step
    along = np.hypot(y * y_error, x * x_error) / radius
    across = np.hypot(x * y_error, y * x_error) / radius
    return Peaks(
        component=component.astype(np.intp),
        d_spacing=1 / radius,
        d_spacing_uncertainty=along / radius**2,
        angle=np.degrees(np.arctan2(-y, x)) % 180,
        angle_uncertainty=np.degrees(across / radius),
        frequency_y=y,
        frequency_x=x,
        intensity=height,
        significance=significance,
        unit=unit,
    )


def _peaks_of(spectrum: FloatArray, index: int, settings: PeakSettings) -> FloatArray:
    """Rows (component, position in steps y and x, relative height, significance) of one component."""
    strongest = float(spectrum.max())
    if strongest <= 0:
        return np.empty((0, 5))
    spectrum = spectrum.astype(np.float64)
    background = radial_background(spectrum)
    surroundings = _surroundings(spectrum)
    height = spectrum - surroundings
    relative_spread = np.median(background.spread / np.maximum(background.level, _LEAST_SPREAD * strongest))
    scatter = relative_spread * np.maximum(surroundings, _LEAST_LEVEL * background.level)
    significance = height / np.maximum(scatter, _LEAST_SPREAD * strongest)
    centre = spectrum.shape[0] // 2, spectrum.shape[1] // 2
    y, x = np.nonzero(local_maxima(spectrum) & (significance >= settings.min_significance))
    dy, dx = y - centre[0], x - centre[1]
    keep = (np.hypot(dy, dx) >= _SMALLEST_RADIUS) & ((dx > 0) | ((dx == 0) & (dy < 0)))
    # The row and column at the lower Nyquist edge stand for both signs.
    keep |= (np.hypot(dy, dx) >= _SMALLEST_RADIUS) & (dx == -centre[1]) & (spectrum.shape[1] % 2 == 0) & (dy <= 0)
    y, x = y[keep], x[keep]
    order = np.argsort(-height[y, x], kind="stable")[: settings.max_peaks]
    y, x = y[order], x[order]
    position_y = y - centre[0] + _vertex(spectrum, y, x, axis=0)
    position_x = x - centre[1] + _vertex(spectrum, y, x, axis=1)
    peak_height = height[y, x]
    return np.column_stack(
        [
            np.full(len(y), index),
            position_y,
            position_x,
            peak_height / (peak_height[0] if len(y) else 1),
            significance[y, x],
        ]
    )


def _surroundings(spectrum: FloatArray) -> FloatArray:
    """Level around each point: the mean of the valleys on both sides, in the direction where it is highest."""
    highest = np.full(spectrum.shape, -np.inf)
    for dy, dx in _DIRECTIONS:
        before, after = (
            np.min([np.roll(spectrum, (sign * k * dy, sign * k * dx), axis=(0, 1)) for k in _VALLEY], axis=0)
            for sign in (1, -1)
        )
        np.maximum(highest, (before + after) / 2, out=highest)
    return highest


def _vertex(spectrum: FloatArray, y: FloatArray, x: FloatArray, axis: int) -> FloatArray:
    """Offset of a maximum from its grid point along one axis, in steps."""
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
