"""Whitening: spectra or rows in, the same with noise of equal strength in all directions out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fftscape.model.arrays import FloatArray
from fftscape.model.settings import Scaling

# Frequencies as weak as this part of the strongest are raised less than they lack.
_FLOOR = 1e-3
# Weaker than this part of the strongest, values may be float32's rounding.
ROUNDING: Mapping[Scaling, float] = {"sqrt": 1e-3, "amplitude": 1e-6, "log": 1e-6}
# Rows whose sum is as good in float32.
_ROWS = 256
_TINY = 1e-12


def column_means(values: FloatArray) -> FloatArray:
    """Return the mean of each column, in float64; rows are added up by parts, which is exact enough in float32.

    Examples
    --------
    >>> column_means(np.array([[1.0, 2.0], [3.0, 6.0]], np.float32)).tolist()
    [2.0, 4.0]
    """
    parts = [values[start : start + _ROWS].sum(axis=0) for start in range(0, len(values), _ROWS)]
    return np.asarray(np.sum(parts, axis=0, dtype=np.float64) / len(values))


def noise_levels(mean: FloatArray, scaling: Scaling) -> FloatArray:
    """Return what spectra are divided by so that their noise is equal at all frequencies.

    Parameters
    ----------
    mean : ndarray, shape (feature,)
        Of the spectra; non-negative.
    scaling : {'sqrt', 'amplitude', 'log'}
        How they are scaled.

    Returns
    -------
    ndarray of float64, shape (feature,)
        A little more than the mean; infinite where that may be rounding, which changes with the pixels' distance
        from zero and would show as a structure.

    Examples
    --------
    >>> noise_levels(np.array([1.0, 0.5, 1e-5]), "sqrt").tolist()
    [1.001, 0.501, inf]
    """
    most = float(mean.max())
    raised = np.maximum(mean + _FLOOR * most, np.finfo(np.float32).tiny)
    return np.where(mean < ROUNDING[scaling] * most, np.inf, raised)


def flattened(spectra: FloatArray, mean: FloatArray) -> FloatArray:
    """Divide spectra by the mean of all and then each by its own level.

    The noise of spectra is multiplicative, so the first division makes it equal at all
    frequencies. The second takes out brightness; a level is a mean over all frequencies, in
    which one strong spot does not weigh as much as in the Euclidean norm.

    Parameters
    ----------
    spectra : ndarray, shape (window, feature)
        Non-negative.
    mean : ndarray, shape (feature,)
        Positive, see `noise_levels`.

    Returns
    -------
    ndarray, shape (window, feature)
        Of the dtype of `spectra`; 0 where the mean is infinite, and else about the same everywhere: 1 on average.
    """
    flat = spectra * (1 / mean).astype(spectra.dtype)
    flat /= flat.mean(axis=1, keepdims=True) + spectra.dtype.type(_TINY)
    return flat


def whitening(covariance: FloatArray) -> FloatArray:
    """Return the matrix that turns rows of a covariance into rows of unit covariance.

    Parameters
    ----------
    covariance : ndarray, shape (dimension, dimension)
        Positive semidefinite.

    Returns
    -------
    ndarray, shape (dimension, dimension)
        To be multiplied from the right.

    Examples
    --------
    >>> np.abs(whitening(np.diag([4.0, 25.0]))).round(3).tolist()
    [[0.5, 0.0], [0.0, 0.2]]
    """
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-9 * values.max() + _TINY**2)))
