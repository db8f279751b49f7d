"""TIFF in all its dialects: pages and series become entries; pixel sizes come from `tiff_dialects`."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.files.entry import ALPHA, ONLY_IMAGE, RGB, Axes, Common, Entry, entries_along
from fftscape.files.guards import HARMLESS_BYTES, check_claim
from fftscape.files.pixels import is_turned, looked_up, upright
from fftscape.files.tiff_dialects import calibration_of, channel_names, metadata_of
from fftscape.model.errors import UnreadableFileError
from fftscape.model.mapped import scratch

_ORIENTATION_TAG = 274
_UNPACKED = 1
_REDUCED_COPY = 1
_MOST_PAGES = 100_000


def read_tiff(path: Path) -> list[Entry]:
    """List the images of a TIFF file (classic, BigTIFF, OME, ImageJ and the microscope makers' own).

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of Entry
        One for each series and channel.
    """
    _check_page_count(path)
    with _open(path) as tif:
        many = len(tif.series) > 1
        entries: list[Entry] = []
        for index, series in enumerate(tif.series):
            if "Y" in series.axes and "X" in series.axes and 0 not in series.shape:
                entries += _series_entries(path, tif, index, name=f"{ONLY_IMAGE} {index}" if many else ONLY_IMAGE)
        return entries


def _open(path: Path) -> Any:
    import tifffile

    # An OME-TIFF may name other files; none is ever opened for it.
    return tifffile.TiffFile(path, _multifile=False)


def _check_page_count(path: Path) -> None:
    """Follow the chain of pages and refuse endless ones, which would take minutes to parse."""
    with path.open("rb") as stream:
        head = stream.read(16)
        order = ">" if head.startswith(b"MM") else "<"
        is_big = head[2:4] in (b"+\0", b"\0+")
        number, n_number, n_tag, at = ("Q", "Q", 20, 8) if is_big else ("I", "H", 12, 4)
        for _ in range(_MOST_PAGES):
            stream.seek(at)
            raw = stream.read(struct.calcsize(number))
            if len(raw) < struct.calcsize(number) or not (offset := struct.unpack(order + number, raw)[0]):
                return
            stream.seek(offset)
            raw = stream.read(struct.calcsize(n_number))
            if len(raw) < struct.calcsize(n_number):
                return
            at = offset + len(raw) + n_tag * struct.unpack(order + n_number, raw)[0]
    raise UnreadableFileError(f"{path}: has more than {_MOST_PAGES} pages, or they run in a circle; split it first")


def _series_entries(path: Path, tif: Any, index: int, *, name: str) -> list[Entry]:
    """Describe one series of a TIFF file; pixels are read later, from the file opened again."""
    series = tif.series[index]
    page = series.keyframe
    axes = Axes(series.axes, tuple(int(n) for n in series.shape), channel_names(tif, index))
    turned = is_turned(_orientation(page))
    shape = (axes.length("Y"), axes.length("X"))
    calibration = calibration_of(tif, page, index, shape)
    if turned:
        axes = Axes(axes.names.translate(str.maketrans("XY", "YX")), axes.lengths, axes.channels)
        calibration = replace(calibration, pixel_size=calibration.pixel_size[::-1])
    lead = tuple(n for letter, n in zip(series.axes, series.shape, strict=True) if letter not in "YXS")

    def take(position: tuple[int, ...]) -> npt.NDArray[Any]:
        flat = int(np.ravel_multi_index(position, lead)) if lead else 0
        with _open(path) as again:
            return _plane(path, again.series[index], flat, int(np.prod(lead, dtype=np.int64)))

    base = Common(
        name, str(series.dtype), samples=_sample_names(page, axes.length("S")), calibration=calibration,
        metadata=metadata_of(tif, page), notes=_palette_note(page),
        is_copy=bool(int(page.subfiletype or 0) & _REDUCED_COPY),
    )  # fmt: skip
    return entries_along(axes, take, base)


def _palette_note(page: Any) -> tuple[str, ...]:
    return ("palette image: its colours are looked up",) if int(page.photometric) == 3 else ()


def _sample_names(page: Any, n_samples: int) -> tuple[str, ...]:
    """Name the samples of a page: colours and transparency, or numbers."""
    if n_samples <= 1:
        return ()
    is_rgb = int(page.photometric) in (2, 6) and n_samples >= 3
    names = [*RGB] if is_rgb else ["grey"] if n_samples == 2 else []
    extra = [int(kind) for kind in (page.extrasamples or ())]
    while len(names) < n_samples:
        kind = extra[len(names) - n_samples] if len(extra) >= n_samples - len(names) else 0
        names.append(ALPHA if kind in (1, 2) or (n_samples, is_rgb) == (4, True) else f"sample {len(names)}")
    return tuple(names)


def _plane(path: Path, series: Any, index: int, n_planes: int) -> npt.NDArray[Any]:
    """Read one plane of a series, shape (y, x) or (y, x, sample)."""
    if len(series.pages) == n_planes:
        page = series.pages[index]
        if page is None:
            raise UnreadableFileError(f"{path}: frame {index} is missing from the file")
        _check_page(path, page)
        data, letters = page.asarray(out=scratch(page.shape, page.dtype)), page.axes
        keyframe = page.keyframe
    else:
        # All planes lie in one run of bytes behind a single page (large ImageJ stacks, volumes).
        keyframe = series.keyframe
        _check_run(path, series)
        data = series.asarray().reshape(n_planes, *series.shape[-len(_tail(series.axes)) :])[index]
        letters = _tail(series.axes)
    data = data.reshape([n for n in data.shape if n != 1 or data.ndim == len(letters)])
    if "S" in letters and data.ndim == 3:
        data = np.moveaxis(data, letters.index("S"), -1)
    return _decoded(data, keyframe)


def _tail(axes: str) -> str:
    """Return the axes of one plane, which come last: 'YX', 'YXS' or 'SYX'."""
    return axes.lstrip("".join(set(axes) - set("YXS")))


def _decoded(data: npt.NDArray[Any], page: Any) -> npt.NDArray[Any]:
    """Apply palette, polarity and orientation."""
    if int(page.photometric) == 3 and page.colormap is not None and data.ndim == 2:
        data = looked_up(data, np.asarray(page.colormap).T)
    elif int(page.photometric) == 0 and data.dtype.kind in "bu":
        # 'Min is white': the stored numbers are a negative.
        data = ~data if data.dtype.kind == "b" else np.asarray(2 ** min(page.bitspersample, 64) - 1 - data, data.dtype)
    return upright(data, _orientation(page))


def _orientation(page: Any) -> int:
    tag = page.tags.get(_ORIENTATION_TAG)
    return int(tag.value) if tag is not None else 1


def _check_page(path: Path, page: Any) -> None:
    """Refuse a page whose header claims more than the file holds."""
    keyframe = page.keyframe
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False) if count]
    size = path.stat().st_size
    packed = int(keyframe.compression) != _UNPACKED
    # Some writers get the byte counts of uncompressed pixels wrong, so only the file's length is believed there.
    stored = sum(page.databytecounts) if packed else size - min(page.dataoffsets, default=size)
    shape = (int(keyframe.imagelength), int(keyframe.imagewidth))
    samples = int(keyframe.samplesperpixel)
    bits = int(np.max(keyframe.bitspersample))
    # Single bits are unpacked to bytes, which is what takes memory.
    n_bytes = (shape[0] * shape[1] * samples * (max(8, bits) if packed else bits) + 7) // 8
    check_claim(path, shape, n_bytes, stored, packed=packed)
    if max(page.databytecounts, default=0) > max(size, HARMLESS_BYTES):  # taken as memory before it is read
        raise UnreadableFileError(
            f"{path}: its header claims {max(page.databytecounts)} bytes for a piece of the image, but the file has "
            f"{size} bytes; it is damaged"
        )
    if packed and ends and max(ends) > size:
        raise UnreadableFileError(
            f"{path}: the file is cut short: its pixels should reach to byte {max(ends)}, it has {size} bytes"
        )


def _check_run(path: Path, series: Any) -> None:
    """Refuse a run of planes that is longer than the file."""
    packed = int(series.keyframe.compression) != _UNPACKED
    check_claim(path, series.shape[-2:], int(series.nbytes), path.stat().st_size, packed=packed)
