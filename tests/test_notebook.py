"""The notebook runs from top to bottom, is committed without outputs, and finds the truth."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "analysis.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    folder = str(tmp_path_factory.mktemp("notebook"))
    return NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}}).execute()


def test_it_is_committed_without_outputs():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_it_finds_the_truth(executed: nbformat.NotebookNode):
    printed = "".join(output.get("text", "") for cell in executed.cells for output in cell.get("outputs", []))
    assert re.search(r"true number of structures: 3 +found: 3\n", printed), printed
    true, found = (
        [float(number) for number in re.search(rf"{name} area fractions: +\[(.+)\]", printed)[1].split(",")]
        for name in ("true", "found")
    )
    assert found == pytest.approx(true, abs=0.05)
    assert "result.zarr" in printed


def test_its_figures_are_drawn(executed: nbformat.NotebookNode):
    figures = [
        output for cell in executed.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
    ]
    assert len(figures) == 4
