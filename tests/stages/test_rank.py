"""The scree plot against NumPy's SVD, and the rule on images whose answer is known."""

import numpy as np
import pytest

from fftscape.model.records import LocalSpectra
from fftscape.model.settings import RankSettings, SpectraSettings
from fftscape.stages.rank import compute_scree, null_eigenvalues
from fftscape.stages.windows import window_grid


def spectra_of(values):
    grid = window_grid(np.ones((len(values), 8), bool), (1, 8), (1, 8))
    return LocalSpectra(values.astype(np.float32), grid, SpectraSettings())


def null_of(noise):
    return null_eigenvalues(spectra_of(noise), RankSettings())


@pytest.fixture(scope="module")
def values():
    rng = np.random.default_rng(8)
    basis = rng.random((4, 150))
    return rng.dirichlet(np.ones(4), 90) @ basis + 0.05 * rng.random((90, 150))


def test_uncentred_scree_is_numpys(values):
    scree = compute_scree(spectra_of(values), None, RankSettings(rule="elbow"))
    singular = np.linalg.svd(values, compute_uv=False)
    np.testing.assert_allclose(scree.explained_variance, singular[:30] ** 2 / 90, rtol=1e-4)
    np.testing.assert_allclose(scree.explained_variance_ratio, (singular**2 / np.sum(singular**2))[:30], rtol=1e-4)


def test_whitened_scree_is_numpys(values):
    scree = compute_scree(spectra_of(values), null_of(values), RankSettings())
    mean = values.mean(axis=0)
    white = values / (mean + 1e-3 * mean.max())
    singular = np.linalg.svd(white - white.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(scree.explained_variance, singular[:30] ** 2 / 89, rtol=1e-3)
    assert scree.explained_variance_ratio.sum() <= 1
    np.testing.assert_allclose(scree.explained_variance_ratio[0], singular[0] ** 2 / np.sum(singular**2), rtol=1e-3)


def test_number_counts_eigenvalues_above_the_margin(values):
    noise = np.random.default_rng(1).random(values.shape) + 3
    three = compute_scree(spectra_of(values), null_of(noise), RankSettings())
    assert three.threshold == pytest.approx(2 * three.null_variance[0])
    assert three.n_components == 1 + np.sum(three.explained_variance > three.threshold) == 4
    assert "3 eigenvalues stand above 2 times" in three.reason
    strict = compute_scree(spectra_of(values), null_of(noise), RankSettings(margin=1e6))
    assert strict.n_components == 1
    assert "No second structure" in strict.reason
    capped = compute_scree(spectra_of(values), null_of(noise), RankSettings(max_components=2))
    assert capped.n_components == 2
    assert "limited to 2" in capped.reason


def test_elbow_of_a_broken_line():
    falling = np.concatenate([10.0 ** -np.arange(4), 1e-3 * 0.9 ** np.arange(1, 30)])
    values = np.diag(np.sqrt(falling * 33))
    scree = compute_scree(spectra_of(values), None, RankSettings(rule="elbow"))
    np.testing.assert_allclose(scree.explained_variance, falling[:30], rtol=1e-5)
    assert scree.n_components == 4


def test_the_users_number_wins_and_the_rule_is_still_told(values):
    scree = compute_scree(spectra_of(values), None, RankSettings(rule="elbow", n_components=7))
    assert scree.n_components == 7
    assert scree.rule == "user"
    assert "Set to 7 by the user" in scree.reason


def test_constant_spectra_have_one_component():
    zeros = spectra_of(np.zeros((20, 30)))
    for settings in (RankSettings(), RankSettings(rule="elbow")):
        scree = compute_scree(zeros, null_eigenvalues(zeros, settings), settings)
        assert scree.n_components == 1
        assert not scree.explained_variance.any()
        assert np.isfinite(scree.explained_variance_ratio).all()


def test_a_constant_image_has_no_elbow():
    spectra = spectra_of(np.outer(np.ones(30), np.linspace(1, 2, 50)))
    assert compute_scree(spectra, None, RankSettings(rule="elbow")).n_components == 1


def test_enough_eigenvalues_for_the_limit():
    values = spectra_of(np.random.default_rng(0).random((80, 200)))
    assert len(compute_scree(values, None, RankSettings(rule="elbow", max_components=45)).explained_variance) == 46


def test_few_windows_have_few_eigenvalues():
    values = np.random.default_rng(0).random((12, 40))
    scree = compute_scree(spectra_of(values), null_of(values), RankSettings())
    assert len(scree.explained_variance) == len(scree.null_variance) == 11
    assert scree.explained_variance.min() > 0.01 * scree.explained_variance.max()
