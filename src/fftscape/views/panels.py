"""One panel each: every function draws one part of a result into the axes it is given and returns them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from fftscape.model.analysis import AnalysisRecord
from fftscape.model.arrays import FloatArray
from fftscape.model.records import Peaks, Scree
from fftscape.views import style
from fftscape.views.geometry import (
    Extent,
    away_from_zero,
    display_aspect,
    factor_extent,
    factor_view,
    image_extent,
    map_edges,
)
from fftscape.views.placing import Points, spot_labels
from fftscape.views.raster import Blocks, block_means, labels_over
from fftscape.views.scalebar import draw_scale_bar
from fftscape.views.wording import percent, shown_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable


# Angles up to this part of the period are a bend; its colours need not close into a circle.
_SLIGHT_BEND = 1 / 8


def plot_image(record: AnalysisRecord, ax: Axes, *, blocks: Blocks | None = None) -> Axes:
    """Draw the analysed image in grey with its scale bar; pixels without data are light grey.

    Parameters
    ----------
    record : AnalysisRecord
        The result.
    ax : Axes
        Where to draw.
    blocks : Blocks, optional
        `block_means` of the image, where the caller has them already.

    Returns
    -------
    Axes
        The same axes, in the image's unit, y pointing down.
    """
    blocks = block_means(record.image.data) if blocks is None else blocks
    low, high = blocks.limits
    ax.imshow(
        np.ma.masked_invalid(blocks.values), cmap="gray", vmin=low, vmax=high, interpolation="antialiased",
        extent=_blocks_extent(record, blocks.factor, blocks.values.shape).for_imshow,
    )  # fmt: skip
    ax.set_title("Image")
    return _image_frame(record, ax)


def plot_labels(record: AnalysisRecord, ax: Axes, *, blocks: Blocks | None = None) -> Axes:
    """Draw the components' colours over the grey image, with a legend to the right of the axes.

    Parameters and returned axes are those of `plot_image`. Pixels that no window covers stay grey.
    """
    from matplotlib.patches import Patch

    blocks = block_means(record.image.data) if blocks is None else blocks
    ax.imshow(
        labels_over(blocks, record.labels), interpolation="antialiased",
        extent=_blocks_extent(record, blocks.factor, blocks.values.shape).for_imshow,
    )  # fmt: skip
    swatches = [
        Patch(facecolor=style.component_colour(k), label=f"{k + 1}  {percent(float(part))}")
        for k, part in enumerate(record.area_fractions)
    ]
    ax.legend(
        handles=swatches, loc="upper left", bbox_to_anchor=(1.01, 1.02), frameon=False, fontsize=7,
        handlelength=1, handleheight=1, handletextpad=0.4, labelspacing=0.35, borderpad=0.2,
    )  # fmt: skip
    ax.set_title("Labels")
    return _image_frame(record, ax)


def plot_loading(record: AnalysisRecord, component: int, ax: Axes) -> Axes:
    """Draw the map of one component (counted from 0) at its place in the image.

    A cell stands for the window around whose centre it lies; windows that took no part and the rim
    that no window centre reaches are light grey. The frame has the component's colour.
    """
    values = record.loadings[component]
    mesh = _map(record, values, ax, colours=style.MAP_COLOURS)
    ax.set_title(f"{component + 1}: map (loading)")
    # On maps the bar often lies on the light rim that no window centre reaches.
    _image_frame(record, ax, bar="black", rim="white")
    _colour_bar(mesh, ax)
    _colour_frame(ax, component)
    return ax


def plot_residual(record: AnalysisRecord, ax: Axes) -> Axes:
    """Draw where the model does not describe the image: the unexplained part of each window's spectrum."""
    values = record.residual[np.isfinite(record.residual)]
    # Its places matter more than its level, which is never near zero for noisy images.
    low = float(values.min()) if values.size and values.min() < values.max() else 0.0
    mesh = _map(record, record.residual, ax, colours=style.RESIDUAL_COLOURS, low=low)
    ax.set_title("Residual (part not described)")
    _image_frame(record, ax, bar="black", rim="white")
    _colour_bar(mesh, ax)
    return ax


def plot_abruptness(record: AnalysisRecord, ax: Axes) -> Axes:
    """Draw how abruptly the spectra change around each window: boundaries are ridges."""
    mesh = _map(record, record.abruptness, ax, colours=style.ABRUPTNESS_COLOURS, low=0.0)
    ax.set_title("Abruptness (in units of noise)")
    _image_frame(record, ax, bar="black", rim="white")
    _colour_bar(mesh, ax)
    return ax


def plot_margin(record: AnalysisRecord, ax: Axes) -> Axes:
    """Draw how clearly each pixel belongs to its component, from 0 (undecided) to 1."""
    blocks = block_means(record.segmentation.margin)
    drawn = ax.imshow(
        np.ma.masked_invalid(blocks.values), cmap=style.MARGIN_COLOURS, vmin=0, vmax=1,
        extent=_blocks_extent(record, blocks.factor, blocks.values.shape).for_imshow,
    )  # fmt: skip
    ax.set_title("Margin (0: undecided)")
    _image_frame(record, ax)
    _colour_bar(drawn, ax)
    return ax


def plot_orientation(record: AnalysisRecord, ax: Axes) -> Axes:
    """Draw how far each window is turned against the strongest variant of its structure.

    The colours close into a circle where angles use up much of the period, and have a middle where
    the structure bends only slightly. Windows without an orientation are light grey.

    Raises
    ------
    ValueError
        If the result holds no orientations.
    """
    if record.orientation is None or record.orientation_period is None:
        raise ValueError("this result was not made with rotation.tolerant and holds no orientations")
    known = np.abs(record.orientation[np.isfinite(record.orientation)])
    period = float(np.nanmax(record.orientation_period)) if np.isfinite(record.orientation_period).any() else 180.0
    reach = float(known.max()) if known.size else 0.0
    bends = reach <= _SLIGHT_BEND * period
    limit = max(reach, 0.1) if bends else period / 2
    colours = style.BEND_COLOURS if bends else style.DIRECTION_COLOURS
    mesh = _map(record, record.orientation, ax, colours=colours, low=-limit, high=limit)
    ax.set_title("Orientation (degrees)")
    _image_frame(record, ax, bar="black", rim="white")
    _colour_bar(mesh, ax)
    return ax


def plot_factor(record: AnalysisRecord, component: int, ax: Axes) -> Axes:
    """Draw the spectrum of one component (counted from 0) with its spots circled.

    Zero frequency is in the centre and +ky points down as in the image, so that an angle read from
    the figure, counter-clockwise from +x, is the one in the table of peaks. The spots were measured where the
    component is alone and may be weak in its factor. All factors of a result
    share the same view (`factor_view`); the title counts the spots outside. The d-spacings of
    the strongest spots are written beside them.
    """
    extent, view = factor_extent(record), factor_view(record)
    factor = record.factors[component]
    # Weak spots beside strong ones are seen on a compressed scale, the same for every kind of spectrum.
    exponent = {"amplitude": 0.3, "sqrt": 0.6, "log": 1.0}[record.settings.spectra.scaling]
    shown = factor.astype(np.float64) ** exponent
    low, high = _factor_limits(record, shown, view)
    ax.imshow(shown, cmap=style.FACTOR_COLOURS, vmin=low, vmax=high, interpolation="nearest", extent=extent.for_imshow)
    ax.set_xlim(view.left, view.right)
    ax.set_ylim(view.bottom, view.top)
    ax.set_aspect("equal", anchor="NW")
    unit = shown_unit(record.frequency_unit)
    ax.set_xlabel(f"kx ({unit})", labelpad=2, parse_math=False)
    ax.set_ylabel(f"ky ({unit}), down", labelpad=1, parse_math=False)
    ax.locator_params(nbins=5)
    peaks = record.peaks.of(component)
    # A row of the table is two spots, k and -k; it is out of view when neither is in it.
    reach_x, reach_y = max(-view.left, view.right), max(-view.top, view.bottom)
    outside = int(((np.abs(peaks.frequency_x) > reach_x) | (np.abs(peaks.frequency_y) > reach_y)).sum())
    title = f"{component + 1}: factor (spectrum)"
    ax.set_title(f"{title}, {outside} weak spot{'s' * (outside != 1)} outside" if outside else title)
    _mark_spots(peaks, ax, cell=1 / (record.grid.size[1] * record.image.pixel_size[1]))
    _colour_frame(ax, component)
    return ax


def plot_scree(scree: Scree, ax: Axes, *, text_width: int | None = 60) -> Axes:
    """Draw the eigenvalues, the null reference and the threshold, the chosen number and why.

    Parameters
    ----------
    scree : Scree
        The scree plot. Filled points are the eigenvalues above the threshold or, where the rule has none,
        as many as components were chosen.
    ax : Axes
        Where to draw.
    text_width : int or None
        Characters in a line of the reason below the axes; None leaves it out.

    Returns
    -------
    Axes
        The same axes; the vertical one is logarithmic where any eigenvalue is positive.
    """
    values = np.asarray(scree.explained_variance, np.float64)
    number = np.arange(1, len(values) + 1)
    chosen = values > scree.threshold if scree.threshold is not None else number <= scree.n_components
    if scree.null_variance is not None:
        null = np.asarray(scree.null_variance, np.float64)
        ax.plot(np.arange(1, len(null) + 1), null, color=style.FAINT, linewidth=1.2, label="white noise", zorder=1)
    if scree.threshold is not None:
        ax.axhline(scree.threshold, color="#d55e00", linewidth=1, linestyle=(0, (4, 3)), label="threshold", zorder=1)
    ax.plot(number, values, color="#9fb6cc", linewidth=0.8, zorder=2)
    filled = "chosen" if scree.threshold is None else "above it"
    for those, face, label in ((~chosen, "white", None), (chosen, "#0072b2", filled)):
        ax.plot(
            number[those], values[those], linestyle="none", marker="o", markersize=5, markerfacecolor=face,
            markeredgecolor="#0072b2", label=label, zorder=3,
        )  # fmt: skip
    _scree_axes(scree, ax)
    ax.set_title(f"n = {scree.n_components}", fontweight="bold")
    if text_width is not None:
        ax.annotate(
            textwrap.fill(scree.reason, text_width), (0, 0), xycoords="axes fraction", xytext=(0, -34),
            textcoords="offset points", va="top", fontsize=7.5, color=style.INK, parse_math=False, gid="reason",
        )  # fmt: skip
    return ax


def _scree_axes(scree: Scree, ax: Axes) -> None:
    from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullFormatter

    values = np.asarray(scree.explained_variance, np.float64)
    positive = values[values > 0]
    if positive.size:
        ax.set_yscale("log")
        # Eigenvalues that are zero but for rounding would squeeze the others into a line.
        shown = positive[positive > 1e-6 * positive.max()]
        levels = [*shown, *([scree.threshold] if scree.threshold is not None and scree.threshold > 0 else [])]
        ax.set_ylim(min(levels) / 1.6, max(levels) * 1.8)
        few = max(levels) < 50 * min(levels)
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
        ax.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(0.4, len(values) + 0.6)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    ax.set_xlabel("eigenvalue number", labelpad=1)
    ax.set_ylabel("eigenvalue", labelpad=4)
    ax.spines[["top", "right"]].set_visible(False)
    # Beside the title, where it hides no eigenvalue.
    ax.legend(
        loc="lower right", bbox_to_anchor=(1.02, 1.0), ncols=3, frameon=False, fontsize=7, handlelength=1.1,
        handletextpad=0.4, columnspacing=0.7, borderaxespad=0.1,
    )  # fmt: skip


def _blocks_extent(record: AnalysisRecord, factor: tuple[int, int], blocks: tuple[int, ...]) -> Extent:
    """Return where whole blocks lie; the last ones reach past the image and are cut by the axes' limits."""
    edge, (dy, dx) = image_extent(record.image), record.image.pixel_size
    return Extent(edge.left, edge.left + blocks[1] * factor[1] * dx, edge.top + blocks[0] * factor[0] * dy, edge.top)


def _image_frame(record: AnalysisRecord, ax: Axes, *, bar: str = "white", rim: str = "black") -> Axes:
    extent = image_extent(record.image)
    ax.set_facecolor(style.NO_DATA)
    ax.set_xlim(extent.left, extent.right)
    ax.set_ylim(extent.bottom, extent.top)
    ax.set_xticks([])
    ax.set_yticks([])
    aspect = display_aspect(extent)
    ax.set_aspect(aspect, anchor="NW")
    if aspect != 1:
        stretched = f"{aspect:.3g}× taller" if aspect > 1 else f"{1 / aspect:.3g}× wider"
        ax.set_xlabel(f"drawn {stretched} than true", fontsize=7.5, loc="left")
    draw_scale_bar(ax, extent, record.image.unit, colour=bar, rim=rim)
    return ax


def _map(
    record: AnalysisRecord, values: FloatArray, ax: Axes, *, colours: str, low: float = 0.0, high: float | None = None
) -> ScalarMappable:
    """Draw a map in colours from `low` to `high`, by default its largest value."""
    largest = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    top = largest if high is None else high
    y_edges, x_edges = map_edges(record)
    return ax.pcolormesh(
        x_edges, y_edges, np.ma.masked_invalid(values), cmap=colours, vmin=low, vmax=top if top > low else low + 1.0,
        antialiased=False, linewidth=0, rasterized=True,
    )  # fmt: skip


def _colour_bar(mappable: ScalarMappable, ax: Axes) -> None:
    figure = ax.get_figure(root=True)
    if figure is None:
        return
    limits = [float(limit or 0) for limit in mappable.get_clim()]
    ax.apply_aspect()
    panel = Points(ax).panel
    point = 1 / (panel.right - panel.left)
    bar = figure.colorbar(mappable, cax=ax.inset_axes((1 + 4 * point, 0.0, 6 * point, 1.0)), ticks=limits)
    bar.ax.set_yticklabels([f"{limit:.2g}" for limit in limits])
    bar.ax.tick_params(length=0, pad=2)
    bar.outline.set_visible(False)


def _colour_frame(ax: Axes, component: int) -> None:
    for spine in ax.spines.values():
        spine.set_edgecolor(style.component_colour(component))
        spine.set_linewidth(2)


def _factor_limits(record: AnalysisRecord, shown: FloatArray, view: Extent) -> tuple[float, float]:
    """Return colour limits from what is in view, without zero frequency and its neighbours (slow brightness)."""
    ky, kx = record.frequency_y, record.frequency_x
    in_view = ((ky >= view.top) & (ky <= view.bottom))[:, None] & ((kx >= view.left) & (kx <= view.right))
    seen = shown[in_view & away_from_zero(shown.shape)]
    if seen.size == 0 or seen.max() <= 0:
        return 0.0, 1.0
    low, high = float(np.percentile(seen, 10)), float(np.percentile(seen, 99.8))
    return (low, high) if high > low else (0.0, float(seen.max()))


def _mark_spots(peaks: Peaks, ax: Axes, *, cell: float) -> None:
    """Circle both spots of every peak and write the d-spacing beside the strongest, where there is room.

    `cell` is the width of a frequency in cycles per unit: a circle always goes round it.
    """
    from matplotlib.patheffects import withStroke

    ax.apply_aspect()
    points = Points(ax)
    cell_points = points.of(cell, 0)[0] - points.of(0, 0)[0]
    # A tapered window's spot is four frequencies wide.
    size = max(float(np.clip(3.5 * cell_points, 8, 15)), 1.6 * cell_points)
    x = np.concatenate([peaks.frequency_x, -peaks.frequency_x])
    y = np.concatenate([peaks.frequency_y, -peaks.frequency_y])
    ax.plot(
        x, y, linestyle="none", marker="o", markersize=size, markerfacecolor="none", markeredgecolor=style.SPOT,
        markeredgewidth=0.9, gid="spots", scalex=False, scaley=False,
    )  # fmt: skip
    for label in spot_labels(peaks, points, size):
        ax.annotate(
            label.text, label.spot, xytext=label.offset, textcoords="offset points", ha="center", va="center",
            fontsize=7.5, color="white", parse_math=False, gid="d-spacing",
            path_effects=[withStroke(linewidth=1.8, foreground="black")],
        )  # fmt: skip
