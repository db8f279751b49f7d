"""Labels at image scale: offsets, coverage, gaps."""

import numpy as np

from fftscape.stages.segmentation import covered_pixels, segment, to_image_scale
from fftscape.stages.windows import window_grid


def test_a_straight_boundary_lies_where_the_loadings_cross():
    grid = window_grid(np.ones((60, 131), bool), (20, 16), (10, 5))
    # A boundary at column 52: each window's loading is the part of it on that side.
    right = np.clip((grid.origins_x + 16 - 52) / 16, 0, 1)
    loadings = np.broadcast_to(np.stack([1 - right, right])[:, None, :], (2, *grid.shape))
    labels = segment(loadings, grid).labels
    assert (labels[:, :51] == 0).all()
    assert (labels[:, 53:] == 1).all()


def test_a_horizontal_boundary_too():
    grid = window_grid(np.ones((131, 60), bool), (16, 20), (5, 10))
    below = np.clip((grid.origins_y + 16 - 52) / 16, 0, 1)
    loadings = np.broadcast_to(np.stack([1 - below, below])[:, :, None], (2, *grid.shape))
    result = segment(loadings, grid)
    assert (result.labels[:51] == 0).all()
    assert (result.labels[53:] == 1).all()
    np.testing.assert_allclose(result.area_fractions, [52 / 131, 79 / 131], atol=0.01)


def test_interpolation_is_linear_between_centres_and_constant_outside():
    grid = window_grid(np.ones((30, 50), bool), (10, 20), (10, 10))
    values = np.arange(3)[:, None] + 10.0 * np.arange(4)[None, :]
    image = to_image_scale(values, grid)
    rows = np.interp(np.arange(30), [4.5, 14.5, 24.5], [0, 1, 2])
    columns = np.interp(np.arange(50), [9.5, 19.5, 29.5, 39.5], [0, 10, 20, 30])
    np.testing.assert_allclose(image, rows[:, None] + columns[None, :], atol=1e-5)


def test_pixels_without_a_window_have_no_label():
    usable = np.ones((70, 64), bool)
    usable[:20, 40:] = False
    grid = window_grid(usable, (16, 12), (8, 6))
    expected = np.zeros(usable.shape, bool)
    for i, top in enumerate(grid.origins_y):
        for j, left in enumerate(grid.origins_x):
            if grid.valid[i, j]:
                expected[top : top + 16, left : left + 12] = True
    assert (covered_pixels(grid) == expected).all()
    loadings = grid.to_map(np.ones((grid.n_valid, 2)) * [0.2, 0.7])
    result = segment(loadings, grid)
    assert ((result.labels == -1) == ~expected).all()
    assert (result.labels[expected] == 1).all()
    assert result.area_fractions.tolist() == [0, 1]


def test_steps_larger_than_the_window_leave_gaps():
    grid = window_grid(np.ones((50, 50), bool), (8, 8), (21, 21))
    result = segment(np.ones((1, *grid.shape)), grid)
    assert (result.labels == -1).sum() == 50 * 50 - 24 * 24
    assert result.labels[0, 0] == 0
    assert result.labels[10, 0] == -1


def test_one_window_labels_the_whole_image():
    grid = window_grid(np.ones((9, 13), bool), (9, 13), (1, 1))
    assert (segment(np.array([[[0.1]], [[0.4]]]), grid).labels == 1).all()
