"""Units and pixel sizes: what is believed, converted, refused, and what a user may write."""

import math

import pytest

from fftscape.files.calibration import Calibration, calibrate, normal_unit, parse_pixel_size, rescaled
from fftscape.model.errors import InvalidSettingError


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("nm", "nm"), ("um", "um"), ("\u00b5m", "um"), ("\u03bcm", "um"), ("\\u00B5m", "um"), ("micron", "um"),
        ("micrometers", "um"), ("[n_m]", "nm"), ("n_m", "nm"), ("[u_m]", "um"), ("Å", "angstrom"), ("A", "angstrom"),
        ("1/nm", "1/nm"), ("1 / nm", "1/nm"), ("nm^-1", "1/nm"), ("nm⁻¹", "1/nm"), ("1/Å", "1/angstrom"),
        ("", "px"), ("pixel", "px"), ("[]", "px"), ("mrad", "mrad"), ("mm", "mm"), ("Mm", "Mm"), ("NM", "nm"),
    ],
)  # fmt: skip
def test_spellings(text, unit):
    assert normal_unit(text) == unit


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [
        (0.2, "Å", (0.02, "nm")), (0.5, "1/Å", (5.0, "1/nm")), (5.3e-9, "m", (5.3, "nm")), (8e-12, "m", (0.008, "nm")),
        (2e-6, "m", (2.0, "um")), (3e-4, "m", (300.0, "um")), (0.00125, "um", (1.25, "nm")), (0.05, "um", (0.05, "um")),
        (8.2e-5, "mm", (82.0, "nm")), (8.17, "pm", (8.17, "pm")), (98e6, "1/m", (0.098, "1/nm")),
        (98.0, "1/um", (98.0, "1/um")), (-0.02, "nm", (0.02, "nm")), (2.0, "cm", (20.0, "mm")),
    ],
)  # fmt: skip
def test_conversions(size, unit, expected):
    found = calibrate(size, 2 * size, unit, "here")
    assert (found.pixel_size, found.unit) == (pytest.approx((expected[0], 2 * expected[0])), expected[1])
    assert found.source == "here"


def test_inverse_lengths_are_never_lengths():
    assert calibrate(0.17, 0.17, "1/nm", "dm3").unit == "1/nm"
    assert parse_pixel_size("0.17 1/nm").unit == "1/nm"


@pytest.mark.parametrize("size", [0.0, math.nan, math.inf])
def test_sizes_that_make_no_sense(size):
    assert calibrate(size, 1.0, "nm", "here") == Calibration()


def test_numbers_without_a_length_are_noted_not_used():
    assert "without a unit" in calibrate(0.3, 0.3, "", "here").notes[0]
    assert "0.3 x 0.4" in calibrate(0.3, 0.4, "", "here").notes[0]
    assert "mrad" in calibrate(0.3, 0.3, "mrad", "here").notes[0]
    assert calibrate(1, 1, "", "here").notes == ()
    assert not calibrate(0.3, 0.3, "eV", "here").is_known


@pytest.mark.parametrize(
    ("text", "size", "unit"),
    [
        ("0.02 nm", (0.02, 0.02), "nm"), ("0.02nm", (0.02, 0.02), "nm"), ("0.02x0.03 nm", (0.02, 0.03), "nm"),
        ("0.02 x 0.03nm", (0.02, 0.03), "nm"), ("0,5 µm", (0.5, 0.5), "um"), ("2e-9 m", (2.0, 2.0), "nm"),
        ("0.2 angstrom", (0.02, 0.02), "nm"), ("1.5e-2×2e-2 um", (0.015, 0.02), "um"), ("3 1/nm", (3.0, 3.0), "1/nm"),
        ("12 pm", (12.0, 12.0), "pm"),
    ],
)  # fmt: skip
def test_what_a_user_may_write(text, size, unit):
    found = parse_pixel_size(text)
    assert (found.pixel_size, found.unit, found.source) == (pytest.approx(size), unit, "--pixel-size")


@pytest.mark.parametrize(
    "text", ["", "nm", "0.02", "0 nm", "-1 nm", "0.02 px", "0.02 mrad", "1x2x3 nm", "1.2.3 nm", "nan nm"]
)
def test_what_a_user_may_not_write(text):
    with pytest.raises(InvalidSettingError, match="is not a pixel size; give a positive number with a unit of length"):
        parse_pixel_size(text)


def test_a_smaller_copy_has_larger_pixels_a_cropped_image_has_the_same():
    assert rescaled(5.0, (768, 1024), (384, 512), "nm", "tag").pixel_size == (10.0, 10.0)
    assert rescaled(5.0, (768, 1024), (400, 512), "nm", "tag").pixel_size == (10.0, 10.0)  # with a data bar
    cropped = rescaled(5.0, (768, 1024), (700, 512), "nm", "tag")
    assert cropped.pixel_size == (5.0, 5.0)
    assert "cropped" in cropped.notes[0]
    assert rescaled(5.0, (768, 1024), (820, 1024), "nm", "tag") == Calibration((5.0, 5.0), "nm", "tag")
