"""The HyperSpy file: axes and decomposition results that HyperSpy opens as if it had made them.

The signal stands for the local spectra: its navigation axes are the window centres, its signal
axes the spatial frequencies. The spectra themselves are as large as the image times the windows'
overlap and can be made again at any time, so the file declares them and stores none: they read as
zeros and take no room. What HyperSpy needs for maps, factors and the model is all there.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from fftscape.files.plain import as_plain, as_text
from fftscape.files.write_errors import named_write_errors
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.arrays import FloatArray, IntArray

FILE_FORMAT = {"file_format": "HyperSpy", "file_format_version": "3.3"}
NOT_STORED = (
    "The local spectra are not stored and read as zeros; use get_decomposition_loadings(),"
    " get_decomposition_factors() and get_decomposition_model()."
)


def write_hspy(record: AnalysisRecord, path: str | os.PathLike[str]) -> None:
    """Write a record as a ``.hspy`` file for HyperSpy 2.

    Parameters
    ----------
    record : AnalysisRecord
        What to write.
    path : path-like
        The new file.

    Raises
    ------
    UnwritableOutputError
        If the file system refuses.

    Notes
    -----
    ``hyperspy.api.load(path)`` makes room for the zeros, one byte a value; with ``lazy=True`` it does not.
    Windows that take no part have NaN loadings and are marked in ``navigation_mask``, as after
    HyperSpy's own masked decomposition. Where the last window lies nearer than a step, the axis
    is a non-uniform ``DataAxis`` with the true positions.
    """
    import h5py

    parts = signal_parts(record)
    # Made in memory: on a full disk HDF5 prints tracebacks and may lose what it still had to write.
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs.update(FILE_FORMAT)
        signal = file.create_group("Experiments/local spectra")
        signal.attrs.update({"package": "hyperspy", "package_version": "2.2"})
        shape = (*record.grid.shape, *record.grid.size)
        signal.create_dataset("data", shape, np.uint8, chunks=(1, *shape[1:]), fillvalue=0)
        for index, axis in enumerate(parts["axes"]):
            _fill(signal.create_group(f"axis-{index}"), axis)
        for name in ("metadata", "original_metadata"):
            _fill(signal.create_group(name), parts[name])
        _fill(signal.create_group("learning_results"), parts["attributes"]["learning_results"])
    with named_write_errors(path), open(path, "wb") as target:
        target.write(memory.getbuffer())


def signal_parts(record: AnalysisRecord) -> dict[str, Any]:
    """Return axes, metadata and learning results in HyperSpy's terms.

    Parameters
    ----------
    record : AnalysisRecord
        The result to show.

    Returns
    -------
    dict
        Keyword arguments of ``hyperspy.api.signals.Signal2D`` beside the data, whose axes are
        (window_y, window_x, frequency_y, frequency_x).
    """
    image, unit, per_unit = record.image, record.image.unit, record.frequency_unit
    return {
        "axes": [
            _position_axis("y", record.position_y, record.grid.origins_y, unit),
            _position_axis("x", record.position_x, record.grid.origins_x, unit),
            _frequency_axis("frequency_y", record.frequency_y, per_unit),
            _frequency_axis("frequency_x", record.frequency_x, per_unit),
        ],
        "metadata": {
            "General": {"title": f"local spectra of {as_text(image.name)}", "notes": NOT_STORED},
            "Signal": {"signal_type": ""},
        },
        "original_metadata": {
            "fftscape": {
                "source": as_text(image.source),
                "calibration_source": as_text(image.calibration_source),
                "settings": as_plain(msgspec.to_builtins(record.settings)),
                "provenance": as_plain(record.provenance),
                "notes": "\n".join(map(as_text, record.notes)),
            }
        },
        "attributes": {"learning_results": _learning_results(record)},
    }


def _learning_results(record: AnalysisRecord) -> dict[str, Any]:
    count = record.n_components
    return {
        "factors": np.ascontiguousarray(record.factors.reshape(count, -1).T),
        "loadings": np.ascontiguousarray(record.loadings.reshape(count, -1).T),
        "explained_variance": np.array(record.scree.explained_variance),
        "explained_variance_ratio": np.array(record.scree.explained_variance_ratio),
        "number_significant_components": record.scree.n_components,
        "output_dimension": count,
        "decomposition_algorithm": "NMF",
        "poissonian_noise_normalized": False,
        "centre": None,
        "mean": None,
        "navigation_mask": None if record.grid.valid.all() else ~record.grid.valid,
    }


def _position_axis(name: str, positions: FloatArray, origins: IntArray, unit: str) -> dict[str, Any]:
    common = {"name": name, "units": unit, "navigate": True, "is_binned": False}
    if len(set(np.diff(origins).tolist())) > 1:
        return {"_type": "DataAxis", "axis": np.array(positions)} | common
    scale = float(positions[1] - positions[0]) if len(positions) > 1 else 1.0
    return _uniform(positions, scale) | common


def _frequency_axis(name: str, frequencies: FloatArray, unit: str) -> dict[str, Any]:
    common = {"name": name, "units": unit, "navigate": False, "is_binned": False}
    scale = float(frequencies[1] - frequencies[0]) if len(frequencies) > 1 else 1.0
    return _uniform(frequencies, scale) | common


def _uniform(values: FloatArray, scale: float) -> dict[str, Any]:
    return {"_type": "UniformDataAxis", "offset": float(values[0]), "scale": scale, "size": len(values)}


def _fill(group: Any, content: Mapping[str, Any]) -> None:
    """Put plain values and arrays into an HDF5 group the way HyperSpy's file format wants them."""
    for name, value in content.items():
        if isinstance(value, Mapping):
            _fill(group.create_group(name), value)
        elif isinstance(value, np.ndarray):
            # Chunks, because HyperSpy's lazy reader asks for them. Flushed, because they would get their place in the
            # file when the data set is closed, which h5py puts off where another thread is at work in it.
            group.create_dataset(name, data=value, chunks=value.shape, compression="gzip", shuffle=True).flush()
        elif isinstance(value, list):
            group.attrs[name] = ", ".join(map(str, value))
        elif isinstance(value, str):
            group.attrs[name] = value.replace("\0", "")  # HDF5 text ends at a NUL
        else:
            group.attrs[name] = "_None_" if value is None else value
