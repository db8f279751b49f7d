"""Extents on non-square images with rectangular windows and unequal pixel sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fftscape.model.analysis import AnalysisRecord
from fftscape.model.image import Image
from fftscape.model.settings import merged
from fftscape.views.geometry import (
    Extent,
    cell_edges,
    display_aspect,
    factor_extent,
    factor_view,
    image_extent,
    map_edges,
)


def test_map_cells_lie_about_their_window_centres(made_record: AnalysisRecord) -> None:
    y, x = map_edges(made_record)
    # Centres in rows are 15.5, 31.5, 47.5, 63.5, 73.5; in columns 11.5, 31.5, ..., 111.5, 118.5.
    np.testing.assert_allclose(y, np.array([7.5, 23.5, 39.5, 55.5, 68.5, 78.5]) * 0.02)
    np.testing.assert_allclose(x, np.array([1.5, 21.5, 41.5, 61.5, 81.5, 101.5, 115.0, 122.0]) * 0.025)


def test_cells_never_leave_the_image() -> None:
    # Windows of 4 with a step of 16: half a step would reach past both edges.
    np.testing.assert_array_equal(cell_edges(np.array([1.5, 17.5]), 4, 20), [-0.5, 9.5, 19.5])


def test_a_single_window_is_drawn_as_itself() -> None:
    np.testing.assert_array_equal(cell_edges(np.array([3.5]), 8, 8), [-0.5, 7.5])


def test_factor_cells_are_centred_on_their_frequencies(made_record: AnalysisRecord) -> None:
    extent = factor_extent(made_record)
    step_y, step_x = 1 / (32 * 0.02), 1 / (24 * 0.025)
    assert extent.left == pytest.approx(-12.5 * step_x)
    assert extent.right == pytest.approx(11.5 * step_x)
    assert extent.top == pytest.approx(-16.5 * step_y)
    assert extent.bottom == pytest.approx(15.5 * step_y)
    # The middle of the cell with index (size // 2) is zero frequency.
    assert extent.left + 12.5 * (extent.right - extent.left) / 24 == pytest.approx(0, abs=1e-9)


def test_odd_windows_too(made_record: AnalysisRecord) -> None:
    odd = replace(made_record, grid=replace(made_record.grid, size=(31, 25)))
    extent = factor_extent(odd)
    assert extent.left == pytest.approx(-extent.right)
    assert extent.top == pytest.approx(-extent.bottom)


def _with_factors(record: AnalysisRecord, spots: dict[tuple[int, int], float], background: float) -> AnalysisRecord:
    """Return the record with one factor of 64 x 48 and spots at (rows, columns) from zero frequency."""
    factor = np.full((1, 64, 48), background, np.float32)
    for (y, x), value in spots.items():
        factor[0, 32 + y, 24 + x] = factor[0, 32 - y, 24 - x] = value
    return replace(record, factors=factor, grid=replace(record.grid, size=(64, 48)))


def test_view_goes_half_as_far_again_as_the_outermost_strong_frequency(made_record: AnalysisRecord) -> None:
    # A frequency is 1 / (48 * 0.025) wide and 1 / (64 * 0.02) high; zero frequency and a weak far spot do not count.
    record = _with_factors(made_record, {(0, 0): 100.0, (0, 12): 1.0, (20, 0): 0.2}, background=0.01)
    reach = 1.5 * 12 / (48 * 0.025)
    view = factor_view(record)
    assert (view.left, view.right, view.bottom, view.top) == pytest.approx((-reach, reach, reach, -reach))


def test_what_is_strong_depends_on_the_scaling_of_the_spectra(made_record: AnalysisRecord) -> None:
    record = _with_factors(made_record, {(0, 8): 1.0, (0, 12): 0.1}, background=0.01)
    amplitude = replace(record, settings=merged(record.settings, {"spectra": {"scaling": "amplitude"}}))
    assert factor_view(record).right == pytest.approx(1.5 * 8 / (48 * 0.025))
    assert factor_view(amplitude).right == pytest.approx(1.5 * 12 / (48 * 0.025))


def test_view_never_leaves_the_factor_and_never_shrinks_to_a_few_frequencies(made_record: AnalysisRecord) -> None:
    flat = _with_factors(made_record, {}, background=0.5)
    assert factor_view(flat) == factor_extent(flat)
    near = _with_factors(made_record, {(0, 2): 1.0}, background=0.0)
    assert factor_view(near).right == pytest.approx(6.5 / (48 * 0.025))


def test_an_empty_factor_is_in_view_as_a_whole(made_record: AnalysisRecord) -> None:
    empty = _with_factors(made_record, {}, background=0.0)
    assert factor_view(empty) == factor_extent(empty)


def test_long_strips_are_drawn_eight_to_one() -> None:
    strip = image_extent(Image(np.zeros((24, 4096))))
    assert strip == Extent(-0.5, 4095.5, 23.5, -0.5)
    assert display_aspect(strip) == pytest.approx(4096 / 24 / 8)
    assert display_aspect(image_extent(Image(np.zeros((4096, 24))))) == pytest.approx(8 * 24 / 4096)
    assert display_aspect(image_extent(Image(np.zeros((90, 131)), pixel_size=(2, 3), unit="nm"))) == 1
