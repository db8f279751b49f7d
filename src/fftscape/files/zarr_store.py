"""The Zarr store: a whole record in one folder that OME-NGFF 0.5 and xarray programs open.

A missing chunk reads as the fill value without an error, so every chunk is written, also empty
ones, and `read_zarr` refuses a store that lacks one.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.files.dataset import FORMAT, Variable, description, record_from, variables
from fftscape.files.plain import as_plain, to_json
from fftscape.files.write_errors import named_write_errors
from fftscape.model.errors import UnreadableFileError
from fftscape.model.records import AnalysisRecord

CHUNK = 1024
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
    import zarr

    path = Path(path)
    with named_write_errors(path):
        path.mkdir()
        attributes = {"ome": _ome(record), "fftscape": description(record)}
        root = zarr.create_group(store=str(path), zarr_format=3, attributes=attributes)
        shown = variables(record)
        for name, variable in shown.items():
            _write_array(root, name, variable)
        groups = _label_groups(record)
        for name, ome in groups.items():
            root.create_group(name, attributes={"ome": as_plain(ome)})
        _write_array(root, LABEL_IMAGE, _label_image(shown["segmentation"]))
        _consolidate(path, [*shown, *groups, LABEL_IMAGE])


def _write_array(root: Any, name: str, variable: Variable) -> None:
    from zarr.codecs import ZstdCodec

    data = _storable(variable.data)
    root.create_array(
        name,
        data=data,
        chunks=tuple(min(max(length, 1), CHUNK) for length in data.shape),
        compressors=ZstdCodec(level=3, checksum=True),
        dimension_names=variable.dims,
        attributes=variable.attributes,
        config={"write_empty_chunks": True},
    )


def _consolidate(path: Path, names: Iterable[str]) -> None:
    """Repeat the metadata of arrays and groups in the root, in our order.

    xarray warns where this is missing; zarr's own function for it warns that the Zarr standard
    does not have it yet. Readers that do not know it may ignore it (``must_understand``).
    """
    document = json.loads((path / "zarr.json").read_bytes())
    repeated = {name: json.loads((path / name / "zarr.json").read_bytes()) for name in names}
    document["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": repeated}
    (path / "zarr.json").write_bytes(to_json(document))


def _storable(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if data.dtype.kind == "f" and data.dtype.itemsize > 8:
        return data.astype(np.float64)
    return np.ascontiguousarray(data, data.dtype.newbyteorder("="))


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
