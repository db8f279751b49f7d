"""Killed or refused at any call and at any time, a batch keeps its promises and goes on where it was."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from fftscape.batch.verify import verify
from fftscape.files.result_folder import MANIFEST, check

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
KILL_POINTS = Path(__file__).with_name("kill_points.py")
# Calls whose errors are survived without a word; docs/promises.md says why that is right for each.
SURVIVED = {
    "the name of the run in its lock": r"(ftruncate|pwrite64) \.fftscape-lock",
    "removing the lock": r"unlink \.fftscape-lock",
    "exchanging two results": r"(renameat2|_exchanged) \.fftscape-staging-\*-\* [ab]",
    "removing the old result": r"(unlinkat|rmdir) \.fftscape-staging-\*-\*\S*|unlink|rmdir",  # relative to a folder
}
SMALL = ("--window", "24x20", "--step", "24x20", "--components", "2", "--no-report", "--memory", "2GiB")


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: syncing thousands of files to a disk takes most of the time."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def run(inputs: list[Path], output: Path, *options: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-m", "fftscape", "run", *map(str, inputs), "-o", str(output), *SMALL, *options]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def content(output: Path) -> dict[str, bytes]:
    return {str(path.relative_to(output)): path.read_bytes() for path in output.glob("*/**/*") if path.is_file()}


@pytest.mark.parametrize("how", ["kill", "error"])
@pytest.mark.parametrize(
    ("calls", "first", "stride"),
    [
        ("python", 150, 400),
        pytest.param("python", random.randrange(1, 40), 40, marks=pytest.mark.long),
        ("system", 20, 30),
        pytest.param("system", 1, 1, marks=pytest.mark.long),
    ],
)
def test_killed_or_refused_at_a_call(
    quick_folder: Path, calls: str, first: int, stride: int, how: str, record_property: Callable[[str, object], None]
) -> None:
    if calls == "system" and shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    command = [sys.executable, str(KILL_POINTS), str(quick_folder / "work"), str(first), str(stride), how, calls]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    record_property("calls", f"{report['new']} of a new batch and {report['replaced']} of one that replaces results")
    record_property("points", f"{report['points']}: from {first} in steps of {stride}")
    record_property("errors told", report["told"])
    record_property("bytes compared", report["bytes"])
    assert report["points"] >= (report["new"] + report["replaced"]) // stride - 1 > 1
    assert report["broken"] == {}
    silent = list(report["silent"].values())
    record_property("errors survived without a word", dict(Counter(silent)))
    assert [call for call in silent if not any(re.fullmatch(known, call) for known in SURVIVED.values())] == []
    assert how == "kill" or report["told"] > 0


@pytest.mark.long
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("renameat2", 1),
        *(("fsync", number) for number in (1, 10, 20, 40)),
        ("mkdir", 20),
    ],
)
def test_workers_killed_at_a_system_call_leave_the_old_results(
    images: Path, tmp_path: Path, call: str, number: int, record_property: Callable[[str, object], None]
) -> None:
    inputs, output = [images / "a.npy", images / "b.npy"], tmp_path / "out"
    assert run(inputs, output).wait(300) == 0
    before = content(output)
    strace = ("strace", "-f", "-o", str(tmp_path / "trace"), "-e", f"inject={call}:signal=SIGKILL:when={number}")
    # The counter of strace is each thread's own, and files are brought to the disk by four of them. So the worker is
    # killed, and the one that takes its place. The supervisor makes fewer of these calls.
    process = run(inputs, output, "--fresh", "--jobs", "1", before=strace)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1, (out, err)
    assert [line.partition(", perhaps")[0] for line in err.splitlines()] == [
        f"{path}: its process was killed while writing data" for path in inputs
    ]
    assert not list(output.glob(".*"))
    assert content(output) == before
    again = run(inputs, output)
    out, _ = again.communicate(timeout=300)
    assert (again.returncode, out.count("unchanged, ")) == (0, 2)
    record_property("bytes compared", sum(map(len, before.values())))


@pytest.mark.long
def test_killed_at_random_times(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    seed = random.randrange(10**6)
    record_property("seed", seed)
    dice = random.Random(seed)
    inputs = []
    y, x = np.mgrid[:72, :100]
    for number in range(50):
        inputs.append(tmp_path / f"image {number:02d}.npy")
        np.save(inputs[-1], np.where(x < 50, np.sin(x * (0.6 + 0.01 * number)), np.sin(y * 1.2)).astype(np.float32))
    whole, output = tmp_path / "whole", tmp_path / "out"
    output.mkdir()
    assert run(inputs, whole).wait(600) == 0
    finished: dict[Path, int] = {}
    counts = []
    for _ in range(30):
        process = run(inputs, output, "--jobs", "2")
        wanted = len(finished) + dice.randrange(4)
        while process.poll() is None and len(list(output.glob(f"[!.]*/{MANIFEST}"))) < wanted:
            time.sleep(0.01)
        time.sleep(dice.uniform(0, 0.5))
        with suppress(ProcessLookupError):  # all is done
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for folder in output.glob("[!.]*/"):
            assert check(folder) == ()
        stamps = {path: path.stat().st_mtime_ns for path in output.glob(f"[!.]*/{MANIFEST}")}
        assert finished.items() <= stamps.items()
        finished = stamps
        counts.append(len(finished))
    record_property("results there at each kill", counts)
    assert len(set(counts)) > 5  # else kills came before or after everything
    assert run(inputs, output).wait(600) == 0
    truth = content(whole)
    assert content(output) == truth
    record_property("bytes compared", sum(map(len, truth.values())))
    assert not list(output.glob(".*"))
    assert len(verify(output)) == 50
