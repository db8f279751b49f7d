"""Writes the newest versions that fit together into ``[tool.uv] constraint-dependencies``, and their files' hashes.

Run it as ``uv run --no-project python .ci/renew_pins.py``, then run the checks and the tests. With ``--hashes`` the
versions stay as they are, and only ``.ci/hashes.txt`` is written.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
HASHES = Path(__file__).with_name("hashes.txt")
PINS = re.compile(r"(?<=\nconstraint-dependencies = \[\n).*?(?=^\]$)", re.DOTALL | re.MULTILINE)
EXPORT = "uv export --quiet --all-extras --no-annotate --no-header --no-emit-project"


def resolved(project: str) -> str:
    """Return the requirements that a project file comes to, with hashes, resolved in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text(project, encoding="utf-8")
        return subprocess.run(EXPORT.split(), cwd=folder, check=True, capture_output=True, text=True).stdout


def pinned(project: str) -> str:
    """Return a project file with the newest versions as its pins."""
    # The markers say where a package is needed; a constraint only says which version, if it is.
    pins = sorted(re.findall(r"^[^\s;]+==[^\s;]+", resolved(PINS.sub("", project)), re.MULTILINE))
    return PINS.sub("".join(f'    "{pin}",\n' for pin in pins), project)


if __name__ == "__main__":
    text = PROJECT.read_text(encoding="utf-8")
    if "--hashes" not in sys.argv[1:]:
        text = pinned(text)
        PROJECT.write_text(text, encoding="utf-8")
    hashes = resolved(text)
    HASHES.write_text(hashes, encoding="utf-8")
    print(f"{hashes.count('==')} packages pinned in {PROJECT.name}, {hashes.count('--hash=')} files in {HASHES.name}")
