"""HDF5 dialects, made here, and files that try to reach other files or claim more than they hold."""

import json

import h5py
import numpy as np
import pytest

from fftscape.files.formats import count_frames, list_images, read
from fftscape.model.errors import UnreadableFileError

DATA = np.arange(30 * 41, dtype=np.uint16).reshape(30, 41)


def _velox(path, images, *, eds=False):
    with h5py.File(path, "w") as file:
        for key, (name, stack, size) in images.items():
            group = file.create_group(f"Data/Image/{key}")
            group["Data"] = np.moveaxis(stack, 0, -1)
            header = {"BinaryResult": {"Detector": name, "PixelSize": {"width": str(size[1]), "height": str(size[0])},
                      "PixelUnitX": "m", "PixelUnitY": "m"}, "Optics": {"AccelerationVoltage": "200000"}}  # fmt: skip
            raw = np.zeros((2000, 1), np.uint8)
            text = json.dumps(header).encode()
            raw[: len(text), 0] = list(text)
            group["Metadata"] = raw
        if eds:
            file["Data/SpectrumStream/s/Data"] = np.zeros((100, 1), np.uint16)
            file["Data/SpectrumImage/s/SpectrumImageSettings"] = np.zeros((10, 1), np.uint8)


def test_velox_detectors_are_channels_also_beside_eds(tmp_path):
    path = tmp_path / "x.emd"
    stack = np.stack([DATA, DATA + 1, DATA + 2])
    _velox(path, {"a": ("HAADF", DATA[None], (2e-10, 1e-10)), "b": ("BF", stack, (4e-10, 3e-10))}, eds=True)
    assert [(info.channel, info.n_frames, info.shape) for info in list_images(path)] == [
        ("HAADF", 1, (30, 41)), ("BF", 3, (30, 41)),
    ]  # fmt: skip
    image = read(path)
    np.testing.assert_array_equal(image.data, DATA)
    assert (image.pixel_size, image.unit) == (pytest.approx((0.2, 0.1)), "nm")
    assert image.metadata["Optics"] == {"AccelerationVoltage": "200000"}
    np.testing.assert_array_equal(read(path, channel="BF", frame=2).data, DATA + 2)
    assert count_frames(path, "bf") == 3


def test_berkeley_emd_with_n_m(tmp_path):
    path = tmp_path / "x.emd"
    with h5py.File(path, "w") as file:
        group = file.create_group("data/scan")
        group.attrs["emd_group_type"] = 1
        group["data"] = DATA
        group["dim1"], group["dim2"] = np.arange(30) * 0.5, np.arange(41) * 0.25
        for name in ("dim1", "dim2"):
            group[name].attrs["units"] = "[n_m]"
    image = read(path)
    np.testing.assert_array_equal(image.data, DATA)
    assert (image.pixel_size, image.unit, image.calibration_source) == ((0.5, 0.25), "nm", "EMD dim vectors")


def test_hyperspy_stack_and_spectra(tmp_path):
    path = tmp_path / "x.hspy"
    with h5py.File(path, "w") as file:
        for title, data, navigate in (
            ("movie", np.stack([DATA] * 4), (1, 0, 0)),
            ("eds", np.zeros((9, 8, 100)), (1, 1, 0)),
        ):
            group = file.create_group(f"Experiments/{title}")
            group["data"] = data
            for k in range(3):
                axis = group.create_group(f"axis-{k}")
                axis.attrs.update(scale=(1.0, 0.5, 0.25)[k], units="µm", navigate=bool(navigate[k]), size=data.shape[k])
    assert [(info.channel, info.n_frames) for info in list_images(path)] == [("movie", 4)]
    assert (read(path).pixel_size, read(path).unit) == ((0.5, 0.25), "um")


def test_nsid_names_its_axes_x_first(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        for number, quantity in enumerate(("Height", "Amplitude")):
            group = file.create_group(f"Measurement_000/Channel_{number}/Channel_{number}")
            data = group.create_dataset(f"Channel_{number}", data=DATA.T + number)
            data.attrs["quantity"] = quantity
            for axis, (name, step) in enumerate((("x", 2e-9), ("y", 4e-9))):
                scale = group.create_dataset(name, data=np.arange(data.shape[axis]) * step)
                scale.attrs["units"] = "m"
                scale.make_scale(name)
                data.dims[axis].attach_scale(scale)
                data.dims[axis].label = name
    image = read(path, channel="Amplitude")
    np.testing.assert_array_equal(image.data, DATA + 1)
    assert (image.pixel_size, image.unit) == (pytest.approx((4.0, 2.0)), "nm")
    assert [info.channel for info in list_images(path)] == ["Height", "Amplitude"]


def test_plain_datasets_are_offered(tmp_path):
    path = tmp_path / "x.nxs"
    with h5py.File(path, "w") as file:
        file["entry/data/small"] = DATA[:8, :8]
        file["entry/data/frames"] = np.stack([DATA, DATA * 2])
        file["entry/names"] = np.array([b"a", b"b"])
    image = read(path, frame=1)
    np.testing.assert_array_equal(image.data, DATA * 2)
    assert any("--pixel-size" in note for note in image.notes)
    assert [info.channel for info in list_images(path)] == ["entry/data/frames", "entry/data/small"]


def test_hdf5_is_known_by_content(tmp_path):
    path = tmp_path / "measurement.dat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["x"] = DATA
    np.testing.assert_array_equal(read(path).data, DATA)


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file["y"] = DATA
    path.with_suffix(".bin").write_bytes(DATA.tobytes())
    return path


def _external_storage(file, secret):
    file.create_dataset("x", DATA.shape, DATA.dtype, external=[(str(secret.with_suffix(".bin")), 0, DATA.nbytes)])


def _external_link(file, secret):
    file["group/x"] = h5py.ExternalLink(secret.name, "/y")


def _soft_link_to_external(file, secret):
    file["z"] = h5py.ExternalLink(secret.name, "/y")
    file["x"] = h5py.SoftLink("/z")


def _virtual(file, secret):
    layout = h5py.VirtualLayout(DATA.shape, DATA.dtype)
    layout[:] = h5py.VirtualSource(str(secret), "y", shape=DATA.shape)
    file.create_virtual_dataset("x", layout)


@pytest.mark.parametrize("reach", [_external_storage, _external_link, _soft_link_to_external, _virtual])
def test_other_files_are_never_reached(tmp_path, secret, reach):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        reach(file, secret)
    with pytest.raises(UnreadableFileError, match=r"x\.h5: its data lie in another file"):
        read(path)


def test_metadata_of_other_files_are_never_reached(tmp_path, secret):
    path = tmp_path / "x.emd"
    _velox(path, {"a": ("HAADF", DATA[None], (2e-10, 1e-10))})
    with h5py.File(path, "r+") as file:
        del file["Data/Image/a/Metadata"]
        file["Data/Image/a/Metadata"] = h5py.ExternalLink(secret.name, "/y")
    image = read(path)
    assert not image.is_calibrated
    assert image.metadata == {}


@pytest.mark.parametrize(("side", "said"), [(200_000, "more than fftscape reads"), (40_000, "holds only 0 bytes")])
def test_claims_are_refused_from_the_header(tmp_path, side, said):
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (side, side), "f8", chunks=(1000, 1000), compression="gzip")
    assert path.stat().st_size < 10_000
    with pytest.raises(UnreadableFileError, match=said):
        read(path)


def test_no_image_inside(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["spectrum"] = np.arange(100.0)
    with pytest.raises(UnreadableFileError, match="no two-dimensional image"):
        read(path)
