"""Nanonis SXM scans: every channel and scan direction, turned to how the surface lies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.files.calibration import calibrate
from fftscape.files.entry import Entry, summarised
from fftscape.files.guards import check_claim
from fftscape.model.errors import UnreadableFileError

MAGIC = b":NANONIS_VERSION:"
_END = b":SCANIT_END:"
_BEFORE_DATA = b"\x1a\x04"
_LONGEST_HEADER = 1 << 20


def read_nanonis(path: Path) -> list[Entry]:
    """List the channels of an SXM file, topography forward first.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of Entry
        'Z forward', 'Z backward' and so on. Backward scans are stored mirrored, upward scans with the
        bottom line first; both are turned, so that all show the surface alike. Lines that were
        not scanned are NaN.
    """
    with path.open("rb") as stream:
        head = stream.read(_LONGEST_HEADER)
    end = head.find(_END)
    start = head.find(_BEFORE_DATA, end)
    if end < 0 or start < 0:
        raise UnreadableFileError(f"{path}: its Nanonis header has no end (':SCANIT_END:' is missing); it is cut short")
    header = _sections(head[:end].decode("utf-8", "replace"))
    start += len(_BEFORE_DATA)
    try:
        n_x, n_y = (int(number) for number in header["SCAN_PIXELS"].split()[:2])
        width, height = (float(number) for number in header["SCAN_RANGE"].split()[:2])
        channels = _channels(header["DATA_INFO"])
    except (KeyError, ValueError) as error:
        raise UnreadableFileError(f"{path}: its Nanonis header lacks {error}; it is damaged") from error
    n_planes = len(channels)
    held = path.stat().st_size - start
    check_claim(path, (n_y, n_x), 4 * n_x * n_y * n_planes, held, packed=False)
    calibration = calibrate(height / n_y, width / n_x, "m", "Nanonis SCAN_RANGE")
    dtype = np.dtype("<f4" if "LSBFIRST" in header.get("SCANIT_TYPE", "") else ">f4")
    upward = header.get("SCAN_DIR", "down").strip() == "up"

    def entry(index: int, name: str) -> Entry:
        def load(frame: int) -> npt.NDArray[Any]:
            data = np.fromfile(path, dtype, n_x * n_y, offset=start + index * 4 * n_x * n_y).reshape(n_y, n_x)
            if name.endswith("backward"):
                data = data[:, ::-1]
            return data[::-1] if upward else data

        return Entry(name, (n_y, n_x), "float32", load, calibration=calibration, metadata=summarised(header))

    entries = [entry(index, name) for index, name in enumerate(channels)]
    return sorted(entries, key=lambda item: not item.name.startswith("Z "))


def _sections(text: str) -> Mapping[str, str]:
    """Take the header apart: ':KEY:' lines, each followed by its value."""
    parts = re.split(r"^:([^\n]+):\s*$", text, flags=re.MULTILINE)
    return {key: value.strip("\n\r") for key, value in zip(parts[1::2], parts[2::2], strict=False)}


def _channels(table: str) -> list[str]:
    """Name the stored planes in their order, from the DATA_INFO table."""
    names = []
    for line in table.strip().splitlines()[1:]:
        fields = line.split("\t") if "\t" in line.strip() else line.split()
        fields = [field.strip() for field in fields if field.strip()]
        if len(fields) >= 4:
            directions = ("forward", "backward") if fields[3] == "both" else (fields[3],)
            names += [f"{fields[1]} {direction}" for direction in directions]
    if not names:
        raise ValueError("the list of channels")
    return names
