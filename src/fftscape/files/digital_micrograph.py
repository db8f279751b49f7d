"""Gatan DigitalMicrograph files, versions 3 and 4: the tag tree in, its images out.

The layout (big-endian tag tree, data in the byte order that the header names) follows the public
description of the format by Greg Jefferis and Bernhard Schaffer; only pixels, scales and small tags are kept.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from fftscape.files.calibration import Calibration, calibrate
from fftscape.files.entry import ALPHA, RGB, Axes, Common, Entry, entries_along, summarised
from fftscape.files.guards import check_claim
from fftscape.model.errors import UnreadableFileError

_GROUP, _LEAF = 20, 21
_STRUCT, _STRING, _ARRAY = 15, 18, 20
_NUMBERS = {2: "i2", 3: "i4", 4: "u2", 5: "u4", 6: "f4", 7: "f8", 8: "u1", 9: "i1", 10: "u1", 11: "i8", 12: "u8"}
_PIXELS = {
    1: "i2", 2: "f4", 3: "c8", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8", 13: "c16", 14: "u1",
    39: "i8", 40: "u8",
}  # fmt: skip
_COLOUR = 23
_DEEPEST = 64
_MOST_TAGS = 1_000_000
# Longer arrays are pixels or curves; they are left in the file.
_LONGEST_KEPT = 4096
_SHOWN_TAGS = ("Microscope Info", "Acquisition", "DataBar", "Session Info")


@dataclass(frozen=True)
class Stored:
    """An array that stays in the file: where it begins and how many bytes it has."""

    offset: int
    n_bytes: int


def read_digital_micrograph(path: Path) -> list[Entry]:
    """List the images of a DM3 or DM4 file; thumbnails and line plots are left out.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of Entry
        One for each image; the third and further dimensions are frames.
    """
    with path.open("rb") as stream:
        tree = _Tree(stream, path)
        root = tree.parse()
    thumbnails = {tag.get("ImageIndex") for tag in _children(root.get("Thumbnails"))}
    images = list(enumerate(_children(root.get("ImageList"))))
    if len(images) > 1:
        images = [(index, tags) for index, tags in images if index not in thumbnails]
    return [entry for index, tags in images for entry in _entries(path, tags, index, tree.order)]


class _Tree:
    """Walks the tags of one open file."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self.stream, self.path = stream, path
        self.n_tags = 0
        (version,) = struct.unpack(">I", self._bytes(4))
        if version not in (3, 4):
            raise UnreadableFileError(f"{path}: is not a DigitalMicrograph file of version 3 or 4; it may be damaged")
        # Version 4 differs in its 64-bit counts, of which the first is the file's size.
        self.is_4 = version == 4
        self._counted()
        self.order = "<" if struct.unpack(">I", self._bytes(4)) == (1,) else ">"

    def parse(self) -> dict[str, Any]:
        """Return the whole tree as nested dictionaries; tags without a name get their number as name."""
        return self._group(0)

    def _bytes(self, n: int) -> bytes:
        raw = self.stream.read(n)
        if len(raw) != n:
            raise UnreadableFileError(f"{self.path}: its DigitalMicrograph tags end too early; it is cut short")
        return raw

    def _counted(self) -> int:
        return int.from_bytes(self._bytes(8 if self.is_4 else 4), "big")

    def _group(self, depth: int) -> dict[str, Any]:
        self._bytes(2)
        found: dict[str, Any] = {}
        for number in range(self._counted()):
            self.n_tags += 1
            if self.n_tags > _MOST_TAGS or depth > _DEEPEST:
                raise UnreadableFileError(f"{self.path}: its DigitalMicrograph tags are damaged (no end in sight)")
            kind, length = struct.unpack(">BH", self._bytes(3))
            name = self._bytes(length).decode("latin-1") or str(number)
            if self.is_4 and kind in (_GROUP, _LEAF):
                self._bytes(8)
            if kind == _GROUP:
                found[name] = self._group(depth + 1)
            elif kind == _LEAF:
                found[name] = self._leaf(text=name != "Data")
            else:
                break
        return found

    def _leaf(self, *, text: bool) -> Any:
        if self._bytes(4) != b"%%%%":
            raise UnreadableFileError(f"{self.path}: its DigitalMicrograph tags are damaged")
        n_info = self._counted()
        if n_info > _LONGEST_KEPT:
            raise UnreadableFileError(f"{self.path}: its DigitalMicrograph tags are damaged")
        return self._value([self._counted() for _ in range(n_info)], text=text)

    def _value(self, info: list[int], *, text: bool) -> Any:
        """Read what a tag holds, as its encoding (`info`) describes."""
        if info[0] == _STRING:
            return self._array(np.dtype("<u2"), info[1], text=text)
        if info[0] == _STRUCT:
            dtype = self._struct(info)
            return [item.item() for item in np.frombuffer(self._bytes(dtype.itemsize), dtype)[0]]
        if info[0] == _ARRAY:
            dtype = self._struct(info[1:-1]) if info[1] == _STRUCT else np.dtype(self.order + _NUMBERS[info[1]])
            return self._array(dtype, info[-1], text=text)
        number = np.dtype(self.order + _NUMBERS[info[0]])
        return np.frombuffer(self._bytes(number.itemsize), number)[0].item()

    def _struct(self, info: list[int]) -> np.dtype[Any]:
        kinds = info[4::2][: info[2]]
        return np.dtype([(f"f{k}", self.order + _NUMBERS[kind]) for k, kind in enumerate(kinds)])

    def _array(self, dtype: np.dtype[Any], length: int, *, text: bool) -> Any:
        """Return text for short arrays of 16-bit numbers where it may be text, a `Stored` for all others."""
        offset, n_bytes = self.stream.tell(), length * dtype.itemsize
        if text and dtype.str[1:] == "u2" and n_bytes <= _LONGEST_KEPT:
            return self._bytes(n_bytes).decode("utf-16-le" if self.order == "<" else "utf-16-be", "replace")
        self.stream.seek(n_bytes, 1)
        return Stored(offset, n_bytes)


def _children(group: Any) -> list[dict[str, Any]]:
    """Return the groups inside a group, in order."""
    return [item for item in group.values() if isinstance(item, dict)] if isinstance(group, dict) else []


def _entries(path: Path, tags: Mapping[str, Any], index: int, order: str) -> list[Entry]:
    """Describe one image of the list; empty for plots and for types that are no images."""
    image = tags.get("ImageData")
    if not isinstance(image, dict) or not isinstance(image.get("Dimensions"), dict):
        return []
    shape = tuple(int(n) for n in image["Dimensions"].values())[::-1]
    stored, kind = image.get("Data"), image.get("DataType")
    colour = kind == _COLOUR
    if len(shape) < 2 or min(shape[-2:]) < 2 or not isinstance(stored, Stored) or (kind not in _PIXELS and not colour):
        return []
    dtype = np.dtype("u1" if colour else order + _PIXELS[int(kind or 0)])
    n_plane = shape[-2] * shape[-1] * (4 if colour else 1)
    whole = math.prod(shape[:-2]) * n_plane * dtype.itemsize
    held = min(stored.n_bytes, path.stat().st_size - stored.offset)
    check_claim(path, (*shape[-2:], *shape[:-2]), whole, held, packed=False)

    def take(position: tuple[int, ...]) -> npt.NDArray[Any]:
        frame = int(np.ravel_multi_index(position, shape[:-2])) if position else 0
        data = np.fromfile(path, dtype, n_plane, offset=stored.offset + frame * n_plane * dtype.itemsize)
        # Colours are stored as blue, green, red, nothing.
        return data.reshape(*shape[-2:], 4)[..., [2, 1, 0, 3]] if colour else data.reshape(shape[-2:])

    shown = {name: value for name, value in tags.get("ImageTags", {}).items() if name in _SHOWN_TAGS}
    base = Common(
        str(tags.get("Name") or f"image {index}"), dtype.name, samples=(*RGB, ALPHA) if colour else (),
        calibration=_calibration(image), metadata=summarised(shown),
    )  # fmt: skip
    names = "abcdefgh"[: len(shape) - 2] + "YX" + "S" * colour
    return entries_along(Axes(names, (*shape, 4) if colour else shape), take, base)


def _calibration(image: Mapping[str, Any]) -> Calibration:
    """Read scale and unit of the first two dimensions, x and y."""
    calibrations = image.get("Calibrations")
    dimensions = _children(calibrations.get("Dimension")) if isinstance(calibrations, dict) else []
    if len(dimensions) < 2:
        return Calibration()
    x, y = dimensions[:2]
    unit = x.get("Units")
    size_y, size_x = (float(axis.get("Scale", "nan")) for axis in (y, x))
    return calibrate(size_y, size_x, unit if isinstance(unit, str) else "", "DigitalMicrograph tags")
