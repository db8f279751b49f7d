"""The evidence: scores in units of noise, and how much they change across a place."""

from dataclasses import replace

import numpy as np
import pytest

from fftscape.compute.evidence import gathered, is_enough
from fftscape.model.settings import SpectraSettings
from fftscape.stages.spectra import local_spectra
from fftscape.stages.windows import survey_grid

SHAPE = (300, 420)
SIZE = (40, 32)


def survey_of(image, size=SIZE):
    return local_spectra(image, survey_grid(np.isfinite(image), size), SpectraSettings())


def grating(degrees):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    turn = np.radians(degrees)
    return np.sin(2 * np.pi * (x * np.cos(turn) + y * np.sin(turn)) / 6)


def white(seed=0):
    return np.random.default_rng(seed).standard_normal(SHAPE)


def two_gratings(boundary=210):
    return np.where(np.arange(SHAPE[1]) < boundary, grating(10), grating(60)) + 0.5 * white()


def test_noise_has_unit_spread_over_half_a_window_in_every_direction():
    evidence = gathered(survey_of(white()), 2, 0)
    (span_y, span_x), grid = evidence.field.span, evidence.spectra.grid
    # The map itself is smoothed lightly.
    values = evidence.embed(evidence.spectra.values).reshape(*grid.shape, 4)
    along_y = values[span_y // 2 :] - values[: -(span_y // 2)]
    along_x = values[:, span_x // 2 :] - values[:, : -(span_x // 2)]
    for along in (along_y, along_x):
        assert along.reshape(-1, 4).std(axis=0) == pytest.approx(np.sqrt(2), rel=0.15)


@pytest.mark.parametrize("turned", [False, True])
def test_abruptness_has_its_ridge_at_the_boundary_and_is_three_quarters_of_a_window_wide(turned):
    image = two_gratings()
    survey = survey_of(image.T.copy() if turned else image, SIZE[::-1] if turned else SIZE)
    evidence = gathered(survey, 2, 0)
    abruptness = evidence.abruptness.T if turned else evidence.abruptness
    centres = survey.grid.centres_y if turned else survey.grid.centres_x
    profile = abruptness.mean(axis=0)
    assert abs(centres[profile.argmax()] - 210) <= 32 / 4
    level = np.median(profile)
    assert profile.max() > 5 * level
    wide = np.ptp(centres[profile > (profile.max() + level) / 2])
    assert 0.5 * 32 <= wide <= 1.25 * 32


def test_other_spectra_are_scored_as_those_of_the_survey_are():
    survey = survey_of(two_gratings())
    evidence = gathered(survey, 2, 0)
    scores = evidence.embed(survey.values).reshape(*survey.grid.shape, -1)
    inner = (slice(2, -2), slice(2, -2))
    # The map is smoothed lightly and the scores are not.
    step = np.linalg.norm(np.diff(evidence.field.values[:, [3, -4]].mean(axis=0), axis=0))
    assert np.abs((scores - evidence.field.values)[inner].mean(axis=(0, 1))).max() < 0.02 * step
    assert evidence.embed(3 * survey.values) == pytest.approx(evidence.embed(survey.values), abs=1e-3 * step)


def test_more_directions_are_kept_than_stand_above_noise_but_not_too_many():
    survey = survey_of(white())
    assert [gathered(survey, count, 0).field.values.shape[2] for count in (0, 1, 5, 40)] == [3, 3, 7, 16]


def test_windows_that_take_no_part_speak_for_nothing():
    image = two_gratings()
    image[100:160, 60:120] = np.nan
    survey = survey_of(image)
    evidence = gathered(survey, 2, 0)
    assert not evidence.field.valid.all()
    assert np.isfinite(evidence.field.values).all()
    chosen = evidence.field.inside_each(np.zeros(survey.grid.shape, int))[0]
    assert (chosen == survey.grid.valid).all()


def test_few_windows_are_not_enough():
    survey = survey_of(white())
    assert is_enough(survey)
    assert not is_enough(survey_of(white()[:70, :70]))
    few = survey.grid.valid & (np.cumsum(survey.grid.valid).reshape(survey.grid.shape) <= 31)
    assert not is_enough(replace(survey, values=survey.values[:31], grid=replace(survey.grid, valid=few)))
