"""What a run may take of the machine: options enter, bounds that are kept leave."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fftscape.model.errors import InvalidSettingError

MIB = 2**20
# The processes that supervise: the run itself, the one that workers are forked from, and Python's own helper.
OVERHEAD = 256 * MIB
# What a worker needs to analyse a small image, libraries included.
LEAST_SHARE = 384 * MIB
# Pages of libraries and files in a worker, which no limit on its own memory counts.
FILE_PAGES = 64 * MIB
# How much of the machine's memory is taken where nothing is said.
USUAL_PART = 0.75
UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": MIB, "gib": 2**30,
    "tib": 2**40, "k": 2**10, "m": MIB, "g": 2**30, "t": 2**40,
}  # fmt: skip


@dataclass(frozen=True)
class Resources:
    """Bounds of a run.

    Parameters
    ----------
    jobs : int
        How many processors may compute at once.
    memory : int
        Bytes that all processes of the run may take together.
    """

    jobs: int
    memory: int

    @classmethod
    def given(cls, jobs: int | None = None, memory: str | None = None) -> Resources:
        """Return the bounds that the options ask for; the only place where their defaults are written.

        Parameters
        ----------
        jobs : int, optional
            From 1; left out: the processors that this process may use.
        memory : str, optional
            Such as '2GiB'; left out: three quarters of what this process may have.

        Raises
        ------
        InvalidSettingError
            If they allow nothing.

        Examples
        --------
        >>> Resources.given(2, "2 GiB")
        Resources(jobs=2, memory=2147483648)
        """
        bytes_ = int(USUAL_PART * _available_memory()) if memory is None else _bytes(memory)
        least = OVERHEAD + LEAST_SHARE
        if memory is not None and bytes_ < least:
            raise InvalidSettingError(
                f"--memory must be at least {in_words(least)}, for one worker and its supervisor, not {memory!r}."
            )
        return cls(_usable_processors() if jobs is None else jobs, max(bytes_, least))

    @property
    def most_workers(self) -> int:
        """How many workers may run at once, so that each has the memory it cannot do without."""
        return min(self.jobs, (self.memory - OVERHEAD) // LEAST_SHARE)

    def remark(self, n_images: int) -> str | None:
        """Say so where memory allows fewer workers than there are processors and images."""
        wanted = min(self.jobs, n_images)
        if wanted <= self.most_workers:
            return None
        return f"{in_words(self.memory)} of memory is enough for {self.most_workers} of {wanted} images at once."

    def limits(self, n_workers: int) -> Limits:
        """Return what each of `n_workers` may take, so that all together keep the bounds."""
        return Limits((self.memory - OVERHEAD) // n_workers, max(1, self.jobs // n_workers))


@dataclass(frozen=True)
class Limits:
    """What one worker may take: bytes of memory, and threads that compute."""

    memory: int
    threads: int


def in_words(n_bytes: int) -> str:
    """Return a number of bytes for people.

    Examples
    --------
    >>> in_words(640 * 2**20), in_words(3 * 2**29)
    ('640 MiB', '1.5 GiB')
    """
    return f"{n_bytes / MIB:.0f} MiB" if n_bytes < 1024 * MIB else f"{n_bytes / (1024 * MIB):.3g} GiB"


def _bytes(text: str) -> int:
    match = re.fullmatch(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]*)\s*", text.lower())
    if not match or match[2] not in UNITS:
        raise InvalidSettingError(f"--memory must be a size with its unit (2GiB, 800MB), not {text!r}.")
    return int(float(match[1]) * UNITS[match[2]])


def _usable_processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # respects containers and job schedulers; Linux only
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _available_memory() -> int:
    """Return the machine's memory, or less where a container or a job scheduler allows less."""
    found = [16 * 1024 * MIB]  # where the system does not tell, which is Windows
    with suppress(AttributeError, ValueError, OSError):
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # there is no such limit, or it says 'max'
            found.append(int(Path(limit).read_text()))
    return min(found)
