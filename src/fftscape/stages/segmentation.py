"""Labels at image scale: what speaks for each component on a grid of windows in, `Segmentation` out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fftscape.compute.assignments import Assignment, across, coarse_span, nearest, resampled
from fftscape.compute.executors import for_each, ordered
from fftscape.compute.territories import deep_inside, local_distances, within_reach, without_gaps
from fftscape.compute.whitening import whitening
from fftscape.model.arrays import BoolArray, FloatArray
from fftscape.model.mapped import bands_of, release, scratch
from fftscape.model.records import Segmentation, WindowGrid

# Directions kept to tell components apart at a finer scale: some, and some for each component.
_DIRECTIONS, _DIRECTIONS_EACH, MOST_DIRECTIONS = 4, 3, 16
# A finer scale is believed where it gives so many of the windows that are beyond doubt to the right component.
_RELIABLE = 0.9
# Labels may change so far from a boundary, in windows of the coarser scale.
_REACH = 0.5
# Beyond that reach, smoothing needs the windows so much further: two sigmas of a light one, one of a heavy one.
_MARGIN = 0.25
# Components of so many of the finer windows teach by all of them; larger ones by patches, each a coarser window wide,
# of which there is one in so many along each axis.
_ENOUGH_WINDOWS = 5000
_PATCH_EVERY = 3
# Standard uncertainty of a boundary's place, in windows of the finest scale that was believed.
_PLACE = 0.1
# Rows of pixels that are worked on at a time, and pixels of which a few arrays stay in a core's cache.
_BAND, _CACHED = 64, 1 << 16


@dataclass(frozen=True, eq=False)
class Placed:
    """A part of an image with the assignment that holds there.

    Parameters
    ----------
    rows, columns : slice
        Of the image.
    assignment : Assignment
        Of windows there and around.
    """

    rows: slice
    columns: slice
    assignment: Assignment


def assigned_by_labels(labels: npt.NDArray[np.int16], n_components: int, grid: WindowGrid) -> Assignment:
    """Turn labels of windows into an assignment.

    Parameters
    ----------
    labels : ndarray of int16, shape (window_y, window_x)
        Component of each window; those that take no part count as the nearest one that does.
    n_components : int
        How many there are.
    grid : WindowGrid
        The windows.

    Returns
    -------
    Assignment
        0 for the window's own component, 1 for the others.
    """
    everywhere = without_gaps(labels, labels >= 0)
    return Assignment(grid, np.array([everywhere != index for index in range(n_components)], np.float32))


def assigned_by_loadings(loadings: FloatArray, grid: WindowGrid) -> Assignment:
    """Turn loadings into an assignment.

    Parameters
    ----------
    loadings : ndarray, shape (component, window_y, window_x)
        Weights of unit-norm factors (weights of unscaled factors cannot be compared); NaN where
        a window takes no part.
    grid : WindowGrid
        The windows.

    Returns
    -------
    Assignment
        Distances are what the other components have of the sum of a window's loadings.
    """
    filled = np.moveaxis(without_gaps(np.moveaxis(loadings, 0, -1), grid.valid), -1, 0)
    total = filled.sum(axis=0)
    return Assignment(grid, 1 - filled / np.where(total > 0, total, 1))


def near_boundaries(assignment: Assignment, grid: WindowGrid) -> WindowGrid:
    """Leave out the smaller windows that can do without: most of those far from any boundary.

    Parameters
    ----------
    assignment : Assignment
        From larger windows.
    grid : WindowGrid
        Smaller windows at regular steps.

    Returns
    -------
    WindowGrid
        Windows whose component may change, and of the others as many as teach what each
        component looks like: all of small ones, patches of large ones.
    """
    labels = resampled(assignment, grid.centres_y, grid.centres_x).argmin(axis=0)
    span = coarse_span(assignment, grid)
    reach = within_reach(labels, len(assignment.distances), span, _REACH + _MARGIN)
    needed = reach.sum(axis=0) > 1
    counts = np.bincount(labels.ravel(), minlength=len(assignment.distances))
    needed |= (counts <= _ENOUGH_WINDOWS)[labels]
    # Patches and not single windows, since scores are smoothed over neighbours.
    y, x = np.ogrid[: grid.shape[0], : grid.shape[1]]
    needed |= (y // span[0] % _PATCH_EVERY == 0) & (x // span[1] % _PATCH_EVERY == 0)
    return replace(grid, valid=grid.valid & needed)


def sharpened(
    assignment: Assignment, grid: WindowGrid, scores: Callable[[int], FloatArray], smoothings: Sequence[float]
) -> tuple[Assignment, float] | None:
    """Place boundaries with smaller windows.

    The windows beyond doubt teach what each component looks like at the finer scale; windows
    near boundaries are then assigned anew.

    Parameters
    ----------
    assignment : Assignment
        From larger windows.
    grid : WindowGrid
        Smaller windows, those near boundaries without gaps (`near_boundaries`).
    scores : callable
        Takes a number of directions, and returns where the windows lie along so many leading ones or, where there are
        not so many, along all: an array of shape (direction, window_y, window_x).
    smoothings : sequence of float
        Sigmas of Gaussians that scores are smoothed by, in windows; the next is tried where one is not enough.

    Returns
    -------
    tuple of Assignment and float, or None
        On the finer grid, and which smoothing was enough; None where smaller windows cannot tell the components apart
        reliably.

    Notes
    -----
    Nearest mean of the neighbourhood in the leading scores, in units of the spread inside the
    components (linear discriminant analysis with local means).
    """
    count = len(assignment.distances)
    labels = resampled(assignment, grid.centres_y, grid.centres_x).argmin(axis=0)
    span = coarse_span(assignment, grid)
    insides = list(ordered(lambda index: deep_inside(labels == index, span, grid.valid), range(count)))
    if not all(inside.any() for inside in insides):
        return None
    directions = min(_DIRECTIONS + _DIRECTIONS_EACH * count, MOST_DIRECTIONS)
    values = without_gaps(np.moveaxis(scores(directions), 0, -1), grid.valid)
    near = within_reach(labels, count, span, _REACH)
    beyond_doubt, undecided = np.logical_or.reduce(insides), near.sum(axis=0) > 1
    for smoothing in smoothings:
        smooth = _smoothed(values, (smoothing * grid.span[0], smoothing * grid.span[1]))
        smooth = smooth @ whitening(_covariance_within(smooth, insides)).astype(np.float32)
        nearest = local_distances(smooth, insides, span, beyond_doubt, apart=True).argmin(axis=0)
        if min(np.mean(nearest[inside] == index) for index, inside in enumerate(insides)) >= _RELIABLE:
            break
    else:
        return None
    # Beyond reach of the boundary a window keeps its component, also where it was looked at to teach.
    distances = np.sqrt(np.where(undecided, local_distances(smooth, insides, span, undecided), 0))
    return Assignment(grid, np.where(near, distances, distances.max() * 2)), smoothing


def _smoothed(values: FloatArray, sigmas: tuple[float, float]) -> FloatArray:
    """Smooth each of the last axis's maps by a Gaussian; sigmas in windows' steps."""
    from scipy.ndimage import gaussian_filter

    smooth = np.empty_like(values)

    def work(direction: int) -> None:
        smooth[..., direction] = gaussian_filter(values[..., direction], sigmas, mode="nearest")

    for_each(work, range(values.shape[-1]))
    return smooth


def segment(pieces: Iterable[Placed], count: int, covering: WindowGrid) -> Segmentation:
    """Assign each pixel to its nearest component.

    Parameters
    ----------
    pieces : iterable of Placed
        Parts of the image, which together are all of it, each with its assignment. They are taken one after the other.
    count : int
        Number of components.
    covering : WindowGrid
        Pixels that none of its valid windows covers get no label.

    Returns
    -------
    Segmentation
        Labels, margins and area fractions of the labelled pixels; of very large images they lie in files.

    Notes
    -----
    A window speaks for its centre, so distances are interpolated bilinearly between the window
    centres and continued constantly to the edges of the image.
    """
    labels, margin = scratch(covering.image_shape, np.int16), scratch(covering.image_shape, np.float32)
    bands = list(bands_of(labels, _BAND))
    side, resolution = 0.0, 0.0
    for piece in pieces:
        _draw(piece, labels, margin)
        height, width = piece.assignment.window
        side, resolution = max(side, float(np.sqrt(height * width))), max(resolution, float(max(height, width)))
    for_each(lambda band: _erase(~covered_pixels(covering, band), labels[band], margin[band]), bands)
    found = list(ordered(lambda band: _counted(labels, band, count), bands))
    counts = np.sum([areas for areas, _ in found], axis=0)
    # A line in a random direction crosses 4 / pi times as many pixel borders as it is long.
    borders = np.sum([borders for _, borders in found], axis=0) * np.pi / 4
    return Segmentation(labels, margin, counts / counts.sum(), borders * _PLACE * side / counts.sum(), resolution)


def _erase(where: BoolArray, labels: npt.NDArray[np.int16], margin: npt.NDArray[np.float32]) -> None:
    if where.any():
        labels[where], margin[where] = -1, np.nan
    release(labels)
    release(margin)


def _draw(piece: Placed, labels: npt.NDArray[np.int16], margin: npt.NDArray[np.float32]) -> None:
    """Write labels and margins of a part of the image."""
    grid, columns = piece.assignment.grid, piece.columns
    lines = across(piece.assignment, np.arange(columns.start, columns.stop, dtype=float))
    height = max(1, _CACHED // (columns.stop - columns.start))

    def fill(rows: slice) -> None:
        for start in range(rows.start, rows.stop, height):
            own = slice(start, min(start + height, rows.stop))
            places = np.arange(own.start, own.stop, dtype=float)
            labels[own, columns], margin[own, columns] = nearest(lines, grid.centres_y, places)
        release(labels)
        release(margin)

    starts = range(piece.rows.start, piece.rows.stop, _BAND)
    for_each(fill, [slice(start, min(start + _BAND, piece.rows.stop)) for start in starts])


def _counted(labels: npt.NDArray[np.int16], band: slice, count: int) -> tuple[FloatArray, FloatArray]:
    """Count each component's pixels in a band of rows, and their borders, those with the next row included."""
    inside, width = labels[band], labels.shape[1]
    areas = np.array([np.count_nonzero(inside == index) for index in range(count)], float)
    borders = np.zeros(count)
    # With the next row, both as they lie in memory, each pixel has its neighbours one and `width` further on.
    pixels = labels[band.start : band.stop + 1].ravel()
    beside, below = (
        np.flatnonzero(pixels[: last - apart] != pixels[apart:last])
        for apart, last in ((1, inside.size), (width, pixels.size))
    )
    beside = beside[(beside + 1) % width > 0]  # not the end of a row and the beginning of the next one
    for first, apart in ((beside, 1), (below, width)):
        ends = np.stack([pixels[first], pixels[first + apart]])
        for side in ends[:, (ends >= 0).all(axis=0)]:
            borders += np.bincount(side, minlength=count)
    release(labels)
    return areas, borders


def covered_pixels(grid: WindowGrid, rows: slice) -> BoolArray:
    """Tell which pixels lie in at least one valid window.

    Parameters
    ----------
    grid : WindowGrid
        Where the windows lie.
    rows : slice
        Of the image, those that are asked for.

    Returns
    -------
    ndarray of bool, shape (row, x)
        False where no window reaches (a step larger than the window) or none is valid.
    """
    shape = rows.stop - rows.start, grid.image_shape[1]
    if grid.valid.all() and _has_no_gap(grid):
        covered = np.zeros(shape, bool)
        top, bottom = int(grid.origins_y[0]) - rows.start, int(grid.origins_y[-1]) + grid.size[0] - rows.start
        covered[max(top, 0) : max(bottom, 0), grid.origins_x[0] : grid.origins_x[-1] + grid.size[1]] = True
        return covered
    near = np.flatnonzero((grid.origins_y < rows.stop) & (grid.origins_y + grid.size[0] > rows.start))
    # A difference table: +1 and -1 at the corners of each valid window, summed up along both axes.
    table = np.zeros((shape[0] + 1, shape[1] + 1), np.int32)
    for window in near:
        top = max(int(grid.origins_y[window]) - rows.start, 0)
        bottom = min(int(grid.origins_y[window]) + grid.size[0] - rows.start, shape[0])
        left = grid.origins_x[grid.valid[window]]
        # Windows of one row lie at different columns.
        for line, sign in ((top, 1), (bottom, -1)):
            table[line, left] += sign
            table[line, left + grid.size[1]] -= sign
    return np.asarray(table.cumsum(axis=0).cumsum(axis=1)[:-1, :-1] > 0)


def _has_no_gap(grid: WindowGrid) -> bool:
    """Tell whether windows touch or overlap their neighbours along both axes."""
    return bool((np.diff(grid.origins_y) <= grid.size[0]).all() and (np.diff(grid.origins_x) <= grid.size[1]).all())


def _covariance_within(values: FloatArray, insides: list[BoolArray]) -> FloatArray:
    clouds = [values[inside].astype(np.float64) for inside in insides]
    rest = np.concatenate([cloud - cloud.mean(axis=0) for cloud in clouds])
    covariance = rest.T @ rest / len(rest)
    return np.asarray(covariance + 1e-6 * np.trace(covariance) / len(covariance) * np.eye(len(covariance)))
