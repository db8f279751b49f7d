"""Scanning-probe files other than Nanonis and Gwyddion: NanoScope, WSxM, Igor (Asylum), Omicron MATRIX.

All images come out as the surface lies: the y axis of the scanner points up on the screen.
"""

from __future__ import annotations

import re
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.files.calibration import Calibration, calibrate
from fftscape.files.entry import ONLY_IMAGE, Axes, Common, Entry, entries_along, summarised
from fftscape.files.guards import check_claim, load_extra, no_printing
from fftscape.model.errors import UnreadableFileError

NANOSCOPE_MAGIC = b"\\*File list"
WSXM_MAGIC = b"WSxM file copyright"
_LONGEST_HEADER = 1 << 20
_IGOR_SIZES_END = 52
_WSXM_TYPES = {"short": "<i2", "integer": "<i2", "float": "<f4", "double": "<f8"}


def read_nanoscope(path: Path) -> list[Entry]:
    """List the images of a Bruker/Veeco NanoScope file, as the integers that are stored.

    The first stored line is the bottom of the image.
    """
    with path.open("rb") as stream:
        head = stream.read(_LONGEST_HEADER)
    text = head.split(b"\\*File list end", 1)[0].decode("latin-1")
    sections = re.split(r"^\\\*(.+?)\s*$", text, flags=re.MULTILINE)
    entries = []
    scan: dict[str, str] = {}
    for title, body in zip(sections[1::2], sections[2::2], strict=False):
        pairs = re.findall(r"^\\(@(?:\d+:)?[^:\r\n]+|[^:\r\n]+): *([^\r\n]*?)\s*$", body, flags=re.MULTILINE)
        fields = {key.lower(): value for key, value in pairs}
        if title.lower() == "ciao scan list":
            scan = fields
        elif title.lower() == "ciao image list":
            entries.append(_nanoscope_entry(path, fields, scan))
    return entries


def _nanoscope_entry(path: Path, fields: dict[str, str], scan: dict[str, str]) -> Entry:
    """Describe one image of a NanoScope file from its section of the header."""
    try:
        shape = (int(fields["number of lines"]), int(fields["samps/line"]))
        offset, length = int(fields["data offset"]), int(fields["data length"])
    except (KeyError, ValueError) as error:
        raise UnreadableFileError(f"{path}: its NanoScope header lacks {error}; it is damaged") from error
    # Since version 9.2 four bytes are stored where the header says two; the length tells.
    width = 4 if length >= 4 * shape[0] * shape[1] else 2
    check_claim(path, shape, width * shape[0] * shape[1], path.stat().st_size - offset, packed=False)
    size = re.match(r"([\d.]+)\s+(?:([\d.]+)\s+)?(\S+)", fields.get("scan size") or scan.get("scan size", ""))
    unit = size[3].replace("~", "u") if size else ""
    across = float(size[1]) if size else float("nan")
    down = float(size[2]) if size and size[2] else across * shape[0] / shape[1]
    calibration = calibrate(down / shape[0], across / shape[1], unit, "NanoScope scan size")
    label = re.search(r'"([^"]+)"', fields.get("@2:image data", fields.get("@3:image data", "")))
    name = f"{label[1] if label else 'image'} {fields.get('line direction', '')}".strip()

    def load(frame: int) -> npt.NDArray[Any]:
        return np.fromfile(path, f"<i{width}", shape[0] * shape[1], offset=offset).reshape(shape)[::-1]

    return Entry(name, shape, f"int{8 * width}", load, calibration=calibration, metadata=summarised({**scan, **fields}))


def read_wsxm(path: Path) -> list[Entry]:
    """List the image of a WSxM file (.top, .stp, .ch1 ...); both axes are stored backwards."""
    with path.open("rb") as stream:
        head = stream.read(_LONGEST_HEADER)
    end = re.search(rb"\[Header end\]\r?\n", head)
    if end is None:
        raise UnreadableFileError(f"{path}: its WSxM header has no end ('[Header end]' is missing); it is cut short")
    fields = dict(re.findall(r"^\s*([^:\r\n]+): *(.*?)\s*$", head[: end.start()].decode("latin-1"), re.MULTILINE))
    try:
        shape = (int(fields["Number of rows"]), int(fields["Number of columns"]))
        dtype = np.dtype(_WSXM_TYPES[fields.get("Image Data Type", "short").lower()])
    except (KeyError, ValueError) as error:
        raise UnreadableFileError(f"{path}: its WSxM header lacks {error}; it is damaged or of a new kind") from error
    n_bytes = shape[0] * shape[1] * dtype.itemsize
    check_claim(path, shape, n_bytes, path.stat().st_size - end.end(), packed=False)
    width, height = (re.match(r"([\d.eE+-]+)\s*(\S+)", fields.get(f"{axis} Amplitude", "")) for axis in "XY")
    calibration = Calibration()
    if width and height and width[2] == height[2]:
        size_y, size_x = float(height[1]) / shape[0], float(width[1]) / shape[1]
        calibration = calibrate(size_y, size_x, width[2], "WSxM X and Y amplitude")

    def load(frame: int) -> npt.NDArray[Any]:
        return np.fromfile(path, dtype, shape[0] * shape[1], offset=end.end()).reshape(shape)[::-1, ::-1]

    name = fields.get("Acquisition channel", "image")
    return [Entry(name, shape, dtype.name, load, calibration=calibration, metadata=summarised(fields))]


def read_igor(path: Path) -> list[Entry]:
    """List the layers of an Igor binary wave (.ibw) with two or three dimensions, as Asylum's AFMs write.

    A wave's first dimension is x; its y points up.
    """
    wave = _igor_wave(path)
    data = wave["wData"]
    if data.ndim not in (2, 3):
        raise UnreadableFileError(f"{path}: holds a wave of {data.ndim} dimension(s), not an image")
    image = np.swapaxes(data, 0, 1)[::-1]
    header = wave["wave_header"]
    steps, units = header.get("sfA", (1.0, 1.0)), header.get("dimUnits")
    unit = b"".join(units[0].tolist()).decode("latin-1") if units is not None else ""
    calibration = calibrate(steps[1], steps[0], unit, "Igor wave scaling")
    labels = wave.get("labels") or []
    names = tuple(label.decode("latin-1") for label in labels[2] if label) if len(labels) > 2 else ()
    note = wave.get("note", b"")
    lines = re.split(r"[\r\n]+", note.decode("latin-1") if isinstance(note, bytes) else str(note))
    metadata = summarised(dict(line.split(":", 1) for line in lines if ":" in line))
    if image.ndim == 2:
        return [_held(names[0] if names else "image", image, calibration, metadata)]
    base = Common(ONLY_IMAGE, image.dtype.name, calibration=calibration, metadata=metadata)
    return entries_along(Axes("CYX", (image.shape[2], *image.shape[:2]), names), lambda at: image[..., at[0]], base)


def _igor_wave(path: Path) -> dict[str, Any]:
    library = load_extra("igor2.binarywave", "spm", path)
    _check_igor(path)
    try:
        return dict(library.load(str(path))["wave"])
    except BaseException:
        # The library keeps what a damaged header claimed, and then cannot read good files any more.
        for name in [name for name in sys.modules if name.partition(".")[0] == "igor2"]:
            del sys.modules[name]
        raise


def _check_igor(path: Path) -> None:
    """Refuse a wave of version 5 whose parts are longer than the file: the library takes memory for them first."""
    with path.open("rb") as file:
        head = file.read(_IGOR_SIZES_END)
    order = {b"\5\0": "<", b"\0\5": ">"}.get(head[:2])
    if order is None or len(head) < _IGOR_SIZES_END:
        return
    sizes = struct.unpack(f"{order}11I", head[8:])
    if max(sizes) > path.stat().st_size:
        raise UnreadableFileError(
            f"{path}: its header claims {max(sizes)} bytes for a part of it, but the file has {path.stat().st_size}; "
            "it is cut short or damaged"
        )


def read_matrix(path: Path) -> list[Entry]:
    """List the scan directions of an Omicron MATRIX image (.Z_mtrx); its .mtrx file must lie beside it."""
    reader = load_extra("access2thematrix", "spm", path).MtrxData()
    with no_printing():
        traces, message = reader.open(str(path))
    if not traces or reader.object_type != "image":
        raise UnreadableFileError(f"{path}: is not a MATRIX image with its .mtrx file beside it ({message.strip()})")
    entries = []
    for trace in traces.values():
        image, _ = reader.select_image(trace)
        data = np.asarray(image.data)[::-1]
        if data.size == 0:
            continue
        sizes = (image.height / data.shape[0], image.width / data.shape[1])
        calibration = calibrate(*sizes, "m", "MATRIX scanner parameters")
        name = f"{image.channel_name_and_unit[0]} {trace}".strip()
        entries.append(_held(name, data, calibration))
    return entries


def _held(name: str, data: npt.NDArray[Any], calibration: Calibration, metadata: dict[str, Any] | None = None) -> Entry:
    """Describe an image that the library has read already."""
    shape = (data.shape[0], data.shape[1])
    return Entry(name, shape, data.dtype.name, lambda _: data, calibration=calibration, metadata=metadata or {})
