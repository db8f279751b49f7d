"""Job arrays: portions share an output folder, and together leave what one run would have left."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fftscape.batch.ledger import LEDGER
from fftscape.batch.portion import Portion
from fftscape.batch.verify import verify

Go = Callable[..., Any]
Stripes = Callable[..., np.ndarray]


@pytest.fixture
def inputs(images: Path, tmp_path: Path, stripes: Stripes) -> list[Path]:
    """Five images, two of them of one name, a bad one, and a folder without images."""
    (tmp_path / "more").mkdir()
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "more" / "a.npy", stripes(7))
    np.save(images / "c.npy", stripes(8))
    (images / "bad.npy").write_bytes(b"not an array")
    return [images, tmp_path / "empty", tmp_path / "more" / "a.npy"]


def table(output: Path, file: str = "summary.csv") -> list[list[str]]:
    """Return the table without the column of times."""
    with (output / file).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [[value for name, value in row.items() if name != "seconds"] for row in rows]


def content(output: Path) -> dict[str, bytes]:
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in output.glob("*/**/*") if path.is_file()}


@pytest.mark.usefixtures("quick")
def test_portions_in_any_order_leave_what_one_run_leaves(inputs: list[Path], tmp_path: Path, go: Go) -> None:
    whole = tmp_path / "whole"
    go(inputs, whole)
    assert [row[-1] for row in table(whole)] == ["", "a", "b", "", "c", "a-2"]
    for order in ((1, 2, 3), (2, 3, 1), (3, 1, 2)):  # each is the first, and each the last
        output = tmp_path / "".join(map(str, order))
        counts = [len(go(inputs, output, portion=Portion(number, 3)).outcomes) for number in order]
        assert counts == [2, 2, 2]
        assert table(output) == table(whole)
        assert table(output, "failures.csv") == table(whole, "failures.csv")
        assert (output / "index.html").read_text("utf-8") == (whole / "index.html").read_text("utf-8")
        assert content(output) == content(whole)


@pytest.mark.usefixtures("quick")
def test_a_portion_alone_tells_of_its_images_and_resumes(inputs: list[Path], tmp_path: Path, go: Go) -> None:
    output = tmp_path / "out"
    assert go(inputs, output, portion=Portion(2, 3)).statuses == ["done", "done"]
    assert [row[-1] for row in table(output)] == ["a", "c"]
    assert go(inputs, output, portion=Portion(2, 3)).statuses == ["unchanged", "unchanged"]
    assert [row[3] for row in table(output)] == ["unchanged", "unchanged"]
    assert go(inputs, output, portion=Portion(9, 9)).statuses == []


@pytest.mark.usefixtures("quick")
def test_ledgers_of_other_inputs_do_not_count_and_a_whole_run_removes_all(
    inputs: list[Path], images: Path, tmp_path: Path, go: Go
) -> None:
    output = tmp_path / "out"
    go(inputs, output, portion=Portion(1, 2))
    go([images / "b.npy", images / "c.npy"], output, portion=Portion(2, 2))
    assert [(row[3], row[-1]) for row in table(output)] == [("unchanged", "c"), ("earlier", "b")]
    assert len(list(output.glob(f"{LEDGER}*"))) == 2
    go(inputs, output)
    assert not list(output.glob(".*"))


def test_portions_at_the_same_time(inputs: list[Path], tmp_path: Path) -> None:
    output, whole = tmp_path / "out", tmp_path / "whole"
    command = [sys.executable, "-m", "fftscape", "run", *map(str, inputs), "--window", "24x20", "--components", "2"]
    command += ["--no-report", "--jobs", "1", "-o"]
    both = [
        subprocess.Popen([*command, str(output), "--part", f"{number}/2"], text=True, stdout=subprocess.PIPE)
        for number in (1, 2)
    ]
    for process in both:
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 3
        assert out.splitlines()[-1].startswith("2 done, 1 failed; gallery: ")
    subprocess.run([*command, str(whole)], check=False, capture_output=True, timeout=300)
    assert table(output) == table(whole)
    assert content(output) == content(whole)
    assert not any(verdict.problems for verdict in verify(output))
