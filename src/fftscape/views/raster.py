"""Images made fit for the screen: fewer pixels, grey levels, colours of labels, axis order (y, x)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import FloatArray
from fftscape.views.style import NO_DATA, component_colour

# Enough for a figure 6 inches wide at 150 dots per inch.
SCREEN = 900


@dataclass(frozen=True, eq=False)
class Blocks:
    """An image of block means.

    Parameters
    ----------
    values : ndarray of float, shape (block_y, block_x)
        NaN where a block holds no finite pixel.
    factor : tuple of int
        Pixels of a block along y and x; the last blocks may hold fewer and still count as whole ones.
    """

    values: FloatArray
    factor: tuple[int, int]

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Grey limits of every picture of these blocks."""
        return contrast(self.values)


def block_factor(shape: tuple[int, ...], limit: int = SCREEN) -> tuple[int, int]:
    """Return how many pixels of each axis make one, so that at most `limit` remain."""
    return -(-shape[0] // limit), -(-shape[1] // limit)


def block_means(data: npt.NDArray[Any], *, limit: int = SCREEN) -> Blocks:
    """Return the means of blocks of pixels, at most `limit` along an axis; NaN and infinity do not count.

    Examples
    --------
    >>> block_means(np.array([[1.0, 3.0, np.nan, 8.0, 5.0]]), limit=3).values.tolist()
    [[2.0, 8.0, 5.0]]
    """
    factor = block_factor(data.shape, limit)
    if factor == (1, 1):
        values = data.astype(np.float64)
        values[~np.isfinite(values)] = np.nan
        return Blocks(values, factor)
    # In bands of rows, so that a huge image is never held twice in float64.
    band = factor[0] * max(1, 2_000_000 // (factor[0] * data.shape[1]))
    bands = [_means(data[row : row + band], factor) for row in range(0, data.shape[0], band)]
    return Blocks(np.concatenate(bands), factor)


def _means(data: npt.NDArray[Any], factor: tuple[int, int]) -> FloatArray:
    values = data.astype(np.float64)
    good = np.isfinite(values)
    values[~good] = 0
    total = _sums(_sums(values, factor[0]).T, factor[1]).T
    count = _sums(_sums(good.astype(np.float32), factor[0]).T, factor[1]).T
    means = np.full(total.shape, np.nan)
    np.divide(total, count, out=means, where=count > 0)
    return means


def _sums(values: FloatArray, factor: int) -> FloatArray:
    """Return the sums of so many rows each; the last one may be of fewer."""
    sums = values[::factor].copy()
    for shift in range(1, factor):  # a row at a time: much faster than sums along a short axis
        others = values[shift::factor]
        sums[: len(others)] += others
    return sums


def contrast(values: FloatArray) -> tuple[float, float]:
    """Return the grey limits: the 0.5 and 99.5 percentiles of what is finite, never equal.

    Examples
    --------
    >>> contrast(np.full((2, 2), 7.0))
    (6.5, 7.5)
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(finite, [0.5, 99.5]))
    if high > low:
        return low, high
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def rgb(colour: str) -> FloatArray:
    """Return a colour '#rrggbb' as three numbers from 0 to 1."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def greyscale(blocks: Blocks) -> FloatArray:
    """Return an image of shape (y, x, 3), stretched by percentiles; no data is light grey."""
    low, high = blocks.limits
    grey = ((blocks.values - low) / (high - low)).clip(0, 1)
    return np.where(np.isfinite(blocks.values)[..., None], grey[..., None], rgb(NO_DATA))


def labels_over(blocks: Blocks, labels: npt.NDArray[np.int16], *, opacity: float = 0.5) -> FloatArray:
    """Return the grey image with each label's colour laid over it, shape (block_y, block_x, 3).

    Parameters
    ----------
    blocks : Blocks
        The image.
    labels : ndarray of int, shape (y, x)
        Component of each pixel; -1 keeps the image uncoloured.
    opacity : float
        Of the colour.
    """
    picture = greyscale(blocks)
    # The middle pixel stands for its block; the last block may be cut short.
    middles = [np.minimum(np.arange(0, n, f) + f // 2, n - 1) for n, f in zip(labels.shape, blocks.factor, strict=True)]
    picked = labels[np.ix_(*middles)]
    # The last row, which stands for no label, is never seen.
    colours = np.array([*(rgb(component_colour(k)) for k in range(int(picked.max(initial=-1)) + 1)), rgb(NO_DATA)])
    weights = np.where(picked >= 0, opacity, 0.0)[..., None]
    return np.asarray((1 - weights) * picture + weights * colours[picked])
