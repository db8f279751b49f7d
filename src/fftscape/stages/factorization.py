"""Non-negative matrix factorization: local spectra and a number in, `Factorization` out.

Hierarchical alternating least squares (Cichocki and Phan, IEICE Trans. E92-A, 2009) on a low-rank
form of a sample of the spectra, so that an iteration touches the few leading directions instead of all the
data, then two passes over the data themselves, block by block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fftscape.compute.backend import Block
from fftscape.compute.blocks import group_means, mapped, sample_of, sampled
from fftscape.compute.executors import ordered
from fftscape.compute.fits import fitted
from fftscape.compute.lowrank import LowRank, low_rank
from fftscape.compute.nonnegative import nonnegative_least_squares
from fftscape.compute.sweeps import improve, read, swept
from fftscape.model.arrays import FloatArray, IntArray
from fftscape.model.records import Factorization, Spectra
from fftscape.model.settings import FactorizationSettings, Start

_EXTRA_RANK = 6
# A sample is made for so many components at least, be they fewer: it serves other numbers, too.
_USUAL = 8
# Windows from which factors are learned, and by which they are refined.
_ENOUGH_WINDOWS, _MANY_WINDOWS = 2000, 20_000
_REFINING_SWEEPS = 3
_TRIAL_ITERATIONS = 30
# After so many iterations the error is looked at, and a jump ahead is tried: at least so often as far as they came.
_BETWEEN, _NEAREST = 10, 1.0
# A window belongs clearly to a component from this part of the component's largest share in any window.
_NEARLY = 0.85
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Sample:
    """A low-rank form of some of the spectra, of which factors are learned.

    Parameters
    ----------
    part : LowRank
        Of shape (window, feature).
    energy : float
        Sum of all squares of these spectra.
    n_most : int
        Number of components that it is made for, at most.
    seed : int
        Seed of the search for its directions.
    """

    part: LowRank
    energy: float
    n_most: int
    seed: int


@dataclass(frozen=True, eq=False)
class _Fit:
    """A state of the iteration, loadings (component, window) and factors, and how long it took to get there."""

    loadings: FloatArray
    factors: FloatArray
    n_iter: int = 0
    converged: bool = False


def sampled_for(spectra: Spectra, n_components: int, seed: int) -> Sample:
    """Make the sample that a factorization learns from.

    Parameters
    ----------
    spectra : Spectra
        Values of shape (n_valid, feature), non-negative.
    n_components : int
        Number of components that it is for, at least.
    seed : int
        Seed of the search for leading directions.

    Returns
    -------
    Sample
        Of windows evenly over all.
    """
    count, n_most = spectra.shape[0], max(n_components, _USUAL)
    chosen = sample_of(spectra, _ENOUGH_WINDOWS)
    values = spectra.rows(slice(None) if len(chosen) == count else chosen)
    return Sample(low_rank(values, n_most + _EXTRA_RANK, seed=seed), _energy(values), n_most, seed)


def factorize(
    spectra: Spectra,
    n_components: int,
    settings: FactorizationSettings,
    *,
    start: FloatArray | None = None,
    sample: Sample | None = None,
) -> Factorization:
    """Factorize local spectra into non-negative loadings and factors.

    Parameters
    ----------
    spectra : Spectra
        Values of shape (n_valid, feature), non-negative.
    n_components : int
        Number of components.
    settings : FactorizationSettings
        Starts to try, limits and seed.
    start : ndarray, shape (n_components, feature), optional
        Spectra to start from instead, non-negative: those of the regions, where they are known.
    sample : Sample, optional
        Of these spectra, if there is one already; the result does not depend on it.

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
    where `max_iter` came first. After every ten iterations loadings and factors are extrapolated along what
    these changed, a line search as Bro's for PARAFAC (Chemom. Intell. Lab. Syst. 38, 149, 1997), which
    is kept where the error is lower there.
    """
    if sample is None or sample.n_most != max(n_components, _USUAL) or sample.seed != settings.seed:
        sample = sampled_for(spectra, n_components, settings.seed)
    total = sample.energy
    if total == 0:
        zeros = np.zeros((n_components, spectra.shape[1]), np.float32)
        count = spectra.shape[0]
        nothing = np.zeros((count, n_components), np.float32)
        return Factorization(zeros, nothing, np.zeros(count, np.float32), 0.0, 0, True)
    part = sample.part.leading(n_components + _EXTRA_RANK)
    rng = np.random.default_rng(settings.seed)
    starts = [_STARTS[name](part, n_components, rng) for name in settings.starts] if start is None else [start]

    def trial(first: FloatArray) -> _Fit:
        factors = np.maximum(first, 0).astype(np.float64)
        loadings = nonnegative_least_squares(read(part, factors).T, factors @ factors.T)
        return _iterate(part, _Fit(loadings.T.copy(), factors), total, _TRIAL_ITERATIONS, settings)

    fit = min(ordered(trial, starts), key=lambda tried: _squared_error(part, tried, total))
    if not fit.converged:
        fit = _iterate(part, fit, total, settings.max_iter, settings)
    return _finish(spectra, fit, by_share=start is None)


def project(spectra: Spectra, factors: FloatArray) -> Factorization:
    """Find the non-negative loadings of given factors by least squares.

    Parameters
    ----------
    spectra : Spectra
        Values of shape (n_valid, feature).
    factors : ndarray, shape (component, feature)
        Half-plane factors.

    Returns
    -------
    Factorization
        The same factors in the same order, with loadings that minimise the norm of
        ``values - loadings @ factors``.
    """
    done = _projected(spectra, factors.astype(np.float64))
    return _as_record(done, factors, np.arange(len(factors)), 0, converged=True)


def purest_spectra(spectra: Spectra, loadings: FloatArray) -> FloatArray:
    """Average the spectra of the windows that belong to one component most clearly.

    Where two components have spots close together, each factor lacks what the other one took, and
    its spots are displaced. The windows themselves know nothing of that.

    Parameters
    ----------
    spectra : Spectra
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
    own = (parts >= _NEARLY * parts.max(axis=0)) & (parts.max(axis=0) > 0)
    return group_means(spectra, own)


def _energy(values: npt.NDArray[np.float32]) -> float:
    return float(np.einsum("ij,ij->i", values, values).sum(dtype=np.float64))


def _iterate(part: LowRank, fit: _Fit, total: float, n_iter: int, settings: FactorizationSettings) -> _Fit:
    """Go on for `n_iter` iterations, but not beyond `max_iter` in all nor once the tolerance is reached."""
    stop = min(fit.n_iter + n_iter, settings.max_iter)
    error, far = _squared_error(part, fit, total), _NEAREST
    while fit.n_iter < stop:
        before = error
        start, n_more = fit, min(_BETWEEN, stop - fit.n_iter)
        fit = _Fit(*swept(part, fit.loadings, fit.factors, n_more), fit.n_iter + n_more)
        error = _squared_error(part, fit, total)
        # Relative to the error itself, and to the rounding of a difference of large sums.
        if before - error <= settings.tolerance * max(error, 1e-9 * total):
            return replace(fit, converged=True)
        ahead = _ahead(start, fit, far)
        error_there = _squared_error(part, ahead, total)
        if error_there < error:
            fit, error, far = ahead, error_there, 2 * far
        else:
            far = max(far / 2, _NEAREST)
    return fit


def _ahead(start: _Fit, end: _Fit, far: float) -> _Fit:
    """Go on, as far as was gone from start to end times `far`: the way is long and hardly bends."""
    loadings = np.maximum(end.loadings + far * (end.loadings - start.loadings), 0)
    return replace(end, loadings=loadings, factors=np.maximum(end.factors + far * (end.factors - start.factors), 0))


def _squared_error(part: LowRank, fit: _Fit, total: float) -> float:
    cross = float(np.sum(fit.loadings * read(part, fit.factors)))
    energy = float(np.sum((fit.loadings @ fit.loadings.T) * (fit.factors @ fit.factors.T)))
    return max(total - 2 * cross + energy, 0.0)


def _refined(spectra: Spectra, factors: FloatArray) -> FloatArray:
    """Improve factors by what many more spectra than the sample, or all, say of them."""

    def work(block: Block) -> tuple[FloatArray, FloatArray]:
        fit = fitted(block, factors, with_sums=True)
        return fit.sums, fit.weights.T @ fit.weights

    sums, products = np.zeros(factors.shape), np.zeros((len(factors), len(factors)))
    for summed, product in sampled(work, spectra, _MANY_WINDOWS):
        sums += summed
        products += product
    better = factors.copy()
    for _ in range(_REFINING_SWEEPS):
        improve(better, sums, products)
    return better


@dataclass(frozen=True, eq=False)
class _Projection:
    """What one pass over all spectra gives: the best loadings, what these leave of each spectrum, and the error."""

    loadings: FloatArray
    residual: FloatArray
    error: float


def _projected(spectra: Spectra, factors: FloatArray) -> _Projection:
    def work(block: Block, _: slice) -> tuple[FloatArray, FloatArray, FloatArray]:
        fit = fitted(block, factors)
        return fit.weights, fit.left, fit.energies

    count = spectra.shape[0]
    loadings, left, energies = np.empty((count, len(factors))), np.empty(count), np.empty(count)
    for windows, (found, remainder, energy) in mapped(work, spectra):
        loadings[windows], left[windows], energies[windows] = found, remainder, energy
    residual = np.sqrt(np.divide(left, energies, out=np.zeros(count), where=energies > 0))
    return _Projection(loadings, residual, float(np.sqrt(left.sum() / (energies.sum() or 1.0))))


def _finish(spectra: Spectra, fit: _Fit, *, by_share: bool) -> Factorization:
    """Improve the factors once on all the data and bring the result into canonical order and scale."""
    factors = _refined(spectra, fit.factors)
    norms = np.linalg.norm(factors, axis=1)
    factors = factors / np.where(norms > 0, norms, 1)[:, None]
    done = _projected(spectra, factors)
    order = np.arange(len(factors))
    if by_share:
        order = np.argsort(-done.loadings.sum(axis=0), kind="stable")
    return _as_record(done, factors, order, fit.n_iter, converged=fit.converged)


def _as_record(
    done: _Projection, factors: FloatArray, order: IntArray, n_iter: int, *, converged: bool
) -> Factorization:
    return Factorization(
        factors=factors[order].astype(np.float32),
        loadings=done.loadings[:, order].astype(np.float32),
        residual=done.residual.astype(np.float32),
        reconstruction_error=done.error,
        n_iter=n_iter,
        converged=converged,
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
