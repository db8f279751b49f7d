"""What describes an array or a group of a Zarr store, versions 2 and 3: checked before any of it is believed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fftscape.files.guards import HARMLESS_BYTES, first_line
from fftscape.model.errors import UnreadableFileError

_LARGEST_JSON = 1 << 24
_MOST_AXES = 8
_MOST_IN_SHARD = 1 << 20
_NUMBERS = frozenset(
    {"bool", "float16", "float32", "float64", "complex64", "complex128"}
    | {f"{sign}int{bits}" for sign in ("u", "") for bits in (8, 16, 32, 64)}
)
_PACKERS = frozenset({"blosc", "zstd", "gzip", "zlib", "lz4"})
# Of version 3: those of its standard. All others could be anything that is installed.
_CODECS = frozenset({"bytes", "transpose", "crc32c", "sharding_indexed", "blosc", "zstd", "gzip"})
_INDEX_CODECS = frozenset({"bytes", "crc32c"})


@dataclass(frozen=True)
class ShardIndex:
    """How a shard tells where its chunks lie.

    Parameters
    ----------
    is_first : bool
        Whether the index comes before the chunks.
    byte_order : str
        Of its numbers, as NumPy writes it.
    trailer : int
        Bytes of checksums behind it.
    is_turned : bool
        Whether its axes are not in the order of the array's.
    """

    is_first: bool
    byte_order: str
    trailer: int
    is_turned: bool


@dataclass(frozen=True)
class ArrayHeader:
    """An array as its metadata tell it.

    Parameters
    ----------
    version : int
        Of Zarr.
    shape : tuple of int
        Of the array.
    chunk : tuple of int
        What is unpacked at a time.
    piece : tuple of int
        What lies in one file; larger than a chunk where the array is sharded.
    dtype : dtype
        Of the values as stored.
    fill_value : object
        What a chunk that is not there stands for.
    packer : str or None
        What makes chunks smaller.
    trailer : int
        Bytes of checksums behind a packed chunk.
    key_form : tuple of str
        What the names of files begin with, and what stands between the numbers.
    shard : ShardIndex or None
        Where an array is sharded.
    """

    version: int
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    piece: tuple[int, ...]
    dtype: np.dtype[Any]
    fill_value: Any = None
    packer: str | None = None
    trailer: int = 0
    key_form: tuple[str, str] = ("", ".")
    shard: ShardIndex | None = None

    @property
    def chunk_bytes(self) -> int:
        """What a chunk takes when it is unpacked."""
        return math.prod(self.chunk) * self.dtype.itemsize

    def key(self, place: tuple[int, ...]) -> str:
        """Return the name of the file in which a piece lies, within the array's folder."""
        first, between = self.key_form
        return between.join([*filter(None, [first]), *map(str, place)])

    @property
    def n_pieces(self) -> int:
        """How many files a whole array has."""
        return math.prod(-(-n // size) for n, size in zip(self.shape, self.piece, strict=True))


@dataclass(frozen=True)
class Node:
    """A folder of a store: a group, or an array where it has the header of one."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    array: ArrayHeader | None = None


class _Named(msgspec.Struct):
    name: str
    configuration: dict[str, Any] = {}


class _Array3(msgspec.Struct):
    shape: tuple[int, ...]
    data_type: Any
    chunk_grid: _Named
    chunk_key_encoding: _Named
    codecs: tuple[_Named, ...]
    fill_value: Any = None
    storage_transformers: tuple[Any, ...] = ()


class _Array2(msgspec.Struct):
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: Any
    compressor: dict[str, Any] | None = None
    filters: tuple[Any, ...] | None = None
    fill_value: Any = None
    dimension_separator: str = "."


def read_node(path: Path, name: str) -> Node | None:
    """Read what describes one folder of a store.

    Parameters
    ----------
    path : Path
        The store.
    name : str
        The folder within it, '' for the store itself.

    Returns
    -------
    Node or None
        None where nothing describes the folder.

    Raises
    ------
    UnreadableFileError
        For types that are not plain numbers, for codecs that are not on the list, and for chunks of a size
        that no image has.
    """
    folder = path / name
    if (folder / "zarr.json").is_file():
        document = _document(path, folder / "zarr.json")
        attributes = msgspec.convert(document.get("attributes", {}), dict[str, Any])
        return Node(attributes, _array_3(path, name, document) if document.get("node_type") == "array" else None)
    if not any((folder / file).is_file() for file in (".zarray", ".zgroup", ".zattrs")):
        return None
    attributes = _document(path, folder / ".zattrs") if (folder / ".zattrs").is_file() else {}
    is_array = (folder / ".zarray").is_file()
    return Node(attributes, _array_2(path, name, _document(path, folder / ".zarray")) if is_array else None)


def _document(path: Path, file: Path) -> dict[str, Any]:
    if file.stat().st_size > _LARGEST_JSON:
        raise UnreadableFileError(f"{path}: {file.name} in it is larger than {_LARGEST_JSON} bytes; it is damaged")
    try:
        return msgspec.convert(json.loads(file.read_bytes()), dict[str, Any])
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(
            f"{path}: {file.relative_to(path).as_posix()} in it is no metadata of Zarr ({first_line(error)}); "
            "it is damaged, restore it from a copy"
        ) from error


def _array_3(path: Path, name: str, document: Mapping[str, Any]) -> ArrayHeader:
    told = msgspec.convert(document, _Array3)
    encoding = told.chunk_key_encoding.name
    separator = told.chunk_key_encoding.configuration.get("separator", "." if encoding == "v2" else "/")
    known = told.chunk_grid.name == "regular" and encoding in {"default", "v2"}
    if not known or separator not in ("/", ".") or told.storage_transformers:
        raise _refused(path, name, "chunks are arranged in a way", "")
    if not isinstance(told.data_type, str) or told.data_type not in _NUMBERS:
        raise _no_numbers(path, name, told.data_type)
    _check_codecs(path, name, [codec.name for codec in told.codecs], _CODECS)
    piece = chunk = _lengths(told.chunk_grid.configuration.get("chunk_shape"))
    packing, shard = [codec.name for codec in told.codecs], None
    outer = frozenset(packing)
    for codec in told.codecs:
        if codec.name == "sharding_indexed":
            # Shards within shards are as rare as they are hard to bound.
            inner = _names(codec.configuration.get("codecs", ()))
            _check_codecs(path, name, inner, _CODECS - {"sharding_indexed"})
            if not _PACKERS.isdisjoint(outer):
                raise _refused(path, name, "numbers are packed in a way", "shards that are packed themselves")
            chunk, packing = _lengths(codec.configuration.get("chunk_shape")), inner
            shard = _shard_index(path, name, codec, is_turned="transpose" in outer)
    header = ArrayHeader(
        3, told.shape, chunk, piece, np.dtype(told.data_type), told.fill_value,
        key_form=("c" if encoding == "default" else "", separator), shard=shard, **_packed_by(packing),
    )  # fmt: skip
    return _checked(path, name, header)


def _packed_by(codecs: Sequence[str]) -> dict[str, Any]:
    """Return what makes chunks smaller, and how many bytes of checksums follow."""
    packer = next((codec for codec in codecs if codec in _PACKERS), None)
    return {"packer": packer, "trailer": 4 * list(codecs).count("crc32c")}


def _shard_index(path: Path, name: str, codec: _Named, *, is_turned: bool) -> ShardIndex:
    codecs = msgspec.convert(codec.configuration.get("index_codecs", ()), tuple[_Named, ...])
    _check_codecs(path, name, [item.name for item in codecs], _INDEX_CODECS)
    is_big = any(item.configuration.get("endian") == "big" for item in codecs)
    trailer = 4 * sum(item.name == "crc32c" for item in codecs)
    return ShardIndex(codec.configuration.get("index_location") == "start", ">" if is_big else "<", trailer, is_turned)


def _array_2(path: Path, name: str, document: Mapping[str, Any]) -> ArrayHeader:
    told = msgspec.convert(document, _Array2)
    dtype = np.dtype(told.dtype) if isinstance(told.dtype, str) else None
    if dtype is None or dtype.name not in _NUMBERS:
        raise _no_numbers(path, name, told.dtype)
    if told.dimension_separator not in ("/", "."):
        raise _refused(path, name, "chunks are arranged in a way", "")
    filters = [item.get("id") if isinstance(item, dict) else item for item in told.filters or ()]
    packer = [] if told.compressor is None else [told.compressor.get("id")]
    _check_codecs(path, name, packer, _PACKERS)
    _check_codecs(path, name, filters, frozenset())
    header = ArrayHeader(
        2, told.shape, told.chunks, told.chunks, dtype, told.fill_value,
        packer=packer[0] if packer else None, key_form=("", told.dimension_separator),
    )  # fmt: skip
    return _checked(path, name, header)


def _names(codecs: Any) -> list[str]:
    return [codec.name for codec in msgspec.convert(codecs, tuple[_Named, ...])]


def _lengths(value: Any) -> tuple[int, ...]:
    return msgspec.convert(value, tuple[int, ...])


def _check_codecs(path: Path, name: str, codecs: Sequence[Any], known: frozenset[str]) -> None:
    for codec in codecs:
        if codec not in known:
            raise _refused(path, name, "numbers are packed in a way", repr(codec)[:80])
    if sum(codec in _PACKERS for codec in codecs) > 1:
        raise _refused(path, name, "numbers are packed in a way", "packed more than once")


def _checked(path: Path, name: str, header: ArrayHeader) -> ArrayHeader:
    """Refuse shapes that fit no image, before memory is taken for a single chunk."""
    lengths = (*header.shape, *header.chunk, *header.piece)
    axes = {len(header.shape), len(header.chunk), len(header.piece)}
    is_whole = len(axes) == 1 and min(lengths, default=1) > 0
    if not is_whole or any(large % small for large, small in zip(header.piece, header.chunk, strict=True)):
        raise UnreadableFileError(
            f"{path}: {_title(name)} has the shape {header.shape} in chunks of {header.chunk}, which do not fit; "
            "it is damaged"
        )
    n_bytes = header.chunk_bytes
    array_bytes = math.prod(header.shape) * header.dtype.itemsize
    too_many = math.prod(header.piece) // math.prod(header.chunk) > _MOST_IN_SHARD
    if len(header.shape) > _MOST_AXES or too_many or n_bytes > max(HARMLESS_BYTES, 2 * array_bytes):
        raise UnreadableFileError(
            f"{path}: {_title(name)} claims chunks of {n_bytes} bytes for an array of the shape {header.shape}; "
            "it is damaged"
        )
    return header


def _title(name: str) -> str:
    return f"its array {name!r}" if name else "its array"


def _no_numbers(path: Path, name: str, kind: Any) -> UnreadableFileError:
    return UnreadableFileError(
        f"{path}: {_title(name)} holds {str(kind)[:80]!r}, not plain numbers; "
        "objects could run code and are never opened"
    )


def _refused(path: Path, name: str, what: str, found: str) -> UnreadableFileError:
    told = f" ({found})" if found else ""
    return UnreadableFileError(
        f"{path}: the {what} that fftscape does not open{told} in {_title(name)}; "
        "write it again with blosc, zstd, gzip or none"
    )
