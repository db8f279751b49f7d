"""Assignments at other places than the windows."""

import numpy as np

from fftscape.compute.assignments import Assignment, resampled
from fftscape.stages.windows import window_grid


def test_interpolation_is_linear_between_centres_and_constant_outside():
    grid = window_grid(np.ones((30, 50), bool), (10, 20), (10, 10))
    values = np.arange(3)[:, None] + 10.0 * np.arange(4)[None, :]
    image = resampled(Assignment(grid, values[None]), np.arange(30.0), np.arange(50.0))[0]
    rows = np.interp(np.arange(30), [4.5, 14.5, 24.5], [0, 1, 2])
    columns = np.interp(np.arange(50), [9.5, 19.5, 29.5, 39.5], [0, 10, 20, 30])
    np.testing.assert_allclose(image, rows[:, None] + columns[None, :], atol=1e-5)
