"""The pool gives the same result with any number of threads, keeps order and limits, and passes errors on."""

import os
import threading
import time
from contextlib import nullcontext

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from fftscape.compute.executors import (
    aside,
    elsewhere,
    for_each,
    is_spread,
    limit_threads,
    one_blas_thread,
    ordered,
    serially,
    usable_processors,
)

# Long enough for a thread that would do a forbidden thing to do it; no test waits for it to pass in vain.
PATIENCE = 20


@pytest.fixture
def no_limit_left():
    yield
    limit_threads(None)


@pytest.mark.parametrize("n_threads", [1, 2, 5, None])
def test_every_piece_is_done_once(n_threads):
    done = [0] * 50

    def mark(i):
        done[i] += i

    for_each(mark, range(50), n_threads=n_threads)
    assert done == list(range(50))


@pytest.mark.parametrize("n_threads", [2, 3])
def test_results_come_in_the_order_of_the_pieces_whoever_is_done_first(n_threads):
    second_is_done = threading.Event()

    def square(i):
        if i == 0:
            assert second_is_done.wait(PATIENCE)
        if i == 1:
            second_is_done.set()
        return i * i

    assert list(ordered(square, range(20), n_threads=n_threads)) == [i * i for i in range(20)]


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_only_a_few_results_wait_for_being_taken(n_threads):
    taken = []

    def pieces():
        for i in range(100):
            taken.append(i)
            yield i

    results = ordered(lambda i: i, pieces(), n_threads=n_threads)
    for number in range(10):
        assert next(results) == number
        assert len(taken) <= number + 1 + 2 * n_threads
    results.close()
    assert len(taken) < 20


@pytest.mark.parametrize("n_threads", [1, 3])
def test_errors_reach_the_caller(n_threads):
    def fail(i):
        raise RuntimeError(f"piece {i}")

    with pytest.raises(RuntimeError, match="piece 0"):
        for_each(fail, range(3), n_threads=n_threads)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_what_came_before_an_error_is_given_and_what_comes_after_is_not_begun(n_threads):
    begun, given = [], []

    def work(i):
        begun.append(i)
        if i == 4:
            raise ZeroDivisionError
        return i

    with pytest.raises(ZeroDivisionError):
        given.extend(ordered(work, range(1000), n_threads=n_threads))
    # An iterator that raises gives list.extend what it had until then.
    assert given == [0, 1, 2, 3]
    assert max(begun) <= 4 + 2 * n_threads


@pytest.mark.parametrize("n_threads", [1, 3])
def test_errors_of_the_pieces_themselves_reach_the_caller(n_threads):
    def pieces():
        yield from range(9)
        raise LookupError("no more pieces")

    with pytest.raises(LookupError, match="no more pieces"):
        for_each(lambda i: None, pieces(), n_threads=n_threads)


def test_threads_are_kept_and_do_not_grow_in_number():
    for_each(lambda i: None, range(50), n_threads=3)
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            for_each(lambda i: 1 // (i - 5), range(50), n_threads=3)
        for_each(lambda i: None, range(50), n_threads=3)
    assert threading.active_count() <= max(before, 3 + 1)


def test_nothing_is_under_way_any_more_after_an_error():
    begun, ended = [], []

    def work(i):
        if i == 0:
            raise ZeroDivisionError
        begun.append(i)
        time.sleep(0.02)
        ended.append(i)

    with pytest.raises(ZeroDivisionError):
        for_each(work, range(50), n_threads=3)
    assert sorted(begun) == sorted(ended)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
def test_a_forked_process_has_threads_of_its_own():
    for_each(lambda i: None, range(9), n_threads=2)
    child = os.fork()
    if child == 0:
        os._exit(0 if list(ordered(lambda i: i * i, range(9), n_threads=2)) == [i * i for i in range(9)] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_aside_goes_on_while_the_caller_does(no_limit_left):
    limit_threads(2)
    meeting = threading.Barrier(2, timeout=PATIENCE)
    with aside(lambda: meeting.wait() * 0 + 5) as result:
        meeting.wait()
        assert result() == 5
        assert result() == 5


@pytest.mark.parametrize(("threads", "is_waited_for", "at_a_time"), [(2, False, 1), (2, True, 2), (3, False, 3)])
def test_what_goes_on_aside_is_spread_over_threads_that_have_nothing_else_to_do(
    no_limit_left, threads, is_waited_for, at_a_time
):
    limit_threads(threads)
    began, ended = threading.Event(), threading.Event()

    def work():
        began.set()
        found = threading.get_ident(), most_at_a_time()
        ended.set()
        return found

    with aside(work) as result:
        assert began.wait(PATIENCE)
        assert is_waited_for or ended.wait(PATIENCE)
        thread, most = result()
    assert thread != threading.get_ident()
    assert most == at_a_time


@pytest.mark.parametrize("how", ["serially", "n_threads=1"])
def test_what_is_to_be_done_by_one_thread_is_not_shared(no_limit_left, how):
    limit_threads(2)
    began = threading.Event()

    def work():
        began.set()
        time.sleep(0.05)
        with serially() if how == "serially" else nullcontext():
            return most_at_a_time(**({} if how == "serially" else {"n_threads": 1}))

    with aside(work) as result:
        assert began.wait(PATIENCE)
        assert result() == 1


def test_results_that_two_threads_share_come_in_order(no_limit_left):
    limit_threads(2)
    began, by = threading.Event(), {}

    def square(number):
        by[number] = threading.get_ident()
        time.sleep(0.002 * (number % 3))
        return number * number

    def work():
        began.set()
        time.sleep(0.05)
        return list(ordered(square, iter(range(21))))

    with aside(work) as result:
        assert began.wait(PATIENCE)
        assert result() == [number * number for number in range(21)]
    assert set(by) == set(range(21))
    assert set(by.values()) == {threading.get_ident(), by[0]} != {threading.get_ident()}


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt])
def test_what_fails_in_the_thread_that_helps_reaches_it(no_limit_left, error):
    limit_threads(2)
    began, caller = threading.Event(), threading.get_ident()

    def fail(number):
        time.sleep(0.002)
        if threading.get_ident() == caller:
            raise error(number)

    def work():
        began.set()
        time.sleep(0.05)
        for_each(fail, range(20))

    def asked_for():
        with aside(work) as result:
            assert began.wait(PATIENCE)
            return result()

    with pytest.raises(error):
        asked_for()
    with aside(lambda: 7) as result:  # and both go on
        assert result() == 7


def test_who_has_not_begun_is_not_waited_for(no_limit_left):
    limit_threads(2)
    began, may_end, ran = threading.Event(), threading.Event(), []

    def work():
        began.set()
        return may_end.wait(PATIENCE)

    with aside(work) as result:
        assert began.wait(PATIENCE)
        with aside(lambda: ran.append(True)):
            pass
        may_end.set()
        assert result()
    assert not ran


def test_of_two_threads_one_goes_on_aside_and_the_other_is_the_callers(no_limit_left):
    limit_threads(2)
    began, may_end, ran = threading.Event(), threading.Event(), []

    def work():
        began.set()
        assert may_end.wait(10)

    def piece(number):
        if number == 3:
            may_end.set()
            first()
        ran.append(threading.get_ident())

    with aside(work) as first, aside(lambda: ran.append("second") or threading.get_ident()) as second:
        assert began.wait(10)
        # Its turn has not come, so whoever wants it does it.
        assert second() == second() == threading.get_ident()
        assert ran == ["second"]
        for_each(piece, range(12))
    # As long as the other one is at work, the caller does its pieces by itself, and then a pool does.
    own = [thread == threading.get_ident() for thread in ran[1:]]
    assert own == [True] * 4 + [False] * 8


@pytest.mark.parametrize("why", ["one thread", "serially", "no memory for both"])
def test_what_cannot_run_aside_is_called_once_when_asked_for(no_limit_left, why):
    limit_threads(1 if why == "one thread" else 2)
    called = []

    def work():
        called.append(threading.get_ident())
        return 7

    alone = serially() if why == "serially" else nullcontext()
    with alone, aside(work, at_once=why != "no memory for both") as result:
        assert called == []
        assert result() == result() == 7
    assert called == [threading.get_ident()]


@pytest.mark.parametrize("count", [1, 2])
def test_errors_from_aside_reach_who_asks(no_limit_left, count):
    limit_threads(count)
    with aside(lambda: 1 // 0) as result, pytest.raises(ZeroDivisionError):
        result()


def test_aside_has_ended_when_the_caller_fails(no_limit_left):
    limit_threads(2)
    begun, ended = threading.Event(), []

    def work():
        begun.set()
        time.sleep(0.02)
        ended.append(True)

    def fail():
        assert begun.wait(PATIENCE)
        raise LookupError

    with pytest.raises(LookupError), aside(work):
        fail()
    assert ended


def test_aside_sees_where_work_is_spread(no_limit_left):
    limit_threads(2)

    class Place:
        def ordered(self, function, pieces):
            return map(function, pieces)

    with elsewhere(Place()), aside(is_spread) as result:
        assert result()


def most_at_a_time(**options):
    """Let each call wait a moment for others to join it, and count those inside."""
    inside, most, lock = 0, 0, threading.Lock()

    def work(_):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.01)
        with lock:
            inside -= 1

    for_each(work, range(24), **options)
    return most


def test_threads_are_bounded():
    assert most_at_a_time(n_threads=2) == 2
    assert most_at_a_time(n_threads=1) == 1


def test_the_limit_counts_where_no_number_is_given(no_limit_left):
    limit_threads(3)
    assert most_at_a_time() == 3
    assert most_at_a_time(n_threads=2) == 2
    limit_threads(1)
    assert most_at_a_time() == 1


def test_without_a_limit_there_is_a_thread_for_each_usable_processor(monkeypatch):
    monkeypatch.setattr("fftscape.compute.executors.usable_processors", lambda: 4)
    assert most_at_a_time() == 4


def test_one_thread_is_the_callers_own():
    seen = set()
    for_each(lambda _: seen.add(threading.get_ident()), range(5), n_threads=1)
    assert seen == {threading.get_ident()}


def test_usable_processors_are_those_of_the_process(monkeypatch):
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 7})
        assert usable_processors() == 3
        monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_processors() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_processors() == 1


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_products_use_one_thread_inside_and_as_many_as_before_outside():
    np.ones((2, 2)) @ np.ones((2, 2))
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        assert set(before) == {2}
        with one_blas_thread():
            assert set(blas_threads()) == {1}
        assert blas_threads() == before
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            raise ZeroDivisionError
        assert blas_threads() == before
