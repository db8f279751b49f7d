"""Non-negative least squares against SciPy's, row by row."""

import numpy as np
import pytest
from scipy.optimize import nnls

from fftscape.compute import nonnegative
from fftscape.compute.nonnegative import nonnegative_least_squares


def rows_for(factors, rng):
    """Right-hand sides of all kinds: noise, mixtures with noise, exact mixtures, what no factor helps, zero."""
    count, length = factors.shape
    return np.concatenate([
        rng.normal(size=(6, length)),
        rng.random((6, count)) @ factors + 0.05 * rng.normal(size=(6, length)),
        (rng.random((6, count)) < 0.5) @ factors,
        -rng.random((2, count)) @ factors,
        np.zeros((1, length)),
    ])  # fmt: skip


def solved(rows, factors):
    weights = nonnegative_least_squares(rows @ factors.T, factors @ factors.T)
    assert weights.shape == (len(rows), len(factors))
    assert (weights >= 0).all()
    return weights


def excess(rows, factors, weights):
    """By how much the distances are above SciPy's, in lengths of the rows."""
    best = np.array([nnls(factors.T, row, maxiter=5000)[1] for row in rows])
    distances = np.linalg.norm(rows - weights @ factors, axis=1)
    return (distances - best) / np.maximum(np.linalg.norm(rows, axis=1), 1)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "non-negative"])
def test_weights_are_scipys(count, signed):
    rng = np.random.default_rng(count)
    factors = rng.normal(size=(count, 43)) if signed else rng.random((count, 43))
    rows = rows_for(factors, rng)
    expected = np.array([nnls(factors.T, row)[0] for row in rows])
    np.testing.assert_allclose(solved(rows, factors), expected, atol=1e-8)
    # Some weights are zero and some are not, or nothing was decided.
    assert 0 < np.mean(expected > 0) < 1


@pytest.mark.parametrize("length", [1, 3, 8])
def test_fewer_directions_than_factors(length):
    rng = np.random.default_rng(length)
    factors = rng.random((9, length)) @ rng.random((length, 30))
    rows = rows_for(factors, rng)
    assert excess(rows, factors, solved(rows, factors)).max() < 1e-6


@pytest.mark.parametrize("difference", [0, 1e-8, 1e-5, 1e-3])
def test_factors_that_are_nearly_the_same(difference):
    rng = np.random.default_rng(1)
    factors = rng.random(40) + difference * rng.normal(size=(6, 40))
    rows = rows_for(factors, rng)
    assert excess(rows, factors, solved(rows, factors)).max() < 1e-6


@pytest.mark.parametrize(("count", "width"), [(12, 0.2), (12, 0.3), (21, 0.2), (21, 0.5)])
def test_factors_that_overlap_so_much_that_exchanges_go_on_for_long(count, width):
    """Broad bells, each nearly a mixture of its neighbours."""
    rng = np.random.default_rng(0)
    places = np.linspace(0, 1, count)[:, None]
    factors = np.exp(-(((np.arange(40) / 40 - places) / width) ** 2))
    rows = np.concatenate([rng.normal(size=(20, 40)), rows_for(factors, rng)])
    assert excess(rows, factors, solved(rows, factors)).max() < 1e-5


@pytest.mark.parametrize("rounds", [0, 1])
def test_rows_that_are_not_done_in_time_are_solved_one_by_one(rounds, monkeypatch):
    monkeypatch.setattr(nonnegative, "_MOST_ROUNDS", rounds)
    rng = np.random.default_rng(3)
    factors = rng.random((5, 31))
    rows = rows_for(factors, rng)
    np.testing.assert_allclose(solved(rows, factors), np.array([nnls(factors.T, row)[0] for row in rows]), atol=1e-8)


@pytest.mark.parametrize("patience", [-1, 0])
def test_single_exchanges_end_at_the_same(patience, monkeypatch):
    monkeypatch.setattr(nonnegative, "_PATIENCE", patience)
    rng = np.random.default_rng(4)
    factors = rng.normal(size=(6, 31))
    rows = rows_for(factors, rng)
    np.testing.assert_allclose(solved(rows, factors), np.array([nnls(factors.T, row)[0] for row in rows]), atol=1e-8)


def test_lengths_of_factors_do_not_matter():
    rng = np.random.default_rng(5)
    factors = rng.random((5, 37))
    rows = rows_for(factors, rng)
    lengths = np.array([1, 1e-5, 0.3, 1e-2, 2e-4])
    scaled = solved(rows, factors * lengths[:, None])
    np.testing.assert_allclose(scaled * lengths, solved(rows, factors), atol=1e-8)


@pytest.mark.parametrize("unit", [1e-20, 1e20])
def test_units_do_not_matter(unit):
    rng = np.random.default_rng(6)
    factors = rng.random((4, 29))
    rows = rows_for(factors, rng)
    np.testing.assert_allclose(solved(rows * unit, factors * unit), solved(rows, factors), atol=1e-9)


def test_twins_share_and_zeros_get_nothing():
    rng = np.random.default_rng(7)
    factors = rng.random((5, 33))
    factors[3] = factors[0]
    factors[2] = 0
    rows = rng.random((6, 5)) @ factors + 0.1
    weights = solved(rows, factors)
    assert not weights[:, 2].any()
    np.testing.assert_allclose(weights[:, 0], weights[:, 3], atol=1e-4)
    expected = np.array([nnls(factors[[0, 1, 4]].T, row)[0] for row in rows])
    np.testing.assert_allclose(weights[:, 0] + weights[:, 3], expected[:, 0], atol=1e-6)
    np.testing.assert_allclose(weights[:, [1, 4]], expected[:, 1:], atol=1e-6)


def test_nothing_to_explain_or_nothing_to_explain_it_with():
    assert not nonnegative_least_squares(np.zeros((3, 2)), np.eye(2)).any()
    assert not nonnegative_least_squares(np.zeros((3, 2)), np.zeros((2, 2))).any()
    assert nonnegative_least_squares(np.zeros((0, 2)), np.eye(2)).shape == (0, 2)


def test_a_row_does_not_depend_on_the_others():
    rng = np.random.default_rng(8)
    factors = rng.normal(size=(6, 31))
    rows = rows_for(factors, rng)
    together = solved(rows, factors)
    np.testing.assert_allclose(np.concatenate([solved(row[None], factors) for row in rows]), together, atol=1e-12)
