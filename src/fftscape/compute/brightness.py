"""Brightness: mean spectra of regions in, which of them are one structure under other light out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fftscape.compute.half_plane import half_plane_weights
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
    noise = powers.mean()
    same = np.zeros((len(regions), len(regions)), bool)
    for i, dim in enumerate(powers):
        others = np.delete(np.arange(len(regions)), i)
        flat = np.where(used, dim[used].mean(), dim)
        models = np.tile(dim, (len(others), 1))
        models[:, used] = _fitted(dim[used], powers[others][:, used], noise)
        candidates = np.concatenate([[dim, flat], powers[others], models])
        places = embed((np.sqrt(np.sqrt(np.maximum(candidates, 0))) * weights).astype(np.float32))
        signal, *away = np.linalg.norm(places[0] - places[1:], axis=1)
        difference, unexplained = np.reshape(away, (2, -1))
        same[i, others] = unexplained < _UNEXPLAINED * np.minimum(difference, signal)
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


def _fitted(target: FloatArray, others: FloatArray, noise: float) -> FloatArray:
    """Fit a power spectrum by a non-negative multiple of each of others, and of flat noise, with relative errors."""
    parts = np.stack([others, np.full_like(others, noise)], axis=1)
    scale = np.broadcast_to(np.maximum(target, _TINY * target.max() + _TINY), others.shape)
    floor = 1e-3 * target.mean() + _TINY
    for _ in range(_FITTING_ROUNDS):
        shown = parts / scale[:, None]
        amounts = _pairs_of_weights(shown @ shown.swapaxes(1, 2), (shown @ (target / scale)[..., None])[..., 0])
        fitted = (amounts[:, None] @ parts)[:, 0]
        scale = np.maximum(fitted, floor)
    return np.asarray(fitted)


def _pairs_of_weights(gram: FloatArray, readings: FloatArray) -> FloatArray:
    """Solve least squares for two non-negative weights, many times: shapes (problem, 2, 2) and (problem, 2)."""
    own = np.einsum("pkk->pk", gram)
    alone = np.maximum(readings, 0) / np.where(own > 0, own, 1)
    # Where both cannot be, the one is left that explains more.
    weaker = np.argmin(alone * readings, axis=1)
    alone[np.arange(len(alone)), weaker] = 0
    determinant = own[:, 0] * own[:, 1] - gram[:, 0, 1] ** 2
    solvable = determinant > _TINY * own[:, 0] * own[:, 1]
    both = (own[:, ::-1] * readings - gram[:, :1, 1] * readings[:, ::-1]) / np.where(solvable, determinant, 1)[:, None]
    return np.where((solvable & (both.min(axis=1) >= 0))[:, None], both, alone)
