"""How fftscape's time and memory grow: with the image, the windows, the components and the workers."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from measured import Task, task_words

HERE = Path(__file__).parent
# Rows of a large image that are drawn at a time, so that making it needs less memory than analysing it.
_BAND = 512


@dataclass(frozen=True)
class Case:
    """One line of the table: what differs, a task, and how it is done."""

    name: str
    side: int
    window: int = 64
    step: int = 16
    components: int = 4
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """What a case took."""

    case: Case
    seconds: float
    peak_mib: float

    @property
    def n_windows(self) -> int:
        """How many windows there were."""
        return ((self.case.side - self.case.window) // self.case.step + 1) ** 2


def cases(side: int, sides: list[int]) -> list[Case]:
    """Return the lines of the table: each differs from the first in one thing, all in a process that is warm."""
    first = Case("as above", side, words=("again",))
    found = [first]
    found += [replace(first, name=f"image {other}x{other}", side=other, words=words_of(other)) for other in sides]
    found += [
        replace(first, name=f"windows {window}/{step}", window=window, step=step)
        for window, step in ((64, 8), (128, 32), (128, 16), (256, 32))
        if window < side
    ]
    found += [
        replace(first, name=f"{number} components, plain", components=number, words=("again", "plain"))
        for number in (2, 4, 8, 16)
    ]
    found += [replace(first, name="one thread", words=("again", "threads=1"))]
    return found


def words_of(side: int) -> tuple[str, ...]:
    """Return how an image of a size is analysed: large ones within a bound of memory."""
    return ("memory=900MiB",) if side > 4096 else ("again",)


def measured(chosen: list[Case]) -> Iterator[Measured]:
    """Run the cases one after the other, each in a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for case in chosen:
            path = folder / f"{case.side}.npy"
            if not path.exists():
                draw(path, case.side)
            yield run(case, path, folder)


def run(case: Case, path: Path, folder: Path) -> Measured:
    """Run one case."""
    task = Task(str(path), case.window, case.step, case.components)
    out = Path(tempfile.mkdtemp(dir=folder))
    command = [sys.executable, str(HERE / "fftscape_flow.py"), *task_words(task), str(out), *case.words]
    subprocess.run(command, check=True, capture_output=True)
    report = json.loads((out / "measured.json").read_text())
    seconds = sum(report["seconds"][stage] for stage in ("read", "analyze"))
    return Measured(case, seconds, report["peak_mib"])


def draw(path: Path, side: int) -> None:
    """Write an image of four lattices with counting noise, band by band, into a file."""
    image = np.lib.format.open_memmap(path, "w+", np.uint16, (side, side))
    rng = np.random.default_rng(0)
    x = np.arange(side, dtype=np.float32)
    for top in range(0, side, _BAND):
        y = np.arange(top, min(top + _BAND, side), dtype=np.float32)[:, None]
        image[top : top + _BAND] = rng.poisson(60 * _lattices(y, x, side))
    image.flush()


def _lattices(y: np.ndarray, x: np.ndarray, side: int) -> np.ndarray:
    v, u = y / side, x / side
    where = [np.abs(v - 0.34) < 0.12, u + 0.35 * v > 0.98, np.hypot(u - 0.25, v - 0.73) < 0.15]
    pixels = _waves(y, x, 14.0, 14.0, 0.0)
    for inside, (first, second, angle) in zip(
        where, ((11.0, 17.0, 10.0), (14.0, 14.0, 27.0), (14.0, 14.0, 50.0)), strict=True
    ):
        pixels = np.where(inside, _waves(y, x, first, second, angle), pixels)
    return pixels


def _waves(y: np.ndarray, x: np.ndarray, first: float, second: float, angle: float) -> np.ndarray:
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return 2 + np.cos(2 * np.pi * (cos * x + sin * y) / first) + np.cos(2 * np.pi * (cos * y - sin * x) / second)


def table(results: list[Measured]) -> list[str]:
    """Return the lines of the table in Markdown."""
    lines = ["| | windows | seconds | microseconds a window | peak MiB |", "|---|---|---|---|---|"]
    for one in results:
        each = 1e6 * one.seconds / one.n_windows
        lines.append(f"| {one.case.name} | {one.n_windows:,} | {one.seconds:.2f} | {each:.0f} | {one.peak_mib:.0f} |")
    return lines
