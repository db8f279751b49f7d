"""Ranges of values in pixels of any dtype, and long runs of them."""

import numpy as np
import pytest

from fftscape.compute.rectangles import Values, _long_runs, _rows_with_runs, drawn_rectangles


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.uint32, np.int64, np.float32])
def test_pixels_in_a_range_are_those_in_floats(dtype):
    random = np.random.default_rng(0)
    limits = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else np.finfo(dtype)
    least, most = max(int(limits.min), -70_000), min(int(limits.max), 70_000)
    pixels = random.integers(least, most, (20, 30), endpoint=True).astype(dtype)
    seen = set()
    for _ in range(200):
        bounds = random.uniform(1.2 * least, 1.2 * most, 2).round(int(random.integers(0, 3)))
        told = Values(*sorted(bounds.tolist())).tell(pixels)
        np.testing.assert_array_equal(
            told, (pixels.astype(float) >= bounds.min()) & (pixels.astype(float) <= bounds.max())
        )
        seen |= {bool(told.any()), bool(told.all())}
    assert seen == {False, True}
    assert not Values(most + 1.0, most + 9.0).tell(pixels).any()
    assert not Values(pixels[0, 0] + 0.3, pixels[0, 0] + 0.6).tell(pixels).any()


@pytest.mark.parametrize(("least", "width"), [(1, 9), (2, 9), (3, 30), (7, 30), (16, 61), (17, 61)])
def test_no_row_with_a_long_run_is_passed_over(least, width):
    random = np.random.default_rng(least)
    flags = random.random((400, width)) < 0.4
    for row in range(300):  # runs of just the length, and one less, at all places
        start = row % (width - least + 1)
        flags[row, start : start + least - row % 2] = True
    known = [row for row in range(400) if _longest(flags[row]) >= least]
    assert set(known) <= set(_rows_with_runs(lambda columns: flags[:, columns], flags.shape[1], least).tolist())
    expected = np.lib.stride_tricks.sliding_window_view(flags, least, axis=1).all(axis=2)
    assert (_long_runs(flags, least) == expected).all()


def _longest(row):
    return max(map(len, "".join("x" if flag else " " for flag in row).split()), default=0)


def test_an_image_smaller_than_a_rectangle_holds_none():
    pixels = np.random.default_rng(0).normal(size=(12, 12))
    assert [drawn_rectangles(pixels, least) for least in (20, 41)] == [[], []]
