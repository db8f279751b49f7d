"""The CSV tables hold the record's numbers, counted from 1, with units in their headers."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fftscape.files.tables import write_csv, write_tables
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.errors import UnwritableOutputError


def read(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_peaks(made_record: AnalysisRecord, tmp_path: Path) -> None:
    write_tables(made_record, tmp_path)
    assert read(tmp_path / "peaks.csv") == [
        {
            "component_number": "1", "spot_number": "1", "d_spacing_nm": "0.128", "d_spacing_uncertainty_nm": "0.001",
            "angle_deg": "32", "angle_uncertainty_deg": "0.4", "frequency_y_per_nm": "-6.25",
            "frequency_x_per_nm": "5", "intensity": "1", "significance": "40",
        },
        {
            "component_number": "2", "spot_number": "1", "d_spacing_nm": "0.12", "d_spacing_uncertainty_nm": "0.002",
            "angle_deg": "0", "angle_uncertainty_deg": "0.6", "frequency_y_per_nm": "0",
            "frequency_x_per_nm": "8.333333", "intensity": "1", "significance": "30",
        },
    ]  # fmt: skip


def test_components(made_record: AnalysisRecord, tmp_path: Path) -> None:
    peaks = made_record.peaks
    two_in_one = dataclasses.replace(peaks, component=np.array([1, 1]))
    write_tables(dataclasses.replace(made_record, peaks=two_in_one), tmp_path)
    first, second = read(tmp_path / "components.csv")
    assert (first["component_number"], first["share"], first["n_spots"]) == ("1", "0.6", "0")
    assert first["strongest_d_spacing_nm"] == first["strongest_angle_deg"] == ""
    np.testing.assert_allclose(float(first["area_fraction"]), made_record.area_fractions[0], rtol=1e-9)
    assert (second["component_number"], second["n_spots"]) == ("2", "2")
    assert (second["strongest_d_spacing_nm"], second["strongest_d_spacing_uncertainty_nm"]) == ("0.128", "0.001")


def test_scree(made_record: AnalysisRecord, tmp_path: Path) -> None:
    write_tables(made_record, tmp_path)
    rows = read(tmp_path / "scree.csv")
    assert [row["number"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["above_threshold"] for row in rows] == ["yes", "yes", "no", "no", "no"]
    assert [float(row["explained_variance"]) for row in rows] == [9, 3, 0.6, 0.5, 0.4]
    assert [float(row["noise_variance"]) for row in rows] == [0.9, 0.8, 0.7, 0.6, 0.5]
    assert {row["threshold"] for row in rows} == {"1.8"}


@pytest.mark.parametrize("n_components", [1, 3, 5])
def test_above_the_threshold_is_not_the_number_of_components(made_record: AnalysisRecord, tmp_path: Path,
                                                             n_components: int) -> None:  # fmt: skip
    scree = dataclasses.replace(made_record.scree, n_components=n_components)
    write_tables(dataclasses.replace(made_record, scree=scree), tmp_path)
    assert [row["above_threshold"] for row in read(tmp_path / "scree.csv")] == ["yes", "yes", "no", "no", "no"]


def test_scree_without_reference_has_empty_cells(made_record: AnalysisRecord, tmp_path: Path) -> None:
    scree = dataclasses.replace(made_record.scree, null_variance=None, threshold=None)
    write_tables(dataclasses.replace(made_record, scree=scree), tmp_path)
    columns = ("noise_variance", "threshold", "above_threshold")
    assert {tuple(row[name] for name in columns) for row in read(tmp_path / "scree.csv")} == {("", "", "")}


@pytest.mark.parametrize(
    ("unit", "distance", "frequency"),
    [
        ("px", "d_spacing_px", "frequency_x_per_px"),
        ("um", "d_spacing_um", "frequency_x_per_um"),
        ("1/nm", "d_spacing_per_nm", "frequency_x_nm"),
    ],
)
def test_headers_name_the_unit(made_record: AnalysisRecord, tmp_path: Path, unit: str, distance: str,
                               frequency: str) -> None:  # fmt: skip
    record = dataclasses.replace(
        made_record,
        image=dataclasses.replace(made_record.image, unit=unit),
        peaks=dataclasses.replace(made_record.peaks, unit=unit),
    )
    write_tables(record, tmp_path)
    assert {distance, frequency} <= set(read(tmp_path / "peaks.csv")[0])


def test_pandas_reads_numbers(made_record: AnalysisRecord, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    write_tables(made_record, tmp_path)
    table = pandas.read_csv(tmp_path / "peaks.csv")
    assert table["frequency_y_per_nm"].tolist() == [-6.25, 0.0]
    assert table["component_number"].dtype == int


def test_cells(tmp_path: Path) -> None:
    rows = [
        ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "\rx"],
        [-1.5, float("nan"), None, np.float32(0.25), np.int64(-3), np.bool_(False)],
        ['say "yes", no', "two\nlines", "ångström", "caf\udce9", True, "NUL\0"],
    ]
    write_csv(tmp_path / "cells.csv", ["a", "=b", "c", "d", "e", "f"], rows)
    with open(tmp_path / "cells.csv", encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["a", "'=b", "c", "d", "e", "f"],
            ["'=cmd|' /C calc'!A0", "'+1", "'-1", "'@x", "'\tx", "'\nx"],
            ["-1.5", "", "", "0.25", "-3", "no"],
            ['say "yes", no', "two\nlines", "ångström", "caf\\udce9", "yes", "NUL"],
        ]


def test_bytes(tmp_path: Path) -> None:
    write_csv(tmp_path / "small.csv", ["name", "value"], [["µ", 1e-12], ["b", 1 / 3]])
    assert (tmp_path / "small.csv").read_bytes() == "name,value\nµ,1e-12\nb,0.3333333333\n".encode()


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnwritableOutputError, match=r"Cannot write .*none.*: No such file"):
        write_csv(tmp_path / "none" / "a.csv", ["a"], [])
