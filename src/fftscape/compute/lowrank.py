"""The leading part of a tall or wide matrix: singular triplets by block Krylov iteration, or exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fftscape.compute.executors import for_each, ordered
from fftscape.model.arrays import FloatArray

# Up to this many rows or columns the whole spectrum by an eigendecomposition takes a fraction of a second.
EXACT_LIMIT = 1500
_OVERSAMPLING = 10
_POWER_STEPS = 4
# And from directions of a matrix that is alike.
_STEPS_ON = 3
# Values of noise lie close together: so many directions for each have them to some parts in a hundred, the first ones
# much closer. More steps of a narrower block come closer with as many of them; products with a few columns are slow.
_DIRECTIONS_EACH, _NARROW = 6, 24
# Rows that are multiplied at a time: always the same ones, so that sums do not depend on the number of threads.
_ROWS = 512
# Columns that add less than this, in squares, to what the others span are a mixture of these.
_DEPENDENT = 1e-11
_NOTHING_NEW = 1e-10
# So much is left of a column when it is made orthogonal a second time, unless rounding was left the first time.
_STILL_NEW = 0.1
# Columns that are converted to float64 at a time, to keep the copy small.
_GRAM_COLUMNS = 1024


@dataclass(frozen=True, eq=False)
class LowRank:
    """A rank-r approximation ``basis @ coefficients`` of a matrix.

    Parameters
    ----------
    basis : ndarray of float64, shape (row, r)
        Orthonormal columns that span the leading left singular vectors.
    coefficients : ndarray of float64, shape (r, column)
        The matrix in that basis.
    """

    basis: FloatArray
    coefficients: FloatArray

    def leading(self, rank: int) -> LowRank:
        """Return the approximation by the strongest directions alone."""
        return LowRank(np.ascontiguousarray(self.basis[:, :rank]), self.coefficients[:rank])


@dataclass(frozen=True, eq=False)
class Leading:
    """The strongest directions of a matrix.

    Parameters
    ----------
    squares : ndarray of float64, shape (r,)
        Squared singular values, largest first.
    directions : ndarray of float64, shape (r, column)
        Right singular vectors, of those that are more than rounding; none where only the squares were worked out.
    """

    squares: FloatArray
    directions: FloatArray


def low_rank(matrix: FloatArray, rank: int, *, seed: int = 0, start: FloatArray | None = None) -> LowRank:
    """Approximate a matrix by its leading `rank` singular triplets.

    Block Krylov iteration with skinny products (Musco and Musco, NeurIPS 2015); the products run
    in the precision of `matrix`, the small dense algebra in float64.

    Parameters
    ----------
    matrix : ndarray, shape (row, column)
        Usually float32.
    rank : int
        Number of triplets wanted; fewer come back where the matrix has no more, but at least one.
    seed : int
        Seed of the random starting block.
    start : ndarray, shape (direction, column), optional
        Directions to start from instead, at least `rank`: those of a matrix like this one.

    Returns
    -------
    LowRank
        Basis and coefficients, strongest direction first.

    Examples
    --------
    >>> a = np.outer([1.0, 2, 3], [1.0, 1])
    >>> part = low_rank(a, 1)
    >>> bool(np.allclose(part.basis @ part.coefficients, a))
    True
    """
    if start is None:
        block = min(rank, *matrix.shape) + _OVERSAMPLING
        basis, coefficients = _krylov(matrix, _random_block(matrix, block, _POWER_STEPS, seed), _POWER_STEPS)
    else:
        basis, coefficients = _krylov(matrix, start.T.astype(matrix.dtype), _STEPS_ON)
    if not len(coefficients):  # a matrix of zeros has any direction
        return LowRank(np.eye(matrix.shape[0], 1), np.zeros((1, matrix.shape[1])))
    turned = np.linalg.eigh(coefficients @ coefficients.T)[1][:, ::-1][:, :rank]
    return LowRank(basis @ turned, turned.T @ coefficients)


def _random_block(matrix: FloatArray, width: int, power_steps: int, seed: int) -> FloatArray:
    if power_steps * width > min(matrix.shape):  # one step over all directions is as little work, and exact
        width = min(matrix.shape)
    return np.random.default_rng(seed).standard_normal((matrix.shape[1], width)).astype(matrix.dtype)


def _krylov(matrix: FloatArray, right: FloatArray, power_steps: int) -> tuple[FloatArray, FloatArray]:
    """Return an orthonormal basis, shape (row, direction), that holds the leading directions, and the matrix in it.

    `right` are directions to start from, shape (column, direction).
    """
    most = min(power_steps * right.shape[1], *matrix.shape)
    basis, coefficients = np.empty((matrix.shape[0], most)), np.empty((most, matrix.shape[1]))
    count = 0
    for _ in range(power_steps):
        left = _orthonormal(_times(matrix, right), basis[:, :count])[:, : most - count]
        new = slice(count, count + left.shape[1])
        right = _transposed_times(matrix, left.astype(matrix.dtype))
        basis[:, new], coefficients[new] = left, right.T
        count = new.stop
        if count == most or left.shape[1] == 0:
            break
    return basis[:, :count], coefficients[:count]


def leading(matrix: FloatArray, count: int, *, seed: int = 0, exact_limit: int = EXACT_LIMIT) -> Leading:
    """Return the `count` largest squared singular values and, where they were iterated for, their directions.

    Parameters
    ----------
    matrix : ndarray, shape (row, column)
        Any real matrix.
    count : int
        How many; fewer come back where the matrix has no more.
    seed : int
        Seed of the iteration that is used for matrices too large for the exact way.
    exact_limit : int
        Largest smaller side for which they are computed exactly, to the precision of `matrix`; beyond it, values that
        lie close together are up to three parts in a hundred too small.

    Returns
    -------
    Leading
        Values and directions.

    Examples
    --------
    >>> leading(np.diag([3.0, 1.0, 2.0]), 2).squares.round(6).tolist()
    [9.0, 4.0]
    """
    if min(matrix.shape) <= exact_limit:
        squares = np.linalg.eigvalsh(_gram(matrix))[::-1][:count]
        return Leading(np.maximum(squares, 0), np.empty((0, matrix.shape[1])))
    steps = max(_POWER_STEPS, -(-_DIRECTIONS_EACH * count // _NARROW))
    _, coefficients = _krylov(matrix, _random_block(matrix, _NARROW, steps, seed), steps)
    if not len(coefficients):
        return Leading(np.zeros(1), np.empty((0, matrix.shape[1])))
    squares, turned = (part[..., ::-1][..., :count] for part in np.linalg.eigh(coefficients @ coefficients.T))
    known = squares > np.finfo(float).eps * squares[0]
    directions = turned.T[known] @ coefficients / np.sqrt(squares[known])[:, None]
    return Leading(np.maximum(squares, 0), directions)


def _parts(count: int) -> list[slice]:
    return [slice(start, start + _ROWS) for start in range(0, count, _ROWS)]


def _times(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Return ``matrix @ right`` in float64, computed in the precision of the matrix."""
    out = np.empty((len(matrix), right.shape[1]))

    def work(rows: slice) -> None:
        out[rows] = matrix[rows] @ right

    for_each(work, _parts(len(matrix)))
    return out


def _transposed_times(matrix: FloatArray, left: FloatArray) -> FloatArray:
    """Return ``matrix.T @ left``."""
    # This way round, BLAS reads rows as they lie.
    parts = ordered(lambda rows: left[rows].T @ matrix[rows], _parts(len(matrix)))
    return np.asarray(sum(parts, start=np.zeros((), matrix.dtype)).T)


def _gram(matrix: FloatArray) -> FloatArray:
    """Products of all pairs of the fewer of rows and columns, in float64.

    A scree plot spans many decades, and squares in float32 would end it at 1e-7 of the first value.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    gram: FloatArray = np.zeros((len(wide), len(wide)))
    for start in range(0, wide.shape[1], _GRAM_COLUMNS):
        piece = wide[:, start : start + _GRAM_COLUMNS].astype(np.float64)
        gram += piece @ piece.T
    return gram


def _orthonormal(columns: FloatArray, basis: FloatArray) -> FloatArray:
    """Make columns orthonormal and orthogonal to a basis; what depends on others is left out.

    In float64 (float32 loses the small directions of a Krylov basis), and twice, since the first
    time leaves what rounding makes of small differences: a column that loses most of its length again was nothing else.
    """
    for least in (_NOTHING_NEW, _STILL_NEW):
        before = np.linalg.norm(columns, axis=0)
        columns = columns - basis @ (basis.T @ columns)
        lengths = np.linalg.norm(columns, axis=0)
        new = lengths > least * before
        columns = columns[:, new] / lengths[new]
        values, vectors = np.linalg.eigh(columns.T @ columns)
        kept = values > _DEPENDENT * values.max(initial=0)
        columns = columns @ (vectors[:, kept] / np.sqrt(values[kept]))
    return columns
