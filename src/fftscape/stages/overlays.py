"""What is in the pixels but not in the image: pixels in, `Overlays` (data bars, scale bars, blank edges) out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fftscape.compute.margins import blank_lengths, blank_rows
from fftscape.compute.rectangles import Drawn, Rectangle, Values, drawn_rectangles
from fftscape.model.arrays import BoolArray, ReadOnlyArrays

Pixels = npt.NDArray[Any]

# Below this side there is no room for anything to be written.
_SMALLEST = 32
# Pictures of fewer different values are label maps, drawings and checkerboards: flat places are what they show.
_FEW_VALUES = 16
_SAMPLE = 1 << 16
# Interpolation, compression and outlines soften what surrounds a thing by so many pixels.
_SOFT = 2

# A data bar has at least so many rows and at most this part of the image; lines in it, and remnants of the image
# outside it, are no thicker than `_LINE`.
_BAR_LEAST, _BAR_MOST, _LINE = 8, 0.4, 3
# Each of its rows holds this part of one value, those at its rim this one; the rest of the image at most the last.
_GROUND, _MARGIN, _ELSEWHERE = 0.4, 0.85, 0.3
# An image whose own rows are flat at more values than this consists of bands.
_FEW_BANDS = 2
# What JPEG and the conversion from colour leave of a value, as a part of the image's range.
_NEARLY = 0.03
# Columns in which rows are looked at first; odd, so that their median is one of the values.
_PROBES = 61
# What is written in a bar stands out by this part of the image's range, in at least so many strokes of this width.
_INK_CONTRAST, _STROKES, _STROKE_WIDTH = 0.25, 12, 0.02

# Boxes and scale bars are at least so long and at most so large, as parts of the image; more of them are a pattern.
_LENGTH, _BOX_LEAST, _BOX_MOST, _MOST_BOXES = 0.04, 0.002, 0.3, 6
# Compression leaves this part of a box at one value.
_CONSTANT = 0.4
# A scale bar is so many times as long as thick, and no thicker than this part of the image's height; its text lies
# within that part of it.
_SLENDER, _THIN, _TEXT_REACH = 3, 0.05, 0.08
# Letters have at least so many pixels in height and area; more than this part of a place is no text.
_LETTER_HEIGHT, _LETTER_AREA, _TEXT_MOST = 5, 8, 0.3
# Smoothed letters differ from their bar by this part of the range around them.
_SOFT_INK = 0.1


@dataclass(frozen=True, eq=False, repr=False)
class Overlays(ReadOnlyArrays):
    """What was burned into an image, and where.

    Parameters
    ----------
    mask : ndarray of bool, shape (y, x)
        True for pixels that are not image.
    sentences : tuple of str
        What was found, with its rows and columns, which count from 0.
    """

    mask: BoolArray
    sentences: tuple[str, ...]


class _Finding(NamedTuple):
    sentence: str
    mask: BoolArray


def find_overlays(data: Pixels) -> Overlays:
    """Find data bars, scale bars with their text, boxes, and blank edges and corners.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Pixel values of any real dtype; pixels that are not finite belong to nothing.

    Returns
    -------
    Overlays
        An empty mask and no sentence where there is nothing.

    Notes
    -----
    Zero background, saturated particles and other flat places of the image itself are told apart
    by their outlines: what was put in later has straight edges and ends within a pixel or two.

    Examples
    --------
    >>> pixels = np.random.default_rng(0).normal(size=(90, 120))
    >>> pixels[80:] = 0
    >>> find_overlays(pixels).sentences
    ('blank edges are left out (rows: 0 at the top, 10 at the bottom; columns: 0 at the left, 0 at the right)',)
    """
    if data.dtype == np.float16:  # slow to compare
        data = data.astype(np.float32)
    sentences: list[str] = []
    inside = Rectangle(0, 0, *data.shape)
    if min(data.shape) >= _SMALLEST:
        inside = _without_bars(data, sentences)
    inside = _without_blank_edges(data, inside, sentences)
    mask = np.ones(data.shape, bool)
    mask[inside.slices] = False
    within = data[inside.slices]
    if min(within.shape) >= _SMALLEST and not _has_few_values(within):
        for finding in [*_corners(within), *_boxes(within, inside)]:
            mask[inside.slices] |= finding.mask
            sentences.append(finding.sentence)
    return Overlays(mask, tuple(sentences))


def _has_few_values(data: Pixels) -> bool:
    step = max(1, int(np.sqrt(data.size / _SAMPLE)))
    return len(np.unique(data[::step, ::step])) < _FEW_VALUES


def _views(data: Pixels) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Turn an image so that its top, bottom, left and right come first."""
    return data, data[::-1], data.T, data.T[::-1]


def _without_bars(data: Pixels, sentences: list[str]) -> Rectangle:
    counts = [0, 0, 0, 0]
    span = _range(data)
    for side in range(4):
        within = data[counts[0] : data.shape[0] - counts[1], counts[2] : data.shape[1] - counts[3]]
        counts[side] = _bar(_views(within)[side], span)
        if counts[side]:
            axis = side // 2
            length = data.shape[axis]
            first = length - counts[side] if side % 2 else 0
            sentences.append(
                f"a data bar is left out ({('rows', 'columns')[axis]} {first} to {first + counts[side] - 1})"
            )
    return Rectangle(counts[0], counts[2], data.shape[0] - counts[1], data.shape[1] - counts[3])


def _range(data: Pixels) -> float:
    finite = data[np.isfinite(data)] if data.dtype.kind == "f" else data
    # Halves, because the difference of huge numbers would overflow.
    return 2 * (float(finite.max()) / 2 - float(finite.min()) / 2) if finite.size else 0.0


def _bar(data: Pixels, span: float) -> int:
    """Count the rows of the data bar at the beginning."""
    most = int(_BAR_MOST * len(data))
    probes = data[:most, np.linspace(0, data.shape[1] - 1, _PROBES).astype(int)]
    if most < _BAR_LEAST + _LINE:
        return 0
    for slack in (0.0, _NEARLY * span):
        # The value that most of the first rows hold mostly.
        ground = float(np.median(np.median(probes[: _BAR_LEAST + _LINE], axis=1)))
        if np.mean(np.abs(probes[_LINE:_BAR_LEAST] - ground) <= slack) < _GROUND:
            continue
        head = np.ascontiguousarray(data[: most + 4 * _LINE])
        count = _bar_rows(head, ground, slack)
        is_bar = count > 0 and bool(_is_near(data[count::4], ground, slack).mean() < _ELSEWHERE)
        if not is_bar:
            count = _framed_rows(head[:most], ground, span)
        if count and _is_written(data[:count], ground, span) and not _has_bands(data[count:], slack):
            return count
    return 0


def _bar_rows(data: Pixels, ground: float, slack: float) -> int:
    """Count the rows of one ground value at the beginning, with lines and an outline; 0 where they end gradually."""
    share = _is_near(data, ground, slack).mean(axis=1)
    rows = np.flatnonzero(share >= _GROUND)
    gaps = np.flatnonzero(np.diff(rows, prepend=-1) > _LINE + 1)
    rows = rows[: gaps[0]] if len(gaps) else rows
    if len(rows) < _BAR_LEAST:
        return 0
    count = int(rows[-1]) + 1
    if count > len(data) - 4 * _LINE or share[count - _LINE : count].max() < _MARGIN:
        return 0
    thickness = next((row for row in range(_LINE + 1) if not _is_line(data[count + row], slack)), 0)
    count += thickness
    beyond = share[count + 1 : count + 1 + 2 * _LINE]
    return count if beyond.max() < _GROUND else 0


def _is_near(data: Pixels, value: float, slack: float) -> BoolArray:
    return (data >= value - slack) & (data <= value + slack)


def _is_line(row: Pixels, slack: float) -> bool:
    return bool(_is_near(row, float(row[len(row) // 2]), slack).mean() > _MARGIN)


def _framed_rows(data: Pixels, ground: float, span: float) -> int:
    """Count the rows up to the innermost line that crosses the image, for a bar as dark as the image beside it."""
    stands_out = np.abs(data[:, 0].astype(np.float64) - ground) > _INK_CONTRAST * span
    lines = np.flatnonzero((data == data[:, :1]).all(axis=1) & stands_out)
    # More of them are stripes or a saturated part of the image.
    return int(lines[-1]) + 1 if 0 < len(lines) <= 2 * _LINE and lines[-1] >= _BAR_LEAST else 0


def _has_bands(rest: Pixels, slack: float) -> bool:
    """Tell whether the rest of the image is flat rows of several values too, or has hardly any values."""
    probes = rest[::4, :: max(1, rest.shape[1] // _PROBES)]
    if (probes == probes[0, 0]).all():  # an image as blank as its bar
        return False
    medians = np.median(probes, axis=1)
    is_flat = np.mean(np.abs(rest[::4] - medians[:, None]) <= slack, axis=1) >= _MARGIN
    return _has_few_values(rest) or len(np.unique(medians[is_flat])) > _FEW_BANDS


def _is_written(strip: Pixels, ground: float, span: float) -> bool:
    """Tell whether a strip holds what looks like text: many thin strokes that stand out."""
    stands_out = np.abs(strip.astype(np.float64) - ground) > _INK_CONTRAST * span
    ink = stands_out[stands_out.mean(axis=1) < 1 - _GROUND]
    edges = np.diff(ink.astype(np.int8), axis=1, prepend=0, append=0).ravel()
    lengths = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)
    return len(lengths) >= _STROKES and bool(np.median(lengths) <= max(8, _STROKE_WIDTH * strip.shape[1]))


def _without_blank_edges(data: Pixels, inside: Rectangle, sentences: list[str]) -> Rectangle:
    """Cut off the blank rows at the top and bottom and the blank columns at the left and right."""
    counts = [0, 0, 0, 0]
    found = True
    while found:  # a blank column of another value hides the blank rows it crosses until it is cut off
        found = False
        for side in range(4):
            within = data[inside.slices]
            if 0 in within.shape:
                break
            more = blank_rows(_views(within)[side])
            counts[side] += more
            found = found or more > 0
            top, left, bottom, right = inside
            inside = (
                Rectangle(top + more, left, bottom, right),
                Rectangle(top, left, bottom - more, right),
                Rectangle(top, left + more, bottom, right),
                Rectangle(top, left, bottom, right - more),
            )[side]
    if any(counts):
        top, bottom, left, right = counts
        sentences.append(
            f"blank edges are left out (rows: {top} at the top, {bottom} at the bottom; columns: "
            f"{left} at the left, {right} at the right)"
        )
    return inside


def _corners(data: Pixels) -> Iterator[_Finding]:
    """Find what turning, shearing or a round aperture leaves blank beside a convex image."""
    for direction, side in ((1, "left"), (-1, "right")):
        view = data[:, ::direction]
        for value in {view[0, 0], view[-1, 0]}:
            lengths = blank_lengths(view, value)
            if lengths.any():
                rows = np.flatnonzero(lengths)
                mask = np.arange(data.shape[1]) < np.where(lengths, lengths + _SOFT, 0)[:, None]
                yield _Finding(
                    f"blank corners at the {side} are left out ({len(rows)} rows, up to {int(lengths.max())} columns)",
                    mask[:, ::direction],
                )


def _boxes(data: Pixels, inside: Rectangle) -> Iterator[_Finding]:
    """Find blank boxes, with or without text in them, and scale bars with their text."""
    least = max(12, int(_LENGTH * data.shape[1]))
    kept = [drawn for drawn in drawn_rectangles(data, least) if _is_bar(drawn, data) or _is_box(drawn, data)]
    if len(kept) > _MOST_BOXES:
        return
    for drawn in kept:
        mask = np.zeros(data.shape, bool)
        mask[drawn.where.grown(_SOFT, _SOFT, data.shape).slices] = True
        where = Rectangle(
            drawn.where.top + inside.top,
            drawn.where.left + inside.left,
            drawn.where.bottom + inside.top,
            drawn.where.right + inside.left,
        )
        if _is_bar(drawn, data):
            text = _text_beside(drawn, data)
            mask |= text
            yield _Finding(f"a scale bar {'with its text ' if text.any() else ''}is left out ({where})", mask)
        else:
            yield _Finding(f"a box of one value is left out ({where})", mask)


def _is_bar(drawn: Drawn, data: Pixels) -> bool:
    inner, edge = drawn.inner, Rectangle(0, 0, *data.shape)
    return (
        inner.width >= _SLENDER * inner.height
        and inner.height <= _THIN * data.shape[0]
        and (drawn.on_varied or drawn.is_extreme)
        and not any(ours == its for ours, its in zip(inner, edge, strict=True))
    )


def _is_box(drawn: Drawn, data: Pixels) -> bool:
    share = drawn.where.width * drawn.where.height / data.size
    values = data[drawn.inner.slices]
    if np.mean(values == np.median(values)) < _CONSTANT:
        return False
    return drawn.on_varied and drawn.where.height >= _BAR_LEAST and _BOX_LEAST <= share <= _BOX_MOST


def _text_beside(drawn: Drawn, data: Pixels) -> BoolArray:
    """Mark what looks like letters of a scale bar's value above, below and beside it."""
    from scipy import ndimage

    reach = max(int(_TEXT_REACH * data.shape[0]), 4 * drawn.inner.height)
    place = drawn.where.grown(reach, max(drawn.where.width // 2, reach), data.shape)
    text = np.zeros(data.shape, bool)
    values = data[place.slices]
    soft = _SOFT_INK * _range(values)
    ink = Values(drawn.values.least - soft, drawn.values.most + soft).tell(values)
    bar = drawn.where
    ink[bar.top - place.top : bar.bottom - place.top, bar.left - place.left : bar.right - place.left] = False
    if ink.mean() > _TEXT_MOST:
        return text
    # Letters are joined to words.
    labelled, _ = ndimage.label(ndimage.binary_dilation(ink, np.ones((_SOFT + 1, _LETTER_HEIGHT)), iterations=_SOFT))
    words = np.zeros(ink.shape, bool)
    for number, where in enumerate(ndimage.find_objects(labelled), start=1):
        strokes = ink[where] & (labelled[where] == number)
        rows, columns = (np.flatnonzero(strokes.any(axis=axis))[[0, -1]] for axis in (1, 0))
        # What reaches beyond the place where text is looked for is a part of the image.
        is_whole = all(
            (part.start > 0 or start == 0) and (part.stop < length or end == whole)
            for part, length, start, end, whole in zip(where, ink.shape, place[:2], place[2:], data.shape, strict=True)
        )
        if is_whole and strokes.sum() >= _LETTER_AREA and np.ptp(rows) + 1 >= _LETTER_HEIGHT:
            top, left = where[0].start + rows[0], where[1].start + columns[0]
            word = Rectangle(int(top), int(left), int(top + np.ptp(rows)) + 1, int(left + np.ptp(columns)) + 1)
            words[word.grown(_SOFT, _SOFT, ink.shape).slices] = True
    text[place.slices] = words
    return text
