"""The advisor on images whose period is known."""

import numpy as np
import pytest

from fftscape.model.errors import InvalidSettingError
from fftscape.model.image import Image
from fftscape.stages.advisor import suggest_window


def lattice(shape, period, noise=0.5):
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = sum(np.cos(2 * np.pi * (x * np.cos(t) + y * np.sin(t)) / period) for t in np.radians([20, 80, 140]))
    return waves + noise * np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize(("period", "size"), [(4.4, 48), (8.1, 64), (14.0, 64), (18.0, 72)])
def test_eight_periods_fit_or_four_where_that_leaves_room(period, size):
    advice = suggest_window(Image(lattice((600, 720), period)))
    assert advice.period == pytest.approx(period, rel=0.003)
    assert advice.size == (size, size)
    assert advice.step == (size // 4, size // 4)


def test_units_are_told():
    advice = suggest_window(Image(lattice((600, 720), 10), (0.02, 0.02), "nm"))
    assert "0.2 nm, of which 6.4 fit into 64 px" in advice.reasons[0]


def test_too_few_periods_are_warned_of():
    advice = suggest_window(Image(lattice((260, 300), 31)))
    assert advice.size == (128, 128)  # up to half the image, for the sake of periods
    assert not any("fewer than" in reason for reason in advice.reasons)
    advice = suggest_window(Image(lattice((1200, 1300), 80)))
    assert advice.size == (256, 256)
    assert any("fewer than 3.5 periods" in reason for reason in advice.reasons)


@pytest.mark.parametrize(("pixel_size", "length", "size"), [((2.0, 0.5), 12, (48, 96)), ((0.5, 2.0), 3, (48, 48))])
def test_unequal_pixels_are_measured_along_the_period(pixel_size, length, size):
    y = np.arange(600)[:, None]
    data = np.sin(2 * np.pi * y / 6) + 0.3 * np.random.default_rng(0).normal(size=(600, 720))
    advice = suggest_window(Image(data, pixel_size, "nm"))
    assert advice.period == pytest.approx(length, rel=0.003)
    assert f"{length} nm" in advice.reasons[0]
    assert advice.size == size  # four to eight periods of that length along both axes


def test_superlattice_counts():
    data = lattice((600, 720), 6) + 0.6 * lattice((600, 720), 18)
    assert suggest_window(Image(data)).period == pytest.approx(18, rel=0.05)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (np.random.default_rng(0).normal(size=(400, 500)), 48),
        (np.zeros((400, 500)), 48),
        (np.add.outer(np.arange(400), np.arange(500)), 64),
    ],
    ids=["noise", "constant", "ramp"],
)
def test_no_period_is_said(data, size):
    advice = suggest_window(Image(data))
    assert np.isnan(advice.period)
    assert "no period stands out" in advice.reasons[0]
    assert advice.size == (size, size)


@pytest.mark.parametrize(("wavelength", "size"), [(5, 36), (7, 48), (20, 64)])
def test_textures_get_eight_of_their_waves(wavelength, size):
    rng = np.random.default_rng(1)
    frequency = np.hypot(np.fft.fftfreq(600)[:, None], np.fft.rfftfreq(720)[None, :])
    ring = np.exp(-(((frequency * wavelength - 1) / 0.3) ** 2) / 2)
    texture = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(600, 720))) * ring, (600, 720))
    advice = suggest_window(Image(texture))
    assert np.isnan(advice.period)
    assert advice.size == (size, size)


def test_the_strongest_wave_of_a_rough_surface_is_no_period():
    rng = np.random.default_rng(2)
    frequency = np.hypot(np.fft.fftfreq(826)[:, None], np.fft.rfftfreq(906)[None, :])
    rough = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(826, 906))) / (0.005 + frequency) ** 2, (826, 906))
    assert np.isnan(suggest_window(Image(rough)).period)


def test_a_weak_artefact_is_no_period():
    """A texture with the interlacing of its camera: rows differ a little."""
    rng = np.random.default_rng(0)
    white = np.fft.rfft2(rng.normal(size=(400, 500)))
    frequency = np.hypot(np.fft.fftfreq(400)[:, None], np.fft.rfftfreq(500)[None, :])
    texture = np.fft.irfft2(white / (0.02 + frequency), (400, 500))
    rows = 0.02 * texture.std() * (np.arange(400) % 2)[:, None]
    assert np.isnan(suggest_window(Image(texture + rows)).period)


def test_gaps_do_not_matter():
    data = lattice((600, 720), 8.1)
    data[:200, :300] = np.nan
    data[400, 400] = np.inf
    assert suggest_window(Image(data)).size == (64, 64)


def test_extreme_values_do_not_overflow():
    assert suggest_window(Image(lattice((600, 720), 8.1) * 1e300)).size == (64, 64)


def test_tiny_images_are_refused():
    with pytest.raises(InvalidSettingError, match="8x500 pixels is too small"):
        suggest_window(Image(np.zeros((8, 500))))
