"""The lock on an output folder: one run writes there at a time, or the portions of one job array.

The operating system holds the lock for the process and ends it with the process, however that
ends; the files only carry it, and tell who holds it. A run of the whole batch holds the folder's
file alone. Portions hold it together, and each a file of its own besides.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from fftscape.batch.portion import WHOLE, Portion
from fftscape.files.write_errors import named_write_errors
from fftscape.model.errors import UnwritableOutputError

LOCK = ".fftscape-lock"


@contextmanager
def sole_writer(output: Path, portion: Portion = WHOLE, *, warn: Callable[[str], None]) -> Iterator[None]:
    """Hold an output folder for this process.

    Parameters
    ----------
    output : Path
        An existing folder.
    portion : Portion
        Different portions of a batch share the folder; everything else excludes one another.
    warn : callable
        Takes the sentence that says so where the file system has no locks.

    Raises
    ------
    UnwritableOutputError
        If another process holds it; the sentence names that process.
    """
    if sys.platform == "win32":  # no fcntl there
        warn(f"{output}: there are no locks on this system; let one run only write there at a time.")
        yield
        return
    with ExitStack() as held:
        try:
            if portion.count == 1:
                held.enter_context(_held(output / LOCK, together=False))
            else:
                held.enter_context(_held(output / LOCK, together=True))
                held.enter_context(_held(output / f"{LOCK}-{portion.number}-of-{portion.count}", together=False))
        except BlockingIOError:
            raise UnwritableOutputError(_refusal(output, portion)) from None
        except _NoLocksError:
            warn(f"{output}: this file system has no locks; let one run only write there at a time.")
        yield


@contextmanager
def summary_writer(output: Path) -> Iterator[None]:
    """Wait until no other portion writes the summary, and hold it for this process."""
    if sys.platform == "win32":
        yield
        return
    with ExitStack() as held:
        with suppress(_NoLocksError):  # said before
            held.enter_context(_held(output / f"{LOCK}-summary", together=False, wait=True))
        yield


class _NoLocksError(Exception):
    """The file system cannot lock."""


@contextmanager
def _held(path: Path, *, together: bool, wait: bool = False) -> Iterator[None]:
    handle = _locked(path, together=together, wait=wait)
    try:
        if not together:
            _sign(handle)
        yield
    finally:
        _release(handle, path)


def _locked(path: Path, *, together: bool, wait: bool) -> int:
    """Open and lock the file of that name; whoever ends removes it, so the name may be another file's by then."""
    import fcntl

    while True:
        with named_write_errors(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if together else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
            if _is_at(handle, path):
                return handle
        except BlockingIOError:
            os.close(handle)
            raise
        except OSError as error:
            os.close(handle)
            raise _NoLocksError from error
        os.close(handle)


def _sign(handle: int) -> None:
    """Write down who holds the lock, for whoever is refused."""
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    signature = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
    # On a full disk the lock holds all the same. One that was killed may have left its name, which must not stay.
    with suppress(OSError):
        os.ftruncate(handle, 0)
    with suppress(OSError):
        os.pwrite(handle, json.dumps(signature).encode(), 0)


def _release(handle: int, path: Path) -> None:
    import fcntl

    with suppress(OSError):
        # Only who holds it alone may remove the name; the last of several portions does.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(handle, path):
            path.unlink()
    os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _refusal(output: Path, portion: Portion) -> str:
    """Name the processes that hold the folder."""
    holders = [holder for path in sorted(output.glob(f"{LOCK}*")) if (holder := _holder(path))]
    who = ", ".join(dict.fromkeys(holders)) or "a process that has only just begun"
    what = "this run" if portion.count == 1 else f"part {portion}"
    return f"Another run writes to {output} ({who}); wait until it has ended, or give {what} another folder."


def _holder(path: Path) -> str:
    """Say who holds a lock; '' where nobody does, or it cannot be told."""
    import fcntl

    try:
        with path.open("rb") as file:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return ""  # left by a run that was killed
            told = json.load(file)
        return f"process {told['process']} on {told['host']} since {told['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
