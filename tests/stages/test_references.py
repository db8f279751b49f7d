"""Reference spectra: regions on other windows, and whether maps agree with them."""

from dataclasses import replace

import numpy as np
import pytest

from fftscape.model.records import Regions
from fftscape.stages.references import agreement, on_grid
from fftscape.stages.windows import survey_grid, window_grid

USABLE = np.ones((60, 100), bool)
SURVEY = survey_grid(USABLE, (16, 20))


def regions_of(labels, core=None, abruptness=None):
    count = int(labels.max()) + 1
    return Regions(
        labels=labels.astype(np.int16),
        abruptness=np.zeros(labels.shape, np.float32) if abruptness is None else abruptness.astype(np.float32),
        core=labels >= 0 if core is None else core,
        stability=np.ones(count),
        variation=np.ones(count),
        confidence=1.0,
        alternatives=(),
        continuous=(),
    )


def halves(grid):
    return (grid.centres_x >= 50) + np.zeros((len(grid.centres_y), 1), int)


def test_other_windows_have_what_the_nearest_window_of_the_survey_has():
    grid = window_grid(USABLE, (16, 20), (7, 9))
    abruptness = np.add.outer(np.arange(SURVEY.shape[0]), 100.0 * np.arange(SURVEY.shape[1]))
    there = on_grid(regions_of(halves(SURVEY), halves(SURVEY) == 1, abruptness), SURVEY, grid)
    for row, y in enumerate(grid.centres_y):
        for column, x in enumerate(grid.centres_x):
            i, j = np.abs(SURVEY.centres_y - y).argmin(), np.abs(SURVEY.centres_x - x).argmin()
            assert there.labels[row, column] == (SURVEY.centres_x[j] >= 50)
            assert there.core[row, column] == (SURVEY.centres_x[j] >= 50)
            assert there.abruptness[row, column] == i + 100 * j
    assert there.labels.dtype == np.int16
    assert there.confidence == 1.0


def test_windows_without_data_have_no_region_and_those_of_the_survey_are_filled_from_beside():
    usable = USABLE.copy()
    usable[:20, :30] = False
    survey, grid = survey_grid(usable, (16, 20)), window_grid(usable, (16, 20), (7, 9))
    found = regions_of(np.where(survey.valid, halves(survey), -1))
    there = on_grid(found, survey, grid)
    assert (there.labels[~grid.valid] == -1).all()
    assert not there.core[~grid.valid].any()
    assert np.isnan(there.abruptness[~grid.valid]).all()
    assert (there.labels[grid.valid] >= 0).all()
    # A window may be valid where the survey's nearest is not: it has what lies beside that one.
    everywhere = on_grid(found, survey, window_grid(USABLE, (16, 20), (7, 9)))
    assert (everywhere.labels[:, 0] == 0).all()


def test_agreement_is_that_of_the_worst_structure():
    labels = halves(SURVEY)
    right = np.stack([labels.ravel() == 0, labels.ravel() == 1], axis=1).astype(float)
    regions = regions_of(labels)
    assert agreement(regions, right, SURVEY) == 1.0
    assert agreement(regions, right[:, ::-1], SURVEY) == 0.0
    wrong = right.copy()
    of_one = np.flatnonzero(labels.ravel() == 1)
    wrong[of_one[: len(of_one) // 4]] = [1.0, 0.0]
    assert agreement(regions, wrong, SURVEY) == pytest.approx(1 - (len(of_one) // 4) / len(of_one))


def test_only_windows_well_inside_a_structure_have_a_say():
    labels = halves(SURVEY)
    loadings = np.stack([labels.ravel() == 0, labels.ravel() == 1], axis=1).astype(float)
    at_the_boundary = np.abs(SURVEY.centres_x - 50) < 12
    loadings.reshape(*SURVEY.shape, 2)[:, at_the_boundary] = [0.5, 0.4]
    core = np.broadcast_to(~at_the_boundary, SURVEY.shape)
    assert agreement(regions_of(labels), loadings, SURVEY) < 1
    assert agreement(regions_of(labels, core), loadings, SURVEY) == 1.0
    assert agreement(regions_of(labels, np.zeros(SURVEY.shape, bool)), loadings, SURVEY) == 1.0


def test_windows_that_take_no_part_have_no_loadings():
    grid = replace(SURVEY, valid=halves(SURVEY) == 0)
    labels = np.where(grid.valid, 0, -1)
    assert agreement(regions_of(labels), np.ones((grid.n_valid, 1)), grid) == 1.0
