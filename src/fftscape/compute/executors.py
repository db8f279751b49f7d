"""Runs one function over independent pieces of work; what it computes does not depend on how."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")

# Most threads of a pool in this process; None for as many as there are usable processors.
_most_threads: int | None = None


def limit_threads(count: int | None) -> None:
    """Let pools of this process have at most `count` threads; None for no limit. Results do not depend on it."""
    global _most_threads
    _most_threads = count


def for_each(function: Callable[[Piece], None], pieces: Iterable[Piece], *, n_threads: int | None = None) -> None:
    """Call `function` on every piece, on a pool of threads.

    The pieces must be independent and write to places of their own, so that the result is the
    same for any number of threads.

    Parameters
    ----------
    function : callable
        Takes one piece; its work should release the interpreter lock, as NumPy and FFTs do.
    pieces : iterable
        What to call it on.
    n_threads : int, optional
        Size of the pool; by default what `limit_threads` said, or else the number of usable processors.

    Examples
    --------
    >>> squares = [0] * 4
    >>> def square(i):
    ...     squares[i] = i * i
    >>> for_each(square, range(4))
    >>> squares
    [0, 1, 4, 9]
    """
    count = n_threads or _most_threads or _usable_processors()
    if count == 1:
        for piece in pieces:
            function(piece)
        return
    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(function, pieces):
            pass


def _usable_processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # respects containers and job schedulers; Linux only
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
