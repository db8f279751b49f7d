"""What workers are asked to do in tests: to crash, hang, eat memory, or to work as usual."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from fftscape.batch import work
from fftscape.batch.worker import READING
from fftscape.compute import copies, executors

OnStage = Callable[[str], None]


def work_on(what: str, stage: str, *, on_stage: OnStage) -> Any:
    on_stage(stage)
    return getattr(Behaviour, what)()


def treat_oddly(task: Any, output: Path, request: Any, *, on_stage: OnStage) -> Any:
    """Treat an image, but do in reading what the file's name says: 'b crash.npy'."""

    def on_stage_oddly(stage: str) -> None:
        on_stage(stage)
        what = task.part.path.stem.partition(" ")[2]
        if stage == READING and what:
            getattr(Behaviour, what)()

    return work.treat(task, output, request, on_stage=on_stage_oddly)


class Behaviour:
    """What can go wrong."""

    is_spoiled = False

    @classmethod
    def spoil(cls) -> int:
        """Do as a library that keeps what a bad file told it, and then fails with good ones."""
        cls.is_spoiled = True
        raise ValueError

    @classmethod
    def spoiled(cls) -> bool:
        return cls.is_spoiled

    @staticmethod
    def may_be_copied() -> bool:
        return copies._is_allowed

    @staticmethod
    def well() -> int:
        return os.getpid()

    @staticmethod
    def crash() -> None:
        ctypes.string_at(0)

    @staticmethod
    def killed() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    @staticmethod
    def lose_its_file() -> None:
        """Look at a mapped file that has become shorter."""
        with tempfile.TemporaryFile() as file:
            mapped = np.memmap(file, np.uint8, "w+", shape=(2**16,))
            file.truncate(0)
            mapped[-1] += 1

    @staticmethod
    def leave() -> None:
        os._exit(3)

    @staticmethod
    def hang() -> None:
        while True:
            pass

    @staticmethod
    def sleep() -> None:
        time.sleep(90)

    @staticmethod
    def pause() -> str:
        time.sleep(1.5)
        return "awake"

    @staticmethod
    def spin() -> str:
        until = time.process_time() + 1.5
        while time.process_time() < until:
            pass
        return "spun"

    @staticmethod
    def eat() -> None:
        eaten = [np.ones(2**20) for _ in range(2**20)]
        raise AssertionError(f"{len(eaten)} MiB fitted")

    @staticmethod
    def eat_what_there_is() -> int:
        """Take memory until there is no more, and return the bytes that were in use then."""
        eaten = []
        with suppress(MemoryError):
            while True:
                eaten.append(np.ones(2**17))
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    @staticmethod
    def eat_half() -> int:
        """Take more than a half of what two workers may have together, and less than all of it."""
        return int(np.ones(110 * 2**20).size)

    @staticmethod
    def raises() -> None:
        raise ZeroDivisionError("by\nzero")

    @staticmethod
    def unsendable() -> Any:
        return lambda: None

    @staticmethod
    def chatter() -> str:
        os.write(1, b"chatter on stdout\n")
        os.write(2, b"chatter on stderr\n")
        sys.stdout.write("chatter of Python\n")
        sys.stdout.flush()
        return "said"

    @staticmethod
    def bounds() -> tuple[str, int, int | None]:
        """Return what libraries are told, the most threads that any of them has, and how many share out blocks."""
        import scipy.linalg  # noqa: F401  # brings another library for sums

        of_libraries = max(library["num_threads"] for library in threadpoolctl.threadpool_info())
        return os.environ.get("OPENBLAS_NUM_THREADS", ""), of_libraries, executors._most_threads
