"""Copies of this process: a function that keeps the interpreter to itself in, a way to its result out."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import BinaryIO, TypeVar

from fftscape.compute.executors import is_alone

Result = TypeVar("Result")

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)

_is_allowed = False


def allow_copies(allowed: bool) -> None:
    """Let this process be copied, or not: all its other threads have to be fftscape's, and to wait for work."""
    global _is_allowed
    _is_allowed = allowed


@contextmanager
def in_a_copy(function: Callable[[], Result]) -> Iterator[Callable[[], Result]]:
    """Call a function in a copy of this process while the caller goes on with something else.

    For work in Python itself, such as drawing, of which two threads do no more than one. The copy is forked, with
    whatever locks other threads hold at that moment: only a process that has allowed it is copied (`allow_copies`),
    and only on Linux, whose libraries bear it. Elsewhere, and where there is one thread only, the function is called
    when its result is asked for, and so it is where a copy ends without one. A copy ends when this process does.

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
    if not _is_allowed or sys.platform != "linux" or is_alone():
        yield cache(function)
        return
    copy = _Copy(function)
    try:
        yield cache(lambda: copy.result(function))
    finally:
        copy.end()


class _Copy:
    """A forked process that calls one function, and the pipe that its result comes through."""

    def __init__(self, function: Callable[[], object]) -> None:
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on, of threads: see `in_a_copy`
            self._number = os.fork()
        if self._number == 0:
            os.close(reader)
            _answer(function, os.fdopen(writer, "wb"))
        os.close(writer)
        self._pipe = os.fdopen(reader, "rb")

    def result(self, function: Callable[[], Result]) -> Result:
        """Return what the copy found, or call the function here."""
        with self._pipe as pipe:
            answer = pipe.read()
        if os.waitpid(self._number, 0)[1] != 0:
            return function()
        value, caught = pickle.loads(answer)
        for message, category in caught:
            warnings.warn(message, category, stacklevel=2)
        result: Result = value
        return result

    def end(self) -> None:
        """End the copy if nobody has waited for it."""
        if not self._pipe.closed:
            self._pipe.close()
            os.kill(self._number, signal.SIGKILL)
            os.waitpid(self._number, 0)


def _answer(function: Callable[[], object], pipe: BinaryIO) -> None:
    """Call the function, send what it returns and end this process without a word."""
    try:
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        with pipe, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = function()
            pipe.write(pickle.dumps((value, [(str(warning.message), warning.category) for warning in caught])))
    except BaseException:  # it is called again, and tells its fault there
        os._exit(1)
    os._exit(0)
