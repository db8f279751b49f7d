"""Fixtures for reading: the folder of odd files, made by the script beside the real images."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def odd_files(tmp_path_factory, shared_data) -> Path:
    """A folder with all odd files and their expected.json."""
    folder = tmp_path_factory.mktemp("odd")
    subprocess.run(
        [sys.executable, str(shared_data / "make_odd_files.py"), str(folder)], check=True, capture_output=True
    )
    assert len(json.loads((folder / "expected.json").read_text("utf-8"))) == 76
    return folder
