"""Sweeps against the same steps taken number by number."""

import numpy as np
import pytest

from fftscape.compute import sweeps
from fftscape.compute.lowrank import LowRank
from fftscape.compute.sweeps import improve, read, summed, swept


@pytest.fixture(autouse=True, params=[0, 4, 8], ids=["NumPy", "16 bytes", "32 bytes"])
def way(request, use_kernel):
    """Everything is shown of each way to compute, the compiled one with each kind of vectors."""
    use_kernel(sweeps, request.param)


def low_rank_matrix(rng, n_windows, n_features, rank):
    values = rng.random((n_windows, rank)) @ rng.random((rank, n_features))
    basis, lengths, directions = np.linalg.svd(values, full_matrices=False)
    return LowRank(basis[:, :rank], (lengths[:, None] * directions)[:rank])


def number_by_number(matrix, loadings, factors, n_iter):
    """Write X as loadings.T @ factors: the best value of one number beside all others, one after the other."""
    loadings, factors = loadings.copy(), factors.copy()
    for _ in range(n_iter):
        for own, other, target in ((loadings, factors, matrix), (factors, loadings, matrix.T)):
            for j in range(len(own)):
                left = target - (own.T @ other) + np.outer(own[j], other[j])
                square = other[j] @ other[j]
                own[j] = np.maximum(left @ other[j] / square, 0) if square > 1e-12 else 0
    return loadings, factors


# Lengths that leave any rest after whole vectors, and some that make more than one stretch.
@pytest.mark.parametrize(
    ("n_windows", "n_features", "rank", "n_factors"),
    [(7, 5, 3, 2), (1, 9, 1, 1), (33, 16, 6, 4), (40, 31, 9, 5), (530, 259, 8, 3), (64, 100, 7, 9)],
)
def test_steps_are_those_of_single_numbers(n_windows, n_features, rank, n_factors):
    rng = np.random.default_rng(n_windows)
    part = low_rank_matrix(rng, n_windows, n_features, rank)
    loadings, factors = rng.random((n_factors, n_windows)), rng.random((n_factors, n_features))
    found = swept(part, loadings, factors, 3)
    expected = number_by_number(part.basis @ part.coefficients, loadings, factors, 3)
    for one, other in zip(found, expected, strict=True):
        assert one.min() >= 0
        np.testing.assert_allclose(one, other, atol=1e-8 * other.max())


def test_the_error_falls_and_what_was_given_stays():
    rng = np.random.default_rng(1)
    part = low_rank_matrix(rng, 50, 40, 5)
    given = rng.random((3, 50)), rng.random((3, 40))
    kept = [array.copy() for array in given]
    error, state = np.inf, given
    for _ in range(5):
        state = swept(part, *state, 4)
        left = np.linalg.norm(part.basis @ part.coefficients - state[0].T @ state[1])
        assert left < error
        error = left
    for array, before in zip(given, kept, strict=True):
        np.testing.assert_array_equal(array, before)


def test_a_factor_without_weight_stays_without():
    rng = np.random.default_rng(2)
    part = low_rank_matrix(rng, 30, 20, 4)
    loadings, factors = rng.random((3, 30)), rng.random((3, 20))
    factors[1] = 0
    found_loadings, found_factors = swept(part, loadings, factors, 2)
    assert not found_loadings[1].any()
    assert not found_factors[1].any()
    expected = number_by_number(part.basis @ part.coefficients, loadings[[0, 2]], factors[[0, 2]], 2)
    np.testing.assert_allclose(found_loadings[[0, 2]], expected[0], atol=1e-9)


def test_nothing_is_done_no_times():
    rng = np.random.default_rng(3)
    part = low_rank_matrix(rng, 12, 10, 2)
    loadings, factors = rng.random((2, 12)), rng.random((2, 10))
    for found, given in zip(swept(part, loadings, factors, 0), (loadings, factors), strict=True):
        np.testing.assert_array_equal(found, given)


def test_products_are_those_of_the_matrix():
    rng = np.random.default_rng(4)
    part = low_rank_matrix(rng, 12, 10, 3)
    matrix, factors, loadings = part.basis @ part.coefficients, rng.random((2, 10)), rng.random((2, 12))
    np.testing.assert_allclose(read(part, factors), factors @ matrix.T, atol=1e-12)
    np.testing.assert_allclose(summed(part, loadings), loadings @ matrix, atol=1e-12)
    rows = rng.random((2, 10))
    improve(rows, loadings @ matrix, loadings @ loadings.T)
    assert np.linalg.norm(matrix - loadings.T @ rows) < np.linalg.norm(matrix)
