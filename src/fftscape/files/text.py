"""Matrices of numbers as text: CSV, and Gwyddion's ASCII export with its '#' header."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fftscape.files.calibration import Calibration, calibrate
from fftscape.files.entry import Entry
from fftscape.model.errors import UnreadableFileError

_MOST_BYTES = 2**31
_SIDE = r"^#\s*{}\s*:\s*([\d.eE+-]+)\s*(\S+)"


def read_text_matrix(path: Path) -> list[Entry]:
    """List the matrix of a text file; one line is one row.

    Parameters
    ----------
    path : Path
        Numbers separated by tabs, semicolons, commas or blanks; lines that begin with '#' are a header.
        With tabs or semicolons the decimal sign may be a comma.

    Returns
    -------
    list of Entry
        One image of float64.

    Raises
    ------
    UnreadableFileError
        Where the file is not a matrix of numbers.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise UnreadableFileError(f"{path}: is too large for a text matrix; save it as .npy")
    text = path.read_text("utf-8-sig", "replace")
    lines = text.splitlines()
    header = "\n".join(line for line in lines[:100] if line.startswith("#"))
    rows = [line for line in lines if line.strip() and not line.startswith("#")]
    if not rows:
        raise UnreadableFileError(f"{path}: holds no numbers")
    delimiter = next((sign for sign in ("\t", ";", ",") if sign in rows[0]), None)
    if delimiter in ("\t", ";") and "," in rows[0] and "." not in rows[0]:
        rows = [row.replace(",", ".") for row in rows]
    try:
        data = np.loadtxt([row.strip().rstrip(delimiter) for row in rows], delimiter=delimiter, comments=None, ndmin=2)
    except ValueError as error:
        raise UnreadableFileError(
            f"{path}: is not a matrix of numbers with equally long rows, so it is not taken for an image"
        ) from error
    name = re.search(r"^#\s*Channel:\s*(.+)", header, re.MULTILINE)
    calibration = _calibration(header, (data.shape[0], data.shape[1]))
    return [
        Entry(
            name[1].strip() if name else "matrix", (data.shape[0], data.shape[1]), "float64", lambda _: data,
            calibration=calibration, metadata={"header": header[:500]},
        )
    ]  # fmt: skip


def _calibration(header: str, shape: tuple[int, int]) -> Calibration:
    """Read Gwyddion's '# Width: 15 nm' and '# Height: 15 nm'."""
    width, height = (re.search(_SIDE.format(side), header, re.MULTILINE) for side in ("Width", "Height"))
    if width is None or height is None:
        return Calibration()
    in_m = {"m": 1.0, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "μm": 1e-6, "nm": 1e-9, "pm": 1e-12, "Å": 1e-10}
    if width[2] == height[2]:
        return calibrate(float(height[1]) / shape[0], float(width[1]) / shape[1], width[2], "Gwyddion header")
    if width[2] not in in_m or height[2] not in in_m:
        return Calibration()
    sizes = (float(height[1]) * in_m[height[2]] / shape[0], float(width[1]) * in_m[width[2]] / shape[1])
    return calibrate(*sizes, "m", "Gwyddion header")
