"""HyperSpy itself opens what was written by hand and gives the right numbers back."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fftscape.files.exchange import to_hyperspy
from fftscape.files.hspy import write_hspy
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.image import Image

hyperspy = pytest.importorskip("hyperspy.api")

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def path(made_record: AnalysisRecord, tmp_path: Path) -> Path:
    path = tmp_path / "result.hspy"
    write_hspy(made_record, path)
    return path


def model_of(record: AnalysisRecord) -> np.ndarray:
    return np.einsum("cyx,cvu->yxvu", record.loadings, record.factors)


@pytest.mark.parametrize("source", ["file", "lazy file", "object"])
def test_loadings_factors_and_model(made_record: AnalysisRecord, path: Path, source: str) -> None:
    signal = to_hyperspy(made_record) if source == "object" else hyperspy.load(path, lazy=source == "lazy file")
    loadings, factors = signal.get_decomposition_loadings(), signal.get_decomposition_factors()
    np.testing.assert_array_equal(np.asarray(loadings.data), made_record.loadings)
    np.testing.assert_array_equal(np.asarray(factors.data), made_record.factors)
    np.testing.assert_allclose(np.asarray(signal.get_decomposition_model().data), model_of(made_record), rtol=1e-6)
    one = np.asarray(signal.get_decomposition_model([1]).data)
    np.testing.assert_allclose(one[4, 6], made_record.loadings[1, 4, 6] * made_record.factors[1], rtol=1e-6)


def test_axes_are_calibrated(made_record: AnalysisRecord, path: Path) -> None:
    signal = hyperspy.load(path)
    assert type(signal).__name__ == "Signal2D"
    x, y = signal.axes_manager.navigation_axes
    assert (x.name, y.name, x.units, y.units) == ("x", "y", "nm", "nm")
    # The last window is shifted inwards along both axes (origins 58 and 107), so the axes are not uniform.
    np.testing.assert_allclose(y.axis, (np.array([0, 16, 32, 48, 58]) + 15.5) * 0.02)
    np.testing.assert_allclose(x.axis, (np.array([0, 20, 40, 60, 80, 100, 107]) + 11.5) * 0.025)
    u, v = signal.axes_manager.signal_axes
    assert (u.name, v.name, u.units, v.units) == ("frequency_x", "frequency_y", "1/nm", "1/nm")
    np.testing.assert_allclose([u.offset, u.scale, u.size], [-12 / (24 * 0.025), 1 / (24 * 0.025), 24])
    np.testing.assert_allclose([v.offset, v.scale, v.size], [-16 / (32 * 0.02), 1 / (32 * 0.02), 32])
    factors = signal.get_decomposition_factors()
    # Values, not indices, on HyperSpy's side: the spot of component 0 lies at (-6.25, 5) cycles per nm.
    assert float(factors.inav[0].isig[5.0, -6.25].data.item()) == made_record.factors[0].max()


def test_a_grid_that_fits_gives_uniform_axes(made_record: AnalysisRecord, tmp_path: Path) -> None:
    grid = dataclasses.replace(
        made_record.grid, origins_y=np.array([0, 16, 32]), origins_x=np.array([0]), valid=np.ones((3, 1), bool)
    )
    record = dataclasses.replace(made_record, grid=grid, loadings=np.ones((2, 3, 1), np.float32))
    write_hspy(record, tmp_path / "uniform.hspy")
    signal = hyperspy.load(tmp_path / "uniform.hspy")
    x, y = signal.axes_manager.navigation_axes
    np.testing.assert_allclose([y.offset, y.scale, y.size], [15.5 * 0.02, 16 * 0.02, 3])
    np.testing.assert_allclose([x.offset, x.size], [11.5 * 0.025, 1])
    assert signal.get_decomposition_loadings().data.shape == (2, 3, 1)
    assert signal.learning_results.navigation_mask is None


def test_an_image_without_calibration_is_in_pixels(made_record: AnalysisRecord, tmp_path: Path) -> None:
    record = dataclasses.replace(made_record, image=Image(made_record.image.data))
    write_hspy(record, tmp_path / "pixels.hspy")
    axes = hyperspy.load(tmp_path / "pixels.hspy").axes_manager
    assert [axis.units for axis in (*axes.navigation_axes, *axes.signal_axes)] == ["px", "px", "1/px", "1/px"]
    np.testing.assert_allclose(axes.signal_axes[0].scale, 1 / 24)


def test_windows_without_data_are_masked(made_record: AnalysisRecord, path: Path) -> None:
    results = hyperspy.load(path).learning_results
    np.testing.assert_array_equal(results.navigation_mask, ~made_record.grid.valid)
    assert np.isnan(results.loadings[0]).all()  # row-major: the window at (0, 0)
    np.testing.assert_array_equal(results.loadings[2], made_record.loadings[:, 0, 2])


def test_scree_and_what_people_read(made_record: AnalysisRecord, path: Path) -> None:
    signal = hyperspy.load(path)
    scree = signal.get_explained_variance_ratio()
    np.testing.assert_array_equal(scree.data, made_record.scree.explained_variance_ratio)
    assert signal.learning_results.output_dimension == 2
    assert signal.metadata.General.title == "local spectra of made <&> up"
    assert "not stored" in signal.metadata.General.notes
    about = signal.original_metadata.fftscape
    assert about.provenance.fftscape == "0.1.0"
    assert about.settings.windows.size == "32, 24"
    assert about.notes == made_record.notes[0]


def test_hyperspy_saves_it_again(made_record: AnalysisRecord, path: Path, tmp_path: Path) -> None:
    hyperspy.load(path).save(tmp_path / "again.hspy", overwrite=True)
    again = hyperspy.load(tmp_path / "again.hspy")
    np.testing.assert_array_equal(again.get_decomposition_loadings().data, made_record.loadings)


def test_the_spectra_take_no_room(made_record: AnalysisRecord, tmp_path: Path) -> None:
    origins = np.arange(200) * 16
    grid = dataclasses.replace(made_record.grid, origins_y=origins, origins_x=origins, valid=np.ones((200, 200), bool))
    rng = np.random.default_rng(0)
    record = dataclasses.replace(made_record, grid=grid, loadings=rng.random((2, 200, 200), np.float32))
    write_hspy(record, tmp_path / "large.hspy")
    with h5py.File(tmp_path / "large.hspy") as file:
        data = file["Experiments/local spectra/data"]
        assert data.shape == (200, 200, 32, 24)
        assert data.id.get_storage_size() == 0
        assert not data[7, 8].any()
    assert (tmp_path / "large.hspy").stat().st_size < record.loadings.nbytes + 60_000


def test_equal_records_give_equal_bytes(made_record: AnalysisRecord, path: Path, tmp_path: Path) -> None:
    time.sleep(1.1)  # HDF5's time stamps count seconds
    write_hspy(made_record, tmp_path / "again.hspy")
    assert (tmp_path / "again.hspy").read_bytes() == path.read_bytes()


def test_bytes_do_not_depend_on_when_data_sets_are_closed(
    made_record: AnalysisRecord, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """h5py puts closing off where another thread is at work in it."""
    kept, original = [], h5py.Group.create_dataset

    def keeping(self: h5py.Group, *args: Any, **options: Any) -> h5py.Dataset:
        kept.append(original(self, *args, **options))
        return kept[-1]

    monkeypatch.setattr(h5py.Group, "create_dataset", keeping)
    write_hspy(made_record, tmp_path / "kept.hspy")
    assert kept
    assert (tmp_path / "kept.hspy").read_bytes() == path.read_bytes()
