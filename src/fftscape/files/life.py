"""Light-microscopy formats of the life sciences: Nikon ND2, Zeiss CZI, Leica LIF (the optional extra 'bio')."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.files.calibration import Calibration, calibrate
from fftscape.files.entry import ONLY_IMAGE, RGB, Axes, Common, Entry, entries_along
from fftscape.files.guards import load_extra
from fftscape.model.errors import UnreadableFileError

CZI_MAGIC = b"ZISRAWFILE"
ND2_MAGIC = b"\xda\xce\xbe\x0a"
_LIF_HEAD = struct.Struct("<IIBI")


def read_nd2(path: Path) -> list[Entry]:
    """List the channels of a Nikon ND2 file; times, positions and slices are frames."""
    nd2 = load_extra("nd2", "bio", path)
    with nd2.ND2File(str(path)) as file:
        sizes = {name: int(n) for name, n in file.sizes.items()}
        voxel = file.voxel_size()
        channels = tuple(str(channel.channel.name) for channel in (file.metadata.channels or ()))
        dtype = np.dtype(file.dtype).name
    running = [name for name in sizes if name not in "CYXS"]
    axes = Axes("".join("abcdefgh"[k] for k in range(len(running))) + "CYX" + "S" * ("S" in sizes),
                (*(sizes[name] for name in running), sizes.get("C", 1), sizes["Y"], sizes["X"],
                 *([sizes["S"]] if "S" in sizes else [])), channels)  # fmt: skip

    def take(position: tuple[int, ...]) -> npt.NDArray[Any]:
        lead = tuple(sizes[name] for name in running)
        index = int(np.ravel_multi_index(position[:-1], lead)) if lead else 0
        with nd2.ND2File(str(path)) as file:
            frame = np.asarray(file.read_frame(index))
        frame = frame.reshape(sizes.get("C", 1), sizes["Y"], sizes["X"], sizes.get("S", 1))[position[-1]]
        return np.asarray(frame if "S" in sizes else frame[..., 0])

    calibration = calibrate(voxel.y, voxel.x, "um", "ND2 voxel size")
    base = Common(ONLY_IMAGE, dtype, samples=RGB if "S" in sizes else (), calibration=calibration)
    return entries_along(axes, take, base)


def read_czi(path: Path) -> list[Entry]:
    """List the channels of a Zeiss CZI file."""
    czifile = load_extra("czifile", "bio", path)
    with czifile.CziFile(str(path)) as file:
        letters, shape, dtype = str(file.axes), tuple(int(n) for n in file.shape), np.dtype(file.dtype).name
        text = str(file.metadata())
    sizes = {axis: re.search(rf'<Distance Id="{axis}">\s*<Value>([\d.eE+-]+)</Value>', text) for axis in "XY"}
    calibration = Calibration()
    if sizes["X"] and sizes["Y"]:
        calibration = calibrate(float(sizes["Y"][1]), float(sizes["X"][1]), "m", "CZI scaling")

    def everything() -> npt.NDArray[Any]:
        with czifile.CziFile(str(path)) as file:
            return np.asarray(file.asarray())

    # '0' is czifile's name for colour samples, 'S' its name for scenes.
    names = letters.replace("S", "s").replace("0", "S")
    return _entries_of(names, shape, everything, Common(ONLY_IMAGE, dtype, calibration=calibration))


def read_lif(path: Path) -> list[Entry]:
    """List the images and channels of a Leica LIF file."""
    liffile = load_extra("liffile", "bio", path)
    _check_lif(path)
    entries: list[Entry] = []
    with liffile.LifFile(str(path)) as file:
        for index, image in enumerate(file.images):
            if not {"X", "Y"} <= set(image.dims):
                continue
            size_y, size_x = (_spacing(image.coords.get(axis)) for axis in "YX")
            calibration = calibrate(size_y, size_x, "m", "LIF coordinates")
            base = Common(str(image.name), np.dtype(image.dtype).name, calibration=calibration)
            letters = "".join(str(name)[0] for name in image.dims)
            entries += _entries_of(letters, tuple(image.shape), _lif_pixels(path, index), base)
    return entries


def _check_lif(path: Path) -> None:
    """Refuse what liffile would open too: Leica's XML files, which name other files, and claims of vast headers."""
    with path.open("rb") as file:
        head = file.read(_LIF_HEAD.size)
    if len(head) < _LIF_HEAD.size:
        raise UnreadableFileError(f"{path}: is cut short or damaged: it ends within its header")
    first, _, second, n_letters = _LIF_HEAD.unpack(head)
    if (first, second) != (0x70, 0x2A):
        raise UnreadableFileError(f"{path}: is not a Leica image file (.lif), only named like one")
    if 2 * n_letters > path.stat().st_size:
        raise UnreadableFileError(
            f"{path}: its header claims {2 * n_letters} bytes of text; it is cut short or damaged"
        )


def _lif_pixels(path: Path, index: int) -> Any:
    def everything() -> npt.NDArray[Any]:
        liffile = load_extra("liffile", "bio", path)
        with liffile.LifFile(str(path)) as file:
            return np.asarray(file.images[index].asarray())

    return everything


def _spacing(coordinates: Any) -> float:
    if coordinates is None or len(coordinates) < 2:
        return float("nan")
    return float(coordinates[1] - coordinates[0])


def _entries_of(names: str, shape: tuple[int, ...], everything: Any, base: Common) -> list[Entry]:
    """Cut an array that can only be read whole; axes of length one are dropped, Y and X come before samples."""
    kept = [k for k in range(len(shape)) if shape[k] > 1 or names[k] in "YX"]
    letters = "".join(names[k] for k in kept)
    colour = "S" in letters and shape[names.index("S")] in (3, 4)
    if not colour:
        letters = letters.replace("S", "C") if "C" not in letters else letters.replace("S", "s")
    base = replace(base, samples=RGB if colour else ())

    def take(position: tuple[int, ...]) -> npt.NDArray[Any]:
        data = everything().reshape([shape[k] for k in kept])
        rest = iter(position)
        return np.asarray(data[tuple(slice(None) if name in "YXS" else next(rest) for name in letters)])

    return entries_along(Axes(letters, tuple(shape[k] for k in kept)), take, base)
