"""Memory: sizes in words in, bytes out, and how many of them this process may have."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from fftscape.model.errors import InvalidSettingError

MIB = 2**20
# How much of the machine's memory is taken where nothing is said.
USUAL_PART = 0.75
# What a worker needs to analyse a small image, libraries included.
LEAST_SHARE = 384 * MIB
UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": MIB, "gib": 2**30,
    "tib": 2**40, "k": 2**10, "m": MIB, "g": 2**30, "t": 2**40,
}  # fmt: skip


# Bytes that an analysis in this process may take where it is told nothing; None for the usual part of the machine's.
_limit: int | None = None


def limit_memory(n_bytes: int | None) -> None:
    """Let analyses in this process take at most `n_bytes` each; None for no limit. Results do not depend on it."""
    global _limit
    _limit = n_bytes


def allowed_memory() -> int:
    """Return the bytes that an analysis may take where it is told nothing."""
    return usual_memory() if _limit is None else _limit


def memory_limit() -> int | None:
    """Return the bytes that this process may take; None where nothing is said."""
    return _limit


def usual_memory() -> int:
    """Return three quarters of the memory that this process may have."""
    return int(USUAL_PART * _available())


def as_bytes(size: str | int, name: str) -> int:
    """Return a size in bytes.

    Parameters
    ----------
    size : str or int
        Such as '2GiB', or bytes.
    name : str
        What the size was given for, for the message.

    Raises
    ------
    InvalidSettingError
        If it is no size.

    Examples
    --------
    >>> as_bytes("2 GiB", "memory")
    2147483648
    """
    match = re.fullmatch(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]*)\s*", str(size).lower())
    if not match or match[2] not in UNITS:
        raise InvalidSettingError(f"{name} must be a size with its unit (2GiB, 800MB), not {size!r}.")
    return int(float(match[1]) * UNITS[match[2]])


def in_words(n_bytes: int) -> str:
    """Return a number of bytes for people.

    Examples
    --------
    >>> in_words(640 * 2**20), in_words(3 * 2**29)
    ('640 MiB', '1.5 GiB')
    """
    return f"{n_bytes / MIB:.0f} MiB" if n_bytes < 1024 * MIB else f"{n_bytes / (1024 * MIB):.3g} GiB"


def _available() -> int:
    """Return the machine's memory, or less where a container or a job scheduler allows less."""
    found = [16 * 1024 * MIB]  # where the system does not tell, which is Windows
    with suppress(AttributeError, ValueError, OSError):
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # there is no such limit, or it says 'max'
            found.append(int(Path(limit).read_text()))
    return min(found)
