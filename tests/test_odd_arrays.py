"""Odd arrays through the public entry points: a result without silent NaN, or a named error of one line."""

from __future__ import annotations

import warnings
from collections.abc import Callable
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
}


def analyzed(pixels: Any) -> fs.Analysis:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fs.FftscapeWarning)
        warnings.simplefilter("error", RuntimeWarning)  # an overflow or an invalid value on the way
        return fs.analyze(pixels, window=(24, 20), step=(12, 10))


@pytest.fixture(scope="module")
def plain() -> fs.Analysis:
    return analyzed(PLAIN)


@pytest.mark.parametrize("name", GOOD)
def test_nothing_is_silently_nan(name: str) -> None:
    found = analyzed(GOOD[name])
    valid = found.grid.valid
    assert np.isfinite(found.loadings[:, valid]).all()
    assert np.isnan(found.loadings[:, ~valid]).all()
    for values in (found.factors, found.scree.explained_variance_ratio, found.segmentation.area_fractions):
        assert np.isfinite(values).all()
    assert found.labels.min() >= -1
    holes = ~np.isfinite(np.asarray(GOOD[name], float)).all()
    assert (not valid.all()) == holes
    expected = 1 if name in ("constant", "zeros") else 2
    assert found.n_components == expected


@pytest.mark.parametrize("name", EQUAL)
def test_the_form_of_the_array_does_not_matter(plain: fs.Analysis, name: str) -> None:
    found = analyzed(EQUAL[name])
    np.testing.assert_array_equal(found.labels, plain.labels)
    np.testing.assert_array_equal(found.loadings, plain.loadings)


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_is_named(name: str) -> None:
    pixels, said = BAD[name]
    with pytest.raises(FftscapeError) as caught:
        analyzed(pixels)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_advice_is_a_window_or_a_named_error(name: str) -> None:
    pixels = GOOD[name] if name in GOOD else BAD[name][0]
    try:
        advice = fs.suggest_window(pixels)
    except FftscapeError:
        assert name in BAD  # the sentence is that of the test before
        return
    assert 16 <= min(advice.size) <= max(advice.size) <= np.shape(pixels)[0]
    assert min(advice.step) >= 1


@pytest.mark.parametrize("entry", [fs.read, fs.load, fs.suggest_window, fs.analyze], ids=lambda entry: entry.__name__)
def test_files_and_folders_that_are_not_there(entry: Callable[..., Any], tmp_path: Path) -> None:
    given = tmp_path / "gone.npy"
    with pytest.raises((FftscapeError, TypeError)) as caught:
        entry(given)
    assert "\n" not in str(caught.value)
