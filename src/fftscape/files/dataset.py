"""The data set: a record as named variables with dimensions and units, and back.

The Zarr store and xarray both show this view. A coordinate has the name of its dimension, as
xarray asks: ``window_y`` and ``window_x`` are the positions of the window centres in the image's
unit, measured from the centre of the first pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from fftscape.files.plain import as_plain
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.image import PIXEL_UNIT, Image
from fftscape.model.records import Peaks, Scree, Segmentation, WindowGrid
from fftscape.model.settings import Settings

FORMAT = 1

MAP = ("component", "window_y", "window_x")
SPECTRUM = ("component", "frequency_y", "frequency_x")
PIXELS = ("y", "x")
WINDOWS = ("window_y", "window_x")
ORIENTATION = ("orientation", "orientation_uncertainty", "orientation_period")


@dataclass(frozen=True, eq=False)
class Variable:
    """One array with the names of its dimensions and what it means.

    Parameters
    ----------
    dims : tuple of str
        One name for each axis.
    data : ndarray
        The values.
    description : str
        One line for people.
    units : str or None
        Unit of the values; None where they have none.
    """

    dims: tuple[str, ...]
    data: npt.NDArray[Any]
    description: str
    units: str | None = None

    @property
    def attributes(self) -> dict[str, str]:
        """Description and units in the names that xarray and the CF conventions use."""
        return {"long_name": self.description} | ({"units": self.units} if self.units else {})


def variables(record: AnalysisRecord) -> dict[str, Variable]:
    """Return every array of a record, coordinates first.

    Parameters
    ----------
    record : AnalysisRecord
        The result to show.

    Returns
    -------
    dict of Variable
        By name; those named like a dimension are its coordinate.
    """
    return (
        _coordinates(record)
        | _results(record)
        | _orientation(record)
        | _scree(record.scree)
        | _peaks(record.peaks, record.frequency_unit)
    )


def _coordinates(record: AnalysisRecord) -> dict[str, Variable]:
    image, unit, per_unit = record.image, record.image.unit, record.frequency_unit
    rows, columns = (np.arange(n) * size for n, size in zip(image.shape, image.pixel_size, strict=True))
    return {
        "y": Variable(("y",), rows, "pixel centres, downwards", unit),
        "x": Variable(("x",), columns, "pixel centres, to the right", unit),
        "component": Variable(("component",), np.arange(record.n_components), "index of the component, from 0"),
        "window_y": Variable(("window_y",), record.position_y, "window centres, downwards", unit),
        "window_x": Variable(("window_x",), record.position_x, "window centres, to the right", unit),
        "frequency_y": Variable(("frequency_y",), record.frequency_y, "spatial frequency, downwards", per_unit),
        "frequency_x": Variable(("frequency_x",), record.frequency_x, "spatial frequency, to the right", per_unit),
    }


def _results(record: AnalysisRecord) -> dict[str, Variable]:
    grid = record.grid
    return {
        "image": Variable(PIXELS, record.image.data, "the image as read"),
        # Not 'labels': OME-NGFF keeps that name for a group of its own.
        "segmentation": Variable(PIXELS, record.labels, "component; -1 where no window covers the pixel"),
        "margin": Variable(PIXELS, record.segmentation.margin, "how clearly a pixel belongs to its component", "1"),
        "loadings": Variable(MAP, record.loadings, "weight of each component in each window"),
        "factors": Variable(SPECTRUM, record.factors, "spectrum of each component, unit norm"),
        "residual": Variable(WINDOWS, record.residual, "relative norm of what the model leaves", "1"),
        "abruptness": Variable(WINDOWS, record.abruptness, "change of the spectra across it, in units of noise"),
        "valid": Variable(WINDOWS, grid.valid, "whether the window takes part"),
        "origin_y": Variable(("window_y",), grid.origins_y, "first row of the window", PIXEL_UNIT),
        "origin_x": Variable(("window_x",), grid.origins_x, "first column of the window", PIXEL_UNIT),
        "shares": Variable(("component",), record.shares, "share in the sum of all loadings", "1"),
        "area_fractions": Variable(("component",), record.area_fractions, "share of the labelled pixels", "1"),
        "area_uncertainties": Variable(
            ("component",), record.area_uncertainties, "standard uncertainty of the area fractions", "1"
        ),
        "stability": Variable(("component",), record.stability, "part recognised from other parts of the image", "1"),
        "variation": Variable(("component",), record.variation, "spread of the spectra inside, in units of noise"),
    }


def _orientation(record: AnalysisRecord) -> dict[str, Variable]:
    """Return what only rotation-tolerant results have."""
    meanings = (
        (WINDOWS, "rotation against the strongest variant of the structure, counter-clockwise"),
        (WINDOWS, "standard uncertainty of the rotation"),
        (("component",), "rotation that leaves the structure as it is"),
    )
    return {
        name: Variable(dims, getattr(record, name), words, "degree")
        for name, (dims, words) in zip(ORIENTATION, meanings, strict=True)
        if getattr(record, name) is not None
    }


def _scree(scree: Scree) -> dict[str, Variable]:
    dims = ("eigenvalue",)
    found = {
        "explained_variance": Variable(dims, scree.explained_variance, "eigenvalues, largest first"),
        "explained_variance_ratio": Variable(dims, scree.explained_variance_ratio, "share of all eigenvalues", "1"),
    }
    if scree.null_variance is not None:
        found["null_variance"] = Variable(dims, scree.null_variance, "eigenvalues of white noise")
    return found


def _peaks(peaks: Peaks, per_unit: str) -> dict[str, Variable]:
    units = {"d_spacing": peaks.unit, "angle": "degree", "frequency": per_unit}
    return {
        f"peak_{name}": Variable(
            ("peak",),
            column,
            f"spots of the components: {name.replace('_', ' ')}",
            next((unit for start, unit in units.items() if name.startswith(start)), None),
        )
        for name, column in peaks.columns.items()
    }


def description(record: AnalysisRecord) -> dict[str, Any]:
    """Return everything in a record that is not an array, as plain values.

    Parameters
    ----------
    record : AnalysisRecord
        The result to describe.

    Returns
    -------
    dict
        What `record_from` needs beside the variables.
    """
    image, scree = record.image, record.scree
    plain: dict[str, Any] = as_plain(
        {
            "format": FORMAT,
            "name": image.name,
            "source": image.source,
            "channel": image.channel,
            "frame": image.frame,
            "pixel_size": image.pixel_size,
            "unit": image.unit,
            "calibration_source": image.calibration_source,
            "image_notes": image.notes,
            "image_metadata": image.metadata,
            "window": record.grid.size,
            "step": record.grid.step,
            "n_components": scree.n_components,
            "rule": scree.rule,
            "reason": scree.reason,
            "threshold": scree.threshold,
            "confidence": scree.confidence,
            "alternatives": scree.alternatives,
            "boundary_resolution": record.segmentation.resolution,
            "has_null_variance": scree.null_variance is not None,
            "has_orientation": record.orientation is not None,
            "peaks_unit": record.peaks.unit,
            "reconstruction_error": record.reconstruction_error,
            "n_iter": record.n_iter,
            "converged": record.converged,
            "notes": record.notes,
            "settings": msgspec.to_builtins(record.settings),
            "provenance": record.provenance,
        }
    )
    return plain


def record_from(array: Callable[[str], npt.NDArray[Any]], plain: Mapping[str, Any]) -> AnalysisRecord:
    """Build a record from its variables and its description.

    Parameters
    ----------
    array : callable
        Gives the array of a variable's name.
    plain : mapping
        What `description` returned.

    Returns
    -------
    AnalysisRecord
        Equal, array by array and bit by bit, to the one that was described.

    Raises
    ------
    KeyError, TypeError, ValueError
        If something is missing or has the wrong form.
    """
    image = Image(
        array("image"), _pair(plain["pixel_size"], float), plain["unit"], plain["name"], plain["calibration_source"],
        plain["source"], plain["image_metadata"], tuple(plain["image_notes"]), plain.get("channel", ""),
        plain.get("frame"),
    )  # fmt: skip
    grid = WindowGrid(
        _pair(plain["window"], int), _pair(plain["step"], int), array("origin_y"), array("origin_x"),
        image.shape, array("valid"),
    )  # fmt: skip
    threshold = plain["threshold"]
    scree = Scree(
        array("explained_variance"), array("explained_variance_ratio"),
        array("null_variance") if plain["has_null_variance"] else None,
        None if threshold is None else float(threshold),
        plain["n_components"], plain["rule"], plain["reason"],
        None if plain["confidence"] is None else float(plain["confidence"]), tuple(plain["alternatives"]),
    )  # fmt: skip
    columns = {name: array(f"peak_{name}") for name in Peaks.__dataclass_fields__ if name != "unit"}
    return AnalysisRecord(
        image=image,
        grid=grid,
        scree=scree,
        factors=array("factors"),
        loadings=array("loadings"),
        residual=array("residual"),
        abruptness=array("abruptness"),
        shares=array("shares"),
        stability=array("stability"),
        variation=array("variation"),
        segmentation=Segmentation(
            array("segmentation"),
            array("margin"),
            array("area_fractions"),
            array("area_uncertainties"),
            float(plain["boundary_resolution"]),
        ),
        peaks=Peaks(**columns, unit=plain["peaks_unit"]),
        reconstruction_error=float(plain["reconstruction_error"]),
        n_iter=plain["n_iter"],
        converged=plain["converged"],
        settings=msgspec.convert(plain["settings"], Settings),
        provenance=plain["provenance"],
        notes=tuple(plain["notes"]),
        **{name: array(name) for name in ORIENTATION if plain.get("has_orientation", False)},
    )


def _pair(values: Any, kind: type[Any]) -> tuple[Any, Any]:
    first, second = values
    return kind(first), kind(second)
