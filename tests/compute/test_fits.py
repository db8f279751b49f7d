"""Fits against SciPy's solution of each window by itself, in float64."""

import numpy as np
import pytest
from scipy.optimize import nnls

from fftscape.compute import fits
from fftscape.compute.backend import Block
from fftscape.compute.fits import fitted


@pytest.fixture(autouse=True, params=[0, 4, 8], ids=["NumPy", "16 bytes", "32 bytes"])
def way(request, use_kernel):
    """Everything is shown of each way to compute, the compiled one with each kind of vectors."""
    use_kernel(fits, request.param)
    return request.param


def mixtures(rng, count, n_factors, n_features, *, noise=0.2):
    factors = np.maximum(rng.normal(0.3, 1, (n_factors, n_features)), 0) * rng.uniform(0.1, 5, (n_factors, 1))
    weights = np.maximum(rng.normal(0, 1, (count, n_factors)), 0)
    spectra = weights @ factors + noise * rng.normal(size=(count, n_features))
    return spectra.astype(np.float32), factors


def by_scipy(spectra, factors):
    return np.array([nnls(factors.T, spectrum)[0] for spectrum in spectra.astype(np.float64)])


# Numbers of values that leave any rest after whole vectors, one of them in several stretches.
@pytest.mark.parametrize(("n_factors", "n_features"), [(1, 5), (2, 16), (3, 17), (4, 63), (5, 40), (7, 30), (11, 9001)])
def test_weights_are_the_best_that_are_not_negative(n_factors, n_features):
    spectra, factors = mixtures(np.random.default_rng(n_features), 40, n_factors, n_features)
    fit = fitted(Block(spectra), factors, with_sums=True)
    expected = by_scipy(spectra, factors)
    np.testing.assert_allclose(fit.weights, expected, atol=2e-5 * expected.max())
    assert fit.weights.min() >= 0
    left = spectra - expected @ factors
    np.testing.assert_allclose(fit.left, np.sum(left**2, axis=1), rtol=1e-3)
    np.testing.assert_allclose(fit.energies, np.sum(spectra.astype(float) ** 2, axis=1), rtol=1e-6)
    np.testing.assert_allclose(fit.sums, expected.T @ spectra, atol=2e-5 * np.abs(expected.T @ spectra).max())


def test_sums_of_many_spectra_are_as_exact_as_of_few():
    spectra, factors = mixtures(np.random.default_rng(5), 1, 3, 24)
    many = np.repeat(spectra, 5000, axis=0)
    sums = fitted(Block(many), factors, with_sums=True).sums
    np.testing.assert_allclose(sums, 5000 * fitted(Block(spectra), factors, with_sums=True).sums, rtol=1e-5)


def test_sums_are_zero_where_nobody_asks_for_them():
    spectra, factors = mixtures(np.random.default_rng(0), 5, 2, 20)
    assert not fitted(Block(spectra), factors).sums.any()


def test_little_that_is_left_is_no_rounding():
    spectra, factors = mixtures(np.random.default_rng(1), 30, 3, 50, noise=1e-4)
    fit = fitted(Block(spectra), factors)
    left = np.sum((spectra - by_scipy(spectra, factors) @ factors) ** 2, axis=1)
    told = left > 1e-9 * fit.energies
    assert told.any()
    np.testing.assert_allclose(fit.left[told], left[told], rtol=0.05)
    assert (fit.left >= 0).all()


def test_zero_factors_and_zero_spectra_have_no_weight():
    spectra, factors = mixtures(np.random.default_rng(2), 20, 4, 33)
    factors[1], spectra[3] = 0, 0
    fit = fitted(Block(spectra), factors, with_sums=True)
    assert not fit.weights[:, 1].any()
    assert not fit.sums[1].any()
    assert not fit.weights[3].any()
    assert fit.left[3] == fit.energies[3] == 0
    np.testing.assert_allclose(fit.weights[:, [0, 2, 3]], by_scipy(spectra, factors[[0, 2, 3]]), atol=1e-4)
    for tiny in (0.0, 1e-170):  # the square of which is zero
        nothing = fitted(Block(spectra), np.full((2, 33), tiny))
        assert not nothing.weights.any()
    assert not nothing.weights.any()
    np.testing.assert_allclose(nothing.left, nothing.energies)


def test_factors_that_are_nearly_the_same_share_the_weight():
    rng = np.random.default_rng(3)
    spectra, factors = mixtures(rng, 60, 5, 40)
    factors[1:] = factors[0] * (1 + 1e-7 * rng.normal(size=(4, 40)))
    fit = fitted(Block(spectra), factors)
    best = np.maximum(spectra @ factors[0], 0) / (factors[0] @ factors[0])
    explained = fit.weights @ factors
    np.testing.assert_allclose(explained, best[:, None] * factors[0], atol=1e-3 * explained.max())


def test_what_does_not_end_is_done_by_numpy(way, monkeypatch):
    if not way:
        pytest.skip("it is done by NumPy")
    spectra, factors = mixtures(np.random.default_rng(4), 30, 3, 40)

    class Failing:
        """A kernel that finds no weights for every third spectrum."""

        @staticmethod
        def fit(given, n_features, units, gram, found, left, energies, sums, lanes):
            kernel.fit(given, n_features, units, gram, found, left, energies, sums, lanes)
            own = [np.delete(array, np.s_[::3], axis=0) for array in (given, found, left, energies)]
            sums[...] = 0
            kernel.fit(own[0], n_features, units, gram, *own[1:], sums, lanes)
            found[::3], left[::3] = np.nan, np.nan

    kernel, whole = fits.kernel, fitted(Block(spectra), factors, with_sums=True)
    monkeypatch.setattr(fits, "kernel", Failing)
    parts = fitted(Block(spectra), factors, with_sums=True)
    for name in ("weights", "left", "energies", "sums"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-4, atol=1e-5, err_msg=name)
