"""Asks whether faults are known of the packages installed here, where pip-audit is installed and has an answer.

Without the tool, the network or an answer in time it says so and goes on. Known faults are told, and do not fail
the check: news of the day are no fault of the change that is checked. ``--strict`` fails on them.
"""

import importlib.util
import json
import subprocess
import sys

SECONDS = 60
COMMAND = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--skip-editable"]


def main(*, strict: bool) -> int:
    """Print what is known and return the exit code."""
    if importlib.util.find_spec("pip_audit") is None:
        print("skipped: pip-audit is not installed; uv run --all-extras --with pip-audit .ci/check asks it")
        return 0
    try:
        asked = subprocess.run(COMMAND, capture_output=True, text=True, check=False, timeout=SECONDS)
        packages = json.loads(asked.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        print(f"skipped: pip-audit had no answer in {SECONDS} s")
        return 0
    except (ValueError, KeyError, TypeError):
        print(f"skipped: pip-audit could not tell ({' '.join(asked.stderr.split())[-200:]})")
        return 0
    known = [
        f"{package['name']} {package['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'none'}"
        for package in packages
        for fault in package.get("vulns", ())
    ]
    print("\n".join([*known, f"{len(packages)} packages, {len(known)} known faults"]))
    return int(strict and bool(known))


if __name__ == "__main__":
    sys.exit(main(strict="--strict" in sys.argv[1:]))
