"""Random textures and noise without light: pictures of mean 0 and variance 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fftscape.model.arrays import FloatArray


@dataclass(frozen=True)
class Texture:
    """A stationary Gaussian texture, described by its power spectrum.

    Parameters
    ----------
    period : float
        Of its strongest waves, in pixels; infinity makes a spectrum that falls with frequency.
    bandwidth : float
        Relative width of the ring of waves; for an infinite period the exponent of the fall.
    angle : float
        Direction of the waves in degrees, counter-clockwise from +x on screen.
    spread : float
        Standard deviation of their direction in degrees; infinity makes it isotropic.
    """

    period: float
    bandwidth: float = 0.3
    angle: float = 0.0
    spread: float = float("inf")


def render_texture(texture: Texture, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Draw one texture over a whole image.

    Parameters
    ----------
    texture : Texture
        What to draw.
    shape : tuple of int
        Rows and columns.
    rng : numpy.random.Generator
        Source of the phases.

    Returns
    -------
    ndarray of float64, shape (y, x)
        Mean 0 and variance 1.
    """
    k_y, k_x = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :]
    frequency = np.hypot(k_y, k_x)
    if np.isinf(texture.period):
        amplitude = np.where(frequency > 0, np.maximum(frequency, 0.02) ** (-texture.bandwidth), 0)
    else:
        amplitude = np.exp(-((frequency * texture.period - 1) ** 2) / (2 * texture.bandwidth**2))
    if np.isfinite(texture.spread):
        turned = np.angle(np.exp(2j * (np.arctan2(-k_y, k_x) - np.radians(texture.angle)))) / 2
        amplitude = amplitude * np.exp(-(turned**2) / (2 * np.radians(texture.spread) ** 2))
    amplitude[0, 0] = 0
    picture = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * amplitude, shape)
    standard: FloatArray = (picture - picture.mean()) / picture.std()
    return standard


def scan_lines(shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Draw the offsets of scan lines, which a slow drift and sudden jumps make.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    rng : numpy.random.Generator
        Source of the offsets.

    Returns
    -------
    ndarray of float64, shape (y, x)
        Constant along x; standard deviation 1.
    """
    offsets = rng.standard_normal(shape[0]) + 0.3 * np.cumsum(rng.standard_normal(shape[0]) * 0.3)
    return np.repeat(((offsets - offsets.mean()) / offsets.std())[:, None], shape[1], axis=1)
