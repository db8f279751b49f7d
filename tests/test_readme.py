"""The README and the page on results are true: their Python runs, their commands and files exist."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from fftscape.analysis import Analysis
from fftscape.cli.commands import app
from fftscape.model.analysis import AnalysisRecord

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks_of(document: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w*)\n(.*?)^```$", document.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


BLOCKS = blocks_of(ROOT / "README.md")
PYTHON = [text for language, text in BLOCKS if language == "python"]
SHELL = [line for language, text in BLOCKS if not language for line in text.splitlines()]
COMMANDS = [re.split(r"\bfftscape ", line)[1] for line in SHELL if "fftscape " in line]


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_python_of_the_readme_runs(code: str, tmp_path: Path):
    done = run_python(code, tmp_path)
    assert "n_components: 3" in done.stdout
    assert (tmp_path / "result" / "result.zarr").is_dir()


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_of_the_readme_exist(line: str):
    command, *arguments = shlex.split(line, comments=True)
    group = typer.main.get_command(app)
    assert command in group.commands
    # Parses and refuses what does not exist, runs nothing.
    group.commands[command].make_context(command, arguments)


def test_the_set_up_commands_come_first_and_ci_runs_the_second():
    setup, test = SHELL[:2]
    assert setup.startswith("python3 -m pip install uv && uv run --all-extras fftscape demo -o demo ")
    assert test.startswith("uv run --all-extras pytest ")
    # .ci/run takes the test command from the README by this pattern.
    assert "'^uv run [^#]*pytest\\b[^#]*' README.md" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert re.findall(r"^uv run [^#]*pytest\b[^#]*", README, re.MULTILINE) == [test.partition("#")[0]]


def test_python_of_the_results_page_runs(made_record: AnalysisRecord, tmp_path: Path):
    Analysis(**{field.name: getattr(made_record, field.name) for field in dataclasses.fields(made_record)}).save(
        tmp_path / "result"
    )
    code = "\n".join(text for language, text in blocks_of(ROOT / "docs" / "results.md") if language == "python")
    done = run_python(code, tmp_path)
    assert "2 (2, 5, 7) (2, 32, 24)" in done.stdout
    assert "('component', 'window_y', 'window_x') 0.2875 nm" in done.stdout
    assert "'d_spacing_nm'" in done.stdout


def test_results_page_lists_what_run_writes(tmp_path: Path):
    pixels = np.random.default_rng(3).normal(100, 10, (70, 90)) + 40 * (np.arange(90) % 8 < 4)
    np.save(tmp_path / "stripes.npy", pixels.astype(np.float32))
    (tmp_path / "not_an_image.npy").write_bytes(b"nothing")
    done = subprocess.run(
        [sys.executable, "-m", "fftscape", "run", ".", "-o", "OUT", "--window", "32", "--step", "16"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    written = {path.name for path in (tmp_path / "OUT").iterdir() if not path.name.startswith(".")}
    inside = {path.name for path in (tmp_path / "OUT" / "stripes").iterdir()}
    tree = next(text for language, text in blocks_of(ROOT / "docs" / "results.md") if not language)
    listed = {
        indent: {
            name.rstrip("/") for name in re.findall(rf"^ {{{indent}}}(\S+)", tree, re.MULTILINE)
        } for indent in (2, 4)
    }  # fmt: skip
    assert listed[2] == written - {"stripes"} | {"<name>"}
    assert listed[4] == inside
