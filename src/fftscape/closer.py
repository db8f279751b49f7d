"""The close look: windows of half the size in, where they lie along the directions in which they differ out.

It does not depend on what the components are, so one look serves any number of them; below the pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass

from fftscape.compute.scores import leading_scores
from fftscape.ground import Ground
from fftscape.model.arrays import BoolArray, FloatArray
from fftscape.model.records import WindowGrid
from fftscape.model.settings import Pair, SpectraSettings
from fftscape.stages.segmentation import MOST_DIRECTIONS
from fftscape.stages.windows import survey_grid

# Windows smaller than this hold too few pixels to tell structures apart.
_SMALLEST_WINDOW = 10
# Boundaries are placed with windows down to this part of the size that found them.
_FINEST = 4
# They lie at steps of so many to a window: half of it tells as much as four times as many at steps of a quarter.
_STEPS = 2
# So many windows are all looked at; of more only those near boundaries, once these are known.
_MOST_WINDOWS = 1 << 14


@dataclass(frozen=True, eq=False)
class CloseLook:
    """What windows of half the size look like, wherever boundaries are.

    Parameters
    ----------
    grid : WindowGrid
        The windows.
    scores : ndarray of float32, shape (direction, window_y, window_x)
        Where each lies along the leading directions, the first one first; NaN where a window takes no part.
    """

    grid: WindowGrid
    scores: FloatArray

    def part(self, rows: slice, columns: slice) -> CloseLook:
        """Return that of some rows and columns of windows."""
        return CloseLook(self.grid.part(rows, columns), self.scores[:, rows, columns])


def finer_grid(usable: BoolArray, size: Pair, coarsest: Pair) -> WindowGrid | None:
    """Lay windows of half a size over the image.

    Parameters
    ----------
    usable : ndarray of bool, shape (y, x)
        False for pixels without data.
    size : tuple of int
        Of the windows to be halved, in pixels (y, x).
    coarsest : tuple of int
        Of those that found the components.

    Returns
    -------
    WindowGrid or None
        At regular steps; None where they would be too small to tell anything.
    """
    half = size[0] // 2, size[1] // 2
    if min(half) < _SMALLEST_WINDOW or half[0] * _FINEST < coarsest[0]:
        return None
    return survey_grid(usable, half, (half[0] // _STEPS, half[1] // _STEPS))


def close_look(ground: Ground, size: Pair, *, seed: int) -> CloseLook | None:
    """Look at all windows of half a size.

    Parameters
    ----------
    ground : Ground
        The image.
    size : tuple of int
        Of the windows that find the components, in pixels (y, x).
    seed : int
        Seed of the search for leading directions.

    Returns
    -------
    CloseLook or None
        None where the windows would be too small, or are so many that only some should be looked at.
    """
    grid = finer_grid(ground.usable, size, size)
    if grid is None or not 0 < grid.n_valid <= _MOST_WINDOWS:
        return None
    return CloseLook(grid, scores_of(ground, grid, MOST_DIRECTIONS, seed=seed))


def scores_of(ground: Ground, grid: WindowGrid, count: int, *, seed: int) -> FloatArray:
    """Find where windows lie along the leading directions; parameters as in `CloseLook` and `close_look`."""
    return grid.to_map(leading_scores(ground.spectra(grid, SpectraSettings()), count, seed=seed).values)
