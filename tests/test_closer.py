"""The close look: which windows it takes, and that it sees what there is."""

import numpy as np
import pytest

import fftscape as fs
from fftscape.closer import close_look, finer_grid
from fftscape.ground import Ground


def test_windows_are_halved_down_to_a_quarter_and_to_ten_pixels():
    usable = np.ones((300, 431), bool)
    half = finer_grid(usable, (97, 64), (97, 64))
    assert (half.size, half.step) == ((48, 32), (24, 16))
    quarter = finer_grid(usable, half.size, (97, 64))
    # 24 is less than a quarter of 97.
    assert quarter is None
    quarter = finer_grid(usable, half.size, (96, 64))
    assert (quarter.size, quarter.step) == ((24, 16), (12, 8))
    assert finer_grid(usable, quarter.size, (96, 64)) is None
    assert finer_grid(usable, (20, 20), (20, 20)).size == (10, 10)
    assert finer_grid(usable, (32, 19), (32, 19)) is None


@pytest.fixture
def ground():
    y, x = np.mgrid[:230, :290]
    image = np.where(x < 160, np.sin(x * 0.8), np.sin(y * 1.2)) + np.random.default_rng(0).normal(0, 0.5, (230, 290))
    usable = np.ones(image.shape, bool)
    usable[100:120, 40:50] = False
    return Ground(fs.Image(image), usable, 2**40)


def test_it_sees_what_differs(ground):
    look = close_look(ground, (48, 40), seed=0)
    assert (look.grid.size, look.grid.step) == ((24, 20), (12, 10))
    assert look.scores.shape == (16, *look.grid.shape)
    assert (np.isnan(look.scores[0]) == ~look.grid.valid).all()
    assert not look.grid.valid.all()
    first = np.where(look.grid.valid, look.scores[0], 0)
    left, right = first[:, look.grid.centres_x < 145], first[:, look.grid.centres_x > 175]
    left, right = left[left != 0], right[right != 0]
    assert left.min() > right.max() or left.max() < right.min()
    # The strongest directions come first.
    spread = np.nanstd(look.scores, axis=(1, 2))
    assert (np.diff(spread) < 0.01 * spread[0]).all()


def test_a_part_of_it_is_that_of_the_windows_there(ground):
    look = close_look(ground, (48, 40), seed=0)
    part = look.part(slice(2, 7), slice(3, 20))
    np.testing.assert_array_equal(part.scores, look.scores[:, 2:7, 3:20])
    np.testing.assert_array_equal(part.grid.origins_y, look.grid.origins_y[2:7])
    np.testing.assert_array_equal(part.grid.valid, look.grid.valid[2:7, 3:20])


def test_too_many_windows_are_not_all_looked_at(ground, monkeypatch):
    monkeypatch.setattr("fftscape.closer._MOST_WINDOWS", 100)
    assert close_look(ground, (48, 40), seed=0) is None
    assert close_look(ground, (18, 40), seed=0) is None
    assert close_look(Ground(ground.image, np.zeros_like(ground.usable), 2**40), (48, 40), seed=0) is None
