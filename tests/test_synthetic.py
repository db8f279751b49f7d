"""The scenes are what they say: lattices rendered exactly, truth in the right places."""

import numpy as np
import pytest

from fftscape.synthetic import Lattice, crystal_scene, demo_scene, fcc_gold, hcp_gold, render_lattice


def test_rendering_is_the_sum_of_gaussians():
    lattice = Lattice((0.5, 0.7), ((0, 0), (0.3, 0.4)), 25)
    shape, pixel_size, sigma = (40, 61), (0.03, 0.05), 0.09
    y = (shape[0] // 2 - np.arange(shape[0]))[:, None] * pixel_size[0]
    x = (np.arange(shape[1]) - shape[1] // 2)[None, :] * pixel_size[1]
    cos, sin = np.cos(np.radians(25)), np.sin(np.radians(25))
    expected = np.zeros(shape)
    for i in range(-9, 10):
        for j in range(-9, 10):
            for v, u in lattice.columns:
                up, right = (i + v) * 0.5, (j + u) * 0.7
                at_x, at_y = cos * right - sin * up, sin * right + cos * up
                expected += np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * sigma**2))
    np.testing.assert_allclose(render_lattice(lattice, shape, pixel_size, column_sigma=sigma), expected, atol=2e-3)


def test_spots_of_gold():
    fcc, hcp = fcc_gold().spots(0.2), hcp_gold(30).spots(0.2)
    # {111} twice, {200} once; their angle is that of the cubic crystal.
    np.testing.assert_allclose(fcc[:, 0], [0.2355, 0.2355, 0.2039], rtol=2e-3)
    assert sorted(fcc[:, 1].round().astype(int).tolist()) == [35, 90, 161]
    # (0002), {1-101} twice; (1-100) is weaker.
    np.testing.assert_allclose(hcp[:, 0], [0.2355, 0.2206, 0.2206, 0.2497], rtol=2e-3)
    np.testing.assert_allclose(hcp[0, 1], 120)
    np.testing.assert_allclose(hcp[:, 2], [1, 0.866, 0.866, 0.5], atol=1e-3)


def test_noise_is_poissons_and_seeded():
    labels = np.zeros((300, 200), np.int16)
    flat = Lattice((0.01, 0.01), ((0, 0),))  # far below a pixel: a constant
    one, two, other = (
        crystal_scene((flat,), labels, pixel_size=(0.02, 0.03), dose=8, seed=s).image.data for s in (3, 3, 4)
    )
    assert one.mean() == pytest.approx(8, rel=0.01)
    assert one.var() == pytest.approx(8, rel=0.03)
    assert (one == two).all()
    assert (one != other).any()


def test_demo_truth():
    scene = demo_scene()
    assert scene.area_fractions.sum() == pytest.approx(1)
    assert scene.labels[240, 100] == 1
    assert scene.labels[700, 100] == 0
    assert scene.labels[700, 1000] == 2
    assert scene.image.pixel_size == (0.02, 0.02)
