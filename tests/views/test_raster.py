"""Block means, contrast and label colours."""

from __future__ import annotations

import numpy as np
import pytest

from fftscape.views import raster
from fftscape.views.raster import Blocks, block_means, contrast, greyscale, labels_over, rgb
from fftscape.views.style import NO_DATA, PALETTE


def test_block_means_leave_out_what_is_not_finite_and_keep_the_rest() -> None:
    data = np.arange(35, dtype=np.float32).reshape(5, 7)
    data[0, 0], data[1, 1] = np.nan, np.inf
    data[4, 6] = np.nan
    blocks = block_means(data, limit=4)
    assert blocks.factor == (2, 2)
    assert blocks.values.shape == (3, 4)
    assert blocks.values[0, 0] == (1 + 7) / 2
    assert blocks.values[1, 1] == np.mean([16, 17, 23, 24])
    assert blocks.values[2, 0] == np.mean([28, 29])
    assert np.isnan(blocks.values[2, 3])


def test_bands_of_rows_give_the_same_means(monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.random.default_rng(1).integers(0, 65535, (61, 47)).astype(">u2")
    whole = block_means(data, limit=9).values
    small = raster._means(data, (7, 6))
    np.testing.assert_array_equal(whole, small)
    assert whole.shape == (9, 8)
    assert whole[0, 0] == data[:7, :6].mean()


def test_huge_images_are_averaged_in_bands() -> None:
    data = np.zeros((3000, 2000), np.uint8)
    data[2999] = 9
    values = block_means(data, limit=900).values
    assert values.shape == (750, 667)
    assert values[-1, 0] == 9 / 4
    assert values[:-1].max() == 0


def test_contrast_ignores_what_is_not_finite_and_outliers() -> None:
    values = np.append(np.linspace(0, 1, 1001), [np.nan, np.inf, 1e9])
    low, high = contrast(values)
    assert 0.0 <= low < 0.01
    assert 0.99 < high < 1.01
    assert contrast(np.full((3, 3), np.nan)) == (0.0, 1.0)


def test_grey_is_light_where_there_is_no_data() -> None:
    picture = greyscale(Blocks(np.array([[0.0, 1.0, np.nan]]), (1, 1)))
    np.testing.assert_allclose(picture[0, 0], 0, atol=0.01)
    np.testing.assert_allclose(picture[0, 1], 1, atol=0.01)
    np.testing.assert_array_equal(picture[0, 2], rgb(NO_DATA))


def test_label_colours_lie_over_the_grey_image() -> None:
    data = np.array([[0.0, 1.0, 0.0, 1.0]])
    picture = labels_over(block_means(data), np.array([[0, 1, -1, -1]], np.int16), opacity=0.5)
    np.testing.assert_allclose(picture[0, 0], 0.5 * rgb(PALETTE[0]), atol=0.01)
    np.testing.assert_allclose(picture[0, 1], 0.5 + 0.5 * rgb(PALETTE[1]), atol=0.01)
    np.testing.assert_allclose(picture[0, 3], 1, atol=0.01)


def test_labels_follow_blocks_that_do_not_divide_the_image() -> None:
    labels = np.zeros((1, 10), np.int16)
    labels[:, 8:] = 1
    picture = labels_over(block_means(np.zeros((1, 10)), limit=3), labels, opacity=1.0)
    assert picture.shape == (1, 3, 3)
    np.testing.assert_allclose(picture[0, 1], rgb(PALETTE[0]))
    np.testing.assert_allclose(picture[0, 2], rgb(PALETTE[1]))
