"""Rectangles of one value that end sharply, as programs draw them: pixels in, where they lie out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import ceil, floor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import BoolArray, IntArray

Pixels = npt.NDArray[Any]

# Whole numbers of so many bytes are exact as the floats that bounds are.
_EXACT_BYTES = 4
# What JPEG and the conversion from colour leave of the darkest and brightest value, as a part of the range.
_NEARLY = 0.04
# What is wider than this part of the image crosses it.
_WIDEST = 0.9
# A rectangle is framed by its value to this part, and filled to that: something may be written inside.
_FRAMED, _HALF = 0.97, 0.5
# What is more common than this is a background or a part of the image.
_COMMON = 0.3
# Rows are looked at first in so many pixels of each half of a run.
_PROBED = 8
# The pixels around it hold at most this part of its value, and most of them differ from their neighbours.
_OUTSIDE, _REPEATED = 0.15, 0.5
# They are at least this part as far from its value as those so many pixels further out: images have softer edges.
_SHARP, _FURTHER = 0.7, 3
# Outlines and soft edges around a rectangle are at most so thick.
_OUTLINE = 6


class Rectangle(NamedTuple):
    """First row and column, and the row and column after the last."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """What cuts it out of an array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, rows: int, columns: int, shape: tuple[int, ...]) -> Rectangle:
        """Return it with so many rows and columns more on each side, cut off at the image's edge."""
        return Rectangle(
            max(self.top - rows, 0),
            max(self.left - columns, 0),
            min(self.bottom + rows, shape[0]),
            min(self.right + columns, shape[1]),
        )

    def __str__(self) -> str:
        """Say where it lies, counting from 0."""
        return f"rows {self.top} to {self.bottom - 1}, columns {self.left} to {self.right - 1}"


class Values(NamedTuple):
    """A range of values."""

    least: float
    most: float

    def tell(self, pixels: Pixels) -> BoolArray:
        """Tell which pixels are in the range."""
        if pixels.dtype.kind not in "iu" or pixels.dtype.itemsize > _EXACT_BYTES:
            return (pixels >= self.least) & (pixels <= self.most)
        # As they are: beside a float they would be converted first.
        limits, number = np.iinfo(pixels.dtype), pixels.dtype.type
        least, most = max(ceil(self.least), limits.min), min(floor(self.most), limits.max)
        if least > most:
            return np.zeros(pixels.shape, bool)
        return np.asarray((pixels >= number(least)) & (pixels <= number(most)))


class Drawn(NamedTuple):
    """A rectangle that was drawn into an image.

    Parameters
    ----------
    where : Rectangle
        The rectangle with its outline.
    inner : Rectangle
        The rectangle without.
    values : Values
        Which values it has.
    on_varied : bool
        Whether what surrounds it is image, and not flat itself.
    is_extreme : bool
        Whether its value is the darkest or the brightest one.
    """

    where: Rectangle
    inner: Rectangle
    values: Values
    on_varied: bool
    is_extreme: bool


def drawn_rectangles(data: Pixels, least: int) -> list[Drawn]:
    """Find rectangles of one value that end sharply.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Pixel values of any real dtype.
    least : int
        The smallest width that counts, in pixels.

    Returns
    -------
    list of Drawn
        Of the darkest and the brightest value (nearly, as compression leaves them) and of any
        other (exactly); what is written inside a rectangle does not matter.

    Examples
    --------
    >>> pixels = np.random.default_rng(0).normal(size=(60, 90))
    >>> pixels[40:44, 10:50] = 9
    >>> [str(drawn.where) for drawn in drawn_rectangles(pixels, 20)]
    ['rows 40 to 43, columns 10 to 49']
    """
    finite = data[np.isfinite(data)] if data.dtype.kind == "f" else data
    lowest, highest = float(finite.min()), float(finite.max())
    slack = _NEARLY * (highest - lowest)
    dark, bright = Values(lowest, lowest + slack), Values(highest - slack, highest)
    found: list[Drawn | None] = []
    for kind in ((dark,), (bright,), (dark, bright)):
        for place in _places(data, partial(_of_kinds, kind), least, least):
            is_dark = float(np.median(data[place.slices])) <= dark.most
            found.append(_drawn(data, place, dark if is_dark else bright, partial(_of_kinds, kind)))
    for place in _places(data, _equal_neighbours, least - 1, least):
        value = float(data[place.top, place.left])  # each row of a rectangle begins at its left edge
        found.append(_drawn(data, place, Values(value, value), None))
    # The parts of an outline, and what is written in a box, are no rectangles of their own.
    kept: list[Drawn] = []
    for drawn in sorted(filter(None, found), key=lambda drawn: -drawn.inner.height * drawn.inner.width):
        if not any(_touch(drawn.inner, other.where) for other in kept):
            kept.append(drawn)
    return kept


def _of_kinds(kinds: tuple[Values, ...], pixels: Pixels, columns: slice | None = None) -> BoolArray:
    """Tell which pixels, or those in some columns of them, are in one of some ranges."""
    pixels = pixels if columns is None else pixels[:, columns]
    flags = kinds[0].tell(pixels)
    for kind in kinds[1:]:
        flags |= kind.tell(pixels)
    return flags


def _equal_neighbours(rows: Pixels, columns: slice) -> BoolArray:
    """Tell which pixels in some columns have the same value as the next one."""
    return np.asarray(rows[:, 1:][:, columns] == rows[:, :-1][:, columns])


def _long_runs(flags: BoolArray, least: int) -> BoolArray:
    """Keep the beginning of runs along rows of at least `least` true pixels: all but the last `least - 1` of each."""
    length, kept = 1, flags
    while length < least:
        by = min(length, least - length)
        kept = kept[:, : kept.shape[1] - by] & kept[:, by:]
        length += by
    return kept


def _rows_with_runs(tell: Callable[[slice], BoolArray], width: int, least: int) -> IntArray:
    """Choose the rows that may hold a run of at least `least` true flags, hardly any of most images.

    Only some columns are asked for: there are `width`, and few of them tell.
    """
    # Of equal parts half as long as a run it covers one from its first pixel on.
    part = max(1, least // 2)
    whole = width // part * part
    begin = tell(slice(0, whole, part))
    for further in range(1, min(part, _PROBED)):
        if not begin.any():
            break
        begin &= tell(slice(further, whole, part))
    return np.flatnonzero(begin.any(axis=1))


def _places(data: Pixels, tell: Callable[[Pixels, slice], BoolArray], length: int, least: int) -> Iterator[Rectangle]:
    """Yield the bounds of connected runs, in at least two rows, that do not cross the image.

    A run is of at least `length` true flags, which tell of `least` pixels; `tell` gives those of some rows and columns.
    """
    width = data.shape[1] - (least - length)
    rows = _rows_with_runs(lambda columns: tell(data, columns), width, length)
    if not len(rows):
        return
    runs = _long_runs(tell(data[rows], slice(None)), length)
    rows, runs = rows[runs.any(axis=1)], runs[runs.any(axis=1)]
    if not len(rows) or np.count_nonzero(runs) > _COMMON * len(data) * runs.shape[1]:
        return
    from scipy import ndimage

    first = int(rows[0])
    between = np.zeros((int(rows[-1]) + 1 - first, runs.shape[1]), bool)
    between[rows - first] = runs
    labelled, _ = ndimage.label(between)
    for place in ndimage.find_objects(labelled):
        found = Rectangle(place[0].start + first, place[1].start, place[0].stop + first, place[1].stop + least - 1)
        if found.height > 1 and found.width <= _WIDEST * data.shape[1]:
            yield found


def _drawn(data: Pixels, inner: Rectangle, values: Values, tell: Callable[[Pixels], BoolArray] | None) -> Drawn | None:
    """Return what is drawn at a place, of pixels that are told or of exactly the values; None where nothing is."""
    is_extreme, tell = tell is not None, tell or values.tell
    within = tell(data[inner.slices])
    rows, columns = (np.flatnonzero(within.mean(axis=axis) > _HALF) for axis in (1, 0))
    if len(rows) < 2 or not len(columns):
        return None
    # Single pixels that are equal by chance may stick out.
    bounds = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    within = within[bounds[0] : bounds[2], bounds[1] : bounds[3]]
    inner = Rectangle(inner.top + bounds[0], inner.left + bounds[1], inner.top + bounds[2], inner.left + bounds[3])
    framed = np.concatenate([within[0], within[-1], within[:, 0], within[:, -1]]).mean()
    if framed < _FRAMED or within.mean() < _HALF:
        return None
    outside = tell(_around(data, inner))
    if outside.mean() > _OUTSIDE or not _ends_sharply(data, inner):
        return None
    where = _with_outline(data, inner)
    around = _around(data, where)
    return Drawn(where, inner, values, bool(np.mean(around[1:] == around[:-1]) < _REPEATED), is_extreme)


def _with_outline(data: Pixels, inner: Rectangle) -> Rectangle:
    """Add the outline: what is nearly of one value around it, unless that goes on."""
    where, slack = inner, _NEARLY * float(np.ptp(data[inner.grown(_OUTLINE, _OUTLINE, data.shape).slices]))
    for _ in range(_OUTLINE):
        around = _around(data, where).astype(np.float64)
        if np.mean(np.abs(around - np.median(around)) <= slack) < _FRAMED:
            return where
        where = where.grown(1, 1, data.shape)
    return inner


def _ends_sharply(data: Pixels, inner: Rectangle) -> bool:
    """Tell whether the first pixels outside are as far from the value as those a little further out."""
    value = float(np.median(data[inner.slices]))
    next_to, further = (
        float(np.median(np.abs(_around(data, inner.grown(by, by, data.shape)).astype(np.float64) - value)))
        for by in (0, _FURTHER)
    )
    return next_to >= _SHARP * further


def _around(values: npt.NDArray[Any], inner: Rectangle) -> npt.NDArray[Any]:
    """Return the pixels that touch a rectangle from outside, but for the corners."""
    rows, columns = inner.slices
    sides = []
    if inner.top > 0:
        sides.append(values[inner.top - 1, columns])
    if inner.bottom < values.shape[0]:
        sides.append(values[inner.bottom, columns])
    if inner.left > 0:
        sides.append(values[rows, inner.left - 1])
    if inner.right < values.shape[1]:
        sides.append(values[rows, inner.right])
    return np.concatenate(sides) if sides else values[:0, 0]


def _touch(one: Rectangle, other: Rectangle) -> bool:
    return one.top <= other.bottom and other.top <= one.bottom and one.left <= other.right and other.left <= one.right
