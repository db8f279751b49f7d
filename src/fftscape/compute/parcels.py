"""Parcels: a function in, bytes and the large arrays that travel apart from them out, and the function again."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fftscape.model.mapped import Place, place_of

# Arrays of more bytes are sent to each worker once, not with every piece of work.
_LARGE = 1 << 16
# Larger ones are not sent to workers on this machine, but laid where all of them read the same copy.
_VERY_LARGE = 1 << 24


class Shelf:
    """A folder of files, one for each large array that workers on this machine read where it lies.

    Parameters
    ----------
    folder : Path
        Empty; it goes when the work is done.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._there: dict[int, tuple[Any, Place]] = {}

    def place_of(self, array: Any) -> Place | None:
        """Return where an array lies, which is written there the first time; None where there is no room for it."""
        if id(array) not in self._there:
            path = self._folder / str(len(self._there))
            try:
                np.ascontiguousarray(array).tofile(path)
            except OSError:
                path.unlink(missing_ok=True)
                return None
            self._there[id(array)] = array, Place(str(path), 0, array.shape, array.dtype.str)
        return self._there[id(array)][1]


class _Packer(pickle.Pickler):
    """Takes large arrays out of what it pickles: they travel by themselves, or as a place in a file."""

    def __init__(self, stream: io.BytesIO, shelf: Shelf | None) -> None:
        super().__init__(stream, protocol=pickle.HIGHEST_PROTOCOL)
        self.arrays: list[Any] = []
        self._shelf = shelf

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, np.ndarray) or value.nbytes <= _LARGE or value.dtype.hasobject:
            return None
        place = place_of(value)
        if place is None and self._shelf is not None and value.nbytes > _VERY_LARGE:
            place = self._shelf.place_of(value)
        if place is not None:
            return place
        self.arrays.append(value)
        return len(self.arrays) - 1


def packed(function: Any, shelf: Shelf | None = None) -> tuple[bytes, list[Any]]:
    """Pickle a function; return the bytes and, to be sent apart from them, its large arrays that lie in no file."""
    import cloudpickle

    class Packer(_Packer, cloudpickle.Pickler):  # type: ignore[misc]
        """By value, closures included."""

    stream = io.BytesIO()
    packer = Packer(stream, shelf)
    packer.dump(function)
    return stream.getvalue(), packer.arrays


class _Unpacker(pickle.Unpickler):
    def __init__(self, payload: bytes, arrays: Sequence[Any]) -> None:
        super().__init__(io.BytesIO(payload))
        self._arrays = arrays

    def persistent_load(self, key: Any) -> Any:
        return key.opened() if isinstance(key, Place) else self._arrays[key]


def unpacked(payload: bytes, arrays: Sequence[Any]) -> Any:
    """Return the function, with its arrays."""
    return _Unpacker(payload, arrays).load()
