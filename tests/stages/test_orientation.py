"""How far windows are turned, against lattices that bend by known angles."""

from __future__ import annotations

import numpy as np
import pytest

from fftscape.compute.half_plane import to_full_plane
from fftscape.model.records import LocalSpectra
from fftscape.model.settings import SpectraSettings
from fftscape.stages.orientation import orientation_map
from fftscape.stages.spectra import local_spectra
from fftscape.stages.windows import window_grid
from fftscape.synthetic.textures import Texture, render_texture

DEFAULT = SpectraSettings()
SHAPE, PIXEL, WINDOW, STEP = (420, 330), (1.0, 1.4), (64, 48), (24, 20)


def bent(total: float, dose: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return a lattice that bends by `total` degrees from top to bottom, and its rotation at each pixel."""
    up = (SHAPE[0] / 2 - np.arange(SHAPE[0]))[:, None] * PIXEL[0]
    right = (np.arange(SHAPE[1]) - SHAPE[1] / 2) * PIXEL[1]
    place = right + 1j * up
    bend = np.radians(total) / (SHAPE[0] * PIXEL[0])
    # A conformal map turns without shearing: by minus the argument of its derivative, counter-clockwise.
    phase = (place + bend * place**2 / 2) * np.exp(-1j * np.radians(17))
    data = 1.5 + np.cos(2 * np.pi * phase.real / 8) + 0.7 * np.cos(2 * np.pi * phase.imag / 11)
    if dose is not None:
        data = np.random.default_rng(4).poisson(np.maximum(data, 0) / data.mean() * dose).astype(float)
    return data, -np.degrees(np.angle(1 + bend * place))


def spectra_of(data: np.ndarray, settings: SpectraSettings = DEFAULT) -> LocalSpectra:
    return local_spectra(data, window_grid(np.ones(data.shape, bool), WINDOW, STEP), settings)


def references(spectra: LocalSpectra, owner: np.ndarray) -> np.ndarray:
    means = [spectra.values[owner == k].mean(axis=0) for k in range(owner.max() + 1)]
    return to_full_plane(np.array(means), WINDOW)


@pytest.mark.parametrize("scaling", ["sqrt", "amplitude", "log"])
@pytest.mark.parametrize(("total", "dose", "tolerance"), [(6, None, 0.1), (20, None, 0.2), (6, 20, 0.4)])
def test_a_bent_crystal_shows_its_rotation(scaling, total, dose, tolerance):
    data, rotation = bent(total, dose)
    spectra = spectra_of(data, SpectraSettings(scaling=scaling))
    owner = np.zeros(len(spectra.values), int)
    found = orientation_map(spectra, references(spectra, owner), owner, PIXEL)
    rows, columns = (np.rint(c).astype(int) for c in (spectra.grid.centres_y, spectra.grid.centres_x))
    error = found.angle - rotation[np.ix_(rows, columns)].ravel()
    error -= np.median(error)
    # The logarithm of spectra of unit norm cannot be undone.
    assert np.quantile(np.abs(error), 0.95) < tolerance * (2 if scaling == "log" else 1)
    assert np.mean(np.abs(error) < 2 * found.uncertainty) > 0.9
    assert found.period.tolist() == [180]
    assert np.ptp(found.angle) > 0.7 * total


def test_each_component_has_its_own_reference():
    data, _ = bent(0)
    data = np.concatenate([data, data[::-1]], axis=1)
    spectra = spectra_of(data)
    owner = np.tile((spectra.grid.centres_x > SHAPE[1]).astype(int), spectra.grid.shape[0])
    straddling = np.tile(np.abs(spectra.grid.centres_x - SHAPE[1]) < 30, spectra.grid.shape[0])
    owner[straddling] = -1
    found = orientation_map(spectra, references(spectra, owner), owner, PIXEL)
    assert np.isnan(found.angle[straddling]).all()
    assert np.abs(found.angle[~straddling]).max() < 0.05


def test_a_random_texture_has_no_orientation():
    rng = np.random.default_rng(0)
    spectra = spectra_of(render_texture(Texture(8, 0.3), (500, 500), rng))
    owner = np.zeros(len(spectra.values), int)
    found = orientation_map(spectra, references(spectra, owner), owner, (1.0, 1.0))
    assert np.isnan(found.angle).all()
    assert np.isnan(found.period).all()


def test_a_constant_has_no_orientation():
    spectra = spectra_of(np.zeros((200, 200)))
    owner = np.zeros(len(spectra.values), int)
    assert np.isnan(orientation_map(spectra, references(spectra, owner), owner, PIXEL).angle).all()
