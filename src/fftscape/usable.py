"""Pixels that take part: an image in, which of them hold data and are part of the picture out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.compute.pixels import finite_pixels
from fftscape.model.arrays import BoolArray
from fftscape.model.errors import InvalidSettingError, OddImageWarning
from fftscape.model.image import Image
from fftscape.model.mapped import bands_of
from fftscape.model.notes import Notes
from fftscape.model.settings import Pair, Settings
from fftscape.stages.overlays import Overlays, find_overlays
from fftscape.stages.windows import window_grid

# Of larger images, every second, third ... pixel along both axes is looked at for what was burned in.
_MOST_PIXELS = 1 << 24
# Fewer windows than this cannot be compared with one another.
_FEW_WINDOWS = 6


def usable_pixels(image: Image, settings: Settings, notes: Notes) -> BoolArray:
    """Find the pixels that hold data and are part of the picture.

    Parameters
    ----------
    image : Image
        What to look at.
    settings : Settings
        With window and step filled in.
    notes : Notes
        Told about constant images and about what was burned in.

    Returns
    -------
    ndarray of bool, shape (y, x)
        False for NaN, infinity and whatever was burned in.

    Raises
    ------
    InvalidSettingError
        If no pixel is finite.
    """
    usable = finite_pixels(image.data)
    if not usable.any():
        raise _holds_nothing(image)
    if image.is_constant:
        notes.warn(f"{image.name}: all pixels are equal, so there is no structure to find.", OddImageWarning)
        return usable
    overlays = find_burned_in(image, keep_burned_in=settings.windows.keep_burned_in)
    if overlays is None:
        return usable
    without: BoolArray = usable & ~overlays.mask
    if _number_of_windows(without, settings) < min(_FEW_WINDOWS, _number_of_windows(usable, settings)):
        notes.warn(
            f"{image.name}: what was burned in is analysed too, since hardly a window of this size is free of it; "
            "a smaller window could leave it out.",
            OddImageWarning,
        )
        return usable
    for sentence in overlays.sentences:
        notes.warn(f"{image.name}: {sentence}.", OddImageWarning)
    if _are_equal(image.data, without):
        notes.warn(f"{image.name}: all other pixels are equal, so there is no structure to find.", OddImageWarning)
    return without


def find_burned_in(image: Image, *, keep_burned_in: bool) -> Overlays | None:
    """Find what was burned in, of large images by a part of their pixels.

    Parameters
    ----------
    image : Image
        What to look at.
    keep_burned_in : bool
        Whether the user wants it analysed.

    Returns
    -------
    Overlays or None
        Of the image's shape; None where there is nothing, or where it is to be kept.
    """
    if keep_burned_in or image.is_constant or not _holds_anything(image.data):
        return None
    every = math.ceil(math.sqrt(image.data.size / _MOST_PIXELS))
    overlays = find_overlays(np.ascontiguousarray(image.data[::every, ::every]) if every > 1 else image.data)
    if not overlays.sentences:
        return None
    return overlays if every == 1 else _enlarged(overlays, every, image.shape)


def _enlarged(overlays: Overlays, every: int, shape: Pair) -> Overlays:
    """Turn what was found in every so many pixels into what that is in all of them."""
    from scipy.ndimage import binary_dilation

    mask = binary_dilation(overlays.mask, np.ones((3, 3), bool))  # what lies between two pixels that were looked at
    mask = mask.repeat(every, axis=0)[: shape[0]].repeat(every, axis=1)[:, : shape[1]]
    return Overlays(mask, tuple(f"{said}, counted in steps of {every} pixels" for said in overlays.sentences))


def _are_equal(data: npt.NDArray[Any], chosen: BoolArray) -> bool:
    """Tell whether all the chosen pixels have one value."""
    values = {value for band in bands_of(data) for value in np.unique(data[band][chosen[band]])[:2].tolist()}
    return len(values) == 1


def check_holds_data(image: Image) -> None:
    """Refuse an image without a finite pixel.

    Raises
    ------
    InvalidSettingError
        If it is one.
    """
    if not _holds_anything(image.data):
        raise _holds_nothing(image)


def _holds_nothing(image: Image) -> InvalidSettingError:
    return InvalidSettingError(f"{image.name}: no pixel holds a finite number, so there is nothing to analyse.")


def _holds_anything(data: npt.NDArray[Any]) -> bool:
    return any(np.isfinite(data[band]).any() for band in bands_of(data))


def _number_of_windows(usable: BoolArray, settings: Settings) -> int:
    assert settings.windows.size is not None
    assert settings.windows.step is not None
    try:
        return window_grid(usable, settings.windows.size, settings.windows.step).n_valid
    except InvalidSettingError:  # there is none, or the window is larger than the image, which is told later
        return 0


def picture_of(image: Image, *, keep_burned_in: bool) -> Image:
    """Return the part of an image that holds no overlay along its edges, with NaN for those inside."""
    overlays = find_burned_in(image, keep_burned_in=keep_burned_in)
    if overlays is None or overlays.mask.all():
        return image
    rows, columns = (np.flatnonzero(~overlays.mask.all(axis=axis)) for axis in (1, 0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    data, mask = image.data[part], overlays.mask[part]
    if mask.any():
        data = np.where(mask, np.nan, data)
    return replace(image, data=data)
