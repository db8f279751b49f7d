"""Labels at image scale: offsets, coverage, gaps."""

import numpy as np

from fftscape.compute.scores import leading_scores
from fftscape.model.settings import SpectraSettings
from fftscape.stages.segmentation import (
    Placed,
    assigned_by_labels,
    assigned_by_loadings,
    covered_pixels,
    near_boundaries,
    segment,
    sharpened,
)
from fftscape.stages.spectra import local_spectra
from fftscape.stages.windows import survey_grid, window_grid


def segmented(assignment, covering):
    height, width = covering.image_shape
    return segment([Placed(slice(0, height), slice(0, width), assignment)], len(assignment.distances), covering)


def labelled(loadings, grid):
    return segmented(assigned_by_loadings(loadings, grid), grid)


def test_a_straight_boundary_lies_where_the_loadings_cross():
    grid = window_grid(np.ones((60, 131), bool), (20, 16), (10, 5))
    # A boundary at column 52: each window's loading is the part of it on that side.
    right = np.clip((grid.origins_x + 16 - 52) / 16, 0, 1)
    loadings = np.broadcast_to(np.stack([1 - right, right])[:, None, :], (2, *grid.shape))
    labels = labelled(loadings, grid).labels
    assert (labels[:, :51] == 0).all()
    assert (labels[:, 53:] == 1).all()


def test_a_horizontal_boundary_too():
    grid = window_grid(np.ones((131, 60), bool), (16, 20), (5, 10))
    below = np.clip((grid.origins_y + 16 - 52) / 16, 0, 1)
    loadings = np.broadcast_to(np.stack([1 - below, below])[:, :, None], (2, *grid.shape))
    result = labelled(loadings, grid)
    assert (result.labels[:51] == 0).all()
    assert (result.labels[53:] == 1).all()
    np.testing.assert_allclose(result.area_fractions, [52 / 131, 79 / 131], atol=0.01)


def test_pixels_without_a_window_have_no_label():
    usable = np.ones((70, 64), bool)
    usable[:20, 40:] = False
    grid = window_grid(usable, (16, 12), (8, 6))
    expected = np.zeros(usable.shape, bool)
    for i, top in enumerate(grid.origins_y):
        for j, left in enumerate(grid.origins_x):
            if grid.valid[i, j]:
                expected[top : top + 16, left : left + 12] = True
    assert (covered_pixels(grid, slice(0, grid.image_shape[0])) == expected).all()
    loadings = grid.to_map(np.ones((grid.n_valid, 2)) * [0.2, 0.7])
    result = labelled(loadings, grid)
    assert ((result.labels == -1) == ~expected).all()
    assert (result.labels[expected] == 1).all()
    assert result.area_fractions.tolist() == [0, 1]


def test_steps_larger_than_the_window_leave_gaps():
    grid = window_grid(np.ones((50, 50), bool), (8, 8), (21, 21))
    result = labelled(np.ones((1, *grid.shape)), grid)
    assert (result.labels == -1).sum() == 50 * 50 - 24 * 24
    assert result.labels[0, 0] == 0
    assert result.labels[10, 0] == -1


def test_one_window_labels_the_whole_image():
    grid = window_grid(np.ones((9, 13), bool), (9, 13), (1, 1))
    assert (labelled(np.array([[[0.1]], [[0.4]]]), grid).labels == 1).all()


def test_the_margin_is_smallest_where_the_decision_falls():
    grid = window_grid(np.ones((60, 131), bool), (20, 16), (10, 5))
    right = np.clip((grid.origins_x + 16 - 52) / 16, 0, 1)
    result = labelled(np.broadcast_to(np.stack([1 - right, right])[:, None, :], (2, *grid.shape)), grid)
    assert result.margin[30, 52] < 0.15
    assert result.margin[30, [20, 100]].tolist() == [1, 1]


def test_the_uncertainty_of_areas_is_that_of_their_boundaries():
    grid = window_grid(np.ones((100, 200), bool), (20, 20), (5, 5))
    labels = np.zeros(grid.shape, np.int16)
    labels[:, grid.centres_x > 80] = 2
    labels[:, grid.centres_x > 140] = 1
    result = segmented(assigned_by_labels(labels, 3, grid), grid)
    # The middle stripe has two boundaries, the others one each.
    np.testing.assert_allclose(result.area_uncertainties / result.area_uncertainties[0], [1, 1, 2], rtol=1e-6)
    # A tenth of the window of 20 along a boundary of 100 pixels (times pi/4, right on average over directions).
    np.testing.assert_allclose(result.area_uncertainties[0], 2 * 100 * np.pi / 4 / (100 * 200))


def two_gratings(shape, boundary, noise):
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = np.where(x < boundary, np.sin(2 * np.pi * x / 6), np.sin(2 * np.pi * (x + y) / 7))
    return waves + noise * np.random.default_rng(0).standard_normal(shape)


def scores(image, grid):
    found = leading_scores(local_spectra(image, grid, SpectraSettings()), 16, seed=0)
    return lambda count: grid.to_map(found.values[:, :count])


def test_smaller_windows_move_a_boundary_to_its_place():
    image, usable = two_gratings((480, 931), 463, 0.3), np.ones((480, 931), bool)
    coarse = survey_grid(usable, (48, 48))
    labels = (coarse.centres_x > 450).astype(np.int16) + np.zeros((coarse.shape[0], 1), np.int16)
    assignment = assigned_by_labels(labels, 2, coarse)
    for size in (24, 12):
        grid = near_boundaries(assignment, survey_grid(usable, (size, size)))
        # Along the boundary all windows, elsewhere few.
        assert grid.valid[:, np.abs(grid.centres_x - 463) < size / 2].all()
        assert grid.valid.mean() < 0.5
        assignment, smoothing = sharpened(assignment, grid, scores(image, grid), [0.25, 0.5])
        assert smoothing == 0.25
    result = segmented(assignment, window_grid(usable, (48, 48), (12, 12)))
    edge = (result.labels == 0).sum(axis=1)
    assert abs(edge.mean() - 463) < 1.5
    assert edge.std() < 2.5
    assert result.resolution == 12


def test_smaller_windows_that_cannot_tell_are_not_believed():
    usable = np.ones((240, 331), bool)
    noise = np.random.default_rng(1).standard_normal(usable.shape)
    coarse = survey_grid(usable, (48, 48))
    labels = (coarse.centres_x > 150).astype(np.int16) + np.zeros((coarse.shape[0], 1), np.int16)
    grid = survey_grid(usable, (24, 24))
    assert sharpened(assigned_by_labels(labels, 2, coarse), grid, scores(noise, grid), [0.25, 0.5]) is None


def test_where_windows_alone_cannot_tell_several_together_may():
    image, usable = two_gratings((480, 620), 310, 6.0), np.ones((480, 620), bool)
    coarse = survey_grid(usable, (64, 64))
    labels = (coarse.centres_x > 310).astype(np.int16) + np.zeros((coarse.shape[0], 1), np.int16)
    assignment, grid = assigned_by_labels(labels, 2, coarse), survey_grid(usable, (32, 32), (16, 16))
    assert sharpened(assignment, grid, scores(image, grid), [0.25]) is None
    placed, smoothing = sharpened(assignment, grid, scores(image, grid), [0.25, 0.5])
    assert smoothing == 0.5
    result = segmented(placed, window_grid(usable, (64, 64), (16, 16)))
    assert result.resolution == 32
    assert abs((result.labels == 0).sum(axis=1).mean() - 310) < 6
