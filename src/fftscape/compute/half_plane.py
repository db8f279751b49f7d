"""The half plane: what each of its frequencies counts for."""

from __future__ import annotations

import numpy as np

from fftscape.model.arrays import FloatArray
from fftscape.model.settings import Pair


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
