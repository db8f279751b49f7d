"""NumPy files: plain numbers only, never pickled objects."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from fftscape.files.entry import Common, Entry, array_entries
from fftscape.files.guards import check_claim
from fftscape.model.errors import UnreadableFileError
from fftscape.model.mapped import held_if_small


def read_npy(path: Path) -> list[Entry]:
    """List the array of an .npy file; a stack's first axes are its frames.

    Raises
    ------
    UnreadableFileError
        For pickled objects, structured types, and headers that claim more than the file holds.
    """
    with path.open("rb") as stream:
        shape, dtype = _header(path, stream)
        held = path.stat().st_size - stream.tell()
    _check(path, shape, dtype, held, packed=False)

    def take(position: tuple[int, ...]) -> npt.NDArray[Any]:
        image = np.load(path, mmap_mode="r", allow_pickle=False)[position]
        return held_if_small(image)

    return array_entries(shape, take, Common("array", dtype.name))


def read_npz(path: Path) -> list[Entry]:
    """List the arrays of an .npz file that are images; each is a channel under its name."""
    entries: list[Entry] = []
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                continue
            with archive.open(member) as stream:
                shape, dtype = _header(path, stream)
            if len(shape) < 2:
                continue
            n_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
            check_claim(path, shape, n_bytes, member.compress_size, packed=True)
            entries += _member_entries(path, member.filename, shape, dtype)
    return entries


def _member_entries(path: Path, member: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> list[Entry]:
    def take(position: tuple[int, ...]) -> npt.NDArray[Any]:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            return np.asarray(np.lib.format.read_array(stream, allow_pickle=False)[position])

    return array_entries(shape, take, Common(member.removesuffix(".npy"), dtype.name))


def _header(path: Path, stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read shape and type from the head of an npy stream."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.kind == "O":
        raise UnreadableFileError(f"{path}: holds pickled objects, which could run code, so it is not opened")
    if dtype.kind not in "biufc":
        raise UnreadableFileError(f"{path}: holds {dtype} records, not plain numbers; save one 2-D array of numbers")
    return shape, dtype


def _check(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], held: int, *, packed: bool) -> None:
    if len(shape) < 2:
        raise UnreadableFileError(f"{path}: holds an array of shape {shape}; an image needs two dimensions")
    check_claim(path, shape, int(np.prod(shape, dtype=object)) * dtype.itemsize, held, packed=packed)
