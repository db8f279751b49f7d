"""Analyse the real images that `real-images.md` judges; draw a picture and print a row of numbers for each.

Run by hand, with the folder that holds the images:

    python docs/real_images.py DATA > numbers.md

Pictures go to `docs/images`. They show an image itself only where its licence lets it be copied here (`shown`),
and what was computed from it everywhere; `--complete FOLDER` also writes pictures with every image, to be
looked at and not to be published.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

import fftscape as fs
from fftscape.model.settings import RotationSettings, Settings
from fftscape.views.geometry import image_extent, map_edges
from fftscape.views.panels import plot_factor, plot_image, plot_labels, plot_orientation
from fftscape.views.raster import Blocks, block_means
from fftscape.views.scalebar import draw_scale_bar
from fftscape.views.style import NO_DATA, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Labels = npt.NDArray[np.integer]

DPI = 100
COLOURS = 160
MOST_FACTORS = 9
# Centre (y, x) of the disc of noise in the series of frames that loses its lattice.
DISC = (140, 110)


@dataclass(frozen=True)
class Case:
    """One image, the number that is right for it, and what is tried beside the advisor's window: windows, a number."""

    path: str
    expected: str
    channel: str | None = None
    frame: int | None = None
    windows: tuple[int, ...] = ()
    given: int | None = None
    shown: bool = False
    tolerant: bool = False

    @property
    def name(self) -> str:
        """Return the name of its pictures."""
        parts = [Path(self.path).stem, self.channel, None if self.frame is None else f"frame{self.frame}"]
        return "-".join(part for part in parts if part).replace("_", "-").replace(" ", "-").lower()


CASES = (
    Case("truth/texture_mosaic.png", "3", windows=(64, 48), shown=True),
    Case("truth/sto_polycrystal.tif", "7", windows=(72,)),
    Case("truth/sto_polycrystal.tif", "1 in 7 orientations", tolerant=True),
    *(Case("truth/mos2_disordering_series.tif", "2" if f else "1", frame=f) for f in (0, 2, 6, 8, 9)),
    Case("truth/mos2_disordering_series.tif", "2", frame=4, windows=(96,)),
    Case("stem/ni_m3b2_interface_1024.tif", "2"),
    Case("stem/hea_hrtem_1024.npy", "3-4", windows=(36,), given=4),
    Case("stem/cdte_tilt_gb.dm3", "2"),
    Case("stem/au_grain_boundary_512.png", "2"),
    Case("stem/sto_haadf_1024.ser", "1"),
    Case("stem/mos2_haadf_7nm.npy", "2"),
    Case("stem/oxide_film_stack.dm4", "2-3", windows=(32,)),
    Case("stem/lattice_dark_band_256.png", "2"),
    Case("stem/soot_hrtem_fringes_1024.png", "2"),
    Case("stem/cross_grating_tem_512.tif", "1"),
    Case("stem/atomap_adf_400x380.hdf5", "1"),
    Case("spm/febr2_au111_4nm.sxm", "2", given=2),
    Case("spm/cu2o_111_stm_15nm.txt", "1"),
    Case("spm/molecules_on_graphene_4nm.sxm", "1"),
    Case("spm/rgo_current_afm_15nm.tif", "3", given=3),
    Case("spm/pzt_pfm_domains_2um.h5", "2", channel="AmplitudeRetrace", given=2),
    Case("spm/pzt_pfm_domains_2um.h5", "1", channel="HeightRetrace"),
    Case("spm/pfm_domains_5um.ibw", "2", channel="Amplitude1Retrace"),
    Case("spm/colloid_afm_15um.004", "1"),
    Case("spm/wsxm_500nm.top", "1"),
    Case("sem/zeiss_grain_boundary_50kx.tif", "2"),
    Case("sem/zeiss_grains_105x.tif", "1"),
    Case("sem/superalloy_two_gamma_prime_15kx.tif", "2-3", given=2),
    Case("sem/superalloy_etched_45kx_rgb48.tif", "1-2"),
    Case("sem/rbc_cytoskeleton_250kx_fei.tif", "1", shown=True),
    Case("sem/silver_dendrites_100kx_sis.tif", "2"),
    Case("fluo/hela_cells_3ch_16bit.tif", "2-4", channel="luminance", windows=(36,)),
    Case("fluo/hela_cells_3ch_16bit.tif", "2-4", channel="green", given=3),
    Case("fluo/hela_cells_3ch_16bit.tif", "2", channel="blue"),
    Case("fluo/bpae_actin_float32.tif", "2 or more"),
    Case("fluo/drosophila_kc167_nuclei.tif", "2"),
    Case("fluo/maize_root_clsm.tif", "3", given=3),
    Case("photo/starry_night.jpg", "3-4", given=4),
    Case("photo/camera.png", "2-4", given=3, shown=True),
    Case("photo/brick.png", "1", shown=True),
    Case("photo/grass.png", "1", shown=True),
    Case("photo/gravel.png", "1", shown=True),
    Case("series/cell_migration_48f.tif", "1-2", frame=0),
    Case("series/cell_migration_48f.tif", "1-2", frame=47),
    Case("series/membrane_timelapse_5f.tif", "as frame 4", frame=0),
    Case("series/membrane_timelapse_5f.tif", "as frame 0", frame=4),
    Case("series/stem_drift_5f.ser", "as frame 4", frame=0),
    Case("series/stem_drift_5f.ser", "as frame 0", frame=4),
    Case("vendor/mrc_stack.mrc", "1"),
    Case("vendor/dm3_haadf_plus_plot.dm3", "1"),
    Case("vendor/tiff_fei_helios_black.tif", "1"),
    Case("vendor/velox_haadf_512.emd", "2"),
    Case("vendor/jeol_np_haadf.dm4", "2"),
    Case("vendor/sio2_spheres.hspy", "1-2"),
    Case("vendor/agx_rosettasciio_fails.dm3", "2"),
    Case("vendor/digitalsurf_pillars.sur", "1"),
)


def main() -> None:
    """Analyse, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the images")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--complete", type=Path, help="folder for pictures that show every image")
    parser.add_argument("--only", default="", help="only the cases with this in their name")
    parser.add_argument("--window", type=int, action="append", default=[], help="try this window, too")
    arguments = parser.parse_args()
    print("| picture | expected | found | window | confidence | also | areas (%) | ARI | time (s) |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for case in CASES:
        if arguments.only not in case.name:
            continue
        trials = [(None, None), *((window, None) for window in (*case.windows, *arguments.window))]
        for window, given in [*trials, *([(None, case.given)] if case.given else [])]:
            name = f"real-{case.name}" + ("-turned" if case.tolerant else "")
            name += (f"-w{window}" if window else "") + (f"-n{given}" if given else "")
            try:
                analysis, seconds = analysed(case, window, given, arguments.data)
            except Exception as error:  # One crash is a row of the table, not the end of it.
                print(f"| {name} | {case.expected} | {type(error).__name__}: {error} |", flush=True)
                continue
            save(drawn(analysis, shown=case.shown), arguments.out / f"{name}.png")
            if arguments.complete is not None:
                save(drawn(analysis, shown=True), arguments.complete / f"{name}.png")
            print(row(name, case, analysis, seconds, arguments.data), flush=True)


def analysed(case: Case, window: int | None, given: int | None, data: Path) -> tuple[fs.Analysis, float]:
    """Analyse an image by default settings; None leaves window or number to be found."""
    image = fs.read(data / case.path, channel=case.channel, frame=case.frame)
    settings = msgspec.structs.replace(Settings(), rotation=RotationSettings(tolerant=case.tolerant))
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        analysis = fs.analyze(image, window=window, n_components=given, settings=settings)
    return analysis, time.perf_counter() - began


def row(name: str, case: Case, analysis: fs.Analysis, seconds: float, data: Path) -> str:
    """Return a row of the table and, below it as comments, what else helps to judge."""
    scree, truth = analysis.scree, known_labels(case, analysis.image.shape, data)
    areas = ", ".join(
        f"{100 * part:.1f} ± {100 * error:.1f}"
        for part, error in zip(analysis.area_fractions, analysis.area_uncertainties, strict=True)
    )
    confidence = "" if scree.confidence is None else f"{scree.confidence:.2f}"
    agreement = "" if truth is None else f"{rand_index(truth, analysis.labels):.3f}"
    also = ", ".join(str(n) for n in scree.alternatives)
    size = "x".join(str(n) for n in dict.fromkeys(analysis.grid.size))
    cells = (name, case.expected, analysis.n_components, size, confidence, also, areas, agreement, f"{seconds:.1f}")
    return "\n".join(["| " + " | ".join(map(str, cells)) + " |", *(f"<!-- {line} -->" for line in details(analysis))])


def details(analysis: fs.Analysis) -> Iterator[str]:
    """Yield the reason, notes, stability, variation, abruptness and the strongest spots."""
    yield analysis.scree.reason
    yield from (note for note in analysis.notes if "are the same structure turned" not in note)
    yield f"{sum('are the same structure turned' in note for note in analysis.notes)} pairs are one structure, turned"
    seen = analysis.abruptness[np.isfinite(analysis.abruptness)]
    levels = np.percentile(seen, [5, 50, 95, 100]) if seen.size else []
    numbers = {"stability": analysis.stability, "variation": analysis.variation, "abruptness 5/50/95/100": levels}
    yield "; ".join(f"{key} {', '.join(f'{value:.2f}' for value in values)}" for key, values in numbers.items())
    for k in range(analysis.n_components):
        spots = analysis.peaks.of(k)
        strongest = [f"{d:.4g} at {a:.0f}°" for d, a in zip(spots.d_spacing[:5], spots.angle[:5], strict=True)]
        yield f"{k + 1}: {len(spots)} spots; {', '.join(strongest)} ({spots.unit})"


def known_labels(case: Case, shape: tuple[int, ...], data: Path) -> Labels | None:
    """Return the true label of each pixel where it is known."""
    from PIL import Image

    labels = data / case.path.replace(Path(case.path).suffix, "_labels.png")
    if labels.exists() and not case.tolerant:
        return np.asarray(Image.open(labels))
    if "disordering" not in case.path or not case.frame:
        return None
    y, x = np.indices(shape)
    # Its radius grows by the same length from frame to frame.
    return np.asarray(np.hypot(y - DISC[0], x - DISC[1]) <= 150 * case.frame / 9).astype(int)


def rand_index(truth: Labels, found: Labels) -> float:
    """Return the adjusted Rand index over the pixels that have a label."""
    inside = found >= 0
    pairs = np.zeros((int(truth.max()) + 1, int(found.max()) + 1))
    np.add.at(pairs, (truth[inside], found[inside]), 1)

    def twos(counts: npt.NDArray[np.float64]) -> float:
        return float((counts * (counts - 1) / 2).sum())

    together, one, other = twos(pairs), twos(pairs.sum(axis=1)), twos(pairs.sum(axis=0))
    by_chance = one * other / twos(np.array([pairs.sum()]))
    most = (one + other) / 2
    return 1.0 if most == by_chance else (together - by_chance) / (most - by_chance)


@styled
def drawn(analysis: fs.Analysis, *, shown: bool) -> Figure:
    """Draw image (where it is shown), labels, abruptness or orientation, and the factors."""
    from matplotlib.figure import Figure

    height, width = analysis.image.shape
    aspect = min(max(height / width, 0.6), 1.1)
    panels = 4 if shown else 3
    # Narrow columns hold the legend of the labels and the colours of orientations.
    columns = [1.0] * (panels - 2) + [0.26, 1.0, 0.001 if analysis.orientation is None else 0.12, 1.0]
    # Panels are of one size whether the image is among them or not.
    wide = 10.0 if shown else 7.8
    panel = 0.97 * wide / (sum(columns) + 0.05 * len(columns))
    tall = 0.4 + panel * aspect
    figure = Figure(figsize=(wide, tall), dpi=DPI)
    grid = figure.add_gridspec(
        1, panels + 2, width_ratios=columns, left=0.01, right=0.99, top=1 - 0.3 / tall, bottom=0.05 / tall, wspace=0.05
    )
    if shown:
        blocks = block_means(analysis.image.data)
        plot_image(analysis, figure.add_subplot(grid[0]), blocks=blocks)
    else:
        blocks = Blocks(np.full((height, width), np.nan), (1, 1))
    plot_labels(analysis, figure.add_subplot(grid[panels - 3]), blocks=blocks).set_title("Labels")
    changes = figure.add_subplot(grid[panels - 1])
    if analysis.orientation is not None:
        plot_orientation(analysis, changes)
    elif np.isfinite(analysis.abruptness).any():
        draw_abruptness(analysis, changes)
    else:
        draw_margin(analysis, changes)
    n = min(analysis.n_components, MOST_FACTORS)
    side = int(np.ceil(np.sqrt(n)))
    inner = grid[panels + 1].subgridspec(-(-n // side), side, wspace=0.08, hspace=0.08)
    for k in range(n):
        small_factor(analysis, k, figure.add_subplot(inner[k // side, k % side]))
    return figure


def draw_abruptness(analysis: fs.Analysis, ax: Axes) -> None:
    """Draw how abruptly the spectra change around each window."""
    y_edges, x_edges = map_edges(analysis)
    values = np.ma.masked_invalid(analysis.abruptness)
    ax.pcolormesh(x_edges, y_edges, values, cmap="magma", vmin=0, antialiased=False, linewidth=0, rasterized=True)
    ax.set_title(f"Abruptness, 0 to {float(values.max()):.3g}")
    framed(analysis, ax)


def draw_margin(analysis: fs.Analysis, ax: Axes) -> None:
    """Draw how clearly each pixel belongs to its component."""
    values = np.ma.masked_invalid(analysis.segmentation.margin)
    extent = image_extent(analysis.image).for_imshow
    ax.imshow(values, cmap="cividis", vmin=0, vmax=1, interpolation="antialiased", extent=extent)
    ax.set_title("Margin, 0 to 1")
    framed(analysis, ax)


def framed(analysis: fs.Analysis, ax: Axes) -> None:
    """Give a map the image's limits and a scale bar."""
    extent = image_extent(analysis.image)
    ax.set_facecolor(NO_DATA)
    ax.set_xlim(extent.left, extent.right)
    ax.set_ylim(extent.bottom, extent.top)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_aspect("equal", anchor="NW")
    draw_scale_bar(ax, extent, analysis.image.unit, colour="black", rim="white")


def small_factor(analysis: fs.Analysis, component: int, ax: Axes) -> None:
    """Draw a factor without axes, numbers and circles."""
    plot_factor(analysis, component, ax)
    ax.set_title("")
    ax.set_xlabel("")
    ax.set_ylabel("")
    ax.set_xticks([])
    ax.set_yticks([])
    for artist in (*ax.texts, *(line for line in ax.lines if line.get_gid() == "spots")):
        artist.remove()
    ax.text(0.04, 0.95, str(component + 1), color="white", fontsize=8, va="top", transform=ax.transAxes)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a small PNG of few colours."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
