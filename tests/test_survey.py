"""Which of two surveys is used, and what the user's number does to them."""

from dataclasses import replace

import numpy as np
import pytest

import fftscape as fs
from fftscape.model.settings import RankSettings, Settings, merged
from fftscape.survey import Ground, Survey, surveyed


@pytest.fixture(scope="module")
def surveys() -> dict[int, Survey]:
    """Surveys of cells with 2 regions in the larger window and 3, which is right, in the smaller one."""
    image = fs.synthetic.SCENE_KINDS["cells"](1).image
    sizes = fs.suggest_window(image)
    assert sizes.finer is not None
    ground = Ground(image, np.ones(image.shape, bool), 2**30)
    found = {}
    for size in (sizes.size, sizes.finer):
        settings = merged(Settings(), {"windows": {"size": size, "step": (8, 8)}})
        survey = surveyed(ground, settings)
        found[survey.regions.n_structures] = survey
    assert sorted(found) == [2, 3]
    return found


def with_number(survey: Survey, number: int) -> Survey:
    return replace(survey, rank=RankSettings(n_components=number))


def test_more_structures_without_doubt_win(surveys):
    assert surveys[3].shows_as_much_as(surveys[2])
    assert not surveys[2].shows_as_much_as(surveys[3])
    assert surveys[3].shows_as_much_as(surveys[3])


def test_a_doubtful_survey_does_not_overrule_a_firm_one(surveys):
    doubtful = replace(surveys[3], regions=replace(surveys[3].regions, confidence=0.3))
    assert not doubtful.shows_as_much_as(surveys[2])
    assert doubtful.shows_as_much_as(replace(surveys[2], regions=replace(surveys[2].regions, confidence=0.3)))


def test_the_survey_that_shows_the_users_number_is_used(surveys):
    two, three = (with_number(surveys[found], 2) for found in (2, 3))
    assert two.is_used
    assert not three.is_used
    assert not three.shows_as_much_as(two)
    assert two.shows_as_much_as(three)
    assert three.regions_on(three.grid) is None


def test_a_number_that_was_not_found_has_no_confidence():
    image = fs.synthetic.SCENE_KINDS["cells"](1).image
    analysis = fs.analyze(image, n_components=2, window=24, step=8)
    assert (analysis.scree.rule, analysis.scree.confidence, analysis.scree.alternatives) == ("user", None, ())
    limited = fs.analyze(
        image,
        settings=merged(Settings(), {"windows": {"size": (24, 24), "step": (8, 8)}, "rank": {"max_components": 2}}),
    )
    assert (limited.n_components, limited.scree.confidence, limited.scree.alternatives) == (2, None, ())


def test_a_step_that_would_leave_gaps_keeps_the_larger_window():
    image = fs.synthetic.SCENE_KINDS["cells"](1).image
    advice = fs.suggest_window(image)
    assert fs.analyze(image, step=advice.finer[0] + 4).settings.windows.size == advice.size
    other_rule = merged(Settings(), {"rank": {"rule": "noise-null"}})
    assert fs.analyze(image, settings=other_rule).settings.windows.size == advice.size
