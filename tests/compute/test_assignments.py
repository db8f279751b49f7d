"""Assignments at other places than the windows."""

import numpy as np
import pytest

from fftscape.compute import assignments
from fftscape.compute.assignments import Assignment, nearest, resampled
from fftscape.stages.windows import window_grid


def test_interpolation_is_linear_between_centres_and_constant_outside():
    grid = window_grid(np.ones((30, 50), bool), (10, 20), (10, 10))
    values = np.arange(3)[:, None] + 10.0 * np.arange(4)[None, :]
    image = resampled(Assignment(grid, values[None]), np.arange(30.0), np.arange(50.0))[0]
    rows = np.interp(np.arange(30), [4.5, 14.5, 24.5], [0, 1, 2])
    columns = np.interp(np.arange(50), [9.5, 19.5, 29.5, 39.5], [0, 10, 20, 30])
    np.testing.assert_allclose(image, rows[:, None] + columns[None, :], atol=1e-5)


@pytest.fixture(params=[0, 4, 8], ids=["NumPy", "16 bytes", "32 bytes"])
def way(request, use_kernel):
    """Labels are shown of each way to compute, the compiled one with each kind of vectors."""
    use_kernel(assignments, request.param)


# Widths that leave any rest after whole vectors, less than one among them.
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("count", "n_lines", "width"), [(2, 5, 24), (3, 1, 9), (4, 7, 31), (1, 3, 17), (16, 4, 13), (2, 2, 3)]
)
def test_each_pixel_goes_to_the_component_that_is_nearest(count, n_lines, width):
    random = np.random.default_rng(width)
    lines = random.random((count, n_lines, width), np.float32)
    centres = np.cumsum(random.uniform(1, 3, n_lines))
    places = np.sort(random.uniform(centres[0] - 2, centres[-1] + 2, 40))
    labels, margin = nearest(lines, centres, places)
    assert (labels.dtype, margin.dtype) == (np.int16, np.float32)
    distances = np.array(
        [[np.interp(places, centres, column) for column in component.T] for component in lines]
    ).transpose(0, 2, 1)
    best, second = np.sort(distances, axis=0)[[0, min(1, count - 1)]]
    clear = second - best > 1e-6
    assert (labels == distances.argmin(axis=0))[clear | (count == 1)].all()
    expected = (second - best) / (second + best) if count > 1 else np.ones_like(best)
    np.testing.assert_allclose(margin, expected, atol=1e-5)


@pytest.mark.usefixtures("way")
def test_of_equally_near_components_the_first_counts_and_one_alone_has_all_of_the_margin():
    lines = np.zeros((3, 2, 21), np.float32)
    lines[2] = 1
    labels, margin = nearest(lines, np.array([0.0, 1.0]), np.array([0.0, 0.4, 1.0]))
    assert not labels.any()
    assert not margin.any()
    lines[1] = 1
    labels, margin = nearest(lines, np.array([0.0, 1.0]), np.array([0.0, 0.4, 1.0]))
    assert not labels.any()
    np.testing.assert_allclose(margin, 1, rtol=1e-6)
