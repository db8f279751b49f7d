"""Runs one function over independent pieces of work; what it computes does not depend on how."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")


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
        Size of the pool; the number of usable processors by default.

    Examples
    --------
    >>> squares = [0] * 4
    >>> def square(i):
    ...     squares[i] = i * i
    >>> for_each(square, range(4))
    >>> squares
    [0, 1, 4, 9]
    """
    count = n_threads or _usable_processors()
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
