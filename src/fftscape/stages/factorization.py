"""Non-negative matrix factorization: local spectra and a number in, `Factorization` out.

Hierarchical alternating least squares (Cichocki and Phan, IEICE Trans. E92-A, 2009) on a low-rank
form of the spectra, so that an iteration touches the few leading directions instead of all the
data, then exact passes over the data themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fftscape.compute.lowrank import LowRank, low_rank
from fftscape.model.arrays import FloatArray
from fftscape.model.records import Factorization, LocalSpectra
from fftscape.model.settings import FactorizationSettings, Start

_EXTRA_RANK = 6
_TRIAL_ITERATIONS = 30
_EXACT_PASSES = 3
_LEAST_SQUARES_SWEEPS = 200
# A window belongs clearly to a component from this part of the component's largest share in any window.
_NEARLY = 0.85
_TINY = 1e-12


class _Matrix(Protocol):
    """What the iteration needs to know of a matrix X, however it is stored."""

    def times(self, factors: FloatArray) -> FloatArray:
        """Return X @ factors.T."""

    def transposed_times(self, loadings: FloatArray) -> FloatArray:
        """Return loadings.T @ X."""


@dataclass(frozen=True, eq=False)
class _Compressed:
    part: LowRank

    def times(self, factors: FloatArray) -> FloatArray:
        return self.part.basis @ (self.part.coefficients @ factors.T)

    def transposed_times(self, loadings: FloatArray) -> FloatArray:
        return (loadings.T @ self.part.basis) @ self.part.coefficients


@dataclass(frozen=True, eq=False)
class _Whole:
    values: npt.NDArray[np.float32]

    def times(self, factors: FloatArray) -> FloatArray:
        return (self.values @ factors.T.astype(np.float32)).astype(np.float64)

    def transposed_times(self, loadings: FloatArray) -> FloatArray:
        return (loadings.T.astype(np.float32) @ self.values).astype(np.float64)


@dataclass(frozen=True, eq=False)
class _Fit:
    """A state of the iteration and how long it took to get there."""

    loadings: FloatArray
    factors: FloatArray
    n_iter: int = 0
    converged: bool = False


def factorize(
    spectra: LocalSpectra,
    n_components: int,
    settings: FactorizationSettings,
    *,
    start: FloatArray | None = None,
) -> Factorization:
    """Factorize local spectra into non-negative loadings and factors.

    Parameters
    ----------
    spectra : LocalSpectra
        Values of shape (n_valid, feature), non-negative.
    n_components : int
        Number of components.
    settings : FactorizationSettings
        Starts to try, limits and seed.
    start : ndarray, shape (n_components, feature), optional
        Spectra to start from instead, non-negative: those of the regions, where they are known.

    Returns
    -------
    Factorization
        Factors of unit norm, in the order of `start` or else in falling order of their share in
        the sum of all loadings. Where the data have fewer directions than `n_components`, the
        last factors are zero.

    Notes
    -----
    The objective is the squared Frobenius norm of ``values - loadings @ factors``. Several starts
    run for a few iterations each; the one with the lowest error goes on until, over ten
    iterations, the error falls by less than `tolerance` times its value; `converged` is False
    where `max_iter` came first.
    """
    values = spectra.values
    total = _total(spectra)
    if total == 0:
        zeros = np.zeros((n_components, values.shape[1]), np.float32)
        return Factorization(zeros, np.zeros((len(values), n_components), np.float32), 0.0, 0, True)
    part = low_rank(values, n_components + _EXTRA_RANK, seed=settings.seed)
    compressed = _Compressed(part)
    rng = np.random.default_rng(settings.seed)
    trials = []
    starts = [_STARTS[name](part, n_components, rng) for name in settings.starts] if start is None else [start]
    for first in starts:
        factors = np.maximum(first, 0).astype(np.float64)
        loadings = _least_squares(compressed.times(factors), factors @ factors.T)
        trials.append(_iterate(compressed, _Fit(loadings, factors), total, _TRIAL_ITERATIONS, settings))
    fit = min(trials, key=lambda trial: _squared_error(compressed, trial, total))
    if not fit.converged:
        fit = _iterate(compressed, fit, total, settings.max_iter, settings)
    return _finish(_Whole(values), fit, total, ordered=start is None)


def project(spectra: LocalSpectra, factors: FloatArray) -> Factorization:
    """Find the non-negative loadings of given factors by least squares.

    Parameters
    ----------
    spectra : LocalSpectra
        Values of shape (n_valid, feature).
    factors : ndarray, shape (component, feature)
        Half-plane factors.

    Returns
    -------
    Factorization
        The same factors in the same order, with loadings that minimise the norm of
        ``values - loadings @ factors``.
    """
    matrix, fixed = _Whole(spectra.values), factors.astype(np.float64)
    loadings = _least_squares(matrix.times(fixed), fixed @ fixed.T)
    total = _total(spectra)
    error = _squared_error(matrix, _Fit(loadings, fixed), total)
    return Factorization(
        factors.astype(np.float32), loadings.astype(np.float32), float(np.sqrt(error / (total or 1.0))), 0, True
    )


def window_residual(spectra: LocalSpectra, loadings: FloatArray, factors: FloatArray) -> npt.NDArray[np.float32]:
    """Return what the model leaves of each window's spectrum.

    Parameters
    ----------
    spectra : LocalSpectra
        Values of shape (n_valid, feature).
    loadings : ndarray, shape (n_valid, component)
        Weights of the components.
    factors : ndarray, shape (component, feature)
        Half-plane factors.

    Returns
    -------
    ndarray of float32, shape (n_valid,)
        ``norm(values - loadings @ factors) / norm(values)`` window by window; 0 for a window
        without any spectrum.
    """
    left = np.empty(len(spectra.values), np.float64)
    for start in range(0, len(left), 256):  # in pieces: the model of all windows would double the memory
        rows = slice(start, start + 256)
        difference = spectra.values[rows] - loadings[rows].astype(np.float32) @ factors.astype(np.float32)
        left[rows] = np.linalg.norm(difference, axis=1)
    norms = np.linalg.norm(spectra.values, axis=1)
    relative: FloatArray = np.divide(left, norms, out=np.zeros_like(left), where=norms > 0)
    return relative.astype(np.float32)


def purest_spectra(spectra: LocalSpectra, loadings: FloatArray) -> FloatArray:
    """Average the spectra of the windows that belong to one component most clearly.

    Where two components have spots close together, each factor lacks what the other one took, and
    its spots are displaced. The windows themselves know nothing of that.

    Parameters
    ----------
    spectra : LocalSpectra
        Values of shape (n_valid, feature).
    loadings : ndarray, shape (n_valid, component)
        Weights of unit-norm factors.

    Returns
    -------
    ndarray of float64, shape (component, feature)
        Mean over the windows in which the component's part of the loadings is nearly as large
        as it is anywhere; zero for a component without loadings.
    """
    sums = loadings.sum(axis=1, dtype=np.float64)
    parts = loadings / np.where(sums > 0, sums, 1)[:, None]
    means = np.zeros((loadings.shape[1], spectra.values.shape[1]))
    for component, part in enumerate(parts.T):
        own = part >= _NEARLY * part.max()
        if part.any():  # as a product, which copies no spectra
            means[component] = own.astype(np.float32) @ spectra.values / own.sum()
    return means


def _total(spectra: LocalSpectra) -> float:
    return float(np.einsum("ij,ij->", spectra.values, spectra.values, dtype=np.float64))


def _iterate(matrix: _Matrix, fit: _Fit, total: float, n_iter: int, settings: FactorizationSettings) -> _Fit:
    """Go on for `n_iter` iterations, but not beyond `max_iter` in all nor once the tolerance is reached."""
    n_iter = min(n_iter, settings.max_iter - fit.n_iter)
    loadings, factors = fit.loadings.copy(), fit.factors.copy()
    previous = _squared_error(matrix, fit, total)
    for iteration in range(1, n_iter + 1):
        _sweep(loadings, matrix.times(factors), factors @ factors.T)
        _sweep(factors.T, matrix.transposed_times(loadings).T, loadings.T @ loadings)
        if iteration % 10 == 0 or iteration == n_iter:
            error = _squared_error(matrix, _Fit(loadings, factors), total)
            # Relative to the error itself, and to the rounding of a difference of large sums.
            if previous - error <= settings.tolerance * max(error, 1e-9 * total):
                return _Fit(loadings, factors, fit.n_iter + iteration, True)
            previous = error
    return _Fit(loadings, factors, fit.n_iter + n_iter, False)


def _sweep(columns: FloatArray, target: FloatArray, gram: FloatArray) -> float:
    """Improve non-negative `columns` one by one, in place: minimise |X - columns @ other|.

    `target` is X @ other.T and `gram` is other @ other.T. Returns the largest change.
    """
    largest = 0.0
    for j in range(columns.shape[1]):
        if gram[j, j] <= _TINY:
            columns[:, j] = 0
            continue
        change = (target[:, j] - columns @ gram[:, j]) / gram[j, j]
        updated = np.maximum(columns[:, j] + change, 0)
        largest = max(largest, float(np.abs(updated - columns[:, j]).max()))
        columns[:, j] = updated
    return largest


def _least_squares(target: FloatArray, gram: FloatArray) -> FloatArray:
    """Non-negative least squares for all rows at once by repeated sweeps."""
    columns = np.zeros_like(target)
    for _ in range(_LEAST_SQUARES_SWEEPS):
        if _sweep(columns, target, gram) <= 1e-6 * (np.abs(columns).max() or 1.0):
            break
    return columns


def _squared_error(matrix: _Matrix, fit: _Fit, total: float) -> float:
    cross = float(np.sum(fit.loadings * matrix.times(fit.factors)))
    model = float(np.sum((fit.loadings.T @ fit.loadings) * (fit.factors @ fit.factors.T)))
    return max(total - 2 * cross + model, 0.0)


def _finish(matrix: _Whole, fit: _Fit, total: float, *, ordered: bool) -> Factorization:
    """Make exact passes over the data and bring the result into canonical order and scale."""
    loadings, factors = fit.loadings, fit.factors
    for _ in range(_EXACT_PASSES):
        loadings = _least_squares(matrix.times(factors), factors @ factors.T)
        factors = factors.copy()
        _sweep(factors.T, matrix.transposed_times(loadings).T, loadings.T @ loadings)
    norms = np.linalg.norm(factors, axis=1)
    factors = factors / np.where(norms > 0, norms, 1)[:, None]
    loadings = _least_squares(matrix.times(factors), factors @ factors.T)
    if ordered:
        order = np.argsort(-loadings.sum(axis=0), kind="stable")
        loadings, factors = loadings[:, order], factors[order]
    error = _squared_error(matrix, _Fit(loadings, factors), total)
    return Factorization(
        factors.astype(np.float32),
        loadings.astype(np.float32),
        float(np.sqrt(error / total)),
        fit.n_iter,
        fit.converged,
    )


def _start_spa(part: LowRank, n_components: int, rng: np.random.Generator) -> FloatArray:
    """Spectra of the windows that are farthest apart (successive projections, Araujo et al. 2001)."""
    scale = np.linalg.cholesky(part.coefficients @ part.coefficients.T + _TINY * np.eye(len(part.coefficients)))
    points = part.basis @ scale
    chosen = []
    for _ in range(min(n_components, points.shape[1])):
        lengths = np.sum(points**2, axis=1)
        chosen.append(int(np.argmax(lengths)))
        direction = points[chosen[-1]] / (np.sqrt(lengths[chosen[-1]]) or 1.0)
        points = points - np.outer(points @ direction, direction)
    return _padded(part.basis[chosen] @ part.coefficients, n_components)


def _start_random(part: LowRank, n_components: int, rng: np.random.Generator) -> FloatArray:
    """Spectra of windows drawn at random."""
    chosen = rng.choice(len(part.basis), min(n_components, len(part.basis)), replace=False)
    return _padded(part.basis[chosen] @ part.coefficients, n_components)


def _start_nndsvd(part: LowRank, n_components: int, rng: np.random.Generator) -> FloatArray:
    """Non-negative parts of the singular vectors (Boutsidis and Gallopoulos, Pattern Recognit. 2008)."""
    left, values, right = np.linalg.svd(part.coefficients, full_matrices=False)
    factors = []
    for k in range(min(n_components, len(values))):
        u, v = part.basis @ left[:, k], right[k]
        if k == 0:
            u, v = np.abs(u), np.abs(v)
        positive = np.linalg.norm(np.maximum(u, 0)) * np.linalg.norm(np.maximum(v, 0))
        negative = np.linalg.norm(np.minimum(u, 0)) * np.linalg.norm(np.minimum(v, 0))
        v = np.maximum(v if positive >= negative else -v, 0)
        weight = np.sqrt(values[k] * max(positive, negative))
        factors.append(weight * v / (np.linalg.norm(v) or 1.0))
    return _padded(np.array(factors), n_components)


def _start_nndsvda(part: LowRank, n_components: int, rng: np.random.Generator) -> FloatArray:
    """NNDSVD with its zeros replaced by the mean, which a multiplicative zero could never leave."""
    factors = _start_nndsvd(part, n_components, rng)
    return np.where(factors > 0, factors, factors.mean())


def _padded(factors: FloatArray, n_components: int) -> FloatArray:
    """Fill up with zero factors where the data have fewer directions than components."""
    return np.concatenate([factors, np.zeros((n_components - len(factors), factors.shape[1]))])


_STARTS: Mapping[Start, Callable[[LowRank, int, np.random.Generator], FloatArray]] = {
    "spa": _start_spa,
    "nndsvd": _start_nndsvd,
    "nndsvda": _start_nndsvda,
    "random": _start_random,
}
