"""Writes the newest versions that fit together into ``[tool.uv] constraint-dependencies``.

Run it as ``uv run --no-project python .ci/renew_pins.py``, then run the checks and the tests.
"""

import re
import subprocess
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
PINS = re.compile(r"(?<=\nconstraint-dependencies = \[\n).*?(?=^\]$)", re.DOTALL | re.MULTILINE)
EXPORT = "uv export --quiet --all-extras --no-hashes --no-annotate --no-header --no-emit-project"


def newest(text: str) -> list[str]:
    """Resolve the project without its pins, in a folder of its own, and return ``name==version`` lines."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text(PINS.sub("", text), encoding="utf-8")
        output = subprocess.run(EXPORT.split(), cwd=folder, check=True, capture_output=True, text=True).stdout
    # The markers say where a package is needed; a constraint only says which version, if it is.
    return sorted(line.partition(" ;")[0] for line in output.splitlines())


if __name__ == "__main__":
    before = PROJECT.read_text(encoding="utf-8")
    pins = newest(before)
    PROJECT.write_text(PINS.sub("".join(f'    "{pin}",\n' for pin in pins), before), encoding="utf-8")
    print(f"{len(pins)} packages pinned in {PROJECT.name}")
