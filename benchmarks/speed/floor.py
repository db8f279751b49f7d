"""The floor: how long the arithmetic and the memory traffic that no program can avoid take on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

_SECONDS = 0.5
_BLOCK = 1 << 15  # values of a block that stays in a core's cache
_STREAM = 1 << 25  # values of an array that does not


@dataclass(frozen=True)
class Machine:
    """What this machine reaches with all its cores."""

    gflops: float
    gbytes: float


def measured(window: int) -> Machine:
    """Measure FFTs of a window's length on data in cache (GFLOP/s), and reading and writing large arrays (GB/s)."""
    from scipy import fft

    blocks = [np.ones((_BLOCK // window, window), np.complex64) for _ in range(_workers())]
    flops = 5 * window * np.log2(window) * len(blocks[0])
    rate = _per_second(lambda block: fft.fft(block, workers=1), blocks) * flops
    # A copy reads its source, and writes to (and, on most machines, reads first) its target: two accesses are counted.
    pairs = [np.ones((2, _STREAM // _workers()), np.float32) for _ in range(_workers())]
    traffic = _per_second(lambda pair: np.copyto(pair[0], pair[1]), pairs) * pairs[0].nbytes
    return Machine(rate / 1e9, traffic / 1e9)


def seconds(machine: Machine, shape: tuple[int, int], window: int, step: int) -> float:
    """Return the floor: FFTs with rows shared between windows, one write and three reads of the spectra in float32."""
    across, down = ((length - window) // step + 1 for length in (shape[1], shape[0]))
    half = window // 2 + 1
    row_transforms, column_transforms = shape[0] * across / 2, across * down * half
    work = (row_transforms + column_transforms) * 5 * window * np.log2(window)
    traffic = 4 * (4 * across * down * window * half)
    return float(work / machine.gflops / 1e9 + traffic / machine.gbytes / 1e9)


def _workers() -> int:
    return os.cpu_count() or 1


def _per_second(work: Callable[[np.ndarray], object], pieces: list[np.ndarray]) -> float:
    """Return how many pieces a second are worked on, each thread on its own, the best of a few runs."""

    def busy(piece: np.ndarray) -> float:
        rounds, start = 0, time.perf_counter()
        while (passed := time.perf_counter() - start) < _SECONDS:
            work(piece)
            rounds += 1
        return rounds / passed

    with ThreadPoolExecutor(len(pieces)) as pool:
        return max(sum(pool.map(busy, pieces)) for _ in range(3))
