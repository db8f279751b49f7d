"""Speed: one image, windows and number of components through HyperSpy, AtomAI, scikit-learn and fftscape in turn."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import floor
import numpy as np
import plot
import scaling
from measured import Task, task_words

from fftscape.synthetic import crystal_scene, fcc_gold, hcp_gold

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "truth"))

from exchange import Answer  # noqa: E402
from scoring import rand_indices  # noqa: E402
from window_maps import readings  # noqa: E402


@dataclass(frozen=True)
class Flow:
    """A program to be timed: its name and its command up to the task."""

    name: str
    command: tuple[str, ...]
    options: tuple[str, ...] = ()


@dataclass
class Runs:
    """What the runs of one flow gave."""

    seconds: list[float] = field(default_factory=list)
    process: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=dict)
    peak_mib: float = 0.0
    error: float | None = None
    ari: float = float("nan")


def main() -> None:
    """Run, print and write."""
    options = parsed()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        labels = scene(folder / "image.npy", options.size)
        task = Task(str(folder / "image.npy"), options.window, options.step, options.components)
        packages = flows(options)
        runs = {flow.name: Runs() for flow in packages}
        for _ in range(options.repeats):  # in turn, so that a busy minute of the machine hits all of them
            for flow in packages:
                run(flow, task, labels, runs[flow.name], folder)
        commands = {name: command_line(options, task, folder, *words) for name, words in COMMANDS.items()}
    grown = list(scaling.measured(scaling.cases(options.size, options.scaling))) if options.scaling else []
    machine = floor.measured(options.window)
    written = page(options, runs, commands, machine, grown)
    print(written, end="")
    if options.plot:
        seconds = {name: statistics.median(one.seconds) for name, one in runs.items()}
        least = floor.seconds(machine, (options.size, options.size), options.window, options.step)
        plot.draw(options.plot, seconds, least, grown)
    if options.output:
        options.output.write_text(written, "utf-8")


def scene(path: Path, side: int) -> np.ndarray:
    """Write an image of four grains and return where they are."""
    y, x = np.mgrid[:side, :side] / side
    labels = np.zeros((side, side), np.int16)
    labels[np.abs(y - 0.34) < 0.12] = 1
    labels[x + 0.35 * y > 0.98] = 2
    labels[np.hypot(x - 0.25, y - 0.73) < 0.15] = 3
    grains = fcc_gold(), hcp_gold(), fcc_gold(27.0), fcc_gold(50.0)
    np.save(path, crystal_scene(grains, labels, pixel_size=(0.02, 0.02)).image.data)
    return labels


def flows(options: argparse.Namespace) -> list[Flow]:
    """Return the programs that take part."""
    ours = sys.executable, str(HERE / "fftscape_flow.py")
    found = [Flow(name, ours, words) for name, words in OURS.items() if name in options.ways]
    for name, python in (
        ("scikit-learn", options.sklearn),
        ("HyperSpy", options.hyperspy),
        ("AtomAI", options.atomai),
    ):
        if python:
            script = f"{name.lower().replace('scikit-learn', 'sklearn')}_flow.py"
            found.append(Flow(name, (python, str(HERE / script))))
    return found


def run(flow: Flow, task: Task, labels: np.ndarray, runs: Runs, folder: Path) -> None:
    """Run a flow once in a process of its own."""
    out = Path(tempfile.mkdtemp(dir=folder))
    start = time.perf_counter()
    report = subprocess.run(
        [*flow.command, *task_words(task), str(out), *flow.options], capture_output=True, text=True, check=False
    )
    runs.process.append(time.perf_counter() - start)
    if report.returncode:
        raise SystemExit(f"{flow.name} could not be run:\n{report.stderr}")
    measured = json.loads((out / "measured.json").read_text())
    for stage, seconds in measured["seconds"].items():
        runs.stages.setdefault(stage, []).append(seconds)
    runs.seconds.append(sum(seconds for stage, seconds in measured["seconds"].items() if stage not in NOT_COUNTED))
    runs.peak_mib, runs.error = max(runs.peak_mib, measured["peak_mib"]), measured["error"]
    with np.load(out / "maps.npz") as maps:
        pixels = readings(
            np.nan_to_num(maps["loadings"]), maps["factors"], labels.shape, window=task.window, step=task.step
        )
    runs.ari = max(rand_indices(labels, Answer(pixels, task.components)))


# Our ways: all of an analysis; with the labels of the windows as they are (which no peer has); without the search for
# the number; and the stages alone that do what the peers do, with our search for the number and without. In a new
# process, where what is imported late counts, and in one that has done it before.
OURS: dict[str, tuple[str, ...]] = {
    "fftscape": (),
    "fftscape, maps": ("maps",),
    "fftscape, plain": ("plain",),
    "fftscape, stages and number": ("stages", "number"),
    "fftscape, stages": ("stages",),
    "fftscape, again": ("again",),
    "fftscape, maps, again": ("maps", "again"),
    "fftscape, plain, again": ("plain", "again"),
    "fftscape, stages and number, again": ("stages", "number", "again"),
    "fftscape, stages, again": ("stages", "again"),
}
NOT_COUNTED = ("imports", "another number")
# The command line, with what it writes.
COMMANDS = {
    "`fftscape run`": (),
    "`fftscape run --no-report`": ("--no-report",),
}


def command_line(options: argparse.Namespace, task: Task, folder: Path, *words: str) -> float:
    """Return the median seconds of a whole process of the command line."""
    passed = []
    for repeat in range(options.repeats):
        command = [
            sys.executable, "-m", "fftscape", "run", task.image, "-o", str(folder / f"results{len(words)}{repeat}"),
            "--window", str(task.window), "--step", str(task.step), *words,
        ]  # fmt: skip
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        passed.append(time.perf_counter() - start)
    return statistics.median(passed)


def page(
    options: argparse.Namespace,
    runs: dict[str, Runs],
    commands: dict[str, float],
    machine: floor.Machine,
    grown: list[scaling.Measured],
) -> str:
    """Return the tables and what they rest on, in Markdown."""
    least = floor.seconds(machine, (options.size, options.size), options.window, options.step)
    first = next(iter(runs))  # of our ways
    base = statistics.median(runs[first].seconds)
    lines = [
        f"Image {options.size}x{options.size} uint16, windows {options.window}/{options.step}, {options.components} "
        f"components, {options.repeats} runs in turn, medians.",
        "",
        f"| | seconds | of the floor | times as long as {first} | whole process | peak MiB | error | ARI of the maps |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, one in runs.items():
        seconds = statistics.median(one.seconds)
        error = "" if one.error is None else f"{one.error:.5f}"
        lines.append(
            f"| {name} | {seconds:.2f} | {seconds / least:.1f} | {seconds / base:.1f} | "
            f"{statistics.median(one.process):.2f} | {one.peak_mib:.0f} | {error} | {one.ari:.2f} |"
        )
    lines += [f"| {name} | | | | {seconds:.2f} | | | |" for name, seconds in commands.items()]
    lines += [
        "",
        f"Floor: {1000 * least:.0f} ms, from {machine.gflops:.1f} GFLOP/s in FFTs of {options.window} values in cache "
        f"and {machine.gbytes:.1f} GB/s, with all cores.",
        "",
    ]
    lines += [f"- {name}: {_stages(one)}" for name, one in runs.items()]
    if grown:
        lines += [
            "",
            "Growth, each in one run of a warm process (images wider than 4096: a new one):",
            "",
            *scaling.table(grown),
        ]
    return "\n".join(lines) + "\n"


def _stages(runs: Runs) -> str:
    return ", ".join(f"{stage} {statistics.median(seconds):.2f} s" for stage, seconds in runs.stages.items())


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python benchmarks/speed", description=__doc__)
    parser.add_argument("--size", type=int, default=2048, help="side of the image in pixels (default: 2048)")
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--step", type=int, default=16)
    parser.add_argument("--components", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="runs of each program (default: 3)")
    parser.add_argument(
        "--ways", nargs="+", choices=OURS, default=list(OURS), metavar="WAY",
        help=f"which of our ways take part, of {'; '.join(OURS)} (default: all)",
    )  # fmt: skip
    parser.add_argument("--sklearn", default=sys.executable, metavar="PYTHON", help="a Python that has scikit-learn")
    parser.add_argument("--hyperspy", metavar="PYTHON", help="a Python that has HyperSpy")
    parser.add_argument("--atomai", metavar="PYTHON", help="a Python that has AtomAI")
    parser.add_argument(
        "--scaling",
        type=int,
        nargs="+",
        default=[],
        metavar="SIDE",
        help="also measure growth, with images of these sides",
    )
    parser.add_argument("--plot", type=Path, metavar="PICTURE.png", help="draw the result")
    parser.add_argument("-o", "--output", type=Path, metavar="TABLE.md", help="write the page there, too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
