"""Electron-microscopy formats through RosettaSciIO (GPL; the optional extra 'em', imported only here)."""

from __future__ import annotations

import bz2
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.files.calibration import calibrate
from fftscape.files.entry import ALPHA, RGB, Axes, Common, Entry, entries_along, summarised
from fftscape.files.guards import first_line, load_extra, no_printing
from fftscape.model.errors import UnreadableFileError

# An allow-list: RosettaSciIO's other plugins read no images, are read by fftscape itself, or (.prz) run code.
PLUGINS: Mapping[str, tuple[str, ...]] = {
    ".ser": ("tia",), ".emi": ("tia",),
    ".mrc": ("mrc",), ".ali": ("mrc",),
    ".bcf": ("bruker",), ".elid": ("phenom",), ".blo": ("blockfile",),
    ".img": ("jeol", "hamamatsu"), ".sur": ("digitalsurf",), ".pro": ("digitalsurf",),
    ".unf": ("semper",), ".tvips": ("tvips",), ".rpl": ("ripple",), ".mib": ("quantumdetector",),
}  # fmt: skip
# Bruker's spectra are unpacked by compiled code that trusts the file: damaged ones crash it. Images are enough.
OPTIONS: Mapping[str, Mapping[str, Any]] = {"bruker": {"select_type": "image"}}
_MOST_UNPACKED = 2**28
_MRC_HEAD = struct.Struct("<3i")
_MOST_MRC_PIXELS_A_BYTE = 2  # of four bits each


def read_rosetta(path: Path) -> list[Entry]:
    """List the images of a file that RosettaSciIO reads.

    Parameters
    ----------
    path : Path
        The file; of pairs (.emi and .ser, .rpl and .raw) either one.

    Returns
    -------
    list of Entry
        Images and stacks of images; line plots and spectra are left out.

    Raises
    ------
    UnreadableFileError
        If RosettaSciIO cannot read it, or finds only spectra.
    BackendUnavailableError
        If the extra 'em' is not installed.
    """
    load_extra("rsciio", "em", path)
    opened = path.with_suffix(".rpl") if path.suffix.lower() == ".raw" else path
    signals = _signals(path, opened)
    entries: list[Entry] = []
    for index, signal in enumerate(signals):
        entries += _signal_entries(signal, index)
    if not entries:
        shapes = ", ".join(" x ".join(map(str, np.shape(signal["data"]))) for signal in signals)
        raise UnreadableFileError(f"{path}: holds no image, only data of shape {shapes or None} (spectra or plots)")
    return entries


def _signals(path: Path, opened: Path) -> list[dict[str, Any]]:
    """Read all signals of a file with the first plugin that can."""
    failures: list[Exception] = []
    check = CHECKS.get(opened.suffix.lower())
    if check is not None:
        check(path)
    for plugin in PLUGINS[opened.suffix.lower()]:
        reader = load_extra(f"rsciio.{plugin}", "em", path).file_reader
        try:
            with no_printing():
                return list(reader(str(opened), **OPTIONS.get(plugin, {})))
        except ModuleNotFoundError:
            raise
        except Exception as error:
            failures.append(error)
    raise UnreadableFileError(
        f"{path}: RosettaSciIO could not read it ({type(failures[0]).__name__}: {first_line(failures[0])}); "
        "if the microscope's program opens it, export it from there as TIFF"
    ) from failures[0]


def _check_mrc(path: Path) -> None:
    """Refuse an .mrc that claims more pixels than it has bytes: RosettaSciIO counts them all before it looks."""
    with path.open("rb") as file:
        head = file.read(_MRC_HEAD.size)
    shape = _MRC_HEAD.unpack(head) if len(head) == _MRC_HEAD.size else (0, 0, 0)
    if min(shape) < 1 or shape[0] * shape[1] * shape[2] > _MOST_MRC_PIXELS_A_BYTE * path.stat().st_size:
        size, held = " x ".join(map(str, shape)), path.stat().st_size
        raise UnreadableFileError(
            f"{path}: its header claims {size} pixels (x, y, z) for {held} bytes; it is cut short or damaged"
        )


def _check_stream(path: Path) -> None:
    """Refuse an .elid whose packed stream does not end: RosettaSciIO would wait for its end for ever."""
    unpacker, unpacked = bz2.BZ2Decompressor(), 0
    with path.open("rb") as file:
        while not unpacker.eof:
            packed = file.read(2**16) if unpacker.needs_input else b""
            if unpacker.needs_input and not packed:
                raise UnreadableFileError(f"{path}: is cut short or damaged: its packed data do not end")
            unpacked += len(unpacker.decompress(packed, 2**20))
            if unpacked > _MOST_UNPACKED:
                raise UnreadableFileError(
                    f"{path}: its packed data fill more than {_MOST_UNPACKED} bytes, more than such a file holds"
                )


CHECKS: Mapping[str, Callable[[Path], None]] = {".elid": _check_stream, ".mrc": _check_mrc, ".ali": _check_mrc}


def _signal_entries(signal: Mapping[str, Any], index: int) -> list[Entry]:
    """Describe one signal; empty where it is not made of images."""
    data, axes = np.asarray(signal["data"]), list(signal["axes"])
    samples: tuple[str, ...] = ()
    if data.dtype.names and set("RGB") <= set(data.dtype.names):
        samples = (*RGB, ALPHA)[: len(data.dtype.names)]
        data = np.stack([data[name] for name in data.dtype.names], axis=-1)
    place = _image_axes(axes)
    if place is None or data.ndim != len(axes) + bool(samples) or data.dtype.kind not in "biufc":
        return []
    size_y, size_x = (float(axes[k].get("scale", "nan")) for k in place)
    calibration = calibrate(size_y, size_x, str(axes[place[1]].get("units") or ""), "file header (RosettaSciIO)")
    names = "".join("Y" if k == place[0] else "X" if k == place[1] else "abcdefgh"[k] for k in range(len(axes)))

    def take(position: tuple[int, ...]) -> npt.NDArray[Any]:
        rest = iter(position)
        return np.asarray(data[tuple(slice(None) if name in "YX" else next(rest) for name in names)])

    metadata = signal.get("metadata", {})
    title = str(metadata.get("General", {}).get("title") or f"image {index}")
    base = Common(title, data.dtype.name, samples=samples, calibration=calibration, metadata=summarised(metadata))
    return entries_along(Axes(names, data.shape[: len(axes)]), take, base)


def _image_axes(axes: list[Mapping[str, Any]]) -> tuple[int, int] | None:
    """Find the axes of the image: the two signal axes, or both axes of a two-dimensional signal."""
    signal = [k for k, axis in enumerate(axes) if not axis.get("navigate")]
    if len(signal) == 2:
        return signal[0], signal[1]
    return (0, 1) if len(axes) == 2 and len(signal) == 0 else None
