"""The demo: an image whose answer is known goes the way of every image; found stands beside true."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.files.result_folder import ensure_writable
from fftscape.files.write_errors import named_write_errors
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.image import Image
from fftscape.model.records import Peaks
from fftscape.synthetic import Lattice, Scene
from fftscape.views.wording import below_half_turn

SPOTS_SHOWN = 3
# A spot is right within so many of its own uncertainties, or so near that nobody would mind.
UNCERTAINTIES = 3.0
SPACING_TOLERANCE = 0.01
ANGLE_TOLERANCE = 1.0
AREA_TOLERANCE = 0.05
PIXELS_WANTED = 0.9
RULES = (
    f"right: spots within {UNCERTAINTIES:g} uncertainties or {SPACING_TOLERANCE:.0%} and {ANGLE_TOLERANCE:g}°, "
    f"areas within {100 * AREA_TOLERANCE:g} % of the image, {PIXELS_WANTED:.0%} of the pixels."
)


@dataclass(frozen=True)
class Comparison:
    """One line of the demo's table."""

    what: str
    found: str
    true: str
    is_right: bool


def save_image(image: Image, folder: Path) -> Path:
    """Save the image as a calibrated TIFF, so that it comes back through a reader like any other.

    Parameters
    ----------
    image : Image
        With a physical unit.
    folder : Path
        Made where it does not exist.

    Returns
    -------
    Path
        ``folder/demo.tif``.

    Raises
    ------
    UnwritableOutputError
        If the file system refuses.
    """
    import tifffile

    ensure_writable(folder)
    path = folder / "demo.tif"
    per_unit = 1 / image.pixel_size[1], 1 / image.pixel_size[0]
    with named_write_errors(path):
        tifffile.imwrite(path, image.data, imagej=True, resolution=per_unit, metadata={"unit": image.unit})
    return path


def compare(record: AnalysisRecord, scene: Scene) -> tuple[Comparison, ...]:
    """Put what was found beside what is true.

    Parameters
    ----------
    record : AnalysisRecord
        The result for the scene's image.
    scene : Scene
        The truth.

    Returns
    -------
    tuple of Comparison
        Number of structures, then area and strongest spots of each, then the labels.
    """
    return tuple(_comparisons(record, scene))


def table(comparisons: tuple[Comparison, ...]) -> list[str]:
    """Return the comparisons as aligned lines."""
    rows = [("", "found", "true", "")]
    rows += [(line.what, line.found, line.true, "right" if line.is_right else "WRONG") for line in comparisons]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _comparisons(record: AnalysisRecord, scene: Scene) -> Iterator[Comparison]:
    found, true = record.n_components, scene.n_components
    yield Comparison("number of structures", str(found), str(true), found == true)
    component_of = _matched(record.labels, scene.labels, found, true)
    for region, area in enumerate(scene.area_fractions):
        what = f"structure {region + 1}"
        if region not in component_of:
            yield Comparison(what, "not found", _percent(area), is_right=False)
            continue
        component = component_of[region]
        share = float(record.area_fractions[component])
        is_right = abs(share - area) <= AREA_TOLERANCE
        yield Comparison(f"{what}: area", _percent(share), _percent(area), is_right)
        yield from _spots(what, record.peaks.of(component), scene.lattices[region])
    regions = np.full(found + 1, -2)  # the last place is for the label -1
    for region, component in component_of.items():
        regions[component] = region
    right = float((regions[record.labels] == scene.labels).mean())
    yield Comparison("pixels labelled right", _percent(right), _percent(1.0), right >= PIXELS_WANTED)


def _matched(labels: npt.NDArray[Any], truth: npt.NDArray[Any], found: int, true: int) -> dict[int, int]:
    """Return the component of each region such that as many pixels as possible are labelled right."""
    from scipy.optimize import linear_sum_assignment

    overlap = np.zeros((true, found), np.int64)
    labelled = labels >= 0
    np.add.at(overlap, (truth[labelled], labels[labelled]), 1)
    regions, components = linear_sum_assignment(-overlap)
    return dict(zip(regions.tolist(), components.tolist(), strict=True))


def _spots(what: str, peaks: Peaks, lattice: Lattice) -> Iterator[Comparison]:
    """Compare the strongest spots of a component with the nearest ones of its lattice."""
    if not len(peaks):
        yield Comparison(f"{what}: spots", "none", f"{lattice.spots(0.2)[0, 0]:.4f} {peaks.unit}", is_right=False)
    for row in range(min(SPOTS_SHOWN, len(peaks))):
        d_spacing, d_error = float(peaks.d_spacing[row]), float(peaks.d_spacing_uncertainty[row])
        angle, angle_error = float(peaks.angle[row]), float(peaks.angle_uncertainty[row])
        true_d, true_angle = _nearest(d_spacing, angle, lattice)
        off = abs((angle - true_angle + 90) % 180 - 90)
        yield Comparison(
            f"{what}: spot {row + 1}",
            f"{d_spacing:.4f} ± {d_error:.4f} {peaks.unit} at ({_degrees(angle)} ± {angle_error:.1f})°",
            f"{true_d:.4f} {peaks.unit} at {_degrees(true_angle)}°",
            abs(d_spacing - true_d) <= max(UNCERTAINTIES * d_error, SPACING_TOLERANCE * true_d)
            and off <= max(UNCERTAINTIES * angle_error, ANGLE_TOLERANCE),
        )


def _nearest(d_spacing: float, angle: float, lattice: Lattice) -> tuple[float, float]:
    """Return d-spacing and angle of the lattice's spot that lies nearest in reciprocal space."""
    spots = lattice.spots(0.6 * d_spacing)
    k_true = np.exp(1j * np.radians(spots[:, 1])) / spots[:, 0]
    k = complex(math.cos(math.radians(angle)), math.sin(math.radians(angle))) / d_spacing
    nearest = np.argmin(np.minimum(abs(k_true - k), abs(k_true + k)))
    return float(spots[nearest, 0]), float(spots[nearest, 1])


def _degrees(angle: float) -> str:
    return below_half_turn(f"{angle:.1f}")


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"
