"""The same images give the same bytes, however many workers there are, in which order, resumed or in parts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

# Large enough for OpenBLAS to use its threads, left to itself.
SHAPE = (240, 330)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("images")
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for number, period in enumerate((6.5, 8, 11)):
        pattern = np.where(x < 140 + 20 * number, np.sin(2 * np.pi * x / period), np.sin(2 * np.pi * y / 5))
        noise = np.random.default_rng(number).normal(0, 0.7, SHAPE)
        np.save(folder / f"image {number}.npy", (pattern + noise).astype(np.float32))
    return sorted(folder.iterdir())


def run(inputs: list[Path], output: Path, *options: str, threads: int = 1) -> dict[str, bytes]:
    """Run a batch as users do, where libraries would use so many threads, and return the files of its results."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "fftscape", "run", *map(str, inputs), "-o", str(output), *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env=environment)
    assert ran.returncode == 0, ran.stderr
    return content(output)


def content(output: Path) -> dict[str, bytes]:
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in output.glob("*/**/*") if path.is_file()}


@pytest.fixture(scope="module")
def truth(inputs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a plain run, figures and report included."""
    found = run(inputs, tmp_path_factory.mktemp("plain"), "--jobs", "1")
    assert {name.partition("/")[2] for name in found} >= {"result.json", "report.html", "loadings.tif", "result.hspy"}
    return found


def differing(found: dict[str, bytes], truth: dict[str, bytes]) -> list[str]:
    return sorted(name for name in found.keys() | truth.keys() if found.get(name) != truth.get(name))


@pytest.mark.parametrize(
    ("options", "threads", "arranged"),
    [
        (("--jobs", "2"), 2, lambda inputs: inputs[::-1]),
        pytest.param(("--jobs", "3", "--memory", "4GiB"), 4, lambda inputs: inputs, marks=pytest.mark.long),
        pytest.param(("--jobs", "1", "--memory", "700MiB"), 3, lambda inputs: inputs[1:] + inputs[:1],
                     marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_neither_workers_nor_threads_nor_order_matter(
    inputs: list[Path], truth: dict[str, bytes], tmp_path: Path, options: tuple[str, ...], threads: int,
    arranged: Callable[[list[Path]], list[Path]],
) -> None:  # fmt: skip
    assert differing(run(arranged(inputs), tmp_path, *options, threads=threads), truth) == []


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_run_that_was_killed_and_goes_on_in_parts_ends_in_the_same_bytes(
    inputs: list[Path], truth: dict[str, bytes], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "fftscape", "run", *map(str, inputs), "-o", str(tmp_path), "--jobs", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert 0 < len(list(tmp_path.glob("*/result.json"))) < len(inputs)
    for part in ("2/2", "1/2"):
        run(inputs, tmp_path, "--part", part, threads=2)
    assert differing(content(tmp_path), truth) == []


def test_an_image_alone_gives_what_it_gives_among_others(
    inputs: list[Path], truth: dict[str, bytes], tmp_path: Path
) -> None:
    alone = run(inputs[2:], tmp_path, threads=2)
    assert differing(alone, {name: data for name, data in truth.items() if name.startswith("image 2/")}) == []
