"""Pixel sizes that microscopes write into a small text file beside the image."""

from __future__ import annotations

import codecs
import glob
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fftscape.files.calibration import Calibration, calibrate, rescaled
from fftscape.files.tiff_dialects import tescan_header

_MOST_BYTES = 1 << 16


def side_car_calibration(path: Path, shape: tuple[int, int]) -> Calibration | None:
    """Look for a pixel size in the side-car files of an image.

    Parameters
    ----------
    path : Path
        The image.
    shape : tuple of int
        Its rows and columns.

    Returns
    -------
    Calibration or None
        From Hitachi's and JEOL's ``.txt``, Tescan's ``.hdr``, or a ``.json`` with a field of view.
    """
    for beside, parse in _candidates(path):
        text = _text_of(beside)
        found = parse(text, f"side-car {beside.name}", shape) if text is not None else None
        if found is not None:
            return found
    return None


def companions(path: Path) -> tuple[Path, ...]:
    """Name the files beside an image that its reading may depend on.

    Parameters
    ----------
    path : Path
        The image.

    Returns
    -------
    tuple of Path
        Those that exist: side-cars with a pixel size, and the other halves of formats that come in two files.
    """
    session = re.sub(r"_\d+$", "", path.stem)  # the .emi of several .ser files
    beside = {candidate for candidate, _ in _candidates(path)}
    beside |= {path.with_suffix(suffix) for suffix in (".rpl", ".raw")} | {path.with_name(session + ".emi")}
    if path.suffix.lower() == ".emi":
        beside |= set(path.parent.glob(f"{glob.escape(path.stem)}_*.ser"))
    if path.suffix.lower().endswith("_mtrx"):
        beside |= set(path.parent.glob("*.mtrx"))
    return tuple(sorted(found for found in beside - {path} if found.is_file()))


def _candidates(path: Path) -> Iterator[tuple[Path, Callable[[str, str, tuple[int, int]], Calibration | None]]]:
    """Name the files that may belong to an image, with the functions that understand them."""
    for suffix in (".txt", ".TXT", ".Txt"):
        yield path.with_name(path.stem + suffix), _hitachi_or_jeol
    for name in (f"{path.stem}-{path.suffix[1:]}.hdr", f"{path.stem}.hdr"):
        yield path.with_name(name), _tescan
    yield path.with_name(path.stem + ".json"), _field_of_view


def _text_of(path: Path) -> str | None:
    """Return the beginning of a text file, None where there is none."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            raw = stream.read(_MOST_BYTES)
    except (OSError, ValueError):
        return None
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", "replace")
    return raw.decode("utf-8-sig", "replace")


def _hitachi_or_jeol(text: str, source: str, shape: tuple[int, int]) -> Calibration | None:
    if re.search(r"^\[(?:Sem|Tem)ImageFile\]", text, re.MULTILINE):
        size = re.search(r"^PixelSize\s*=\s*([\d.eE+-]+)", text, re.MULTILINE)
        full = re.search(r"^DataSize\s*=\s*(\d+)\s*x\s*(\d+)", text, re.MULTILINE)
        if size is None:
            return None
        if full is None:
            return calibrate(float(size[1]), float(size[1]), "nm", source)
        return rescaled(float(size[1]), (float(full[2]), float(full[1])), shape, "nm", source)
    bar = re.search(r"^\$+SM_MICRON_BAR\s+([\d.]+)", text, re.MULTILINE)
    marker = re.search(r"^\$+SM_MICRON_MARKER\s+([\d.]+)\s*(\S+)", text, re.MULTILINE)
    if bar is None or marker is None or float(bar[1]) <= 0:
        return None
    size_m = float(marker[1]) / float(bar[1])
    return calibrate(size_m, size_m, marker[2], source)


def _tescan(text: str, source: str, shape: tuple[int, int]) -> Calibration | None:
    return tescan_header(text, source)


def _field_of_view(text: str, source: str, shape: tuple[int, int]) -> Calibration | None:
    """Read ``{"spatial_info": {"field_of_view_x": 7.0, "field_of_view_y": 7.0, "field_of_view_units": "nm"}}``."""
    try:
        found = _find(json.loads(text), "field_of_view_x")
    except (ValueError, RecursionError):
        return None
    width = found.get("field_of_view_x") if found else None
    height = found.get("field_of_view_y", width) if found else None
    if found is None or not isinstance(width, int | float) or not isinstance(height, int | float):
        return None
    return calibrate(height / shape[0], width / shape[1], str(found.get("field_of_view_units", "")), source)


def _find(tree: Any, key: str) -> dict[str, Any] | None:
    """Return the first dictionary in a tree that has a key."""
    if not isinstance(tree, dict):
        return None
    if key in tree:
        return tree
    return next((found for item in tree.values() if (found := _find(item, key)) is not None), None)
