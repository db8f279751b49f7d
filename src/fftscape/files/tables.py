"""The tables: scree, components and spots as CSV files for pandas and spreadsheets.

In these files people count: component, spot and eigenvalue numbers start at 1, as in the report's
text. In Python (`Peaks.component`, `labels`, the Zarr store) the same component has the index one
below. Column names end with the unit; an empty cell means that there is no value.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fftscape.files.plain import as_text
from fftscape.files.write_errors import named_write_errors
from fftscape.model.analysis import AnalysisRecord

# A spreadsheet runs a cell that begins with one of these as a formula; a leading apostrophe makes it text.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\n")


def write_csv(path: str | os.PathLike[str], header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    r"""Write one table: UTF-8, commas, '.' in decimals, lines ending in '\n'.

    Parameters
    ----------
    path : path-like
        The file; replaced if it exists.
    header : sequence of str
        Column names.
    rows : iterable of sequences
        Numbers are written with up to ten digits, None and NaN as empty cells, booleans as yes
        and no; text that a spreadsheet would run as a formula gets a leading apostrophe.

    Raises
    ------
    UnwritableOutputError
        If the file system refuses.
    """
    with named_write_errors(path), open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([_cell(name) for name in header])
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        return "" if math.isnan(number) else f"{number:.10g}"
    text = as_text(value).replace("\0", "").replace("\r", "\n")  # the csv module leaves a bare '\r' unquoted
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def write_tables(record: AnalysisRecord, folder: str | os.PathLike[str]) -> None:
    """Write ``scree.csv``, ``components.csv`` and ``peaks.csv``.

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
    """
    folder = Path(folder)
    unit, per_unit = _suffix(record.peaks.unit), _suffix(record.frequency_unit)
    write_csv(
        folder / "scree.csv",
        ("number", "explained_variance", "explained_variance_ratio", "noise_variance", "threshold", "above_threshold"),
        _scree_rows(record),
    )
    write_csv(
        folder / "components.csv",
        (
            "component_number", "share", "area_fraction", "area_uncertainty", "stability", "variation", "n_spots",
            f"strongest_d_spacing_{unit}",
            f"strongest_d_spacing_uncertainty_{unit}", "strongest_angle_deg",
        ),
        _component_rows(record),
    )  # fmt: skip
    write_csv(
        folder / "peaks.csv",
        (
            "component_number", "spot_number", f"d_spacing_{unit}", f"d_spacing_uncertainty_{unit}", "angle_deg",
            "angle_uncertainty_deg", f"frequency_y_{per_unit}", f"frequency_x_{per_unit}", "intensity", "significance",
        ),
        _peak_rows(record),
    )  # fmt: skip


def _suffix(unit: str) -> str:
    return f"per_{unit[2:]}" if unit.startswith("1/") else unit


def _scree_rows(record: AnalysisRecord) -> Iterable[tuple[Any, ...]]:
    scree = record.scree
    null = [None] * len(scree.explained_variance) if scree.null_variance is None else scree.null_variance
    columns = zip(scree.explained_variance, scree.explained_variance_ratio, null, strict=True)
    for number, (variance, ratio, noise) in enumerate(columns, 1):
        above = None if scree.threshold is None else variance > scree.threshold
        yield number, variance, ratio, noise, scree.threshold, above


def _component_rows(record: AnalysisRecord) -> Iterable[tuple[Any, ...]]:
    for index in range(record.n_components):
        spots = record.peaks.of(index)
        # Spots are in falling order of strength.
        strongest = (spots.d_spacing[0], spots.d_spacing_uncertainty[0], spots.angle[0]) if len(spots) else (None,) * 3
        found = (
            record.shares[index], record.area_fractions[index], record.area_uncertainties[index],
            record.stability[index], record.variation[index],
        )  # fmt: skip
        yield index + 1, *found, len(spots), *strongest


def _peak_rows(record: AnalysisRecord) -> Iterable[tuple[Any, ...]]:
    for index in range(record.n_components):
        columns = [column for name, column in record.peaks.of(index).columns.items() if name != "component"]
        for number, values in enumerate(zip(*columns, strict=True), 1):
            yield index + 1, number, *values
