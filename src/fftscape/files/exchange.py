"""Exchange: a record as an object of xarray or HyperSpy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from fftscape.files.dataset import description, variables
from fftscape.files.hspy import signal_parts
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.errors import BackendUnavailableError

if TYPE_CHECKING:
    import xarray


def to_xarray(record: AnalysisRecord) -> xarray.Dataset:
    """Return a record as an xarray data set with the variables of the Zarr store.

    Parameters
    ----------
    record : AnalysisRecord
        The result to show; the data set shares its arrays.

    Returns
    -------
    xarray.Dataset
        Coordinates carry units; attributes are simple enough for netCDF (settings and the like as JSON text).

    Raises
    ------
    BackendUnavailableError
        If xarray is not installed.
    """
    try:
        import xarray
    except ImportError as error:
        raise _missing("xarray") from error
    shown = variables(record)
    arrays = {name: (item.dims, item.data, item.attributes) for name, item in shown.items()}
    is_coordinate = {name: item.dims == (name,) for name, item in shown.items()}
    return xarray.Dataset(
        {name: array for name, array in arrays.items() if not is_coordinate[name]},
        {name: array for name, array in arrays.items() if is_coordinate[name]},
        {name: _flat(value) for name, value in description(record).items() if value is not None},
    )


def _flat(value: Any) -> Any:
    """Return what a netCDF attribute can hold."""
    if isinstance(value, bool):
        return int(value)
    is_numbers = isinstance(value, list) and bool(value) and all(isinstance(item, int | float) for item in value)
    if isinstance(value, dict | list) and not is_numbers:
        return json.dumps(value, ensure_ascii=False)
    return value


def to_hyperspy(record: AnalysisRecord) -> Any:
    """Return a record as a HyperSpy signal, as ``hyperspy.api.load`` opens ``result.hspy``.

    Parameters
    ----------
    record : AnalysisRecord
        The result to show.

    Returns
    -------
    hyperspy.api.signals.Signal2D
        Navigation axes are the window centres, signal axes the spatial frequencies. Its data are
        zeros that stand for the local spectra; maps, factors and model come from
        ``get_decomposition_loadings()``, ``get_decomposition_factors()`` and ``get_decomposition_model()``.

    Raises
    ------
    BackendUnavailableError
        If HyperSpy is not installed.
    """
    try:
        import hyperspy.api as hyperspy
    except ImportError as error:
        raise _missing("hyperspy") from error
    spectra = np.zeros((*record.grid.shape, *record.grid.size), np.uint8)
    return hyperspy.signals.Signal2D(spectra, **signal_parts(record))


def _missing(extra: str) -> BackendUnavailableError:
    return BackendUnavailableError(f"{extra} is not installed; install it with: pip install 'fftscape[{extra}]'.")
