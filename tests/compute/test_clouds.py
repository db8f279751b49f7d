"""Clouds whose distances are known, and boundaries that are abrupt or not."""

import numpy as np
import pytest

from fftscape.compute.clouds import Cloud, apart, contrast

SPAN = (4, 6)  # unlike: lengths are counted in windows


def ramp(width, shape=(40, 60)):
    """Scores that rise from 0 to 10 along x within a width in places, between two halves, with noise of 1."""
    x = np.arange(shape[1])
    scores = 10 * np.clip((x - 29.5) / width + 0.5, 0, 1) + np.zeros((shape[0], 1))
    values = np.stack([scores, np.zeros(shape)], axis=-1)
    return values + np.random.default_rng(0).standard_normal(values.shape)


def halves(shape=(40, 60)):
    left = np.zeros(shape, bool)
    left[:, : shape[1] // 2] = True
    return left, ~left, np.ones(shape, bool)


def test_distance_of_gaussian_clouds_is_in_units_of_both_spreads():
    random = np.random.default_rng(1)
    one = random.normal(0, 1, (20000, 3))
    other = random.normal([0, 9, 0], 2, (20000, 3))
    assert apart(Cloud(one), Cloud(other)) == pytest.approx(9 / (1 + 2), rel=0.03)
    assert apart(Cloud(other), Cloud(one)) == apart(Cloud(one), Cloud(other))
    assert apart(Cloud(one), Cloud(one)) == 0


def test_quiet_clouds_have_half_the_typical_noise_at_least():
    assert apart(Cloud(np.zeros((5, 2))), Cloud(np.full((5, 2), 3.0))) == pytest.approx(3 * np.sqrt(2) / (0.5 + 0.5))


def test_contrast_is_the_whole_distance_where_the_boundary_is_abrupt_and_little_where_all_changes_slowly():
    left, right, valid = halves()
    abrupt = contrast(ramp(1), left, right, SPAN, valid)
    assert abrupt == pytest.approx(10 / (1 + 1), rel=0.1)
    slow = contrast(ramp(60), left, right, SPAN, valid)
    assert 0 < slow < 1.2
    # Across one and a half windows a boundary of one window's width changes nearly as much as an abrupt one.
    assert contrast(ramp(6), left, right, SPAN, valid) == pytest.approx(abrupt, rel=0.1)


def test_regions_that_do_not_touch_have_no_boundary():
    left, right, valid = halves()
    right[:, :45] = False
    assert contrast(ramp(1), left, right, SPAN, valid) == np.inf
    assert contrast(ramp(1), left, right & False, SPAN, valid) == 0


def test_a_boundary_in_a_gap_shows_nothing():
    left, right, valid = halves()
    valid[:, 22:38] = False
    assert contrast(ramp(60), left, right, SPAN, valid) == 0
