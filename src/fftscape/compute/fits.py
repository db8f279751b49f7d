"""Fits: spectra of some windows and factors in, their non-negative weights and what these leave out.

A compiled kernel (``kernel``) reads each spectrum once for all of that; where it could not be built, NumPy does it in
several products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fftscape.compute.backend import Block
from fftscape.compute.kernel import LANES, kernel
from fftscape.compute.nonnegative import UnitFactors, nonnegative_least_squares, unit_factors
from fftscape.model.arrays import FloatArray

# Where less than this part of a spectrum's energy is left, what is left is computed number by number.
_LITTLE = 1e-3
# Factors with more values do not stay in the kernel's cache beside a spectrum.
_MOST_VALUES = 1 << 18


@dataclass(frozen=True, eq=False)
class Fit:
    """The best weights of factors in spectra.

    Parameters
    ----------
    weights : ndarray of float64, shape (window, factor)
        Not negative.
    left : ndarray of float64, shape (window,)
        Squared norm of each spectrum less its ``weights @ factors``.
    energies : ndarray of float64, shape (window,)
        Squared norm of each spectrum.
    sums : ndarray of float64, shape (factor, feature)
        ``weights.T @ spectra``; zero where they were not asked for.
    """

    weights: FloatArray
    left: FloatArray
    energies: FloatArray
    sums: FloatArray


def fitted(block: Block, factors: FloatArray, *, with_sums: bool = False) -> Fit:
    """Minimise the norm of ``spectra - weights @ factors`` over non-negative weights.

    Parameters
    ----------
    block : Block
        Spectra, shape (window, feature).
    factors : ndarray of float64, shape (factor, feature)
        One that is zero gets no weight.
    with_sums : bool
        Whether the sums are wanted.

    Returns
    -------
    Fit
        See `nonnegative_least_squares`; weights differ by rounding with and without the kernel.

    Examples
    --------
    >>> fit = fitted(Block(np.array([[3.0, 4.0, -1.0]], np.float32)), np.array([[1.0, 0, 0], [0, 0, 2.0]]))
    >>> fit.weights.round(6).tolist(), fit.left.round(6).tolist(), fit.energies.tolist()
    ([[3.0, 0.0]], [17.0], [26.0])
    """
    units = unit_factors(factors @ factors.T)
    if kernel is not None and block.device is None and factors.size <= _MOST_VALUES and units.usable.any():
        fit = _by_kernel(block, factors, units, with_sums)
    else:
        fit = _by_products(block, factors, with_sums)
    # A difference of large numbers is rounding where little is left.
    little = np.flatnonzero(fit.left < _LITTLE * fit.energies)
    if len(little):
        fit.left[little] = block.left(little, fit.weights[little], factors)
    return fit


def _by_products(block: Block, factors: FloatArray, with_sums: bool) -> Fit:
    gram, readings = factors @ factors.T, block.times(factors.T).astype(np.float64)
    weights, energies = nonnegative_least_squares(readings, gram), block.energies().astype(np.float64)
    left = energies - np.einsum("ij,ij->i", weights, 2 * readings - weights @ gram)
    sums = block.sums(weights).astype(np.float64) if with_sums else np.zeros(factors.shape)
    return Fit(weights, left, energies, sums)


def _by_kernel(block: Block, factors: FloatArray, units: UnitFactors, with_sums: bool) -> Fit:
    usable, lengths = units.usable, units.lengths
    spectra: npt.NDArray[np.float32] = np.ascontiguousarray(block.values)
    count, n_features = spectra.shape
    own = np.ascontiguousarray(factors[usable] / lengths[:, None], np.float32)
    found, left, energies = np.empty((count, len(own))), np.empty(count), np.empty(count)
    sums = np.zeros(own.shape if with_sums else 0)
    kernel.fit(spectra, n_features, own, units.products, found, left, energies, sums, LANES)
    weights, all_sums = np.zeros((count, len(factors))), np.zeros(factors.shape)
    weights[:, usable] = found / lengths
    if with_sums:
        all_sums[usable] = sums / lengths[:, None]
    fit = Fit(weights, left, energies, all_sums)
    unsolved = np.flatnonzero(np.isnan(left))
    if len(unsolved):
        rest = _by_products(Block(spectra[unsolved]), factors, with_sums)
        weights[unsolved], left[unsolved] = rest.weights, rest.left
        all_sums += rest.sums
    return fit
