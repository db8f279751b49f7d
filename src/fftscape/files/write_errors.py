"""Write errors: what the operating system says about an output, as one sentence."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fftscape.model.errors import FftscapeError, UnwritableOutputError


@contextmanager
def named_write_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn every OSError of the block into one sentence that names `path`.

    Raises
    ------
    UnwritableOutputError
        In place of the OSError.
    """
    try:
        yield
    except FftscapeError:
        raise
    except OSError as error:
        # h5py's own texts run over several lines; the number behind them is enough.
        reason = os.strerror(error.errno) if error.errno else " ".join(str(error).split()) or type(error).__name__
        remedy = _remedy(error.errno, Path(path))
        raise UnwritableOutputError(f"Cannot write {Path(path)}: {reason.rstrip('.')}; {remedy}.") from error


def _remedy(number: int | None, path: Path) -> str:
    if number in {errno.ENOSPC, errno.EDQUOT}:
        return "free some space or choose another folder"
    if number in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return "choose a folder you may write to"
    if number in {errno.EEXIST, errno.ENOTDIR}:
        files = [place for place in (path, *path.parents) if place.is_file()]
        if files:
            return f"{files[0]} is a file, choose another folder"
    return "choose another folder"
