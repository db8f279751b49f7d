"""The benchmark of speed: it still runs, judges the maps, and its floor counts what it says."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SPEED = Path(__file__).resolve().parents[2] / "benchmarks" / "speed"


@pytest.fixture
def floor(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SPEED))
    return importlib.import_module("floor")


def test_it_runs_and_writes_what_it_prints(tmp_path: Path):
    command = [sys.executable, SPEED, "--size", "160", "--window", "32", "--step", "8", "--repeats", "1", "--plot"]
    command += [tmp_path / "picture.png", "-o"]
    report = subprocess.run(
        [str(word) for word in (*command, tmp_path / "table.md")], capture_output=True, text=True, check=False
    )
    assert report.returncode == 0, report.stderr
    assert report.stdout == (tmp_path / "table.md").read_text("utf-8")
    rows = {line.split(" | ")[0].lstrip("| "): line.split(" | ") for line in report.stdout.splitlines() if "| " in line}
    assert {"fftscape", "fftscape, plain", "scikit-learn", "`fftscape run`", "`fftscape run --no-report`"} <= set(rows)
    # Both factorize the same spectra into the same number of components.
    assert (tmp_path / "picture.png").stat().st_size > 5000
    errors = [float(rows[name][6]) for name in ("fftscape, plain", "scikit-learn")]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)


def test_the_floor_counts_transforms_and_bytes(floor: ModuleType, monkeypatch: pytest.MonkeyPatch):
    # A window of 4 on an image of 6x8 every 2 pixels: 3 columns of windows, 2 rows; a transform of 4 costs 5*4*2 flops.
    rows, columns = 6 * 3 / 2, 3 * 2 * 3
    bytes_moved = 4 * 4 * 3 * 2 * 4 * 3
    expected = (rows + columns) * 40 / 2e9 + bytes_moved / 3e9
    assert floor.seconds(floor.Machine(2.0, 3.0), (6, 8), 4, 2) == pytest.approx(expected)
    monkeypatch.setattr(floor, "_SECONDS", 0.05)
    measured = floor.measured(64)
    assert np.isfinite([measured.gflops, measured.gbytes]).all()
    assert min(measured.gflops, measured.gbytes) > 0.1
