"""Brightness: mean spectra of regions in, which of them are one structure under other light out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fftscape.compute.half_plane import half_plane_weights
from fftscape.compute.nonnegative import nonnegative_least_squares
from fftscape.model.arrays import BoolArray, FloatArray, IntArray

# Frequencies nearer to zero than this, in steps, hold shading and the taper's own width.
_NEAR_ZERO = 2.5
# What a model leaves must be less than this part of the difference it explains, and of the signal.
_UNEXPLAINED = 0.35
_FITTING_ROUNDS = 3
_TINY = 1e-12


def same_but_brightness(
    regions: list[FloatArray], size: tuple[int, int], embed: Callable[[FloatArray], FloatArray]
) -> IntArray:
    """Find regions whose spectra differ only by how far the same signal stands above white noise.

    A darker part of one structure counts fewer electrons: its power spectrum is that of the
    brighter part times a factor, plus more of the flat spectrum of counting noise.

    Parameters
    ----------
    regions : list of ndarray of float32, shape (window, feature)
        Square roots of amplitudes (half plane) of windows deep inside each region.
    size : tuple of int
        Window size in pixels, (y, x).
    embed : callable
        Turns spectra of shape (spectrum, feature) into coordinates in units of noise.

    Returns
    -------
    ndarray of int, shape (region,)
        Number of the structure of each region.
    """
    weights = np.tile(half_plane_weights(size), size[0])
    powers = np.array([_mean_power(spectra, weights) for spectra in regions])
    used = _away_from_zero(size)
    noise = np.full(powers.shape[1], powers.mean())
    same = np.zeros((len(regions), len(regions)), bool)
    for i, dim in enumerate(powers):
        flat = np.where(used, dim[used].mean(), dim)
        for j, bright in enumerate(powers):
            if i == j:
                continue
            model = np.where(used, _fitted(dim, np.stack([bright, noise]), used), dim)
            candidates = np.stack([dim, model, bright, flat])
            place = embed((np.maximum(candidates, 0) ** 0.25 * weights).astype(np.float32))
            unexplained, difference, signal = np.linalg.norm(place[0] - place[1:], axis=1)
            same[i, j] = unexplained < _UNEXPLAINED * min(difference, signal)
    return _numbered(same | same.T)


def _numbered(same: BoolArray) -> IntArray:
    """Return numbers that are equal where a chain of equals leads from one to the other, in the order of the first."""
    reached = same | np.eye(len(same), dtype=bool)
    for _ in range(len(same).bit_length()):  # each product doubles the length of the chains
        reached = reached @ reached
    return np.asarray(np.unique(reached.argmax(axis=1), return_inverse=True)[1])


def _mean_power(spectra: FloatArray, weights: FloatArray) -> FloatArray:
    power = spectra / weights
    power *= power
    power *= power
    return np.asarray(power.mean(axis=0, dtype=np.float64))


def _away_from_zero(size: tuple[int, int]) -> BoolArray:
    along_y = np.fft.fftfreq(size[0], 1 / size[0])[:, None]
    along_x = np.arange(size[1] // 2 + 1)[None, :]
    return np.asarray(np.hypot(along_y, along_x) > _NEAR_ZERO).ravel()


def _fitted(target: FloatArray, parts: FloatArray, used: BoolArray) -> FloatArray:
    """Fit a power spectrum by non-negative multiples of others; its errors are relative ones."""
    wanted, columns = target[used], parts[:, used].T
    scale = np.maximum(wanted, _TINY * wanted.max() + _TINY)
    floor = 1e-3 * wanted.mean() + _TINY
    for _ in range(_FITTING_ROUNDS):
        shown = columns / scale[:, None]
        amounts = nonnegative_least_squares((wanted / scale @ shown)[None], shown.T @ shown)[0]
        scale = np.maximum(columns @ amounts, floor)
    return np.asarray(amounts @ parts)
