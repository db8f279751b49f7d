"""From a peer's maps of windows to regions of pixels, as favourably to the peer as can be."""

from __future__ import annotations

import numpy as np


def origins(length: int, window: int, step: int) -> np.ndarray:
    """Return where the windows begin that lie within `length` pixels; the peers leave the rest out."""
    return np.arange(0, length - window + 1, step)


def readings(
    loadings: np.ndarray, factors: np.ndarray, shape: tuple[int, int], *, window: int, step: int
) -> np.ndarray:
    """Assign each pixel to the strongest component, in the two ways in which users compare maps.

    Parameters
    ----------
    loadings : ndarray, shape (component, window_y, window_x)
        Weights as the peer returns them.
    factors : ndarray, shape (component, ...)
        Spectra as the peer returns them.
    shape : tuple of int
        Rows and columns of the image.
    window, step : int
        Side and distance of the windows in pixels.

    Returns
    -------
    ndarray of int16, shape (2, y, x)
        Labels by loadings times their factor's norm (an NMF may put a component's size into
        either), and by loadings relative to their own maximum (as side by side figures show them).

    Notes
    -----
    The maps are interpolated between the true centres of the windows before they are compared,
    which gives smoother boundaries than blocks of a step's size. Pixels beyond the outermost
    centres take the nearest window's values.
    """
    norms = np.linalg.norm(factors.reshape(len(factors), -1), axis=1)
    maxima = loadings.max(axis=(1, 2))
    pixels = _to_pixels(loadings, shape, window, step)
    scales = (norms, 1 / np.where(maxima > 0, maxima, 1))
    return np.stack([(pixels * scale[:, None, None]).argmax(axis=0) for scale in scales]).astype(np.int16)


def _to_pixels(maps: np.ndarray, shape: tuple[int, int], window: int, step: int) -> np.ndarray:
    for axis in (1, 2):
        length = shape[axis - 1]
        centres = origins(length, window, step) + (window - 1) / 2
        position = np.interp(np.arange(length), centres, np.arange(len(centres)))
        below = position.astype(int)
        above = np.minimum(below + 1, len(centres) - 1)
        part = (position - below).reshape((-1, 1) if axis == 1 else -1)
        maps = maps.take(below, axis) * (1 - part) + maps.take(above, axis) * part
    return maps
