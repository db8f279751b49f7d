"""What the panels show, read back from the axes they drew into."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from fftscape.model.analysis import AnalysisRecord
from fftscape.model.records import Peaks
from fftscape.views.figures import (
    plot_factor,
    plot_image,
    plot_labels,
    plot_loading,
    plot_orientation,
    plot_residual,
    plot_scree,
)
from fftscape.views.placing import Box, Points, spot_labels
from fftscape.views.style import PALETTE, component_colour


@pytest.fixture
def ax() -> Axes:
    return Figure(figsize=(4, 4)).add_subplot()


def test_image_lies_at_its_physical_place(made_record: AnalysisRecord, ax: Axes) -> None:
    assert plot_image(made_record, ax) is ax
    (picture,) = ax.images
    extent = (-0.0125, 131 * 0.025 - 0.0125, 90 * 0.02 - 0.01, -0.01)
    assert picture.get_extent() == pytest.approx(extent)
    assert ax.get_xlim() == pytest.approx(extent[:2])
    assert ax.get_ylim() == pytest.approx(extent[2:])
    assert ax.get_aspect() == 1
    shown = picture.get_array()
    assert shown.mask[:40, :30].all()
    assert shown[60, 60] == pytest.approx(made_record.image.data[60, 60])


def test_big_images_keep_their_place(made_record: AnalysisRecord, ax: Axes) -> None:
    data = np.zeros((1000, 1900), np.uint8)
    data[::2] = 4
    plot_image(replace(made_record, image=replace(made_record.image, data=data)), ax)
    left, right, bottom, top = ax.images[0].get_extent()
    rows, columns = ax.images[0].get_array().shape
    assert (rows, columns) == (500, 634)
    assert (right - left) / columns == pytest.approx(3 * 0.025)
    assert (bottom - top) / rows == pytest.approx(2 * 0.02)
    assert ax.get_xlim()[1] == pytest.approx(1899.5 * 0.025)
    assert float(ax.images[0].get_array().max()) == 2


def test_map_cells_are_where_their_windows_are(made_record: AnalysisRecord, ax: Axes) -> None:
    plot_loading(made_record, 1, ax)
    (mesh,) = ax.collections
    corners = mesh.get_coordinates()
    np.testing.assert_allclose(corners[:, 0, 1], np.array([7.5, 23.5, 39.5, 55.5, 68.5, 78.5]) * 0.02)
    np.testing.assert_allclose(corners[0, :, 0], np.array([1.5, 21.5, 41.5, 61.5, 81.5, 101.5, 115.0, 122.0]) * 0.025)
    shown = mesh.get_array()
    np.testing.assert_array_equal(shown.mask.reshape(5, 7), ~made_record.grid.valid)
    assert shown.reshape(5, 7)[4, 6] == made_record.loadings[1, 4, 6]
    assert mesh.get_clim() == pytest.approx((0, np.nanmax(made_record.loadings[1])))


def test_residual_uses_its_own_range(made_record: AnalysisRecord, ax: Axes) -> None:
    residual = np.array(made_record.residual)
    residual[4, 0] = 0.5
    plot_residual(replace(made_record, residual=residual), ax)
    assert ax.collections[0].get_clim() == pytest.approx((0.25, 0.5))


def test_spots_are_circled_at_their_frequencies(made_record: AnalysisRecord, ax: Axes) -> None:
    plot_factor(made_record, 0, ax)
    (spots,) = [line for line in ax.lines if line.get_gid() == "spots"]
    np.testing.assert_allclose(spots.get_xdata(), [5.0, -5.0])
    np.testing.assert_allclose(spots.get_ydata(), [-6.25, 6.25])
    (label,) = [text for text in ax.texts if text.get_gid() == "d-spacing"]
    assert label.get_text() == "0.128 nm"


def test_the_brightest_cell_lies_under_its_circle(made_record: AnalysisRecord, ax: Axes) -> None:
    plot_factor(made_record, 0, ax)
    picture = ax.images[0]
    left, right, bottom, top = picture.get_extent()
    values = np.asarray(picture.get_array())
    row, column = np.unravel_index(np.argmax(values), values.shape)
    x = left + (column + 0.5) * (right - left) / values.shape[1]
    y = top + (row + 0.5) * (bottom - top) / values.shape[0]
    assert (x, y) in (pytest.approx((5.0, -6.25)), pytest.approx((-5.0, 6.25)))


def test_angles_read_from_the_factor_are_those_of_the_table(made_record: AnalysisRecord, ax: Axes) -> None:
    # A spot with ky < 0 lies above the centre on screen: its angle is between 0 and 90 degrees.
    plot_factor(made_record, 0, ax)
    points = Points(ax)
    (x0, y0), (x1, y1) = points.of(0, 0), points.of(5.0, -6.25)
    assert np.degrees(np.arctan2(y1 - y0, x1 - x0)) == pytest.approx(np.degrees(np.arctan2(6.25, 5)))


def test_the_title_counts_spots_out_of_view(made_record: AnalysisRecord, ax: Axes) -> None:
    # Frequency 12 from zero is strong and sets the view to 1.5 times 10 per nm; the spot at 19 lies outside.
    factor = np.full((1, 64, 48), 0.01, np.float32)
    factor[0, 32, 24 + 12] = factor[0, 32, 24 - 12] = 1
    peaks = replace(
        made_record.peaks,
        component=np.array([0, 0]),
        frequency_y=np.array([0.0, 0.0]),
        frequency_x=np.array([10.0, 19.0]),
    )
    grid = replace(made_record.grid, size=(64, 48))
    plot_factor(replace(made_record, factors=factor, grid=grid, peaks=peaks), 0, ax)
    assert ax.get_xlim() == pytest.approx((-15, 15))
    assert ax.get_title() == "1: factor (spectrum), 1 weak spot outside"


def test_factor_axes_name_their_unit(made_record: AnalysisRecord, ax: Axes) -> None:
    plot_factor(made_record, 0, ax)
    assert ax.get_xlabel() == "kx (1/nm)"
    assert ax.get_ylabel() == "ky (1/nm), down"


def test_a_component_has_one_colour_everywhere(made_record: AnalysisRecord) -> None:
    figure = Figure()
    for component in (0, 1):
        colour = component_colour(component)
        for draw in (plot_loading, plot_factor):
            ax = draw(made_record, component, figure.add_subplot())
            assert to_hex(ax.spines["left"].get_edgecolor()) == colour
        legend = plot_labels(made_record, figure.add_subplot()).get_legend()
        assert to_hex(legend.get_patches()[component].get_facecolor()) == colour
    assert [text.get_text() for text in legend.get_texts()] == ["1  50 %", "2  50 %"]


def test_colours_differ() -> None:
    assert len(set(PALETTE)) == 20


def test_labels_carry_the_component_colours(made_record: AnalysisRecord, ax: Axes) -> None:
    plot_labels(made_record, ax)
    picture = np.asarray(ax.images[0].get_array())
    blue, orange = picture[80, 10], picture[80, 120]
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]


def test_scree_with_null_and_threshold(made_record: AnalysisRecord, ax: Axes) -> None:
    plot_scree(made_record.scree, ax)
    assert ax.get_title() == "n = 2"
    assert ax.get_yscale() == "log"
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(lines["white noise"].get_ydata(), [0.9, 0.8, 0.7, 0.6, 0.5])
    np.testing.assert_array_equal(lines["threshold"].get_ydata(), [1.8, 1.8])
    np.testing.assert_array_equal(lines["above it"].get_xdata(), [1, 2])
    (reason,) = [text for text in ax.texts if text.get_gid() == "reason"]
    assert reason.get_text() == made_record.scree.reason


@pytest.mark.parametrize("rule", ["elbow", "user"])
def test_scree_without_a_null_fills_the_chosen_number(made_record: AnalysisRecord, ax: Axes, rule: str) -> None:
    scree = replace(made_record.scree, null_variance=None, threshold=None, rule=rule, n_components=3)
    plot_scree(scree, ax)
    lines = {line.get_label(): line for line in ax.lines}
    assert not {"white noise", "threshold"} & set(lines)
    np.testing.assert_array_equal(lines["chosen"].get_xdata(), [1, 2, 3])


def test_scree_of_a_constant_image_is_linear(made_record: AnalysisRecord, ax: Axes) -> None:
    zeros = np.zeros(5)
    plot_scree(replace(made_record.scree, explained_variance=zeros, null_variance=zeros, threshold=0.0), ax)
    assert ax.get_yscale() == "linear"


def test_labels_of_spots_never_overlap(ax: Axes) -> None:
    ax.set_xlim(-10, 10)
    ax.set_ylim(10, -10)
    angles = np.radians([0, 8, 16, 24, 90])
    zero = np.zeros(5)
    peaks = Peaks(
        zero.astype(int), np.full(5, 0.2), zero, zero, zero, -5 * np.sin(angles), 5 * np.cos(angles), zero, zero, "nm"
    )
    points = Points(ax)
    labels = list(spot_labels(peaks, points, 9))
    assert 2 <= len(labels) <= 4
    boxes = []
    for label in labels:
        x, y = points.of(*label.spot)
        boxes.append(Box.around((x + label.offset[0], y + label.offset[1]), 4.6 * len(label.text), 10))
        assert boxes[-1].within(points.panel)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def oriented(record: AnalysisRecord, angles: np.ndarray, period: float) -> AnalysisRecord:
    map_ = np.where(record.grid.valid, angles, np.nan).astype(np.float32)
    return replace(
        record, orientation=map_, orientation_uncertainty=map_ * 0 + 0.1, orientation_period=np.array([period, np.nan])
    )


def test_orientations_of_many_grains_have_colours_that_close_into_a_circle(made_record: AnalysisRecord, ax: Axes):
    angles = np.linspace(-29, 29, 35).reshape(5, 7)
    (mesh,) = plot_orientation(oriented(made_record, angles, 60.0), ax).collections
    assert mesh.get_clim() == (-30, 30)
    assert np.allclose(mesh.cmap(0.0), mesh.cmap(1.0), atol=0.02)
    assert not np.allclose(mesh.cmap(0.25), mesh.cmap(0.75), atol=0.2)
    shown = mesh.get_array().reshape(5, 7)
    assert shown[4, 6] == pytest.approx(29)
    assert shown.mask[:3, :2].all()


def test_a_slight_bend_has_colours_with_a_middle(made_record: AnalysisRecord, ax: Axes):
    (mesh,) = plot_orientation(oriented(made_record, np.linspace(-1, 3, 35).reshape(5, 7), 180.0), ax).collections
    assert mesh.get_clim() == (-3, 3)
    assert not np.allclose(mesh.cmap(0.0), mesh.cmap(1.0), atol=0.2)


def test_without_any_orientation_the_map_is_empty(made_record: AnalysisRecord, ax: Axes):
    (mesh,) = plot_orientation(oriented(made_record, np.full((5, 7), np.nan), np.nan), ax).collections
    assert mesh.get_array().mask.all()
    with pytest.raises(ValueError, match=r"rotation\.tolerant"):
        plot_orientation(made_record, ax)
