"""All odd, hostile and broken files: read as their expected.json says, or refused in one sentence, quickly."""

import json
import re
import time
import tracemalloc

import numpy as np
import pytest

from fftscape.files.formats import count_frames, list_images, read
from fftscape.model.errors import FftscapeError

# Broken only for the analysis: the pixels are there, and there are none but NaN.
LEFT_TO_THE_ANALYSIS = {"nan_all.tif"}
# Kinds of colour whose grey value is weighed (float32), not taken as stored.
WEIGHED = {
    "rgb.png", "rgba.png", "palette.png", "palette_scrambled.tif", "rgb_planar.tif", "cmyk.jpg", "exif_rotated.jpg",
}  # fmt: skip


def _expected(folder):
    return json.loads((folder / "expected.json").read_text("utf-8"))


def test_broken_files_are_refused_in_a_sentence_without_taking_memory(odd_files):
    refused = [name for name, case in _expected(odd_files).items() if case["expect"] == "error"]
    assert len(refused) == 19
    for name in sorted(set(refused) - LEFT_TO_THE_ANALYSIS):
        began = time.process_time()
        tracemalloc.start()
        with pytest.raises(FftscapeError) as caught:
            read(odd_files / name)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        sentence = str(caught.value)
        assert sentence.startswith(str(odd_files / name) + ": "), name
        assert "\n" not in sentence
        assert "Traceback" not in sentence
        assert len(sentence) < len(str(odd_files)) + 330
        assert time.process_time() - began < 5
        assert peak < 40e6, name


def test_valid_files_are_read(odd_files):
    valid = {
        name: case
        for name, case in _expected(odd_files).items()
        if case["expect"] != "error" and "shape" in case and not name.startswith("stack_")
    }
    assert len(valid) > 10
    for name, case in valid.items():
        image = read(odd_files / name)
        assert image.data.shape == tuple(case["shape"][:2]), name
        assert image.data.dtype.isnative
        if "pixel_nm" in case:
            factor = {"nm": 1, "um": 1000, "px": None}[image.unit]
            assert (factor and pytest.approx(case["pixel_nm"]) == image.pixel_size[0] * factor) or (
                factor is None and case["pixel_nm"] is None
            ), name
        elif name != "anisotropic_pixels.tif":
            assert not image.is_calibrated, name
        assert image.data.dtype == _expected_dtype(name, case), name


def _expected_dtype(name, case):
    if name in WEIGHED:
        return np.float32
    return {
        "bool": np.dtype("u1"),
        "bool or uint8": np.dtype("u1"),
        "complex64": np.dtype("f4"),
        ">f4": np.dtype("f4"),
    }.get(case["dtype"]) or np.dtype(case["dtype"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("complex64.tif", "modulus"), ("cmyk.jpg", "CMYK"), ("rgba.png", "alpha"), ("grey_alpha.png", "alpha"),
        ("palette.png", "palette"), ("palette_scrambled.tif", "palette"), ("rgb48.tif", "equal"),
        ("rgb.png", "luminance"), ("multipage_shapes.tif", "image 1"), ("two_arrays.npz", "first"),
        ("stack_tczyx.tif", r"T \(2\) x Z \(3\)"), ("stack_one_bad_frame.tif", "3 frames"),
        ("cm_resolution.tif", "finer than any print"),
    ],
)  # fmt: skip
def test_oddities_are_said(odd_files, name, said):
    assert any(re.search(said, note) for note in read(odd_files / name).notes)


def test_pages_of_different_shapes(odd_files):
    path = odd_files / "multipage_shapes.tif"
    assert [(info.shape, info.dtype, info.is_default) for info in list_images(path)] == [
        ((64, 64), "uint8", False), ((256, 256), "uint8", True), ((128, 200), "uint16", False),
    ]  # fmt: skip
    assert read(path, channel=2).shape == (128, 200)


def test_hyperstack_is_cut_into_channels_and_frames(odd_files):
    import tifffile

    path = odd_files / "stack_tczyx.tif"
    raw = tifffile.imread(path)
    assert count_frames(path) == 6
    assert len(list_images(path)) == 4
    np.testing.assert_array_equal(read(path, channel=2, frame=4).data, raw[1, 1, 2])


def test_a_bad_frame_does_not_hide_the_others(odd_files):
    path = odd_files / "stack_one_bad_frame.tif"
    assert [bool(np.isnan(read(path, frame=k).data).all()) for k in range(3)] == [False, True, False]


def test_known_values_survive(odd_files):
    grey = read(odd_files / "two_phase.tif").data.astype(float)
    span = (grey - grey.min()) / np.ptp(grey)
    sixteen = read(odd_files / "grey16.png").data
    assert np.abs(sixteen / 65535 - span).max() < 2e-4
    assert len(np.unique(sixteen)) > 30_000
    np.testing.assert_array_equal(read(odd_files / "big_endian.tif").data, sixteen)
    np.testing.assert_array_equal(read(odd_files / "bigtiff_tiled_deflate.tif").data, sixteen)
    np.testing.assert_array_equal(read(odd_files / "rgb48.tif").data, sixteen)
    bilevel = read(odd_files / "bilevel.png").data
    np.testing.assert_array_equal(bilevel != 0, grey > 0)
    np.testing.assert_array_equal(read(odd_files / "bilevel.tif").data != 0, bilevel != 0)
    # tifffile marks truth values as 'min is white', so the picture is the negative.
    np.testing.assert_array_equal(read(odd_files / "bool.tif").data != 0, bilevel == 0)
    np.testing.assert_array_equal(read(odd_files / "fortran_bigendian.npy").data, grey.astype(np.float32))
    eight = read(odd_files / "UPPER.TIF").data
    np.testing.assert_array_equal(read(odd_files / "miniswhite.tif").data, 255 - eight)
    np.testing.assert_array_equal(read(odd_files / "png_named.tif").data, eight)
    np.testing.assert_array_equal(read(odd_files / "no_extension").data, eight)
    np.testing.assert_allclose(read(odd_files / "complex64.tif").data.max(), np.hypot(grey, 1).max(), rtol=0.2)


def test_alpha_takes_no_part(odd_files):
    np.testing.assert_array_equal(read(odd_files / "rgba.png").data, read(odd_files / "rgb.png").data)
    np.testing.assert_array_equal(read(odd_files / "rgb_planar.tif").data, read(odd_files / "rgb.png").data)
    np.testing.assert_array_equal(read(odd_files / "grey_alpha.png").data, read(odd_files / "UPPER.TIF").data)


def test_exif_turns_upright(odd_files):
    upright = read(odd_files / "exif_rotated.jpg").data
    stored = read(odd_files / "rgb.png").data[:, :200]
    assert np.corrcoef(upright.ravel(), np.rot90(stored, -1).ravel())[0, 1] > 0.9


def test_anisotropic_pixels_keep_both_sizes(odd_files):
    image = read(odd_files / "anisotropic_pixels.tif")
    assert (image.pixel_size, image.unit) == ((2.0, 1.0), "nm")
