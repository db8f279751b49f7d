"""scikit-learn and NumPy as oracles: the same error, the same components, the same scree."""

import numpy as np
import pytest

from fftscape.model.settings import PRESETS, FactorizationSettings, SpectraSettings
from fftscape.stages.factorization import factorize
from fftscape.stages.rank import compute_scree
from fftscape.stages.spectra import local_spectra
from fftscape.stages.windows import window_grid
from fftscape.synthetic import demo_scene

decomposition = pytest.importorskip("sklearn.decomposition")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


SPECTRA = {
    "default": PRESETS["default"].spectra,
    "amplitude": SpectraSettings(scaling="amplitude"),
    "published": PRESETS["published"].spectra,
}


@pytest.fixture(scope="module", params=list(SPECTRA))
def spectra(request):
    image = demo_scene().image
    grid = window_grid(np.ones(image.shape, bool), (64, 48), (48, 60))
    return local_spectra(image.data, grid, SPECTRA[request.param])


@pytest.fixture(scope="module")
def oracle(spectra):
    """The best of several well-converged runs of scikit-learn."""
    runs = []
    for seed in range(2):
        model = decomposition.NMF(
            3, init="nndsvda" if seed == 0 else "random", random_state=seed, max_iter=600, tol=1e-6
        )
        loadings = model.fit_transform(spectra.values.astype(np.float64))
        runs.append((model.reconstruction_err_ / np.linalg.norm(spectra.values), model.components_, loadings))
    return min(runs, key=lambda run: run[0])


def test_error_is_not_above_scikit_learns(spectra, oracle):
    found = factorize(spectra, 3, FactorizationSettings())
    assert found.reconstruction_error <= oracle[0] * 1.0002


def test_components_are_scikit_learns(spectra, oracle):
    found = factorize(spectra, 3, FactorizationSettings(tolerance=1e-7, max_iter=3000))
    _, components, loadings = oracle
    norms = np.linalg.norm(components, axis=1)
    cosines = found.factors @ (components / norms[:, None]).T
    match = np.argmax(cosines, axis=0)
    assert sorted(match) == [0, 1, 2]
    # Square roots raise the noise floor, which all components share: at the same error it can be shared out in
    # several ways, to the maps' cost more than the factors'. Amplitudes leave little freedom.
    factors_alike, maps_alike = (0.97, 0.8) if spectra.settings.scaling == "sqrt" else (0.998, 0.99)
    assert cosines.max(axis=0).min() > factors_alike
    for k in range(3):
        assert np.corrcoef(found.loadings[:, match[k]], loadings[:, k])[0, 1] > maps_alike


def test_published_scree_is_that_of_numpys_svd(spectra):
    scree = compute_scree(spectra, None, PRESETS["published"].rank)
    singular = np.linalg.svd(spectra.values.astype(np.float64), compute_uv=False)
    ratio = singular**2 / np.sum(singular**2)
    np.testing.assert_allclose(scree.explained_variance_ratio, ratio[:30], rtol=1e-3)
