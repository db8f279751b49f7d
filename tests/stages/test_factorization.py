"""The factorization on matrices whose factors are known."""

import numpy as np
import pytest

from fftscape.model.records import LocalSpectra
from fftscape.model.settings import FactorizationSettings, SpectraSettings
from fftscape.stages import factorization
from fftscape.stages.factorization import factorize, project, purest_spectra, sampled_for
from fftscape.stages.windows import window_grid


def spectra_of(values):
    grid = window_grid(np.ones((len(values), 8), bool), (1, 8), (1, 8))
    return LocalSpectra(values.astype(np.float32), grid, SpectraSettings())


def separable(rng, n=300, m=120, k=3):
    """Parts that overlap, each of them alone in some windows: the factors are unique."""
    factors = np.maximum(rng.normal(0.2, 1, (k, m)), 0)
    factors /= np.linalg.norm(factors, axis=1, keepdims=True)
    loadings = rng.dirichlet(np.full(k, 0.3), n) * rng.uniform(0.5, 2, (n, 1)) * np.arange(k, 0, -1)
    return loadings, factors


@pytest.mark.parametrize("start", ["spa", "nndsvd", "nndsvda", "random"])
def test_each_start_finds_known_factors(start):
    loadings, factors = separable(np.random.default_rng(2))
    settings = FactorizationSettings(starts=(start,), max_iter=3000, tolerance=1e-9)
    result = factorize(spectra_of(loadings @ factors), 3, settings)
    match = result.factors @ factors.T
    assert match.max(axis=0).min() > 0.995
    assert result.reconstruction_error < 0.02
    for k in range(3):
        found = result.loadings[:, np.argmax(match[:, k])]
        assert np.corrcoef(found, loadings[:, k])[0, 1] > 0.995


def test_order_and_scale_are_canonical():
    loadings, factors = separable(np.random.default_rng(4))
    result = factorize(spectra_of(loadings @ factors), 3, FactorizationSettings())
    np.testing.assert_allclose(np.linalg.norm(result.factors, axis=1), 1, rtol=1e-6)
    shares = result.loadings.sum(axis=0)
    assert (np.diff(shares) <= 0).all()
    assert result.factors.min() >= 0
    assert result.loadings.min() >= 0
    assert result.converged


def test_one_component_is_the_leading_singular_pair():
    values = np.random.default_rng(0).random((70, 40))
    result = factorize(spectra_of(values), 1, FactorizationSettings(tolerance=1e-10))
    u, s, vt = np.linalg.svd(values, full_matrices=False)
    np.testing.assert_allclose(result.factors[0], np.abs(vt[0]), atol=1e-4)
    np.testing.assert_allclose(result.loadings[:, 0], np.abs(u[:, 0]) * s[0], rtol=1e-3)
    assert result.reconstruction_error == pytest.approx(np.sqrt(1 - s[0] ** 2 / (s**2).sum()), rel=1e-4)


def test_error_is_that_of_the_model():
    values = np.random.default_rng(0).random((60, 50))
    spectra = spectra_of(values)
    result = factorize(spectra, 4, FactorizationSettings())
    left = values - result.loadings @ result.factors
    assert result.reconstruction_error == pytest.approx(np.linalg.norm(left) / np.linalg.norm(values), rel=1e-4)
    expected = np.linalg.norm(left, axis=1) / np.linalg.norm(values, axis=1)
    np.testing.assert_allclose(result.residual, expected, rtol=1e-4)
    projected = project(spectra, result.factors)
    np.testing.assert_allclose(projected.residual, expected, rtol=1e-3)


def test_loadings_of_given_factors_are_non_negative_least_squares():
    from scipy.optimize import nnls

    rng = np.random.default_rng(6)
    values, factors = rng.random((25, 40)), rng.random((5, 40))
    expected = np.array([nnls(factors.T, row)[0] for row in values])
    np.testing.assert_allclose(project(spectra_of(values), factors).loadings, expected, atol=2e-3)


def test_same_input_same_bytes():
    values = spectra_of(np.random.default_rng(0).random((60, 50)))
    one, two = (factorize(values, 4, FactorizationSettings()) for _ in range(2))
    assert one.factors.tobytes() == two.factors.tobytes()
    assert one.loadings.tobytes() == two.loadings.tobytes()


def test_nothing_to_factorize():
    result = factorize(spectra_of(np.zeros((10, 12))), 2, FactorizationSettings())
    assert result.factors.shape == (2, 12)
    assert not result.factors.any()
    assert not result.loadings.any()
    assert result.reconstruction_error == 0


def test_more_components_than_directions():
    values = np.outer(np.arange(1.0, 9), np.arange(1.0, 13))
    result = factorize(spectra_of(values), 3, FactorizationSettings())
    assert result.reconstruction_error < 1e-3
    assert np.isfinite(result.factors).all()
    np.testing.assert_allclose(result.loadings @ result.factors, values, rtol=1e-3)


def test_limits_are_kept():
    values = spectra_of(np.random.default_rng(0).random((80, 60)))
    early = factorize(values, 5, FactorizationSettings(max_iter=1, tolerance=1e-12))
    assert not early.converged
    assert early.n_iter == 1
    assert factorize(values, 5, FactorizationSettings(max_iter=50, tolerance=1e-12)).n_iter == 50
    later = factorize(values, 5, FactorizationSettings(max_iter=2000, tolerance=1e-12))
    assert later.n_iter > early.n_iter
    assert later.reconstruction_error < early.reconstruction_error
    rough = factorize(values, 5, FactorizationSettings(tolerance=1e-2))
    assert rough.n_iter < later.n_iter


def test_purest_spectra_are_those_of_unmixed_windows():
    loadings, factors = separable(np.random.default_rng(2))
    loadings[:40] = 0
    loadings[:20, 0] = 1
    loadings[20:40, 1] = 2
    parts = loadings / np.maximum(loadings.sum(axis=1, keepdims=True), 1e-9)
    expected = np.array([(loadings @ factors)[parts[:, k] >= 0.85 * parts[:, k].max()].mean(axis=0) for k in range(3)])
    spectra = spectra_of(loadings @ factors)
    np.testing.assert_allclose(purest_spectra(spectra, loadings), expected, rtol=1e-4, atol=1e-6)
    everything = purest_spectra(spectra, np.ones((300, 1)))
    np.testing.assert_allclose(everything[0], spectra.values.mean(axis=0), rtol=1e-4)
    nothing = purest_spectra(spectra, np.concatenate([loadings, np.zeros((300, 1))], axis=1))
    assert not nothing[3].any()


def test_it_does_not_matter_who_made_the_sample():
    loadings, factors = separable(np.random.default_rng(8), k=5)
    spectra, settings = spectra_of(loadings @ factors), FactorizationSettings()
    for number in (2, 5, 12):
        alone = factorize(spectra, number, settings)
        # One that is made for few components is made anew for many, and one of another seed always.
        for sample in (sampled_for(spectra, 0, settings.seed), sampled_for(spectra, 3, settings.seed + 1)):
            given = factorize(spectra, number, settings, sample=sample)
            np.testing.assert_array_equal(given.factors, alone.factors)
            np.testing.assert_array_equal(given.loadings, alone.loadings)


def test_jumps_ahead_end_no_worse_than_steps_alone(monkeypatch):
    values = spectra_of(np.random.default_rng(9).random((150, 90)))
    settings = FactorizationSettings(starts=("nndsvd",), max_iter=5000)
    jumping = factorize(values, 6, settings)
    # Where every jump leads nowhere, steps go on from where they were.
    monkeypatch.setattr(factorization, "_ahead", lambda start, end, far: start)
    walking = factorize(values, 6, settings)
    assert jumping.converged
    assert walking.converged
    assert jumping.n_iter < 0.8 * walking.n_iter
    assert jumping.reconstruction_error < walking.reconstruction_error * (1 + 1e-5)
