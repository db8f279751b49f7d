"""Whole figures of a result: the overview page and the files of ``figures/``."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from fftscape.model.records import AnalysisRecord
from fftscape.views.geometry import display_aspect, image_extent
from fftscape.views.panels import (
    plot_factor,
    plot_image,
    plot_labels,
    plot_loading,
    plot_residual,
    plot_scree,
)
from fftscape.views.style import styled
from fftscape.views.wording import answer, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "overview",
    "plot_factor",
    "plot_image",
    "plot_labels",
    "plot_loading",
    "plot_residual",
    "plot_scree",
    "render_figures",
    "write_figures",
]

DPI = 130
THUMBNAIL_DPI = 96


@styled
def overview(record: AnalysisRecord) -> Figure:
    """Return one page with the image, scree plot, labels, residual and every map beside its factor.

    Parameters
    ----------
    record : AnalysisRecord
        The result.

    Returns
    -------
    Figure
        Not registered with pyplot: it is closed by forgetting it.
    """
    from matplotlib.figure import Figure

    n = record.n_components
    pairs = 2 if n <= 8 else 3
    rows, columns = 1 + -(-n // pairs), 2 * pairs
    panel = _panel_height(record, 3.0, least=2.4)
    width, height = 3.45 * columns, 0.75 + 0.65 + rows * (panel + 0.75)
    figure = Figure(figsize=(width, height))
    grid = figure.add_gridspec(
        rows, columns, left=0.45 / width, right=1 - 0.55 / width, top=1 - 0.95 / height, bottom=0.45 / height,
        wspace=0.28, hspace=0.75 / panel,
        height_ratios=[1] * rows,
    )  # fmt: skip
    figure.text(
        0.45 / width, 1 - 0.28 / height, _drawable(shortened(record.image.name, 90)), fontsize=13, fontweight="bold",
        va="center", parse_math=False,
    )  # fmt: skip
    figure.text(0.45 / width, 1 - 0.53 / height, answer(record), fontsize=9.5, va="center", parse_math=False)
    plot_image(record, figure.add_subplot(grid[0, 0]))
    scree = figure.add_subplot(grid[0, 1])
    place, room = scree.get_position(), 0.75 / height
    scree.set_position((place.x0, place.y0 + room, place.width, place.height - room))
    plot_scree(record.scree, scree, text_width=56)
    plot_labels(record, figure.add_subplot(grid[0, 2]))
    plot_residual(record, figure.add_subplot(grid[0, 3]))
    for k in range(n):
        row, column = 1 + k // pairs, 2 * (k % pairs)
        plot_loading(record, k, figure.add_subplot(grid[row, column]))
        plot_factor(record, k, figure.add_subplot(grid[row, column + 1]))
    return figure


def render_figures(record: AnalysisRecord) -> dict[str, bytes]:
    """Return every figure as PNG, by file name; equal results give equal bytes.

    Returns
    -------
    dict of str to bytes
        ``overview.png``, ``image.png``, ``scree.png``, ``component_1.png`` (map beside factor; components
        are counted from 1 here) and so on, ``labels.png``, ``residual.png`` and ``thumbnail.png``.
    """
    components = {f"component_{k + 1}.png": _png(_component_figure(record, k)) for k in range(record.n_components)}
    return {
        "overview.png": _png(overview(record), dpi=100),
        "image.png": _png(_image_figure(record)),
        "scree.png": _png(_scree_figure(record)),
        **components,
        "labels.png": _png(_labels_figure(record)),
        "residual.png": _png(_residual_figure(record)),
        "thumbnail.png": _png(_thumbnail(record), dpi=THUMBNAIL_DPI),
    }


def write_figures(record: AnalysisRecord, folder: str | Path) -> Mapping[str, bytes]:
    """Write every figure of `render_figures` into a folder, which is made where it is missing.

    Returns
    -------
    mapping of str to bytes
        What was written, by file name; `report.write_report` takes it so that nothing is drawn twice.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    figures = render_figures(record)
    for name, content in figures.items():
        (target / name).write_bytes(content)
    return figures


@styled
def _png(figure: Figure, *, dpi: int = DPI) -> bytes:
    out = BytesIO()
    # Without 'Software' the bytes do not depend on matplotlib's version string.
    figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


def _panel_height(record: AnalysisRecord, width: float, *, least: float, most: float = 5.0) -> float:
    extent = image_extent(record.image)
    return min(max(width * extent.ratio * display_aspect(extent), least), most)


def _blank(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


@styled
def _image_figure(record: AnalysisRecord) -> Figure:
    height = _panel_height(record, 6.0, least=0.6, most=9.0)
    figure = _blank(6.2, height + 0.5)
    plot_image(record, figure.add_axes((0.1 / 6.2, 0.15 / (height + 0.5), 6.0 / 6.2, height / (height + 0.5))))
    return figure


@styled
def _labels_figure(record: AnalysisRecord) -> Figure:
    height = _panel_height(record, 6.0, least=0.6, most=9.0)
    legend = 0.3 + 0.19 * record.n_components
    total = max(height, legend) + 0.5
    figure = _blank(7.2, total)
    plot_labels(record, figure.add_axes((0.1 / 7.2, 0.15 / total, 6.0 / 7.2, max(height, legend) / total)))
    return figure


@styled
def _residual_figure(record: AnalysisRecord) -> Figure:
    height = _panel_height(record, 6.0, least=0.6, most=9.0)
    total = height + 0.5
    figure = _blank(7.2, total)
    plot_residual(record, figure.add_axes((0.1 / 7.2, 0.15 / total, 6.0 / 7.2, height / total)))
    return figure


@styled
def _scree_figure(record: AnalysisRecord) -> Figure:
    figure = _blank(6.2, 4.0)
    plot_scree(record.scree, figure.add_axes((0.11, 0.28, 0.86, 0.63)), text_width=95)
    return figure


@styled
def _component_figure(record: AnalysisRecord, component: int) -> Figure:
    panel = _panel_height(record, 4.2, least=4.2, most=6.0)
    width, height = 10.2, panel + 0.75
    figure = _blank(width, height)
    box = (0.45 / height, panel / height)
    plot_loading(record, component, figure.add_axes((0.1 / width, box[0], 4.2 / width, box[1])))
    plot_factor(record, component, figure.add_axes((5.75 / width, box[0], 4.3 / width, box[1])))
    return figure


@styled
def _thumbnail(record: AnalysisRecord) -> Figure:
    """Return image and labels side by side, 480 dots wide."""
    height = _panel_height(record, 2.44, least=0.5, most=3.6)
    figure = _blank(5.0, height + 0.04)
    for draw, left in ((plot_image, 0.02), (plot_labels, 2.54)):
        ax = draw(record, figure.add_axes((left / 5, 0.02 / (height + 0.04), 2.44 / 5, height / (height + 0.04))))
        ax.set_title("")
        ax.set_xlabel("")
        legend = ax.get_legend()
        if legend is not None:
            legend.remove()
    return figure


def _drawable(text: str) -> str:
    """Replace what the figures' typeface cannot draw, so that no empty boxes and no warnings appear."""
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont("DejaVu Sans"))
    return "".join(letter if letter.isprintable() and font.get_char_index(ord(letter)) else "?" for letter in text)
