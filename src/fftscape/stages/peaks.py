"""Spots of the components: one full-plane spectrum each in, a table of d-spacings and angles (`Peaks`) out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fftscape.compute.spots import find_spots
from fftscape.model.arrays import FloatArray
from fftscape.model.records import Peaks
from fftscape.model.settings import PeakSettings, SpectraSettings, Taper

# Standard uncertainty of a position in frequency steps, as found on waves of known frequency
# (tests/known_truth/test_peaks.py): what the parabola gets wrong for a spot between two steps, which
# depends on the shape that the taper gives it, and the noise of its points at a given significance.
_PARABOLA_ERROR: Mapping[Taper, float] = {"hann": 0.015, "hamming": 0.015, "none": 0.16}
_LOG_PARABOLA_FACTOR = 2.0
_NOISE_ERROR = 0.8
# A neighbour that the window hardly resolves pulls a spot by about its crowding (tests/known_truth/test_demo_spots.py),
# of which the lobe of a single wave without noise has this much.
_OWN_CROWDING = 0.08


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
    What counts as a spot is said at `fftscape.compute.spots.find_spots`. Uncertainties hold for the
    reading of the spectrum; that of the pixel size is not known here.
    """
    found = [find_spots(spectrum, least_significance=settings.min_significance) for spectrum in component_spectra]
    kept = [len(spots.y[: settings.max_peaks]) for spots in found]
    y, x, height, significance, crowding = (
        np.concatenate([getattr(spots, name)[:count] for spots, count in zip(found, kept, strict=True)])
        for name in ("y", "x", "height", "significance", "crowding")
    )
    strongest = np.repeat([spots.height.max(initial=0) for spots in found], kept)
    y_step, x_step = (1 / (n * size) for n, size in zip(component_spectra.shape[1:], pixel_size, strict=True))
    y, x = y * y_step, x * x_step
    flip = np.where((x < 0) | ((x == 0) & (y > 0)), -1, 1)
    y, x = y * flip, x * flip
    radius = np.hypot(y, x)
    systematic = _PARABOLA_ERROR[spectra.taper] * (_LOG_PARABOLA_FACTOR if spectra.scaling == "log" else 1)
    error = np.sqrt(systematic**2 + (_NOISE_ERROR / significance) ** 2 + np.maximum(crowding - _OWN_CROWDING, 0) ** 2)
    y_error, x_error = error * y_step, error * x_step
    along = np.hypot(y * y_error, x * x_error) / radius
    across = np.hypot(x * y_error, y * x_error) / radius
    return Peaks(
        component=np.repeat(np.arange(len(found)), kept),
        d_spacing=1 / radius,
        d_spacing_uncertainty=along / radius**2,
        # Twice, since the remainder of a tiny negative number is rounded to 180 itself.
        angle=np.degrees(np.arctan2(-y, x)) % 180 % 180,
        angle_uncertainty=np.degrees(across / radius),
        frequency_y=y,
        frequency_x=x,
        intensity=height / strongest,
        significance=significance,
        unit=unit,
    )
