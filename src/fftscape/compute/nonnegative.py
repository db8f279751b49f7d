"""Non-negative least squares of many right-hand sides at once: normal equations in, weights out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fftscape.model.arrays import BoolArray, FloatArray, IntArray

# Sets of fewer components are told apart by one whole number.
_BITS = 60
# Full exchanges without progress that are tried before a row goes on by single exchanges, which always end.
_PATIENCE = 3
_MOST_ROUNDS = 100
# Steps for each component where rows are solved one by one; more than enough, three are what SciPy takes unasked.
_MOST_STEPS = 100
# What lies below zero by less than this part of a row's largest value is rounding.
_ROUNDING = 1e-10


def nonnegative_least_squares(target: FloatArray, gram: FloatArray) -> FloatArray:
    """Minimise ``|X - weights @ factors|`` over non-negative weights, each row of X by itself.

    Parameters
    ----------
    target : ndarray of float64, shape (row, component)
        ``X @ factors.T``.
    gram : ndarray of float64, shape (component, component)
        ``factors @ factors.T``; components whose factor is zero get no weight.

    Returns
    -------
    ndarray of float64, shape (row, component)
        The weights.

    Notes
    -----
    Block principal pivoting (Portugal, Judice and Vicente, Math. Comput. 63, 625, 1994; for many
    right-hand sides Kim and Park, SIAM J. Sci. Comput. 33, 3261, 2011): rows with the same set of
    positive weights share one small system of equations. Nearly collinear factors can take it very many
    exchanges; what has not ended after some goes on by itself with the active sets of Lawson and Hanson.

    Examples
    --------
    >>> gram = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> nonnegative_least_squares(np.array([[3.0, 3.0], [1.0, -1.0]]), gram).round(6).tolist()
    [[1.0, 1.0], [0.5, 0.0]]
    """
    weights, units = np.zeros_like(target), unit_factors(gram)
    if units.usable.any():
        own = target[:, units.usable] / units.lengths
        weights[:, units.usable] = _solved(own, units.products) / units.lengths
    return weights


@dataclass(frozen=True, eq=False)
class UnitFactors:
    """Factors in units of their lengths, so that it does not matter how long they are.

    Parameters
    ----------
    usable : ndarray of bool, shape (component,)
        Which factors are not zero.
    lengths : ndarray of float64, shape (usable,)
        Of these.
    products : ndarray of float64, shape (usable, usable)
        Of each two of them, with a ridge far below any real difference: factors that are multiples of one another
        share the weight.
    """

    usable: BoolArray
    lengths: FloatArray
    products: FloatArray


def unit_factors(gram: FloatArray) -> UnitFactors:
    """Return what is known of factors from their products ``factors @ factors.T``, shape (component, component)."""
    usable = np.diag(gram) > 1e-12 * max(float(np.diag(gram).max(initial=0)), np.finfo(float).tiny)
    lengths = np.sqrt(np.diag(gram)[usable])
    products = gram[np.ix_(usable, usable)] / np.outer(lengths, lengths)
    return UnitFactors(usable, lengths, products + 1e-12 * len(lengths) * np.eye(len(lengths)))


def _solved(target: FloatArray, gram: FloatArray) -> FloatArray:
    count, size = target.shape
    positive = np.ones(target.shape, bool)
    weights, slope = np.empty_like(target), np.empty_like(target)
    fewest, patience = np.full(count, size + 1), np.full(count, _PATIENCE)
    rounding = _ROUNDING * np.abs(target).max(axis=1, keepdims=True)
    rows = np.arange(count)
    for _ in range(_MOST_ROUNDS):
        _solve_by_set(target, gram, positive, rows, weights, slope)
        wrong = np.where(positive[rows], weights[rows], slope[rows]) < -rounding[rows]
        many = wrong.sum(axis=1)
        left = many > 0
        rows, wrong, many = rows[left], wrong[left], many[left]
        if not len(rows):
            break
        better = many < fewest[rows]
        patience[rows] = np.where(better, _PATIENCE, patience[rows] - 1)
        fewest[rows] = np.minimum(fewest[rows], many)
        single = patience[rows] < 0
        wrong[single] = _last_only(wrong[single])
        positive[rows] ^= wrong
    if len(rows):
        weights[rows] = _one_by_one(target[rows], gram)
    return np.maximum(weights, 0)


def _one_by_one(target: FloatArray, gram: FloatArray) -> FloatArray:
    """Solve rows each by itself: slow, but every step makes the error smaller."""
    from scipy import linalg, optimize

    root = linalg.cholesky(gram)
    right = linalg.solve_triangular(root, target.T, trans="T").T
    return np.array([optimize.nnls(root, row, maxiter=_MOST_STEPS * len(gram))[0] for row in right])


def _solve_by_set(
    target: FloatArray, gram: FloatArray, positive: BoolArray, rows: IntArray, weights: FloatArray, slope: FloatArray
) -> None:
    """Solve for the positive weights of some rows, and say where the others would rather be positive, too."""
    members, inverse = _sets(positive[rows])
    # One system for each set: where a weight is to be zero, its equation says so.
    systems = np.where(members[:, :, None] & members[:, None, :], gram, np.eye(len(gram)))
    inverses, systems = np.linalg.inv(systems)[inverse], systems[inverse]
    wanted = np.where(positive[rows], target[rows], 0)[:, :, None]
    found = inverses @ wanted
    # An inverse is less exact than a solution; what it leaves is solved for once more.
    found += inverses @ (wanted - systems @ found)
    weights[rows] = found[:, :, 0]
    slope[rows] = weights[rows] @ gram - target[rows]


def _sets(positive: BoolArray) -> tuple[BoolArray, IntArray]:
    """Return the different rows of marks, and which of them each row is."""
    if positive.shape[1] >= _BITS:
        members, inverse = np.unique(positive, axis=0, return_inverse=True)
        return members, inverse.ravel()
    keys = positive @ (1 << np.arange(positive.shape[1]))
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return positive[first], inverse


def _last_only(wrong: BoolArray) -> BoolArray:
    """Keep only the last of the marks of each row (Murty's rule, which cannot go in a circle)."""
    last = wrong.shape[1] - 1 - wrong[:, ::-1].argmax(axis=1)
    return np.asarray(np.arange(wrong.shape[1]) == last[:, None])
