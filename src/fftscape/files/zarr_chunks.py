"""Chunks of a Zarr array as they lie in their files: what each would become is bounded before it is unpacked."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fftscape.files.guards import HARMLESS_BYTES, MAX_RATIO
from fftscape.files.zarr_header import ArrayHeader, ShardIndex
from fftscape.model.arrays import IntArray
from fftscape.model.errors import UnreadableFileError

# More than any packer or checksum adds to numbers that it cannot make smaller.
_SLACK = 1 << 16
# The part of a packed chunk in which its packer may say how much comes out.
_HEAD = 32
_AT_ONCE = 1 << 20
_ZSTD = b"\x28\xb5\x2f\xfd"
_GZIP = b"\x1f\x8b"
_NOT_THERE = 2**64 - 1


def check_chunks(path: Path, name: str, header: ArrayHeader, region: Sequence[range]) -> None:
    """Refuse chunks that would become more than their array's metadata say.

    Parameters
    ----------
    path : Path
        The store.
    name : str
        The array within it.
    header : ArrayHeader
        Of the array.
    region : sequence of range
        What is to be read, in elements along each axis.

    Raises
    ------
    UnreadableFileError
        Naming the first such file.
    """
    places = [range(part.start // n, -(-part.stop // n)) for part, n in zip(region, header.piece, strict=True)]
    for place in product(*places):
        file = path / name / header.key(place)
        if not file.is_file():  # it stands for the fill value
            continue
        with file.open("rb") as stream:
            size = file.stat().st_size
            for start, length in _chunks_in(stream, size, header, place, region):
                stream.seek(start)
                if length > header.chunk_bytes + header.chunk_bytes // 8 + _SLACK:
                    raise _refused(path, file, header, f"holds {length} bytes of one of its chunks")
                if not _is_bounded(stream, max(0, length - header.trailer), header):
                    raise _refused(path, file, header, "would unpack to more, or not at all")


def _refused(path: Path, file: Path, header: ArrayHeader, what: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"{path}: {file.relative_to(path).as_posix()} in it {what}, but its chunks are of {header.chunk_bytes} bytes; "
        "it is damaged, or made to do harm; restore it from a copy"
    )


def _chunks_in(
    stream: BinaryIO, size: int, header: ArrayHeader, place: tuple[int, ...], region: Sequence[range]
) -> Iterator[tuple[int, int]]:
    """Yield where in a file the chunks of a region begin, and how long they are."""
    if header.shard is None:
        yield 0, size
        return
    index = _index_of(stream, size, header, header.shard)
    if index is None:  # too short for its index, which zarr says in its own way
        return
    wanted = []
    for part, chunk, piece, at in zip(region, header.chunk, header.piece, place, strict=True):
        first, last = part.start - at * piece, min(part.stop - at * piece, piece)
        wanted.append(slice(max(first, 0) // chunk, -(-last // chunk)))
    chosen = index if header.shard.is_turned else index[tuple(wanted)]
    for start, length in chosen.reshape(-1, 2).tolist():
        if start != _NOT_THERE and start < size:
            yield start, length


def _index_of(stream: BinaryIO, size: int, header: ArrayHeader, shard: ShardIndex) -> IntArray | None:
    counts = [piece // chunk for piece, chunk in zip(header.piece, header.chunk, strict=True)]
    n_bytes = 16 * math.prod(counts)
    total = n_bytes + shard.trailer
    if size < total:
        return None
    stream.seek(0 if shard.is_first else size - total)
    return np.frombuffer(stream.read(n_bytes), f"{shard.byte_order}u8").reshape(*counts, 2)


def _is_bounded(stream: BinaryIO, length: int, header: ArrayHeader) -> bool:
    """Tell whether what begins here unpacks to a chunk's bytes at most."""
    most, packer = header.chunk_bytes, header.packer
    if packer in ("gzip", "zlib"):
        return length * MAX_RATIO <= HARMLESS_BYTES or _is_bounded_deflate(stream.read(length), most)
    head = stream.read(min(length, _HEAD))
    if packer == "blosc":
        return int.from_bytes(head[4:8], "little") <= most
    if packer == "lz4":
        return int.from_bytes(head[:4], "little") <= most
    if packer == "zstd" and head[1:4] == _ZSTD[1:]:  # or it is none, which zarr says in its own way
        claimed = _claim_of_zstd(head)
        return _is_bounded_zstd(head + stream.read(length - len(head)), most) if claimed is None else claimed <= most
    return True


def _claim_of_zstd(head: bytes) -> int | None:
    """Return what a frame says about its content (RFC 8878, 3.1.1.1); None if it does not say, or is of an old kind."""
    if not head.startswith(_ZSTD) or len(head) < 6:
        return None
    flags = head[4]
    is_single = bool(flags & 0x20)
    start = 5 + (not is_single) + (0, 1, 2, 4)[flags & 3]
    length = (int(is_single), 2, 4, 8)[flags >> 6]
    return int.from_bytes(head[start : start + length], "little") + 256 * (length == 2) if length else None


def _is_bounded_zstd(packed: bytes, most: int) -> bool:
    from imagecodecs import ZstdError, zstd_decode

    try:
        zstd_decode(packed, out=bytearray(most))
    except (ZstdError, ValueError):
        return False
    return True


def _is_bounded_deflate(packed: bytes, most: int) -> bool:
    """Unpack it and throw it away, since nothing before its end says how much it is."""
    left, count = packed, 0
    while left:
        unpacker = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)  # which of the two it is, it says itself
        while left and not unpacker.eof and count <= most:
            try:
                count += len(unpacker.decompress(left, _AT_ONCE))
            except zlib.error:  # what came before is all that comes out
                return count <= most
            left = unpacker.unconsumed_tail
        left = unpacker.unused_data if unpacker.unused_data.startswith(_GZIP) else b""
    return count <= most
