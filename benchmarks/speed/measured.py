"""What a flow measures of itself: seconds of each stage, peak memory, error, and the maps it ends with.

Every flow imports this module, so it needs NumPy alone.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Task:
    """What every flow is asked: an image, its windows, and the number of components."""

    image: str
    window: int
    step: int
    components: int


@dataclass
class Stopwatch:
    """Seconds of each stage, in the order in which they were first entered."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def asked() -> tuple[Task, Path]:
    """Return the task of the command line, and the folder for the result."""
    image, window, step, components, folder = sys.argv[1:6]
    return Task(image, int(window), int(step), int(components)), Path(folder)


def answer(
    folder: Path, watch: Stopwatch, loadings: np.ndarray, factors: np.ndarray, *, error: float | None = None
) -> None:
    """Write what was measured, and maps (component, y, x) with their factors (component, ...)."""
    (folder / "measured.json").write_text(
        json.dumps({"seconds": watch.seconds, "peak_mib": _peak() / 1024, "error": error})
    )
    np.savez(folder / "maps.npz", loadings=loadings, factors=factors)


def _peak() -> int:
    """Return the most memory that this process has had, in KiB."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says includes the process that this one was forked from
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def task_words(task: Task) -> list[str]:
    """Return the task as words of a command line."""
    return [str(value) for value in asdict(task).values()]
