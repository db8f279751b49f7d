"""The second of two threads: functions in, their results out while the caller does something else, or helps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import Context
from queue import SimpleQueue
from typing import Any, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")
_Offers = SimpleQueue["Callable[[], None] | None"]


class Companion:
    """One thread that calls functions one after the other, and shares their pieces with who waits for them.

    Parameters
    ----------
    initializer : callable
        Called in the thread when it begins.

    Attributes
    ----------
    is_busy : bool
        Whether a function is being called.
    """

    def __init__(self, initializer: Callable[[], None]) -> None:
        self.is_busy = False
        self._initializer = initializer
        self._pool: ThreadPoolExecutor | None = None
        self._thread: int | None = None
        # What a caller who waits is asked to do; None while nobody waits.
        self._offers: _Offers | None = None
        self._helping = threading.Lock()

    @property
    def is_here(self) -> bool:
        """Whether this is its thread."""
        return self._thread == threading.get_ident()

    def submit(self, function: Callable[[], Result]) -> Future[Result]:
        """Let it call a function when it has done what came before."""
        self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="fftscape_aside", initializer=self._begun)
        return self._pool.submit(self._called, function)

    def wait_for(self, future: Future[Any]) -> None:
        """Wait until what was submitted has ended, and meanwhile do those pieces of it that are offered."""
        if not self._helping.acquire(blocking=False):  # somebody else does
            wait([future])
            return
        try:
            offers: _Offers = SimpleQueue()
            self._offers = offers
            future.add_done_callback(lambda _: offers.put(None))
            while (piece := offers.get()) is not None:
                piece()
        finally:
            self._offers = None
            self._helping.release()

    def shared(self, function: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """Return what `function` makes of every piece, in order; called in its thread.

        While somebody waits for what it does, every second piece is offered.
        """
        waiting = iter(pieces)
        for piece in waiting:
            offered: Future[Result] | None = None
            offers = self._offers
            if offers is not None:
                for further in waiting:
                    offered = self._offer(offers, function, further)
                    break
            try:
                yield function(piece)
                if offered is not None:
                    # What nobody has begun is done here.
                    yield function(further) if offered.cancel() else offered.result()
            finally:
                if offered is not None and not offered.cancel():
                    wait([offered])  # nothing is written to the caller's arrays any more

    @staticmethod
    def _offer(offers: _Offers, function: Callable[[Piece], Result], piece: Piece) -> Future[Result]:
        future: Future[Result] = Future()

        def work() -> None:
            try:
                if not future.set_running_or_notify_cancel():
                    return
                # As in a thread of its own, which knows nothing of where the caller's work is done.
                future.set_result(Context().run(function, piece))
            except BaseException as error:
                if not future.done():  # it may come at any time, after the result, too
                    future.set_exception(error)
                if not isinstance(error, Exception):  # an interruption is the caller's
                    raise

        offers.put(work)
        return future

    def _begun(self) -> None:
        self._thread = threading.get_ident()
        self._initializer()

    def _called(self, function: Callable[[], Result]) -> Result:
        self.is_busy = True
        try:
            return function()
        finally:
            self.is_busy = False
