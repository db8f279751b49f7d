"""Territories: regions of a map in, their thickness, insides and reach out; lengths in windows."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fftscape.compute.executors import for_each, ordered
from fftscape.model.arrays import BoolArray, FloatArray, IntArray

Span = tuple[int, int]
Scalar = TypeVar("Scalar", bound=np.generic)

# Depths of maps of at most so many places are remembered.
_REMEMBERED = 1 << 16
# Deep inside is so far from the border, in windows, or so far relative to the deepest place.
_DEPTH = 0.7
_RELATIVE_DEPTH = 0.6
# Means are taken around a place with this Gaussian sigma, in windows, so that slow changes do no harm.
_NEIGHBOURHOOD = 1.5
# The Gaussian ends at so many sigma; what goes into it is added up in cells, so many to a window, before.
_FARTHEST = 3.5
_CELLS = 2
# Places, along each axis, that are worked on at a time.
_TILE = 64
# Weight of the mean over everywhere, which decides only far from a region.
_FAR_WEIGHT = 0.02
# Distances are compared as if they had no more digits.
_ROUNDING = 1e-9
# A region may grow so far, in windows.
_REACH = 0.75


def depth(inside: BoolArray, span: Span) -> FloatArray:
    """Return how far each place lies inside a region.

    Parameters
    ----------
    inside : ndarray of bool, shape (y, x)
        The region, which is taken to go on beyond the edges of the map.
    span : tuple of int
        Places per window, (y, x).

    Returns
    -------
    ndarray of float64, shape (y, x)
        Distance to the border in windows; 0 outside, infinity where the region is everything. Read-only.

    Examples
    --------
    >>> depth(np.array([[True, True, True, False]]), (1, 2)).tolist()
    [[1.25, 0.75, 0.25, 0.0]]
    """
    # One region is asked about several times in a row: its width, its inside, and with other thresholds again.
    if inside.size <= _REMEMBERED:
        return _remembered_depth(inside.tobytes(), inside.shape, span)
    return _depth(inside, span)


@lru_cache(maxsize=32)
def _remembered_depth(inside: bytes, shape: tuple[int, int], span: Span) -> FloatArray:
    return _depth(np.frombuffer(inside, bool).reshape(shape), span)


def _depth(inside: BoolArray, span: Span) -> FloatArray:
    from scipy.ndimage import distance_transform_edt

    if inside.all():
        return np.broadcast_to(np.inf, inside.shape)
    box = _surroundings(inside, (1, 1))
    depths = np.zeros(inside.shape)
    # The border lies half a step outside the last place.
    distance = distance_transform_edt(inside[box], sampling=(1 / span[0], 1 / span[1])) - 0.5 / max(span)
    depths[box] = np.maximum(distance, 0)
    depths.flags.writeable = False
    return depths


def _grown(inside: BoolArray, radius: float, span: Span) -> BoolArray:
    """Tell which places lie within a radius, in windows, of one in a region; a short one needs no distances."""
    rows, columns = inside.shape
    reach = min(int(radius * span[0]), rows - 1)
    across = [span[1] * np.sqrt(radius**2 - (dy / span[0]) ** 2) for dy in range(reach + 1)]
    grown, wide, width = inside.copy(), inside.copy(), 0
    # From the farthest rows, of which few places are near enough, to the region's own.
    for dy in range(reach, -1, -1):
        while width < min(int(across[dy]), columns - 1):
            width += 1
            wide[:, width:] |= inside[:, :-width]
            wide[:, :-width] |= inside[:, width:]
        grown[dy:] |= wide[: rows - dy]
        grown[: rows - dy] |= wide[dy:]
    return grown


def _surroundings(inside: BoolArray, reach: Span) -> tuple[slice, slice]:
    """Return the rows and columns of a map that hold a region and so many places around it.

    One is enough where what lies outside is looked for: around a region lies a ring of places outside it, and nothing
    beyond can be nearer.
    """
    parts = []
    for axis, (steps, length) in enumerate(zip(reach, inside.shape, strict=True)):
        places = np.flatnonzero(inside.any(axis=1 - axis))
        first, last = (int(places[0]), int(places[-1])) if len(places) else (0, -1)
        parts.append(slice(max(first - steps, 0), min(last + 1 + steps, length)))
    return parts[0], parts[1]


def thickness(inside: BoolArray, span: Span) -> float:
    """Return the largest depth of a region, half the width of its widest place; parameters as in `depth`."""
    return float(depth(inside, span).max()) if inside.any() else 0.0


def deep_inside(inside: BoolArray, span: Span, valid: BoolArray | None = None) -> BoolArray:
    """Choose the places of a region that lie well away from its border.

    Parameters
    ----------
    inside : ndarray of bool, shape (y, x)
        The region, which is taken to go on beyond the edges of the map.
    span : tuple of int
        Places per window, (y, x).
    valid : ndarray of bool, shape (y, x), optional
        Places that may be chosen; all where left out.

    Returns
    -------
    ndarray of bool, shape (y, x)
        At least one place of each region that has any to choose from.

    Examples
    --------
    >>> deep_inside(np.array([[True, True, True, False]]), (1, 2)).tolist()
    [[True, True, False, False]]
    """
    chosen = inside if valid is None else inside & valid
    # Where some places lie so deep that only the first bound counts, nobody has to know how deep.
    if inside.size > _REMEMBERED and (_at_depth(inside, _DEPTH / _RELATIVE_DEPTH, span) & chosen).any():
        return np.asarray(_at_depth(inside, _DEPTH, span) & chosen)
    depths = depth(inside, span)
    return np.asarray(chosen & (depths >= min(_DEPTH, _RELATIVE_DEPTH * float(depths.max(where=chosen, initial=0)))))


def _at_depth(inside: BoolArray, least: float, span: Span) -> BoolArray:
    """Tell which places lie at least so deep in a region, in windows."""
    deep = np.zeros_like(inside)
    box = _surroundings(inside, (1, 1))
    deep[box] = ~_grown(~inside[box], (least + 0.5 / max(span)) * (1 - _ROUNDING), span)
    return deep


def within_reach(labels: IntArray, count: int, span: Span, reach: float = _REACH) -> BoolArray:
    """Tell which regions each place may belong to.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x)
        Region of each place.
    count : int
        Number of regions.
    span : tuple of int
        Places per window, (y, x).
    reach : float
        In windows.

    Returns
    -------
    ndarray of bool, shape (region, y, x)
        Whether the region is so near.
    """
    near = np.zeros((count, *labels.shape), bool)

    def fill(index: int) -> None:
        inside = labels == index
        box = _surroundings(inside, (math.ceil(reach * span[0]), math.ceil(reach * span[1])))
        near[index][box] = _grown(inside[box], reach * (1 + _ROUNDING), span)

    for_each(fill, range(count))
    return near


def without_gaps(values: npt.NDArray[Scalar], valid: BoolArray) -> npt.NDArray[Scalar]:
    """Give places without a value that of the nearest place with one.

    Parameters
    ----------
    values : ndarray, shape (y, x, ...)
        Anything on a map.
    valid : ndarray of bool, shape (y, x)
        Where there is a value.

    Returns
    -------
    ndarray, shape (y, x, ...)
        Values everywhere.

    Examples
    --------
    >>> without_gaps(np.array([[1.0, 0.0, 3.0, 0.0]]), np.array([[True, False, True, False]])).tolist()
    [[1.0, 1.0, 3.0, 3.0]]
    """
    from scipy.ndimage import distance_transform_edt

    if valid.all():
        return values
    nearest = distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return np.asarray(values[nearest[0], nearest[1]])


def local_distances(
    values: FloatArray,
    insides: list[BoolArray],
    span: Span,
    wanted: BoolArray | None = None,
    *,
    apart: bool = False,
) -> npt.NDArray[np.float32]:
    """Return the squared distance of each place to each region's mean in the neighbourhood.

    Parameters
    ----------
    values : ndarray, shape (y, x, direction)
        Coordinates in units of noise.
    insides : list of ndarray of bool, shape (y, x)
        Places that speak for each region.
    span : tuple of int
        Places per window, (y, x).
    wanted : ndarray of bool, shape (y, x), optional
        Places whose distances are asked for; all where left out.
    apart : bool
        Whether what lies in the same window, of those that divide the map, has no say in the mean: for asking the
        places that speak for a region whether they are recognised.

    Returns
    -------
    ndarray of float32, shape (region, y, x)
        Smaller is more alike; infinity where nothing was asked.
    """
    maps = np.ascontiguousarray(np.moveaxis(values, -1, 0), np.float32)
    cell = max(1, span[0] // _CELLS), max(1, span[1] // _CELLS)
    cells = list(ordered(lambda inside: _cell_sums(maps, inside, cell), insides))
    sums = [own.sum(axis=(1, 2), dtype=np.float64) for own in cells]
    far = [(_FAR_WEIGHT * own[:-1] / own[-1]).astype(np.float32) for own in sums]
    axes = list(zip(maps.shape[1:], cell, span, strict=True))
    nearness = [_nearness(length, size, _NEIGHBOURHOOD * steps) for length, size, steps in axes]
    own = [near * _is_same_window(*axis) for near, axis in zip(nearness, axes, strict=True)]
    distances = np.full((len(insides), *maps.shape[1:]), np.inf, np.float32)

    def fill(tile: tuple[slice, slice]) -> None:
        if wanted is not None and not wanted[tile].any():
            return
        (rows, near_rows), (columns, near_columns) = (
            _reached(all_near, part) for all_near, part in zip(nearness, tile, strict=True)
        )
        for index in range(len(insides)):
            # The last one of the sums counts the places.
            there = cells[index][:, near_rows, near_columns]
            nearby = rows @ there @ columns.T
            if apart:
                nearby -= own[0][tile[0], near_rows] @ there @ own[1][tile[1], near_columns].T
            centre = nearby[:-1]
            centre += far[index][:, None, None]
            centre /= nearby[-1] + np.float32(_FAR_WEIGHT)
            centre -= maps[:, *tile]
            np.einsum("dyx,dyx->yx", centre, centre, out=distances[index][tile])
            if wanted is not None:
                distances[index][tile][~wanted[tile]] = np.inf

    for_each(fill, [(rows, columns) for rows in _tiles(maps.shape[1]) for columns in _tiles(maps.shape[2])])
    return distances


def _cell_sums(maps: npt.NDArray[np.float32], inside: BoolArray, cell: Span) -> npt.NDArray[np.float32]:
    """Add up, in cells of a few places, the values of a region in each map and, as the last one, its places."""
    y, x = np.nonzero(inside)
    rows, columns = -(-inside.shape[0] // cell[0]), -(-inside.shape[1] // cell[1])
    cells = y // cell[0] * columns + x // cell[1]
    sums = [np.bincount(cells, own[y, x], rows * columns) for own in maps]
    sums.append(np.bincount(cells, minlength=rows * columns))
    return np.stack(sums, dtype=np.float32, casting="same_kind").reshape(-1, rows, columns)


def _nearness(length: int, cell: int, sigma: float) -> npt.NDArray[np.float32]:
    """Return the weight of each cell at each place along an axis, shape (place, cell): a Gaussian of area 1."""
    centres = np.minimum(np.arange(0, length, cell) + (cell - 1) / 2, length - 1)
    steps = (np.arange(length)[:, None] - centres) / sigma
    weights = np.exp(-(steps**2) / 2) / (sigma * np.sqrt(2 * np.pi))
    return np.where(np.abs(steps) <= _FARTHEST, weights, 0).astype(np.float32)


def _is_same_window(length: int, cell: int, steps: int) -> BoolArray:
    """Tell which cells lie in the same window as a place, of windows side by side, shape (place, cell)."""
    return np.equal.outer(np.arange(length) // steps, np.arange(0, length, cell) // steps)


def _reached(nearness: npt.NDArray[np.float32], places: slice) -> tuple[npt.NDArray[np.float32], slice]:
    """Return the weights at some places, and the cells that have any there."""
    own = nearness[places]
    cells = np.flatnonzero(own.any(axis=0))
    reached = slice(int(cells[0]), int(cells[-1]) + 1)
    return own[:, reached], reached


def _tiles(length: int) -> list[slice]:
    return [slice(start, min(start + _TILE, length)) for start in range(0, length, _TILE)]
