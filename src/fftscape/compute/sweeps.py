"""Sweeps: a low-rank matrix, its loadings and factors in, better loadings and factors out.

Hierarchical alternating least squares (Cichocki and Phan, IEICE Trans. E92-A, 2009), by a compiled kernel (``kernel``)
or, where that could not be built, by NumPy, whose many calls cost more than what they compute.
"""

from __future__ import annotations

import numpy as np

from fftscape.compute.kernel import LANES, kernel
from fftscape.compute.lowrank import LowRank
from fftscape.model.arrays import FloatArray

# A factor whose square is no more than this has no weight; the kernel has the same number.
_LEAST_WEIGHT = 1e-12


def swept(part: LowRank, loadings: FloatArray, factors: FloatArray, n_iter: int) -> tuple[FloatArray, FloatArray]:
    """Improve loadings and factors in turn.

    Parameters
    ----------
    part : LowRank
        The matrix X, of shape (window, feature).
    loadings : ndarray of float64, shape (component, window)
        Not negative.
    factors : ndarray of float64, shape (component, feature)
        Not negative.
    n_iter : int
        How many times.

    Returns
    -------
    ndarray of float64, shape (component, window)
        Better loadings: the norm of ``X - loadings.T @ factors`` is no larger than before.
    ndarray of float64, shape (component, feature)
        Better factors.

    Examples
    --------
    >>> part = LowRank(np.array([[0.6], [0.8]]), np.array([[5.0, 0.0, 10.0]]))
    >>> loadings, factors = swept(part, np.ones((1, 2)), np.ones((1, 3)), 2)
    >>> (loadings.T @ factors).round(6).tolist()
    [[3.0, 0.0, 6.0], [4.0, 0.0, 8.0]]
    """
    loadings, factors = loadings.copy(), factors.copy()
    if kernel is not None:
        basis, coefficients = np.ascontiguousarray(part.basis.T), np.ascontiguousarray(part.coefficients)
        kernel.sweep(basis, coefficients, len(basis), loadings, factors, n_iter, LANES)
        return loadings, factors
    for _ in range(n_iter):
        improve(loadings, read(part, factors), factors @ factors.T)
        improve(factors, summed(part, loadings), loadings @ loadings.T)
    return loadings, factors


def read(part: LowRank, factors: FloatArray) -> FloatArray:
    """Return ``factors @ X.T``, shape (component, window)."""
    return np.asarray((factors @ part.coefficients.T) @ part.basis.T)


def summed(part: LowRank, loadings: FloatArray) -> FloatArray:
    """Return ``loadings @ X``, shape (component, feature)."""
    return np.asarray((loadings @ part.basis) @ part.coefficients)


def improve(rows: FloatArray, target: FloatArray, gram: FloatArray) -> None:
    """Make each row in turn, in place, the best one that is not negative beside the others.

    Parameters
    ----------
    rows : ndarray of float64, shape (component, column)
        They come to minimise the norm of ``X - other.T @ rows``.
    target : ndarray of float64, shape (component, column)
        ``other @ X``.
    gram : ndarray of float64, shape (component, component)
        ``other @ other.T``.

    Examples
    --------
    >>> rows = np.ones((1, 2))
    >>> improve(rows, np.array([[4.0, -6.0]]), np.array([[2.0]]))
    >>> rows.tolist()
    [[2.0, 0.0]]
    """
    for j, row in enumerate(rows):
        if gram[j, j] <= _LEAST_WEIGHT:
            row[:] = 0
            continue
        change = target[j] - gram[j] @ rows
        change /= gram[j, j]
        change += row
        np.maximum(change, 0, out=row)
