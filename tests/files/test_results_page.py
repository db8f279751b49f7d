"""The page on results names what is written."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from fftscape.files.dataset import variables
from fftscape.files.tables import write_tables
from fftscape.model.analysis import AnalysisRecord

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "results.md").read_text("utf-8")


def table(first_column: str) -> list[list[str]]:
    """Return the cells of the rows below a heading."""
    _, _, below = PAGE.partition(f"| {first_column} |")
    rows = below.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_table_of_variables_is_the_data_set(made_record: AnalysisRecord) -> None:
    windows, components = made_record.grid.shape, made_record.n_components
    record = replace(
        made_record, orientation=np.zeros(windows), orientation_uncertainty=np.zeros(windows),
        orientation_period=np.zeros(components),
    )  # fmt: skip
    dims = {name: variable.dims for name, variable in variables(record).items()}
    told = {
        name: tuple(axes.split(", ")) for names, axes, _ in table("variable") for name in re.findall("`(.+?)`", names)
    }
    peaks = told.pop("peak_...")
    told |= {name: peaks for name in dims if name.startswith("peak_")}
    coordinates = {axis for axes in dims.values() for axis in axes} - {"eigenvalue", "peak"}
    assert told == {name: axes for name, axes in dims.items() if name not in coordinates}
    assert coordinates <= set(dims)


def test_the_columns_of_the_scree_plot(made_record: AnalysisRecord, tmp_path: Path) -> None:
    write_tables(made_record, tmp_path)
    with (tmp_path / "scree.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    (columns,) = [columns for name, columns in table("file") if name == "`scree.csv`"]
    assert re.findall("`(.+?)`", columns) == header
