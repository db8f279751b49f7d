"""Spots of structures that share planes and lie close together in frequency are not displaced."""

import numpy as np
import pytest

import fftscape as fs
from fftscape.synthetic import demo_scene


@pytest.mark.parametrize("window", [64, 80, 96, 128])
def test_uncertainties_know_of_close_neighbours(window):
    """Smaller windows do not resolve all spots of hcp; what they say must then be less certain, not wrong."""
    scene = demo_scene()
    analysis = fs.analyze(scene.image, window=window, n_components=3)
    scores = []
    for region, lattice in enumerate(scene.lattices):
        component = np.bincount(analysis.labels[(scene.labels == region) & (analysis.labels >= 0)]).argmax()
        peaks = analysis.peaks.of(component)
        for d_spacing, angle, _ in lattice.spots(0.2)[:3]:
            off = (peaks.angle - angle + 90) % 180 - 90
            row = np.argmin(np.abs(peaks.d_spacing / d_spacing - 1) + np.abs(off) / 90)
            scores.append((peaks.d_spacing[row] - d_spacing) / peaks.d_spacing_uncertainty[row])
            scores.append(off[row] / peaks.angle_uncertainty[row])
    assert np.mean(np.abs(scores) < 1) > 0.6
    assert np.abs(scores).max() < 4


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
