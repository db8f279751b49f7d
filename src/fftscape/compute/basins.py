"""Basins of a relief: heights on a grid in, regions divided by ridges out."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import FloatArray, IntArray

Scalar = TypeVar("Scalar", bound=np.generic)


class Relief:
    """A relief to be divided into basins, joining those that no ridge divides.

    Parameters
    ----------
    height : ndarray, shape (y, x)
        Positive.

    Notes
    -----
    A watershed by steepest descent, simplified by persistence (Edelsbrunner, Letscher and
    Zomorodian, Discrete Comput. Geom. 28, 511, 2002) of the logarithm: passes are visited from
    the lowest upwards, and the shallower of two basins that meet goes up in the deeper one.

    Examples
    --------
    >>> Relief(np.array([[1.0, 1.2, 1.1, 5.0, 1.0]])).basins(2.0).tolist()
    [[0, 0, 0, 1, 1]]
    """

    def __init__(self, height: FloatArray) -> None:
        self._places = _descended(height)
        bottom = np.full(int(self._places.max()) + 1, np.inf)
        np.minimum.at(bottom, self._places.ravel(), height.ravel())
        # Lists, since single numbers of arrays are slow to get at.
        self._bottom: list[float] = bottom.tolist()
        self._passes = _passes(height, self._places)

    def basins(self, ratio: float) -> IntArray:
        """Divide the relief; the descent is done once, however many ratios are asked for.

        Parameters
        ----------
        ratio : float
            Two basins stay apart where the lowest pass between them is at least so many times as high
            as the bottom of the shallower one.

        Returns
        -------
        ndarray of int, shape (y, x)
            0, 1, ... in the order in which the basins appear along the rows.
        """
        bottom, joined = self._bottom, list(range(len(self._bottom)))

        def root(index: int) -> int:
            while joined[index] != index:
                joined[index] = joined[joined[index]]
                index = joined[index]
            return index

        for first, second, saddle in self._passes:
            deep, shallow = root(first), root(second)
            if (bottom[shallow], shallow) < (bottom[deep], deep):
                deep, shallow = shallow, deep
            if deep != shallow and saddle < ratio * bottom[shallow]:
                joined[shallow] = deep
        return in_order(np.array([root(index) for index in range(len(joined))])[self._places])


def in_order(labels: IntArray) -> IntArray:
    """Count labels 0, 1, ... in the order in which they appear along the rows.

    Parameters
    ----------
    labels : ndarray of int
        Not negative; as much memory is taken as the largest one is large.

    Returns
    -------
    ndarray of int
        Of the same shape.

    Examples
    --------
    >>> in_order(np.array([7, 7, 2, 7])).tolist()
    [0, 0, 1, 0]
    """
    flat = labels.ravel()
    first = np.full(int(flat.max()) + 1, flat.size)
    # Of several values for one place the last one stays, and these run backwards.
    first[flat[::-1]] = np.arange(flat.size)[::-1]
    return np.asarray(np.argsort(np.argsort(first, kind="stable"))[labels])


def _descended(height: FloatArray) -> IntArray:
    """Lead every place down the steepest way to the bottom of its basin."""
    rows, columns = height.shape
    # Equal heights would end the descent on every plateau; a tilt far below any real difference prevents that.
    tilted = height + 1e-9 * (np.ptp(height) or 1.0) * np.linspace(0, 1, height.size).reshape(height.shape)
    padded = np.pad(tilted, 1, constant_values=np.inf)
    around = np.stack([padded[1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + columns] for dy, dx in _NEIGHBOURS])
    lowest = around.argmin(axis=0)
    step_y, step_x = lowest // 3 - 1, lowest % 3 - 1
    y, x = np.mgrid[:rows, :columns]
    target = ((y + step_y) * columns + x + step_x).ravel()
    while True:
        further = target[target]
        if np.array_equal(further, target):
            return in_order(target.reshape(height.shape))
        target = further


def _passes(height: FloatArray, basin: IntArray) -> list[tuple[int, int, float]]:
    """List the lowest pass between each two basins that touch, lowest first."""
    count = int(basin.max()) + 1
    keys, saddles = [], []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here, there = _shifted(basin, dy, dx)
        saddle = np.maximum(*_shifted(height, dy, dx))
        differ = here != there
        low, high = np.minimum(here, there)[differ], np.maximum(here, there)[differ]
        keys.append(low * count + high)
        saddles.append(saddle[differ])
    pairs, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    lowest = np.full(len(pairs), np.inf)
    np.minimum.at(lowest, inverse, np.concatenate(saddles))
    order = np.lexsort((pairs, lowest))
    first, second = np.divmod(pairs[order], count)
    return list(zip(first.tolist(), second.tolist(), lowest[order].tolist(), strict=True))


def _shifted(values: npt.NDArray[Scalar], dy: int, dx: int) -> tuple[npt.NDArray[Scalar], npt.NDArray[Scalar]]:
    """Return the values of all pairs of places that lie (dy, dx) apart."""
    rows, columns = values.shape
    left, right = max(0, -dx), max(0, dx)
    return (
        values[: rows - dy, left : columns - right],
        values[dy:, left + dx : columns - right + dx],
    )


_NEIGHBOURS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
