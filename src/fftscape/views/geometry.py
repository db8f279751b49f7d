"""Where things lie on the page: extents of images, maps and factors in physical units, axis order (y, x)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fftscape.model.analysis import AnalysisRecord
from fftscape.model.arrays import BoolArray, FloatArray
from fftscape.model.image import Image
from fftscape.model.settings import Scaling

LONGEST = 8.0
_STRONG: dict[Scaling, float] = {"amplitude": 1 / 16, "sqrt": 1 / 4, "log": 1 / 4}


@dataclass(frozen=True)
class Extent:
    """A rectangle on the page; `top` is the first row's upper edge, so `top` < `bottom`."""

    left: float
    right: float
    bottom: float
    top: float

    @property
    def for_imshow(self) -> tuple[float, float, float, float]:
        """The order in which matplotlib's ``imshow`` wants it."""
        return self.left, self.right, self.bottom, self.top

    @property
    def ratio(self) -> float:
        """Height divided by width."""
        return (self.bottom - self.top) / (self.right - self.left)


def image_extent(image: Image) -> Extent:
    """Return the image's edges in its unit; the first pixel's centre is the origin.

    Examples
    --------
    >>> image_extent(Image(np.zeros((3, 4)), pixel_size=(0.5, 0.25), unit="nm"))
    Extent(left=-0.125, right=0.875, bottom=1.25, top=-0.25)
    """
    (rows, columns), (dy, dx) = image.shape, image.pixel_size
    return Extent(-0.5 * dx, (columns - 0.5) * dx, (rows - 0.5) * dy, -0.5 * dy)


def cell_edges(centres: FloatArray, size: int, length: int) -> FloatArray:
    """Return the edges of the cells that stand for windows, in pixels.

    A cell reaches half-way to its neighbours, the outer ones as far outwards as inwards, but never
    past the image; a single window's cell is the window itself.

    Parameters
    ----------
    centres : ndarray of float, shape (window,)
        Window centres in pixels, rising.
    size, length : int
        Window size and image size along this axis, in pixels.

    Returns
    -------
    ndarray of float, shape (window + 1,)
        In pixels, rising.

    Examples
    --------
    >>> cell_edges(np.array([3.5, 7.5, 10.5]), 8, 15).tolist()
    [1.5, 5.5, 9.0, 12.0]
    """
    if len(centres) == 1:
        half = size / 2
        return np.array([centres[0] - half, centres[0] + half])
    between = (centres[1:] + centres[:-1]) / 2
    edges = np.concatenate([[2 * centres[0] - between[0]], between, [2 * centres[-1] - between[-1]]])
    return edges.clip(-0.5, length - 0.5)


def map_edges(record: AnalysisRecord) -> tuple[FloatArray, FloatArray]:
    """Return the edges (y, x) of a map's cells in the image's unit."""
    grid, (dy, dx) = record.grid, record.image.pixel_size
    return (
        cell_edges(grid.centres_y, grid.size[0], grid.image_shape[0]) * dy,
        cell_edges(grid.centres_x, grid.size[1], grid.image_shape[1]) * dx,
    )


def factor_extent(record: AnalysisRecord) -> Extent:
    """Return the edges of a factor in cycles per unit; each frequency is the centre of its cell."""
    ky, kx = record.frequency_y, record.frequency_x
    half_y, half_x = (0.5 / (n * d) for n, d in zip(record.grid.size, record.image.pixel_size, strict=True))
    return Extent(float(kx[0] - half_x), float(kx[-1] + half_x), float(ky[-1] + half_y), float(ky[0] - half_y))


def away_from_zero(shape: tuple[int, ...]) -> BoolArray:
    """Return True for every frequency of a factor but zero and its neighbours, which hold slow brightness."""
    mask = np.ones(shape, bool)
    middle_y, middle_x = (n // 2 for n in shape)
    mask[max(0, middle_y - 1) : middle_y + 2, max(0, middle_x - 1) : middle_x + 2] = False
    return mask


def factor_view(record: AnalysisRecord) -> Extent:
    """Return the part of a factor worth looking at: 1.5 times as far out as the outermost strong frequency.

    Strong is what reaches a sixteenth of the amplitude of its component's maximum. The view is the
    same for all components of a result, so that their factors compare at a glance; at least six
    frequencies either side of zero stay in it.
    """
    whole, factors = factor_extent(record), record.factors
    away = np.where(away_from_zero(factors.shape[1:]), factors, 0)
    level = _STRONG[record.settings.spectra.scaling] * away.max(axis=(1, 2), keepdims=True)
    strong = ((away >= level) & (away > 0)).any(axis=0)
    if not strong.any():
        return whole
    radius = np.hypot(record.frequency_y[:, None], record.frequency_x)
    steps = [1 / (n * d) for n, d in zip(record.grid.size, record.image.pixel_size, strict=True)]
    reach = max(1.5 * float(radius[strong].max()), 6.5 * max(steps))
    return Extent(max(whole.left, -reach), min(whole.right, reach), min(whole.bottom, reach), max(whole.top, -reach))


def display_aspect(extent: Extent) -> float:
    """Return how many times taller than true an image is drawn: 1, except for very long strips.

    A strip longer than 8 to 1 would be a line a few pixels wide; it is drawn 8 to 1.
    """
    return float(np.clip(extent.ratio, 1 / LONGEST, LONGEST) / extent.ratio)
