"""Odd, broken and hostile files and those of many microscopes in one batch: each as expected, none costs another."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fftscape.batch.verify import verify

pytestmark = pytest.mark.long


def run(inputs: list[Path], output: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fftscape", "run", *map(str, inputs), "-o", str(output), "--no-report"]
    command += ["--jobs", "2", "--memory", "2GiB"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)


def table(output: Path, name: str) -> dict[str, dict[str, str]]:
    with (output / name).open(encoding="utf-8", newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_bad_files_cost_no_byte_of_the_good_ones(
    shared_data: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    pytest.importorskip("rsciio")
    made = [sys.executable, str(shared_data / "make_odd_files.py"), str(tmp_path / "odd")]
    subprocess.run(made, check=True, capture_output=True)
    expected = json.loads((tmp_path / "odd" / "expected.json").read_text("utf-8"))
    odd = [tmp_path / "odd" / name for name in sorted(expected)]
    vendor = [path for path in sorted((shared_data / "vendor").rglob("*")) if path.is_file()]
    ran = run(odd + vendor, tmp_path / "all")
    assert ran.returncode == 3
    assert "Traceback" not in ran.stderr
    rows, failures = table(tmp_path / "all", "summary.csv"), table(tmp_path / "all", "failures.csv")
    assert len(rows) == len(odd) + len(vendor)
    for path in odd:
        wanted = "failed" if expected[path.name]["expect"] == "error" else "done"
        assert rows[str(path)]["status"] == wanted, (path.name, failures.get(str(path)))
    for image, failure in failures.items():
        assert failure["reason"]
        assert "\n" not in failure["reason"]
        assert sum(line.startswith(f"{image}: ") for line in ran.stderr.splitlines()) == 1
    good = [path for path in odd + vendor if rows[str(path)]["status"] == "done"]
    assert len(good) == len(rows) - len(failures) >= 57
    assert run(good, tmp_path / "good").returncode == 0
    again = table(tmp_path / "good", "summary.csv")
    n_bytes = 0
    for path in map(str, good):  # where two have one name, the numbers behind it may differ
        alone, among = (
            content(tmp_path / "good" / again[path]["result"]),
            content(tmp_path / "all" / rows[path]["result"]),
        )
        assert among == alone, path
        n_bytes += sum(map(len, alone.values()))
    for folder in ("all", "good"):
        assert not any(verdict.problems for verdict in verify(tmp_path / folder))
    record_property("files", f"{len(odd)} odd and {len(vendor)} of microscopes")
    record_property("refused", len(failures))
    record_property("equal with and without them", f"{len(good)} results, {n_bytes} bytes")
    seconds = {image: float(rows[image]["seconds"] or 0) for image in failures}
    slowest = max(seconds, key=seconds.__getitem__)
    record_property("slowest refusal", f"{seconds[slowest]} s, {Path(slowest).name}")
