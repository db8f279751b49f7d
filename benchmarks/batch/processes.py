"""What the processes of a run take, as Linux tells it: memory together, and processor time of each."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass
class Watch:
    """Looks at all processes of one session again and again, until it is stopped.

    Memory is the proportional set size: a page that three processes share counts a third in each, so
    that the sum is what the machine has to have.
    """

    session: int
    every: float = 0.2
    began: float = field(default_factory=time.monotonic)
    peak_kib: int = 0
    most_processes: int = 0
    courses: list[tuple[float, int]] = field(default_factory=list)
    ticks: dict[tuple[int, int], int] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    @property
    def processor_seconds(self) -> float:
        """Of all processes that were seen, also those that have ended."""
        return sum(self.ticks.values()) / TICK

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(self.every):
            total, count = 0, 0
            for pid in members(self.session, self.ticks):
                kib = proportional_kib(pid)
                total, count = total + kib, count + bool(kib)
            self.peak_kib, self.most_processes = max(self.peak_kib, total), max(self.most_processes, count)
            self.courses.append((time.monotonic() - self.began, total))


def members(session: int, ticks: dict[tuple[int, int], int]) -> list[int]:
    """Return the processes of a session, and note the processor time that each took so far."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError, IndexError, ValueError):  # it has just ended
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                found.append(int(entry.name))
                ticks[found[-1], int(fields[19])] = int(fields[11]) + int(fields[12])
    return found


def proportional_kib(pid: int) -> int:
    """Return a process's share of memory in KiB; 0 where it has just ended."""
    with suppress(OSError):
        for line in (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
