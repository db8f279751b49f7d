"""What is computed of spectra block by block."""

import numpy as np
import pytest

from fftscape.compute.blocks import products
from fftscape.model.settings import SpectraSettings
from fftscape.stages.spectra import local_spectra
from fftscape.stages.windows import survey_grid


@pytest.mark.parametrize("count", [1, 4, 5, 7, 8, 9])
def test_products_are_those_of_all_spectra(count):
    random = np.random.default_rng(0)
    pixels = random.normal(size=(150, 110))
    spectra = local_spectra(pixels, survey_grid(np.isfinite(pixels), (24, 20)), SpectraSettings())
    matrix = random.normal(size=(spectra.shape[1], count))
    found = products(spectra, matrix)
    assert found.shape == (len(spectra.values), count)
    np.testing.assert_allclose(found, spectra.values @ matrix, atol=1e-5)
