"""The result folder: published whole or not at all, and checked against its manifest.

Files are written into a hidden staging folder beside the result's place, the manifest last;
everything is brought to the disk before the folder gets its name. Whoever sees the name sees a
complete result.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from fftscape.files.plain import as_plain, as_text, to_json
from fftscape.files.write_errors import named_write_errors
from fftscape.model.errors import UnreadableFileError, UnwritableOutputError

MANIFEST = "result.json"
STORE = "result.zarr"
STAGING = ".fftscape-staging-"
PREVIOUS = ".fftscape-previous-"
TRIAL = ".fftscape-trial-"
SYNCED_AT_ONCE = 4
# What desktops leave behind in any folder that someone looks into.
DESKTOP_FILES = {".DS_Store", "Thumbs.db", "desktop.ini", ".directory"}


def publish(
    folder: str | os.PathLike[str],
    name: str,
    *,
    write: Callable[[Path], None],
    manifest: Mapping[str, Any],
) -> Path:
    """Publish one result as ``folder/name``, whole or not at all.

    A result that is already there is replaced in one step and stays as it was if anything goes
    wrong; files that people put into it are kept. A folder that holds no result is never touched.
    Where two processes publish one name at once, the later result stays, whole too.

    Parameters
    ----------
    folder : path-like
        Where results lie; made if it is missing.
    name : str
        Name of the result's folder.
    write : callable
        Fills the empty staging folder it is given.
    manifest : mapping
        What ``result.json`` says about the result; sizes and SHA-256 of all files are added.

    Returns
    -------
    Path
        The published folder.

    Raises
    ------
    UnwritableOutputError
        If the name cannot be used, the place is taken by something else, or the file system refuses.
    """
    folder = Path(folder)
    target = folder / _safe_name(folder, name)
    stem = f"{STAGING}{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}-"
    staging = folder / f"{stem}{uuid.uuid4().hex[:16]}"
    with named_write_errors(target):
        folder.mkdir(parents=True, exist_ok=True)
        _restore(_previous(target))
        _refuse_foreign(target)
        _clear(folder, stem)
        staging.mkdir()
        with _in_use(staging):
            try:
                write(staging)
                document = as_plain(dict(manifest)) | {"files": _inventory(staging)}
                (staging / MANIFEST).write_bytes(_sealed(document))
                _keep_own_files(target, staging)
                _sync(staging)
                _put(staging, target)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    return target


def clean(folder: str | os.PathLike[str]) -> None:
    """Clear up what killed processes left in `folder`; what others are writing there now stays.

    Raises
    ------
    UnwritableOutputError
        If the file system refuses.
    """
    folder = Path(folder)
    with named_write_errors(folder):
        _clear(folder, STAGING)
        for left in sorted(folder.glob(f"{PREVIOUS}*")):
            _restore(left)
        for left in sorted(folder.glob(f"{TRIAL}*")):
            with suppress(FileNotFoundError):
                left.rmdir()


def ensure_writable(folder: str | os.PathLike[str]) -> None:
    """Make `folder` if it is missing and try it out, so that a run fails before it computes.

    Raises
    ------
    UnwritableOutputError
        If nothing can be written there.
    """
    folder = Path(folder)
    trial = folder / f"{TRIAL}{uuid.uuid4().hex}"
    with named_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        trial.mkdir()
        with suppress(FileNotFoundError):  # another run has just cleared up
            trial.rmdir()


def read_manifest(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a result's ``result.json`` says.

    Raises
    ------
    UnreadableFileError
        If there is none, or it is not as it was written.
    """
    path = Path(folder) / MANIFEST
    try:
        found = path.read_bytes()
        document = json.loads(found)
        sealed = found == _sealed({key: value for key, value in document.items() if key != "seal"})
        files = document["files"]
        complete = all(isinstance(entry["sha256"], str) and isinstance(entry["size"], int) for entry in files.values())
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreadableFileError(
            f"{path} cannot be read ({reason}); give the folder of one result, or analyse the image again."
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        sealed = complete = False
    if not (sealed and complete):
        raise UnreadableFileError(f"{path} is not as it was written; analyse the image again.")
    return dict(document)


def check(folder: str | os.PathLike[str]) -> tuple[str, ...]:
    """Compare a published result with its manifest.

    Parameters
    ----------
    folder : path-like
        The published folder.

    Returns
    -------
    tuple of str
        One sentence for each problem; empty where the result is intact. Files that people put
        beside the result's own do no harm, but in the store they could be read as its data.
    """
    folder = Path(folder)
    try:
        files = read_manifest(folder)["files"]
    except UnreadableFileError as error:
        return (str(error),)
    problems = [problem for name, entry in files.items() if (problem := _difference(folder, name, entry))]
    problems += [f"{as_text(name)} is not part of the store" for name in _unlisted(folder, files) if _in_store(name)]
    return tuple(problems)


def own_files(folder: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the files that people put into a result's folder, as relative POSIX paths.

    Raises
    ------
    UnreadableFileError
        If there is no whole manifest to tell them from the result's.
    """
    folder = Path(folder)
    files = read_manifest(folder)["files"]
    return tuple(as_text(name) for name in _unlisted(folder, files) if not _in_store(name))


def _unlisted(folder: Path, files: Container[str]) -> list[str]:
    """Return what lies in a result's folder and is not in its manifest's list, in alphabetical order."""
    return [
        name
        for name in sorted(_names(folder))
        if as_text(name) not in files and name != MANIFEST and PurePosixPath(name).name not in DESKTOP_FILES
    ]


def _in_store(name: str) -> bool:
    return PurePosixPath(name).parts[0] == STORE


def _difference(folder: Path, name: str, entry: Mapping[str, Any]) -> str | None:
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or "\\" in name or "\0" in name or Path(name).is_absolute():
        return f"{name!r} points outside the result's folder"
    path = folder.joinpath(*parts)
    if any(step.is_symlink() for step in (path, *path.parents[: len(parts) - 1])):
        return f"{name} is a link, not a file of the result"
    if not path.is_file():
        return f"{name} is missing"
    try:
        if path.stat().st_size != entry["size"]:
            return f"{name} has {path.stat().st_size} bytes instead of {entry['size']}"
        return None if _sha256(path) == entry["sha256"] else f"{name} has changed"
    except OSError as error:
        return f"{name} cannot be read ({error.strerror or error})"


def _sealed(document: Mapping[str, Any]) -> bytes:
    """Return the manifest's bytes, closed by the SHA-256 of everything before, so that it can be checked itself."""
    return to_json({**document, "seal": hashlib.sha256(to_json(document)).hexdigest()})


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _names(folder: Path) -> Iterator[str]:
    """Yield all files and links below `folder` as relative POSIX paths; links are not followed."""
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in files + links:
            yield (Path(place) / name).relative_to(folder).as_posix()


def _inventory(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        as_text(name): {"size": (folder / name).stat().st_size, "sha256": _sha256(folder / name)}
        for name in sorted(_names(folder))
    }


def _safe_name(folder: Path, name: str) -> str:
    if not name or name in {".", ".."} or any(sign in name for sign in "/\\\0") or name.startswith((STAGING, PREVIOUS)):
        raise UnwritableOutputError(
            f"Cannot write a result named {name!r} into {folder}: the name must be that of one folder; choose another."
        )
    return name


def _refuse_foreign(target: Path) -> None:
    """Refuse to replace anything that is not a result (a damaged one still has its manifest or its store)."""
    if not os.path.lexists(target) or (target.is_dir() and not target.is_symlink() and not any(target.iterdir())):
        return
    own = target.is_dir() and not target.is_symlink()
    if not (own and ((target / MANIFEST).is_file() or (target / STORE).is_dir())):
        raise UnwritableOutputError(
            f"Cannot write {target}: it exists and is not a result of fftscape; choose another name or remove it."
        )


def _keep_own_files(old: Path, new: Path) -> None:
    """Copy what people added to the old result, so that replacing it loses nothing of theirs."""
    if not old.is_dir():
        return
    try:
        listed = read_manifest(old)["files"]
    except UnreadableFileError:
        listed = ()
    for name in _unlisted(old, listed):
        # The store is one thing: a stray piece of an old one could be read as data of the new one.
        if not (_in_store(name) or os.path.lexists(new / name)):
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(old / name, new / name, follow_symlinks=False)


def _sync(folder: Path) -> None:
    """Bring every file and every folder to the disk; a folder after all that is in it."""
    places = list(os.walk(folder, topdown=False))
    files = [os.path.join(place, name) for place, _, names in places for name in sorted(names)]
    by_depth: dict[int, list[str]] = {}
    for place, _, _ in places:
        by_depth.setdefault(place.count(os.sep), []).append(place)
    rounds = [
        [path for path in files if not os.path.islink(path)],
        *(by_depth[depth] for depth in sorted(by_depth)[::-1]),
    ]
    # Several at a time, because a disk brings home together what waits for it: a store has a hundred small files.
    with ThreadPoolExecutor(SYNCED_AT_ONCE) as pool:
        for paths in rounds:
            list(pool.map(_sync_one, paths))  # an error of any of them is raised here


def _sync_one(path: str | os.PathLike[str]) -> None:
    if sys.platform == "win32":  # folders cannot be opened there, and files only for writing
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put(staging: Path, target: Path) -> None:
    """Give the staging folder its name; an old result leaves in the same step where the system can do that."""
    if target.exists() and not _exchanged(staging, target):
        previous = _previous(target)
        os.rename(target, previous)
        os.rename(staging, target)
        _remove(previous)
    elif staging.exists() and not target.exists():
        os.rename(staging, target)
    _sync_one(target.parent)


@contextmanager
def _in_use(staging: Path) -> Iterator[None]:
    """Hold a lock on a staging folder, which ends with the process however that ends."""
    if sys.platform == "win32":  # folders cannot be locked there, and files in use not be removed
        yield
        return
    import fcntl

    handle = os.open(staging, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _is_in_use(staging: Path) -> bool:
    if sys.platform == "win32":
        return False
    import fcntl

    handle = os.open(staging, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(handle)
    return False


def _clear(folder: Path, stem: str) -> None:
    """Remove the staging folders of processes that were killed."""
    for left in sorted(folder.glob(f"{stem}*")):
        with suppress(FileNotFoundError):  # its process has just finished
            if not _is_in_use(left):
                _remove(left)


def _previous(target: Path) -> Path:
    return target.parent / f"{PREVIOUS}{target.name}"


def _restore(previous: Path) -> None:
    """Undo a replacement that was killed between its two renames, or finish one killed after them."""
    if not os.path.lexists(previous):
        return
    target = previous.parent / previous.name.removeprefix(PREVIOUS)
    if previous.is_dir() and not os.path.lexists(target):
        os.rename(previous, target)
    else:
        _remove(previous)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders' names in one step; False where the system cannot."""
    exchange, here = 2, -100  # RENAME_EXCHANGE and AT_FDCWD of Linux; os.replace refuses a folder that is not empty
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    return rename is not None and rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()
