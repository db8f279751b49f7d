"""Records about orientation: which components are one structure turned, and how each window is turned."""

from __future__ import annotations

from dataclasses import dataclass

from fftscape.model.arrays import BoolArray, FloatArray, IntArray, ReadOnlyArrays


@dataclass(frozen=True, eq=False, repr=False)
class Turns(ReadOnlyArrays):
    """How each pair of components compares when one is turned: a table of equally long columns.

    Parameters
    ----------
    first, second : ndarray of int, shape (pair,)
        Indices of the components, from 0; ``first < second``.
    angle : ndarray of float, shape (pair,)
        Smallest turn that takes the first to the second, in degrees counter-clockwise as seen on
        screen, in [-period / 2, period / 2).
    uncertainty : ndarray of float, shape (pair,)
        Its standard uncertainty in degrees.
    period : ndarray of float, shape (pair,)
        Turn in degrees that changes nothing, and up to which `angle` is known: 180 for a rectangular
        cell, 90 for a square one, 60 for a hexagonal one.
    score : ndarray of float, shape (pair,)
        Correlation of what depends on direction at this turn; 1 where all is equal.
    stretch : ndarray of float, shape (pair,)
        Frequencies of the second component relative to the first one's.
    same : ndarray of bool, shape (pair,)
        Whether both have the same rings and spots, and so are one structure.
    """

    first: IntArray
    second: IntArray
    angle: FloatArray
    uncertainty: FloatArray
    period: FloatArray
    score: FloatArray
    stretch: FloatArray
    same: BoolArray

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.first)


@dataclass(frozen=True, eq=False, repr=False)
class Orientation(ReadOnlyArrays):
    """How far each window is turned against the reference of its structure.

    Parameters
    ----------
    owner : ndarray of int, shape (n_valid,)
        Component whose reference counts for each window; -1 for none.
    angle : ndarray of float, shape (n_valid,)
        Degrees, counter-clockwise as seen on screen; NaN where it means nothing.
    uncertainty : ndarray of float, shape (n_valid,)
        Standard uncertainty in degrees; NaN where the angle is.
    period : ndarray of float, shape (component,)
        Turn that changes nothing and up to which angles are known; NaN for a component without
        any direction.
    """

    owner: IntArray
    angle: FloatArray
    uncertainty: FloatArray
    period: FloatArray
