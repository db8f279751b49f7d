"""Tapers against SciPy."""

import numpy as np
import pytest

from fftscape.compute.tapers import taper


@pytest.mark.parametrize("kind", ["hann", "hamming"])
def test_tapers_are_symmetric_and_those_of_scipy(kind):
    from scipy.signal import windows

    one = taper((33, 20), kind)
    np.testing.assert_allclose(one, one[::-1, ::-1], atol=1e-12)
    # Sampled half a step later, the spectrum's modulus is that of the periodic form.
    expected = np.abs(np.fft.fft(windows.get_window(kind, 20)))
    np.testing.assert_allclose(np.abs(np.fft.fft(one[0])) / one[0].sum() * expected[0], expected, atol=1e-9)
