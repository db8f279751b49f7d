"""Offsets of scan lines: when they are seen, and what is left of the spectra without them."""

import numpy as np
import pytest

from fftscape.compute.half_plane import to_full_plane
from fftscape.model.settings import SpectraSettings
from fftscape.stages.scan_lines import noisy_lines, without_lines
from fftscape.stages.spectra import local_spectra, spectra_within
from fftscape.stages.windows import survey_grid
from fftscape.synthetic.textures import Texture, render_texture, scan_lines

SHAPE = (300, 420)
SIZE = (40, 32)


def white(seed=0):
    return np.random.default_rng(seed).standard_normal(SHAPE)


def offsets(seed=1):
    return scan_lines(SHAPE, np.random.default_rng(seed))


def lattice(period_y, period_x):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.sin(2 * np.pi * y / period_y) + np.sin(2 * np.pi * x / period_x)


def grid_of(image, size=SIZE):
    return survey_grid(np.isfinite(image), size)


def seen(image, size=SIZE):
    return noisy_lines(image, grid_of(image, size))


@pytest.mark.parametrize("strength", [0.5, 2.0, 1e9])
def test_offsets_are_seen_along_the_lines_that_have_them(strength):
    image = white() + strength * offsets()
    assert seen(image) == ("rows",)
    assert seen(image.T.copy()) == ("columns",)
    assert seen(np.round(100 * image).astype(np.int64)) == ("rows",)


def test_offsets_of_both_kinds_are_seen():
    columns = scan_lines(SHAPE[::-1], np.random.default_rng(5)).T
    assert seen(white() + 2 * offsets() + 2 * columns) == ("rows", "columns")


@pytest.mark.parametrize(
    "image",
    [
        white(),
        white() + 0.1 * offsets(),
        white() + 20 * (np.arange(SHAPE[0]) > 150)[:, None],
        white() + np.linspace(0, 50, SHAPE[0])[:, None],
        0.3 * white() + lattice(6.3, 8.1),
        render_texture(Texture(6.0, 0.3, 90.0, 18.0), SHAPE, np.random.default_rng(2)),
        np.zeros(SHAPE),
        lattice(6.3, 1e9),
        lattice(1e9, 40.0),
    ],
    ids=["noise", "weak offsets", "a step", "a slope", "a lattice", "a texture", "nothing", "stripes", "waves"],
)
def test_nothing_else_is_taken_for_offsets(image):
    assert seen(image) == ()


def test_layers_of_unlike_brightness_are_no_offsets():
    layers = np.choose(np.digitize(np.arange(SHAPE[0]), [70, 130, 220]), [0, 9, 3, 30])[:, None]
    assert seen(white() + layers) == ()


def test_offsets_that_grow_during_the_scan_are_seen():
    assert seen(white() + np.linspace(0.2, 2, SHAPE[0])[:, None] * offsets()) == ("rows",)


def test_too_few_windows_and_too_small_ones_tell_nothing():
    image = white() + 2 * offsets()
    assert seen(image[:70, :70]) == ()
    assert seen(image, (11, 11)) == ()


def test_gaps_do_not_hide_the_offsets():
    image = white() + 2 * offsets()
    image[100:160, 200:260] = np.nan
    assert seen(image) == ("rows",)


@pytest.mark.parametrize("lines", ["rows", "columns"])
def test_the_axis_gets_what_lies_beside_it_and_the_rest_stays(lines):
    image = white() + 3 * (offsets() if lines == "rows" else scan_lines(SHAPE[::-1], np.random.default_rng(5)).T)
    clean, noisy = (local_spectra(each, grid_of(image), SpectraSettings()) for each in (white(), image))
    cured = without_lines(noisy, (lines,))
    assert np.linalg.norm(cured.values, axis=1) == pytest.approx(1, abs=1e-5)
    full = [to_full_plane(each.values, SIZE).mean(axis=0) for each in (clean, noisy, cured)]
    assert np.allclose(full[2][1:, 1:], full[2][:0:-1, :0:-1], atol=1e-6)
    if lines == "columns":
        full = [each.T for each in full]
    middle = full[0].shape[1] // 2
    on_axis = [np.delete(each[:, middle], each.shape[0] // 2)[2:-2].mean() for each in full]
    assert on_axis[1] > 1.5 * on_axis[0]
    assert on_axis[2] == pytest.approx(on_axis[0], rel=0.05)
    ratio = full[2][:, middle + 4 :] / full[1][:, middle + 4 :]
    assert np.ptp(ratio) < 0.05 * ratio.mean()


@pytest.mark.parametrize("lines", [("rows",), ("columns",), ("rows", "columns")])
def test_streamed_spectra_get_the_same(lines):
    image = white() + 2 * offsets()
    held = without_lines(local_spectra(image, grid_of(image), SpectraSettings()), lines)
    streamed = without_lines(spectra_within(0, image, grid_of(image), SpectraSettings()), lines)
    assert (streamed.shape, streamed.settings) == (held.shape, held.settings)
    assert streamed.on(held.grid).grid is held.grid
    assert (streamed.rows(slice(3, 40)) == held.rows(slice(3, 40))).all()


def test_without_offsets_spectra_are_as_they_were():
    spectra = local_spectra(white(), grid_of(white()), SpectraSettings())
    assert without_lines(spectra, ()) is spectra
