"""The crew: calls enter, their values leave; each is done by a supervised worker.

A worker that crashes, is killed, does not come to an end in reading or may have no more memory
costs its call only, and another takes its place.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

from fftscape.batch.resources import Limits, Resources
from fftscape.batch.worker import READING, Call, Exhausted, Raised, Reply, Stage, serve
from fftscape.compute.memory import MIB, in_words
from fftscape.files.bundle import size_of

# Processor time that reading a file may take, and how much more of the clock's time where others compute too.
READING_SECONDS = 10.0
READING_SECONDS_PER_MIB = 1.0
CLOCK_FACTOR = 6.0
# Sums that are split among threads come out different in the last digits, so libraries compute with one.
ONE_THREAD = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)  # fmt: skip
# What workers share from the beginning; none of it starts a thread when imported.
LOADED = ["fftscape.batch.work", "scipy.ndimage", "threadpoolctl", "h5py", "tifffile"]
LOADED_FOR_DRAWING = [
    "fftscape.views.figures", "matplotlib.backends.backend_agg", "matplotlib.style", "matplotlib.colorbar",
    "matplotlib.legend", "PIL.Image", "jinja2",
]  # fmt: skip


# Whether the server has been told what to load.
_is_told = False


def get_ready(*, drawing: bool = True) -> None:
    """Start the process that workers are forked from; it loads their libraries while this one goes on.

    Parameters
    ----------
    drawing : bool
        Whether workers will draw, for which there is as much to load again. Only the first call has a say.
    """
    global _is_told
    if sys.platform == "win32" or _is_told:  # there is no fork there: each worker loads what it needs
        return
    from multiprocessing import forkserver

    forkserver.set_forkserver_preload(LOADED + LOADED_FOR_DRAWING * drawing)
    _is_told = True
    with _single_threaded():
        _start_forkserver()


@dataclass(frozen=True)
class Errand:
    """Arguments of one call, and the file it reads, whose size decides how long that may take."""

    path: Path
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Lost:
    """There is no value: the call did not come to its end.

    Parameters
    ----------
    reason : str
        One sentence for people.
    trace : str
        A traceback, where there is one.
    """

    reason: str
    trace: str = ""


@dataclass
class _Worker:
    """A worker as its supervisor sees it."""

    process: BaseProcess
    connection: Connection
    place: int = -1
    stage: str = ""
    deadline: float = float("inf")
    reading_seconds: float = 0

    def give(self, place: int, call: Call) -> None:
        self.place, self.stage, self.deadline = place, "", float("inf")
        self.reading_seconds = call.reading_seconds
        with suppress(OSError):  # it has just died; waiting for its answer tells
            self.connection.send(call)

    def enter(self, stage: str) -> None:
        self.stage = stage
        until = time.monotonic() + CLOCK_FACTOR * self.reading_seconds
        self.deadline = until if stage == READING else float("inf")

    def end(self) -> int:
        """Kill it, if it still lives, and return how it ended."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        return self.process.exitcode or 0


@dataclass
class Crew:
    """Workers within the bounds of a run; used with ``with``, which leaves none of them behind.

    Parameters
    ----------
    resources : Resources
        Bounds of all workers together.
    verbose : bool
        Let libraries print on stderr what they like.
    """

    resources: Resources
    verbose: bool = False
    _workers: list[_Worker] = field(default_factory=list, init=False)

    def __enter__(self) -> Crew:
        """Return the crew; workers are hired when there is something to do."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all workers at once."""
        for worker in self._workers:
            worker.process.kill()
        while self._workers:
            self._workers.pop().end()

    def map(
        self, function: Callable[..., Any], errands: Sequence[Errand], *, on_stage: Callable[[int, str], None]
    ) -> Iterator[tuple[int, Any]]:
        """Call `function` with each errand's arguments.

        What may have no more memory is done again in the end by one worker that may have all of it.

        Parameters
        ----------
        function : callable
            As in `Call`.
        errands : sequence of Errand
            What to call it with.
        on_stage : callable
            Called with an errand's number and a few words.

        Yields
        ------
        number : int
            Of the errand; they come as they end.
        value : object
            What the function returned, or `Lost`.
        """
        most = max(1, min(self.resources.most_workers, len(errands)))
        limits = self.resources.limits(most)
        exhausted: list[int] = []
        for place, value in self._done(function, errands, range(len(errands)), on_stage, most, limits):
            if isinstance(value, Exhausted) and most > 1:
                exhausted.append(place)
            else:
                yield place, self._told(value)
        if exhausted:
            self._dismiss(self._workers[1:])
            limits = self.resources.limits(1)
            for place, value in self._done(function, errands, exhausted, on_stage, 1, limits):
                yield place, self._told(value)

    def _done(
        self,
        function: Callable[..., Any],
        errands: Sequence[Errand],
        places: Iterable[int],
        on_stage: Callable[[int, str], None],
        most: int,
        limits: Limits,
    ) -> Iterator[tuple[int, Any]]:
        waiting = deque(places)
        busy: list[_Worker] = []
        while waiting or busy:
            while waiting and len(busy) < most:
                worker = next((worker for worker in self._workers if worker not in busy), None) or self._hired()
                place = waiting.popleft()
                worker.give(place, _call(function, errands[place], limits))
                busy.append(worker)
            for worker, message in self._heard(busy):
                if isinstance(message, Stage):
                    worker.enter(message.name)
                    on_stage(worker.place, message.name)
                    continue
                busy.remove(worker)
                # Whoever did not come further than reading may be left in any state by what it read.
                if worker in self._workers and (worker.stage == READING or isinstance(message, Exhausted)):
                    self._dismiss([worker])
                yield worker.place, message

    def _heard(self, busy: Sequence[_Worker]) -> Iterator[tuple[_Worker, Any]]:
        """Wait, and yield what workers sent; for those that ended or had to be ended, what was lost."""
        left = max(0.0, min(worker.deadline for worker in busy) - time.monotonic())
        ends: list[Any] = [end for worker in busy for end in (worker.connection, worker.process.sentinel)]
        ready = wait(ends, None if left == float("inf") else left)
        for worker in list(busy):
            if worker.connection in ready:
                try:
                    yield worker, worker.connection.recv()
                except (EOFError, OSError):
                    yield worker, self._lost(worker)
            elif worker.process.sentinel in ready:
                yield worker, self._lost(worker)
            elif worker.deadline <= time.monotonic():
                yield worker, self._lost(worker, overdue=True)

    def _hired(self) -> _Worker:
        # Forked from one process that has loaded everything: ready in milliseconds, what they loaded is shared.
        get_ready()
        context: Any = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
        here, there = context.Pipe()
        process: BaseProcess = context.Process(
            target=serve, args=(there,), kwargs={"be_silent": not self.verbose}, daemon=True, name="fftscape worker"
        )
        with _single_threaded():
            if sys.platform != "win32":
                _start_forkserver()
            process.start()
        there.close()
        self._workers.append(_Worker(process, here))
        return self._workers[-1]

    def _dismiss(self, workers: Sequence[_Worker]) -> None:
        for worker in list(workers):
            self._workers.remove(worker)
            worker.end()

    def _lost(self, worker: _Worker, *, overdue: bool = False) -> Lost:
        self._workers.remove(worker)
        if not overdue:
            worker.process.join(1)  # its connection ends a moment before it does
        code = worker.end()
        where = worker.stage or "beginning"
        if overdue or (worker.stage == READING and code == -getattr(signal, "SIGPROF", 0)):
            return Lost(
                f"reading it did not come to an end in {worker.reading_seconds:.0f} s; it is damaged, or made to do "
                "harm; if another program opens it, export it from there as TIFF."
            )
        if code == -getattr(signal, "SIGKILL", 0):
            return Lost(
                f"its process was killed while {where}, perhaps by the system for want of memory; run the same "
                "command again, with a smaller --memory or fewer --jobs."
            )
        if code == -getattr(signal, "SIGBUS", 0):
            return Lost(
                f"a file in use became shorter or could not be read while {where}; see that nobody writes to it and "
                "that its disk is well, and run the same command again."
            )
        how = f"crashed with {_signal_name(-code)}" if code < 0 else f"ended with code {code}"
        if worker.stage == READING:
            return Lost(f"its reader {how}; it is damaged; if another program opens it, export it as TIFF.")
        return Lost(f"its process {how} while {where} (a fault of fftscape or a library, please report it).")

    def _told(self, value: Any) -> Any:
        """Return the value of a reply, or what was lost."""
        if isinstance(value, Reply):
            return value.value
        if isinstance(value, Exhausted):
            what = f" ({value.sentence})" if value.sentence else ""
            remedy = "give a larger --memory, a larger --step, or a part of the image."
            if value.stage == READING:  # whether a file is as large as it says is not known before it is read
                remedy = "it is damaged, or made to do harm; if it is neither, give a larger --memory."
            most = in_words(self.resources.memory)
            return Lost(f"needs more than the {most} of memory that this run may take{what}; {remedy}")
        if isinstance(value, Raised):
            return Lost(f"unexpected {value.sentence} (a fault of fftscape, please report it).", value.trace)
        return value


def _start_forkserver() -> None:
    """Start the process that workers are forked from, deaf to Ctrl-C, which a terminal sends to it too."""
    from multiprocessing import forkserver, resource_tracker

    resource_tracker.ensure_running()  # it cares for itself, but would end the deafness
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _call(function: Callable[..., Any], errand: Errand, limits: Limits) -> Call:
    try:
        size = size_of(errand.path) / MIB
    except (OSError, ValueError):  # reading it will say why
        size = 0.0
    return Call(function, errand.arguments, limits, READING_SECONDS + READING_SECONDS_PER_MIB * size)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Let processes that are started meanwhile compute sums with one thread; libraries look once, when loaded."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
