"""Exposure: uneven light and counting noise, which turn an object into an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import FloatArray

Shade = Literal["ramp", "vignette", "blotches"]


@dataclass(frozen=True)
class Exposure:
    """How an object is recorded.

    Parameters
    ----------
    dose : float
        Mean count of a pixel, for Poisson's noise; infinity for a noiseless detector.
    noise : float
        Standard deviation of additive noise relative to the object's own.
    shade : {'ramp', 'vignette', 'blotches'} or None
        Uneven light that multiplies the object.
    gain, offset : float
        Of the recorded numbers; a gain of 1 and offset of 0 record counts.
    """

    dose: float = float("inf")
    noise: float = 0.0
    shade: Shade | None = None
    gain: float = 1.0
    offset: float = 0.0


def light(shape: tuple[int, int], shade: Shade | None, rng: np.random.Generator) -> FloatArray:
    """Draw how bright the light is.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    shade : {'ramp', 'vignette', 'blotches'} or None
        A ramp from edge to edge, a bright place with dark surroundings, or a few slow waves;
        None for even light.
    rng : numpy.random.Generator
        Source of direction and place.

    Returns
    -------
    ndarray of float64, shape (y, x)
        Mean 1; the brightest part is 3 to 6 times brighter than the darkest.
    """
    y, x = (np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])[None, :])
    turn = rng.uniform(0, 2 * np.pi)
    if shade is None:
        return np.ones(shape)
    if shade == "ramp":
        brightness = 1 + 0.6 * (y * np.sin(turn) + x * np.cos(turn)) / (abs(np.sin(turn)) + abs(np.cos(turn)))
    elif shade == "vignette":
        distance = np.hypot(y - rng.uniform(-0.2, 0.2), x - rng.uniform(-0.2, 0.2))
        brightness = 0.25 + np.exp(-(distance**2) / 1.2)
    else:
        brightness = 1 + 0.3 * np.cos(2 * y + turn) + 0.3 * np.cos(2.5 * x - turn)
    even: FloatArray = brightness / brightness.mean()
    return even


def expose(object_: FloatArray, exposure: Exposure, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Record an object.

    Parameters
    ----------
    object_ : ndarray, shape (y, x)
        Non-negative where `exposure.dose` is finite.
    exposure : Exposure
        Light, dose, noise, gain and offset.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    ndarray of float32, shape (y, x)
        The image.
    """
    lit = object_ * light((object_.shape[0], object_.shape[1]), exposure.shade, rng)
    if np.isfinite(exposure.dose):
        lit = rng.poisson(np.maximum(lit, 0) * exposure.dose / (lit.mean() or 1.0)).astype(np.float64)
    if exposure.noise:
        lit = lit + exposure.noise * object_.std() * rng.standard_normal(object_.shape)
    return (exposure.gain * lit + exposure.offset).astype(np.float32)
