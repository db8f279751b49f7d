"""Bundles: folders that are one image. Which those are, what lies in them, their size and their sum."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from fftscape.model.errors import UnreadableFileError

SUFFIX = ".zarr"


def is_bundle(path: Path) -> bool:
    """Tell whether a path is a folder that is one image."""
    return path.suffix.lower() == SUFFIX and path.is_dir()


def is_in_bundle(path: Path) -> bool:
    """Tell whether a path is a part of a bundle, and so no image of its own."""
    return any(is_bundle(parent) for parent in path.parents)


def members(folder: Path) -> list[Path]:
    """List what lies in a folder and its sub-folders, sorted; links are listed and not followed."""
    found: list[Path] = []
    for at, folders, files in os.walk(folder):
        found += [Path(at, name) for name in files]
        found += [Path(at, name) for name in folders if os.path.islink(os.path.join(at, name))]
    return sorted(found)


def check_members(folder: Path) -> None:
    """Refuse a bundle in which something is neither a file nor a folder.

    Raises
    ------
    UnreadableFileError
        For links, which could lead to any other file, and for devices.
    """
    for member in members(folder):
        mode = member.lstat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a link to another place" if stat.S_ISLNK(mode) else "not a regular file"
            raise UnreadableFileError(
                f"{folder}: {member.relative_to(folder).as_posix()!r} in it is {kind}, which is never opened; "
                "put a copy of the data in its place"
            )


def size_of(path: Path) -> int:
    """Return how many bytes a file, or all files of a bundle, hold."""
    if not is_bundle(path):
        return path.stat().st_size
    return sum(member.lstat().st_size for member in members(path))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files of a bundle.

    Raises
    ------
    OSError
        If something cannot be read.
    """
    if not is_bundle(path):
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    total = hashlib.sha256()
    for member in members(path):
        total.update(os.fsencode(member.relative_to(path).as_posix()) + b"\0")
        if stat.S_ISREG(member.lstat().st_mode):  # all else is refused when it is read, and a pipe would never end
            with member.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
