"""The ImageJ stacks: loadings, factors and labels as calibrated TIFF files for Fiji."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.files.write_errors import named_write_errors
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.image import PIXEL_UNIT

# ImageJ's own names; 'micron' is the only spelling that it shows as µm and converts.
IMAGEJ_UNITS = {PIXEL_UNIT: "pixel", f"1/{PIXEL_UNIT}": "1/pixel", "um": "micron", "1/um": "1/micron"}
SMALLEST, LARGEST = 1e-8, 1e5

LABELS_INFO = (
    "fftscape labels: 0 = no window covers the pixel, k = component k is the strongest (components counted from 1,"
    " as in the CSV tables; in Python the same component has index k - 1)."
)
LOADINGS_INFO = (
    "fftscape loadings: one slice for each component, one pixel for each window, placed at the window's centre."
    " NaN where a window takes no part. The last row and column may lie nearer than one pixel to the one before."
)
FACTORS_INFO = "fftscape factors: one spectrum for each component, zero frequency at the origin, cycles per unit."


@dataclass(frozen=True)
class _Calibration:
    """How ImageJ turns pixels into distances: size of a pixel and the pixel where the distance is zero, (y, x)."""

    size: tuple[float, float]
    origin: tuple[float, float]
    unit: str


def write_tiffs(record: AnalysisRecord, folder: str | os.PathLike[str]) -> None:
    """Write ``loadings.tif``, ``factors.tif`` and ``labels.tif`` as ImageJ stacks.

    Parameters
    ----------
    record : AnalysisRecord
        What to write.
    folder : path-like
        An existing folder.

    Raises
    ------
    UnwritableOutputError
        If the file system refuses.

    Notes
    -----
    Loadings and factors are float32 with one slice for each component; labels are unsigned
    integers with 0 for pixels without a label and k for component k, counted from 1, because
    ImageJ has no negative integers. Pixel sizes along y and x may differ.
    """
    folder = Path(folder)
    image, grid = record.image, record.grid
    step = grid.step[0] * image.pixel_size[0], grid.step[1] * image.pixel_size[1]
    first = -float(grid.centres_y[0]) / grid.step[0], -float(grid.centres_x[0]) / grid.step[1]
    frequency = 1 / (grid.size[0] * image.pixel_size[0]), 1 / (grid.size[1] * image.pixel_size[1])
    centre = float(grid.size[0] // 2), float(grid.size[1] // 2)
    slices = [f"component {k} ({100 * share:.1f} %)" for k, share in enumerate(record.shares, 1)]

    maps = _Calibration(step, first, image.unit)
    _write(folder / "loadings.tif", record.loadings, maps, slices=slices, info=LOADINGS_INFO)
    spectra = _Calibration(frequency, centre, record.frequency_unit)
    _write(folder / "factors.tif", record.factors, spectra, slices=slices, info=FACTORS_INFO)
    pixels = _Calibration(image.pixel_size, (0.0, 0.0), image.unit)
    _write(folder / "labels.tif", _counted_from_one(record), pixels, slices=["labels"], info=LABELS_INFO)


def _counted_from_one(record: AnalysisRecord) -> npt.NDArray[Any]:
    kind = np.uint8 if record.n_components < 256 else np.uint16
    return (record.labels + 1).astype(kind)[np.newaxis]


def _write(path: Path, stack: npt.NDArray[Any], calibration: _Calibration, *, slices: Sequence[str], info: str) -> None:
    import tifffile

    calibration = _storable(calibration)
    finite = stack[np.isfinite(stack)]
    metadata = {
        "axes": "ZYX",
        "unit": "".join(letter if letter.isascii() else f"\\u{ord(letter):04X}" for letter in calibration.unit),
        "yorigin": calibration.origin[0],
        "xorigin": calibration.origin[1],
        "min": float(finite.min(initial=0)),
        "max": float(finite.max(initial=0)),
        "Labels": list(slices),
        "Info": info,
    }
    with named_write_errors(path):
        tifffile.imwrite(
            path,
            np.ascontiguousarray(stack),
            imagej=True,
            resolution=(1 / calibration.size[1], 1 / calibration.size[0]),
            metadata=metadata,
        )


def _storable(calibration: _Calibration) -> _Calibration:
    """Return the same calibration in ImageJ's unit names and in numbers that a TIFF holds.

    TIFF keeps pixels per unit as a fraction of two 32-bit integers. Where the pixel is far smaller or larger
    than its unit, a power of ten moves into the unit: 2e-10 m becomes 2 x '1e-10 m'.
    """
    unit = IMAGEJ_UNITS.get(calibration.unit, calibration.unit)
    smallest, largest = min(calibration.size), max(calibration.size)
    if smallest >= SMALLEST and largest <= LARGEST:
        return replace(calibration, unit=unit)
    power = 10.0 ** math.floor(math.log10(smallest))
    height, width = calibration.size
    return replace(calibration, size=(height / power, width / power), unit=f"{power:g} {unit}")
