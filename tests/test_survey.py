"""Which of two surveys is used, and what the user's number does to them."""

from dataclasses import replace

import numpy as np
import pytest

import fftscape as fs
from fftscape.ground import Ground
from fftscape.model.settings import RankSettings, Settings, merged
from fftscape.stages.rank import doubted
from fftscape.survey import Survey, surveyed


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


def scree_of(survey: Survey, number: int, confidence: float, alternatives: tuple[int, ...] = ()):
    return replace(survey.scree, n_components=number, rule="regions", confidence=confidence, alternatives=alternatives)


def test_windows_of_another_size_take_confidence_or_leave_it(surveys):
    three = scree_of(surveys[3], 3, 1.0)
    agreeing = doubted(three, scree_of(surveys[2], 3, 0.8, (2,)), (64, 64))
    assert (agreeing.confidence, agreeing.alternatives) == (0.9, (2,))
    # Half of the trials there that were not for 1 were for 3.
    torn = doubted(three, scree_of(surveys[2], 1, 0.5, (3, 5)), (64, 64))
    assert (torn.confidence, torn.alternatives) == (0.625, (1, 5))
    assert "Windows of 64x64 px show 1." in torn.reason
    against = doubted(three, scree_of(surveys[2], 2, 1.0), (64, 64))
    assert (against.confidence, against.alternatives, against.is_ambiguous) == (0.5, (2,), True)
    assert "hangs on the window" in against.reason
    unknown = replace(three, confidence=None)
    assert doubted(unknown, three, (64, 64)) is unknown


def test_hardly_any_windows_leave_no_confidence_in_one_structure():
    rng = np.random.default_rng(0)
    for side, confidence in ((150, 0.5), (260, 1.0)):
        image = fs.Image(rng.standard_normal((side, 400)))
        settings = merged(Settings(), {"windows": {"size": (48, 48), "step": (12, 12)}})
        scree = surveyed(Ground(image, np.ones(image.shape, bool), 2**30), settings).scree
        assert (scree.n_components, scree.confidence) == (1, confidence)
        assert ("only 3.1 windows" in scree.reason) == (side == 150)


def test_things_smaller_than_both_windows_are_found_with_half_of_the_smaller_one():
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:260, :300]
    image = 0.05 * rng.standard_normal((260, 300))
    for row, column in ((40, 60), (52, 150), (120, 90), (140, 230), (200, 50), (210, 160), (60, 250)):
        image += np.exp(-((((y - row) ** 2 + (x - column) ** 2) / 9**2) ** 2)) * rng.uniform(1.0, 1.4)
    advice = fs.suggest_window(image)
    found = fs.analyze(image)
    assert found.n_components == 2
    assert found.settings.windows.size < advice.finer
    bright = image > 0.5
    assert (found.labels == 1)[bright].mean() > 0.9
