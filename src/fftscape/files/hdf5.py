"""Images in HDF5: Velox, Berkeley EMD, HyperSpy, NSID, and plain datasets; nothing outside the file is followed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.files.calibration import Calibration, calibrate
from fftscape.files.entry import Axes, Common, Entry, Take, array_entries, entries_along, summarised
from fftscape.files.guards import check_claim
from fftscape.model.errors import UnreadableFileError
from fftscape.model.mapped import scratch

MAGIC = b"\x89HDF\r\n\x1a\n"
_MOST_OBJECTS = 20_000
_COMPLEX_PARTS = (("realFloatHalfEven", "imagFloatHalfEven"), ("r", "i"), ("real", "imag"))
_LARGEST_JSON = 1 << 22
_VELOX_SECTIONS = ("Core", "Instrument", "Acquisition", "Optics", "Scan", "Stage")


def read_hdf5(path: Path) -> list[Entry]:
    """List the images of an HDF5 file.

    Parameters
    ----------
    path : Path
        Velox .emd, Berkeley .emd, HyperSpy .hspy/.hdf5, NSID .h5, NeXus, or any file with 2-D datasets.

    Returns
    -------
    list of Entry
        Of the first of these dialects that finds an image.

    Raises
    ------
    UnreadableFileError
        Where the only images lie in other files (external storage, links, virtual datasets).
    """
    with _open(path) as file:
        datasets, outside = _own_datasets(file)
        for dialect in _DIALECTS:
            entries = [entry for name, item in datasets.items() for entry in dialect(path, name, item)]
            if entries:
                return entries
    if outside:
        raise UnreadableFileError(
            f"{path}: its data lie in another file ({outside}), which is never opened for it; "
            "copy them into one file (h5repack, or h5py) first"
        )
    return []


def _open(path: Path) -> Any:
    import h5py

    return h5py.File(path, "r", locking=False)


def _own_datasets(file: Any) -> tuple[dict[str, Any], str]:
    """Collect the numeric datasets that lie in the file itself, and the name of one that does not.

    Hard links only are walked: soft and external ones could lead anywhere.
    """
    import h5py

    own: dict[str, Any] = {}
    outside = ""
    seen = 0

    def visit(name: str, item: Any) -> bool | None:
        nonlocal outside, seen
        seen += 1
        if isinstance(item, h5py.Dataset):
            if item.is_virtual or item.external:
                outside = outside or name
            elif item.ndim >= 2 and (item.dtype.kind in "biufc" or _parts(item.dtype)):
                own[name] = item
        else:
            links = [key for key in item if isinstance(item.get(key, getlink=True), h5py.ExternalLink)]
            outside = outside or (f"{name}/{links[0]}" if links else "")
        return True if seen > _MOST_OBJECTS else None

    visit("", file["/"])
    file.visititems(visit)
    return own, outside


def _own(group: Any, key: str) -> Any:
    """Return what lies under a key in the file itself; None for links and for data kept elsewhere."""
    import h5py

    if not isinstance(group.get(key, getlink=True), h5py.HardLink):
        return None
    item = group[key]
    return None if isinstance(item, h5py.Dataset) and (item.is_virtual or item.external) else item


def _parts(dtype: np.dtype[Any]) -> tuple[str, str] | None:
    """Name the fields of a compound type that stands for complex numbers."""
    return next((pair for pair in _COMPLEX_PARTS if dtype.names == pair), None)


def _taker(path: Path, name: str, where: Callable[[tuple[int, ...]], Any]) -> Take:
    """Make a function that opens the file again and reads one plane of a dataset."""

    def take(position: tuple[int, ...]) -> npt.NDArray[Any]:
        with _open(path) as file:
            item = file[name]
            parts = _parts(item.dtype)
            if item.ndim == 2 and not parts:  # chunk by chunk into what may lie in a file
                plane = scratch(item.shape, item.dtype)
                item.read_direct(plane)
                return plane
            data = np.asarray(item[where(position)])
            return data[parts[0]] + 1j * data[parts[1]] if parts else data

    return take


def _check(path: Path, item: Any) -> None:
    """Refuse a dataset that claims much and stores nothing."""
    shape = item.shape[-2:] if item.ndim < 3 else tuple(sorted(item.shape)[-2:])
    n_bytes = int(np.prod(item.shape, dtype=object)) * item.dtype.itemsize
    check_claim(path, shape, n_bytes, int(item.id.get_storage_size()), packed=True)


def _base(name: str, item: Any, calibration: Calibration | None = None) -> Common:
    """Begin the description of a dataset's images."""
    dtype = "complex64" if _parts(item.dtype) else item.dtype.name
    return Common(name, dtype, calibration=calibration or Calibration())


def _velox(path: Path, name: str, item: Any) -> list[Entry]:
    """Read ``Data/Image/<key>/Data``, shape (y, x, frame), with its JSON metadata."""
    if not name.startswith("Data/Image/") or not name.endswith("/Data") or item.ndim != 3:
        return []
    _check(path, item)
    header = _velox_header(_own(item.parent, "Metadata"))
    result = header.get("BinaryResult", {})
    size = result.get("PixelSize", {})
    calibration = Calibration()
    if {"width", "height"} <= set(size):
        calibration = calibrate(size["height"], size["width"], str(result.get("PixelUnitX", "")), "Velox metadata")
    metadata = summarised({key: header[key] for key in _VELOX_SECTIONS if key in header})
    base = replace(_base(str(result.get("Detector") or "image"), item, calibration), metadata=metadata)
    axes = Axes("TYX", (item.shape[2], item.shape[0], item.shape[1]))
    return entries_along(axes, _taker(path, name, lambda at: (slice(None), slice(None), *at)), base)


def _velox_header(item: Any) -> dict[str, Any]:
    """Decode the first frame's metadata of a Velox image."""
    if item is None or item.ndim != 2 or item.shape[0] > _LARGEST_JSON:
        return {}
    try:
        header = json.loads(bytes(item[:, 0]).split(b"\0", 1)[0].decode("utf-8", "replace"))
    except ValueError:
        return {}
    return header if isinstance(header, dict) else {}


def _berkeley(path: Path, name: str, item: Any) -> list[Entry]:
    """Read a group with ``emd_group_type``: data, and dim1, dim2, ... with name and units."""
    group = item.parent
    if "emd_group_type" not in group.attrs or not name.endswith("/data"):
        return []
    _check(path, item)
    dims = [_own(group, f"dim{axis}") for axis in (item.ndim - 1, item.ndim)]
    unit = _text(dims[-1].attrs.get("units", "")) if dims[-1] is not None else ""
    calibration = calibrate(_step(dims[0]), _step(dims[1]), unit, "EMD dim vectors")
    title = name.split("/")[-2]
    return array_entries(item.shape, _taker(path, name, lambda at: at), _base(title, item, calibration))


def _hyperspy(path: Path, name: str, item: Any) -> list[Entry]:
    """Read ``Experiments/<title>/data`` with its axis-0, axis-1, ... groups."""
    group = item.parent
    if not name.startswith("Experiments/") or not name.endswith("/data") or "axis-0" not in group:
        return []
    groups = [_own(group, f"axis-{k}") for k in range(item.ndim)]
    if None in groups:
        return []
    axes = [dict(axis.attrs) for axis in groups]
    _check(path, item)
    order = _image_axes(axes)
    if order is None:
        return []
    size_y, size_x = (float(axes[k].get("scale", 1)) for k in order)
    unit = _text(axes[order[1]].get("units", ""))
    calibration = calibrate(size_y, size_x, "" if unit == "_None_" else unit, "HyperSpy axes")
    letters = "".join("Y" if k == order[0] else "X" if k == order[1] else "abcdefgh"[k] for k in range(item.ndim))

    def where(at: tuple[int, ...]) -> tuple[Any, ...]:
        rest = iter(at)
        return tuple(slice(None) if letter in "YX" else next(rest) for letter in letters)

    title = name.split("/")[1].strip("_") or "image"
    return entries_along(Axes(letters, item.shape), _taker(path, name, where), _base(title, item, calibration))


def _image_axes(axes: list[dict[str, Any]]) -> tuple[int, int] | None:
    """Find the two axes of the image: the signal axes, or the navigation axes of a spectrum image's map."""
    signal = [k for k, axis in enumerate(axes) if not axis.get("navigate", False)]
    if len(signal) == 2:
        return signal[0], signal[1]
    return (0, 1) if len(axes) == 2 else None


def _nsid(path: Path, name: str, item: Any) -> list[Entry]:
    """Read a main dataset of NSID/sidpy: the axes are named by dimension scales, often x before y."""
    labels = [_text(label) for label in item.attrs.get("DIMENSION_LABELS", ())]
    if item.ndim != 2 or "quantity" not in item.attrs or len(labels) != 2:
        return []
    _check(path, item)
    transposed = labels == ["x", "y"]
    scales = [_own(item.parent, label) for label in labels]
    steps = [_step(scale) for scale in scales]
    unit = _text(scales[0].attrs.get("units", "")) if scales[0] is not None else ""
    size_y, size_x = steps[::-1] if transposed else steps
    calibration = calibrate(size_y, size_x, unit, "NSID dimensions")
    shape = item.shape[::-1] if transposed else item.shape
    plane = _taker(path, name, lambda at: ())

    def take(position: tuple[int, ...]) -> npt.NDArray[Any]:
        return plane(position).T if transposed else plane(position)

    return array_entries(shape, take, _base(_text(item.attrs["quantity"]), item, calibration))


def _any_dataset(path: Path, name: str, item: Any) -> list[Entry]:
    """Take every dataset that could be an image; NeXus files and plain HDF5."""
    if min(item.shape[-2:]) < 2 or "NAME" in item.attrs:
        return []
    _check(path, item)
    entries = array_entries(item.shape, _taker(path, name, lambda at: at), _base(name, item))
    note = "a plain HDF5 dataset, so its pixel size is not known; give --pixel-size"
    return [replace(entry, notes=(*entry.notes, note)) for entry in entries]


_DIALECTS: tuple[Callable[[Path, str, Any], list[Entry]], ...] = (_velox, _berkeley, _hyperspy, _nsid, _any_dataset)


def _step(vector: Any) -> float:
    """Mean distance of a dimension vector's points, NaN where it has fewer than two."""
    if vector is None or vector.ndim != 1 or len(vector) < 2 or vector.dtype.kind not in "iuf":
        return float("nan")
    return float(vector[-1] - vector[0]) / (len(vector) - 1)


def _text(value: Any) -> str:
    """Return an HDF5 attribute as text."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.ravel()[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
