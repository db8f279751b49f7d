"""The names of result folders: every image keeps its own, and no image gets another's."""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fftscape.batch.summary import WRITTEN, published, told
from fftscape.files.plain import as_text
from fftscape.model.errors import UnreadableFileError

# On Windows the device names are no folder names.
RESERVED = {*WRITTEN, "con", "prn", "aux", "nul"}
LONGEST_NAME = 120
# What a run adds to a manifest.
ORIGIN, FINGERPRINT = "origin", "fingerprint"


@dataclass(frozen=True)
class Origin:
    """What a result is of, as its manifest tells the next run.

    Parameters
    ----------
    path : str
        The image file, relative to the output folder: images and results may move together, and
        nobody's folders are told.
    stem : str
        Name of the result's folder where no other image has it first.
    channel : str
        Full name of the channel asked for; '' where the reader chose.
    frame : int or None
        Number of the frame asked for.
    """

    path: str
    stem: str
    channel: str = ""
    frame: int | None = None

    @classmethod
    def of(cls, path: Path, output: Path, *, channel: str = "", frame: int | None = None) -> Origin:
        """Return the origin of an image's result in an output folder, however its file is named."""
        place = os.path.realpath(path)
        with contextlib.suppress(ValueError):  # no relation to another drive of Windows
            place = os.path.relpath(place, os.path.realpath(output))
        stem = safe_name(path.stem) + (f"_{safe_name(channel)}" if channel else "")
        stem += "" if frame is None else f"_f{frame:04d}"
        return cls(as_text(Path(place).as_posix()), stem, as_text(channel), frame)

    @classmethod
    def told_by(cls, manifest: Mapping[str, Any]) -> Origin | None:
        """Return the origin of a published result; None where it was not made by a run."""
        told = manifest.get(ORIGIN)
        return cls(**told) if told else None

    def plain(self) -> dict[str, str | int | None]:
        """Return it as a manifest holds it."""
        return asdict(self)


def safe_name(stem: str) -> str:
    """Return a folder name that every file system takes and that is never hidden or reserved.

    Examples
    --------
    >>> safe_name("scan 3"), safe_name("../a:b"), safe_name(".."), safe_name("index.html")
    ('scan 3', '_a_b', 'image', 'index.html_')
    """
    printable = unicodedata.normalize("NFC", stem).encode("utf-8", "replace").decode("utf-8")
    name = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]+', "_", printable).lstrip(". ")
    name = name.encode("utf-8")[:LONGEST_NAME].decode("utf-8", "ignore").rstrip(". ")
    if name.casefold() in RESERVED:
        return f"{name}_"
    return name or "image"


def folder_names(origins: Sequence[Origin], output: Path, *, mark: Callable[[int], str]) -> list[str]:
    """Return the folder name of each image's result; names that are equal without regard to case get a number.

    An image keeps the name it has in the output folder, also where its file was moved since. Every
    other name in there is taken, even where the file it came from is gone.

    Parameters
    ----------
    origins : sequence of Origin
        All different.
    output : Path
        Where results of earlier runs may lie.
    mark : callable
        Gives the fingerprint of the image of a number in `origins`, '' where it has none; asked
        only where a result of that name lost its file.
    """
    held = _held(output)
    own: dict[Origin, str] = {}
    for name, manifest in held.items():
        if origin := Origin.told_by(manifest):
            own.setdefault(origin, name)  # the first: people copy folders to 'a copy'
    lost = [origin for origin in own if not os.path.lexists(output / origin.path)]
    moved = {(origin.stem, held[own[origin]].get(FINGERPRINT)): own[origin] for origin in set(lost) - set(origins)}
    stems = {stem for stem, _ in moved}
    taken = {name.casefold() for name in held}
    names = []
    for number, origin in enumerate(origins):
        kept = own.get(origin)
        if kept is None and origin.stem in stems:
            kept = moved.pop((origin.stem, mark(number)), None)
        names.append(kept or _free(origin.stem, taken))
        taken.add(names[-1].casefold())
    return names


def _held(output: Path) -> dict[str, Mapping[str, Any]]:
    """Return the manifests in a folder by name; a result without a whole one is damaged and may be replaced."""
    held: dict[str, Mapping[str, Any]] = {}
    for folder in published(output):
        try:
            held[folder.name] = told(folder)
        except UnreadableFileError:
            continue
    return held


def _free(stem: str, taken: set[str]) -> str:
    name, number = stem, 1
    while name.casefold() in taken:  # without case: 'A' and 'a' are one folder on many systems
        number += 1
        name = f"{stem}-{number}"
    return name
