"""Whitening: means, levels and covariances taken out."""

import numpy as np

from fftscape.compute.whitening import column_means, flattened, noise_levels, whitening


def test_means_of_many_float32_rows_are_exact_enough():
    rows = np.full((100_000, 3), [0.1, 1e4, 0], np.float32)
    # Added up one after the other in float32, they would be a thousandth off.
    np.testing.assert_allclose(column_means(rows), rows[0], rtol=1e-5)


def test_flattening_takes_out_mean_and_brightness():
    rng = np.random.default_rng(0)
    mean = rng.uniform(0.1, 5, 50)
    spectra = np.outer([1.0, 3.0, 0.2], mean).astype(np.float32)
    np.testing.assert_allclose(flattened(spectra, mean), 1, rtol=1e-5)


def test_frequencies_that_may_be_rounding_take_no_part():
    mean = np.array([2.0, 1e-3, 3e-3])
    spectra = np.array([[2.0, 5e-4, 3e-3], [2.0, 2e-3, 3e-3]], np.float32)
    flat = flattened(spectra, noise_levels(mean, "sqrt"))
    np.testing.assert_allclose(flat[0], flat[1])
    assert flat[0].tolist()[1] == 0
    assert np.isfinite(noise_levels(mean, "amplitude")).all()  # there, as weak ones are true
    assert np.isfinite(1 / noise_levels(np.zeros(3), "sqrt")).all()  # of blank windows


def test_whitening_makes_unit_covariance():
    covariance = np.array([[4.0, 1.0], [1.0, 2.0]])
    turned = whitening(covariance)
    np.testing.assert_allclose(turned.T @ covariance @ turned, np.eye(2), atol=1e-12)
