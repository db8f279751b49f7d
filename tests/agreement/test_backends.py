"""Other libraries of arrays give what NumPy gives, but for rounding."""

from __future__ import annotations

import numpy as np
import pytest

import fftscape as fs
from fftscape.compute.backend import Block, device
from fftscape.model.errors import BackendUnavailableError, InvalidSettingError
from fftscape.model.settings import SpectraSettings
from fftscape.stages.spectra import local_spectra, spectra_within
from fftscape.stages.windows import window_grid

TORCH = "torch"


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:61, :83]
    image = 500 + 30 * np.sin(2 * np.pi * (x / 7 + y / 11)) + x + rng.normal(0, 5, (61, 83))
    image[:20, :25] = 400  # windows without contrast
    image[55, 70] = np.nan
    return image


@pytest.mark.parametrize("size", [(32, 24), (15, 22), (9, 7)])
@pytest.mark.parametrize(
    "settings",
    [
        SpectraSettings(),
        SpectraSettings(taper="hamming", scaling="log"),
        SpectraSettings(taper="none", scaling="amplitude", unit_norm=False),
        SpectraSettings(taper="none", scaling="amplitude", unit_norm=False, remove_mean=False),
    ],
    ids=str,
)
def test_spectra(torch, data, size, settings):
    grid = window_grid(np.isfinite(data), size, (7, 9))
    held = local_spectra(data, grid, settings).values
    there = spectra_within(2**40, data, grid, settings, backend=TORCH)
    for chosen in (slice(None), slice(3, 9), np.array([0, 5, 11]), slice(4, 4)):
        np.testing.assert_allclose(there.rows(chosen), held[chosen], atol=2e-5 * held.max())
    if settings.remove_mean:
        assert (there.rows(slice(None)).any(axis=1) == held.any(axis=1)).all()


def test_what_is_computed_of_a_block(torch):
    rng = np.random.default_rng(0)
    values, weights, factors = rng.random((31, 47)), rng.random((31, 3)), rng.random((3, 47))
    here = Block(values.astype(np.float32))
    there = Block(device(TORCH).put(values), device(TORCH))
    for block in (here, there):
        np.testing.assert_allclose(block.times(factors.T), values @ factors.T, rtol=1e-5)
        np.testing.assert_allclose(block.sums(weights), weights.T @ values, rtol=1e-5)
        np.testing.assert_allclose(block.energies(), (values**2).sum(axis=1), rtol=1e-5)
        some = np.array([1, 4, 30])
        expected = ((values - weights @ factors) ** 2).sum(axis=1)[some]
        np.testing.assert_allclose(block.left(some, weights[some], factors), expected, rtol=1e-4)


def test_an_analysis(torch):
    scene = fs.synthetic.SCENE_KINDS["crystal grains"](3)
    here = fs.analyze(scene.image, window=64, step=24)
    there = fs.analyze(scene.image, window=64, step=24, backend=TORCH)
    assert there.n_components == here.n_components
    np.testing.assert_allclose(there.loadings, here.loadings, atol=1e-3)
    np.testing.assert_allclose(there.factors, here.factors, atol=1e-4)
    np.testing.assert_allclose(there.residual, here.residual, atol=1e-4)
    assert (there.labels != here.labels).mean() < 1e-3
    assert there.reconstruction_error == pytest.approx(here.reconstruction_error, rel=1e-5)
    assert there.provenance["backend"].startswith("torch ")
    assert "backend" not in here.provenance


def test_an_unknown_backend_is_refused():
    with pytest.raises(InvalidSettingError, match="backend must be one of numpy, torch, cupy, not 'jax'"):
        fs.analyze(np.eye(80), window=32, step=8, backend="jax")


def test_a_missing_library_is_named():
    try:
        import cupy  # noqa: F401
    except ImportError:
        with pytest.raises(BackendUnavailableError, match="the backend 'cupy' needs a library that is not installed"):
            fs.analyze(np.eye(80), window=32, step=8, backend="cupy")
    else:
        pytest.skip("CuPy is installed")
