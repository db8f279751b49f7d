"""The scale bar is a round length, near a fifth of the width, drawn exactly that long."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from fftscape.views.geometry import Extent
from fftscape.views.scalebar import draw_scale_bar, scale_bar


@pytest.mark.parametrize(
    ("width", "unit", "length", "text"),
    [
        (2.5, "nm", 0.5, "500 pm"),
        (10.0, "nm", 2.0, "2 nm"),
        (5.12, "um", 1.0, "1 µm"),
        (5120.0, "nm", 1000.0, "1 µm"),
        (0.0025, "µm", 0.0005, "500 pm"),
        (1024.0, "px", 200.0, "200 px"),
        (3.0, "px", 1.0, "1 px"),
        (12.0, "1/nm", 2.0, "2 1/nm"),
        (2.6, "1/nm", 0.5, "0.5 1/nm"),
        (30.0, "A", 5.0, "5 Å"),
        (4e-7, "m", 1e-7, "100 nm"),
        (2500.0, "km", 500.0, "500 km"),
    ],
)
def test_length_and_words(width: float, unit: str, length: float, text: str) -> None:
    bar = scale_bar(width, unit)
    assert bar.length == pytest.approx(length, rel=1e-12)
    assert bar.text == text


def test_always_round_and_near_a_fifth() -> None:
    for width in np.geomspace(1e-9, 1e9, 400):
        length = scale_bar(float(width), "nm").length
        assert f"{length:e}"[0] in "125"
        assert f"{length:e}"[1:8] == ".000000"
        assert 0.125 < length / width < 0.32


def test_drawn_length_is_in_data_units_and_inside_the_image() -> None:
    ax = Figure().add_subplot()
    extent = Extent(-0.5, 9.5, 4.5, -0.5)
    draw_scale_bar(ax, extent, "nm")
    (line,) = [line for line in ax.lines if line.get_gid() == "scale-bar"]
    x, y = line.get_data()
    assert x[1] - x[0] == pytest.approx(2.0)
    assert y[0] == y[1]
    assert extent.left < x[0] < x[1] < extent.left + 0.5 * 10
    assert y[0] == extent.bottom
    on_screen = line.get_transform().transform([(x[0], y[0])])[0]
    # It stands 6 points above the lower edge.
    assert on_screen[1] - ax.transData.transform((0, extent.bottom))[1] == pytest.approx(6 / 72 * ax.figure.dpi)
    assert ax.texts[0].get_text() == "2 nm"
