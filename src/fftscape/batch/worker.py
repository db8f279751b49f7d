"""The worker: a process of its own that does one call after another, so that a crash costs only the call.

It reads, analyses and publishes; what it is sent and sends back are small records. It ends when its
supervisor does, whichever way that ends.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any

from fftscape.batch.resources import FILE_PAGES, Limits
from fftscape.compute.copies import allow_copies
from fftscape.compute.executors import limit_threads
from fftscape.compute.memory import limit_memory

# The stage in which a file has the say: it must end in time.
READING = "reading"
# A copy of a worker that draws takes 0.1 GiB more, which such a worker no longer needs itself when it draws.
_ENOUGH_FOR_A_COPY = 1 << 30


@dataclass(frozen=True)
class Call:
    """What a worker is to do.

    Parameters
    ----------
    function : callable
        Of a module; takes the arguments and `on_stage`, to be called with a few words before each
        part of the work.
    arguments : tuple
        Records that can be sent.
    limits : Limits
        What it may take.
    reading_seconds : float
        Processor time that the stage `READING` may take.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    limits: Limits
    reading_seconds: float


@dataclass(frozen=True)
class Stage:
    """A call has come to a stage."""

    name: str


@dataclass(frozen=True)
class Reply:
    """A call has ended with this value."""

    value: Any


@dataclass(frozen=True)
class Exhausted:
    """A call has ended because it may have no more memory.

    Parameters
    ----------
    sentence : str
        What a library said about it.
    stage : str
        What it was doing.
    """

    sentence: str
    stage: str


@dataclass(frozen=True)
class Raised:
    """A call has ended with an error that it should have dealt with itself."""

    sentence: str
    trace: str


def serve(connection: Connection, *, be_silent: bool) -> None:
    """Do calls until the supervisor closes the connection; the process's main function."""
    # Whoever stops a run stops the supervisor, which stops its workers.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.freeze()  # what was loaded before stays; looking through all of it takes a tenth of drawing
    if be_silent:  # libraries print past Python, and a crash says what nobody can use
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
    with suppress(EOFError, OSError):
        while True:
            call = connection.recv()
            connection.send(_done(call, connection))


def _done(call: Call, connection: Connection) -> Reply | Exhausted | Raised:
    stage = ""

    def on_stage(name: str) -> None:
        nonlocal stage
        stage = name
        _limit_processor_time(call.reading_seconds if name == READING else 0)
        connection.send(Stage(name))

    limit_threads(call.limits.threads)
    allow_copies(call.limits.memory >= _ENOUGH_FOR_A_COPY)
    limit_memory(call.limits.memory)
    _limit_memory(call.limits.memory)
    try:
        return Reply(call.function(*call.arguments, on_stage=on_stage))
    except MemoryError as error:
        return Exhausted(" ".join(str(error).split()), stage)
    except Exception as error:  # whatever its fault, the worker goes on
        return Raised(f"{type(error).__name__}: {' '.join(str(error).split())}", traceback.format_exc())
    finally:
        _limit_processor_time(0)


def _limit_memory(share: int) -> None:
    """Let allocations fail that would take more than `share`; counted is what is reserved, so less is in use."""
    if sys.platform != "linux":  # elsewhere this limit does not count what large arrays take
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = share - FILE_PAGES
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _limit_processor_time(seconds: float) -> None:
    """Let the system end this process with SIGPROF after so much processor time; 0 for no limit."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
