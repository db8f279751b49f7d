"""Parts of a region: groups of spectra that meet abruptly, and those that do not."""

import numpy as np
import pytest

from fftscape.compute import parts
from fftscape.compute.evidence import gathered
from fftscape.compute.parts import Groups, subdivided
from fftscape.model.settings import SpectraSettings
from fftscape.stages.spectra import local_spectra
from fftscape.stages.windows import survey_grid

SHAPE = (300, 420)


def evidence_of(image, directions=2):
    survey = local_spectra(image, survey_grid(np.isfinite(image), (40, 32)), SpectraSettings())
    return gathered(survey, directions, 0)


def parts_of(image, labels=None, directions=2, contrast=3.6, half_width=0.65):
    evidence = evidence_of(image, directions)
    labels = np.zeros(evidence.abruptness.shape, int) if labels is None else labels
    return subdivided(
        evidence, labels, Groups(evidence.field, 0), separation=3.0, least_contrast=contrast, half_width=half_width
    ), evidence.spectra.grid


def grating(period, degrees):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    turn = np.radians(degrees)
    return np.sin(2 * np.pi * (x * np.cos(turn) + y * np.sin(turn)) / period)


def noise(seed=0):
    return 0.5 * np.random.default_rng(seed).standard_normal(SHAPE)


def thirds():
    x = np.arange(SHAPE[1])
    return np.select([x < 140, x < 280], [0, 1], 2) + np.zeros((SHAPE[0], 1), int)


@pytest.mark.parametrize("count", [2, 3])
def test_gratings_are_parts_where_they_are(count):
    truth = np.minimum(thirds(), count - 1)
    image = np.choose(truth, [grating(6, 10), grating(6, 60), grating(9, 100)]) + noise()
    labels, grid = parts_of(image)
    assert labels.max() + 1 == count
    there = truth[np.ix_(grid.centres_y.astype(int), grid.centres_x.astype(int))]
    right = sum(np.bincount(labels[there == index]).max() for index in range(count))
    assert right > 0.95 * labels.size


def blocks(rows, columns):
    """Numbers of equal blocks, row by row."""
    y, x = np.arange(SHAPE[0])[:, None] * rows // SHAPE[0], np.arange(SHAPE[1]) * columns // SHAPE[1]
    return y * columns + x


def six_gratings(truth):
    six = [(6, 10), (6, 60), (9, 100), (6, 120), (12, 30), (5, 150)]
    return np.choose(truth, [grating(*each) for each in six]) + noise()


def share_in_place(labels, grid, truth):
    there = truth[np.ix_(grid.centres_y.astype(int), grid.centres_x.astype(int))]
    return sum(np.bincount(labels[there == index]).max() for index in np.unique(truth)) / labels.size


def test_four_parts_are_found_at_a_time(monkeypatch):
    truth = blocks(2, 2)
    # With two regions allowed, one division is all there is.
    monkeypatch.setattr(parts, "_MOST_REGIONS", 2)
    labels, grid = parts_of(six_gratings(truth), directions=4)
    assert labels.max() + 1 == 4
    assert share_in_place(labels, grid, truth) > 0.9


def test_parts_are_divided_again(monkeypatch):
    truth = blocks(2, 3)
    labels, grid = parts_of(six_gratings(truth), directions=8)
    assert labels.max() + 1 == 6
    assert share_in_place(labels, grid, truth) > 0.9
    monkeypatch.setattr(parts, "_MOST_REGIONS", 2)
    assert 1 < parts_of(six_gratings(truth), directions=8)[0].max() + 1 <= 4


def test_regions_known_before_keep_their_numbers():
    truth = thirds()
    image = np.choose(truth, [grating(6, 10), grating(6, 60), grating(9, 100)]) + noise()
    _, grid = parts_of(image)
    there = truth[np.ix_(grid.centres_y.astype(int), grid.centres_x.astype(int))]
    labels, _ = parts_of(image, labels=(there == 2).astype(int))
    assert labels.max() == 2
    assert np.mean(labels[there == 2] == 1) > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_parts(seed):
    assert parts_of(noise(seed))[0].max() == 0


def test_slow_change_has_no_parts():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    assert parts_of(np.sin(2 * np.pi * (x / 6 + 2e-4 * x * y / 6)) + 0.3 * noise())[0].max() == 0


def test_brightness_alone_makes_no_parts(monkeypatch):
    counts = 40 * (1 + 0.5 * grating(6, 10)) * np.where(thirds() == 0, 1.0, 0.03)
    image = np.random.default_rng(0).poisson(counts).astype(float)
    assert parts_of(image)[0].max() == 0
    # In everything else they are like structures.
    monkeypatch.setattr(parts, "same_but_brightness", lambda regions, *_: np.arange(len(regions)))
    assert parts_of(image)[0].max() == 1


def test_bands_along_either_axis_are_parts():
    y = np.arange(SHAPE[0])[:, None]
    bands = np.where(y < 150, grating(6, 10), grating(6, 60)) + noise()
    assert parts_of(bands)[0].max() == 1
    assert parts_of(np.ascontiguousarray(bands.T))[0].max() == 1


def test_nothing_is_divided_without_a_direction_above_noise_or_with_higher_demands():
    image = np.choose(thirds(), [grating(6, 10), grating(6, 60), grating(9, 100)]) + noise()
    assert parts_of(image, directions=0)[0].max() == 0
    assert parts_of(image, contrast=1000.0)[0].max() == 0
    assert parts_of(image, half_width=9.0)[0].max() == 0


@pytest.mark.parametrize(("contrasts", "count"), [((3.0, 7.0, 4.0), 3), ((3.0, 3.5, 7.0), 1), ((2.8, 7.0, 7.0), 1)])
def test_one_boundary_of_several_may_have_less_contrast(contrasts, count, monkeypatch):
    image = np.choose(thirds(), [grating(6, 10), grating(6, 60), grating(9, 100)]) + noise()
    measured = iter(contrasts)
    monkeypatch.setattr(parts, "contrast", lambda *_: next(measured, 0.0))
    assert parts_of(image)[0].max() + 1 == count


def test_nothing_is_looked_for_where_there_are_as_many_regions_as_there_may_be(monkeypatch):
    asked = []

    def in_one_group(points, known, count, seed):
        asked.append(count)
        return np.zeros(len(points))

    monkeypatch.setattr(parts, "grouped", in_one_group)
    evidence = evidence_of(noise())
    grid = evidence.spectra.grid
    labels = np.indices(grid.shape).sum(axis=0) % 16
    kept = subdivided(evidence, labels, Groups(evidence.field, 0), separation=3.0, least_contrast=3.6, half_width=0.65)
    assert (kept == labels).all()
    assert not asked
    subdivided(evidence, labels % 15, Groups(evidence.field, 0), separation=3.0, least_contrast=3.6, half_width=0.65)
    assert sorted(asked) == [2] * 15 + [3] * 15 + [4] * 15
