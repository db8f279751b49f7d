"""One structure under other light, and what is none."""

import numpy as np
import pytest
from scipy.optimize import nnls

from fftscape.compute.brightness import _numbered, _pairs_of_weights, same_but_brightness
from fftscape.compute.half_plane import half_plane_weights

SIZE = (24, 32)


def spectrum(spots, noise, signal=1.0, background=0.0):
    """Square roots of amplitudes of one window of unlike sides, half plane."""
    power = np.full((SIZE[0], SIZE[1] // 2 + 1), float(noise) + background)
    for y, x in spots:
        power[y, x] += 400 * signal
    return ((power**0.25) * half_plane_weights(SIZE)).ravel()[None].astype(np.float32)


def embed(spectra):
    flat = spectra / spectra.mean(axis=1, keepdims=True)
    return flat[:, :] * 10


ONE, OTHER = [(5, 3), (18, 7)], [(5, 3), (9, 10)]


@pytest.mark.parametrize(
    ("regions", "numbers"),
    [
        ([spectrum(ONE, 1), spectrum(ONE, 1, 0.2)], [0, 0]),  # the same, dimmer against the noise
        ([spectrum(ONE, 1), 9 * spectrum(ONE, 1, 0.2)], [0, 0]),  # and at another gain
        ([spectrum(ONE, 1), spectrum(OTHER, 1)], [0, 1]),  # one spot elsewhere
        ([spectrum(ONE, 1), spectrum([], 1)], [0, 1]),  # a featureless support is no dim crystal
        ([spectrum(ONE, 1), spectrum(ONE + OTHER, 1), spectrum(ONE, 3)], [0, 1, 0]),
    ],
)
def test_only_brightness_joins(regions, numbers):
    assert same_but_brightness(regions, SIZE, embed).tolist() == numbers


def test_what_a_chain_joins_has_one_number():
    same = np.zeros((6, 6), bool)
    for one, other in ((4, 1), (1, 5), (5, 3)):
        same[one, other] = same[other, one] = True
    assert _numbered(same).tolist() == [0, 1, 2, 1, 1, 1]


def test_two_weights_are_those_of_scipys_least_squares():
    random = np.random.default_rng(0)
    columns = random.random((200, 9, 2)) * 10.0 ** random.uniform(-3, 3, (200, 1, 2))
    columns[::7, :, 1] = 2 * columns[::7, :, 0]
    columns[::11, :, 0] = 0
    targets = random.normal(0.3, 1, (200, 9))
    gram, readings = columns.swapaxes(1, 2) @ columns, (targets[:, None] @ columns)[:, 0]
    for weights, own, target in zip(_pairs_of_weights(gram, readings), columns, targets, strict=True):
        best, left = nnls(own, target)
        assert weights.min() >= 0
        assert np.linalg.norm(target - own @ weights) == pytest.approx(left, rel=1e-9)
        if np.linalg.matrix_rank(own) == 2:
            np.testing.assert_allclose(weights, best, atol=1e-9 * best.max())
