"""Means and mean squares of cells and neighbourhoods."""

import numpy as np

from fftscape.compute.moments import cell_moments
from fftscape.compute.pixels import Scale
from fftscape.stages.windows import window_grid

UNSCALED = Scale(0.0, 1.0)


def test_cells_lie_centred_in_the_part_and_know_gaps():
    pixels = np.random.default_rng(0).standard_normal((40, 61))
    usable = np.ones(pixels.shape, bool)
    usable[12, 30] = False
    found = cell_moments(pixels, UNSCALED, usable, (3, 4), (slice(10, 30), slice(5, 60)))
    assert found.grid.origins_y.tolist() == [11, 14, 17, 20, 23, 26]
    assert found.grid.origins_x[[0, -1]].tolist() == [6, 54]
    cell = pixels[14:17, 10:14]
    np.testing.assert_allclose([found.mean[1, 1], found.square[1, 1]], [cell.mean(), (cell**2).mean()], rtol=1e-5)
    assert np.argwhere(~found.grid.valid).tolist() == [[0, 6]]


def test_means_over_windows_are_those_of_their_pixels():
    pixels = np.random.default_rng(0).standard_normal((60, 90))
    usable = np.ones(pixels.shape, bool)
    cells = cell_moments(pixels, UNSCALED, usable, (2, 2), (slice(0, 60), slice(0, 90)))
    grid = window_grid(usable, (10, 18), (10, 18))  # centres on a cell's: an odd number of cells
    found = cells.over(grid)
    own = pixels[10:20, 36:54]
    np.testing.assert_allclose([found.mean[1, 2], found.square[1, 2]], [own.mean(), (own**2).mean()], rtol=1e-4)


def test_the_distance_from_a_level_holds_contrast_and_brightness():
    pixels = np.where(np.arange(64) < 32, 1.0, 4.0) + np.zeros((8, 1))
    pixels[:, 32:] += np.where(np.arange(32) % 2, 0.5, -0.5)
    cells = cell_moments(pixels, UNSCALED, np.ones(pixels.shape, bool), (4, 4), (slice(0, 8), slice(0, 64)))
    np.testing.assert_allclose(cells.about(np.float64(1.0))[0], [0.0] * 8 + [3.0**2 + 0.5**2] * 8, atol=1e-5)
    # Smoothing goes over the border by its sigma: half of the power lies in the middle.
    smooth = cells.smoothed((8.0, 8.0)).about(np.float64(1.0))[0]
    np.testing.assert_allclose(smooth[7] + smooth[8], 9.25, rtol=1e-4)
    assert 0 < smooth[6] < smooth[7] < 9.25 / 2
