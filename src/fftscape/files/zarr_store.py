"""The Zarr store: a whole record in one folder that OME-NGFF 0.5 and xarray programs open.

A missing chunk reads as the fill value without an error, so every chunk is written, also empty
ones, and `read_zarr` refuses a store that lacks one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from fftscape.files.dataset import FORMAT, Variable, description, record_from, variables
from fftscape.files.plain import as_plain
from fftscape.files.write_errors import named_write_errors
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.errors import UnreadableFileError

CHUNK = 1024
# Noise hardly shrinks: half the time of level 3 for a twentieth more bytes.
LEVEL = 1
LABEL_IMAGE = "labels/components/0"
OME_UNITS = {
    "pm": "picometer", "angstrom": "angstrom", "nm": "nanometer", "um": "micrometer", "mm": "millimeter",
    "cm": "centimeter", "m": "meter",
}  # fmt: skip


def write_zarr(record: AnalysisRecord, path: str | os.PathLike[str]) -> None:
    """Write a record as a new Zarr v3 store.

    Parameters
    ----------
    record : AnalysisRecord
        What to write. An image of extended precision is stored as float64, which is the widest
        number Zarr knows.
    path : path-like
        The store's folder; it must not exist.

    Raises
    ------
    UnwritableOutputError
        If the file system refuses.
    """
    path = Path(path)
    with named_write_errors(path):
        path.mkdir()
        shown = variables(record)
        metadata = {name: _write_array(path / name, variable) for name, variable in shown.items()}
        for name, ome in _label_groups(record).items():
            (path / name).mkdir()
            metadata[name] = _write_metadata(path / name, {"node_type": "group", "attributes": {"ome": as_plain(ome)}})
        metadata[LABEL_IMAGE] = _write_array(path / LABEL_IMAGE, _label_image(shown["segmentation"]))
        root = {
            "node_type": "group",
            "attributes": {"ome": _ome(record), "fftscape": description(record)},
            # xarray warns where the metadata of all arrays is not repeated here. The Zarr standard does not have this
            # yet, so readers that do not know it are told to pass it over.
            "consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": metadata},
        }
        _write_metadata(path, root)


def _write_array(folder: Path, variable: Variable) -> dict[str, Any]:
    """Write one array into a new folder and return its metadata."""
    data = _storable(variable.data)
    chunk = tuple(min(max(length, 1), CHUNK) for length in data.shape)
    folder.mkdir()
    for place in np.ndindex(*(-(-length // size) for length, size in zip(data.shape, chunk, strict=True))):
        target = folder.joinpath("c", *map(str, place))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_packed(_chunk_at(data, place, chunk)))
    document = {
        "node_type": "array",
        "shape": data.shape,
        "data_type": data.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": data.dtype.type(0).item(),
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "zstd", "configuration": {"level": LEVEL, "checksum": False}},
            {"name": "crc32c"},
        ],
        "dimension_names": variable.dims,
        "attributes": variable.attributes,
    }
    return _write_metadata(folder, document)


def _write_metadata(folder: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """Write what describes an array or a group, and return it."""
    plain: dict[str, Any] = as_plain({"zarr_format": 3, **document})
    (folder / "zarr.json").write_bytes(msgspec.json.format(msgspec.json.encode(plain), indent=1))
    return plain


def _chunk_at(data: npt.NDArray[Any], place: tuple[int, ...], chunk: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return one chunk; the last ones along an axis are filled up with zeros, since all chunks are of one size."""
    part = data[tuple(slice(index * size, (index + 1) * size) for index, size in zip(place, chunk, strict=True))]
    if part.shape == chunk:
        return np.ascontiguousarray(part)
    whole = np.zeros(chunk, data.dtype)
    whole[tuple(map(slice, part.shape))] = part
    return whole


def _packed(chunk: npt.NDArray[Any]) -> bytes:
    """Return a chunk compressed, with a checksum behind it."""
    from google_crc32c import value
    from imagecodecs import zstd_encode

    packed = bytes(zstd_encode(chunk, level=LEVEL))  # type: ignore[arg-type]  # takes any buffer
    return packed + int(value(packed)).to_bytes(4, "little")


def _storable(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the same values in a type that Zarr knows, lowest byte first."""
    if data.dtype.kind == "f" and data.dtype.itemsize > 8:
        data = data.astype(np.float64)
    return data.astype(data.dtype.newbyteorder("<"), copy=False)


def _ome(record: AnalysisRecord) -> dict[str, Any]:
    """Return the OME-NGFF 0.5 metadata: the image first, then the loadings in the same space."""
    pixel = record.image.pixel_size
    step = [size * length for size, length in zip(record.grid.step, pixel, strict=True)]
    first = [float(record.position_y[0]), float(record.position_x[0])]
    shown = variables(record)
    unit = OME_UNITS.get(record.image.unit)
    plain: dict[str, Any] = as_plain(
        {
            "version": "0.5",
            "multiscales": [
                _multiscale("image", shown["image"], unit, pixel),
                _multiscale("loadings", shown["loadings"], unit, [1.0, *step], [0.0, *first]),
            ],
        }
    )
    return plain


def _label_groups(record: AnalysisRecord) -> dict[str, dict[str, Any]]:
    """Return the OME metadata of the groups that programs for OME-NGFF look for when they overlay labels."""
    group, name, array = LABEL_IMAGE.split("/")
    unit = OME_UNITS.get(record.image.unit)
    multiscale = _multiscale(array, variables(record)["segmentation"], unit, record.image.pixel_size) | {"name": name}
    label = {"source": {"image": "../../"}}
    return {
        group: {"version": "0.5", "labels": [name]},
        f"{group}/{name}": {"version": "0.5", "multiscales": [multiscale], "image-label": label},
    }


def _label_image(segmentation: Variable) -> Variable:
    """Return the labels as OME-NGFF counts them: 0 where there is none, k + 1 for component k."""
    data = (segmentation.data + 1).astype(np.uint16)
    return Variable(segmentation.dims, data, "number of the strongest component, from 1; 0 where there is none")


def _multiscale(
    path: str, variable: Variable, unit: str | None, scale: Any, translation: Any | None = None
) -> dict[str, Any]:
    space = {"type": "space", "unit": unit} if unit else {"type": "space"}
    transformations: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if translation is not None:
        transformations.append({"type": "translation", "translation": translation})
    return {
        "name": path,
        # The standard wants these names to be those of the array's dimensions.
        "axes": [{"name": dim} | ({"type": "channel"} if dim == "component" else space) for dim in variable.dims],
        "datasets": [{"path": path, "coordinateTransformations": transformations}],
    }


def read_zarr(path: str | os.PathLike[str]) -> AnalysisRecord:
    """Read a record back from its Zarr store, bit by bit.

    Parameters
    ----------
    path : path-like
        The store's folder, as `write_zarr` made it.

    Returns
    -------
    AnalysisRecord
        The record that was written.

    Raises
    ------
    UnreadableFileError
        If there is no such store, or it is damaged, foreign or newer than this version.
    """
    import zarr

    path = Path(path)
    try:
        root = zarr.open_group(str(path), mode="r", zarr_format=3, use_consolidated=False)
        plain: Any = root.attrs.asdict()["fftscape"]
    except Exception as error:  # zarr raises whatever its JSON and its store raise
        raise UnreadableFileError(
            f"{path} is not a store of fftscape results ({_reason(error)}); give a result folder or its result.zarr."
        ) from error
    _refuse_newer(path, plain)
    try:
        return record_from(lambda name: _read_array(root, path, name), plain)
    except Exception as error:  # the same, and every codec has errors of its own
        raise UnreadableFileError(
            f"{path} is damaged ({_reason(error)}); restore it from a copy or analyse the image again."
        ) from error


def _refuse_newer(path: Path, plain: Mapping[str, Any]) -> None:
    written = plain.get("format") if isinstance(plain, Mapping) else None
    if isinstance(written, int) and written > FORMAT:
        raise UnreadableFileError(
            f"{path} was written by a newer fftscape (format {written}, this version reads up to {FORMAT});"
            " install the newest fftscape."
        )


def _read_array(root: Any, path: Path, name: str) -> npt.NDArray[Any]:
    # A store is one folder: where a part of it is a link, the data would be those of another place.
    places = [path / part for part in (name, f"{name}/zarr.json", f"{name}/c")]
    places += [Path(at) / folder for at, folders, _ in os.walk(path / name) for folder in folders]
    if any(place.is_symlink() for place in places):
        raise ValueError(f"array '{name}' is a link to another place")
    array = root[name]
    expected = math.prod(-(-length // chunk) for length, chunk in zip(array.shape, array.chunks, strict=True))
    found = sum(
        not os.path.islink(os.path.join(at, file)) for at, _, files in os.walk(path / name / "c") for file in files
    )
    if found != expected:
        raise ValueError(f"array '{name}' has {found} of its {expected} chunks")
    data: npt.NDArray[Any] = array[...]
    return data


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
