"""The lock: one writer, portions together, and nobody blocked by the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fftscape.batch.lock import LOCK, sole_writer
from fftscape.batch.portion import WHOLE, Portion
from fftscape.model.errors import InvalidSettingError, UnwritableOutputError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")

HOLD = """
import sys
from pathlib import Path
from fftscape.batch.lock import sole_writer
from fftscape.batch.portion import Portion
with sole_writer(Path(sys.argv[1]), Portion.parsed(sys.argv[2]), warn=print):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(output: Path, portion: str = "1/1") -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(output), portion], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def hold(output: Path, portion: Portion = WHOLE) -> list[str]:
    """Take the lock for a moment and return what is there meanwhile, and afterwards nothing."""
    with sole_writer(output, portion, warn=pytest.fail):
        return sorted(path.name for path in output.iterdir())


def test_the_second_is_refused_naming_the_first_and_the_lock_leaves_nothing(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        with pytest.raises(UnwritableOutputError) as refused:
            hold(tmp_path)
        assert f"(process {first.pid} on " in str(refused.value)
        assert str(tmp_path) in str(refused.value)
        with pytest.raises(UnwritableOutputError, match=f"process {first.pid} on"):
            hold(tmp_path, Portion(1, 2))
        first.communicate("")
        assert first.returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert hold(tmp_path) == [LOCK]


def test_a_killed_run_never_blocks(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert (tmp_path / LOCK).exists()
        assert hold(tmp_path) == [LOCK]
    assert list(tmp_path.iterdir()) == []


def test_a_dead_run_is_never_named_where_the_new_one_cannot_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / LOCK).write_text('{"process": 12345, "host": "here", "since": "2020-02-02T02:02:02+00:00"}')

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "ftruncate", full)
    with (
        sole_writer(tmp_path, warn=pytest.fail),
        pytest.raises(UnwritableOutputError, match="Another run writes to") as refused,
    ):
        hold(tmp_path)
    assert "12345" not in str(refused.value)


def test_portions_share_a_folder_but_not_with_themselves_or_the_whole(tmp_path: Path) -> None:
    with holder(tmp_path, "1/2") as first:
        assert hold(tmp_path, Portion(2, 2)) == [LOCK, f"{LOCK}-1-of-2", f"{LOCK}-2-of-2"]
        assert (tmp_path / LOCK).exists()
        for portion in (Portion(1, 2), WHOLE):
            with pytest.raises(UnwritableOutputError, match=rf"\(process {first.pid} on "):
                hold(tmp_path, portion)
        first.communicate("")
    assert list(tmp_path.iterdir()) == []


def test_never_two_at_once_while_many_come_and_go(tmp_path: Path) -> None:
    inside, most, times = [], [], []

    def come_and_go() -> None:
        for _ in range(200):
            try:
                with sole_writer(tmp_path, warn=pytest.fail):
                    inside.append(1)
                    most.append(len(inside))
                    times.append(1)
                    inside.pop()
            except UnwritableOutputError:
                continue

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(times) >= 1


def test_a_file_system_without_locks_is_said_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(_handle: int, _how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    said: list[str] = []
    with sole_writer(tmp_path, warn=said.append):
        pass
    assert said == [f"{tmp_path}: this file system has no locks; let one run only write there at a time."]


def test_a_run_holds_its_folder(images: Path, tmp_path: Path, go: Callable[..., Any]) -> None:
    output = tmp_path / "out"
    output.mkdir()
    with holder(output) as first, pytest.raises(UnwritableOutputError, match=f"process {first.pid} on"):
        go(images, output)
    assert {path.name for path in output.iterdir()} == {LOCK}


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3", ""])
def test_what_is_no_portion_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettingError, match="--part must be i/n"):
        Portion.parsed(text)
