"""The image: pixels, their size and unit, and where that came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import ReadOnlyArrays
from fftscape.model.mapped import bands_of

PIXEL_UNIT = "px"
UNCALIBRATED = "none (distances are in pixels)"


def reciprocal_unit(unit: str) -> str:
    """Return the unit of spatial frequency that belongs to a unit of distance.

    Examples
    --------
    >>> reciprocal_unit("nm"), reciprocal_unit("1/nm")
    ('1/nm', 'nm')
    """
    return unit[2:] if unit.startswith("1/") else f"1/{unit}"


@dataclass(frozen=True, eq=False, repr=False)
class Image(ReadOnlyArrays):
    """One grey-scale image with its calibration.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Real numbers of any dtype, perhaps mapped from a file; NaN and infinity mark pixels without data.
        Not copied: whoever changes them later changes the image of results that were made of them.
    pixel_size : tuple of float
        Height and width of a pixel in `unit`, (y, x); they may differ.
    unit : str
        Unit of `pixel_size`: 'nm', 'um', ...; 'px' where there is no calibration; '1/nm' and the
        like for images of reciprocal space.
    name : str
        A short name, usually the file's stem.
    calibration_source : str
        Where the pixel size came from, for people to judge ('Zeiss tag 34118').
    source : str
        The file it was read from, or '' for an array.
    metadata : mapping
        What the file says about itself, plain values only.
    notes : tuple of str
        What was done or noticed while reading ('RGB converted to luminance').
    channel : str
        Which of the images of its file it is; '' where the file holds one only.
    frame : int or None
        Which frame of a stack it is, from 0; None where it is none.

    Examples
    --------
    >>> import numpy as np
    >>> image = Image(np.zeros((3, 4)), pixel_size=(0.5, 0.25), unit="nm")
    >>> image.shape, image.field_of_view
    ((3, 4), (1.5, 1.0))
    """

    data: npt.NDArray[Any]
    pixel_size: tuple[float, float] = (1.0, 1.0)
    unit: str = PIXEL_UNIT
    name: str = "image"
    calibration_source: str = UNCALIBRATED
    source: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    channel: str = ""
    frame: int | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return self.data.shape[0], self.data.shape[1]

    @property
    def is_calibrated(self) -> bool:
        """Whether distances have a physical unit."""
        return self.unit != PIXEL_UNIT

    @cached_property
    def is_constant(self) -> bool:
        """Whether all finite pixels are equal."""
        value = None
        for band in bands_of(self.data, 64):  # the first few rows of most images tell
            known = self.data[band][np.isfinite(self.data[band])]
            if known.size:
                value = known.flat[0] if value is None else value
                if not (known == value).all():
                    return False
        return value is not None

    @property
    def field_of_view(self) -> tuple[float, float]:
        """Height and width of the image in `unit`."""
        return self.shape[0] * self.pixel_size[0], self.shape[1] * self.pixel_size[1]
