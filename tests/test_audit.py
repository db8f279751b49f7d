"""The audit of dependencies: it tells what is known, and goes on where nothing can be told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).resolve().parents[1] / ".ci" / "audit.py"
KNOWN = {
    "dependencies": [
        {"name": "good", "version": "1.0", "vulns": []},
        {"name": "bad", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]},
        {"name": "local", "skip_reason": "not on an index"},
    ]
}


@pytest.mark.parametrize(
    ("tool", "options", "code", "said"),
    [
        ("import sys; sys.modules[__name__]", (), 0, "skipped: pip-audit could not tell ()"),
        ("import sys; sys.exit('no network')", (), 0, "skipped: pip-audit could not tell (no network)"),
        (f"print({json.dumps(json.dumps(KNOWN))})", (), 0, "bad 2.0: PYSEC-1, mended in 2.1"),
        (f"print({json.dumps(json.dumps(KNOWN))})", ("--strict",), 1, "3 packages, 1 known faults"),
    ],
)
def test_what_is_said(tmp_path: Path, tool: str, options: tuple[str, ...], code: int, said: str) -> None:
    (tmp_path / "pip_audit.py").write_text(tool)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, str(AUDIT), *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == code, ran.stderr
    assert said in ran.stdout
