"""Regions of maps whose depths can be counted."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter

from fftscape.compute.territories import deep_inside, depth, local_distances, thickness, within_reach, without_gaps


def stripe(width, shape=(30, 40), start=12):
    inside = np.zeros(shape, bool)
    inside[:, start : start + width] = True
    return inside


def test_depth_counts_windows_from_the_border():
    # Five places per window along x, three along y.
    depths = depth(stripe(10), (3, 5))
    assert depths[:, :12].max() == 0
    np.testing.assert_allclose(depths[4, 12:22], [0.1, 0.3, 0.5, 0.7, 0.9, 0.9, 0.7, 0.5, 0.3, 0.1])


def test_a_region_goes_on_beyond_the_edge():
    inside = stripe(4, start=36)
    assert thickness(inside, (4, 4)) > 0.8  # not 0.5, the half of what is seen


def test_thickness_is_half_the_width():
    assert thickness(stripe(8), (4, 4)) == 0.875  # to the middle of the last place
    assert np.isinf(thickness(np.ones((5, 5), bool), (4, 4)))
    assert thickness(np.zeros((5, 5), bool), (4, 4)) == 0


def test_deep_inside_keeps_away_from_the_border_or_takes_the_deepest():
    chosen = deep_inside(stripe(16), (4, 4))
    assert chosen[0].nonzero()[0].tolist() == list(range(15, 25))  # 0.7 windows from either side
    assert deep_inside(stripe(3), (4, 4))[0].nonzero()[0].tolist() == [13]


def test_reach_is_measured_in_windows():
    labels = stripe(20, start=20).astype(int)
    near = within_reach(labels, 2, (4, 8), 0.75)
    assert near[1, 0].nonzero()[0].min() == 14  # six eighths of a window
    assert near[0, 0].nonzero()[0].max() == 25


def blots(shape, seed, scale):
    """Make a map of four irregular regions, some of which may be missing."""
    noise = np.random.default_rng(seed).normal(size=(4, *shape))
    return gaussian_filter(noise, (0, scale, scale)).argmax(axis=0)


@pytest.mark.parametrize("shape", [(60, 90), (1, 40), (33, 1), (7, 5)])
@pytest.mark.parametrize("span", [(4, 4), (3, 8), (7, 1)])
@pytest.mark.parametrize("reach", [0.5, 0.75, 1.3])
def test_reach_is_that_of_distances(shape, span, reach):
    labels = blots(shape, seed=sum(shape), scale=5.0)
    near = within_reach(labels, 5, span, reach)
    assert not near[4].any()
    for index in np.unique(labels):
        distance = distance_transform_edt(labels != index, sampling=(1 / span[0], 1 / span[1]))
        np.testing.assert_array_equal(near[index], distance <= reach + 1e-9)


@pytest.mark.parametrize("span", [(4, 4), (8, 3)])
@pytest.mark.parametrize("scale", [3.0, 12.0, 60.0])
def test_insides_of_large_maps_are_those_of_distances(span, scale):
    labels = blots((300, 260), seed=3, scale=scale)  # larger than maps whose depths are remembered
    valid = np.random.default_rng(1).random(labels.shape) < 0.7
    for index in np.unique(labels):
        depths = depth(labels == index, span)
        chosen = (labels == index) & valid
        expected = chosen & (depths >= min(0.7, 0.6 * depths[chosen].max()) - 1e-9)
        np.testing.assert_array_equal(deep_inside(labels == index, span, valid), expected)


def test_gaps_take_the_nearest_value():
    values = np.arange(12.0).reshape(3, 4)
    valid = np.ones((3, 4), bool)
    valid[0, 0] = valid[2, 3] = False
    filled = without_gaps(values, valid)
    assert filled[0, 0] in (1, 4)
    assert filled[2, 3] in (7, 10)
    assert without_gaps(values, np.ones((3, 4), bool)) is values


def test_distances_follow_a_slow_change():
    """A ramp along the boundary that is steeper than the step across it and unlike in both halves."""
    ramp = np.linspace(0, 20, 60)[:, None] * np.where(stripe(20, (60, 40), 20), 1.0, 0.6)
    right = stripe(20, (60, 40), 20)
    values = np.stack([ramp, 4.0 * right], axis=-1) @ np.array([[1.0, 0.0], [1.0, 0.2]])
    insides = [stripe(14, (60, 40), 3), stripe(14, (60, 40), 23)]
    nearest = local_distances(values, insides, (4, 4)).argmin(axis=0)
    everywhere = np.argmin([np.sum((values - values[inside].mean(axis=0)) ** 2, axis=-1) for inside in insides], axis=0)
    assert np.mean(nearest == right) > 0.9 > np.mean(everywhere == right) + 0.1


def test_what_speaks_for_itself_can_be_left_out():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(13, 22, 3))
    insides = [rng.random((13, 22)) < 0.4, rng.random((13, 22)) < 0.1]
    span = 4, 2
    found = local_distances(values, insides, span, apart=True)
    # The same one place after the other: what counts are cells of half a window, and a mean of all far away.
    cell_y, cell_x = np.arange(13) // 2, np.arange(22)
    centre_y, centre_x = np.minimum(cell_y * 2 + 0.5, 12), cell_x
    for y, x in [(0, 0), (5, 11), (12, 21), (7, 4)]:
        for index, inside in enumerate(insides):
            steps_y, steps_x = (y - centre_y) / 6, (x - centre_x) / 3
            weight_y = np.exp(-(steps_y**2) / 2) / (6 * np.sqrt(2 * np.pi)) * (np.abs(steps_y) <= 3.5)
            weight_x = np.exp(-(steps_x**2) / 2) / (3 * np.sqrt(2 * np.pi)) * (np.abs(steps_x) <= 3.5)
            weights = np.outer(weight_y, weight_x) * inside
            weights[y // 4 * 4 : y // 4 * 4 + 4, x // 2 * 2 : x // 2 * 2 + 2] = 0
            mean = np.einsum("yx,yxd->d", weights, values) + 0.02 * values[inside].mean(axis=0)
            expected = np.sum((values[y, x] - mean / (weights.sum() + 0.02)) ** 2)
            np.testing.assert_allclose(found[index, y, x], expected, rtol=1e-4)
