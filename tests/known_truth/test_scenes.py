"""One scene of kinds that fail in ways of their own; all kinds and many seeds are in ``benchmarks/truth``."""

import numpy as np
import pytest

import fftscape as fs
from fftscape.synthetic import SCENE_KINDS

SEED = 4
# The least share of pixels in the right region, with the windows a microscopist would choose.
KINDS = {
    "crystal grains": 0.98,
    "island on support": 0.98,
    "texture mosaic": 0.97,
    "cells": 0.93,
    "small inclusion, uneven light": 0.98,
    "STM row domains": 0.98,
    "bent lattice, uneven light": 1,
    "two brightnesses": 1,
    "null: coloured noise": 1,
    "null: scan-line noise": 1,
}


@pytest.mark.parametrize("kind", KINDS)
def test_number_and_regions(kind):
    scene = SCENE_KINDS[kind](SEED)
    analysis = fs.analyze(scene.image, window=scene.window)
    assert analysis.n_components == scene.n_components, analysis.scree.reason
    # Regions are matched to the truth by what they mostly hold.
    right = sum(np.bincount(scene.labels[analysis.labels == k]).max() for k in range(analysis.n_components))
    assert right / scene.labels.size >= KINDS[kind]


# Making a scene takes up to a second; every tenth kind is made with each run of the tests.
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if place % 10 == 0 else pytest.mark.long) for place, kind in enumerate(SCENE_KINDS)],
)
def test_every_kind_makes_another_scene_from_another_seed(kind):
    make = SCENE_KINDS[kind]
    one, same, other = make(1), make(1), make(2)
    assert one.image.data.tobytes() == same.image.data.tobytes()
    assert one.image.data.shape != other.image.data.shape or not np.array_equal(one.image.data, other.image.data)
    assert one.labels.shape == one.image.shape
    assert set(np.unique(one.labels)) == set(range(one.n_components))
