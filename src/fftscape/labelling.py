"""Labels at image scale: components of windows in, `Segmentation` out, tile by tile; below the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from fftscape.closer import CloseLook, finer_grid, scores_of
from fftscape.compute.assignments import Assignment
from fftscape.compute.moments import Moments, cell_moments
from fftscape.ground import Ground
from fftscape.model.mapped import release
from fftscape.model.records import Segmentation, WindowGrid
from fftscape.model.settings import Pair, Settings
from fftscape.stages.outlines import level_cell, loud_beside_quiet, outline_cell, outlined
from fftscape.stages.segmentation import Placed, near_boundaries, segment, sharpened

# Neighbouring windows overlap, so a light smoothing costs no resolution. Where those of half the size cannot tell so,
# several together may, and better than the larger ones; then still smaller ones cannot. Sigmas in windows.
_SMOOTHINGS = 0.25, 0.5
# Larger images are worked on in tiles of this side, in pixels, each with so many windows of what lies around it:
# maps of the finest windows of a whole mosaic would not fit into memory.
_LARGEST, _TILE, _AROUND = 6144, 4096, 6


def labelled(
    ground: Ground,
    assignment: Assignment,
    covering: WindowGrid,
    settings: Settings,
    looked: Callable[[], CloseLook | None],
) -> Segmentation:
    """Give each pixel a component.

    Parameters
    ----------
    ground : Ground
        The image.
    assignment : Assignment
        Components of its windows.
    covering : WindowGrid
        Pixels that none of its windows covers get no label.
    settings : Settings
        Whether boundaries are placed anew with smaller and smaller windows, while these can tell.
    looked : callable
        Returns the close look at the ground with windows of the assignment's size; asked for only where it is needed.

    Returns
    -------
    Segmentation
        Labels, margins and areas.
    """
    return segment(_placed(ground, assignment, settings, looked), len(assignment.distances), covering)


def _placed(
    ground: Ground, assignment: Assignment, settings: Settings, looked: Callable[[], CloseLook | None]
) -> Iterator[Placed]:
    for rows in _parts(ground.image.shape[0]):
        for columns in _parts(ground.image.shape[1]):
            around = _around(rows, assignment.grid.size[0]), _around(columns, assignment.grid.size[1])
            here = Assignment(*_cropped(assignment, around))
            if settings.segmentation.sharpen:
                here = _sharpened(ground, here, around, looked, settings.regions.seed)
                release(ground.image.data)
            yield Placed(rows, columns, here)


def _sharpened(
    ground: Ground, assignment: Assignment, part: tuple[slice, slice], looked: Callable[[], CloseLook | None], seed: int
) -> Assignment:
    """Place the boundaries in a part of the image anew, as finely as the components there can be told apart."""
    present = np.unique(assignment.distances.argmin(axis=0))
    here = replace(assignment, distances=assignment.distances[present])
    if len(present) > 1:
        can_tell_alone = True
        while can_tell_alone and (better := _better(ground, here, assignment.grid.size, part, looked, seed)):
            here, smoothing = better
            can_tell_alone = smoothing == _SMOOTHINGS[0]
        here = _outlined(ground, here, replace(assignment, distances=assignment.distances[present]), part)
    if here.grid is assignment.grid:  # nothing was placed anew
        return assignment
    # Components that are nowhere near are as far as others that are out of reach.
    distances = np.full((len(assignment.distances), *here.grid.shape), 2 * here.distances.max(), here.distances.dtype)
    distances[present] = here.distances
    return replace(here, distances=distances)


def _better(
    ground: Ground, here: Assignment, coarsest: Pair, part: tuple[slice, slice],
    looked: Callable[[], CloseLook | None], seed: int,
) -> tuple[Assignment, float] | None:  # fmt: skip
    """Place the boundaries with windows of half the size, see `sharpened`; None where these cannot tell."""
    finer, is_first = finer_grid(ground.usable, here.grid.size, coarsest), here.grid.size == coarsest
    if finer is None:
        return None
    smoothings = _SMOOTHINGS if is_first else _SMOOTHINGS[:1]
    if is_first and (look := looked()):
        look = look.part(*_inside(look.grid, part))
        return sharpened(here, look.grid, lambda count: look.scores[:count], smoothings)
    near = near_boundaries(here, finer.part(*_inside(finer, part)))
    return sharpened(here, near, lambda count: scores_of(ground, near, count, seed=seed), smoothings)


def _outlined(ground: Ground, finest: Assignment, coarsest: Assignment, part: tuple[slice, slice]) -> Assignment:
    """Draw the outlines of what is loud beside something quiet in, to where its power ends."""
    pixels = ground.image.data
    rows, columns = (_clipped(along, length) for along, length in zip(part, pixels.shape, strict=True))

    def cells(size: tuple[int, int]) -> Moments:
        return cell_moments(pixels, ground.centred, ground.usable, size, (rows, columns))

    pairs = loud_beside_quiet(cells(level_cell(coarsest)).over(coarsest.grid), coarsest)
    if not pairs:
        return finest
    return outlined(finest, coarsest, pairs, cells(outline_cell(finest, pixels[rows, columns].size)))


def _clipped(part: slice, length: int) -> slice:
    return slice(max(part.start, 0), min(part.stop, length))


def _parts(length: int) -> list[slice]:
    count = 1 if length <= _LARGEST else -(-length // _TILE)
    edges = np.linspace(0, length, count + 1).round().astype(int)
    return [slice(int(start), int(stop)) for start, stop in pairwise(edges)]


def _around(part: slice, size: int) -> slice:
    return slice(part.start - _AROUND * size, part.stop + _AROUND * size)


def _cropped(assignment: Assignment, part: tuple[slice, slice]) -> tuple[WindowGrid, np.ndarray]:
    rows, columns = _inside(assignment.grid, part)
    return assignment.grid.part(rows, columns), assignment.distances[:, rows, columns]


def _inside(grid: WindowGrid, part: tuple[slice, slice]) -> tuple[slice, slice]:
    """Return the rows and columns of windows whose centres lie in a part of the image, at least one of each."""
    found = []
    for centres, wanted in zip((grid.centres_y, grid.centres_x), part, strict=True):
        start = min(int(np.searchsorted(centres, wanted.start)), len(centres) - 1)
        found.append(slice(start, max(int(np.searchsorted(centres, wanted.stop)), start + 1)))
    return found[0], found[1]
