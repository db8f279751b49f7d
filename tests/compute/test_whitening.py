"""Whitening: means, levels and covariances taken out."""

import numpy as np

from fftscape.compute.whitening import column_means, flattened, whitening


def test_means_of_many_float32_rows_are_exact_enough():
    rows = np.full((100_000, 3), [0.1, 1e4, 0], np.float32)
    # Added up one after the other in float32, they would be a thousandth off.
    np.testing.assert_allclose(column_means(rows), rows[0], rtol=1e-5)


def test_flattening_takes_out_mean_and_brightness():
    rng = np.random.default_rng(0)
    mean = rng.uniform(0.1, 5, 50)
    spectra = np.outer([1.0, 3.0, 0.2], mean).astype(np.float32)
    np.testing.assert_allclose(flattened(spectra, mean), 1, rtol=1e-5)


def test_whitening_makes_unit_covariance():
    covariance = np.array([[4.0, 1.0], [1.0, 2.0]])
    turned = whitening(covariance)
    np.testing.assert_allclose(turned.T @ covariance @ turned, np.eye(2), atol=1e-12)
