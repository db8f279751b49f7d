"""Basins of reliefs that can be drawn by hand."""

import numpy as np
import pytest

from fftscape.compute.basins import Relief, in_order


def two_valleys(pass_height):
    x = np.linspace(-1, 1, 41)
    valley = np.minimum(1 + 20 * (x + 0.5) ** 2, 2 + 20 * (x - 0.5) ** 2)
    relief = np.minimum(valley, pass_height) + np.zeros((7, 1))
    relief[3, :] = np.minimum(valley, pass_height - 0.5)  # the lowest pass lies in the middle row
    return relief


@pytest.mark.parametrize(("ratio", "count"), [(1.7, 2), (1.8, 1)])
def test_the_lowest_pass_over_the_shallower_bottom_decides(ratio, count):
    # Bottoms at 1 and 2, the lowest pass at 3.5: 1.75 times the bottom of the shallower valley.
    basins = Relief(two_valleys(4.0)).basins(ratio)
    assert basins.max() + 1 == count
    if count == 2:
        assert (basins[:, :15] == 0).all()
        assert (basins[:, 27:] == 1).all()


def test_three_valleys_in_a_row_join_from_the_lowest_pass():
    relief = Relief(np.array([[1.0, 1.5, 1.2, 9.0, 1.0, 3.0, 2.0]]))
    assert relief.basins(2.0).tolist() == [[0, 0, 0, 1, 1, 1, 1]]
    assert relief.basins(1.2).tolist() == [[0, 0, 1, 2, 2, 2, 3]]


def test_a_plain_is_one_basin():
    assert Relief(np.full((9, 5), 3.0)).basins(2.0).max() == 0


def test_numbers_follow_the_rows():
    assert in_order(np.array([[5, 5, 9], [2, 9, 5]])).tolist() == [[0, 0, 1], [2, 1, 0]]
