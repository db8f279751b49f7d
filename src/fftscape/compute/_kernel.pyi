from typing import Any

import numpy.typing as npt

Buffer = npt.NDArray[Any]
# The most numbers that this processor works on side by side.
LANES: int

def spectra(
    pixels: Buffer,
    n_x: int,
    tops: Buffer,
    lefts: Buffer,
    places: Buffer,
    taper_y: Buffer,
    taper_x: Buffer,
    mean_y: Buffer,
    mean_x: Buffer,
    weights: Buffer,
    out: Buffer,
    scaling: int,
    remove_mean: bool,
    unit_norm: bool,
    level: float,
    rounding: float,
    lanes: int,
    /,
) -> None: ...
def fit(
    spectra: Buffer,
    n_features: int,
    factors: Buffer,
    gram: Buffer,
    weights: Buffer,
    left: Buffer,
    energies: Buffer,
    sums: Buffer,
    lanes: int,
    /,
) -> None: ...
def sweep(
    basis: Buffer,
    coefficients: Buffer,
    rank: int,
    loadings: Buffer,
    factors: Buffer,
    n_iter: int,
    lanes: int,
    /,
) -> None: ...
def nearest(
    lines: Buffer,
    n_components: int,
    n_columns: int,
    positions: Buffer,
    labels: Buffer,
    margin: Buffer,
    lanes: int,
    /,
) -> None: ...
def settle(
    columns: Buffer,
    n_dimensions: int,
    centres: Buffer,
    n_centres: int,
    most_rounds: int,
    lanes: int,
    /,
) -> None: ...
def spline(coefficients: Buffer, width: int, y: Buffer, x: Buffer, out: Buffer, /) -> None: ...
