"""The benchmark of speed: it still runs, judges the maps, and its floor counts what it says."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import fields
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
    command += [tmp_path / "picture.png", "--ways", "fftscape", "fftscape, plain", "-o"]
    report = subprocess.run(
        [str(word) for word in (*command, tmp_path / "table.md")], capture_output=True, text=True, check=False
    )
    assert report.returncode == 0, report.stderr
    assert report.stdout == (tmp_path / "table.md").read_text("utf-8")
    rows = {line.split(" | ")[0].lstrip("| "): line.split(" | ") for line in report.stdout.splitlines() if "| " in line}
    assert {"fftscape", "fftscape, plain", "scikit-learn", "`fftscape run`", "`fftscape run --no-report`"} <= set(rows)
    assert "fftscape, maps" not in rows  # it was not asked for
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


# What may differ from the first line of the table, and together.
ALONE = ({"side"}, {"components"}, {"window"}, {"step"}, {"window", "step"}, set())


@pytest.fixture
def scaling(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SPEED))
    return importlib.import_module("scaling")


def test_growth_is_asked_of_one_thing_at_a_time(scaling: ModuleType):
    first, *others = scaling.cases(2048, [1024, 8192])
    words = {case.name: case.words for case in others}
    assert words["image 1024x1024"] == ("again",)
    assert words["image 8192x8192"] == ("memory=900MiB",)
    assert words["one thread"] == ("again", "threads=1")
    for case in others:
        differ = [item.name for item in fields(case) if getattr(case, item.name) != getattr(first, item.name)]
        assert set(differ) - {"name", "words"} in ALONE
        assert case.words != first.words or len(differ) > 1
    assert max(case.window for case in scaling.cases(200, [])) < 200


def test_growth_is_measured_and_told(scaling: ModuleType):
    case = scaling.Case("small", 160, window=32, step=8, components=2, words=("plain", "threads=1"))
    (one,) = scaling.measured([case])
    assert one.n_windows == 17 * 17
    assert 0 < one.seconds < 100
    line = scaling.table([one])[-1]
    assert line == f"| small | 289 | {one.seconds:.2f} | {1e6 * one.seconds / 289:.0f} | {one.peak_mib:.0f} |"


@pytest.fixture
def speed(scaling: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program itself, whose neighbours it finds on the path."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    specification = importlib.util.spec_from_file_location("speed", SPEED / "__main__.py")
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "speed", module)  # where dataclasses look
    specification.loader.exec_module(module)
    return module


def test_the_page_shows_growth_where_it_was_asked_for(speed: ModuleType, scaling: ModuleType):
    assert speed.parsed(["--scaling", "1024", "4096"]).scaling == [1024, 4096]
    runs = {"fftscape": speed.Runs([1.0], [2.0], {"analyze": [1.0]}, 300.0, 0.2, 0.9)}
    grown = [scaling.Measured(scaling.Case("image 1024x1024", 1024), 0.5, 200.0)]
    pages = [speed.page(speed.parsed([]), runs, {}, speed.floor.Machine(2.0, 3.0), found) for found in ([], grown)]
    assert "Growth" not in pages[0]
    assert "| image 1024x1024 | 3,721 | 0.50 | 134 | 200 |" in pages[1]


# Runs the flow, and prints what it asked of an analysis; a cluster is asked for only, not started.
EFFECT = """
import json, sys
import fftscape as fs
from fftscape.compute import executors
original, seen = fs.analyze, {}
def noting(image, **options):
    if options["scheduler"] is None:
        seen.update(options, threads=executors._most_threads)
        seen["settings"] = [options["settings"].rank.rule, options["settings"].segmentation.sharpen]
        seen["count"] = seen.get("count", 0) + 1
        return original(image, **options)
    seen.update(scheduler=options["scheduler"])
    return original(image, **{**options, "scheduler": None})
fs.analyze = noting
sys.argv = sys.argv[1:]
exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"))
names = "memory", "scheduler", "threads", "settings", "count", "n_components"
print(json.dumps({name: seen.get(name) for name in names}))
"""


@pytest.mark.parametrize(
    ("words", "effect"),
    [
        ((), {"memory": None, "threads": None, "settings": ["regions", True], "count": 1, "n_components": None}),
        (("maps", "threads=1"), {"settings": ["regions", False], "n_components": None, "threads": 1}),
        (("plain", "again"), {"settings": ["noise-null", False], "n_components": 2, "count": 2}),
        (("memory=300MiB",), {"memory": "300MiB"}),
        (("scheduler=local",), {"scheduler": "local"}),
    ],
    ids=str,
)
def test_words_of_our_flow_have_their_effect(words: tuple[str, ...], effect: dict[str, object], tmp_path: Path):
    y, x = np.mgrid[:100, :130]
    np.save(tmp_path / "image.npy", np.where(x < 70, np.sin(x * 0.8), np.sin(y * 1.2)))
    flow = [SPEED / "fftscape_flow.py", tmp_path / "image.npy", 24, 8, 2, tmp_path, *words]
    command = [sys.executable, "-c", EFFECT, *map(str, flow)]
    environment = {**os.environ, "PYTHONPATH": str(SPEED)}
    report = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert report.returncode == 0, report.stderr
    assert effect.items() <= json.loads(report.stdout.splitlines()[-1]).items()


def test_words_that_mean_nothing_are_refused(tmp_path: Path):
    command = [sys.executable, SPEED / "fftscape_flow.py", "image.npy", "24", "8", "2", tmp_path, "plane", "thread=1"]
    report = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert report.returncode != 0
    assert "plane, thread=1" in report.stderr
