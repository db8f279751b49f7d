"""Where the windows lie: image shape and settings in, `WindowGrid` out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fftscape.compute.pixels import are_all
from fftscape.model.arrays import BoolArray, IntArray
from fftscape.model.errors import InvalidSettingError
from fftscape.model.records import WindowGrid
from fftscape.model.settings import Pair

# Fewer independent windows than this say too little about the scatter between windows.
_ENOUGH_WINDOWS = 48
_SURVEY_STEPS = 4


def window_grid(usable: BoolArray, size: Pair, step: Pair) -> WindowGrid:
    """Lay windows over an image so that its right and bottom edges are reached.

    Parameters
    ----------
    usable : ndarray of bool, shape (y, x)
        False for pixels without data; a window that holds one takes no part.
    size, step : tuple of int
        In pixels, (y, x).

    Returns
    -------
    WindowGrid
        Origins at multiples of the step; the last window is shifted inward to end at the edge.

    Raises
    ------
    InvalidSettingError
        If the window is larger than the image, or every window holds pixels without data.

    Examples
    --------
    >>> grid = window_grid(np.ones((100, 70), bool), (32, 32), (20, 20))
    >>> grid.origins_y.tolist(), grid.origins_x.tolist()
    ([0, 20, 40, 60, 68], [0, 20, 38])
    """
    height, width = usable.shape
    if size[0] > height or size[1] > width:
        raise InvalidSettingError(
            f"window {size[0]}x{size[1]} (y, x) is larger than the image of {height}x{width} pixels; "
            "choose a smaller window."
        )
    origins_y, origins_x = _origins(height, size[0], step[0]), _origins(width, size[1], step[1])
    valid = _windows_without_gaps(usable, size, origins_y, origins_x)
    if not valid.any():
        raise InvalidSettingError(
            f"every window of {size[0]}x{size[1]} pixels holds pixels without data (NaN or infinite); "
            "choose a smaller window or crop the image."
        )
    return WindowGrid(size, step, origins_y, origins_x, (height, width), valid)


def sparse_grid(grid: WindowGrid) -> WindowGrid:
    """Thin a grid out to windows that overlap as little as their number allows.

    Overlapping windows repeat each other, which makes chance look like structure; where an
    image holds too few windows side by side, overlaps of a half and then three quarters are
    taken.

    Parameters
    ----------
    grid : WindowGrid
        The full grid.

    Returns
    -------
    WindowGrid
        A grid over the same image whose windows are all windows of `grid`.
    """
    for part in (1.0, 0.5, 0.25):
        rows = _spaced(grid.origins_y, part * grid.size[0])
        columns = _spaced(grid.origins_x, part * grid.size[1])
        valid = grid.valid[np.ix_(rows, columns)]
        if valid.sum() >= _ENOUGH_WINDOWS:
            return WindowGrid(
                grid.size, grid.step, grid.origins_y[rows], grid.origins_x[columns], grid.image_shape, valid
            )
    return grid


def windows_of(part: WindowGrid, grid: WindowGrid) -> IntArray:
    """Find the windows of a part of a grid in all of it.

    Parameters
    ----------
    part : WindowGrid
        Its valid windows are windows of `grid`, see `sparse_grid`.
    grid : WindowGrid
        The whole.

    Returns
    -------
    ndarray of int
        Number of each of them, counted over the valid windows of the whole; rising.

    Examples
    --------
    >>> whole = window_grid(np.ones((30, 30), bool), (10, 10), (5, 5))
    >>> windows_of(thinned(sparse_grid(whole), 3), whole).tolist()
    [0, 12, 24]
    """
    rows = np.searchsorted(grid.origins_y, part.origins_y)
    columns = np.searchsorted(grid.origins_x, part.origins_x)
    numbers = (np.cumsum(grid.valid) - 1).reshape(grid.shape)
    return np.asarray(numbers[np.ix_(rows, columns)][part.valid])


def thinned(grid: WindowGrid, most: int) -> WindowGrid:
    """Keep so many of the windows at most, evenly over all.

    Parameters
    ----------
    grid : WindowGrid
        Any windows.
    most : int
        How many may be kept.

    Returns
    -------
    WindowGrid
        The others are not valid in it.
    """
    if grid.n_valid <= most:
        return grid
    valid = np.zeros(grid.shape, bool)
    chosen = np.linspace(0, grid.n_valid - 1, most).round().astype(int)
    valid.reshape(-1)[np.flatnonzero(grid.valid)[chosen]] = True
    return replace(grid, valid=valid)


def packed(grid: WindowGrid, count: int) -> WindowGrid:
    """Take so many windows of a grid, one beside the other, over an image that is just large enough for them.

    Parameters
    ----------
    grid : WindowGrid
        More than `count` windows.
    count : int
        How many are wanted; the last row may be filled up.

    Returns
    -------
    WindowGrid
        All valid.

    Examples
    --------
    >>> packed(window_grid(np.ones((90, 70), bool), (10, 10), (10, 10)), 6).image_shape
    (30, 20)
    """
    columns = min(grid.shape[1], max(round(count**0.5), -(-count // grid.shape[0])))
    rows = min(grid.shape[0], -(-count // columns))
    origins_y, origins_x = grid.origins_y[:rows] - grid.origins_y[0], grid.origins_x[:columns] - grid.origins_x[0]
    shape = int(origins_y[-1]) + grid.size[0], int(origins_x[-1]) + grid.size[1]
    return WindowGrid(grid.size, grid.step, origins_y, origins_x, shape, np.ones((rows, columns), bool))


def survey_grid(usable: BoolArray, size: Pair, least_step: Pair = (1, 1)) -> WindowGrid:
    """Lay windows at regular steps of about a quarter of a window, centred in the image.

    Maps of such windows can be compared place by place: no window lies nearer to the next than others do.

    Parameters
    ----------
    usable : ndarray of bool, shape (y, x)
        False for pixels without data; a window that holds one takes no part.
    size : tuple of int
        In pixels, (y, x), at most the image's.
    least_step : tuple of int
        In pixels, (y, x); the step is no smaller.

    Returns
    -------
    WindowGrid
        Up to half a step is left over at each edge of the image.

    Examples
    --------
    >>> survey_grid(np.ones((101, 70), bool), (32, 32)).origins_y.tolist()
    [2, 10, 18, 26, 34, 42, 50, 58, 66]
    """
    step = max(least_step[0], size[0] // _SURVEY_STEPS), max(least_step[1], size[1] // _SURVEY_STEPS)
    height, width = usable.shape
    origins_y, origins_x = _centred(height, size[0], step[0]), _centred(width, size[1], step[1])
    valid = _windows_without_gaps(usable, size, origins_y, origins_x)
    return WindowGrid(size, step, origins_y, origins_x, (height, width), valid)


def _centred(length: int, size: int, step: int) -> IntArray:
    return (length - size) % step // 2 + np.arange(0, length - size + 1, step)


def _origins(length: int, size: int, step: int) -> IntArray:
    origins = np.arange(0, length - size + 1, step)
    if origins[-1] != length - size:
        origins = np.append(origins, length - size)
    return origins


def _spaced(origins: IntArray, distance: float) -> list[int]:
    """Return the indices of origins that are at least `distance` apart."""
    kept = [0]
    for index, origin in enumerate(origins):
        if origin - origins[kept[-1]] >= distance:
            kept.append(index)
    return kept


def _windows_without_gaps(usable: BoolArray, size: Pair, origins_y: IntArray, origins_x: IntArray) -> BoolArray:
    if are_all(usable):
        return np.ones((len(origins_y), len(origins_x)), bool)
    valid = np.empty((len(origins_y), len(origins_x)), bool)
    for row, top in enumerate(origins_y):
        # Columns with a gap in these rows, counted from the left: none lies in a window where the count stays.
        gaps = np.concatenate([[0], np.cumsum(~usable[top : top + size[0]].all(axis=0))])
        valid[row] = gaps[origins_x + size[1]] == gaps[origins_x]
    return valid
