"""Window grids against counting by hand."""

import numpy as np
import pytest

from fftscape.model.errors import InvalidSettingError
from fftscape.stages.windows import sparse_grid, survey_grid, window_grid


@pytest.mark.parametrize(
    ("shape", "size", "step"),
    [
        ((90, 131), (32, 24), (16, 20)),
        ((33, 47), (33, 7), (5, 3)),
        ((64, 40), (16, 40), (16, 1)),
        ((20, 31), (5, 8), (9, 11)),
    ],
)
def test_edges_are_reached_and_steps_kept(shape, size, step):
    grid = window_grid(np.ones(shape, bool), size, step)
    for origins, length, window, distance in zip((grid.origins_y, grid.origins_x), shape, size, step, strict=True):
        assert origins[0] == 0
        assert origins[-1] + window == length
        gaps = np.diff(origins)
        assert (gaps[:-1] == distance).all()
        assert ((gaps > 0) & (gaps <= distance)).all()
    assert grid.valid.all()


def test_centres_are_those_of_the_pixels_covered():
    grid = window_grid(np.ones((50, 60), bool), (7, 10), (20, 25))
    assert grid.centres_y.tolist() == [3, 23, 43, 46]
    assert grid.centres_x.tolist() == [4.5, 29.5, 54.5]


def test_windows_with_gaps_take_no_part():
    usable = np.random.default_rng(0).random((70, 95)) > 0.004
    grid = window_grid(usable, (9, 14), (5, 6))
    expected = [[usable[y : y + 9, x : x + 14].all() for x in grid.origins_x] for y in grid.origins_y]
    assert (grid.valid == expected).all()
    assert 0 < grid.n_valid < grid.valid.size


def test_maps_put_values_where_the_windows_are():
    usable = np.ones((20, 30), bool)
    usable[0, 0] = False
    grid = window_grid(usable, (10, 10), (10, 10))
    maps = grid.to_map(np.arange(10.0).reshape(5, 2))
    assert np.isnan(maps[:, 0, 0]).all()
    assert maps[0].ravel()[1:].tolist() == [0, 2, 4, 6, 8]
    assert maps[1].ravel()[1:].tolist() == [1, 3, 5, 7, 9]


def test_window_larger_than_image_is_named():
    with pytest.raises(InvalidSettingError, match=r"window 64x32 .* larger than the image of 60x80 pixels"):
        window_grid(np.ones((60, 80), bool), (64, 32), (8, 8))


def test_no_window_without_gaps():
    usable = np.ones((40, 40), bool)
    usable[::10] = False
    with pytest.raises(InvalidSettingError, match="every window of 16x16"):
        window_grid(usable, (16, 16), (4, 4))


def test_sparse_windows_do_not_overlap_where_there_are_enough():
    grid = window_grid(np.ones((300, 500), bool), (32, 40), (8, 10))
    sparse = sparse_grid(grid)
    assert np.diff(sparse.origins_y).min() >= 32
    assert np.diff(sparse.origins_x).min() >= 40
    assert set(sparse.origins_y) <= set(grid.origins_y)
    assert set(sparse.origins_x) <= set(grid.origins_x)
    assert sparse.shape == (9, 12)


def test_sparse_windows_overlap_where_there_are_few():
    grid = window_grid(np.ones((128, 160), bool), (32, 32), (8, 8))
    assert set(np.diff(sparse_grid(grid).origins_y)) == {16}


def test_windows_of_a_survey_keep_apart():
    usable = np.ones((101, 70), bool)
    assert survey_grid(usable, (32, 24)).step == (8, 6)
    apart = survey_grid(usable, (32, 24), least_step=(16, 4))
    assert apart.step == (16, 6)
    assert apart.origins_y.tolist() == [2, 18, 34, 50, 66]
