"""Whole figures: which files, equal bytes, nothing global touched, odd results."""

from __future__ import annotations

import re
import sys
import warnings
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image as Picture

from fftscape.compute.copies import in_a_copy
from fftscape.compute.executors import ordered
from fftscape.model.analysis import AnalysisRecord
from fftscape.views.figures import overview, render_figures, write_figures


def test_writes_every_figure_and_returns_its_bytes(made_record: AnalysisRecord, tmp_path: Path) -> None:
    figures = write_figures(made_record, tmp_path / "figures")
    assert sorted(figures) == [
        "abruptness.png", "component_1.png", "component_2.png", "image.png", "labels.png", "margin.png", "overview.png",
        "residual.png", "scree.png", "thumbnail.png",
    ]  # fmt: skip
    for name, content in figures.items():
        assert (tmp_path / "figures" / name).read_bytes() == content


def test_equal_results_give_equal_bytes_whatever_the_users_style(
    made_record: AnalysisRecord, drawn: dict[str, bytes]
) -> None:
    with mpl.rc_context({"font.size": 30, "image.cmap": "jet", "image.origin": "lower", "figure.facecolor": "black"}):
        before = dict(mpl.rcParams)
        assert render_figures(made_record) == drawn
        assert dict(mpl.rcParams) == before


def test_packing_on_other_threads_changes_nothing(made_record: AnalysisRecord, drawn: dict[str, bytes]) -> None:
    there = render_figures(made_record, spread=lambda function, pieces: ordered(function, pieces, n_threads=3))
    assert there == drawn
    assert list(there) == list(drawn)


def test_drawing_half_of_them_in_a_copy_changes_nothing(
    made_record: AnalysisRecord, drawn: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fftscape.compute.copies._is_allowed", True)
    there = render_figures(made_record, beside=in_a_copy)
    assert there == drawn
    assert list(there) == list(drawn)


def test_pictures_say_nothing_about_when_and_with_what(drawn: dict[str, bytes]) -> None:
    for content in drawn.values():
        with Picture.open(BytesIO(content)) as picture:
            assert picture.info == {}
            assert picture.mode == "RGB"


def test_thumbnail_is_small_and_shows_the_labels(drawn: dict[str, bytes]) -> None:
    with Picture.open(BytesIO(drawn["thumbnail.png"])) as picture:
        assert 460 <= picture.width <= 500
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    left, right = pixels[:, : pixels.shape[1] // 2], pixels[:, pixels.shape[1] // 2 :]
    assert np.abs(left[..., 0] - left[..., 2]).max() < 30
    assert np.abs(right[..., 0] - right[..., 2]).max() > 80


def test_the_texts_of_neighbours_in_the_overview_do_not_meet(made_record: AnalysisRecord) -> None:
    # Frequencies of two digits after the point make the widest tick labels.
    pixel = replace(made_record.image, pixel_size=(2.0, 2.5), unit="px")
    loadings = made_record.loadings * 0.91
    figure = overview(replace(made_record, image=pixel, loadings=loadings))
    figure.canvas.draw()
    boxes = {ax: ax.get_tightbbox() for ax in figure.axes}
    maps = [ax for ax in figure.axes if "map" in ax.get_title(loc="left")]
    factors = [ax for ax in figure.axes if "factor" in ax.get_title(loc="left")]
    assert [boxes[factor].x0 > boxes[own].x1 + 4 for own, factor in zip(maps, factors, strict=True)] == [True, True]
    assert boxes[maps[1]].x0 > boxes[factors[0]].x1


def test_overview_has_every_panel_and_leaves_pyplot_alone(made_record: AnalysisRecord) -> None:
    figure = overview(made_record)
    titles = [ax.get_title(loc=where) for ax in figure.axes for where in ("left", "center") if ax.get_title(loc=where)]
    names = [re.split(r":| \(", title)[0] for title in titles]
    assert names == ["Image", "n = 2", "Labels", "Residual", "1", "1", "2", "2"]
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_odd_results_are_drawn_without_a_warning(odd_record: AnalysisRecord) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = render_figures(odd_record)
    for name, content in figures.items():
        with Picture.open(BytesIO(content)) as picture:
            assert np.asarray(picture).std() > 5, name


def test_text_from_files_is_never_read_as_a_formula(made_record: AnalysisRecord) -> None:
    record = replace(made_record, image=replace(made_record.image, unit="$x^{$", name="cost $5 and $x^{$"))
    assert overview(record).texts[0].get_text() == "cost $5 and $x^{$"
    render_figures(record)


def test_rotation_tolerant_results_show_their_orientations(
    made_record: AnalysisRecord, drawn: dict[str, bytes]
) -> None:
    angles = np.where(made_record.grid.valid, 3.0, np.nan).astype(np.float32)
    record = replace(
        made_record, orientation=angles, orientation_uncertainty=angles / 10, orientation_period=np.array([90.0, 60.0])
    )
    assert set(render_figures(record)) - set(drawn) == {"orientation.png"}
    titles = [ax.get_title(loc="left") for ax in overview(record).axes]
    assert titles.count("Orientation (degrees)") == 1
    assert "Orientation (degrees)" not in [ax.get_title(loc="left") for ax in overview(made_record).axes]
