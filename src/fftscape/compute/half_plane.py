"""The half plane: what each of its frequencies counts for, and the way to the full plane and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import FloatArray
from fftscape.model.settings import Pair


def n_features(size: Pair) -> int:
    """Return how many frequencies the half plane of a window has.

    Examples
    --------
    >>> n_features((8, 6))
    32
    """
    return size[0] * (size[1] // 2 + 1)


def half_plane_weights(size: Pair) -> FloatArray:
    """Return sqrt(number of full-plane frequencies each half-plane column stands for).

    Parameters
    ----------
    size : tuple of int
        Window size (y, x).

    Returns
    -------
    ndarray of float64, shape (size[1] // 2 + 1,)
        1 for zero and (even sizes) the Nyquist column, sqrt(2) elsewhere.

    Examples
    --------
    >>> (half_plane_weights((8, 6)) ** 2).round(6).tolist()
    [1.0, 2.0, 2.0, 1.0]
    """
    weights = np.full(size[1] // 2 + 1, np.sqrt(2.0))
    weights[0] = 1
    if size[1] % 2 == 0:
        weights[-1] = 1
    return weights


def to_full_plane(features: FloatArray, size: Pair) -> npt.NDArray[np.float32]:
    """Turn half-plane features into centred full-plane spectra of the same Euclidean norm.

    Parameters
    ----------
    features : ndarray, shape (..., feature)
        As in `LocalSpectra.values`.
    size : tuple of int
        Window size (y, x).

    Returns
    -------
    ndarray of float32, shape (..., frequency_y, frequency_x)
        Zero frequency at index ``size // 2`` of both axes; point-symmetric about it.
    """
    height, width = size
    half = features.reshape(*features.shape[:-1], height, width // 2 + 1) / half_plane_weights(size)
    mirrored_rows = -np.arange(height) % height
    mirrored = half[..., mirrored_rows, :][..., (width - 1) // 2 : 0 : -1]
    full = np.concatenate([half, mirrored], axis=-1)
    return np.fft.fftshift(full, axes=(-2, -1)).astype(np.float32)


def to_half_plane(spectra: FloatArray) -> npt.NDArray[np.float32]:
    """Turn centred full-plane spectra into half-plane features; the inverse of `to_full_plane`.

    Parameters
    ----------
    spectra : ndarray, shape (..., frequency_y, frequency_x)
        Point-symmetric spectra with zero frequency at index ``size // 2``.

    Returns
    -------
    ndarray of float32, shape (..., feature)
        As in `LocalSpectra.values`.
    """
    height, width = spectra.shape[-2:]
    half = np.fft.ifftshift(spectra, axes=(-2, -1))[..., : width // 2 + 1] * half_plane_weights((height, width))
    return half.reshape(*spectra.shape[:-2], -1).astype(np.float32)
