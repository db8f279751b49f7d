"""Odd arrays through the public entry points: a result without silent NaN, or a named error of one line."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fftscape as fs
from fftscape.model.errors import FftscapeError

Y, X = np.mgrid[:60, :84]
PLAIN = (
    100
    + 50 * np.where(X < 42, np.sin(2 * np.pi * X / 8), np.sin(2 * np.pi * Y / 5))
    + np.random.default_rng(0).normal(0, 5, (60, 84))
)


def holding(value: float, where: Any) -> np.ndarray:
    pixels = PLAIN.copy()
    pixels[where] = value
    return pixels


class Contrary(np.ndarray):
    """An array that is indexed in its own way, as matrices are."""

    def __getitem__(self, _place: Any) -> Any:
        raise AssertionError("asked in its own way")


# Equal pixels in another form: the same answer.
EQUAL = {
    "read-only": PLAIN,
    "big-endian": PLAIN.astype(">f8"),
    "extended": PLAIN.astype(np.longdouble),
    "transposed in memory": np.ascontiguousarray(PLAIN.T).T,
    "every second of twice": PLAIN.repeat(2, 0).repeat(2, 1)[::2, ::2],
    "backwards in memory": np.ascontiguousarray(PLAIN[::-1, ::-1])[::-1, ::-1],
    "a list": PLAIN.tolist(),
}
# What must come to a result.
GOOD = {
    **EQUAL,
    "one NaN": holding(np.nan, (3, 4)),
    "a quarter of NaN": holding(np.nan, np.s_[:30, :42]),
    "infinite": holding(np.inf, (30, 40)),
    "minus infinite": holding(-np.inf, np.s_[5:9]),
    "constant": np.full((60, 84), 7.0),
    "zeros": np.zeros((60, 84)),
    "saturated": PLAIN.clip(95, 105),
    "int8": (PLAIN - 100).astype(np.int8),
    "big-endian uint16": PLAIN.astype(">u2"),
    "uint64": PLAIN.astype(np.uint64),
    "large int64": PLAIN.astype(np.int64) * 2**50,
    "truth values": PLAIN > 100,
    "float16": PLAIN.astype(np.float16),
    "huge": PLAIN * 1e300,
    "huge float32": (PLAIN * 1e30).astype(np.float32),
    "tiny": PLAIN * 1e-300,
    "subnormal": PLAIN * 1e-320,
    "masked": np.ma.masked_array(PLAIN, (Y < 30) & (X < 42)),
    "masked whole numbers": np.ma.masked_array(PLAIN.astype(np.int64), (Y < 30) & (X < 42)),
    "an image of masked": fs.Image(np.ma.masked_array(PLAIN, (Y < 30) & (X < 42))),
    "minute pixels": fs.Image(PLAIN, pixel_size=(1e-36, 1e-33), unit="nm"),
    "an image of a list": fs.Image(PLAIN.tolist()),  # type: ignore[arg-type]
    "an image of a class of its own": fs.Image(PLAIN.view(Contrary)),
    "vast pixels": fs.Image(PLAIN, pixel_size=(1e36, 1e33), unit="nm"),
}
# What must be refused: by what the sentence says.
BAD = {
    "all NaN": (np.full((60, 84), np.nan), "no pixel holds a finite number"),
    "1 x 1": (PLAIN[:1, :1], "larger than the image of 1x1 pixels"),
    "1 x N": (PLAIN[:1], "larger than the image of 1x84 pixels"),
    "N x 1": (PLAIN[:, :1], "larger than the image of 60x1 pixels"),
    "smaller than the window": (PLAIN[:20, :30], "larger than the image of 20x30 pixels"),
    "empty": (np.zeros((0, 5)), "not the shape (0, 5)"),
    "one axis": (PLAIN[0], "not the shape (84,)"),
    "RGB": (np.stack([PLAIN] * 3, -1), "not the shape (60, 84, 3)"),
    "RGBA": (np.stack([PLAIN] * 4, -1), "not the shape (60, 84, 4)"),
    "complex64": (PLAIN.astype(np.complex64), "must be real numbers, not complex64"),
    "complex128": (PLAIN + 1j, "must be real numbers, not complex128"),
    "objects": (PLAIN.astype(object), "must be real numbers, not object"),
    "whole numbers without bounds": ([[10**30] * 84] * 60, "must be real numbers, not object"),
    "beyond double precision": (PLAIN.astype(np.longdouble) * np.longdouble("1e4000"), "beyond the range of double"),
    "rows of several lengths": ([[1, 2], [3]], "all rows must be of one length"),
    "all masked": (np.ma.masked_all((60, 84)), "no pixel holds a finite number"),
    "masked complex": (np.ma.masked_array(PLAIN + 1j, PLAIN > 100), "must be real numbers, not complex128"),
    "masked text": (np.ma.masked_array([["a", "b"]]), "must be real numbers, not <U1"),
    "text": ("x.tif", "x.tif is a text, not an image; a file is opened by fftscape.read"),
    "words": ([["1", "2"], ["3", "4"]], "must be real numbers, not <U1"),
    "nothing": (None, "not the shape ()"),
    "a number": (3, "not the shape ()"),
    "records": (np.zeros((60, 84), [("a", "f4"), ("b", "f4")]), "must be real numbers, not [('a'"),
    "times": (np.zeros((60, 84), "M8[s]"), "must be real numbers, not datetime64[s]"),
    "four axes": (PLAIN[None, None], "not the shape (1, 1, 60, 84)"),
    "an image of nothing": (fs.Image(None), "not the shape ()"),  # type: ignore[arg-type]
    "an image of complex": (fs.Image(PLAIN + 1j), "must be real numbers, not complex128"),
    "one pixel size": (fs.Image(PLAIN, pixel_size=0.5), "must be two positive numbers (y, x)"),  # type: ignore[arg-type]
    "pixel size of text": (fs.Image(PLAIN, pixel_size=("a", "b")), "two positive numbers"),  # type: ignore[arg-type]
    "pixel size NaN": (fs.Image(PLAIN, pixel_size=(np.nan, 1)), "two positive numbers"),
    "absurd pixel size": (
        fs.Image(PLAIN, pixel_size=(1e300, 1), unit="nm"),
        "to 1e+36 that differ 10000-fold at most, not (1e+300",
    ),
    "lines for pixels": (fs.Image(PLAIN, pixel_size=(1, 0.9e-4), unit="nm"), "that differ 10000-fold at most"),
}
# Large enough for a window that the advisor chooses, or with holes that it bears.
ADVISED = ("smaller than the window",)
# What is most likely to break files and figures; the others take minutes.
HARDEST = ("constant", "a quarter of NaN", "truth values", "subnormal", "vast pixels")


@pytest.fixture(autouse=True)
def only_our_warnings() -> Iterator[None]:
    """Let an overflow on the way, or whatever else a library warns of, be an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", fs.FftscapeWarning)
        yield


def analyzed(pixels: Any) -> fs.Analysis:
    return fs.analyze(pixels, window=(24, 20), step=(12, 10))


def described(pixels: Any) -> fs.Analysis:
    """Describe it by the factors of the plain image, as if its pixels were as large."""
    known = pixels if isinstance(pixels, fs.Image) else None
    model = plain_model()
    if known is not None and model.image.pixel_size != known.pixel_size:
        model = replace(model, image=replace(model.image, pixel_size=known.pixel_size, unit=known.unit))
    return model.transform(pixels)


@cache
def plain_model() -> fs.Analysis:
    return analyzed(PLAIN)


@pytest.fixture(scope="module")
def plain() -> fs.Analysis:
    return plain_model()


def values_of(name: str) -> np.ndarray:
    given = GOOD[name]
    data = given.data if isinstance(given, fs.Image) else given
    return np.ma.filled(np.ma.asarray(data).astype(float), np.nan)


def nothing_is_silently_nan(found: fs.Analysis) -> None:
    valid = found.grid.valid
    assert np.isfinite(found.loadings[:, valid]).all()
    assert np.isnan(found.loadings[:, ~valid]).all()
    for values in (found.factors, found.scree.explained_variance_ratio, found.segmentation.area_fractions):
        assert np.isfinite(values).all()
    peaks = found.peaks
    assert np.isfinite([peaks.d_spacing, peaks.angle, peaks.frequency_y, peaks.frequency_x, peaks.intensity]).all()
    assert found.labels.min() >= -1


@pytest.mark.parametrize("name", GOOD)
def test_nothing_is_silently_nan(name: str) -> None:
    found = analyzed(GOOD[name])
    nothing_is_silently_nan(found)
    assert (not found.grid.valid.all()) == (not np.isfinite(values_of(name)).all())
    expected = 1 if name in ("constant", "zeros") else 2
    assert found.n_components == expected
    again = found.with_components(3 - expected, sharpen=False)
    nothing_is_silently_nan(again)
    assert again.n_components == 3 - expected


@pytest.mark.parametrize("name", GOOD)
def test_any_image_is_described_by_the_factors_of_another(plain: fs.Analysis, name: str) -> None:
    found = described(GOOD[name])
    nothing_is_silently_nan(found)
    np.testing.assert_array_equal(found.factors, plain.factors)
    if name not in ("constant", "zeros"):
        known = (found.labels >= 0) & (plain.labels >= 0)
        assert (found.labels == plain.labels)[known].mean() > 0.9
        assert known.mean() > 0.6


@pytest.mark.parametrize(
    "name", [name if name in HARDEST else pytest.param(name, marks=pytest.mark.long) for name in GOOD]
)
def test_what_came_of_it_is_saved_drawn_and_handed_on(name: str, tmp_path: Path) -> None:
    found = analyzed(GOOD[name])
    loaded = fs.load(found.save(tmp_path / "x", report=name not in HARDEST))
    np.testing.assert_array_equal(loaded.loadings, found.loadings)
    np.testing.assert_array_equal(loaded.labels, found.labels)
    np.testing.assert_array_equal(loaded.image.data, found.image.data)
    assert repr(loaded) == repr(found)
    found.plot().canvas.draw()
    pytest.importorskip("xarray")
    np.testing.assert_array_equal(found.to_xarray()["loadings"], found.loadings)
    pytest.importorskip("hyperspy")
    signal = found.to_hyperspy()
    assert np.nan_to_num(signal.get_decomposition_loadings().data).sum() == pytest.approx(
        np.nan_to_num(found.loadings).sum(), rel=1e-4
    )


@pytest.mark.parametrize("name", EQUAL)
def test_the_form_of_the_array_does_not_matter(plain: fs.Analysis, name: str) -> None:
    found = analyzed(EQUAL[name])
    np.testing.assert_array_equal(found.labels, plain.labels)
    np.testing.assert_array_equal(found.loadings, plain.loadings)


@pytest.mark.parametrize("entry", [analyzed, described, fs.suggest_window], ids=lambda entry: entry.__name__)
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_is_named(name: str, entry: Callable[..., Any]) -> None:
    pixels, said = BAD[name]
    if entry is fs.suggest_window and name in ADVISED:
        assert entry(pixels).size == (16, 16)
        return
    if entry is fs.suggest_window and "larger than the image" in said:
        said = "is too small for the smallest sensible window of 16 pixels"
    with pytest.raises(FftscapeError) as caught:
        entry(pixels)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", GOOD)
def test_advice_is_a_window(name: str) -> None:
    advice = fs.suggest_window(GOOD[name])
    assert 16 <= min(advice.size) <= max(advice.size) <= 60
    assert min(advice.step) >= 1


@pytest.mark.parametrize("entry", [fs.read, fs.load, fs.suggest_window, fs.analyze], ids=lambda entry: entry.__name__)
def test_files_and_folders_that_are_not_there(entry: Callable[..., Any], tmp_path: Path) -> None:
    given = tmp_path / "gone.npy"
    with pytest.raises((FftscapeError, TypeError)) as caught:
        entry(given)
    assert "\n" not in str(caught.value)
