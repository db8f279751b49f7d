"""Functions called in a copy of this process."""

import os
import signal
import sys
import threading
import time
import warnings
from contextlib import suppress

import numpy as np
import pytest

from fftscape.compute import copies
from fftscape.compute.copies import in_a_copy
from fftscape.compute.executors import limit_threads, ordered, serially

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux only")


@pytest.fixture(autouse=True)
def allowed(monkeypatch):
    monkeypatch.setattr(copies, "_is_allowed", True)
    limit_threads(2)
    yield
    limit_threads(None)


def is_there(number):
    with suppress(ProcessLookupError):
        os.kill(number, 0)
        return True
    return False


def test_a_copy_sees_what_is_here_and_changes_nothing():
    here = np.arange(3.0)

    def work():
        here[0] = 7
        return os.getpid(), here.sum()

    with in_a_copy(work) as found:
        number, total = found()
        assert found() == (number, total)  # asked once
    assert number != os.getpid()
    assert total == 10
    assert here[0] == 0


def test_both_work_at_the_same_time():
    reader, writer = os.pipe()
    # The copy waits for what is written after it was made.
    with in_a_copy(lambda: os.read(reader, 5)) as found:
        os.write(writer, b"hello")
        assert found() == b"hello"


def test_large_results_come_whole():
    with in_a_copy(lambda: np.arange(3_000_000)) as found:
        assert (found() == np.arange(3_000_000)).all()


def test_warnings_are_given_here():
    def work():
        warnings.warn("odd", RuntimeWarning, stacklevel=1)
        return 3

    with pytest.warns(RuntimeWarning, match="odd"), in_a_copy(work) as found:
        assert found() == 3


@pytest.mark.parametrize("end", [lambda: os._exit(3), lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: 1 / 0])
def test_what_a_copy_does_not_do_is_done_here(end):
    here = os.getpid()

    def work():
        if os.getpid() != here:
            end()
        return "done"

    with in_a_copy(work) as found:
        assert found() == "done"


def test_what_cannot_be_sent_is_made_here():
    with in_a_copy(lambda: threading.Lock()) as found:
        assert found().acquire()


def test_faults_are_raised_where_the_result_is_asked_for():
    with in_a_copy(lambda: {}["nowhere"]) as found, pytest.raises(KeyError, match="nowhere"):
        found()


def test_a_copy_that_nobody_waits_for_is_ended():
    reader, writer = os.pipe()

    def work():
        os.write(writer, str(os.getpid()).encode())
        time.sleep(60)

    with in_a_copy(work):
        number = int(os.read(reader, 20))
        assert is_there(number)
    assert not is_there(number)


def test_a_copy_ends_with_the_process_that_made_it():
    reader, writer = os.pipe()
    maker = os.fork()
    if maker == 0:

        def work():
            os.write(writer, str(os.getpid()).encode())
            time.sleep(60)

        with in_a_copy(work) as found:
            found()
        os._exit(0)
    number = int(os.read(reader, 20))
    os.kill(maker, signal.SIGKILL)
    os.waitpid(maker, 0)
    for _ in range(100):
        if not is_there(number):
            break
        time.sleep(0.05)
    assert not is_there(number)


class Odd(UserWarning):
    """A warning that cannot be made from its text."""

    def __init__(self, one, other):
        super().__init__(one, other)


def test_warnings_keep_what_they_are():
    def work():
        warnings.warn(Odd(1, 2), stacklevel=1)

    with pytest.warns(Odd), in_a_copy(work) as found:
        assert found() is None


@pytest.mark.parametrize("name", ["fork", "pipe"])
def test_where_no_copy_can_be_made_it_is_done_here(monkeypatch, name):
    def refuse(*_):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, name, refuse)
    before = len(os.listdir("/proc/self/fd"))
    with in_a_copy(os.getpid) as found:
        assert found() == os.getpid()
    assert len(os.listdir("/proc/self/fd")) == before


def test_whoever_waits_and_is_interrupted_leaves_no_copy():
    reader, writer = os.pipe()

    def work():
        os.write(writer, str(os.getpid()).encode())
        time.sleep(60)

    def interrupt(*_):
        raise KeyboardInterrupt

    def wait_for(work):
        with in_a_copy(work) as found:
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            found()

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            wait_for(work)
        number = int(os.read(reader, 20))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not is_there(number)


def test_children_that_nobody_waits_for_are_no_fault():
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with in_a_copy(os.getpid) as found:
            assert found() != os.getpid()
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_nobody_waits_for_ever(monkeypatch):
    monkeypatch.setattr(copies, "_PATIENCE", 0.2)
    here = os.getpid()

    def work():
        if os.getpid() != here:
            time.sleep(60)
        return "done"

    with in_a_copy(work) as found:
        assert found() == "done"


def test_a_copy_without_memory_leaves_the_work_to_its_original(monkeypatch):
    monkeypatch.setattr(copies, "_MOST_MEMORY", 50 << 20)
    with in_a_copy(lambda: (os.getpid(), np.zeros(100 << 20, np.uint8).nbytes)) as found:
        assert found() == (os.getpid(), 100 << 20)


def test_no_pipes_are_left_open():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with in_a_copy(os.getpid) as found:
            found()
        with in_a_copy(os.getpid):
            pass
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_leave_or_with_one_thread_there_is_no_copy():
    def number():
        with in_a_copy(os.getpid) as found:
            return found()

    assert number() != os.getpid()
    with serially():
        assert number() == os.getpid()
    assert list(ordered(lambda _: number() == os.getpid(), range(3))) == [True] * 3
    limit_threads(1)
    assert number() == os.getpid()
    limit_threads(2)
    copies.allow_copies(False)
    assert number() == os.getpid()
