"""Blank margins of an image: pixels in, how far nothing goes on from each edge out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import BoolArray, FloatArray, IntArray

Pixels = npt.NDArray[Any]

# Blank corners are at least so thick, and the edge of the image beside them is convex up to so many pixels, over so
# many rows. The image begins at once: its first pixels are at least this part as far from the blank value as those
# so many pixels further in, and they differ from one another.
_THICK, _STRAIGHT, _LEAST_ROWS = 3, 1.2, 32
_SHARP, _BEYOND, _REPEATED = 0.5, 6, 0.5


def blank_rows(data: Pixels) -> int:
    """Count the rows at the beginning that all hold one value, as drift correction and stitching leave them.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Pixel values of any real dtype.

    Returns
    -------
    int
        0 where flat rows belong to the image: to its pattern, its empty background, or all of it.

    Examples
    --------
    >>> pixels = np.random.default_rng(0).normal(size=(90, 120))
    >>> pixels[:10] = 0
    >>> blank_rows(pixels), blank_rows(pixels.T)
    (10, 0)
    """
    value = data[0, 0]
    count = 0
    while count < len(data) and (data[count] == value).all():
        count += 1
    if count == len(data):
        return 0
    row = data[count]
    # A single row may be chance, a constant row of another value next to them makes them stripes, and
    # where most of the next row goes on with the same value they are an image's empty background.
    if count < 2 or (row == row[0]).all() or np.mean(row != value) <= 0.5:
        return 0
    # Blank rows further inside belong to a pattern, unless they reach the other edge.
    others = np.flatnonzero((data[count:] == value).all(axis=1)) + count
    return count if not len(others) or len(data) - others[0] == len(others) else 0


def blank_lengths(data: Pixels, value: Any) -> IntArray:
    """Count the pixels at the beginning of each row that are blank because a convex image ends there.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Pixel values of any real dtype.
    value : number
        The value of blank pixels.

    Returns
    -------
    ndarray of int, shape (y,)
        0 everywhere unless a corner is blank, the edge of what is blank is concave and sharp, and
        the image beyond it varies.

    Examples
    --------
    >>> pixels = np.random.default_rng(0).normal(size=(90, 120))
    >>> pixels[np.tri(90, 120, -70, dtype=bool)] = 0
    >>> lengths = blank_lengths(pixels, 0)
    >>> int(lengths.max()), int(lengths[:70].max())
    (20, 0)
    """
    none = np.zeros(len(data), np.int64)
    corners = [(part == value).all() for end in (data, data[::-1]) for part in (end[0, :_THICK], end[:_THICK, 0])]
    if not any(corners):
        return none
    differs = data != value
    lengths: IntArray = np.where(differs.any(axis=1), differs.argmax(axis=1), data.shape[1])
    rows = np.flatnonzero(lengths < data.shape[1])
    if len(rows) < _LEAST_ROWS or len(rows) != np.ptp(rows) + 1:
        return none
    hull = _lower_hull(rows, lengths[rows])
    blank = lengths[rows] > 0
    excess = (lengths[rows] - hull) / np.hypot(1, np.gradient(hull))
    is_straight = np.quantile(excess[blank], 0.98) <= _STRAIGHT if blank.any() else False
    inner = blank & (hull >= 1) & (lengths[rows] + _BEYOND < data.shape[1])
    if not is_straight or inner.sum() < _THICK or hull.max() < _THICK or not _is_image(data, rows, lengths, inner):
        return none
    lengths[rows] = np.where(hull >= 1, lengths[rows], 0)
    return lengths


def _is_image(data: Pixels, rows: IntArray, lengths: IntArray, inner: BoolArray) -> bool:
    """Tell whether what lies beyond blank pixels differs from them at once, and from pixel to pixel."""
    rows = rows[inner]
    first = lengths[rows]
    value = float(data[rows[0], 0])
    near, far = (np.median(np.abs(data[rows, first + by].astype(np.float64) - value)) for by in (1, _BEYOND))
    return bool(near >= _SHARP * far) and bool(np.mean(data[rows, first + 1] == data[rows, first + 2]) <= _REPEATED)


def _lower_hull(positions: IntArray, values: IntArray) -> FloatArray:
    """Return the largest convex function below the values."""
    kept: list[int] = []
    for index in range(len(positions)):
        while len(kept) > 1:
            before, last = kept[-2], kept[-1]
            rise = (values[last] - values[before]) * (positions[index] - positions[before])
            if rise < (values[index] - values[before]) * (positions[last] - positions[before]):
                break
            kept.pop()
        kept.append(index)
    return np.interp(positions, positions[kept], values[kept])
