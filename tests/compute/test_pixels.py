"""The scale of an image and its pixels in units of it, against the formulas in float64."""

import numpy as np
import pytest

from fftscape.compute.pixels import Scale, scale_of


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(4).gamma(3, 20, (61, 83))


@pytest.mark.parametrize("centred", [True, False])
def test_scale_is_mean_and_deviation_of_most_pixels(noise, centred):
    most = np.clip(noise, *np.quantile(noise, [0.001, 0.999]))
    scale = scale_of(noise, centred=centred)
    assert scale.spread == pytest.approx(most.std(), rel=1e-12)
    assert scale.centre == (pytest.approx(most.mean(), rel=1e-12) if centred else 0)


@pytest.mark.parametrize("absurd", [1e30, -1e30, np.inf, -np.inf, np.nan])
def test_a_few_absurd_pixels_do_not_set_the_scale(noise, absurd):
    hit = noise.copy()
    hit[7, 3] = hit[40, 60] = absurd
    one, other = scale_of(noise, centred=True), scale_of(hit, centred=True)
    assert other.spread == pytest.approx(one.spread, rel=0.01)
    assert other.centre == pytest.approx(one.centre, rel=0.01)


@pytest.mark.parametrize("unit", [1e-305, 1e-30, 1e30, 1e305])
def test_huge_and_tiny_units_stay_in_range(noise, unit):
    one, other = scale_of(noise, centred=True), scale_of(noise * unit, centred=True)
    assert other.spread / unit == pytest.approx(one.spread, rel=1e-6)
    assert other.centre / unit == pytest.approx(one.centre, rel=1e-6)
    np.testing.assert_allclose(other.normalised(noise * unit), one.normalised(noise), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (np.full((5, 8), 7, np.uint8), Scale(7.0, 1.0)),
        (np.zeros((5, 8)), Scale(0.0, 1.0)),
        (np.full((5, 8), np.nan), Scale(0.0, 1.0)),
        (np.array([[np.nan, 4.0, np.inf]]), Scale(4.0, 1.0)),
        (np.array([[False, True, True, False]]), Scale(0.5, 0.5)),
    ],
    ids=["constant", "zeros", "no data", "one pixel", "bool"],
)
def test_images_without_contrast_or_data(data, expected):
    scale = scale_of(data, centred=True)
    assert (scale.centre, scale.spread) == pytest.approx((expected.centre, expected.spread), rel=2e-3)


def test_where_nearly_all_pixels_are_equal_the_few_others_are_the_image():
    data = np.zeros((100, 130), np.uint16)
    data[50, 60] = 1000
    scale = scale_of(data, centred=True)
    assert scale.spread == pytest.approx(data.astype(float).std())
    assert scale.centre == pytest.approx(1000 / 13000)


@pytest.mark.parametrize("shape", [(1024, 1536), (1031, 1025)])
@pytest.mark.parametrize("period", [2, 3, 4, 6, 8])
def test_the_sample_of_a_large_image_sees_every_column(shape, period):
    """Stripes whose period divides the distance of the sampled pixels must not look like a constant."""
    stripes = np.where(np.arange(shape[1]) % period == 0, 10.0, 0.0) + np.random.default_rng(0).normal(0, 0.1, shape)
    assert scale_of(stripes, centred=True).spread == pytest.approx(stripes.std(), rel=0.02)
    upright = scale_of(np.ascontiguousarray(stripes.T), centred=True)
    assert upright.spread == pytest.approx(stripes.std(), rel=0.02)


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int8, np.uint16, np.int16, ">i2", np.int32, np.int64, ">f4", np.float64]
)
def test_pixels_are_counted_from_the_centre_in_spreads(dtype):
    kind = np.dtype(dtype)
    ends = (np.iinfo(kind).min, np.iinfo(kind).max) if kind.kind in "iu" and kind.itemsize < 4 else (-30000, 60000)
    rows = np.array([[ends[0], 0, 5], [6, 100, ends[1]]], dtype)
    found = Scale(7.25, 3.5).normalised(rows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, (rows.astype(float) - 7.25) / 3.5, rtol=3e-7)


def test_large_integers_keep_their_differences():
    rows = np.array([[2**40 + 3, 2**40 - 1]])
    assert Scale(float(2**40), 2.0).normalised(rows).tolist() == [[1.5, -0.5]]


def test_no_data_is_the_centre_and_absurd_pixels_are_limited():
    rows = np.array([[np.nan, np.inf, -np.inf], [1e300, -1e300, 11.0]])
    assert Scale(10.0, 2.0).normalised(rows).tolist() == [[0, 0, 0], [np.float32(1e12), np.float32(-1e12), 0.5]]
    assert np.isnan(rows[0, 0])
    tiny = Scale(0.0, 1e-300).normalised(np.array([[1e300, -2e-300]]))
    assert tiny.tolist() == [[np.float32(1e12), -2]]
