"""Pixels in units of their spread: an image's numbers in, float32 that neither over- nor underflows out."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import BoolArray
from fftscape.model.mapped import bands_of

Pixels = npt.NDArray[np.float32]

# The scale of an image is taken from this part of its values, in a sample of about this many of its pixels.
_TYPICAL = (0.001, 0.999)
_SAMPLE = 1 << 18
# Integers of so many bytes are exact in float32.
_EXACT_BYTES = 2
# Largest pixel in units of the image's spread; its square is still far from overflow.
_LARGEST = 1e12


@dataclass(frozen=True)
class Scale:
    """What an image's numbers are counted from, and in.

    Parameters
    ----------
    centre, spread : float
        Mean and standard deviation of most of the pixels.
    """

    centre: float
    spread: float

    def normalised(self, rows: npt.NDArray[Any]) -> Pixels:
        """Return some rows of the image in units of its spread.

        Parameters
        ----------
        rows : ndarray, shape (y, x)
            Of any real dtype.

        Returns
        -------
        ndarray of float32, shape (y, x)
            Counted from the centre; pixels without data are 0, absurd ones are limited.
        """
        if rows.dtype.kind in "iu" and rows.dtype.itemsize <= _EXACT_BYTES:
            # Exact in float32, finite, and far from any overflow: no copy in float64 is needed.
            pixels: Pixels = np.subtract(rows, np.float32(self.centre), dtype=np.float32)
            pixels /= np.float32(self.spread)
            return pixels
        with np.errstate(over="ignore", invalid="ignore"):
            exact = rows.astype(np.float64)
            exact -= self.centre
            exact /= self.spread
        exact[~np.isfinite(rows)] = 0
        return np.clip(exact, -_LARGEST, _LARGEST, out=exact).astype(np.float32)


def scale_of(data: npt.NDArray[Any], *, centred: bool) -> Scale:
    """Find the scale of an image: a few absurd pixels must not set it.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Pixel values of any real dtype.
    centred : bool
        Whether pixels are to be counted from their mean, or from zero.

    Returns
    -------
    Scale
        Spread 1 for a constant image.

    Examples
    --------
    >>> scale_of(np.array([[1, 3], [3, 1]], np.uint8), centred=True)
    Scale(centre=2.0, spread=1.0)
    """
    every = max(1, data.size // _SAMPLE)
    while gcd(every, data.shape[-1]) > 1:  # or only some of the columns would be looked at
        every += 1
    sample = _finite(_every(data, every))
    typical = _typical(sample) if len(sample) else sample
    if not len(typical) or np.ptp(typical) == 0:  # nearly all pixels are equal: the few others are the image
        typical = _finite(data.reshape(-1))
    if not len(typical):
        return Scale(0.0, 1.0)
    # In units of the largest, so that squares of huge or tiny numbers stay in range.
    unit = max(float(typical.max()), -float(typical.min())) or 1.0
    typical = typical / unit
    spread = float(typical.std()) * unit
    return Scale(float(typical.mean()) * unit if centred else 0.0, spread or 1.0)


def _every(data: npt.NDArray[Any], step: int) -> npt.NDArray[Any]:
    """Return every so many of all pixels, counted along the rows."""
    # Copies, so that no view keeps a whole band in memory.
    return np.concatenate(
        [data[band].reshape(-1)[-band.start * data.shape[1] % step :: step].copy() for band in bands_of(data)]
    )


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    values = values.astype(np.float64)
    return np.asarray(values[np.isfinite(values)])


def _typical(sample: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.clip(sample, *np.quantile(sample, _TYPICAL))


def finite_pixels(data: npt.NDArray[Any]) -> BoolArray:
    """Tell which pixels hold a finite number.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Of any real dtype.

    Returns
    -------
    ndarray of bool, shape (y, x)
        Read-only and without any memory of its own where all are.

    Examples
    --------
    >>> finite_pixels(np.array([[1.0, np.nan]])).tolist()
    [[True, False]]
    """
    if data.dtype.kind in "biu" or all(np.isfinite(data[band]).all() for band in bands_of(data)):
        return np.broadcast_to(np.True_, data.shape)
    return np.asarray(np.isfinite(data))


def are_all(flags: BoolArray) -> bool:
    """Tell whether all flags are true, at once of those that are one value without any memory of its own.

    Examples
    --------
    >>> are_all(np.broadcast_to(np.True_, (3, 4))), are_all(np.array([True, False]))
    (True, False)
    """
    return bool(flags.all() if any(flags.strides) or not flags.size else flags.flat[0])
