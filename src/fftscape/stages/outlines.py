"""Outlines of loud structures: assignments and the power of small cells in, an assignment along the outlines out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from fftscape.compute.assignments import Assignment, coarse_span, resampled
from fftscape.compute.moments import Moments
from fftscape.compute.territories import deep_inside, within_reach
from fftscape.model.arrays import BoolArray, FloatArray, IntArray

# A structure is loud beside another that has less than this part of its power: by their spectra, of unit norm, windows
# are its own while they hold a tenth of it.
_LOUD = 10.0
# Levels are measured in so many cells along each side of a window.
_CELLS_PER_WINDOW = 8
# Outlines are looked for in cells, and with a smoothing (sigma), of such parts of the finest windows; cells at most.
_CELL, _SMOOTHING, _MOST_CELLS = 1 / 12, 1 / 16, 1 << 22
# A place is quiet up to this part of the way from the quiet structure's amplitude to the loud one's. Half of the power,
# 0.7, would be right for even structures, but speckles of uneven ones come close to the ground.
_QUIET = 0.25
# Loudness tells two structures apart where so much of the quiet one's inside is quiet.
_MOSTLY = 0.95
# Outlines are drawn in by so much at most, in windows of the coarsest scale.
_REACH = 1.0
# Levels are means around a place with this Gaussian sigma, in windows; far away that over everywhere.
_NEIGHBOURHOOD, _FAR_WEIGHT = 1.5, 1e-3


@dataclass(frozen=True, eq=False)
class LoudBesideQuiet:
    """A component with far more power than another.

    Parameters
    ----------
    quiet, loud : int
        Numbers of the components.
    levels : ndarray, shape (4, window_y, window_x)
        The quiet one's level, the amplitudes of the quiet and the loud one about it, and 1 deep inside the quiet one.
    """

    quiet: int
    loud: int
    levels: FloatArray


def level_cell(assignment: Assignment) -> tuple[int, int]:
    """Return the size in pixels, (y, x), of cells in which the levels of windows are measured."""
    height, width = assignment.grid.size
    return max(1, height // _CELLS_PER_WINDOW), max(1, width // _CELLS_PER_WINDOW)


def loud_beside_quiet(windows: Moments, coarsest: Assignment) -> list[LoudBesideQuiet]:
    """Find the components that have far more power than others.

    Parameters
    ----------
    windows : Moments
        Of the windows that found the components.
    coarsest : Assignment
        Of these windows.

    Returns
    -------
    list of LoudBesideQuiet
        Empty where the power of all is alike.
    """
    grid, count = coarsest.grid, len(coarsest.distances)
    labels = coarsest.distances.argmin(axis=0)
    insides = [deep_inside(labels == index, grid.span, grid.valid) for index in range(count)]
    if not all(inside.any() for inside in insides):
        return []
    found = []
    around = [_around(windows, inside) for inside in insides]
    noise = [np.median(own.about(own.mean)[inside]) for own, inside in zip(around, insides, strict=True)]
    for quiet, loud in permutations(range(count), 2):
        if noise[quiet] >= noise[loud]:
            continue
        level = around[quiet].mean
        low, high = around[quiet].about(level), around[loud].about(level)
        if np.median(high[insides[loud]]) >= _LOUD * np.median(low[insides[quiet]]):
            levels = np.stack([level, np.sqrt(low), np.sqrt(high), insides[quiet]])
            found.append(LoudBesideQuiet(quiet, loud, levels))
    return found


def outline_cell(assignment: Assignment, area: int) -> tuple[int, int]:
    """Choose the cells in which outlines are looked for.

    Parameters
    ----------
    assignment : Assignment
        From the smallest windows that were believed.
    area : int
        Of all cells together, in pixels.

    Returns
    -------
    tuple of int
        Size of a cell in pixels, (y, x).
    """
    least = int(np.ceil(np.sqrt(area / _MOST_CELLS)))
    height, width = (max(1, least, int(_CELL * length)) for length in assignment.window)
    return height, width


def outlined(assignment: Assignment, coarsest: Assignment, pairs: list[LoudBesideQuiet], cells: Moments) -> Assignment:
    """Draw the outlines of loud structures in, to where their power ends.

    Spectra have unit norm, so that a window which a bright object only just touches looks like the object.

    Parameters
    ----------
    assignment : Assignment
        From the smallest windows that were believed.
    coarsest : Assignment
        Of the same components, from the windows that found them.
    pairs : list of LoudBesideQuiet
        At least one.
    cells : Moments
        Of small cells (`outline_cell`) all over the place.

    Returns
    -------
    Assignment
        On the cells.

    Notes
    -----
    The mean of (pixel - level)^2 over a window, with the quieter structure's mean as the level, grows linearly with
    the part of the window that the louder one fills, whether this differs by its contrast or by its brightness.
    Places of the louder one that are as quiet as the other, and connected with it, become the other's.
    """
    places = cells.grid.centres_y, cells.grid.centres_x
    distances = resampled(assignment, *places)
    distances /= np.maximum(np.partition(distances, 1, axis=0)[:2].sum(axis=0), 1e-12)
    labels = distances.argmin(axis=0)
    near = within_reach(labels, len(distances), coarse_span(coarsest, cells.grid), _REACH)
    here = cells.smoothed((_SMOOTHING * assignment.window[0], _SMOOTHING * assignment.window[1]))
    for pair in pairs:
        quiet, loud = pair.quiet, pair.loud
        about, low, high, inside = resampled(Assignment(coarsest.grid, pair.levels), *places)
        loudness = (np.sqrt(here.about(about)) - low) / np.maximum(high - low, 1e-12)
        if np.mean(loudness[inside > 0.5] < _QUIET) >= _MOSTLY:
            _draw_in(distances, loudness, labels, near, quiet, loud)
    return Assignment(cells.grid, distances, assignment.window)


def _around(windows: Moments, inside: BoolArray) -> Moments:
    """Return the means of a component's windows around each place."""
    from scipy.ndimage import gaussian_filter

    sigma = [_NEIGHBOURHOOD * steps for steps in windows.grid.span]
    weight = gaussian_filter(inside.astype(np.float64), sigma) + _FAR_WEIGHT
    mean, square = (
        (gaussian_filter(np.where(inside, values, 0.0), sigma) + _FAR_WEIGHT * values[inside].mean()) / weight
        for values in (windows.mean, windows.square)
    )
    return replace(windows, mean=mean, square=square)


def _draw_in(
    distances: FloatArray, loudness: FloatArray, labels: IntArray, near: BoolArray, quiet: int, loud: int
) -> None:
    """Give a loud component's places near the quiet one to this as far as they are quiet and connected with it."""
    from scipy.ndimage import label

    ground = labels == quiet
    quietly = loudness < _QUIET
    parts, count = label(near[quiet] & (ground | ((labels == loud) & quietly)))
    reached = np.zeros(count + 1, bool)
    reached[parts[ground]] = True
    reached[0] = False
    # The border lies where both are as far, halfway on this scale.
    own = np.clip(loudness / (2 * _QUIET), 0, 1)
    told = (near[quiet] & (labels == loud) & (reached[parts] | ~quietly)) | (near[loud] & ground & quietly)
    distances[quiet][told], distances[loud][told] = own[told], 1 - own[told]
