"""Blocks: spectra of many windows in, what is computed of them a few rows of windows at a time out.

Where blocks begin and end depends on the grid alone, and their results are taken in order, so that any number of
threads gives the same last digits, whether spectra are held in memory or computed when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from fftscape.compute.backend import Block, device
from fftscape.compute.executors import spread
from fftscape.model.arrays import BoolArray, FloatArray, IntArray
from fftscape.model.records import Spectra, WindowGrid

Result = TypeVar("Result")

# A block is so many window heights of rows high, which share most of their pixels, but holds no more values.
_HEIGHTS = 2
_MOST_VALUES = 1 << 24
# Windows of which a mean is as good as that of more.
_ENOUGH_FOR_MEANS = 4000
# Columns of a product that BLAS works on at a time.
_AT_A_TIME = 8
# Windows of a sample that are worked on at a time.
_SAMPLED = 1000
# A sample of them holds no more values than this, be they as long as they may.
_SAMPLE_VALUES = 1 << 25


def bands(grid: WindowGrid, n_features: int) -> list[slice]:
    """Cut the rows of a grid into bands.

    Parameters
    ----------
    grid : WindowGrid
        The windows.
    n_features : int
        Length of a spectrum.

    Returns
    -------
    list of slice
        Of rows of windows.
    """
    most = max(1, _MOST_VALUES // (n_features * grid.shape[1]))
    found, start = [], 0
    while start < grid.shape[0]:
        near = int(np.searchsorted(grid.origins_y, grid.origins_y[start] + _HEIGHTS * grid.size[0]))
        found.append(slice(start, min(near, start + most)))
        start = found[-1].stop
    return found


def blocks(spectra: Spectra) -> list[slice]:
    """Return the windows, counted over the valid ones, of each band that has any."""
    ends = np.concatenate([[0], np.cumsum(spectra.grid.valid.sum(axis=1))])
    parts = [slice(int(ends[band.start]), int(ends[band.stop])) for band in bands(spectra.grid, spectra.shape[1])]
    return [part for part in parts if part.start < part.stop]


def mapped(function: Callable[[Block, slice], Result], spectra: Spectra) -> Iterator[tuple[slice, Result]]:
    """Call a function on the spectra of each block, and on the windows it is of; return both in order."""

    def work(windows: slice) -> tuple[slice, Result]:
        return windows, function(block_of(spectra, windows), windows)

    return spread(work, blocks(spectra))


def sampled(function: Callable[[Block], Result], spectra: Spectra, most: int) -> Iterator[Result]:
    """Call a function on the spectra of each block or, of more than `most` windows, on so many spread over all."""
    if spectra.shape[0] <= most:
        return (result for _, result in mapped(lambda block, _: function(block), spectra))
    chosen = sample_of(spectra, most, at_once=_SAMPLED)
    parts = [chosen[start : start + _SAMPLED] for start in range(0, len(chosen), _SAMPLED)]
    return spread(lambda part: function(block_of(spectra, part)), parts)


def block_of(spectra: Spectra, chosen: slice | IntArray) -> Block:
    """Return the spectra of some windows where they are computed."""
    if spectra.backend == "numpy":
        return Block(spectra.rows(chosen))
    return Block(spectra.device_rows(chosen), device(spectra.backend))


def products(spectra: Spectra, matrix: FloatArray) -> FloatArray:
    """Multiply all spectra by a matrix.

    Parameters
    ----------
    spectra : Spectra
        Of shape (window, feature).
    matrix : ndarray, shape (feature, column)
        Taken in the precision of the spectra.

    Returns
    -------
    ndarray of float64, shape (window, column)
        In the order of the windows.
    """
    count = matrix.shape[1]
    # For a few less BLAS takes longer.
    padded = np.pad(matrix, ((0, 0), (0, _AT_A_TIME - count if _AT_A_TIME / 2 < count < _AT_A_TIME else 0)))
    out = np.empty((spectra.shape[0], count))
    for windows, result in mapped(lambda block, _: block.times(padded), spectra):
        out[windows] = result[:, :count]
    return out


def group_means(spectra: Spectra, groups: BoolArray) -> FloatArray:
    """Average the spectra of groups of windows.

    Parameters
    ----------
    spectra : Spectra
        Of shape (window, feature).
    groups : ndarray of bool, shape (window, group)
        Which windows belong to each; of very many an even part is taken.

    Returns
    -------
    ndarray of float64, shape (group, feature)
        Zero for a group without windows.
    """
    taken = np.zeros(groups.shape, bool)
    for index in range(groups.shape[1]):
        windows: IntArray = np.flatnonzero(groups[:, index])
        taken[windows[:: max(1, len(windows) // _ENOUGH_FOR_MEANS)], index] = True
    needed: BoolArray = np.logical_or.reduce(taken, axis=1)

    def work(windows: slice) -> FloatArray:
        own = np.flatnonzero(needed[windows]) + windows.start
        if not len(own):
            return np.zeros(1)
        # All of a block is a view where spectra are held.
        chosen = windows if 2 * len(own) > windows.stop - windows.start else own
        return block_of(spectra, chosen).sums(taken[chosen])

    total = np.zeros((groups.shape[1], spectra.shape[1]))
    for part in spread(work, blocks(spectra)):
        total += part
    return np.asarray(total / np.maximum(taken.sum(axis=0), 1)[:, None])


def sample_of(spectra: Spectra, most: int, *, at_once: int | None = None) -> IntArray:
    """Choose so many of the windows as teach what all look like, evenly over all.

    Parameters
    ----------
    spectra : Spectra
        Of shape (window, feature).
    most : int
        How many to choose at most; fewer are chosen where spectra are long.
    at_once : int, optional
        How many of these will be in memory at a time; all where left out.

    Returns
    -------
    ndarray of int
        Rising; always the same ones of as many.
    """
    count, n_features = spectra.shape
    if at_once is None:
        most = min(most, max(1, _SAMPLE_VALUES // n_features))
    if count <= most:
        return np.arange(count)
    # One of each of equal parts; a regular step might fall into step with the columns of the grid.
    edges = np.linspace(0, count, most + 1).astype(np.intp)
    return np.asarray(np.random.default_rng(0).integers(edges[:-1], edges[1:]))
