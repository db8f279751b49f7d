"""The crew: whatever a worker does costs its own call only."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fftscape.batch import crew as crew_module
from fftscape.batch.crew import Crew, Errand, Lost
from fftscape.batch.resources import Resources
from fftscape.batch.worker import READING
from fftscape.files.result_folder import check

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
GIB = 2**30


@pytest.fixture(autouse=True)
def misbehaviour(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module beside this file, under a name that workers can import too."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import misbehaviour

    return misbehaviour


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading may take one second of processor time, and two of the clock's."""
    monkeypatch.setattr(crew_module, "READING_SECONDS", 1.0)
    monkeypatch.setattr(crew_module, "CLOCK_FACTOR", 2.0)


@pytest.fixture
def done(misbehaviour: Any, tmp_path: Path) -> Callable[..., dict[int, Any]]:
    """Let workers do what is named and return what came of each."""

    def do(*what: str, stage: str = READING, jobs: int = 2, memory: int = 2 * GIB) -> dict[int, Any]:
        errands = [Errand(tmp_path / "x", (name, stage)) for name in what]
        with Crew(Resources(jobs, memory)) as crew:
            return dict(crew.map(misbehaviour.work_on, errands, on_stage=lambda *_: None))

    return do


Done = Callable[..., dict[int, Any]]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("crash", "its reader crashed with SIGSEGV; it is damaged;"),
        ("killed", "its process was killed while reading, perhaps by the system for want of memory;"),
        ("lose_its_file", "a file in use became shorter or could not be read while reading; see that nobody"),
        ("leave", "its reader ended with code 3; it is damaged;"),
        ("eat", "needs more than the 1 GiB of memory that this run may take"),
        ("raises", "unexpected ZeroDivisionError: by zero (a fault of fftscape, please report it)."),
        ("unsendable", "its reader ended with code 1;"),
    ],
)
def test_what_goes_wrong_costs_its_own_call_only(done: Done, what: str, reason: str, jobs: int) -> None:
    # All that there is must be taken before there is none.
    values = done("well", what, "well", what, "well", jobs=jobs, memory=GIB if what == "eat" else 2 * GIB)
    assert [type(values[place]) for place in range(5)] == [int, Lost, int, Lost, int]
    assert values[1].reason == values[3].reason
    assert values[1].reason.startswith(reason)


@pytest.mark.parametrize("what", ["hang", "sleep"])
def test_reading_must_come_to_an_end(done: Done, impatient: None, what: str) -> None:
    values = done("well", what, "well")
    assert [type(values[place]) for place in range(3)] == [int, Lost, int]
    assert values[1].reason.startswith("reading it did not come to an end in 1 s; it is damaged, or made to do harm;")


@pytest.mark.parametrize("what", ["spin", "pause"])
def test_only_reading_has_a_deadline(done: Done, impatient: None, what: str) -> None:
    assert done(what, stage="analysing")[0] in ("spun", "awake")


def test_a_busy_machine_gives_reading_more_of_the_clock(done: Done, impatient: None) -> None:
    assert done("pause")[0] == "awake"


def test_large_files_may_take_longer(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(300 * 2**20)
    limits = Resources(1, GIB).limits(1)
    call = crew_module._call(print, Errand(tmp_path / "large", ()), limits)
    assert call.reading_seconds == 310
    assert crew_module._call(print, Errand(tmp_path / "gone", ()), limits).reading_seconds == 10


def test_a_fault_in_analysing_is_not_called_the_readers(done: Done) -> None:
    reason = done("crash", stage="analysing")[0].reason
    assert reason.startswith("its process crashed with SIGSEGV while analysing (a fault of fftscape or a library")


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
@pytest.mark.parametrize("memory", [GIB, pytest.param(2 * GIB, marks=pytest.mark.long)])
def test_workers_take_their_share_and_no_more(done: Done, memory: int) -> None:
    for taken in done("eat_what_there_is", "eat_what_there_is", memory=memory).values():
        assert 0.5 < taken / Resources(2, memory).limits(2).memory <= 1
    (taken,) = done("eat_what_there_is", memory=memory).values()
    assert 0.5 < taken / Resources(2, memory).limits(1).memory <= 1


def test_what_is_too_large_for_a_share_is_done_alone_in_the_end(done: Done) -> None:
    values = done("eat_half", "well", "well", "well")
    assert list(values)[-1] == 0  # after all others
    assert values[0] == 110 * 2**20
    (lost,) = done("eat_half", memory=GIB).values()
    assert lost.reason.startswith("needs more than the 1 GiB of memory")
    assert lost.reason.endswith("; it is damaged, or made to do harm; if it is neither, give a larger --memory.")
    (lost,) = done("eat_half", memory=GIB, stage="analysing").values()
    assert lost.reason.endswith("; give a larger --memory, a larger --step, or a part of the image.")


def test_workers_go_on_and_are_shared_out(done: Done) -> None:
    assert len(set(done(*["well"] * 6, jobs=1, stage="analysing").values())) == 1
    assert len(set(done("pause", "well", "pause", "well", jobs=2, stage="analysing").values()) - {"awake"}) <= 2


@pytest.mark.parametrize(("stage", "is_spoiled"), [(READING, False), ("analysing", True)])
def test_a_worker_whose_reading_failed_is_replaced(done: Done, stage: str, is_spoiled: bool) -> None:
    assert done("spoil", "spoiled", "spoiled", jobs=1, stage=stage)[2] is is_spoiled


def test_a_worker_that_had_no_more_memory_is_replaced(done: Done) -> None:
    before, _, after = done("well", "eat", "well", jobs=1, stage="analysing", memory=GIB).values()
    assert before != after


@pytest.mark.parametrize(("n_calls", "threads"), [(1, 4), (2, 2), (3, 1), (8, 1)])
def test_threads_never_exceed_the_jobs(done: Done, n_calls: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in crew_module.ONE_THREAD:
        monkeypatch.setenv(name, "4")
    values = set(done(*["bounds"] * n_calls, jobs=4).values())
    assert values == {("1", 1, threads)}


def test_workers_with_room_for_two_may_be_copied(done: Done) -> None:
    # One call has all of the memory, two calls share it: a GiB each, less what the supervisor takes.
    assert set(done("may_be_copied", memory=2 * GIB).values()) == {True}
    assert set(done("may_be_copied", "may_be_copied", memory=2 * GIB).values()) == {False}


def test_the_environment_stays_as_it_was(done: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    done("well")
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_workers_do_not_print(done: Done, capfd: pytest.CaptureFixture[str]) -> None:
    assert done("chatter")[0] == "said"
    assert capfd.readouterr() == ("", "")


def test_nothing_is_left_behind(misbehaviour: Any, tmp_path: Path) -> None:
    crew = Crew(Resources(2, 2 * GIB))
    errands = [Errand(tmp_path, ("well", "analysing")), Errand(tmp_path, ("sleep", "analysing"))]
    with crew:
        place, pid = next(crew.map(misbehaviour.work_on, errands, on_stage=lambda *_: None))
        began = time.monotonic()
    assert place == 0
    assert time.monotonic() - began < 60  # not the 90 s that the other sleeps
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_bad_readers_cost_only_their_images(
    images: Path, tmp_path: Path, go_supervised: Callable[..., Any], misbehaviour: Any, impatient: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    alone = tmp_path / "alone"
    go_supervised(images, alone)
    for what in ("crash", "hang", "eat", "leave"):
        np.save(images / f"aa {what}.npy", np.load(images / "a.npy"))
    monkeypatch.setattr("fftscape.batch.run.treat", misbehaviour.treat_oddly)
    output = tmp_path / "out"
    ran = go_supervised(images, output, resources=Resources(2, GIB))
    assert [(outcome.name, outcome.status) for outcome in ran.outcomes] == [
        ("a", "done"), ("aa crash", "failed"), ("aa eat", "failed"), ("aa hang", "failed"), ("aa leave", "failed"),
        ("b", "done"),
    ]  # fmt: skip
    assert sorted(ran.heard.trouble) == [f"{o.source}: {o.reason}" for o in ran.outcomes if o.status == "failed"]
    assert not list(output.glob(".*"))
    for name in ("a", "b"):
        assert check(output / name) == ()
        assert (output / name / "result.json").read_bytes() == (alone / name / "result.json").read_bytes()
