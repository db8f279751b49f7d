"""Tapers: what fades a window out towards its edges."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from fftscape.model.arrays import FloatArray
from fftscape.model.settings import Pair, Taper


def _raised_cosine(length: int, pedestal: float) -> FloatArray:
    # Samples at half-integers: symmetric, no zero at the ends, same spectrum as the periodic form.
    return (1 + pedestal) / 2 - (1 - pedestal) / 2 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length)


_TAPERS: Mapping[Taper, Callable[[int], FloatArray]] = {
    "hann": lambda length: _raised_cosine(length, 0.0),
    "hamming": lambda length: _raised_cosine(length, 0.08),
    "none": lambda length: np.ones(length),
}


def profile(length: int, kind: Taper) -> FloatArray:
    """Return the taper along one axis.

    Parameters
    ----------
    length : int
        Window size along the axis.
    kind : {'hann', 'hamming', 'none'}
        Raised cosine down to 0 or 0.08, or a constant.

    Returns
    -------
    ndarray of float64, shape (length,)
        Symmetric.
    """
    return _TAPERS[kind](length)


def taper(size: Pair, kind: Taper) -> FloatArray:
    """Return the taper of a window.

    Parameters
    ----------
    size : tuple of int
        Window size (y, x).
    kind : {'hann', 'hamming', 'none'}
        Raised cosine down to 0 or 0.08, or a constant.

    Returns
    -------
    ndarray of float64, shape (y, x)
        Outer product of the two one-dimensional tapers.

    Examples
    --------
    >>> taper((2, 4), "hann").round(3).tolist()
    [[0.073, 0.427, 0.427, 0.073], [0.073, 0.427, 0.427, 0.073]]
    """
    return np.outer(profile(size[0], kind), profile(size[1], kind))
