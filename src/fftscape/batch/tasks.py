"""What is to be done: a request, one task for each image, and the fingerprint of both."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import msgspec

from fftscape.batch.discovery import Found, Problem
from fftscape.batch.names import Origin, folder_names, safe_name
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
    """One image to analyse, what its result's manifest will say of its origin, and its folder name."""

    path: Path
    origin: Origin
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


def plan(found: Found, request: Request, output: Path) -> Plan:
    """Return one task for each image that the files hold under this request.

    Parameters
    ----------
    found : Found
        The files.
    request : Request
        Its `frame` decides whether a stack is one task or one for each frame.
    output : Path
        Results that lie there keep their names.
    """
    images, problems = _images(found, request)
    origins = [Origin.of(path, safe_name(path.stem) + _ending(frame, request), output) for path, frame in images]
    names = folder_names(origins, output, mark=lambda number: _mark(*images[number], request))
    tasks = [
        Task(path, origin, name, frame) for (path, frame), origin, name in zip(images, origins, names, strict=True)
    ]
    return Plan(tuple(tasks), problems)


def fingerprint(path: Path, frame: int | None, request: Request) -> str:
    """Return the SHA-256 of everything that an image's result depends on.

    The file's path and time do not count: a touched or moved file is the same image.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    parts = {
        "content": _sha256(path),
        "beside": {companion.name: _sha256(companion) for companion in companions(path)},
        "settings": request.settings,
        "channel": request.channel,
        "frame": frame,
        "pixel_size": request.pixel_size,
        "version": version("fftscape"),
    }
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _images(found: Found, request: Request) -> tuple[list[tuple[Path, int | None]], tuple[Problem, ...]]:
    """Return file and frame of each image."""
    if request.frame != "all":
        return [(path, request.frame) for path in found.files], found.problems
    images: list[tuple[Path, int | None]] = []
    problems = list(found.problems)
    for path in found.files:
        try:
            count = formats.count_frames(path, request.channel)
        except Exception as error:  # whatever its fault, one file must never cost another
            problems.append(Problem(str(path), reason_of(error, path)))
        else:
            images += [(path, frame) for frame in range(count)]
    return images, tuple(problems)


def _ending(frame: int | None, request: Request) -> str:
    return f"_f{frame:04d}" if request.frame == "all" else ""


def _mark(path: Path, frame: int | None, request: Request) -> str:
    try:
        return fingerprint(path, frame, request)
    except OSError:  # reading the image will say why
        return ""


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
