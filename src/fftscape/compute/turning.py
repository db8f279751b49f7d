"""Spectra seen in polar coordinates of physical frequency, and spectra turned about zero frequency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fftscape.compute.kernel import kernel
from fftscape.model.arrays import FloatArray
from fftscape.model.settings import Scaling

PixelSize = tuple[float, float]

# Directions in half a turn, and the distance of rings in units of the logarithm of frequency.
N_DIRECTIONS = 360
RING_STEP = 0.01
# Nearer to zero than this (in steps of frequency) uneven light is stronger than any structure.
_INNERMOST = 2.5
# Half the width of a wave's lobe under a taper, in steps of frequency.
_LOBE = 0.85
# Streaks lie within one step of the axes; a spot on one is shorter than the median that follows the streak.
_STREAK = (-1, 0, 1)
_STREAK_MEDIAN = 13
# What is a streak stands out this much of what lies beside it, over this part of the axis: the lobe of a texture
# whose waves run along the axis does not, nor what is faint beside the strongest value.
_STREAK_HEIGHT, _STREAK_LENGTH, _FAINT = 0.3, 0.5, 0.03
_MAD_TO_SIGMA = 1.4826
# Part of the energy of a spectrum that changes no correlation, and no uncertainty, by anything that can be seen.
_NOTHING = 1e-7
# Turns that correlate within this of the best one cannot be told from it; they are looked for this near (in
# directions) to equal parts of half a turn.
_EQUAL = 0.03
_NEAR = 4
_FOLDS = (6, 5, 4, 3, 2)

_AMPLITUDES: Mapping[Scaling, Callable[[FloatArray], FloatArray]] = {
    "amplitude": lambda values: values,
    "sqrt": np.square,
    "log": np.expm1,
}


@dataclass(frozen=True, eq=False)
class Rings:
    """What of a spectrum depends on direction, on rings of equal physical frequency.

    Parameters
    ----------
    values : ndarray of float64, shape (ring, direction)
        Amplitudes above the median of their ring; directions are `N_DIRECTIONS` over half a turn,
        counter-clockwise from +x as seen on screen.
    scatter : ndarray of float64, shape (ring,)
        Scatter of the amplitudes on each ring, which spots that fill less than half of it do not touch.
    frequency : ndarray of float64, shape (ring,)
        In cycles per unit, in equal ratios.
    cells : ndarray of float64, shape (ring,)
        Area of one point of a ring, in points of the spectrum.
    coarse_step : float
        The larger one of the distances of frequencies along y and x, in cycles per unit.
    """

    values: FloatArray
    scatter: FloatArray
    frequency: FloatArray
    cells: FloatArray
    coarse_step: float

    @cached_property
    def waves(self) -> npt.NDArray[np.complex128]:
        """Transform along the directions of what each ring weighs, shape (ring, order)."""
        return np.asarray(np.fft.rfft(self._weighted, axis=1))

    @cached_property
    def mirrored_waves(self) -> npt.NDArray[np.complex128]:
        """Complex conjugates of the waves."""
        return self.waves.conj()

    @cached_property
    def n_orders(self) -> int:
        """How many orders hold all but nothing of the waves: small windows know no fine directions."""
        squares = np.sum(np.abs(self.waves) ** 2, axis=0)
        beyond = np.cumsum(squares[::-1])[::-1]
        return int(np.count_nonzero(beyond > _NOTHING * beyond[0]))

    @cached_property
    def energies(self) -> FloatArray:
        """What each ring weighs in all, shape (ring,)."""
        return np.asarray(np.sum(self._weighted**2, axis=1))

    @property
    def _weighted(self) -> FloatArray:
        return self.values * np.sqrt(self.cells[:, None])


def rings_of(spectrum: FloatArray, pixel_size: PixelSize, scaling: Scaling) -> Rings:
    """Look at a spectrum along rings of physical frequency.

    Parameters
    ----------
    spectrum : ndarray, shape (frequency_y, frequency_x)
        Point-symmetric, zero frequency at index ``size // 2``.
    pixel_size : tuple of float
        Height and width of a pixel, (y, x).
    scaling : {'sqrt', 'amplitude', 'log'}
        How its values were scaled.

    Returns
    -------
    Rings
        Brought to the same resolution along both axes, without the streaks of scan lines and edges.

    Examples
    --------
    >>> y, x = np.mgrid[-16:16, -24:24]
    >>> wave = np.exp(-((y - 8) ** 2) - x**2) + np.exp(-((y + 8) ** 2) - x**2)
    >>> rings = rings_of(wave, (1.0, 1.0), "amplitude")
    >>> ring, direction = np.unravel_index(rings.values.argmax(), rings.values.shape)
    >>> float(rings.frequency[ring].round(2)), float(direction * 180 / N_DIRECTIONS)
    (0.25, 90.0)
    """
    steps = frequency_steps(spectrum.shape, pixel_size)
    even = _without_streaks(_evenly_resolved(amplitudes(spectrum, scaling), steps))
    nyquist = min(0.5 / size for size in pixel_size)
    frequency = np.exp(np.arange(np.log(_INNERMOST * max(steps)), np.log(nyquist), RING_STEP))
    direction = np.arange(N_DIRECTIONS) * np.pi / N_DIRECTIONS
    y = -frequency[:, None] * np.sin(direction) / steps[0] + spectrum.shape[0] // 2
    x = frequency[:, None] * np.cos(direction) / steps[1] + spectrum.shape[1] // 2
    values = _interpolated(even, y, x)
    values -= np.median(values, axis=1, keepdims=True)
    scatter = _MAD_TO_SIGMA * np.median(np.abs(values), axis=1)
    cells = frequency**2 * RING_STEP * np.pi / N_DIRECTIONS / (steps[0] * steps[1])
    return Rings(values, scatter, frequency, cells, max(steps))


def amplitudes(values: FloatArray, scaling: Scaling) -> FloatArray:
    """Undo the scaling of spectra: in amplitudes, noise and spots add up least badly.

    Parameters
    ----------
    values : ndarray
        Scaled spectra of any shape; overshoots below zero count as zero.
    scaling : {'sqrt', 'amplitude', 'log'}
        How they were scaled.

    Returns
    -------
    ndarray of float64
        Of the same shape.

    Examples
    --------
    >>> amplitudes(np.array([-0.1, 3.0]), "sqrt").tolist()
    [0.0, 9.0]
    """
    return _AMPLITUDES[scaling](np.maximum(values, 0).astype(np.float64))


def detail(amplitude: FloatArray, pixel_size: PixelSize) -> FloatArray:
    """Return what of a spectrum depends on direction, on its own grid.

    Parameters
    ----------
    amplitude : ndarray, shape (frequency_y, frequency_x)
        Amplitudes; point-symmetric, zero frequency at index ``size // 2``.
    pixel_size : tuple of float
        Height and width of a pixel, (y, x).

    Returns
    -------
    ndarray of float64, shape (frequency_y, frequency_x)
        Amplitudes above the median of all that have about the same physical frequency; 0 close to
        zero frequency.

    Examples
    --------
    >>> spectrum = np.ones((16, 24)); spectrum[8, 12 + 6] = spectrum[8, 12 - 6] = 5
    >>> shown = detail(spectrum, (1.0, 1.0))
    >>> np.argwhere(shown > 0.5).tolist(), float(shown[8, 18])
    ([[8, 6], [8, 18]], 4.0)
    """
    steps = frequency_steps(amplitude.shape, pixel_size)
    values = _without_streaks(amplitude)
    y, x = ((np.arange(n) - n // 2) * step for n, step in zip(amplitude.shape, steps, strict=True))
    radius = np.hypot(y[:, None], x[None, :]) / max(steps)
    ring = np.rint(radius).astype(np.intp)
    level = np.array([np.median(values[np.abs(ring - k) <= 1]) for k in range(ring.max() + 1)])
    return np.where(radius >= _INNERMOST, values - level[ring], 0.0)


def correlation(one: Rings, other: Rings) -> FloatArray:
    """Correlate two spectra over turns.

    Parameters
    ----------
    one, other : Rings
        Of spectra of the same shape and pixel size.

    Returns
    -------
    ndarray of float64, shape (N_DIRECTIONS,)
        Correlation after turning the first one counter-clockwise by as many directions; 0 where
        nothing depends on direction.

    Examples
    --------
    >>> spectrum = np.zeros((32, 32)); spectrum[16, [6, 26]] = 1
    >>> rings = rings_of(spectrum, (1.0, 1.0), "amplitude")
    >>> curve = correlation(rings, rings)
    >>> int(curve.argmax()), float(curve.max().round(6))
    (0, 1.0)
    """
    return np.asarray(correlations(one, other, [0])[0])


def correlations(one: Rings, other: Rings, shifts: Iterable[int]) -> FloatArray:
    """Correlate two spectra over turns and ratios of radii.

    Parameters
    ----------
    one, other : Rings
        Of spectra of the same shape and pixel size.
    shifts : iterable of int
        By how many rings the other one's are farther out.

    Returns
    -------
    ndarray of float64, shape (shift, N_DIRECTIONS)
        See `correlation`.
    """
    orders = max(one.n_orders, other.n_orders)
    waves, norms = [], []
    for shift in shifts:
        here, there = overlap(len(one.values), shift)
        norms.append(np.sqrt(one.energies[here].sum() * other.energies[there].sum()))
        waves.append(np.einsum("ro,ro->o", one.mirrored_waves[here, :orders], other.waves[there, :orders]))
    weights = np.divide(1, norms, out=np.zeros(len(norms)), where=np.array(norms) > 0)
    return np.asarray(np.fft.irfft(waves, N_DIRECTIONS) * weights[:, None])


def overlap(count: int, shift: int) -> tuple[slice, slice]:
    """Return which of `count` rings have a partner among as many that lie `shift` rings farther out.

    Examples
    --------
    >>> overlap(5, 2)
    (slice(0, 3, None), slice(2, 5, None))
    """
    length = max(count - abs(shift), 0)
    return slice(max(0, -shift), max(0, -shift) + length), slice(max(0, shift), max(0, shift) + length)


def own_period(spectrum: FloatArray, pixel_size: PixelSize, scaling: Scaling) -> float | None:
    """Return after which turn a spectrum is the same again.

    Parameters
    ----------
    spectrum : ndarray, shape (frequency_y, frequency_x)
        Point-symmetric, zero frequency at index ``size // 2``.
    pixel_size : tuple of float
        Height and width of a pixel, (y, x).
    scaling : {'sqrt', 'amplitude', 'log'}
        How its values were scaled.

    Returns
    -------
    float or None
        180, 90, 60 ... degrees; None where nothing depends on direction.

    Examples
    --------
    >>> spectrum = np.zeros((32, 32)); spectrum[16, [6, 26]] = 1
    >>> own_period(spectrum, (1.0, 1.0), "amplitude")
    180.0
    >>> spectrum[[6, 26], 16] = 1
    >>> own_period(spectrum, (1.0, 1.0), "amplitude")
    90.0
    """
    rings = rings_of(spectrum, pixel_size, scaling)
    curve = correlation(rings, rings)
    return period_of(curve, 0) if curve[0] > 0 else None


def period_of(curve: FloatArray, index: int) -> float:
    """Return after which turn a correlation is as high as at its best.

    Parameters
    ----------
    curve : ndarray, shape (N_DIRECTIONS,)
        Correlation over turns, at most 1.
    index : int
        Where it is best.

    Returns
    -------
    float
        In degrees; 180 where there is no other turn as good.

    Examples
    --------
    >>> period_of(np.cos(np.radians(np.arange(N_DIRECTIONS) * 4)) ** 2, 0)
    45.0
    """
    best = curve[index]
    least = best - max(_EQUAL, 1 - best)
    for fold in _FOLDS:
        places = index + np.rint(np.arange(1, fold) * N_DIRECTIONS / fold).astype(int)
        near = places[:, None] + np.arange(-_NEAR, _NEAR + 1)
        if curve[near % N_DIRECTIONS].max(axis=1).min() >= least:
            return 180 / fold
    return 180.0


def turned(spectrum: FloatArray, angle: float, pixel_size: PixelSize) -> FloatArray:
    """Turn a spectrum about zero frequency.

    Parameters
    ----------
    spectrum : ndarray, shape (frequency_y, frequency_x)
        Zero frequency at index ``size // 2``.
    angle : float
        In degrees, counter-clockwise as seen on screen.
    pixel_size : tuple of float
        Height and width of a pixel, (y, x).

    Returns
    -------
    ndarray of float64, shape (frequency_y, frequency_x)
        NaN where the original holds no such frequency.

    Examples
    --------
    >>> spectrum = np.zeros((9, 9)); spectrum[4, [2, 6]] = 1
    >>> np.argwhere(turned(spectrum, 90, (1.0, 1.0)) > 0.9).tolist()
    [[2, 4], [6, 4]]
    """
    steps = frequency_steps(spectrum.shape, pixel_size)
    middle = [n // 2 for n in spectrum.shape]
    up = -(np.arange(spectrum.shape[0]) - middle[0])[:, None] * steps[0]
    right = (np.arange(spectrum.shape[1]) - middle[1])[None, :] * steps[1]
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    y = middle[0] - (cos * up - sin * right) / steps[0]
    x = middle[1] + (cos * right + sin * up) / steps[1]
    out = _interpolated(spectrum.astype(np.float64), y, x)
    # A wave beyond the last frequency is not in the original; half a step is how far the last one reaches.
    out[(np.abs(y - middle[0]) * steps[0] * pixel_size[0] > 0.5 + 1e-9)
        | (np.abs(x - middle[1]) * steps[1] * pixel_size[1] > 0.5 + 1e-9)] = np.nan  # fmt: skip
    return out


def frequency_steps(shape: tuple[int, ...], pixel_size: PixelSize) -> tuple[float, float]:
    """Return the distance of frequencies along y and x, in cycles per unit.

    Parameters
    ----------
    shape : tuple of int
        Of the spectrum or the window, (y, x).
    pixel_size : tuple of float
        Height and width of a pixel, (y, x).

    Returns
    -------
    tuple of float
        Along y and x.

    Examples
    --------
    >>> frequency_steps((50, 100), (0.2, 0.1))
    (0.1, 0.1)
    """
    return 1 / (shape[0] * pixel_size[0]), 1 / (shape[1] * pixel_size[1])


def _interpolated(values: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
    """Return the cubic spline through values on a grid, which goes on around its edges, at places between these."""
    from scipy.ndimage import map_coordinates, spline_filter

    if kernel is None:
        return np.asarray(map_coordinates(values, [y, x], order=3, mode="grid-wrap"))
    coefficients = np.ascontiguousarray(spline_filter(values, 3, mode="grid-wrap"))
    out = np.empty(y.shape)
    kernel.spline(coefficients, values.shape[1], np.ascontiguousarray(y), np.ascontiguousarray(x), out)
    return out


def _evenly_resolved(values: FloatArray, steps: tuple[float, float]) -> FloatArray:
    """Blur along the longer side of the window: a lobe is round then, and stays so when it is turned."""
    from scipy.ndimage import gaussian_filter1d

    coarse = max(steps)
    for axis, step in enumerate(steps):
        # All along an axis is as blurred as can be.
        sigma = min(_LOBE * np.sqrt((coarse / step) ** 2 - 1), values.shape[axis])
        if sigma > 0.1:
            values = gaussian_filter1d(values, sigma, axis=axis, mode="wrap")
    return values


def _without_streaks(values: FloatArray) -> FloatArray:
    """Lower the streaks along both axes (scan lines, edges) to the level beside them; spots on them stay."""
    from scipy.ndimage import median_filter

    out = values.copy()
    for lines, flat in ((out.T, values.T), (out, values)):
        if len(flat) < 9:
            continue
        middle = flat.shape[0] // 2
        beside = np.median([flat[middle + k] for k in (-4, -3, 3, 4)], axis=0)
        for k in _STREAK:
            streak = np.maximum(median_filter(flat[middle + k] - beside, _STREAK_MEDIAN, mode="wrap"), 0)
            if np.mean(streak > _STREAK_HEIGHT * np.maximum(beside, _FAINT * flat.max())) > _STREAK_LENGTH:
                lines[middle + k] -= streak
    return out
