"""What is to be done: a request, one task for each image, and the fingerprint of both."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import msgspec

from fftscape.batch.discovery import Found, Problem, unique_names
from fftscape.batch.reasons import reason_of
from fftscape.files import formats
from fftscape.files.sidecars import companions
from fftscape.model.settings import Settings


@dataclass(frozen=True)
class Request:
    """What is wanted of every image.

    Parameters
    ----------
    settings : Settings
        How to analyse; window and step None leave the choice to the advisor.
    channel : int or str, optional
        Which of a file's channels, by number or name.
    frame : int or 'all', optional
        Which of a stack's frames; 'all' analyses each by itself.
    pixel_size : str, optional
        Number and unit, for example '0.02 nm'; wins over the file's own calibration.
    fresh : bool
        Compute again what is finished and unchanged.
    """

    settings: Settings
    channel: int | str | None = None
    frame: int | Literal["all"] | None = None
    pixel_size: str | None = None
    fresh: bool = False


@dataclass(frozen=True)
class Task:
    """One image to analyse and the folder name of its result."""

    path: Path
    name: str
    frame: int | None = None

    @property
    def source(self) -> str:
        """The image as lines on the screen and in tables name it."""
        return str(self.path) if self.frame is None else f"{self.path} (frame {self.frame})"


@dataclass(frozen=True)
class Plan:
    """The tasks, and the inputs that give none."""

    tasks: tuple[Task, ...]
    problems: tuple[Problem, ...]


def plan(found: Found, request: Request) -> Plan:
    """Return one task for each image that the files hold under this request.

    Parameters
    ----------
    found : Found
        The files.
    request : Request
        Its `frame` decides whether a stack is one task or one for each frame.
    """
    if request.frame != "all":
        return Plan(tuple(Task(file.path, file.name, request.frame) for file in found.files), found.problems)
    tasks: list[Task] = []
    problems = list(found.problems)
    for file in found.files:
        try:
            count = formats.count_frames(file.path, request.channel)
        except Exception as error:  # whatever its fault, one file must never cost another
            problems.append(Problem(str(file.path), reason_of(error, file.path)))
        else:
            tasks += [Task(file.path, f"{file.name}_f{frame:04d}", frame) for frame in range(count)]
    names = unique_names(task.name for task in tasks)
    return Plan(tuple(replace(task, name=name) for task, name in zip(tasks, names, strict=True)), tuple(problems))


def fingerprint(task: Task, request: Request) -> str:
    """Return the SHA-256 of everything that an image's result depends on.

    The file's path and time do not count: a touched or moved file is the same image.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    parts = {
        "content": _sha256(task.path),
        "beside": {path.name: _sha256(path) for path in companions(task.path)},
        "settings": request.settings,
        "channel": request.channel,
        "frame": task.frame,
        "pixel_size": request.pixel_size,
        "version": version("fftscape"),
    }
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
