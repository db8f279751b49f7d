"""Copies of this process: a function that keeps the interpreter to itself in, a way to its result out."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from fftscape.compute.executors import is_alone

Result = TypeVar("Result")

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
# Seconds after which nobody waits for a copy any more.
_PATIENCE = 120
# Bytes that a copy may take beside what it shares with its original.
_MOST_MEMORY = 1 << 28

_is_allowed = False


def allow_copies(allowed: bool) -> None:
    """Let this process be copied, or not: all its other threads have to be fftscape's, and to wait for work."""
    global _is_allowed
    _is_allowed = allowed


@contextmanager
def in_a_copy(function: Callable[[], Result]) -> Iterator[Callable[[], Result]]:
    """Call a function in a copy of this process while the caller goes on with something else.

    For work in Python itself, such as drawing, of which two threads do no more than one. The copy is forked, with
    whatever locks other threads hold at that moment, so that only a process is copied that has allowed it
    (`allow_copies`), and only on Linux. Elsewhere, where there is one thread only, and where a copy cannot be made or
    does not bring its result back, the function is called here when its result is asked for. A copy ends when its
    original does.

    Parameters
    ----------
    function : callable
        Independent of what the caller does meanwhile; what it returns can be pickled. Its warnings are given here.

    Yields
    ------
    callable
        Waits for the result and returns it, or raises what the function raises.

    Examples
    --------
    >>> with in_a_copy(lambda: sum(range(4))) as total:
    ...     product = 2 * 3
    ...     total() + product
    12
    """
    copy = _copied(function) if _is_allowed and sys.platform == "linux" and not is_alone() else None
    if copy is None:
        yield cache(function)
        return
    number, pipe = copy
    try:
        yield cache(lambda: _brought(pipe, function))
    finally:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)  # it has ended, or nobody waits for it
        with suppress(ChildProcessError):  # whoever ignores SIGCHLD has nothing to wait for
            os.waitpid(number, 0)
        pipe.close()


def _copied(function: Callable[[], object]) -> tuple[int, Connection] | None:
    """Fork; return the copy's number and the pipe that its answer comes through, or None if the system refuses."""
    original = os.getpid()
    try:
        reader, writer = Pipe(duplex=False)
    except OSError:
        return None
    with writer, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on, of threads: see `in_a_copy`
        try:
            number = os.fork()
        except OSError:
            reader.close()
            return None
        if number == 0:
            _answer(function, writer, original)
    return number, reader


def _answer(function: Callable[[], object], pipe: Connection, original: int) -> None:
    """Call the function, send what it returns and end this process without a word."""
    try:
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() == original:  # else it has ended already
            _limit_memory()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                value = function()
            pipe.send_bytes(pickle.dumps((value, [warning.message for warning in caught])))
    finally:
        os._exit(0)


def _limit_memory() -> None:
    import resource

    with open("/proc/self/statm", encoding="ascii") as file:
        data = int(file.read().split()[5]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = data + _MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if soft == resource.RLIM_INFINITY else min(wanted, soft), hard))


def _brought(pipe: Connection, function: Callable[[], Result]) -> Result:
    """Return what the copy has found, or call the function here."""
    try:
        answer: Any = pickle.loads(pipe.recv_bytes()) if pipe.poll(_PATIENCE) else None
    except (EOFError, OSError):
        answer = None
    if answer is None:
        return function()
    value, said = answer
    for warning in said:
        warnings.warn(warning, stacklevel=2)
    result: Result = value
    return result
