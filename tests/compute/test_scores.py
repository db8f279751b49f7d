"""Scores: what a spectrum's level and noise do to them."""

from dataclasses import replace

import numpy as np

from fftscape.compute.scores import leading_scores, trimmed_covariance
from fftscape.model.records import LocalSpectra
from fftscape.model.settings import SpectraSettings
from fftscape.stages.windows import window_grid


def test_scores_separate_two_kinds_along_one_direction():
    rng = np.random.default_rng(1)
    kinds = rng.uniform(0.5, 2, (2, 60))
    which = rng.integers(0, 2, 200)
    spectra = (kinds[which] * (1 + 0.01 * rng.standard_normal((200, 60)))).astype(np.float32)
    grid = window_grid(np.ones((200, 10), bool), (10, 10), (1, 1))
    grid = replace(grid, origins_y=np.arange(200), valid=np.ones((200, 1), bool))
    scores = leading_scores(LocalSpectra(spectra, grid, SpectraSettings()), 3, seed=0)
    first = scores.values[:, 0]
    low, high = sorted([first[which == 0].mean(), first[which == 1].mean()])
    assert high - low > 10 * first[which == 0].std()
    # Other spectra get the same coordinates, however bright they are.
    np.testing.assert_allclose(scores.of(7 * spectra[:5]), scores.values[:5], atol=1e-3)


def test_trimming_forgets_outliers():
    rng = np.random.default_rng(2)
    true = np.array([[4.0, 1.0], [1.0, 2.0]])
    rows = rng.multivariate_normal([0, 0], true, 4000)
    np.testing.assert_allclose(trimmed_covariance(rows, 0.5), true, rtol=0.25, atol=0.25)
    rows[:1200] += 60
    # The half that is kept is then a larger part of the good rows: a factor, and far from the outliers' 3600.
    trimmed = trimmed_covariance(rows, 0.5)
    assert 1 < trimmed[0, 0] / true[0, 0] < 2
    np.testing.assert_allclose(trimmed / trimmed[0, 0], true / true[0, 0], atol=0.15)
