"""What the user named: files, folders and globs enter; image files leave."""

from __future__ import annotations

import glob
import os
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fftscape.batch.summary import WRITTEN
from fftscape.files.bundle import is_bundle, is_in_bundle
from fftscape.files.result_folder import MANIFEST, STORE


@dataclass(frozen=True)
class Problem:
    """An input that gives no result, and why."""

    source: str
    reason: str

    @property
    def title(self) -> str:
        """The input as lists name it."""
        return self.source


@dataclass(frozen=True)
class Found:
    """What a list of inputs stands for.

    Parameters
    ----------
    files : tuple of Path
        Each file once, in the order named; folders and globs in alphabetical order.
    problems : tuple of Problem
        Inputs that stand for no file.
    remarks : tuple of str
        Sentences for people: how many files a folder or glob gave, what was left out.
    """

    files: tuple[Path, ...]
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
        Suffixes of image files, in lower case with the dot; they choose the files of a folder. A folder that
        is one image counts as a file, and what lies in it is never taken.
    output : Path, optional
        What `run` wrote there is never an input.
    """
    paths: dict[Path, Path] = {}
    problems: list[Problem] = []
    remarks: list[str] = []
    for text in inputs:
        named = _expanded(text, suffixes)
        if isinstance(named, Problem):
            problems.append(named)
            continue
        kept = [path for path in named if not _is_written_by_run(path, output)]
        if not kept:
            problems.append(Problem(text, f"this is a result in {output}, not an input; name the image itself."))
            continue
        if len(kept) < len(named):
            count = len(named) - len(kept)
            remarks.append(f"{text}: {count} file{'s' if count != 1 else ''} of the results in {output} left out.")
        if kept != [Path(text)]:
            deeper = _glob_of_sub_folders(Path(text), suffixes)
            more = f"; those in its sub-folders are left out (the glob '{deeper}' takes them)" if deeper else ""
            remarks.append(f"{text}: {_files(len(kept))} found{more}.")
        for path in kept:
            paths.setdefault(_place(path), path)
    return Found(tuple(paths.values()), tuple(problems), tuple(remarks))


def _expanded(text: str, suffixes: Container[str]) -> list[Path] | Problem:
    if not text.strip():
        return Problem("''", "this input is empty; name a file, a folder or a glob.")
    try:
        return _paths_of(text, suffixes)
    except OSError as error:
        return Problem(text, f"cannot be looked up ({error.strerror}); check the name and its permissions.")


def _paths_of(text: str, suffixes: Container[str]) -> list[Path] | Problem:
    path = Path(text)
    if path.is_dir() and not is_bundle(path):
        own = sorted(
            item
            for item in path.iterdir()
            if item.suffix.lower() in suffixes and item.name[0] != "." and (item.is_file() or _is_image_folder(item))
        )
        return own or Problem(text, _without_images(path, suffixes))
    if path.exists() or not glob.has_magic(text):
        return [path]
    matches = sorted(Path(match) for match in glob.glob(text, recursive=True))
    files = [match for match in matches if (not match.is_dir() or _is_image_folder(match)) and not is_in_bundle(match)]
    return files or Problem(text, "no file matches this pattern.")


def _is_image_folder(path: Path) -> bool:
    """Tell folders that are one image; the store of a result lies in its folder and is none."""
    return is_bundle(path) and not (path.name == STORE and (path.parent / MANIFEST).is_file())


def _without_images(folder: Path, suffixes: Container[str]) -> str:
    """Say what to name instead of a folder without image files of its own."""
    if deeper := _glob_of_sub_folders(folder, suffixes):
        return f"this folder holds image files in its sub-folders only; to take them, give the glob '{deeper}'."
    return "this folder holds no image file; name a file, or a glob for sub-folders."


def _glob_of_sub_folders(folder: Path, suffixes: Container[str]) -> str:
    """Return what takes the files in a folder's sub-folders, '' where these hold no images but those of results."""
    below = (item for item in folder.glob("[!.]*/[!.]*") if not (item.parent / MANIFEST).exists())
    images = (item for item in below if item.suffix.lower() in suffixes)
    with suppress(OSError):  # it may not be looked into
        if folder.is_dir() and any(item.is_file() or _is_image_folder(item) for item in images):
            return os.path.join(glob.escape(str(folder)), "*", "*")
    return ""


def _is_written_by_run(path: Path, output: Path | None) -> bool:
    if output is None:
        return False
    home, place = _place(output), _place(path)
    if not place.is_relative_to(home) or place == home:
        return False
    first = home / place.relative_to(home).parts[0]
    return (first / MANIFEST).is_file() or (first == place and place.name in WRITTEN)


def _place(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises where links lead in a circle


def _files(count: int) -> str:
    return f"{count} image file" + ("s" if count != 1 else "")
