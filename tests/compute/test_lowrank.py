"""Low-rank forms against NumPy's SVD."""

import numpy as np
import pytest

from fftscape.compute.lowrank import leading, low_rank


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
def test_squared_singular_values(matrix, limit):
    expected = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)[:20] ** 2
    found = leading(matrix, 20, exact_limit=limit).squares
    np.testing.assert_allclose(found, expected, rtol=0.003 if limit == 0 else 1e-6)
    np.testing.assert_allclose(found[:5], expected[:5], rtol=1e-4)


def test_many_decades_survive():
    values = np.diag(10.0 ** -np.arange(0, 6)).astype(np.float32)
    np.testing.assert_allclose(leading(values, 6).squares, 10.0 ** (-2.0 * np.arange(6)), rtol=1e-5)


def test_a_matrix_with_fewer_directions_than_asked():
    matrix = np.outer(np.arange(1.0, 6), np.arange(1.0, 4)).astype(np.float32)
    part = low_rank(matrix, 10)
    np.testing.assert_allclose(part.basis @ part.coefficients, matrix, rtol=1e-5)
    assert leading(matrix, 10).squares.shape == (3,)


@pytest.mark.parametrize(
    ("shape", "rank"),
    [
        ((1, 7), 3),
        ((7, 1), 2),
        ((1, 1), 1),
        ((12, 9), 4),
        ((12, 9), 9),
        ((21, 333), 5),
        ((1000, 30), 10),
        ((60, 700), 6),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_matrices_are_approximated_as_well_as_can_be(shape, rank, dtype):
    """Few windows: no iteration is needed, and noise must not be taken for the next direction."""
    matrix = np.random.default_rng(3).normal(size=shape).astype(dtype)
    u, s, vt = np.linalg.svd(matrix.astype(float), full_matrices=False)
    part = low_rank(matrix, rank)
    count = min(rank, *shape)
    np.testing.assert_allclose(np.linalg.norm(part.coefficients, axis=1), s[:count], rtol=1e-5)
    best = (u[:, :count] * s[:count]) @ vt[:count]
    np.testing.assert_allclose(part.basis @ part.coefficients, best, atol=1e-4 if dtype == np.float32 else 1e-9)
    np.testing.assert_allclose(part.basis.T @ part.basis, np.eye(count), atol=1e-10)


@pytest.mark.parametrize("shape", [(200, 300), (300, 170), (25, 400)])
@pytest.mark.parametrize("rank", [2, 3, 6])
@pytest.mark.parametrize("unit", [1e-15, 1.0, 1e15])
def test_matrices_of_three_directions(shape, rank, unit):
    rng = np.random.default_rng(4)
    matrix = (rng.normal(size=(shape[0], 3)) * [5, 2, 1] @ rng.normal(size=(3, shape[1])) * unit).astype(np.float32)
    u, s, vt = np.linalg.svd(matrix.astype(float), full_matrices=False)
    part = low_rank(matrix, rank)
    assert part.basis.shape[1] == len(part.coefficients) <= rank
    count = min(rank, 3)
    best = (u[:, :count] * s[:count]) @ vt[:count]
    np.testing.assert_allclose(part.basis @ part.coefficients, best, atol=3e-6 * s[0])
    np.testing.assert_allclose(np.linalg.norm(part.coefficients, axis=1)[:count], s[:count], rtol=1e-5)
    # The rest is what rounding to float32 leaves.
    assert np.linalg.norm(part.coefficients[count:]) < 1e-5 * s[0]
    np.testing.assert_allclose(part.basis.T @ part.basis, np.eye(part.basis.shape[1]), atol=1e-10)


def test_a_matrix_of_zeros_has_one_direction_of_no_weight():
    part = low_rank(np.zeros((5, 8), np.float32), 3)
    assert np.linalg.norm(part.basis) == 1
    assert part.coefficients.shape == (1, 8)
    assert not part.coefficients.any()


def test_the_seed_decides_the_last_digits(matrix):
    one, same, other = (low_rank(matrix, 4, seed=seed) for seed in (1, 1, 2))
    assert one.basis.tobytes() == same.basis.tobytes()
    assert one.coefficients.tobytes() == same.coefficients.tobytes()
    assert one.basis.tobytes() != other.basis.tobytes()


def test_directions_are_those_of_numpys_svd_and_go_on_where_an_alike_matrix_began(matrix):
    found = leading(matrix, 6, exact_limit=10)
    right = np.linalg.svd(matrix.astype(float), full_matrices=False)[2][:6]
    np.testing.assert_allclose(np.linalg.norm(found.directions, axis=1), 1, rtol=1e-6)
    assert np.linalg.norm(found.directions @ right.T, axis=0).min() > 0.999
    part = low_rank(matrix, 4, start=found.directions)
    np.testing.assert_allclose(
        np.linalg.norm(part.coefficients, axis=1) ** 2, leading(matrix, 4, exact_limit=10**6).squares, rtol=1e-3
    )


def test_matrices_of_few_and_unlike_rows_have_no_directions_twice():
    rng = np.random.default_rng(0)
    for _ in range(60):
        rank = int(rng.integers(1, 8))
        rows = rng.standard_normal((rank, 700)) * 10.0 ** rng.uniform(-6, 3, (rank, 1))
        matrix = np.zeros((600, 700), np.float32)
        matrix[rng.choice(600, rank, replace=False)] = rows
        found = leading(matrix, 10, exact_limit=100)
        total = float(np.sum(matrix.astype(float) ** 2))
        assert found.squares.sum() == pytest.approx(total, rel=1e-3)
        np.testing.assert_allclose(np.linalg.norm(found.directions, axis=1), 1, rtol=1e-3)
