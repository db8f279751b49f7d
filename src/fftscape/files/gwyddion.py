"""Gwyddion's native files: the object tree in, its data fields out, as Gwyddion's user guide describes the format."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.files.calibration import calibrate
from fftscape.files.entry import Entry
from fftscape.files.guards import check_claim
from fftscape.model.errors import UnreadableFileError

MAGIC = b"GWYP"
_NUMBERS = {"b": "<u1", "c": "<u1", "i": "<i4", "q": "<i8", "d": "<f8"}
_DEEPEST = 16


def read_gwyddion(path: Path) -> list[Entry]:
    """List the data fields of a Gwyddion file (.gwy); each is a channel under its title.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of Entry
        In the order of their numbers.
    """
    reader = _Reader(path, path.read_bytes())
    content = reader.object(len(MAGIC), 0)
    keys = [key for key in content if re.fullmatch(r"/\d+/data", key)]
    entries: list[Entry] = []
    for key in sorted(keys, key=lambda key: int(key.split("/")[1])):
        entries += _field_entry(path, content[key], str(content.get(f"{key}/title", f"channel {len(entries)}")))
    return entries


def _field_entry(path: Path, field: Any, name: str) -> list[Entry]:
    """Describe one data field; its rows run from top to bottom."""
    if not isinstance(field, dict) or not isinstance(field.get("data"), np.ndarray):
        return []
    shape = (int(field.get("yres", 0)), int(field.get("xres", 0)))
    values: npt.NDArray[Any] = field["data"]
    check_claim(path, shape, 8 * shape[0] * shape[1], values.nbytes, packed=False)
    if min(shape) < 1:
        return []
    unit = field.get("si_unit_xy")
    sizes = (float(field.get("yreal", "nan")) / shape[0], float(field.get("xreal", "nan")) / shape[1])
    spelt = str(unit.get("unitstr", "")) if isinstance(unit, dict) else ""
    calibration = calibrate(*sizes, spelt, "Gwyddion field size")
    data = values[: shape[0] * shape[1]].reshape(shape)
    return [Entry(name, shape, "float64", lambda _: data, calibration=calibration)]


class _Reader:
    """Walks the objects of a file held in memory; every length is checked against what there is."""

    def __init__(self, path: Path, raw: bytes) -> None:
        self.path, self.raw = path, raw

    def object(self, at: int, depth: int, end: int | None = None) -> dict[str, Any]:
        """Return the components of the object that begins at a byte, by name."""
        end = len(self.raw) if end is None else end
        at = self._after_text(at, end)
        stop = at + 4 + self._count(at, end)
        if stop > end or depth > _DEEPEST:
            raise self._damaged()
        at += 4
        found: dict[str, Any] = {}
        while at < stop:
            after = self._after_text(at, stop)
            name = self.raw[at : after - 1].decode("utf-8", "replace")
            found[name], at = self._component(chr(self.raw[after]), after + 1, stop, depth)
        return found

    def _component(self, kind: str, at: int, end: int, depth: int) -> tuple[Any, int]:
        """Return one component's value and the byte after it."""
        n_items, at = (self._count(at, end), at + 4) if kind.isupper() else (1, at)
        if kind.lower() in _NUMBERS:
            dtype = np.dtype(_NUMBERS[kind.lower()])
            after = at + n_items * dtype.itemsize
            if after > end:
                raise self._damaged()
            values = np.frombuffer(self.raw, dtype, n_items, at)
            return (values if kind.isupper() else values[0].item()), after
        items: list[Any] = []
        for _ in range(n_items):
            after = self._after_text(at, end)
            if kind.lower() == "o":
                items.append(self.object(at, depth + 1, end))
                after += 4 + self._count(after, end)
            elif kind.lower() == "s":
                items.append(self.raw[at : after - 1].decode("utf-8", "replace"))
            else:
                raise self._damaged()
            at = after
        return (items if kind.isupper() else items[0]), at

    def _after_text(self, at: int, end: int) -> int:
        found = self.raw.find(b"\0", at, end)
        if found < 0:
            raise self._damaged()
        return found + 1

    def _count(self, at: int, end: int) -> int:
        if at + 4 > end:
            raise self._damaged()
        return int(struct.unpack_from("<I", self.raw, at)[0])

    def _damaged(self) -> UnreadableFileError:
        return UnreadableFileError(f"{self.path}: its Gwyddion objects end too early; it is cut short or damaged")
