"""What keeps a hostile or broken file from doing harm: checks before reading, quiet third-party readers."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fftscape.model.errors import BackendUnavailableError, FftscapeError, UnreadableFileError

MAX_PIXELS = 2**31
# Deflate cannot pack more than 1032 to 1; what claims more holds nothing.
MAX_RATIO = 1100
HARMLESS_BYTES = 2**28
_PIP_NAMES = {"skimage": "scikit-image"}
_CHATTY = ("tifffile", "rsciio", "PIL", "h5py", "nd2", "czifile", "liffile", "igor2", "hyperspy")


def check_regular_file(path: Path) -> None:
    """Refuse what is not a file with something in it.

    Raises
    ------
    UnreadableFileError
        For missing and empty files, folders, broken links and devices.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        link, file = "it is a link to a file that is not there; mend the link", "there is no such file; check its name"
        raise UnreadableFileError(f"{path}: {link if path.is_symlink() else file}") from None
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise UnreadableFileError(f"{path}: cannot be opened ({reason}); check its folder's permissions") from error
    except ValueError as error:
        raise UnreadableFileError(f"{path}: cannot be opened ({first_line(error)}); check its name") from error
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableFileError(f"{path}: is a folder, not an image; name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableFileError(f"{path}: is not a regular file; copy what it gives into one")
    if status.st_size == 0:
        raise UnreadableFileError(f"{path}: the file is empty (0 bytes); copy or export it again")


def check_claim(path: Path, shape: tuple[int, ...], n_bytes: int, stored: int, *, packed: bool) -> None:
    """Refuse an image whose header claims more than the file can hold, before memory is taken for it.

    Parameters
    ----------
    path : Path
        For the message.
    shape : tuple of int
        Of one image, (y, x, ...).
    n_bytes : int
        What one image takes when unpacked.
    stored : int
        Bytes of it in the file.
    packed : bool
        Whether the bytes in the file are compressed.

    Raises
    ------
    UnreadableFileError
        If the claim cannot be true, or the image has more than 2**31 pixels.
    """
    size = " x ".join(str(n) for n in shape)
    if shape[0] * shape[1] > MAX_PIXELS:
        raise UnreadableFileError(f"{path}: its header claims {size} pixels, more than fftscape reads (2**31)")
    impossible = n_bytes > max(HARMLESS_BYTES, MAX_RATIO * stored) if packed else n_bytes > stored
    if impossible:
        raise UnreadableFileError(
            f"{path}: its header claims {size} pixels ({n_bytes} bytes), but the file holds only {stored} bytes "
            "of them; it is cut short or damaged"
        )


def first_line(error: BaseException, limit: int = 160) -> str:
    """Return an error's message as one line that is not too long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 3] + "..."


@contextlib.contextmanager
def translated_errors(path: Path, reader: str) -> Iterator[None]:
    """Turn whatever a reader raises into one sentence, and keep third-party libraries from chattering."""
    try:
        with _quiet():
            yield
    except (FftscapeError, MemoryError):  # memory may be enough when nothing else runs; the file is not at fault
        raise
    except ModuleNotFoundError as error:
        raise _library_missing(path, error.name or "?") from error
    except Exception as error:
        raise UnreadableFileError(
            f"{path}: could not be read as {reader} ({type(error).__name__}: {first_line(error)}); "
            "if another program opens it, export it from there as TIFF"
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings and the loggers of reading libraries."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def no_printing() -> Iterator[None]:
    """Swallow what a library prints instead of returning."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def _library_missing(path: Path, module: str) -> BackendUnavailableError:
    """Name a library that an optional library wants for this kind of file, beyond what the extra installs."""
    name = _PIP_NAMES.get(module.partition(".")[0], module.partition(".")[0])
    return BackendUnavailableError(
        f"{path}: reading it needs another library, which is not installed; install it with: pip install {name}"
    )


def load_extra(module: str, extra: str, path: Path) -> Any:
    """Import an optional library.

    Raises
    ------
    BackendUnavailableError
        If it is not installed; the sentence names the command that installs it.
    """
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        missing = error.name or module
        if missing.partition(".")[0] != module.partition(".")[0]:
            raise _library_missing(path, missing) from error
        raise BackendUnavailableError(
            f"{path}: this format needs an optional library; install it with: pip install 'fftscape[{extra}]'"
        ) from error
    # RosettaSciIO raises its logger's level again when it is imported.
    logging.getLogger(module.partition(".")[0]).setLevel(logging.CRITICAL + 1)
    return found
