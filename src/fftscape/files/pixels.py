"""What is done to pixel values on reading: colour to grey, turning upright, plain number types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.files.entry import ALPHA

REC_709 = (0.2126, 0.7152, 0.0722)

# EXIF and TIFF orientation: (transpose first, then flip rows, then flip columns)
_TURNS: Mapping[int, tuple[bool, bool, bool]] = {
    1: (False, False, False), 2: (False, False, True), 3: (False, True, True), 4: (False, True, False),
    5: (True, False, False), 6: (True, False, True), 7: (True, True, True), 8: (True, True, False),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Grey:
    """Grey values and what was done to get them.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Real numbers in the machine's byte order.
    notes : tuple of str
        What was done.
    is_luminance : bool
        Whether it was weighed from unequal colours.
    """

    data: npt.NDArray[Any]
    notes: tuple[str, ...] = ()
    is_luminance: bool = False


def to_grey(data: npt.NDArray[Any], samples: tuple[str, ...] = ()) -> Grey:
    """Make one grey image of what a reader returns.

    Equal colour channels are one of them, unchanged; red, green and blue become luminance
    (0.2126 R + 0.7152 G + 0.0722 B of the stored values); transparency never takes part.

    Parameters
    ----------
    data : ndarray, shape (y, x) or (y, x, sample)
        Any number type.
    samples : tuple of str
        Names of the samples.

    Returns
    -------
    Grey
        Of the stored type, but for luminance (float32, float64 for wide types), complex numbers
        (their modulus) and truth values (uint8).
    """
    notes: list[str] = []
    is_luminance = False
    if data.ndim == 3:
        kept = [k for k in range(data.shape[2]) if k >= len(samples) or samples[k] != ALPHA]
        if len(kept) < data.shape[2]:
            notes.append("the alpha channel (transparency) is left out")
        data = data[..., kept]
        if data.shape[2] == 1:
            data = data[..., 0]
        elif all(np.array_equal(data[..., 0], data[..., k]) for k in range(1, data.shape[2])):
            notes.append(f"its {data.shape[2]} colour channels are equal; one of them is taken")
            data = data[..., 0]
        else:
            notes.append("RGB converted to luminance (Rec. 709)")
            is_luminance = True
            data = luminance(data)
    if data.dtype.kind == "c":
        notes.append("complex values: their modulus is taken")
        data = np.abs(data)
    if data.dtype.kind == "b":
        data = data.astype(np.uint8)
    return Grey(np.ascontiguousarray(data, data.dtype.newbyteorder("=")), tuple(notes), is_luminance)


def luminance(rgb: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Weigh red, green and blue as Rec. 709 does; shape (..., 3) in, (...) out."""
    wide = np.result_type(rgb.dtype, np.float32)
    weights = np.array(REC_709, wide)
    return np.asarray(sum(rgb[..., k].astype(wide) * weights[k] for k in range(3)))


def looked_up(indices: npt.NDArray[Any], palette: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Replace the numbers of a palette image by their colours.

    Parameters
    ----------
    indices : ndarray of int, shape (y, x)
        Numbers of palette entries.
    palette : ndarray of uint8 or uint16, shape (entry, 3)
        Red, green and blue.

    Returns
    -------
    ndarray, shape (y, x) or (y, x, 3)
        Grey, of the palette's type, where most colours that occur are grey; the others, used by
        microscopes for annotations, become the nearest grey.
    """
    palette = np.asarray(palette)
    if palette.dtype == np.uint16 and np.array_equal(palette, (palette >> 8) * np.uint16(257)):
        palette = (palette >> 8).astype(np.uint8)
    used = palette[np.unique(indices)]
    if (used == used[:, :1]).all(axis=1).mean() > 0.5:
        return np.asarray(np.rint(luminance(palette)).astype(palette.dtype)[indices])
    return np.asarray(palette[indices])


def upright(data: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Turn an image as its EXIF or TIFF orientation (1 to 8) says; shape (y, x, ...)."""
    transpose, flip_rows, flip_columns = _TURNS.get(int(orientation), _TURNS[1])
    if transpose:
        data = data.swapaxes(0, 1)
    if flip_rows:
        data = data[::-1]
    if flip_columns:
        data = data[:, ::-1]
    return data


def is_turned(orientation: int) -> bool:
    """Whether an orientation exchanges rows and columns."""
    return _TURNS.get(int(orientation), _TURNS[1])[0]
