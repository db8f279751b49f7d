"""d-spacings, angles and their uncertainties on waves and lattices whose answer is known."""

import numpy as np
import pytest

from fftscape.compute.half_plane import to_full_plane
from fftscape.compute.spots import Spots
from fftscape.model.settings import FactorizationSettings, PeakSettings, SpectraSettings
from fftscape.stages.factorization import factorize
from fftscape.stages.peaks import find_peaks
from fftscape.stages.spectra import local_spectra
from fftscape.stages.windows import window_grid
from fftscape.synthetic import Lattice, hcp_gold, render_lattice

SHAPE, PIXEL = (200, 260), (0.02, 0.03)


def peaks_of(data, size=(64, 48), spectra=SpectraSettings(), settings=PeakSettings(), pixel_size=PIXEL):  # noqa: B008
    grid = window_grid(np.ones(data.shape, bool), size, (size[0] // 4, size[1] // 4))
    result = factorize(local_spectra(data, grid, spectra), 1, FactorizationSettings())
    return find_peaks(to_full_plane(result.factors, size), pixel_size, "nm", spectra=spectra, settings=settings)


def wave(d_spacing, angle, shape=SHAPE, pixel_size=PIXEL, phase=0.3):
    """A plane wave whose k points `angle` degrees counter-clockwise from +x on screen."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    k_x, k_up = np.cos(np.radians(angle)) / d_spacing, np.sin(np.radians(angle)) / d_spacing
    return np.cos(2 * np.pi * (k_x * x * pixel_size[1] - k_up * y * pixel_size[0]) + phase)


@pytest.mark.parametrize("angle", [0, 12.3, 45, 90, 133.7, 179])
def test_direction_and_distance_of_one_wave(angle):
    peaks = peaks_of(wave(0.171, angle))
    assert len(peaks) == 1
    assert peaks.d_spacing[0] == pytest.approx(0.171, abs=4 * peaks.d_spacing_uncertainty[0])
    assert (peaks.angle[0] - angle + 90) % 180 - 90 == pytest.approx(0, abs=4 * peaks.angle_uncertainty[0])
    assert peaks.d_spacing_uncertainty[0] < 0.002
    assert peaks.angle_uncertainty[0] < 0.5
    assert peaks.frequency_x[0] >= 0
    assert np.hypot(peaks.frequency_x, peaks.frequency_y)[0] == pytest.approx(1 / peaks.d_spacing[0])
    assert peaks.unit == "nm"


OTHER_SPECTRA = [
    SpectraSettings(scaling="amplitude"),
    SpectraSettings(scaling="log"),
    SpectraSettings(taper="hamming"),
    SpectraSettings(taper="none", scaling="amplitude", unit_norm=False),
]


@pytest.mark.parametrize(
    ("spectra", "noise"),
    [
        (SpectraSettings(), 0.5),
        (SpectraSettings(), 6.0),
        *((spectra, 0.5) for spectra in OTHER_SPECTRA),
        *(pytest.param(spectra, 6.0, marks=pytest.mark.long) for spectra in OTHER_SPECTRA),
    ],
    ids=str,
)
def test_uncertainties_cover_the_truth(spectra, noise):
    rng = np.random.default_rng(7)
    scores = []
    for _ in range(25):
        d_spacing, angle = rng.uniform(0.12, 0.25), rng.uniform(0, 180)
        data = wave(d_spacing, angle, phase=rng.uniform(0, 6)) + rng.normal(0, noise, SHAPE)
        peaks = peaks_of(data, spectra=spectra)
        off = (peaks.angle[0] - angle + 90) % 180 - 90
        scores += [(peaks.d_spacing[0] - d_spacing) / peaks.d_spacing_uncertainty[0], off / peaks.angle_uncertainty[0]]
    # One standard uncertainty should cover about 68 %: neither far too small nor absurdly large.
    assert np.mean(np.abs(scores) < 1) > 0.6
    assert np.mean(np.abs(scores) < 3) > 0.97
    assert np.sqrt(np.mean(np.square(scores))) > 0.1


def test_all_strong_spots_of_a_lattice_are_found():
    lattice = hcp_gold(20)
    data = render_lattice(lattice, (260, 300), (0.02, 0.02), column_sigma=0.05)
    data += np.random.default_rng(0).normal(0, 0.3, data.shape)
    peaks = peaks_of(data, size=(96, 90), pixel_size=(0.02, 0.02))
    for d_spacing, angle, _ in lattice.spots(0.2):
        off = np.abs((peaks.angle - angle + 90) % 180 - 90)
        nearest = np.argmin(np.abs(peaks.d_spacing / d_spacing - 1) + off / 90)
        assert peaks.d_spacing[nearest] == pytest.approx(d_spacing, rel=0.004)
        assert off[nearest] < 0.4


def test_forbidden_spots_are_not_invented():
    # A centred cell has no spot at the cell's own spacings.
    lattice = Lattice((0.4, 0.4), ((0, 0), (0.5, 0.5)))
    data = render_lattice(lattice, SHAPE, PIXEL, column_sigma=0.04)
    data += np.random.default_rng(0).normal(0, 0.2, SHAPE)
    peaks = peaks_of(data)
    assert (peaks.d_spacing < 0.3).all()
    assert np.isclose(peaks.d_spacing, 0.4 / np.sqrt(2), rtol=0.01).sum() == 2


def test_noise_has_no_spots():
    noise = np.random.default_rng(0).normal(size=(300, 350))
    assert len(peaks_of(noise)) == 0


def test_limits_are_kept():
    data = wave(0.2, 10) + 0.5 * wave(0.2, 70) + 0.25 * wave(0.2, 130)
    data = data + np.random.default_rng(0).normal(0, 0.5, SHAPE)
    peaks = peaks_of(data)
    assert len(peaks) == 3
    assert (np.diff(peaks.intensity) < 0).all()
    assert peaks.intensity[0] == 1
    assert np.round(peaks.angle).tolist() == [10, 70, 130]
    assert len(peaks_of(data, settings=PeakSettings(max_peaks=2))) == 2
    level = float(peaks.significance[1:].mean())
    assert len(peaks_of(data, settings=PeakSettings(min_significance=level))) == 2


def test_a_checkerboard_has_its_spot_at_the_corner():
    peaks = peaks_of(np.indices((120, 130)).sum(0) % 2, size=(32, 24), pixel_size=(1.0, 1.0))
    assert len(peaks) == 1
    assert peaks.d_spacing[0] == pytest.approx(np.sqrt(2), rel=0.01)
    assert peaks.angle[0] % 90 == pytest.approx(45, abs=1)


def test_an_angle_that_is_hardly_below_zero_is_zero(monkeypatch):
    spot = Spots(*(np.array([value]) for value in (1e-18, 8.0, 1.0, 50.0, 0.0)))
    monkeypatch.setattr("fftscape.stages.peaks.find_spots", lambda *_args, **_settings: spot)
    peaks = find_peaks(np.ones((1, 64, 48)), PIXEL, "nm", spectra=SpectraSettings(), settings=PeakSettings())
    assert peaks.angle[0] == 0
