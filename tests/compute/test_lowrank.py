"""Low-rank forms against NumPy's SVD."""

import numpy as np
import pytest

from fftscape.compute import lowrank
from fftscape.compute.lowrank import low_rank, singular_values_squared


@pytest.fixture(scope="module", params=[(400, 150), (150, 400)], ids=["tall", "wide"])
def matrix(request):
    rng = np.random.default_rng(1)
    rows, columns = request.param
    strong = rng.normal(size=(rows, 5)) * [30, 12, 6, 3, 2] @ rng.normal(size=(5, columns))
    return (strong + rng.normal(size=(rows, columns))).astype(np.float32)


def test_leading_triplets_are_those_of_the_svd(matrix):
    u, s, vt = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    part = low_rank(matrix, 6)
    np.testing.assert_allclose(np.linalg.norm(part.coefficients, axis=1)[:5], s[:5], rtol=1e-4)
    best = (u[:, :5] * s[:5]) @ vt[:5]
    np.testing.assert_allclose(part.basis[:, :5] @ part.coefficients[:5], best, atol=2e-3 * np.abs(best).max())
    np.testing.assert_allclose(part.basis.T @ part.basis, np.eye(6), atol=1e-10)


@pytest.mark.parametrize("limit", [0, 10_000], ids=["krylov", "exact"])
def test_squared_singular_values(matrix, limit, monkeypatch):
    monkeypatch.setattr(lowrank, "EXACT_LIMIT", limit)
    expected = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)[:20] ** 2
    found = singular_values_squared(matrix, 20)
    np.testing.assert_allclose(found, expected, rtol=0.03 if limit == 0 else 1e-6)
    np.testing.assert_allclose(found[:5], expected[:5], rtol=1e-4)


def test_many_decades_survive():
    values = np.diag(10.0 ** -np.arange(0, 6)).astype(np.float32)
    np.testing.assert_allclose(singular_values_squared(values, 6), 10.0 ** (-2.0 * np.arange(6)), rtol=1e-5)


def test_a_matrix_with_fewer_directions_than_asked():
    matrix = np.outer(np.arange(1.0, 6), np.arange(1.0, 4)).astype(np.float32)
    part = low_rank(matrix, 10)
    np.testing.assert_allclose(part.basis @ part.coefficients, matrix, rtol=1e-5)
    assert singular_values_squared(matrix, 10).shape == (3,)
