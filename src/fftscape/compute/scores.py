"""Scores: spectra of many windows in, their few leading coordinates in units of noise out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fftscape.compute.blocks import products, sample_of
from fftscape.compute.executors import for_each, ordered
from fftscape.compute.lowrank import low_rank
from fftscape.compute.whitening import column_means, flattened, noise_levels
from fftscape.model.arrays import FloatArray
from fftscape.model.records import Spectra

# Windows from which directions are learned; neighbouring windows overlap and repeat each other.
_ENOUGH_WINDOWS = 2500
# Rows that are worked on at a time, whose sum is as good in float32.
_ROWS = 256
_TINY = 1e-12
_OVERSAMPLING = 6
_TRIMMING_ROUNDS = 8


@dataclass(frozen=True, eq=False)
class Scores:
    """The leading principal components of flattened spectra.

    Parameters
    ----------
    values : ndarray of float64, shape (window, component)
        Coordinates of the windows.
    axes : ndarray of float64, shape (component, feature)
        Orthonormal directions in the space of flattened spectra.
    mean : ndarray of float64, shape (feature,)
        What the spectra were divided by, about their mean; infinite where that may be rounding, see `noise_levels`.
    centre : ndarray of float64, shape (feature,)
        Mean of the flattened spectra.
    """

    values: FloatArray
    axes: FloatArray
    mean: FloatArray
    centre: FloatArray

    def of(self, spectra: FloatArray) -> FloatArray:
        """Return the coordinates of other spectra, shape (spectrum, component)."""
        readings = (spectra @ _readers(self.axes, self.mean).astype(spectra.dtype)).astype(np.float64)
        return _coordinates(readings, self.axes, self.centre)


def leading_scores(spectra: Spectra, count: int, *, seed: int, start: FloatArray | None = None) -> Scores:
    """Find the directions in which spectra differ most, and where each spectrum lies along them.

    Parameters
    ----------
    spectra : Spectra
        Of shape (window, feature), non-negative.
    count : int
        Number of directions.
    seed : int
        Seed of the iteration.
    start : ndarray, shape (direction, feature), optional
        Directions in which some of these spectra, divided by their mean, differ most: the iteration begins there.

    Returns
    -------
    Scores
        Of the flattened spectra, see `flattened`. Directions of many windows are those of a part of them.
    """
    sample = spectra.rows(sample_of(spectra, _ENOUGH_WINDOWS))
    mean = noise_levels(column_means(sample), spectra.settings.scaling)
    flat, centre = _centred(sample, mean)
    rank = count + _OVERSAMPLING
    start = None if start is None or len(start) < rank else start[:rank]
    part = low_rank(flat, rank, seed=seed, start=start)
    axes = np.linalg.svd(part.coefficients, full_matrices=False)[2][:count]
    values = _coordinates(products(spectra, _readers(axes, mean)), axes, centre)
    return Scores(values, axes, mean, centre)


def _centred(sample: FloatArray, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Flatten spectra and take out their mean, shape (feature,), which is returned, too."""
    flat = np.empty_like(sample)
    parts = [slice(start, start + _ROWS) for start in range(0, len(sample), _ROWS)]

    def flatten(rows: slice) -> FloatArray:
        flat[rows] = flattened(sample[rows], mean)
        return np.asarray(flat[rows].sum(axis=0))

    centre = np.sum(list(ordered(flatten, parts)), axis=0, dtype=np.float64) / len(sample)

    def centred(rows: slice) -> None:
        flat[rows] -= centre.astype(flat.dtype)

    for_each(centred, parts)
    return flat, np.asarray(centre)


def _readers(axes: FloatArray, mean: FloatArray) -> FloatArray:
    """Return what spectra are multiplied by to give their coordinates and, as the last one, their level."""
    return (np.vstack([axes, np.ones(len(mean)) / len(mean)]) / mean).T


def _coordinates(readings: FloatArray, axes: FloatArray, centre: FloatArray) -> FloatArray:
    """Return the coordinates of flattened spectra, which are never made: one product gives them and the levels."""
    return readings[:, :-1] / (readings[:, -1:] + _TINY) - centre @ axes.T


def trimmed_covariance(differences: FloatArray, keep: float, *, least: float = 0.0) -> FloatArray:
    """Estimate a covariance matrix around zero from the part of the rows that lie closest together.

    Parameters
    ----------
    differences : ndarray, shape (row, dimension)
        Mostly noise around zero, some outliers.
    keep : float
        Part of the rows that is used.
    least : float
        The smallest standard deviation that is believed, in any direction.

    Returns
    -------
    ndarray, shape (dimension, dimension)
        Scaled so that it is right for Gaussian rows.

    Notes
    -----
    Concentration steps as in the minimum covariance determinant (Rousseeuw and Van Driessen,
    Technometrics 41, 212, 1999), begun at the medians of the absolute values.
    """
    from scipy.special import chdtri

    dimension = differences.shape[1]
    covariance = np.diag((np.median(np.abs(differences), axis=0) / 0.6745) ** 2 + least**2)
    count = min(max(int(keep * len(differences)), dimension + 2), len(differences))
    lengths = _lengths(differences, covariance)
    for _ in range(_TRIMMING_ROUNDS):
        own = differences[np.argpartition(lengths, count - 1)[:count]]
        covariance = own.T @ own / count
        covariance += (1e-9 * np.trace(covariance) + least**2) * np.eye(dimension)
        lengths = _lengths(differences, covariance)
    # In as wide an ellipsoid lies that part of Gaussian rows.
    covariance *= np.quantile(lengths, keep) / chdtri(dimension, 1 - keep)
    return covariance + least**2 * np.eye(dimension)


def _lengths(rows: FloatArray, covariance: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("ij,ij->i", rows @ np.linalg.inv(covariance), rows))
