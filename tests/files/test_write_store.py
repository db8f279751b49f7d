"""All data files of a result together: written, published, loaded, handed to other libraries."""

from __future__ import annotations

import builtins
import dataclasses
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fftscape.files.exchange import to_hyperspy, to_xarray
from fftscape.files.result_folder import check, publish, read_manifest
from fftscape.files.store import load_record, manifest, write_results
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.errors import BackendUnavailableError, UnreadableFileError

CONTRACT = {
    "result.json", "result.zarr", "result.hspy", "loadings.tif", "factors.tif", "labels.tif", "scree.csv",
    "components.csv", "peaks.csv",
}  # fmt: skip


@pytest.fixture
def result(made_record: AnalysisRecord, tmp_path: Path) -> Path:
    return publish(
        tmp_path / "out",
        "made",
        write=lambda folder: write_results(made_record, folder),
        manifest=manifest(made_record),
    )


def test_the_contract_s_files(result: Path) -> None:
    assert {path.name for path in result.iterdir()} == CONTRACT
    assert check(result) == ()
    inside = {f"result.zarr/{path.relative_to(result / 'result.zarr').as_posix()}"
              for path in (result / "result.zarr").rglob("*") if path.is_file()}  # fmt: skip
    listed = set(read_manifest(result)["files"])
    assert listed == inside | CONTRACT - {"result.json", "result.zarr"}
    assert "result.zarr/image/c/0/0" in listed


def test_the_manifest_says_how_it_was_made(result: Path) -> None:
    found = read_manifest(result)
    assert (found["n_components"], found["rule"]) == (2, "noise-null")
    assert found["reason"] == "Two eigenvalues stand above twice the noise null."
    assert (found["pixel_size"], found["unit"], found["calibration_source"]) == ([0.02, 0.025], "nm", "made: by hand")
    assert (found["window"], found["step"]) == ([32, 24], [16, 20])
    assert found["windows"] == {"shape": [5, 7], "taking_part": 29}
    assert found["seeds"] == {"rank": 0, "factorization": 0}
    assert found["settings"]["rank"]["margin"] == 2.0
    assert found["provenance"]["input_sha256"] == "00" * 32
    assert found["notes"] == ["6 of 35 windows hold pixels without data and take no part."]


def test_equal_records_give_equal_bytes(made_record: AnalysisRecord, result: Path, tmp_path: Path) -> None:
    time.sleep(1.1)
    again = publish(
        tmp_path / "again", "made", write=lambda folder: write_results(made_record, folder),
        manifest=manifest(made_record),
    )  # fmt: skip
    # The manifest holds the hashes of all files.
    assert (again / "result.json").read_bytes() == (result / "result.json").read_bytes()


@pytest.mark.parametrize("inside", ["", "result.zarr"])
def test_load(made_record: AnalysisRecord, result: Path, inside: str) -> None:
    record = load_record(result / inside)
    assert record.loadings.tobytes() == made_record.loadings.tobytes()
    assert record.image.data.tobytes() == made_record.image.data.tobytes()
    assert record.settings == made_record.settings
    assert record.provenance == made_record.provenance


def test_what_cannot_be_loaded(result: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    shutil.copytree(result, result.parent / ".fftscape-staging-left")
    sentences = {
        tmp_path / "none": "does not exist",
        result / "result.json": "is a file; give the result folder",
        tmp_path / "empty": "holds no result.zarr",
        result.parent: f"holds 1 results; give one of them, for example {result}",
    }
    for path, sentence in sentences.items():
        with pytest.raises(UnreadableFileError) as caught:
            load_record(path)
        assert str(path) in str(caught.value)
        assert sentence in str(caught.value)


LIMITED = """
import pickle, resource, sys
from pathlib import Path
from fftscape.files import hspy, imagej, tables, zarr_store
from fftscape.model.errors import UnwritableOutputError
record = pickle.load(open(sys.argv[1], "rb"))
folder = Path(sys.argv[2])
writers = {
    "zarr": lambda: zarr_store.write_zarr(record, folder / "result.zarr"),
    "hspy": lambda: hspy.write_hspy(record, folder / "result.hspy"),
    "imagej": lambda: imagej.write_tiffs(record, folder),
    "tables": lambda: tables.write_tables(record, folder),
}
write = writers[sys.argv[3]]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]),) * 2)
try:
    write()
except UnwritableOutputError as error:
    sys.stdout.write(f"{error}")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file sizes are a POSIX matter")
@pytest.mark.parametrize(
    ("writer", "limit"),
    [("zarr", 20_000), ("zarr", 100), ("hspy", 9_000), ("hspy", 0), ("imagej", 5_000), ("tables", 90)],
)
def test_a_disk_that_fills_up_is_one_sentence(
    made_record: AnalysisRecord, tmp_path: Path, writer: str, limit: int
) -> None:
    import pickle

    (tmp_path / "record").write_bytes(pickle.dumps(made_record))
    (tmp_path / "out").mkdir()
    # -B: byte code written under the limit would be cut short and stay in the environment.
    command = [sys.executable, "-B", "-c", LIMITED, str(tmp_path / "record"), str(tmp_path / "out"), writer, str(limit)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert child.returncode == 0, child.stderr
    assert child.stdout.startswith(f"Cannot write {tmp_path / 'out'}"), child.stderr
    assert "File too large" in child.stdout
    assert child.stdout.count("\n") == 0
    assert child.stderr == ""


def test_xarray(made_record: AnalysisRecord, result: Path) -> None:
    xarray = pytest.importorskip("xarray")
    data = to_xarray(made_record)
    stored = xarray.open_zarr(result / "result.zarr", chunks=None).load()
    assert set(data.variables) == set(stored.variables)
    for name, variable in data.variables.items():
        xarray.testing.assert_identical(variable, stored[name].variable)
    assert data.attrs["n_components"] == 2
    assert data.attrs["window"] == [32, 24]
    assert json.loads(data.attrs["settings"])["rank"]["margin"] == 2.0
    kinds = {type(value) for value in data.attrs.values()}
    assert kinds <= {str, int, float, list}  # what netCDF attributes can hold


def test_xarray_in_physical_coordinates(made_record: AnalysisRecord) -> None:
    pytest.importorskip("xarray")
    data = to_xarray(made_record)
    near = data.loadings.sel(component=1, window_y=1.25, window_x=2.4, method="nearest")
    # Rows 48 + 15.5 and columns 80 + 11.5 lie nearest: window (3, 4).
    assert float(near) == made_record.loadings[1, 3, 4]
    assert int(data.segmentation.sel(y=1.0, x=2.0, method="nearest")) == made_record.labels[50, 80] == 1


@pytest.mark.parametrize(("convert", "library"), [(to_xarray, "xarray"), (to_hyperspy, "hyperspy")])
def test_a_missing_extra(
    made_record: AnalysisRecord, monkeypatch: pytest.MonkeyPatch, convert: object, library: str
) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: object, **kwargs: object) -> object:
        if name.split(".")[0] == library:
            raise ImportError(name)
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(BackendUnavailableError) as caught:
        convert(made_record)  # type: ignore[operator]
    assert str(caught.value) == f"{library} is not installed; install it with: pip install 'fftscape[{library}]'."


def test_names_hostile_to_every_format(made_record: AnalysisRecord, tmp_path: Path) -> None:
    name = "=a/b <&>\"' \u2028 \udce9 Å"
    image = dataclasses.replace(made_record.image, name=name, source=name, calibration_source="tag\0 34118")
    record = dataclasses.replace(made_record, image=image, notes=(name,))
    folder = publish(tmp_path, "odd", write=lambda at: write_results(record, at), manifest=manifest(record))
    assert check(folder) == ()
    assert load_record(folder).image.name == name.replace("\udce9", "\\udce9")


def test_importing_the_writers_is_light() -> None:
    code = (
        "import sys, fftscape.files.store, fftscape.files.exchange, fftscape.files.result_folder\n"
        "heavy = {'zarr', 'h5py', 'tifffile', 'xarray', 'hyperspy', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or None)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (loaded.returncode, loaded.stderr) == (0, "")


def test_a_record_of_the_usual_size_comes_back(made_record: AnalysisRecord, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    image = dataclasses.replace(made_record.image, data=rng.normal(size=(2048, 2048)).astype(np.float32))
    labels = rng.integers(0, 3, (2048, 2048)).astype(np.int16)
    record = dataclasses.replace(
        made_record, image=image, segmentation=dataclasses.replace(made_record.segmentation, labels=labels)
    )
    write_results(record, tmp_path)
    np.testing.assert_array_equal(load_record(tmp_path).labels, labels)
