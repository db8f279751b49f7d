"""Whole figures of a result: the overview page and the files of ``figures/``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fftscape.model.analysis import AnalysisRecord
from fftscape.views.geometry import display_aspect, image_extent
from fftscape.views.panels import (
    plot_abruptness,
    plot_factor,
    plot_image,
    plot_labels,
    plot_loading,
    plot_margin,
    plot_orientation,
    plot_residual,
    plot_scree,
)
from fftscape.views.raster import Blocks, block_means
from fftscape.views.style import styled
from fftscape.views.wording import answer, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "overview",
    "plot_abruptness",
    "plot_factor",
    "plot_image",
    "plot_labels",
    "plot_loading",
    "plot_margin",
    "plot_orientation",
    "plot_residual",
    "plot_scree",
    "render_figures",
    "write_figures",
]

Pixels = npt.NDArray[np.uint8]
Spread = Callable[[Callable[[Pixels], bytes], Iterable[Pixels]], Iterable[bytes]]
Beside = Callable[[Callable[[], dict[str, bytes]]], AbstractContextManager[Callable[[], dict[str, bytes]]]]

DPI = 180
OVERVIEW_DPI = 110
THUMBNAIL_DPI = 146
# Width of an image in its own figure, in inches: two of them fit side by side into the report.
PANEL = 3.8
# Pictures of noise hardly shrink: two thirds of the time of level 3 for a thirtieth more bytes.
COMPRESSION = 1


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
    return _overview(record, block_means(record.image.data))


def _overview(record: AnalysisRecord, blocks: Blocks) -> Figure:
    from matplotlib.figure import Figure

    n = record.n_components
    pairs = 2 if n <= 8 else 3
    # The map of orientations takes the place of one component more.
    rows, columns = 1 + -(-(n + (record.orientation is not None)) // pairs), 2 * pairs
    panel = _panel_height(record, 3.0, least=2.4)
    width, height = 3.65 * columns, 0.75 + 0.65 + rows * (panel + 0.65)
    figure = Figure(figsize=(width, height))
    grid = figure.add_gridspec(
        rows, columns, left=0.45 / width, right=1 - 0.55 / width, top=1 - 0.95 / height, bottom=0.45 / height,
        wspace=0.38, hspace=0.65 / panel,
    )  # fmt: skip
    figure.text(
        0.45 / width, 1 - 0.28 / height, _drawable(shortened(record.image.name, 90)), fontsize=13, fontweight="bold",
        va="center", parse_math=False,
    )  # fmt: skip
    figure.text(0.45 / width, 1 - 0.53 / height, answer(record), fontsize=9.5, va="center", parse_math=False)
    plot_image(record, figure.add_subplot(grid[0, 0]), blocks=blocks)
    scree = figure.add_subplot(grid[0, 1])
    place, room = scree.get_position(), 0.75 / height
    scree.set_position((place.x0, place.y0 + room, place.width, place.height - room))
    plot_scree(record.scree, scree, text_width=56)
    plot_labels(record, figure.add_subplot(grid[0, 2]), blocks=blocks)
    plot_residual(record, figure.add_subplot(grid[0, 3]))
    for k in range(n):
        row, column = 1 + k // pairs, 2 * (k % pairs)
        plot_loading(record, k, figure.add_subplot(grid[row, column]))
        plot_factor(record, k, figure.add_subplot(grid[row, column + 1]))
    if record.orientation is not None:
        plot_orientation(record, figure.add_subplot(grid[1 + n // pairs, 2 * (n % pairs)]))
    return figure


@styled
def render_figures(record: AnalysisRecord, *, spread: Spread = map, beside: Beside = nullcontext) -> dict[str, bytes]:
    """Return every figure as PNG, by file name; equal results give equal bytes.

    Parameters
    ----------
    record : AnalysisRecord
        The result.
    spread : callable
        What packs drawn figures, in the manner of `map`; one that does so on other threads takes a tenth less time.
    beside : callable
        What has the first two figures drawn, which is half of the work: a context of a way to them. One that does so in
        another process takes half the time.

    Returns
    -------
    dict of str to bytes
        ``overview.png``, ``scree.png``, ``image.png``, ``component_1.png`` (map beside factor; components
        are counted from 1 here) and so on, ``labels.png``, ``residual.png``, ``thumbnail.png``,
        ``margin.png`` for two components or more, ``abruptness.png`` where boundaries were looked
        for and, for rotation-tolerant results, ``orientation.png``.
    """
    blocks = block_means(record.image.data)
    names: list[str] = []

    def drawn() -> Iterator[Pixels]:
        for name, figure, dpi in _figures(record, blocks):
            names.append(name)
            yield _pixels(figure, dpi)

    def first() -> dict[str, bytes]:
        return {
            "overview.png": _png(_pixels(_overview(record, blocks), OVERVIEW_DPI)),
            "scree.png": _png(_pixels(_scree_figure(record), DPI)),
        }

    with beside(first) as found:
        others = list(spread(_png, drawn()))
        return {**found(), **dict(zip(names, others, strict=True))}


def _figures(record: AnalysisRecord, blocks: Blocks) -> Iterator[tuple[str, Figure, int]]:
    """Yield the name of each figure's file, all but the first two, the figure and its dots per inch."""
    yield "image.png", _image_figure(record, blocks), DPI
    for component in range(record.n_components):
        yield f"component_{component + 1}.png", _component_figure(record, component), DPI
    yield "labels.png", _labels_figure(record, blocks), DPI
    yield "residual.png", _map_figure(record, plot_residual), DPI
    if record.n_components > 1:
        yield "margin.png", _map_figure(record, plot_margin), DPI
    if np.isfinite(record.abruptness).any():
        yield "abruptness.png", _map_figure(record, plot_abruptness), DPI
    if record.orientation is not None:
        yield "orientation.png", _map_figure(record, plot_orientation), DPI
    yield "thumbnail.png", _thumbnail(record, blocks), THUMBNAIL_DPI


def write_figures(
    record: AnalysisRecord, folder: str | Path, *, spread: Spread = map, beside: Beside = nullcontext
) -> Mapping[str, bytes]:
    """Write every figure of `render_figures` into a folder, which is made where it is missing.

    Parameters
    ----------
    record : AnalysisRecord
        The result.
    folder : str or Path
        Where to.
    spread, beside : callable
        As in `render_figures`.

    Returns
    -------
    mapping of str to bytes
        What was written, by file name; `report.write_report` takes it so that nothing is drawn twice.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    figures = render_figures(record, spread=spread, beside=beside)
    for name, content in figures.items():
        (target / name).write_bytes(content)
    return figures


def _pixels(figure: Figure, dpi: int) -> Pixels:
    """Draw a figure, without an alpha channel, shape (y, x, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])  # type: ignore[no-untyped-call]


def _png(pixels: Pixels) -> bytes:
    """Return pixels as PNG without a word about when and with what it was made."""
    from PIL import Image

    out = BytesIO()
    Image.fromarray(pixels).save(out, format="PNG", compress_level=COMPRESSION)
    return out.getvalue()


def _panel_height(record: AnalysisRecord, width: float, *, least: float, most: float = 5.0) -> float:
    extent = image_extent(record.image)
    return min(max(width * extent.ratio * display_aspect(extent), least), most)


def _blank(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def _image_figure(record: AnalysisRecord, blocks: Blocks) -> Figure:
    height = _panel_height(record, PANEL, least=0.6, most=7.0)
    figure = _blank(PANEL + 0.2, height + 0.5)
    plot_image(record, _axes_at(figure, 0.1, 0.2, PANEL, height), blocks=blocks)
    return figure


def _labels_figure(record: AnalysisRecord, blocks: Blocks) -> Figure:
    height = _panel_height(record, PANEL, least=0.2 + 0.19 * record.n_components, most=7.0)
    figure = _blank(PANEL + 0.95, height + 0.5)
    plot_labels(record, _axes_at(figure, 0.1, 0.2, PANEL, height), blocks=blocks)
    return figure


def _map_figure(record: AnalysisRecord, draw: Callable[[AnalysisRecord, Axes], Axes]) -> Figure:
    height = _panel_height(record, PANEL, least=0.6, most=7.0)
    figure = _blank(PANEL + 0.95, height + 0.5)
    draw(record, _axes_at(figure, 0.1, 0.2, PANEL, height))
    return figure


def _scree_figure(record: AnalysisRecord) -> Figure:
    figure = _blank(PANEL + 0.95, 2.95)
    # The report says the reason beside it.
    plot_scree(record.scree, _axes_at(figure, 0.6, 0.45, PANEL + 0.25, 2.2), text_width=None)
    return figure


def _component_figure(record: AnalysisRecord, component: int) -> Figure:
    panel = _panel_height(record, 3.3, least=3.3, most=5.0)
    figure = _blank(7.9, panel + 0.75)
    plot_loading(record, component, _axes_at(figure, 0.1, 0.45, 3.3, panel))
    plot_factor(record, component, _axes_at(figure, 4.5, 0.45, 3.3, panel))
    return figure


def _thumbnail(record: AnalysisRecord, blocks: Blocks) -> Figure:
    """Return image and labels side by side, without words."""
    height = _panel_height(record, 1.62, least=0.4, most=2.4)
    figure = _blank(3.3, height + 0.04)
    for draw, left in ((plot_image, 0.01), (plot_labels, 1.67)):
        ax = draw(record, _axes_at(figure, left, 0.02, 1.62, height), blocks=blocks)
        ax.set_title("")
        ax.set_xlabel("")
        legend = ax.get_legend()
        if legend is not None:
            legend.remove()
    return figure


def _axes_at(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place given in inches."""
    whole_width, whole_height = figure.get_size_inches()
    return figure.add_axes((left / whole_width, bottom / whole_height, width / whole_width, height / whole_height))


def _drawable(text: str) -> str:
    """Replace what the figures' typeface cannot draw, so that no empty boxes and no warnings appear."""
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont("DejaVu Sans"))
    return "".join(letter if letter.isprintable() and font.get_char_index(ord(letter)) else "?" for letter in text)
