"""The Zarr store is one folder for three kinds of program, and gives back every bit."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from fftscape.files.zarr_store import read_zarr, write_zarr
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.errors import UnreadableFileError, UnwritableOutputError
from fftscape.model.image import Image
from fftscape.model.records import Peaks

xarray = pytest.importorskip("xarray")
zarr = pytest.importorskip("zarr")


def assert_same(one: object, other: object) -> None:
    """Assert that two records agree in every field and every bit."""
    assert type(one) is type(other)
    for item in dataclasses.fields(one):  # type: ignore[arg-type]
        left, right = getattr(one, item.name), getattr(other, item.name)
        if dataclasses.is_dataclass(left):
            assert_same(left, right)
        elif isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, item.name
            assert left.shape == right.shape, item.name
            assert left.tobytes() == right.tobytes(), item.name
        else:
            assert left == right, item.name
            assert type(left) is type(right), item.name


@pytest.fixture
def store(made_record: AnalysisRecord, tmp_path: Path) -> Path:
    path = tmp_path / "result.zarr"
    write_zarr(made_record, path)
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def bare(record: AnalysisRecord) -> AnalysisRecord:
    """The same record without calibration, null reference and spots, from an integer image."""
    data = np.nan_to_num(record.image.data).astype(np.uint16)
    none = np.empty(0)
    return dataclasses.replace(
        record,
        image=Image(data, name="bare"),
        scree=dataclasses.replace(record.scree, null_variance=None, threshold=None, rule="user"),
        peaks=Peaks(np.empty(0, np.int64), none, none, none, none, none, none, none, none),
        notes=(),
    )


def test_round_trip_keeps_every_bit(made_record: AnalysisRecord, store: Path) -> None:
    assert_same(made_record, read_zarr(store))


def test_round_trip_without_calibration_spots_and_null(made_record: AnalysisRecord, tmp_path: Path) -> None:
    record = bare(made_record)
    write_zarr(record, tmp_path / "bare.zarr")
    again = read_zarr(tmp_path / "bare.zarr")
    assert_same(record, again)
    assert again.image.data.dtype == np.uint16
    assert not again.image.is_calibrated


@pytest.mark.parametrize("kind", [">u2", ">f4", "bool", "float16", "int8", "longdouble"])
def test_any_real_dtype_keeps_its_values(made_record: AnalysisRecord, tmp_path: Path, kind: str) -> None:
    data = (np.nan_to_num(made_record.image.data) > 100).astype(kind)
    record = dataclasses.replace(made_record, image=dataclasses.replace(made_record.image, data=data))
    write_zarr(record, tmp_path / "kind.zarr")
    again = read_zarr(tmp_path / "kind.zarr").image.data
    np.testing.assert_array_equal(again, data)
    assert again.dtype.kind == data.dtype.kind


def test_metadata_that_json_cannot_hold(made_record: AnalysisRecord, tmp_path: Path) -> None:
    metadata = {"gain": np.float32(0.5), "bias": float("nan"), "raw": b"\xff1", "name": "caf\udce9", "size": (2, 3)}
    record = dataclasses.replace(made_record, image=dataclasses.replace(made_record.image, metadata=metadata))
    write_zarr(record, tmp_path / "meta.zarr")
    json.loads((tmp_path / "meta.zarr" / "zarr.json").read_bytes(), parse_constant=pytest.fail)
    assert read_zarr(tmp_path / "meta.zarr").image.metadata == {
        "gain": 0.5, "bias": "nan", "raw": "\\xff1", "name": "caf\\udce9", "size": [2, 3],
    }  # fmt: skip


def test_reconstruction_error_may_be_nan(made_record: AnalysisRecord, tmp_path: Path) -> None:
    write_zarr(dataclasses.replace(made_record, reconstruction_error=float("nan")), tmp_path / "nan.zarr")
    assert np.isnan(read_zarr(tmp_path / "nan.zarr").reconstruction_error)


def test_equal_records_give_equal_bytes(made_record: AnalysisRecord, store: Path, tmp_path: Path) -> None:
    write_zarr(made_record, tmp_path / "again.zarr")
    assert content(store) == content(tmp_path / "again.zarr")


def test_xarray_opens_it_without_a_warning(made_record: AnalysisRecord, store: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("error", FutureWarning)
        data = xarray.open_zarr(store, chunks=None).load()
    np.testing.assert_array_equal(data.loadings, made_record.loadings)
    assert data.loadings.dims == ("component", "window_y", "window_x")
    assert data.factors.dims == ("component", "frequency_y", "frequency_x")
    np.testing.assert_array_equal(data.segmentation, made_record.labels)
    assert data.segmentation.dtype == np.int16
    assert int(data.segmentation[0, 0]) == -1
    assert data.valid.dtype == bool
    assert not bool(data.valid[0, 0])
    # Centres of the windows: rows 0..31 and the last 58..89 of 0.02 nm, columns 0..23 and 107..130 of 0.025 nm.
    np.testing.assert_allclose(data.window_y[[0, -1]], [15.5 * 0.02, 73.5 * 0.02])
    np.testing.assert_allclose(data.window_x[[0, -1]], [11.5 * 0.025, 118.5 * 0.025])
    np.testing.assert_allclose(data.y[[0, -1]], [0, 89 * 0.02])
    np.testing.assert_allclose(data.x[[0, -1]], [0, 130 * 0.025])
    assert data.x.units == data.window_x.units == data.peak_d_spacing.units == "nm"
    assert data.frequency_x.units == "1/nm"


def test_xarray_finds_the_spot_at_its_frequency(store: Path) -> None:
    factors = xarray.open_zarr(store, chunks=None).factors
    # The spot is 4 rows above and 3 columns right of the centre of a 32 x 24 window.
    spot = factors.sel(component=0, frequency_y=-4 / (32 * 0.02), frequency_x=3 / (24 * 0.025), method="nearest")
    assert float(spot) == float(factors.sel(component=0).max())
    assert float(factors.frequency_y[16]) == 0 == float(factors.frequency_x[12])


def test_ome_metadata(made_record: AnalysisRecord, store: Path) -> None:
    group = zarr.open_group(str(store), mode="r")
    ome = group.attrs["ome"]
    assert ome["version"] == "0.5"
    image, loadings = ome["multiscales"]
    assert image["axes"] == [
        {"name": "y", "type": "space", "unit": "nanometer"},
        {"name": "x", "type": "space", "unit": "nanometer"},
    ]
    assert image["datasets"] == [
        {"path": "image", "coordinateTransformations": [{"type": "scale", "scale": [0.02, 0.025]}]}
    ]
    scale, translation = loadings["datasets"][0]["coordinateTransformations"]
    np.testing.assert_allclose(scale["scale"], [1, 16 * 0.02, 20 * 0.025])
    np.testing.assert_allclose(translation["translation"], [0, 15.5 * 0.02, 11.5 * 0.025])
    assert loadings["axes"][0] == {"name": "component", "type": "channel"}
    for multiscale in ome["multiscales"]:
        array = group[multiscale["datasets"][0]["path"]]
        assert list(array.metadata.dimension_names) == [axis["name"] for axis in multiscale["axes"]]


def test_ome_labels_overlay_the_image(made_record: AnalysisRecord, store: Path) -> None:
    group = zarr.open_group(str(store), mode="r")
    assert group["labels"].attrs["ome"] == {"version": "0.5", "labels": ["components"]}
    ome = group["labels/components"].attrs["ome"]
    assert ome["image-label"] == {"source": {"image": "../../"}}
    assert ome["multiscales"][0]["datasets"] == [
        {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.02, 0.025]}]}
    ]
    array = group["labels/components/0"]
    assert array.dtype == np.uint16
    np.testing.assert_array_equal(array[...], made_record.labels + 1)


def test_consolidated_metadata_is_that_of_the_arrays(store: Path) -> None:
    repeated = json.loads((store / "zarr.json").read_bytes())["consolidated_metadata"]["metadata"]
    assert repeated == {
        path.parent.relative_to(store).as_posix(): json.loads(path.read_bytes())
        for path in store.rglob("zarr.json")
        if path.parent != store
    }


def test_ome_metadata_without_calibration_has_no_unit(made_record: AnalysisRecord, tmp_path: Path) -> None:
    write_zarr(bare(made_record), tmp_path / "bare.zarr")
    image = zarr.open_group(str(tmp_path / "bare.zarr"), mode="r").attrs["ome"]["multiscales"][0]
    assert image["axes"][0] == {"name": "y", "type": "space"}
    assert image["datasets"][0]["coordinateTransformations"] == [{"type": "scale", "scale": [1.0, 1.0]}]


def test_large_images_are_cut_into_chunks(made_record: AnalysisRecord, tmp_path: Path) -> None:
    data = np.zeros((1030, 2050), np.uint8)
    write_zarr(dataclasses.replace(made_record, image=Image(data)), tmp_path / "large.zarr")
    array = zarr.open_group(str(tmp_path / "large.zarr"), mode="r")["image"]
    assert array.chunks == (1024, 1024)
    # Empty chunks are there too: one that is missing reads as zeros and nobody would know.
    assert len(list((tmp_path / "large.zarr/image/c").rglob("*"))) == 2 + 6
    (tmp_path / "large.zarr/image/c/1/2").unlink()
    with pytest.raises(UnreadableFileError, match="array 'image' has 5 of its 6 chunks"):
        read_zarr(tmp_path / "large.zarr")


@pytest.mark.parametrize(
    "harm",
    [
        lambda store: (store / "loadings/c/0/0/0").unlink(),
        lambda store: (store / "loadings/zarr.json").unlink(),
        lambda store: (store / "factors/c/0/0/0").write_bytes(b"no chunk"),
        lambda store: (store / "image/c/0/0").write_bytes((store / "image/c/0/0").read_bytes()[:-9]),
        lambda store: shutil.rmtree(store / "peak_angle"),
        lambda store: (store / "zarr.json").write_text("{"),
        lambda store: (store / "zarr.json").unlink(),
        lambda store: edit(store, lambda plain: plain.pop("settings")),
        lambda store: edit(store, lambda plain: plain.update(window=[1])),
        lambda store: edit(store, lambda plain: plain["settings"].update(unknown=1)),
    ],
)
def test_a_damaged_store_is_one_sentence(store: Path, harm: object) -> None:
    harm(store)  # type: ignore[operator]
    with pytest.raises(UnreadableFileError) as caught:
        read_zarr(store)
    assert str(store) in str(caught.value)
    assert "\n" not in str(caught.value)


def edit(store: Path, change: object) -> None:
    document = json.loads((store / "zarr.json").read_bytes())
    change(document["attributes"]["fftscape"])  # type: ignore[operator]
    (store / "zarr.json").write_text(json.dumps(document))


def test_a_flipped_bit_in_any_chunk_is_noticed(store: Path) -> None:
    path = store / "residual/c/0/0"
    good = path.read_bytes()
    for index in range(0, len(good), 5):
        path.write_bytes(good[:index] + bytes([good[index] ^ 4]) + good[index + 1 :])
        with pytest.raises(UnreadableFileError):
            read_zarr(store)
    path.write_bytes(good)
    read_zarr(store)


@pytest.mark.skipif(sys.platform != "linux", reason="memory as Linux tells it")
@pytest.mark.parametrize("side", [40_000, 10**7])
def test_a_vast_claim_takes_no_memory(store: Path, side: int) -> None:
    import resource

    path = store / "image" / "zarr.json"
    document = json.loads(path.read_bytes())
    document["shape"] = document["chunk_grid"]["configuration"]["chunk_shape"] = [side, side]
    path.write_text(json.dumps(document))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnreadableFileError, match="is damaged"):
        read_zarr(store)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB; claimed are gigabytes


def test_a_newer_store_says_so(store: Path) -> None:
    edit(store, lambda plain: plain.update(format=2))
    with pytest.raises(UnreadableFileError, match="written by a newer fftscape"):
        read_zarr(store)


def test_a_foreign_store_says_so(tmp_path: Path) -> None:
    zarr.create_group(str(tmp_path / "other.zarr"))
    with pytest.raises(UnreadableFileError, match="is not a store of fftscape results"):
        read_zarr(tmp_path / "other.zarr")


def test_a_chunk_may_not_be_a_link_to_another_file(store: Path, tmp_path: Path) -> None:
    chunk = store / "valid/c/0/0"
    shutil.move(chunk, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", chunk)
    with pytest.raises(UnreadableFileError, match="'valid' has 0 of its 1 chunks"):
        read_zarr(store)


@pytest.mark.parametrize("part", ["valid", "valid/zarr.json", "valid/c", "valid/c/0"])
def test_a_store_reaches_no_other_file(store: Path, tmp_path: Path, part: str) -> None:
    shutil.move(store / part, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", store / part)
    with pytest.raises(UnreadableFileError, match="array 'valid' is a link to another place"):
        read_zarr(store)


def test_chunks_cannot_be_named_outside_the_store(store: Path, tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes((store / "valid/c/0/0").read_bytes())
    document = json.loads((store / "valid/zarr.json").read_bytes())
    document["chunk_key_encoding"] = {"name": "default", "configuration": {"separator": "/../../../"}}
    (store / "valid/zarr.json").write_text(json.dumps(document))
    with pytest.raises(UnreadableFileError, match="is damaged"):
        read_zarr(store)


@pytest.mark.parametrize("codec", ["pickle", "numcodecs.pickle", "numcodecs.json2", "os.system"])
def test_a_codec_that_could_run_code_is_not_loaded(store: Path, codec: str) -> None:
    document = json.loads((store / "valid/zarr.json").read_bytes())
    document["codecs"] = [{"name": codec, "configuration": {}}]
    (store / "valid/zarr.json").write_text(json.dumps(document))
    with pytest.raises(UnreadableFileError, match="is damaged"):
        read_zarr(store)


def test_an_existing_store_is_not_overwritten(made_record: AnalysisRecord, store: Path) -> None:
    before = content(store)
    with pytest.raises(UnwritableOutputError, match="exists"):
        write_zarr(made_record, store)
    assert content(store) == before


def test_orientations_come_back(made_record: AnalysisRecord, tmp_path: Path) -> None:
    angles = np.where(made_record.grid.valid, 12.5, np.nan).astype(np.float32)
    record = dataclasses.replace(
        made_record,
        orientation=angles,
        orientation_uncertainty=angles / 100,
        orientation_period=np.array([90.0, np.nan]),
    )
    write_zarr(record, tmp_path / "turned.zarr")
    assert_same(record, read_zarr(tmp_path / "turned.zarr"))
    dataset = xarray.open_zarr(tmp_path / "turned.zarr", consolidated=False)
    assert dataset.orientation.dims == ("window_y", "window_x")
    assert dataset.orientation.units == "degree"
    assert float(dataset.orientation[4, 6]) == 12.5
