"""Spots of the factors: full-plane factors in, a table of d-spacings and angles (`Peaks`) out."""

from __future__ import annotations

import numpy as np

from fftscape.compute.rings import local_maxima, radial_background
from fftscape.model.records import FloatArray, Peaks
from fftscape.model.settings import PeakSettings

# Spots closer to zero than this (in frequency steps) have fewer than two periods in a window.
_SMALLEST_RADIUS = 2.0
# The scatter counts as at least this part of the strongest value: factors of clean images have empty rings.
_LEAST_SPREAD = 2e-3
# Standard uncertainty of a position in frequency steps: what the parabola gets wrong for the
# lobe of a tapered sine between two steps, and the noise of three points at a given
# significance. Calibrated on lattices of known spacing (tests/known_truth/test_peaks.py).
_SYSTEMATIC = 0.02
_NOISE = 1.4


def find_peaks(factors: FloatArray, pixel_size: tuple[float, float], unit: str, settings: PeakSettings) -> Peaks:
    """Find the spots of factors and measure their d-spacings and angles.

    Parameters
    ----------
    factors : ndarray, shape (component, frequency_y, frequency_x)
        Zero frequency at index ``size // 2``.
    pixel_size : tuple of float
        Height and width of a pixel, (y, x).
    unit : str
        Unit of `pixel_size`.
    settings : PeakSettings
        What counts as a spot.

    Returns
    -------
    Peaks
        Strongest first within each component; opposite spots are one row. Empty where none stands out.

    Notes
    -----
    A spot is a local maximum that stands `min_significance` robust standard deviations above
    the median of its ring. Its position is the vertex of parabolas through the logarithms of
    three neighbours along each axis. Uncertainties hold for the reading of the factor; that of
    the pixel size is not known here.
    """
    tables = [_peaks_of(factor, index, pixel_size, settings) for index, factor in enumerate(factors)]
    rows = np.concatenate(tables)
    component, y, x, y_error, x_error, height, significance = rows.T
    flip = np.where((x < 0) | ((x == 0) & (y > 0)), -1, 1)
    y, x = y * flip, x * flip
    radius = np.hypot(y, x)
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


def _peaks_of(factor: FloatArray, index: int, pixel_size: tuple[float, float], settings: PeakSettings) -> FloatArray:
    """Rows (component, k_y, k_x, their errors, relative height, significance) of one factor."""
    strongest = float(factor.max())
    if strongest <= 0:
        return np.empty((0, 7))
    factor = factor.astype(np.float64)
    background = radial_background(factor)
    height = factor - background.level
    significance = height / np.maximum(background.spread, _LEAST_SPREAD * strongest)
    centre = factor.shape[0] // 2, factor.shape[1] // 2
    y, x = np.nonzero(local_maxima(factor) & (significance >= settings.min_significance))
    dy, dx = y - centre[0], x - centre[1]
    keep = (np.hypot(dy, dx) >= _SMALLEST_RADIUS) & ((dx > 0) | ((dx == 0) & (dy < 0)))
    # The row and column at the lower Nyquist edge stand for both signs.
    keep |= (np.hypot(dy, dx) >= _SMALLEST_RADIUS) & (dx == -centre[1]) & (factor.shape[1] % 2 == 0) & (dy <= 0)
    y, x = y[keep], x[keep]
    order = np.argsort(-height[y, x], kind="stable")[: settings.max_peaks]
    y, x = y[order], x[order]
    position_y = y - centre[0] + _vertex(factor, y, x, axis=0)
    position_x = x - centre[1] + _vertex(factor, y, x, axis=1)
    step_y, step_x = (1 / (n * p) for n, p in zip(factor.shape, pixel_size, strict=True))
    error = np.hypot(_SYSTEMATIC, _NOISE / significance[y, x])
    peak_height = height[y, x]
    return np.column_stack(
        [
            np.full(len(y), index),
            position_y * step_y,
            position_x * step_x,
            error * step_y,
            error * step_x,
            peak_height / (peak_height[0] if len(y) else 1),
            significance[y, x],
        ]
    )


def _vertex(factor: FloatArray, y: FloatArray, x: FloatArray, axis: int) -> FloatArray:
    """Offset of a maximum from its grid point along one axis, in steps."""
    floor = 1e-6 * float(factor.max())
    step = (1, 0) if axis == 0 else (0, 1)
    before, here, after = (
        np.log(np.maximum(factor[(y + k * step[0]) % factor.shape[0], (x + k * step[1]) % factor.shape[1]], floor))
        for k in (-1, 0, 1)
    )
    curvature = before - 2 * here + after
    offset = np.divide(before - after, 2 * curvature, out=np.zeros_like(here), where=curvature < 0)
    return np.asarray(np.clip(offset, -0.5, 0.5))
