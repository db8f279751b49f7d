"""Mutants of image files, and the call that reads one in a worker."""

from __future__ import annotations

import bz2
import io
import random
import resource
import shutil
import struct
import time
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import tifffile
import zarr
from PIL import Image

from fftscape.batch.reasons import reason_of
from fftscape.batch.worker import READING
from fftscape.files.bundle import members
from fftscape.files.formats import list_images, read
from fftscape.files.life import CZI_MAGIC, ND2_MAGIC
from fftscape.model.image import Image as FftscapeImage

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
    zarr.create_array(str(folder / "plain.zarr"), data=image, chunks=(16, 16), zarr_format=2)
    group = zarr.create_group(str(folder / "ome.zarr"))
    group.create_array("0", data=stack, chunks=(1, 8, 8), shards=(1, 16, 16))
    axes = [{"name": "c", "type": "channel"}, *({"name": name, "unit": "nanometer"} for name in "yx")]
    scale = {"type": "scale", "scale": [1, 0.5, 0.25]}
    level = {"path": "0", "coordinateTransformations": [scale]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [level]}]}
    # No example of these is free: their first bytes, and then anything.
    anything = np.random.default_rng(5).bytes(3000)
    for suffix, magic in (
        ("nd2", ND2_MAGIC),
        ("czi", CZI_MAGIC),
        ("lif", b"\x70\0\0\0\x10\0\0\0\x2a"),
        ("mib", b"MQ1,000001,00384,01,"),
    ):
        (folder / f"anything.{suffix}").write_bytes(magic + anything)
    return sorted(folder.iterdir())


def mutant(content: bytes, other: bytes, dice: random.Random) -> bytes:
    """Return a file with something wrong: bits flipped, cut, spliced with another, or numbers in it made extreme.

    Every second time what is wrong is inside a packed stream, whose own sums are right: else they would
    find all damage, and what reads the content would never be tried.
    """
    if content[:3] == b"BZh" and dice.random() < 0.5:
        return bz2.compress(mutant(bz2.decompress(content), bz2.decompress(other), dice))
    if content[:2] == b"PK" and dice.random() < 0.5:
        return _repacked(content, dice)
    return dice.choice(MUTATIONS)(bytearray(content), other, dice)


def _repacked(content: bytes, dice: random.Random) -> bytes:
    """Return a zip archive with something wrong in one of its members."""
    fresh = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as other:
        members = {name: archive.read(name) for name in archive.namelist()}
        chosen = dice.choice(list(members))
        for name, member in members.items():
            other.writestr(name, mutant(member, member, dice) if name == chosen else member)
    return fresh.getvalue()


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


def write_mutant(seed: Path, kin: Sequence[Path], label: str, folder: Path) -> Path:
    """Write one mutant of a file, the same one for the same label, and beside it what belongs to it."""
    dice = random.Random(label)
    folder.mkdir(parents=True, exist_ok=True)  # it may be tried again, alone
    for beside in seed.parent.glob(f"{seed.stem.removesuffix('_1')}*"):
        if beside.suffix in {".emi", ".ser", ".rpl", ".raw"}:
            shutil.copyfile(beside, folder / beside.name)
    path = folder / seed.name
    if seed.is_dir():
        member = dice.choice(members(shutil.copytree(seed, path, dirs_exist_ok=True)))
        other = dice.choice(members(dice.choice(kin)))
        member.write_bytes(mutant(member.read_bytes() or b"\0", other.read_bytes() or b"\0", dice))
        return path
    path.write_bytes(mutant(seed.read_bytes(), dice.choice(kin).read_bytes(), dice))
    return path


def read_mutant(
    seed: Path, kin: Sequence[Path], label: str, folder: Path, *, on_stage: Callable[[str], None]
) -> tuple[str, float, int]:
    """Read a mutant as a run would; return the reason ('' where there is an image), seconds and the peak of MiB."""
    path = write_mutant(seed, kin, label, folder)
    is_readable = _is_readable(seed)
    on_stage(READING)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # Linux forgets the peak of those before
    began = time.process_time()
    try:
        list_images(path)
        reason = _odd(read(path))
    except MemoryError:
        raise
    except Exception as error:  # as in a run
        reason = reason_of(error, path)
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    on_stage("looking at it")  # no deadline, and no new worker, which takes longer than all of this
    if reason and is_readable:
        try:
            read(seed)
        except Exception as error:  # a library keeps what it was told
            reason = f"WRONG: after {reason!r} its good original gives {error!r}"
    shutil.rmtree(folder)  # what kills its worker stays
    return reason, seconds, peak


@cache
def _is_readable(seed: Path) -> bool:
    """Tell whether a file can be read where nothing has been wrong with it; some want libraries that are not here."""
    try:
        read(seed)
    except Exception:  # whatever it is
        return False
    return True


def _odd(image: FftscapeImage) -> str:
    """Say what no image may be, '' where all is well."""
    if image.data.ndim == 2 and image.data.dtype.kind in "biuf" and all(0 < size < 1e300 for size in image.pixel_size):
        return ""
    return f"WRONG: {image.data.shape} {image.data.dtype} {image.pixel_size}"
