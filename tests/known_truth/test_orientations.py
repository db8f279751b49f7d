"""Grains of one lattice, analysed whole: named as one structure turned, or joined with a map of orientations."""

from __future__ import annotations

import numpy as np
import pytest

import fftscape as fs
from fftscape.model.settings import Settings, merged
from fftscape.synthetic import Lattice, render_lattice

PIXEL = (0.02, 0.026)
TURN = 33.0


@pytest.fixture(scope="module")
def grains() -> fs.Image:
    """The left five eighths of the image are one grain, the rest another, turned counter-clockwise."""
    shape = (360, 420)
    left, right = (
        0.4 + render_lattice(Lattice((0.26, 0.2), ((0.0, 0.0),), angle), shape, PIXEL, column_sigma=0.04)
        for angle in (20, 20 + TURN)
    )
    object_ = np.where(np.arange(420) < 262, left, right)
    data = np.random.default_rng(1).poisson(object_ / object_.mean() * 60).astype(np.float32)
    return fs.Image(data, pixel_size=PIXEL, unit="nm")


def test_turned_grains_are_named(grains: fs.Image):
    analysis = fs.analyze(grains, window=(80, 64), step=(20, 16))
    assert analysis.n_components == 2
    (note,) = [note for note in analysis.notes if "same structure" in note]
    assert note.startswith("Components 1 and 2 are the same structure turned counter-clockwise by 3")
    assert analysis.orientation is None


def test_turned_grains_are_one(grains: fs.Image):
    tolerant = merged(Settings(), {"rotation": {"tolerant": True}})
    analysis = fs.analyze(grains, window=(80, 64), step=(20, 16), settings=tolerant)
    assert analysis.n_components == 1
    assert "2 components are 1 structure in 2 orientations." in analysis.scree.reason
    assert analysis.area_fractions.tolist() == pytest.approx([1.0])
    assert analysis.area_uncertainties.tolist() == [0]
    assert set(np.unique(analysis.labels)) == {0}
    angles = analysis.orientation
    assert angles.shape == analysis.residual.shape
    centres = analysis.grid.centres_x
    assert np.median(angles[:, centres < 220]) == pytest.approx(0, abs=0.1)
    assert np.median(angles[:, centres > 300]) == pytest.approx(TURN, abs=0.2)
    assert np.nanmax(np.abs(angles[:, centres < 220])) < 1
    assert analysis.orientation_period.tolist() == [180]
    with pytest.raises(fs.FftscapeError, match="rotation-tolerant"):
        analysis.transform(grains)
