"""The store: all data files of one result, written together and read back as a record."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from fftscape.files.hspy import write_hspy
from fftscape.files.imagej import write_tiffs
from fftscape.files.result_folder import MANIFEST, STORE
from fftscape.files.tables import write_tables
from fftscape.files.zarr_store import read_zarr, write_zarr
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.errors import UnreadableFileError

HSPY = "result.hspy"


def write_results(record: AnalysisRecord, folder: str | os.PathLike[str]) -> None:
    """Write every data file of a result into an existing folder.

    These are ``result.zarr``, ``result.hspy``, three ImageJ stacks and three CSV tables; equal
    records give equal bytes. Use `result_folder.publish` around it, so that nobody sees half a result.

    Parameters
    ----------
    record : AnalysisRecord
        What to write.
    folder : path-like
        An existing, empty folder.

    Raises
    ------
    UnwritableOutputError
        If the file system refuses.
    """
    folder = Path(folder)
    write_zarr(record, folder / STORE)
    write_hspy(record, folder / HSPY)
    write_tiffs(record, folder)
    write_tables(record, folder)


def load_record(path: str | os.PathLike[str]) -> AnalysisRecord:
    """Read a record from a result's folder or from its ``result.zarr``.

    Parameters
    ----------
    path : path-like
        ``OUT/<name>`` or ``OUT/<name>/result.zarr``.

    Returns
    -------
    AnalysisRecord
        The record that was written, bit by bit.

    Raises
    ------
    UnreadableFileError
        If there is no result, or it is damaged.
    """
    path = Path(path)
    if (path / STORE).is_dir():
        return read_zarr(path / STORE)
    if (path / "zarr.json").is_file():
        return read_zarr(path)
    raise UnreadableFileError(_what_is_there(path))


def _what_is_there(path: Path) -> str:
    if not path.exists():
        return f"{path} does not exist; give a result folder of fftscape or its {STORE}."
    if path.is_file():
        return f"{path} is a file; give the result folder of fftscape that holds it, or its {STORE}."
    results = sorted(manifest.parent.name for manifest in path.glob(f"[!.]*/{MANIFEST}"))
    if results:
        return f"{path} holds {len(results)} results; give one of them, for example {path / results[0]}."
    return f"{path} holds no {STORE}; give a result folder of fftscape."


def manifest(record: AnalysisRecord) -> dict[str, Any]:
    """Return what ``result.json`` says about a record: plain values, the same for equal records.

    Parameters
    ----------
    record : AnalysisRecord
        The result to describe.

    Returns
    -------
    dict
        For `result_folder.publish`, which adds the files with their sizes and SHA-256.
    """
    image, grid, scree = record.image, record.grid, record.scree
    return {
        "format": "fftscape result",
        "format_version": 1,
        "name": image.name,
        "source": image.source,
        "channel": image.channel,
        "frame": image.frame,
        "shape": image.shape,
        "pixel_size": image.pixel_size,
        "unit": image.unit,
        "calibration_source": image.calibration_source,
        "window": grid.size,
        "step": grid.step,
        "windows": {"shape": grid.shape, "taking_part": grid.n_valid},
        "is_constant": image.is_constant,
        "n_components": record.n_components,
        "rule": scree.rule,
        "reason": scree.reason,
        "shares": record.shares,
        "area_fractions": record.area_fractions,
        "area_uncertainties": record.area_uncertainties,
        "stability": record.stability,
        "variation": record.variation,
        "confidence": scree.confidence,
        "alternatives": scree.alternatives,
        "ambiguous": scree.is_ambiguous,
        "reconstruction_error": record.reconstruction_error,
        "n_iter": record.n_iter,
        "converged": record.converged,
        "seeds": {"rank": record.settings.rank.seed, "factorization": record.settings.factorization.seed},
        "settings": msgspec.to_builtins(record.settings),
        "provenance": record.provenance,
        "image_notes": image.notes,
        "notes": record.notes,
    }
