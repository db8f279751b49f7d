"""Measures how long whole processes take that do nothing but start: ``import_time.py [RUNS]``."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import numpy": [sys.executable, "-c", "import numpy"],
    "import fftscape": [sys.executable, "-c", "import fftscape"],
    "fftscape --help": [str(Path(sys.executable).with_name("fftscape")), "--help"],
}


def seconds(command: list[str]) -> float:
    """Run a command to its end and return how long it took."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(runs: int) -> None:
    """Print the median, fastest and slowest of `runs` runs of each command."""
    for name, command in COMMANDS.items():
        seconds(command)  # the first run fills the file cache and writes bytecode
        times = [seconds(command) for _ in range(runs)]
        print(f"{name:16} {statistics.median(times):6.3f} s   ({min(times):.3f} to {max(times):.3f}, {runs} runs)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
