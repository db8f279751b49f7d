"""Arrays at image scale that may be larger than memory: they lie in files and are looked at band by band."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.model.errors import UnwritableOutputError

# Arrays that take more bytes than this lie in files.
LARGEST_HELD = 1 << 27
# Rows that are looked at together hold about so many pixels.
_BAND_PIXELS = 1 << 22


def scratch(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return an array to be filled: in memory or, where it is very large, in a temporary file that nobody else sees.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    dtype : dtype
        Of its values.

    Returns
    -------
    ndarray
        Its values are not set. The file, in the folder for temporary files, goes when the array does.

    Raises
    ------
    UnwritableOutputError
        If there is no room for the file.
    """
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    if n_bytes <= LARGEST_HELD:
        return np.empty(shape, dtype)
    try:
        with tempfile.TemporaryFile(prefix="fftscape-") as file:
            if hasattr(os, "posix_fallocate"):  # a map of a file without room for it ends the process when it is filled
                os.posix_fallocate(file.fileno(), 0, n_bytes)
            return np.memmap(file, dtype, "w+", shape=shape)
    except OSError as error:
        raise UnwritableOutputError(
            f"Cannot write {n_bytes} bytes to the folder for temporary files, {tempfile.gettempdir()}: "
            f"{error.strerror or error}; free some space there, or set TMPDIR to another folder."
        ) from error


def held_if_small(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Copy a mapped array into memory, unless it is very large."""
    return data if data.nbytes > LARGEST_HELD else np.array(data)


def release(data: npt.NDArray[Any]) -> None:
    """Give back the memory that an array mapped from a file takes; its values are read again when they are needed."""
    base = _map_of(data)
    # What a program changed in a map of its own ('c') would be lost.
    if base is not None and base.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
        base._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Place:
    """Where in a file an array lies, so that it can travel as a path.

    Parameters
    ----------
    path : str
        The file.
    offset : int
        Of the first byte.
    shape : tuple of int
        Of the array, whose last axis runs fastest.
    dtype : str
        As NumPy writes it.
    """

    path: str
    offset: int
    shape: tuple[int, ...]
    dtype: str

    def opened(self) -> npt.NDArray[Any]:
        """Map the array from its file."""
        return np.memmap(self.path, np.dtype(self.dtype), "r", self.offset, self.shape)


def place_of(data: npt.NDArray[Any]) -> Place | None:
    """Return where an array lies that is a whole run of a named file; None for any other."""
    base = _map_of(data)
    if base is None or base.filename is None or base.mode == "c" or not data.flags.c_contiguous:
        return None
    if not os.path.exists(base.filename):  # a temporary file that has no name any more
        return None
    within = data.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return Place(str(base.filename), base.offset + within, data.shape, data.dtype.str)


def _map_of(data: npt.NDArray[Any]) -> np.memmap[Any, Any] | None:
    base: Any = data
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and isinstance(base.base, mmap.mmap):
            return base
        base = base.base
    return None


def bands_of(data: npt.NDArray[Any], rows: int | None = None) -> Iterator[slice]:
    """Cut an image into bands of rows: of so many, or else of as many as are small beside any machine's memory.

    Examples
    --------
    >>> list(bands_of(np.zeros((5, 1 << 21))))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = rows or max(1, _BAND_PIXELS // data.shape[1])
    for start in range(0, len(data), rows):
        yield slice(start, min(start + rows, len(data)))
        release(data)
