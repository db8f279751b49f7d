"""Mutants of image files, and the call that reads one in a worker."""

from __future__ import annotations

import random
import resource
import struct
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import tifffile
from PIL import Image

from fftscape.batch.reasons import reason_of
from fftscape.batch.worker import READING
from fftscape.files.formats import list_images, read

# Numbers that headers are afraid of, in both byte orders.
EXTREMES = [
    struct.pack(order + kind, value)
    for order in "<>"
    for kind, value in (
        ("I", 0), ("I", 1), ("I", 2**31 - 1), ("I", 2**31), ("I", 2**32 - 1), ("H", 0), ("H", 65535), ("Q", 2**63),
        ("Q", 2**64 - 1), ("d", float("nan")), ("d", 1e308), ("f", float("inf")),
    )
]  # fmt: skip


def made_seeds(folder: Path) -> list[Path]:
    """Write a small image in every format that needs no example from a microscope."""
    y, x = np.mgrid[:40, :56]
    image = (100 + 50 * np.sin(x / 3) + 20 * np.cos(y / 2)).astype(np.uint8)
    stack = np.stack([image, image[::-1]])
    folder.mkdir()
    tifffile.imwrite(folder / "plain.tif", image)
    tifffile.imwrite(folder / "deflate.tif", stack, compression="zlib", photometric="minisblack", tile=(16, 16))
    tifffile.imwrite(folder / "lzw.tif", image.astype(np.uint16), compression="lzw", byteorder=">")
    tifffile.imwrite(folder / "imagej.tif", stack, imagej=True, resolution=(50, 50), metadata={"unit": "nm"})
    tifffile.imwrite(folder / "ome.ome.tif", stack, ome=True, metadata={"axes": "TYX", "PhysicalSizeX": 0.5})
    tifffile.imwrite(folder / "big.btf", image, bigtiff=True)
    tifffile.imwrite(folder / "jpeg.tif", image, compression="jpeg")
    for suffix in ("png", "jpg", "bmp", "gif", "webp", "pgm", "jp2"):
        Image.fromarray(image).save(folder / f"picture.{suffix}")
    np.save(folder / "array.npy", image.astype(np.float32))
    np.savez_compressed(folder / "arrays.npz", first=image, second=stack)
    np.savetxt(folder / "matrix.txt", image[:12, :16], fmt="%.1f")
    for name, options in (("plain", {}), ("packed", {"chunks": (16, 16), "compression": "gzip"})):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file.create_dataset("data", data=image, **options).attrs["units"] = "nm"
    return sorted(folder.iterdir())


def mutant(content: bytes, other: bytes, dice: random.Random) -> bytes:
    """Return a file with something wrong: bits flipped, cut, spliced with another, or numbers in it made extreme."""
    return dice.choice(MUTATIONS)(bytearray(content), other, dice)


def _flipped(content: bytearray, _other: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.choice((1, 1, 4, 32))):
        content[_place(content, dice)] ^= 1 << dice.randrange(8)
    return bytes(content)


def _cut(content: bytearray, _other: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(content))
    if dice.random() < 0.5:
        return bytes(content[: max(1, start)])
    return bytes(content[:start] + content[start + dice.randrange(1, 200) :]) or b"\0"


def _spliced(content: bytearray, other: bytes, dice: random.Random) -> bytes:
    here, there = dice.randrange(len(content)), dice.randrange(len(other))
    return bytes(content[:here]) + other[there:]


def _extreme(content: bytearray, _other: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.choice((1, 1, 2, 8))):
        number = dice.choice(EXTREMES)
        place = _place(content, dice) & ~(len(number) - 1 if dice.random() < 0.7 else 0)
        content[place : place + len(number)] = number
    return bytes(content)


def _digits(content: bytearray, _other: bytes, dice: random.Random) -> bytes:
    """Change a number that is written in text."""
    places = [place for place, byte in enumerate(content[:65536]) if 48 <= byte <= 57]
    if places:
        place = dice.choice(places)
        content[place : place + 1] = dice.choice((b"0", b"-1", b"99999999", b"9" * 400, b"1e999", b"nan", b"x"))
    return bytes(content)


MUTATIONS: tuple[Callable[[bytearray, bytes, random.Random], bytes], ...] = (
    _flipped, _cut, _spliced, _extreme, _digits,
)  # fmt: skip


def _place(content: bytearray, dice: random.Random) -> int:
    """Return a place; headers, which come first or last, are more interesting than pixels."""
    end = len(content)
    return dice.choice((dice.randrange(min(end, 512)), dice.randrange(end), dice.randrange(max(0, end - 512), end)))


def read_mutant(path: Path, *, on_stage: Callable[[str], None]) -> tuple[str, float, int]:
    """Read a file as a run would; return the reason ('' where there is an image), seconds and the peak of MiB."""
    on_stage(READING)
    began = time.process_time()
    try:
        list_images(path)
        image = read(path)
        reason = ""
        if (
            image.data.ndim != 2
            or image.data.dtype.kind not in "biuf"
            or not all(0 < s < 1e300 for s in image.pixel_size)
        ):
            reason = f"WRONG: {image.data.shape} {image.data.dtype} {image.pixel_size}"
    except MemoryError:
        raise
    except Exception as error:  # as in a run
        reason = reason_of(error, path)
    return reason, time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
