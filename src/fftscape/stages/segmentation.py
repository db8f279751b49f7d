"""Labels at image scale: maps of the loadings in, `Segmentation` out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import BoolArray, FloatArray, IntArray
from fftscape.model.records import Segmentation, WindowGrid


def segment(loadings: FloatArray, grid: WindowGrid) -> Segmentation:
    """Assign each pixel to the component with the largest loading.

    Parameters
    ----------
    loadings : ndarray, shape (component, window_y, window_x)
        Weights of unit-norm factors (weights of unscaled factors cannot be compared); NaN where
        a window takes no part.
    grid : WindowGrid
        Where the windows lie.

    Returns
    -------
    Segmentation
        Labels of shape (y, x) and area fractions of the labelled pixels.

    Notes
    -----
    A window speaks for its centre, so the maps are interpolated bilinearly between the window
    centres and continued constantly to the edges of the image.
    """
    covered = covered_pixels(grid)
    filled = _fill_gaps(loadings, grid.valid)
    best = np.full(grid.image_shape, -np.inf, np.float32)
    labels = np.zeros(grid.image_shape, np.int16)
    for component, values in enumerate(filled):
        pixels = to_image_scale(values, grid)
        stronger = pixels > best
        labels[stronger] = component
        np.maximum(best, pixels, out=best)
    labels[~covered] = -1
    counts = np.bincount(labels[covered], minlength=len(loadings))
    return Segmentation(labels, counts / counts.sum())


def to_image_scale(values: FloatArray, grid: WindowGrid) -> npt.NDArray[np.float32]:
    """Interpolate a map of windows to the pixels of the image.

    Parameters
    ----------
    values : ndarray, shape (window_y, window_x)
        One value a window.
    grid : WindowGrid
        Where the windows lie.

    Returns
    -------
    ndarray of float32, shape (y, x)
        Bilinear between window centres, constant beyond the outermost ones.
    """
    rows = _interpolated(np.asarray(values, np.float32), grid.centres_y, grid.image_shape[0])
    return _interpolated(rows.T, grid.centres_x, grid.image_shape[1]).T


def covered_pixels(grid: WindowGrid) -> BoolArray:
    """Tell which pixels lie in at least one valid window.

    Parameters
    ----------
    grid : WindowGrid
        Where the windows lie.

    Returns
    -------
    ndarray of bool, shape (y, x)
        False where no window reaches (a step larger than the window) or none is valid.
    """
    # A difference table: +1 and -1 at the corners of each valid window, summed up along both axes.
    table = np.zeros((grid.image_shape[0] + 1, grid.image_shape[1] + 1), np.int32)
    rows, columns = np.nonzero(grid.valid)
    top, left = grid.origins_y[rows], grid.origins_x[columns]
    bottom, right = top + grid.size[0], left + grid.size[1]
    for y, x, sign in ((top, left, 1), (bottom, right, 1), (top, right, -1), (bottom, left, -1)):
        np.add.at(table, (y, x), sign)
    return np.asarray(table.cumsum(axis=0).cumsum(axis=1)[:-1, :-1] > 0)


def _interpolated(values: npt.NDArray[np.float32], centres: FloatArray, length: int) -> npt.NDArray[np.float32]:
    """Interpolate along the first axis from `centres` to 0 ... length - 1."""
    position = np.interp(np.arange(length), centres, np.arange(len(centres)))
    below: IntArray = np.minimum(position.astype(np.intp), len(centres) - 1)
    above = np.minimum(below + 1, len(centres) - 1)
    part = (position - below).astype(np.float32)[:, None]
    return values[below] * (1 - part) + values[above] * part


def _fill_gaps(loadings: FloatArray, valid: BoolArray) -> FloatArray:
    """Give windows that take no part the values of the nearest ones that do."""
    if valid.all():
        return loadings
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return loadings[:, nearest[0], nearest[1]]
