"""Ring statistics and local maxima on spectra made by hand."""

import numpy as np

from fftscape.compute.spots import local_maxima, radial_background


def test_level_follows_the_radius_not_the_spots():
    y, x = np.mgrid[-24:24, -40:40]
    radius = np.hypot(y / 48, x / 80)
    smooth = np.exp(-((radius / 0.2) ** 2))
    spotted = smooth.copy()
    spotted[24 + 10, 40 + 12] = spotted[24 - 10, 40 - 12] = 9
    level = radial_background(spotted).level
    # Rings are five steps of 1/48 wide.
    assert np.abs(level - smooth)[radius > 0.08].max() < 0.1
    assert level.max() < 1.1


def test_spread_is_the_standard_deviation_of_noise():
    noise = np.random.default_rng(0).normal(5, 0.3, (65, 90))
    background = radial_background(noise)
    far = np.hypot(*np.mgrid[-32:33, -45:45]) > 10
    np.testing.assert_allclose(background.spread[far], 0.3, rtol=0.25)
    np.testing.assert_allclose(background.level[far], 5, atol=0.1)


def test_maxima_count_plateaus_once_and_wrap_around():
    spectrum = np.zeros((8, 9))
    spectrum[0, 4] = 2
    spectrum[7, 4] = 3  # the neighbour across the edge is higher
    spectrum[3, 2] = spectrum[3, 3] = 1
    found = [tuple(map(int, index)) for index in np.argwhere(local_maxima(spectrum)) if spectrum[tuple(index)] > 0]
    assert found == [(3, 3), (7, 4)]
