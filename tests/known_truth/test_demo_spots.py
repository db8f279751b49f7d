"""Spots of structures that share planes and lie close together in frequency are not displaced."""

import numpy as np
import pytest

import fftscape as fs
from fftscape.synthetic import demo_scene


@pytest.mark.parametrize("seed", [0, 1])
def test_strong_spots_are_right_to_half_a_percent(seed):
    scene = demo_scene(seed)
    analysis = fs.analyze(scene.image)
    for region, lattice in enumerate(scene.lattices):
        component = np.bincount(analysis.labels[scene.labels == region]).argmax()
        peaks = analysis.peaks.of(component)
        strong = lattice.spots(0.2)[:3]
        for d_spacing, angle, _ in strong:
            off = np.abs((peaks.angle - angle + 90) % 180 - 90)
            nearest = np.argmin(np.abs(peaks.d_spacing / d_spacing - 1) + off / 90)
            assert peaks.d_spacing[nearest] == pytest.approx(d_spacing, rel=0.005)
            assert off[nearest] < 0.5
