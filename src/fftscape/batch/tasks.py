"""What is to be done: a request, one task for each image, and the fingerprint of both."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import msgspec

from fftscape.batch.crew import Crew, Errand, Lost
from fftscape.batch.discovery import Found, Problem
from fftscape.batch.names import Origin, folder_names
from fftscape.batch.outcome import Outcome, Status
from fftscape.batch.reasons import reason_of, without_name
from fftscape.batch.worker import READING
from fftscape.files import formats
from fftscape.files.bundle import sha256_of
from fftscape.files.sidecars import companions
from fftscape.model.settings import Backend, Settings


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
    report : bool
        Draw figures and write the report, which takes a few seconds an image.
    backend : {'numpy', 'torch', 'cupy'}
        What spectra are computed with; last digits differ.
    scheduler : str, optional
        Address of a Dask scheduler whose workers compute spectra; results do not depend on it.
    """

    settings: Settings
    channel: int | str | None = None
    frame: int | Literal["all"] | None = None
    pixel_size: str | None = None
    fresh: bool = False
    report: bool = True
    backend: Backend = "numpy"
    scheduler: str | None = None


@dataclass(frozen=True)
class Part:
    """An image of a file, with the channel (its full name) and the frame where these were asked for."""

    path: Path
    channel: str | None = None
    frame: int | None = None

    def fingerprint(self, request: Request) -> str:
        """Return the SHA-256 of everything that its result depends on.

        The file's path and time do not count: a touched or moved file is the same image.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        parts = {
            "content": sha256_of(self.path),
            "beside": {companion.name: sha256_of(companion) for companion in companions(self.path)},
            "settings": request.settings,
            "channel": self.channel,
            "frame": self.frame,
            "pixel_size": request.pixel_size,
            "backend": request.backend,
            "version": version("fftscape"),
        }
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


@dataclass(frozen=True)
class Task:
    """One image to analyse, what its result's manifest will say of its origin, and its folder name."""

    part: Part
    origin: Origin
    name: str

    @property
    def title(self) -> str:
        """The image as lists name it, whatever becomes of it."""
        return self.outcome("failed").title

    def outcome(
        self, status: Status, *, seconds: float | None = None, reason: str = "", result: Mapping[str, Any] | None = None
    ) -> Outcome:
        """Return what became of it."""
        asked = {"channel": self.part.channel or "", "frame": self.part.frame}
        return Outcome(str(self.part.path), self.name, status, seconds, reason, result or {}, asked)


@dataclass(frozen=True)
class Plan:
    """The tasks, and the inputs that give none."""

    tasks: tuple[Task, ...]
    problems: tuple[Problem, ...]


def plan(found: Found, request: Request, output: Path, crew: Crew) -> Plan:
    """Return one task for each image that the files hold under this request.

    Parameters
    ----------
    found : Found
        The files.
    request : Request
        Its `frame` decides whether a stack is one task or one for each frame.
    output : Path
        Results that lie there keep their names.
    crew : Crew
        Opens the files, where that is needed.
    """
    problems = list(found.problems)
    parts: list[Part] = []
    for part in _asked_parts(found.files, request, crew):
        if isinstance(part, Problem):
            problems.append(part)
        else:
            parts += part
    origins = [Origin.of(part.path, output, channel=part.channel or "", frame=part.frame) for part in parts]
    names = folder_names(origins, output, mark=lambda number: _mark(parts[number], request))
    tasks = [Task(part, origin, name) for part, origin, name in zip(parts, origins, names, strict=True)]
    return Plan(tuple(tasks), tuple(problems))


def _asked_parts(files: Sequence[Path], request: Request, crew: Crew) -> list[list[Part] | Problem]:
    """Return what is asked of each file; they are opened only where that cannot be told otherwise."""
    if request.channel is None and request.frame != "all":
        return [[Part(path, None, request.frame)] for path in files]
    errands = [Errand(path, (path, request)) for path in files]
    asked = dict(crew.map(parts_of, errands, on_stage=lambda _place, _stage: None))
    return [
        Problem(str(path), without_name(asked[place].reason, path)) if isinstance(asked[place], Lost) else asked[place]
        for place, path in enumerate(files)
    ]


def parts_of(path: Path, request: Request, *, on_stage: Callable[[str], None]) -> list[Part] | Problem:
    """Open a file to see which of its images are asked for."""
    on_stage(READING)
    try:
        channel = None if request.channel is None else formats.chosen_channel(path, request.channel)
        frames = range(formats.count_frames(path, channel)) if request.frame == "all" else (request.frame,)
        on_stage("choosing")
        return [Part(path, channel, frame) for frame in frames]
    except MemoryError:
        raise
    except Exception as error:  # whatever its fault, one file must never cost another
        return Problem(str(path), reason_of(error, path))


def _mark(part: Part, request: Request) -> str:
    try:
        return part.fingerprint(request)
    except OSError:  # reading the image will say why
        return ""
