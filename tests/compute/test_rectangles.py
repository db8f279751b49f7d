"""Ranges of values are told in pixels of any dtype as they are in floats."""

import numpy as np
import pytest

from fftscape.compute.rectangles import Values


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
