"""Regions on scenes small enough to know every window."""

import numpy as np
import pytest

from fftscape.model.records import LocalSpectra
from fftscape.model.settings import RegionSettings, SpectraSettings
from fftscape.stages.references import mean_spectra, on_grid
from fftscape.stages.regions import _by_area, evidence_in, find_regions
from fftscape.stages.spectra import local_spectra
from fftscape.stages.windows import survey_grid, window_grid

SHAPE = (330, 410)
WINDOW = (40, 32)  # unlike sides: lengths must be counted in windows


def survey_of(image, window=WINDOW) -> LocalSpectra:
    return local_spectra(image, survey_grid(np.isfinite(image), window), SpectraSettings())


def regions_of(image, directions=2, settings=RegionSettings(), window=WINDOW):  # noqa: B008 (frozen)
    return regions_in(survey_of(image, window), directions, settings)


def regions_in(survey, directions=2, settings=RegionSettings()):  # noqa: B008 (frozen)
    return find_regions(survey, evidence_in(survey, directions, settings), settings)


def plane(shape=SHAPE):
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    return y, x


def grating(period, angle, shape=SHAPE):
    y, x = plane(shape)
    turn = np.radians(angle)
    return np.sin(2 * np.pi * (x * np.cos(turn) - y * np.sin(turn)) / period)


def noise(level=0.5, seed=0, shape=SHAPE):
    return level * np.random.default_rng(seed).standard_normal(shape)


def truth_of(labels, survey):
    grid = survey.grid
    return labels[np.round(grid.centres_y).astype(int)][:, np.round(grid.centres_x).astype(int)]


def test_two_gratings_are_two_structures_and_meet_where_they_meet():
    _, x = plane()
    right = x > 150
    image = np.where(right, grating(6, 20), grating(6, 80)) + noise()
    regions = regions_of(image)
    assert regions.n_structures == 2
    truth = truth_of(right, survey_of(image))
    # The larger structure comes first: the right one.
    assert np.mean((regions.labels == 0) == truth) > 0.98
    assert regions.stability.min() == 1
    assert regions.confidence == 1
    assert regions.alternatives == ()
    # Abruptness is a ridge at the boundary, at least five times as high as elsewhere.
    columns = regions.abruptness.mean(axis=0)
    centres = survey_of(image).grid.centres_x
    assert abs(centres[columns.argmax()] - 150) <= 8
    assert columns.max() > 5 * np.median(columns)


def test_a_structure_in_two_places_is_one():
    _, x = plane()
    middle = np.abs(x - 205) < 65
    regions = regions_of(np.where(middle, grating(6, 20), grating(6, 80)) + noise())
    assert regions.n_structures == 2
    assert regions.labels[5, 2] == regions.labels[5, -3] != regions.labels[5, regions.labels.shape[1] // 2]


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_one_structure(seed):
    regions = regions_of(noise(1, seed))
    assert regions.n_structures == 1
    assert regions.continuous == ()


def test_a_bent_lattice_is_one_structure_that_varies():
    y, x = plane()
    image = np.sin(2 * np.pi * (x + 0.12 * (y - 165) * (x - 205) / 205) / 5) + noise(0.3)
    regions = regions_of(image, directions=6)
    assert regions.n_structures == 1
    assert regions.continuous == (0,)
    assert regions.variation[0] > 3


def test_brightness_is_no_structure():
    _, x = plane()
    wave = 1.5 + grating(6, 35)
    counts = np.random.default_rng(4).poisson(np.where(x > 190, 40.0, 8.0) * wave)
    assert regions_of(counts.astype(float)).n_structures == 1


def test_a_featureless_support_is_a_structure():
    y, x = plane()
    island = np.hypot(y - 160, x - 210) < 105
    counts = np.random.default_rng(5).poisson(np.where(island, 20 * (1.5 + grating(6, 35)), 12.0))
    regions = regions_of(counts.astype(float))
    assert regions.n_structures == 2
    assert np.mean((regions.labels == 1) == truth_of(island, survey_of(counts))) > 0.95


def test_what_is_narrower_than_the_setting_is_a_boundary():
    _, x = plane()
    stripe = np.abs(x - 205) < 32  # two windows wide
    image = np.where(stripe, grating(6, 20), grating(6, 80)) + noise()
    assert regions_of(image).n_structures == 2
    assert regions_of(image, settings=RegionSettings(narrowest=2.6)).n_structures == 1


def test_thresholds_do_what_they_say():
    _, x = plane()
    two = np.where(x > 200, grating(6, 20), grating(6, 40)) + noise(0.8)
    assert regions_of(two).n_structures == 2
    assert regions_of(two, settings=RegionSettings(ridge=60.0)).n_structures == 2  # they are groups of spectra, too
    assert regions_of(two, settings=RegionSettings(ridge=60.0, contrast=60.0)).n_structures == 1
    assert regions_of(two, settings=RegionSettings(separation=200.0)).n_structures == 1


def strokes(seed):
    """Half covered with straight strokes, each in one of many directions and as long as a window or two."""
    random = np.random.default_rng(seed)
    y, x = plane()
    image = noise(0.3, seed)
    for _ in range(260):
        turn, length = random.uniform(0, np.pi), random.uniform(20, 60)
        dy, dx = y - random.uniform(0, SHAPE[0]), x - random.uniform(0, 200)
        along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        image += 3 * np.exp(-((across / 1.5) ** 2)) * (np.abs(along) < length / 2)
    return image


@pytest.mark.parametrize("seed", range(3))
def test_what_is_uneven_in_itself_is_one_structure_beside_what_is_not(seed):
    survey = survey_of(strokes(seed))
    truth = truth_of(plane()[1] > 200, survey)
    regions = regions_in(survey, 3)
    assert regions.n_structures == 2
    assert np.mean((regions.labels == regions.labels[4, -1]) == truth) > 0.9


def test_windows_without_data_have_no_label():
    _, x = plane()
    image = np.where(x > 150, grating(6, 20), grating(6, 80)) + noise()
    image[:60, 300:] = np.nan
    survey = survey_of(image)
    regions = regions_in(survey)
    assert regions.n_structures == 2
    assert (regions.labels == -1).tolist() == (~survey.grid.valid).tolist()
    assert not (regions.core & ~survey.grid.valid).any()


@pytest.mark.parametrize("radius", [150, 90])
def test_large_gaps_hold_no_structure(radius):
    y, x = plane()
    outside = np.hypot(y - 165, x - 205) > radius  # 48 and 81 % of the image
    crystal, two = grating(6, 20), np.where(x > 205, grating(6, 20), grating(6, 80))
    for image, count in ((noise(), 1), (crystal + noise(), 1), (two + noise(), 2)):
        survey = survey_of(np.where(outside, np.nan, image))
        regions = regions_in(survey)
        assert regions.n_structures == count
        assert regions.core.any()
        assert not (regions.core & ~survey.grid.valid).any()
        assert regions.variation.max() < 2


def test_few_windows_are_one_structure_for_want_of_better_knowledge():
    regions = regions_of(noise(shape=(64, 64)), window=(60, 60))
    assert regions.n_structures == 1
    assert regions.confidence is None
    assert np.isnan(regions.stability).all()
    assert regions_of(np.ones((64, 64)), window=(60, 60)).confidence == 1


def test_stability_is_unknown_where_one_block_holds_all_of_a_structure():
    _, x = plane((80, 160))
    image = np.where(x >= 80, grating(6, 20, (80, 160)), grating(6, 80, (80, 160))) + noise(0.2, shape=(80, 160))
    regions = regions_of(image, window=(40, 40))
    assert regions.n_structures == 2
    assert np.isnan(regions.stability).all()


def test_the_same_input_gives_the_same_regions():
    _, x = plane()
    image = np.where(x > 150, grating(6, 20), grating(6, 80)) + noise()
    one, two = regions_of(image), regions_of(image)
    assert one.labels.tobytes() == two.labels.tobytes()
    assert one.abruptness.tobytes() == two.abruptness.tobytes()


def test_regions_carried_to_another_grid_and_their_mean_spectra():
    _, x = plane()
    image = np.where(x > 150, grating(6, 20), grating(6, 80)) + noise()
    survey = survey_of(image)
    grid = window_grid(np.ones(SHAPE, bool), WINDOW, (13, 17))
    spectra = local_spectra(image, grid, SpectraSettings())
    regions = on_grid(regions_in(survey), survey.grid, grid)
    assert regions.labels.shape == grid.shape
    sides = regions.labels == 0
    assert sides[:, grid.centres_x > 160].all()
    assert not sides[:, grid.centres_x < 140].any()
    means = mean_spectra(spectra, regions)
    pure = [spectra.values[np.tile(chosen, grid.shape[0])].mean(axis=0) for chosen in
            (grid.centres_x > 190, grid.centres_x < 110)]  # fmt: skip
    for mean, own in zip(means, pure, strict=True):
        assert mean @ own / np.linalg.norm(mean) / np.linalg.norm(own) > 0.999


def test_the_largest_structure_comes_first_and_one_without_a_valid_window_last():
    labels = np.array([[0, 1, 1, 2]])
    assert _by_area(labels, np.array([[True, True, True, False]])).tolist() == [[1, 0, 0, 2]]
    assert _by_area(labels, np.ones((1, 4), bool)).tolist() == [[1, 0, 0, 2]]
