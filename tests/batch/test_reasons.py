"""Why an image failed: one sentence that says what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fftscape.batch import tasks
from fftscape.batch.reasons import reason_of
from fftscape.model.errors import UnreadableFileError

IMAGE = Path("folder") / "a.tif"


def told(number: int, name: object = None) -> OSError:
    return OSError(number, os.strerror(number), name)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (told(errno.EACCES, str(IMAGE)), "cannot be read (Permission denied); check its permissions."),
        (told(errno.EIO), "cannot be read (Input/output error); check the disk that it lies on."),
        (
            told(errno.EACCES, str(IMAGE.with_suffix(".txt"))),
            f"{IMAGE.with_suffix('.txt')}, which belongs to it, cannot be read (Permission denied); "
            "check its permissions.",
        ),
        (UnreadableFileError(f"{IMAGE}: is\n empty"), "is empty"),
        (
            OSError("no number"),
            "unexpected OSError: no number (a fault of fftscape, please report it; run --verbose shows where).",
        ),
    ],
)
def test_a_reason_is_one_sentence_without_the_name(error: Exception, reason: str) -> None:
    assert reason_of(error, IMAGE) == reason


def test_a_disk_that_fails_in_reading_costs_the_image_a_line(
    images: Path, tmp_path: Path, go: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    read = tasks.sha256_of

    def failing(path: Path) -> str:
        if path.name == "a.npy":
            raise told(errno.EIO)
        return read(path)

    monkeypatch.setattr(tasks, "sha256_of", failing)
    ran = go(images, tmp_path / "out")
    assert ran.statuses == ["failed", "done"]
    assert ran.heard.trouble == [
        f"{images / 'a.npy'}: cannot be read (Input/output error); check the disk that it lies on."
    ]
