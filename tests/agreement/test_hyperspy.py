"""HyperSpy as oracle: the published preset's scree plot and elbow are those its users get."""

import numpy as np
import pytest

from fftscape.compute.half_plane import to_full_plane
from fftscape.model.settings import PRESETS
from fftscape.stages.rank import compute_scree
from fftscape.stages.spectra import local_spectra
from fftscape.stages.windows import window_grid
from fftscape.synthetic import demo_scene

hs = pytest.importorskip("hyperspy.api", reason="HyperSpy is an optional extra")


def test_scree_and_elbow_of_the_published_preset():
    image = demo_scene().image
    preset = PRESETS["published"]
    grid = window_grid(np.ones(image.shape, bool), (32, 24), (32, 24))
    spectra = local_spectra(image.data, grid, preset.spectra)
    stack = to_full_plane(spectra.values, grid.size).reshape(*grid.shape, *grid.size)
    signal = hs.signals.Signal2D(stack.astype(np.float64))
    signal.decomposition(algorithm="SVD", print_info=False)
    scree = compute_scree(spectra, None, preset.rank)
    expected = signal.learning_results.explained_variance_ratio[:30]
    np.testing.assert_allclose(scree.explained_variance_ratio, expected, rtol=2e-3)
    assert scree.n_components == signal.estimate_elbow_position() + 1
