"""The pool gives the same result with any number of threads, and passes errors on."""

import threading

import pytest

from fftscape.compute.executors import for_each


@pytest.mark.parametrize("n_threads", [1, 2, 5, None])
def test_every_piece_is_done_once(n_threads):
    done = [0] * 50

    def mark(i):
        done[i] += i

    for_each(mark, range(50), n_threads=n_threads)
    assert done == list(range(50))


@pytest.mark.parametrize("n_threads", [1, 3])
def test_errors_reach_the_caller(n_threads):
    def fail(i):
        raise RuntimeError(f"piece {i}")

    with pytest.raises(RuntimeError, match="piece 0"):
        for_each(fail, range(3), n_threads=n_threads)


def test_threads_are_bounded():
    seen = set()
    for_each(lambda _: seen.add(threading.get_ident()), range(200), n_threads=2)
    assert len(seen) <= 2
