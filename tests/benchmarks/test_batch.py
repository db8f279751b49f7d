"""The benchmark of a batch: it runs, kills and resumes; and with it: many images take no more and more memory."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

BATCH = Path(__file__).resolve().parents[2] / "benchmarks" / "batch"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory and processes as Linux tells them")


def report(folder: Path, *options: str) -> dict:
    command = [sys.executable, str(BATCH), "-o", str(folder / "work"), *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3000)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads((folder / "work" / "report.json").read_text("utf-8"))


def test_it_kills_resumes_and_compares(tmp_path: Path):
    told = report(tmp_path, "--images", "6", "--side", "128", "--alone", "3")
    # What was published between the third line and the kill is not done again.
    assert [leg["images"] for leg in told["legs"]] == [3, 6 - told["published_when_killed"]]
    assert 3 <= told["published_when_killed"] < told["published"] == 6
    assert told["computed_again"] == told["alone_and_batch_differ"] == 0
    assert all(100 < leg["peak_mib"] < 2048 and leg["processor_seconds"] > 0 for leg in told["legs"])
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["report.json"]


@pytest.mark.long
def test_memory_does_not_grow_over_500_images(tmp_path: Path, record_property: Callable[[str, object], None]):
    told = report(tmp_path, "--images", "1000", "--side", "128", "--memory-mib", "1024")
    for number, leg in enumerate(told["legs"]):
        record_property(f"leg {number}", leg)
    # Only the run from the beginning: the one that goes on first looks up 500 finished results, in workers that have
    # not analysed anything and are half as large. What a run keeps of 300 images for its tables, and more for chance.
    assert told["legs"][0]["images"] == 500
    assert told["legs"][0]["growth_mib"] < 16
