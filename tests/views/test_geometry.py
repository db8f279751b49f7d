"""Extents on non-square images with rectangular windows and unequal pixel sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fftscape.model.records import AnalysisRecord, Image, Peaks
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


def _with_peak(record: AnalysisRecord, frequencies: list[float], intensities: list[float]) -> AnalysisRecord:
    column = np.array(frequencies)
    zero = np.zeros_like(column)
    peaks = Peaks(
        zero.astype(int), 1 / column, zero, zero, zero, zero, column, np.array(intensities), zero + 10, unit="nm"
    )
    return replace(record, peaks=peaks)


def test_view_goes_half_as_far_again_as_the_outermost_strong_spot(made_record: AnalysisRecord) -> None:
    # A large window, so that the least view of 6 frequencies does not matter.
    record = replace(made_record, grid=replace(made_record.grid, size=(320, 240)))
    view = factor_view(_with_peak(record, [4.0, 9.0], [1.0, 0.02]))
    assert (view.left, view.right, view.bottom, view.top) == pytest.approx((-6, 6, 6, -6))


def test_view_never_leaves_the_factor_and_never_shrinks_to_a_few_frequencies(made_record: AnalysisRecord) -> None:
    assert factor_view(_with_peak(made_record, [19.0], [1.0])) == factor_extent(made_record)
    assert factor_view(_with_peak(made_record, [0.1], [1.0])).right == pytest.approx(6.5 / (24 * 0.025))


def test_without_spots_the_whole_factor_is_in_view(made_record: AnalysisRecord) -> None:
    assert factor_view(_with_peak(made_record, [], [])) == factor_extent(made_record)


def test_long_strips_are_drawn_eight_to_one() -> None:
    strip = image_extent(Image(np.zeros((24, 4096))))
    assert strip == Extent(-0.5, 4095.5, 23.5, -0.5)
    assert display_aspect(strip) == pytest.approx(4096 / 24 / 8)
    assert display_aspect(image_extent(Image(np.zeros((4096, 24))))) == pytest.approx(8 * 24 / 4096)
    assert display_aspect(image_extent(Image(np.zeros((90, 131)), pixel_size=(2, 3), unit="nm"))) == 1
