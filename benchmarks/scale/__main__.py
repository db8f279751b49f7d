"""Scale: what a pass over windows costs here, what it sends back, and what many workers would make of a million frames.

``python benchmarks/scale`` measures, on this machine: seconds of a frame's pass, bytes that come back from it, seconds
that Dask's scheduler takes for a task, seconds of a whole analysis. From these it reckons times for 1 to 10,000
workers, and names what sets the limit. Nothing of the reckoning is measured on a cluster.
"""

from __future__ import annotations

import argparse
import pickle
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import fftscape as fs
from fftscape.compute.backend import Block
from fftscape.compute.executors import one_blas_thread, serially
from fftscape.compute.nonnegative import nonnegative_least_squares
from fftscape.model.settings import SpectraSettings
from fftscape.stages.spectra import spectra_within
from fftscape.stages.windows import window_grid

WORKERS = (1, 10, 100, 1000, 10_000)
# Passes over all spectra that one decomposition of everything makes: directions and loadings; samples do the rest.
PASSES = 2
# What a network and a file system of a cluster give, as a reader may replace: bytes a second.
NETWORK, STORAGE = 1e9, 10e9


@dataclass(frozen=True)
class Costs:
    """Measured seconds and bytes."""

    analysis: float
    frame_pass: float
    sums_bytes: int
    window_bytes: int
    windows: int
    task: float
    frame_bytes: int


def main() -> None:
    """Measure, reckon, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1024, help="side of a frame in pixels")
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--step", type=int, default=16)
    parser.add_argument("--components", type=int, default=4)
    parser.add_argument("--frames", type=float, default=1e6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    costs = measured(options.side, options.window, options.step, options.components, options.repeats)
    text = page(costs, options.frames)
    print(text, end="")
    if options.output:
        options.output.write_text(text, "utf-8")


def measured(side: int, window: int, step: int, components: int, repeats: int) -> Costs:
    """Time the parts on one processor."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    waves = np.where(x + 0.3 * y < side * 0.6, np.sin(x / 1.1 + y / 2), np.sin(x / 2 - y / 1.3))
    data = (1000 + 100 * waves + rng.normal(0, 60, (side, side))).astype(np.uint16)
    grid = window_grid(np.ones(data.shape, bool), (window, window), (step, step))
    spectra = spectra_within(0, data, grid, SpectraSettings())
    factors = spectra.rows(np.linspace(0, grid.n_valid - 1, components).astype(int)).astype(np.float64)

    def one_pass() -> tuple[np.ndarray, ...]:
        block = Block(spectra.rows(slice(None)))
        loadings = nonnegative_least_squares(block.times(factors.T).astype(np.float64), factors @ factors.T)
        return loadings, block.energies(), block.sums(loadings)

    with serially(), one_blas_thread():
        *of_windows, sums = one_pass()
        frame_pass = timed(one_pass, repeats)
        analysis = timed(lambda: fs.analyze(data, window=window, step=step), repeats)
    return Costs(
        analysis, frame_pass, len(pickle.dumps(sums)), len(pickle.dumps(of_windows)) // grid.n_valid, grid.n_valid,
        task_seconds(), data.nbytes,
    )  # fmt: skip


def timed(function: Callable[[], object], repeats: int) -> float:
    """Return the median of the seconds of some calls."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def task_seconds(count: int = 2000) -> float:
    """Return what Dask's scheduler and client take for a task that does nothing."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.gather(client.map(abs, range(100)))
        start = time.perf_counter()
        client.gather(client.map(abs, range(1000, 1000 + count)))
        return (time.perf_counter() - start) / count


def page(costs: Costs, frames: float) -> str:
    """Return the measured costs and both tables as Markdown."""
    lines = [
        f"Measured: {costs.analysis:.2f} s for the analysis of a frame and {costs.frame_pass:.3f} s for a pass over "
        f"its {costs.windows} windows, on one processor; a pass sends back {costs.sums_bytes / 1e3:.0f} kB of sums and "
        f"{costs.window_bytes} bytes a window; a task costs Dask's scheduler {costs.task * 1e3:.2f} ms.",
        "",
        *table(
            f"Each of {frames:.0e} frames by itself",
            {
                "computing": lambda workers: frames * costs.analysis / workers,
                "scheduler": lambda _: frames * costs.task,
                "reading": lambda _: frames * costs.frame_bytes / STORAGE,
            },
        ),
        "",
        *table(
            f"One decomposition of {frames:.0e} frames ({PASSES} passes, a task a frame)",
            {
                "computing": lambda workers: PASSES * frames * costs.frame_pass / workers,
                "scheduler": lambda _: PASSES * frames * costs.task,
                "sums to the client": lambda _: PASSES * frames * costs.sums_bytes / NETWORK,
                "loadings to the client": lambda _: frames * costs.windows * costs.window_bytes / NETWORK,
                "reading": lambda _: PASSES * frames * costs.frame_bytes / STORAGE,
            },
        ),
    ]
    return "\n".join(lines) + "\n"


def table(title: str, parts: dict[str, Callable[[int], float]]) -> list[str]:
    """Return hours for each number of workers; parts overlap, so the longest one sets the time."""
    head = ["workers", *parts, "limit", "efficiency"]
    lines = [f"**{title}**, hours", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    alone = max(part(1) for part in parts.values())
    for workers in WORKERS:
        hours = {name: part(workers) / 3600 for name, part in parts.items()}
        limit = max(hours, key=hours.__getitem__)
        efficiency = alone / 3600 / (workers * hours[limit])
        cells = [f"{workers:,}", *(f"{value:.3g}" for value in hours.values()), limit, f"{efficiency:.0%}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
