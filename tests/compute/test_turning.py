"""Values between the points of a spectrum, with and without the compiled kernel, against SciPy and known waves."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from fftscape.compute import turning
from fftscape.compute.kernel import kernel
from fftscape.compute.turning import _interpolated, correlations, rings_of


@pytest.fixture(params=[False, True], ids=["SciPy", "kernel"])
def way(request, monkeypatch):
    """Everything is shown of both ways to compute."""
    if not request.param:
        monkeypatch.setattr(turning, "kernel", None)
    elif kernel is None:
        pytest.skip("the kernel was not compiled when fftscape was installed")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("shape", [(8, 8), (5, 12), (33, 20), (2, 3)])
def test_a_spline_goes_through_its_points_and_on_around_the_edges(shape):
    random = np.random.default_rng(shape[0])
    values = random.normal(size=shape)
    y, x = (grid.astype(float) for grid in np.indices(shape))
    np.testing.assert_allclose(_interpolated(values, y, x), values, atol=1e-12)
    np.testing.assert_allclose(_interpolated(values, y - shape[0], x + shape[1]), values, atol=1e-12)
    places = random.uniform(-1.5, 2.5, (2, 6, 50)) * np.array(shape)[:, None, None]
    found = _interpolated(values, *places)
    np.testing.assert_allclose(found, map_coordinates(values, places, order=3, mode="grid-wrap"), atol=1e-12)


@pytest.mark.usefixtures("way")
def test_a_smooth_wave_is_what_it_is_between_the_points():
    y, x = np.mgrid[:40, :60]
    wave = np.cos(2 * np.pi * 3 * y / 40) + np.sin(2 * np.pi * 4 * x / 60)
    rows, columns = np.random.default_rng(0).uniform(0, 40, (2, 300))
    expected = np.cos(2 * np.pi * 3 * rows / 40) + np.sin(2 * np.pi * 4 * columns / 60)
    np.testing.assert_allclose(_interpolated(wave, rows, columns), expected, atol=2e-3)


def test_orders_that_are_left_out_of_a_correlation_say_nothing():
    random = np.random.default_rng(3)
    blobs = np.zeros((48, 64))
    blobs[[10, 38, 14, 34, 30, 18], [20, 44, 40, 24, 50, 14]] = [5, 5, 3, 3, 2, 2]
    noise = 0.1 * random.random((48, 64))
    noisy = blobs + noise + np.roll(noise[::-1, ::-1], 1, axis=(0, 1))  # spectra are point-symmetric
    # A taper makes lobes of what would be single points.
    spectra = [gaussian_filter(values, 0.85, mode="wrap") for values in (blobs, noisy)]
    one, other = (rings_of(values, (1.0, 0.8), "amplitude") for values in spectra)
    assert max(one.n_orders, other.n_orders) < 90
    found = correlations(one, other, [-3, 0, 5])
    for ring in (one, other):
        ring.__dict__["n_orders"] = ring.waves.shape[1]
    np.testing.assert_allclose(found, correlations(one, other, [-3, 0, 5]), atol=1e-6)
