"""What is usual at each radius of a spectrum: the level and scatter that spots must stand out of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import FloatArray

# Rings on either side that count for the level at a radius: enough pixels that six spots stay a minority.
_NEIGHBOURS = 2
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, eq=False)
class RadialBackground:
    """Level and scatter of a spectrum at each of its points.

    Parameters
    ----------
    level : ndarray, shape (frequency_y, frequency_x)
        Median over rings of about the same spatial frequency.
    spread : ndarray, shape (frequency_y, frequency_x)
        Standard deviation over those rings, from the median absolute deviation.
    """

    level: FloatArray
    spread: FloatArray


def radial_background(spectrum: FloatArray) -> RadialBackground:
    """Measure level and scatter of a spectrum ring by ring.

    Parameters
    ----------
    spectrum : ndarray, shape (frequency_y, frequency_x)
        Zero frequency at index ``size // 2``; rings are circles in cycles per pixel.

    Returns
    -------
    RadialBackground
        Robust: spots that fill less than half of a ring do not matter.

    Examples
    --------
    >>> background = radial_background(np.ones((16, 12)))
    >>> float(background.level.min()), float(background.spread.max())
    (1.0, 0.0)
    """
    height, width = spectrum.shape
    y = (np.arange(height) - height // 2) / height
    x = (np.arange(width) - width // 2) / width
    ring = np.rint(np.hypot(y[:, None], x[None, :]) * min(height, width)).astype(np.intp).ravel()
    order = np.argsort(ring, kind="stable")
    starts = np.searchsorted(ring[order], np.arange(ring.max() + 2))
    values = spectrum.ravel()[order]
    level, spread = np.empty(ring.max() + 1), np.empty(ring.max() + 1)
    for radius in range(len(level)):
        near = values[starts[max(radius - _NEIGHBOURS, 0)] : starts[min(radius + _NEIGHBOURS + 1, len(level))]]
        level[radius] = np.median(near)
        spread[radius] = _MAD_TO_SIGMA * np.median(np.abs(near - level[radius]))
    return RadialBackground(level[ring].reshape(spectrum.shape), spread[ring].reshape(spectrum.shape))


def local_maxima(spectrum: FloatArray) -> npt.NDArray[np.bool_]:
    """Mark points that are higher than their eight neighbours; a spectrum continues around its edges.

    Parameters
    ----------
    spectrum : ndarray, shape (frequency_y, frequency_x)
        Any spectrum.

    Returns
    -------
    ndarray of bool, shape (frequency_y, frequency_x)
        True at maxima; of equal neighbours the later one in memory counts.

    Examples
    --------
    >>> spectrum = np.zeros((5, 6)); spectrum[2, 4] = 1
    >>> np.argwhere(local_maxima(spectrum)).tolist()
    [[2, 4]]
    """
    highest = np.ones(spectrum.shape, bool)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            neighbour = np.roll(spectrum, (dy, dx), axis=(0, 1))
            if (dy, dx) < (0, 0):
                highest &= spectrum > neighbour
            elif (dy, dx) > (0, 0):
                highest &= spectrum >= neighbour
    return highest
