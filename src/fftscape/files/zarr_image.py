"""Images in Zarr stores, versions 2 and 3: OME-NGFF multiscales and plain arrays; nothing outside them is opened."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from fftscape.files.bundle import check_members, members
from fftscape.files.calibration import Calibration, calibrate
from fftscape.files.entry import ONLY_IMAGE, Axes, Common, Entry, Take, array_entries, entries_along, summarised
from fftscape.files.guards import check_claim, first_line
from fftscape.files.zarr_chunks import check_chunks
from fftscape.files.zarr_header import ArrayHeader, Node, read_node
from fftscape.model.errors import UnreadableFileError
from fftscape.model.mapped import release, scratch

_DEEPEST = 4
# Each costs zarr about a millisecond, also where it is not there.
_MOST_CHUNKS = 1 << 16
# Pixels that are unpacked together, where chunks are smaller.
_TILE = 1 << 22
_LETTERS = "abdefghi"


class _Axis(msgspec.Struct):
    name: str
    type: str | None = None
    unit: str | None = None


class _Transformation(msgspec.Struct):
    type: str
    scale: tuple[float, ...] | None = None


class _Dataset(msgspec.Struct, rename="camel"):
    path: str
    coordinate_transformations: tuple[_Transformation, ...] = ()


class _Multiscale(msgspec.Struct, rename="camel"):
    datasets: tuple[_Dataset, ...]
    axes: tuple[_Axis | str, ...] = ()
    coordinate_transformations: tuple[_Transformation, ...] = ()
    name: Any = None
    version: Any = None


def read_zarr_image(path: Path) -> list[Entry]:
    """List the images of a Zarr store.

    Parameters
    ----------
    path : Path
        A folder: an array, a multiscale image of OME-NGFF, or groups of these.

    Returns
    -------
    list of Entry
        Of a multiscale image the level of full resolution, one for each channel.

    Raises
    ------
    UnreadableFileError
        For stores in files, results of fftscape, links, and all that `zarr_header` refuses.
    """
    if not path.is_dir():
        raise UnreadableFileError(f"{path}: a Zarr store is read as a folder, this is a file; unpack it (unzip) first")
    check_members(path)
    node = read_node(path, "")
    if node is None:
        raise UnreadableFileError(f"{path}: no zarr.json, .zarray or .zgroup is in this folder; it is no Zarr store")
    if "fftscape" in node.attributes:
        raise UnreadableFileError(
            f"{path}: is a result of fftscape, not an image to analyse; fftscape.load opens it, its folder has a report"
        )
    return list(_entries(path, "", node))


def _entries(path: Path, name: str, node: Node, depth: int = 0) -> Iterator[Entry]:
    """Find images in a group and the groups below it: series, and wells of plates."""
    ome = node.attributes.get("ome", node.attributes)
    if node.array is not None:
        yield from _plain_entries(path, name, node.array)
    elif isinstance(ome, dict) and ome.get("multiscales"):
        multiscales = msgspec.convert(ome["multiscales"], tuple[_Multiscale, ...])
        for number, multiscale in enumerate(multiscales):
            title = "/".join(filter(None, (name, str(multiscale.name or number) if len(multiscales) > 1 else "")))
            yield from _multiscale_entries(path, name, multiscale, ome, title or ONLY_IMAGE)
    elif depth < _DEEPEST:
        below = [item.name for item in (path / name).iterdir() if item.is_dir()]
        for child in sorted(below, key=lambda text: (int(text) if text.isdecimal() else math.inf, text)):
            within = f"{name}/{child}" if name else child
            if (found := read_node(path, within)) is not None:
                yield from _entries(path, within, found, depth + 1)


def _plain_entries(path: Path, name: str, header: ArrayHeader) -> list[Entry]:
    """Describe an array that nothing else is known of."""
    base = Common(name or ONLY_IMAGE, header.dtype.name)
    entries = array_entries(header.shape, lambda at: np.empty(0), base)
    if not entries or min(entries[0].shape) < 2:
        return []
    tail = "YXS" if entries[0].samples else "YX"
    letters = _LETTERS[: len(header.shape) - len(tail)] + tail
    notes = (
        *_checked(path, name, header, letters),
        "a plain Zarr array, so its pixel size is not known; give --pixel-size",
    )
    return array_entries(header.shape, _taker(path, name, header, letters), replace(base, notes=notes))


def _multiscale_entries(
    path: Path, group: str, multiscale: _Multiscale, ome: Mapping[str, Any], title: str
) -> list[Entry]:
    """Describe the first level of a multiscale image, which is that of full resolution."""
    if not multiscale.datasets:
        return []
    dataset = multiscale.datasets[0]
    name = "/".join(filter(None, (group, _inside(path, dataset.path))))
    node = read_node(path, name)
    if node is None or node.array is None:
        raise UnreadableFileError(f"{path}: its metadata name an array {name!r}, which is not there; it is incomplete")
    shape = node.array.shape
    axes = _named_axes(path, multiscale, len(shape))
    letters = _letters(path, axes)
    version = multiscale.version or ome.get("version", "")
    calibration = _calibration(multiscale, dataset, axes, letters, f"OME-NGFF {version}".strip()[:40])
    base = Common(
        title, node.array.dtype.name, calibration=calibration, metadata=summarised(_described(ome)),
        notes=_checked(path, name, node.array, letters),
    )  # fmt: skip
    named = Axes(letters, shape, _channel_names(ome) if "C" in letters else ())
    return entries_along(named, _taker(path, name, node.array, letters), base)


def _inside(path: Path, name: str) -> str:
    """Refuse names that could lead out of the store."""
    if any(part in {"", ".", ".."} for part in name.split("/")) or any(sign in name for sign in "\\:\0"):
        raise UnreadableFileError(f"{path}: its metadata name {name[:80]!r}, which is not a place within the store")
    return name


def _named_axes(path: Path, multiscale: _Multiscale, count: int) -> list[_Axis]:
    """Return one axis for each dimension; before version 0.4 they were names only, or none."""
    given: Sequence[_Axis | str] = multiscale.axes or "tczyx"[-count:]
    axes = [_Axis(axis) if isinstance(axis, str) else axis for axis in given]
    if len(axes) != count:
        raise UnreadableFileError(f"{path}: its metadata name {len(axes)} axes of an array of {count}; it is damaged")
    return axes


def _letters(path: Path, axes: Sequence[_Axis]) -> str:
    letters = [
        axis.name.upper() if axis.name.lower() in {*"tczyx"} else "C" if axis.type == "channel" else _LETTERS[number]
        for number, axis in enumerate(axes)
    ]
    if len(set(letters)) < len(letters) or not {"Y", "X"} <= set(letters):
        named = ", ".join(repr(axis.name[:40]) for axis in axes)
        raise UnreadableFileError(f"{path}: an image has the axes y and x once each, its metadata name {named}")
    return "".join(letters)


def _calibration(
    multiscale: _Multiscale, dataset: _Dataset, axes: Sequence[_Axis], letters: str, source: str
) -> Calibration:
    """Multiply the scales of the level and of the image."""
    at_y, at_x = letters.index("Y"), letters.index("X")
    size_y = size_x = 1.0
    for step in (*dataset.coordinate_transformations, *multiscale.coordinate_transformations):
        if step.type == "scale" and step.scale is not None and len(step.scale) == len(axes):
            size_y, size_x = size_y * step.scale[at_y], size_x * step.scale[at_x]
    unit_y, unit_x = axes[at_y].unit or "", axes[at_x].unit or ""
    if unit_y != unit_x:
        return Calibration(notes=(f"y is in {unit_y!r} and x in {unit_x!r} ({source}), so neither is used",))
    return calibrate(size_y, size_x, unit_y, source)


def _channel_names(ome: Mapping[str, Any]) -> tuple[str, ...]:
    omero = ome.get("omero")
    channels = omero.get("channels") if isinstance(omero, dict) else None
    if not isinstance(channels, list):
        return ()
    labels = [channel.get("label") if isinstance(channel, dict) else None for channel in channels]
    return tuple(str(label or f"channel {number}") for number, label in enumerate(labels))


def _described(ome: Mapping[str, Any]) -> dict[str, Any]:
    return {key: ome[key] for key in ("multiscales", "omero") if key in ome}


def _checked(path: Path, name: str, header: ArrayHeader, letters: str) -> tuple[str, ...]:
    """Refuse an array that claims much and stores nothing; note the chunks that are not there."""
    files = [file for file in members(path / name) if file.name != "zarr.json" and file.name[0] != "."]
    plane = dict(zip(letters, header.shape, strict=True))
    n_bytes = math.prod(header.shape) * header.dtype.itemsize
    stored = sum(file.lstat().st_size for file in files)
    check_claim(path, (plane["Y"], plane["X"]), n_bytes, stored, packed=True)
    grid = zip(letters, header.shape, header.chunk, strict=True)
    n_chunks = math.prod(-(-n // size) for letter, n, size in grid if letter in "YXS")
    if n_chunks > _MOST_CHUNKS:
        raise UnreadableFileError(
            f"{path}: an image of it is in {n_chunks} chunks, more than fftscape reads ({_MOST_CHUNKS}); "
            "write it again with larger chunks"
        )
    missing = header.n_pieces - len(files)
    if missing <= 0:
        return ()
    return (f"{missing} of its {header.n_pieces} chunks are not there and stand for the value {header.fill_value}",)


def _taker(path: Path, name: str, header: ArrayHeader, letters: str) -> Take:
    """Make a function that opens the store again and reads one image of an array."""

    def take(position: tuple[int, ...]) -> npt.NDArray[Any]:
        rest = iter(position)
        return _plane(path, name, header, letters, {letter: next(rest) for letter in letters if letter not in "YXS"})

    return take


def _plane(path: Path, name: str, header: ArrayHeader, letters: str, at: Mapping[str, int]) -> npt.NDArray[Any]:
    """Unpack one image tile by tile into what may lie in a file."""
    import zarr

    lengths = dict(zip(letters, header.shape, strict=True))
    chunk = dict(zip(letters, header.chunk, strict=True))
    order = [letter for letter in letters if letter not in at]
    wanted = [letter for letter in "YXS" if letter in order]
    plane = scratch(tuple(lengths[letter] for letter in wanted), header.dtype.newbyteorder("="))
    with _one_at_a_time():
        array: Any = zarr.open_array(str(path / name), mode="r", zarr_format=header.version)  # type: ignore[arg-type]
        for rows, columns in _tiles(lengths, chunk):
            where: dict[str, Any] = {"Y": rows, "X": columns, "S": slice(None), **at}
            check_chunks(path, name, header, [_range(where[letter], lengths[letter]) for letter in letters])
            try:
                part = np.asarray(array[tuple(where[letter] for letter in letters)])
            except MemoryError:
                raise
            except Exception as error:  # every codec has errors of its own
                raise UnreadableFileError(
                    f"{path}: rows {rows.start} to {rows.stop - 1} of its array {name or '/'!r} cannot be unpacked "
                    f"({first_line(error)}); a chunk is damaged, restore it from a copy"
                ) from error
            plane[rows, columns] = part.transpose([order.index(letter) for letter in wanted])
            release(plane)
    return plane


def _range(wanted: slice | int, length: int) -> range:
    return range(length)[wanted] if isinstance(wanted, slice) else range(wanted, wanted + 1)


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Unpack chunk by chunk: one is bounded, many are not, and how many threads there are is for the run to say."""
    import zarr
    from numcodecs import blosc

    # Its own lock is one between processes, of which the system complains when a worker is ended.
    if not getattr(blosc, "_MUTEX_IS_INIT", True):
        blosc._MUTEX, blosc._MUTEX_IS_INIT = threading.Lock(), True
    with zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1}):
        yield


def _tiles(lengths: Mapping[str, int], chunk: Mapping[str, int]) -> Iterator[tuple[slice, slice]]:
    """Cut an image into tiles of whole chunks."""
    height, width = lengths["Y"], lengths["X"]
    rows = chunk["Y"] * max(1, _TILE // (width * chunk["Y"]))
    columns = width if rows * width <= _TILE else chunk["X"] * max(1, _TILE // (rows * chunk["X"]))
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield slice(top, min(top + rows, height)), slice(left, min(left + columns, width))
