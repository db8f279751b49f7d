"""What the user named: files, folders and globs enter; image files with a folder name each leave."""

from __future__ import annotations

import glob
import re
import unicodedata
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fftscape.files.result_folder import MANIFEST

# Files that `run` writes beside the result folders; on Windows the device names are no folder names either.
RESERVED = {"index.html", "summary.csv", "failures.csv", "con", "prn", "aux", "nul"}
LONGEST_NAME = 120


@dataclass(frozen=True)
class InputFile:
    """One image file and the folder name its result gets."""

    path: Path
    name: str


@dataclass(frozen=True)
class Problem:
    """An input that gives no result, and why."""

    source: str
    reason: str


@dataclass(frozen=True)
class Found:
    """What a list of inputs stands for.

    Parameters
    ----------
    files : tuple of InputFile
        Each file once, in the order named; folders and globs in alphabetical order.
    problems : tuple of Problem
        Inputs that stand for no file.
    remarks : tuple of str
        Sentences for people: how many files a folder or glob gave, what was left out.
    """

    files: tuple[InputFile, ...]
    problems: tuple[Problem, ...] = ()
    remarks: tuple[str, ...] = ()


def find_inputs(inputs: Sequence[str], *, suffixes: Container[str], output: Path | None = None) -> Found:
    """Find the image files that the inputs stand for.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders (their own image files, not those of sub-folders) and globs (``**`` reaches
        into sub-folders).
    suffixes : container of str
        Suffixes of image files, in lower case with the dot; they choose the files of a folder.
    output : Path, optional
        Files inside the results published there are never inputs.

    Returns
    -------
    Found
        The files, each with a name that is unique without regard to case.
    """
    paths: dict[Path, Path] = {}
    problems: list[Problem] = []
    remarks: list[str] = []
    for text in inputs:
        named = _expanded(text, suffixes)
        if isinstance(named, Problem):
            problems.append(named)
            continue
        kept = [path for path in named if not _is_result(path, output)]
        if not kept:
            problems.append(Problem(text, f"this is a result inside {output}, not an input; name the image itself."))
            continue
        if len(kept) < len(named):
            remarks.append(f"{text}: {_files(len(named) - len(kept))} inside the results of {output} left out.")
        if kept != [Path(text)]:
            remarks.append(f"{text}: {_files(len(kept))} found.")
        for path in kept:
            paths.setdefault(path.resolve(), path)
    names = unique_names(path.stem for path in paths.values())
    return Found(
        tuple(InputFile(path, name) for path, name in zip(paths.values(), names, strict=True)),
        tuple(problems),
        tuple(remarks),
    )


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


def unique_names(stems: Iterable[str]) -> list[str]:
    """Return a safe name for each stem; equal ones get a number.

    Examples
    --------
    >>> unique_names(["a", "b", "A"])
    ['a', 'b', 'A-2']
    """
    taken: set[str] = set()
    names = []
    for stem in stems:
        base = name = safe_name(stem)
        number = 1
        while name.casefold() in taken:  # without case: 'A' and 'a' are one folder on many systems
            number += 1
            name = f"{base}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _expanded(text: str, suffixes: Container[str]) -> list[Path] | Problem:
    if not text.strip():
        return Problem("''", "this input is empty; name a file, a folder or a glob.")
    try:
        return _paths_of(text, suffixes)
    except OSError as error:
        return Problem(text, f"cannot be looked up ({error.strerror}); check the name and its permissions.")


def _paths_of(text: str, suffixes: Container[str]) -> list[Path] | Problem:
    path = Path(text)
    if path.is_dir():
        own = sorted(
            item
            for item in path.iterdir()
            if item.suffix.lower() in suffixes and item.name[0] != "." and item.is_file()
        )
        return own or Problem(text, "this folder holds no image file; name a file, or a glob for sub-folders.")
    if path.exists() or not glob.has_magic(text):
        return [path]
    matches = sorted(Path(match) for match in glob.glob(text, recursive=True))
    files = [match for match in matches if not match.is_dir()]
    return files or Problem(text, "no file matches this pattern.")


def _is_result(path: Path, output: Path | None) -> bool:
    if output is None:
        return False
    home, place = output.resolve(), path.resolve()
    if not place.is_relative_to(home) or place == home:
        return False
    first = home / place.relative_to(home).parts[0]
    return (first / MANIFEST).is_file()


def _files(count: int) -> str:
    return f"{count} image file" + ("s" if count != 1 else "")
