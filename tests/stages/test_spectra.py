"""Local spectra against a plain full-plane FFT, window by window."""

from dataclasses import replace

import numpy as np
import pytest

from fftscape.compute.half_plane import half_plane_weights, to_full_plane, to_half_plane
from fftscape.compute.tapers import taper
from fftscape.model.records import LocalSpectra
from fftscape.model.settings import SpectraSettings
from fftscape.stages.spectra import StreamedSpectra, local_spectra, spectra_within, without_blank_windows
from fftscape.stages.windows import window_grid

SIZES = [(32, 24), (15, 22), (16, 21), (9, 7)]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:61, :83]
    return 500 + 30 * np.sin(2 * np.pi * (x / 7 + y / 11)) + x + rng.normal(0, 5, (61, 83))


def grid_of(data, size):
    return window_grid(np.isfinite(data), size, (7, 9))


def plain(data, grid, settings):
    """Full-plane spectra by the book, in float64."""
    spread = np.clip(data, *np.quantile(data, (0.001, 0.999))).std()
    weights = taper(grid.size, settings.taper)
    out = []
    for top in grid.origins_y:
        for left in grid.origins_x:
            tile = data[top : top + grid.size[0], left : left + grid.size[1]] / spread
            if settings.remove_mean:
                tile = tile - (tile * weights).sum() / weights.sum()
            amplitude = np.abs(np.fft.fft2(tile * weights)) / np.sqrt((weights**2).sum())
            if settings.remove_mean:
                amplitude[0, 0] = 0
            feature = {"amplitude": amplitude, "sqrt": np.sqrt(amplitude), "log": np.log1p(amplitude)}[settings.scaling]
            if settings.unit_norm:
                feature = feature / np.linalg.norm(feature)
            out.append(np.fft.fftshift(feature))
    return np.array(out)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "settings",
    [
        SpectraSettings(),
        SpectraSettings(taper="hamming", scaling="log"),
        SpectraSettings(taper="none", scaling="amplitude", unit_norm=False),
        SpectraSettings(taper="none", scaling="amplitude", unit_norm=False, remove_mean=False),
        SpectraSettings(scaling="amplitude", remove_mean=False),
    ],
    ids=str,
)
def test_half_plane_holds_what_the_full_plane_holds(data, size, settings):
    grid = grid_of(data, size)
    values = local_spectra(data, grid, settings).values
    expected = plain(data, grid, settings)
    np.testing.assert_allclose(to_full_plane(values, size), expected, atol=2e-5 * expected.max())
    # Scalar products of half-plane features are those of the full plane.
    flat = expected.reshape(len(expected), -1)
    np.testing.assert_allclose(values @ values.T, flat @ flat.T, rtol=2e-5)


@pytest.mark.parametrize("size", SIZES)
def test_full_plane_and_half_plane_are_inverse(data, size):
    values = local_spectra(data, grid_of(data, size), SpectraSettings()).values
    np.testing.assert_allclose(to_half_plane(to_full_plane(values, size)), values, rtol=1e-6)


def test_zero_frequency_lies_in_the_centre():
    data = np.full((40, 40), 3.0)
    data[0, 0] = 4
    settings = SpectraSettings(taper="none", remove_mean=False, scaling="amplitude", unit_norm=False)
    values = local_spectra(data, window_grid(np.ones((40, 40), bool), (10, 15), (30, 25)), settings).values
    full = to_full_plane(values, (10, 15))
    assert (np.argmax(full.reshape(len(full), -1), axis=1) == 5 * 15 + 7).all()


def test_a_wave_appears_at_its_own_frequency():
    y, x = np.mgrid[:48, :60]
    data = np.cos(2 * np.pi * (3 * x / 20 + 5 * y / 24))  # 3 periods in 20 columns, 5 in 24 rows
    values = local_spectra(data, window_grid(np.ones(data.shape, bool), (24, 20), (24, 20)), SpectraSettings()).values
    full = to_full_plane(values, (24, 20))
    for spectrum in full:
        spots = {tuple(index) for index in np.argwhere(spectrum > 0.95 * spectrum.max())}
        assert spots == {(12 + 5, 10 + 3), (12 - 5, 10 - 3)}


@pytest.mark.parametrize(("gain", "offset"), [(1e-12, 0), (1e300, 0), (-2.5, 40), (1, 1e6), (1, -1e4)])
def test_gain_and_offset_drop_out(data, gain, offset):
    grid = grid_of(data, (16, 20))
    before = local_spectra(data, grid, SpectraSettings()).values
    after = local_spectra(gain * data + offset, grid, SpectraSettings()).values
    np.testing.assert_allclose(after, before, atol=3e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, ">f4", np.float16, bool])
def test_pixel_types_give_the_same_spectra(dtype):
    data = np.random.default_rng(0).integers(0, 2, (40, 50))
    grid = window_grid(np.ones((40, 50), bool), (16, 12), (8, 8))
    expected = local_spectra(data.astype(float), grid, SpectraSettings()).values
    assert (local_spectra(data.astype(dtype), grid, SpectraSettings()).values == expected).all()


def test_windows_without_contrast_have_no_spectrum(data):
    flat = data.copy()
    flat[:32, :40] = 12345.678
    values = local_spectra(flat, grid_of(flat, (16, 16)), SpectraSettings()).values
    assert not values[0].any()
    assert np.isfinite(values).all()
    np.testing.assert_allclose(np.linalg.norm(values[-1]), 1, rtol=1e-6)


@pytest.mark.parametrize("value", [1e8, -3.4e38])
def test_one_absurd_pixel_hides_nothing(data, value):
    hit = data.copy()
    hit[30, 40] = value
    grid = grid_of(data, (16, 20))
    before, after = (local_spectra(image, grid, SpectraSettings()).values for image in (data, hit))
    far = np.array([not (y <= 30 < y + 16 and x <= 40 < x + 20) for y in grid.origins_y for x in grid.origins_x])
    np.testing.assert_allclose(after[far], before[far], atol=1e-4)


@pytest.mark.parametrize("level", [7, 0, 3e6])
def test_blank_windows_are_left_out(data, level):
    blank = data.copy()
    blank[:30] = level
    grid = grid_of(blank, (16, 20))
    kept = without_blank_windows(blank, grid, SpectraSettings())
    assert (kept.valid == (kept.origins_y + 16 > 30)[:, None]).all()
    assert local_spectra(blank, kept, SpectraSettings()).values.any(axis=1).all()
    assert not local_spectra(blank, replace(grid, valid=~kept.valid), SpectraSettings()).values.any()
    assert without_blank_windows(blank, kept, SpectraSettings()) is kept


def test_a_window_with_one_odd_pixel_is_not_blank():
    data = np.full((40, 60), 5)
    data[21, 33] = 6  # no probe
    grid = window_grid(np.ones(data.shape, bool), (16, 20), (8, 10))
    kept = without_blank_windows(data, grid, SpectraSettings())
    rows, columns = grid.origins_y, grid.origins_x
    holds = ((rows <= 21) & (rows + 16 > 21))[:, None] & ((columns <= 33) & (columns + 20 > 33))
    assert 0 < kept.n_valid <= holds.sum()
    assert not (kept.valid & ~holds).any()


def test_if_all_windows_are_blank_none_is_left_out():
    data = np.full((40, 60), 5)
    grid = window_grid(np.ones(data.shape, bool), (16, 20), (8, 10))
    assert without_blank_windows(data, grid, SpectraSettings()) is grid


@pytest.mark.parametrize("settings", [SpectraSettings(), SpectraSettings(taper="none", scaling="log", unit_norm=False)])
@pytest.mark.parametrize("size", SIZES)
def test_streamed_spectra_are_the_held_ones_to_the_last_digit(data, size, settings):
    holed = data.copy()
    holed[40, 50] = np.nan
    grid = grid_of(holed, size)
    held = local_spectra(holed, grid, settings)
    streamed = spectra_within(held.values.nbytes - 1, holed, grid, settings)
    assert isinstance(streamed, StreamedSpectra)
    assert isinstance(spectra_within(held.values.nbytes, holed, grid, settings), LocalSpectra)
    assert streamed.shape == held.shape
    for chosen in (slice(None), slice(5, 17), np.array([0]), np.array([1, 4, len(held.values) - 1]), slice(3, 3)):
        assert streamed.rows(chosen).tobytes() == held.rows(chosen).tobytes()


def test_spectra_are_streamed_from_a_mapped_file(data, tmp_path):
    np.save(tmp_path / "image.npy", data)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    streamed = spectra_within(1, mapped, grid_of(data, (16, 20)), SpectraSettings())
    held = local_spectra(data, grid_of(data, (16, 20)), SpectraSettings())
    assert streamed.rows(slice(2, 9)).tobytes() == held.values[2:9].tobytes()


def test_gaps_do_not_spread(data):
    holed = data.copy()
    holed[5, 5] = np.nan
    holed[6, 70] = np.inf
    grid = window_grid(np.isfinite(holed), (16, 20), (7, 9))
    values = local_spectra(holed, grid, SpectraSettings()).values
    whole = local_spectra(data, grid_of(data, (16, 20)), SpectraSettings()).values[grid.valid.ravel()]
    assert len(values) == grid.n_valid < grid.valid.size
    np.testing.assert_allclose(values, whole, atol=1e-5)


def test_weights_count_frequencies():
    assert (half_plane_weights((4, 7)) ** 2).round(12).sum() == 7
    assert (half_plane_weights((4, 8)) ** 2).round(12).sum() == 8
