"""Runs one function over independent pieces of work; what it computes does not depend on how."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache
from itertools import chain, islice
from typing import Protocol, TypeVar

from fftscape.compute.companion import Companion

Piece = TypeVar("Piece")
Result = TypeVar("Result")

# Pieces that are under way at a time, for each thread: one to work on, one to go on with.
_AHEAD = 2


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let matrix products inside use one thread each.

    Products on several threads add up in another order, and give other last digits, for each number of threads; they
    also get in the way of a pool of one's own.

    Examples
    --------
    >>> import numpy as np
    >>> with one_blas_thread():
    ...     (np.ones((2, 3)) @ np.ones(3)).tolist()
    [3.0, 3.0]
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


# Set in the threads of a pool: work that they split further they do themselves.
_pool = threading.local()

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
    for _ in ordered(function, pieces, n_threads=n_threads):
        pass


def ordered(
    function: Callable[[Piece], Result], pieces: Iterable[Piece], *, n_threads: int | None = None
) -> Iterator[Result]:
    """Return what `function` makes of every piece, in the order of the pieces, computed on a pool of threads.

    Only a few results wait for being taken, so that a sum over very many pieces needs little memory, and since they
    come in order it is the same for any number of threads.

    Parameters
    ----------
    function, pieces, n_threads
        As in `for_each`.

    Yields
    ------
    result
        One for each piece.

    Examples
    --------
    >>> sum(ordered(lambda i: i * i, range(4)))
    14
    """
    count = n_threads or _threads()
    if count == 1 or _is_inside():
        shares = n_threads is None and _companion.is_here and not _is_serial()
        yield from _companion.shared(function, pieces) if shares else map(function, pieces)
        return
    waiting = iter(pieces)
    for piece in waiting:
        # Of two threads, one is at work aside: this one does what it can until that one has ended.
        if not (_threads() == 2 and _companion.is_busy):
            waiting = chain([piece], waiting)
            break
        yield function(piece)
    pool = _workers(count)
    under_way: deque[Future[Result]] = deque(pool.submit(function, piece) for piece in islice(waiting, _AHEAD * count))
    try:
        while under_way:
            result = under_way.popleft().result()
            under_way.extend(pool.submit(function, piece) for piece in islice(waiting, 1))
            yield result
    finally:
        for future in under_way:
            future.cancel()
        wait(under_way)  # nothing is written to the caller's arrays any more


@contextmanager
def aside(function: Callable[[], Result], *, at_once: bool = True) -> Iterator[Callable[[], Result]]:
    """Call a function in a thread of its own while the caller goes on with something else.

    Where there is one thread only, it is called when its result is asked for. Of two, one does what goes on aside, one
    function after the other, and the caller what is asked for before its turn; who waits for a function does every
    second one of its pieces. More threads are a pool for all.

    Parameters
    ----------
    function : callable
        Independent of what the caller does meanwhile; it may spread its work over the pool.
    at_once : bool
        False where there is no memory for both: then, too, it is called when its result is asked for.

    Yields
    ------
    callable
        Waits for the result and returns it, or raises what the function raised.

    Examples
    --------
    >>> with aside(lambda: sum(range(4))) as total:
    ...     product = 2 * 3
    ...     total() + product
    12
    """
    if not at_once or is_alone():
        yield cache(function)
        return
    context = copy_context()
    if _threads() == 2:
        future = _companion.submit(lambda: context.run(function))
        try:
            yield cache(lambda: function() if future.cancel() else _helped(future).result())
        finally:
            # What is cancelled has ended, though it counts as done only when its turn comes.
            if not future.cancel():
                _helped(future)
        return
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(context.run, function).result


class Elsewhere(Protocol):
    """What runs pieces of work outside this process."""

    def ordered(self, function: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """Return what `function` makes of every piece, in the order of the pieces."""


_elsewhere: ContextVar[Elsewhere | None] = ContextVar("_elsewhere", default=None)


@contextmanager
def elsewhere(place: Elsewhere | None) -> Iterator[None]:
    """Let work that is spread be done there; None for this process."""
    token = _elsewhere.set(place)
    try:
        yield
    finally:
        _elsewhere.reset(token)


def is_spread() -> bool:
    """Tell whether work that is spread is done outside this process, which then has to hold nothing for it."""
    return _elsewhere.get() is not None


def spread(function: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
    """Return what `function` makes of every piece, in order: on this process's threads, or wherever work is done.

    Parameters
    ----------
    function : callable
        Takes one piece and returns something small; it writes nowhere.
    pieces : iterable
        What to call it on.

    Examples
    --------
    >>> list(spread(lambda i: i * i, range(4)))
    [0, 1, 4, 9]
    """
    place = _elsewhere.get()
    return ordered(function, pieces) if place is None else place.ordered(function, pieces)


@contextmanager
def serially() -> Iterator[None]:
    """Let work inside be done by this thread alone."""
    before = _is_serial()
    _pool.is_serial = True
    try:
        yield
    finally:
        _pool.is_serial = before


def _helped(future: Future[Result]) -> Future[Result]:
    """Wait for the other one of two threads, and do some of its pieces."""
    with serially():
        _companion.wait_for(future)
    return future


def _enter_pool() -> None:
    _pool.is_inside = True


def is_alone() -> bool:
    """Tell whether this thread has to do all of its work by itself."""
    return _threads() == 1 or _is_inside()


def _is_inside() -> bool:
    """Tell whether this thread is one of a pool, or does serially what it does."""
    return bool(getattr(_pool, "is_inside", False)) or _is_serial()


def _is_serial() -> bool:
    return bool(getattr(_pool, "is_serial", False))


def _threads() -> int:
    return _most_threads or usable_processors()


@cache
def _workers(count: int) -> ThreadPoolExecutor:
    """Return the pool of so many threads, which are kept: starting them takes longer than many a piece of work."""
    return ThreadPoolExecutor(count, thread_name_prefix="fftscape", initializer=_enter_pool)


# Of two threads the one that does what goes on aside.
_companion = Companion(_enter_pool)


def _forget_threads() -> None:
    global _companion
    _workers.cache_clear()
    _companion = Companion(_enter_pool)


if hasattr(os, "register_at_fork"):  # threads do not live on in a child
    os.register_at_fork(after_in_child=_forget_threads)


def usable_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):  # respects containers and job schedulers; Linux only
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
