"""Regions: shapes that divide an image, as label images of shape (y, x)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int16]


def grains(shape: tuple[int, int], count: int, rng: np.random.Generator) -> Labels:
    """Divide an image into grains around points that keep their distance (Voronoi cells).

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    count : int
        Number of grains; none is much smaller than the others.
    rng : numpy.random.Generator
        Source of the points.

    Returns
    -------
    ndarray of int16, shape (y, x)
        0 ... count - 1, each a connected region.
    """
    y, x = np.mgrid[: shape[0], : shape[1]]
    best, best_share = np.zeros(shape, np.int16), -1.0
    for _ in range(30):
        points = rng.uniform(0.08, 0.92, (count, 2)) * shape
        labels = np.argmin([np.hypot(y - v, x - u) for v, u in points], axis=0).astype(np.int16)
        share = np.bincount(labels.ravel(), minlength=count).min() / labels.size
        if share > best_share:
            best, best_share = labels, share
        if best_share > 0.6 / count:
            break
    return best


def disc(shape: tuple[int, int], area: float, rng: np.random.Generator, *, roughness: float = 0.1) -> Labels:
    """Draw a roundish region somewhere in the image.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    area : float
        Its share in the image, at most about a half.
    rng : numpy.random.Generator
        Source of place and outline.
    roughness : float
        Relative amplitude of the outline's waves.

    Returns
    -------
    ndarray of int16, shape (y, x)
        1 inside, 0 outside.
    """
    radius = np.sqrt(area * shape[0] * shape[1] / np.pi)
    reach = 1.15 * radius
    centre = [rng.uniform(min(reach, side / 2), max(side - reach, side / 2)) for side in shape]
    y, x = np.mgrid[: shape[0], : shape[1]]
    angle = np.arctan2(y - centre[0], x - centre[1])
    outline = np.ones(shape)
    for wave in (2, 3, 5):
        outline += roughness / wave * 2 * rng.uniform(0, 1) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    return np.asarray(np.hypot(y - centre[0], x - centre[1]) < radius * outline, np.int16)


def halves(shape: tuple[int, int], rng: np.random.Generator, *, bend: float = 0.1) -> Labels:
    """Divide an image by a curved line near its centre.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    rng : numpy.random.Generator
        Source of direction and place.
    bend : float
        Amplitude of the line's waves relative to the image's shorter side.

    Returns
    -------
    ndarray of int16, shape (y, x)
        0 and 1.
    """
    y, x = np.mgrid[: shape[0], : shape[1]]
    turn = rng.uniform(0, np.pi)
    across = (y - shape[0] * rng.uniform(0.4, 0.6)) * np.cos(turn) + (x - shape[1] * rng.uniform(0.4, 0.6)) * np.sin(
        turn
    )
    along = (x - shape[1] / 2) * np.cos(turn) - (y - shape[0] / 2) * np.sin(turn)
    side = min(shape)
    return np.asarray(across > bend * side * np.sin(2 * np.pi * along / side * rng.uniform(0.4, 1.0)), np.int16)
