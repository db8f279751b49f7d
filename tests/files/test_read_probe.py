"""Scanning-probe formats, written here byte by byte: orientation, channels, sizes, damage."""

import struct
import sys

import numpy as np
import pytest

from fftscape.files.formats import list_images, read
from fftscape.model.errors import BackendUnavailableError, UnreadableFileError

ROWS, COLUMNS = 6, 9
SURFACE = np.arange(ROWS * COLUMNS, dtype=np.float32).reshape(ROWS, COLUMNS) ** 2


def _sxm(path, *, direction="down", order=">", channels=(("Current", "A"), ("Z", "m")), data=None):
    table = "\n".join(f"\t{k}\t{name}\t{unit}\tboth\t1.0\t0.0" for k, (name, unit) in enumerate(channels))
    header = (
        f":NANONIS_VERSION:\n2\n:SCANIT_TYPE:\n FLOAT {'MSBFIRST' if order == '>' else 'LSBFIRST'}\n"
        f":SCAN_PIXELS:\n {COLUMNS} {ROWS}\n:SCAN_RANGE:\n 1.8E-9 2.4E-9\n:SCAN_DIR:\n{direction}\n"
        f":DATA_INFO:\n\tChannel\tName\tUnit\tDirection\tCalibration\tOffset\n{table}\n\n:SCANIT_END:\n\n\n\x1a\x04"
    )
    stored = SURFACE if direction == "down" else SURFACE[::-1]
    planes = [plane for k in range(len(channels)) for plane in (stored + k, (stored + k + 0.5)[:, ::-1])]
    path.write_bytes(header.encode() + (np.stack(planes).astype(order + "f4").tobytes() if data is None else data))


@pytest.mark.parametrize("direction", ["down", "up"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_nanonis_planes_all_lie_alike(tmp_path, direction, order):
    path = tmp_path / "scan.sxm"
    _sxm(path, direction=direction, order=order)
    assert [info.channel for info in list_images(path)] == [
        "Z forward", "Z backward", "Current forward", "Current backward",
    ]  # fmt: skip
    image = read(path)
    np.testing.assert_array_equal(image.data, SURFACE + 1)
    assert (image.pixel_size, image.unit) == (pytest.approx((0.4, 0.2)), "nm")
    np.testing.assert_array_equal(read(path, channel="z backward").data, SURFACE + 1.5)
    np.testing.assert_array_equal(read(path, channel=2).data, SURFACE)
    np.testing.assert_array_equal(read(path, channel="Current backward").data, SURFACE + 0.5)
    assert any("--channel" in note for note in image.notes)


def test_nanonis_cut_short(tmp_path):
    path = tmp_path / "scan.sxm"
    _sxm(path, data=b"\0" * 100)
    with pytest.raises(UnreadableFileError, match=r"scan\.sxm: .*cut short"):
        read(path)


def _nanoscope(path, dtype="<i2"):
    raw = (np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) - 20).astype(dtype)
    header = (
        "\\*File list\r\n\\Version: 0x05310001\r\n\\*Ciao scan list\r\n\\Scan size: 900 nm\r\n\\*Ciao image list\r\n"
        f"\\Data offset: 1024\r\n\\Data length: {raw.nbytes}\r\n\\Bytes/pixel: 2\r\n\\Samps/line: {COLUMNS}\r\n"
        f"\\Number of lines: {ROWS}\r\n\\Scan size: 18 6 ~m\r\n\\Line direction: Retrace\r\n"
        '\\@2:Image Data: S [Height] "Height Sensor"\r\n\\*File list end\r\n\x1a'
    )
    path.write_bytes(header.encode("latin-1").ljust(1024, b"\0") + raw[::-1].tobytes())
    return raw


@pytest.mark.parametrize("dtype", ["<i2", "<i4"])
def test_nanoscope_first_line_is_the_bottom(tmp_path, dtype):
    path = tmp_path / "scan.017"
    raw = _nanoscope(path, dtype)
    image = read(path)
    np.testing.assert_array_equal(image.data, raw)
    assert (image.pixel_size, image.unit) == ((1.0, 2.0), "um")
    assert list_images(path)[0].channel == "Height Sensor Retrace"


def test_nanoscope_cut_short(tmp_path):
    path = tmp_path / "scan.017"
    _nanoscope(path)
    path.write_bytes(path.read_bytes()[:1100])
    with pytest.raises(UnreadableFileError, match="cut short"):
        read(path)


@pytest.mark.parametrize(("kind", "dtype"), [("short", "<i2"), ("double", "<f8"), ("float", "<f4")])
def test_wsxm_is_stored_backwards(tmp_path, kind, dtype):
    path = tmp_path / "scan.top"
    header = (
        "WSxM file copyright WSxM solutions\r\nSxM Image file\r\nImage header size: 99\r\n\r\n[Control]\r\n\r\n"
        "    X Amplitude: 18 \xb5m\r\n    Y Amplitude: 6 \xb5m\r\n\r\n[General Info]\r\n\r\n"
        f"    Acquisition channel: Topography\r\n    Image Data Type: {kind}\r\n"
        f"    Number of columns: {COLUMNS}\r\n    Number of rows: {ROWS}\r\n\r\n[Header end]\r\n"
    )
    path.write_bytes(header.encode("latin-1") + SURFACE[::-1, ::-1].astype(dtype).tobytes())
    image = read(path)
    np.testing.assert_array_equal(image.data, SURFACE)
    assert image.data.dtype == np.dtype(dtype)
    assert (image.pixel_size, image.unit) == ((1.0, 2.0), "um")
    path.write_bytes(header.encode("latin-1")[:-20])
    with pytest.raises(UnreadableFileError, match="cut short"):
        read(path)


def _component(name, kind, payload):
    return name.encode() + b"\0" + kind.encode() + payload


def _object(name, *components):
    body = b"".join(components)
    return name.encode() + b"\0" + struct.pack("<I", len(body)) + body


def _gwy(path):
    parts = []
    for number, title in ((0, "Height"), (10, "Phase"), (2, "Height")):
        field = _object(
            "GwyDataField", _component("xres", "i", struct.pack("<i", COLUMNS)),
            _component("yres", "i", struct.pack("<i", ROWS)), _component("xreal", "d", struct.pack("<d", 1.8e-6)),
            _component("yreal", "d", struct.pack("<d", 2.4e-6)),
            _component("odd", "S", struct.pack("<I", 2) + b"a\0b\0"),
            _component("si_unit_xy", "o", _object("GwySIUnit", _component("unitstr", "s", b"m\0"))),
            _component("data", "D", struct.pack("<I", SURFACE.size) + (SURFACE + number).astype("<f8").tobytes()),
        )  # fmt: skip
        parts.append(_component(f"/{number}/data", "o", field))
        parts.append(_component(f"/{number}/data/title", "s", title.encode() + b"\0"))
    path.write_bytes(b"GWYP" + _object("GwyContainer", *parts, _component("/0/data/visible", "b", b"\1")))


def test_gwyddion_fields_are_channels(tmp_path):
    path = tmp_path / "x.gwy"
    _gwy(path)
    assert [info.channel for info in list_images(path)] == ["Height 1", "Height 2", "Phase"]
    image = read(path, channel="phase")
    np.testing.assert_array_equal(image.data, SURFACE + 10)
    assert (image.pixel_size, image.unit) == (pytest.approx((400.0, 200.0)), "nm")


def test_gwyddion_file_cut_anywhere(tmp_path):
    path = tmp_path / "x.gwy"
    _gwy(path)
    raw = path.read_bytes()
    for end in range(5, len(raw), 97):
        path.write_bytes(raw[:end])
        with pytest.raises(UnreadableFileError, match=r"x\.gwy: "):
            read(path)


def _ibw(path, layers, steps=(2e-7, 4e-7)):
    """Write an Igor binary wave, version 5; its first dimension (x) runs fastest."""
    n_layers = len(layers)
    stored = np.concatenate([layer[::-1].T.ravel(order="F") for layer in layers]).astype("<f4")
    labels = b"".join(name.ljust(32, b"\0") for name in (b"", *(b"Layer%d" % k for k in range(n_layers))))
    wave = struct.pack("<IIIihh6sh32sII", 0, 0, 0, stored.size, 2, 0, b"", 1, b"wave", 0, 0)
    wave += struct.pack("<4i", COLUMNS, ROWS, n_layers if n_layers > 1 else 0, 0)
    wave += struct.pack("<4d4d", *steps, 1, 1, 0, 0, 0, 0) + b"m\0\0\0" + b"m\0\0\0" * 2 + b"\0" * 8
    wave += b"\0" * (320 - len(wave))
    size = len(wave) + stored.nbytes
    head = struct.pack("<hHIIII4I4III I".replace(" ", ""), 5, 0, size, 0, 0, 0, 0, 0, 0, 0,
                       0, 0, len(labels) if n_layers > 1 else 0, 0, 0, 0, 0)  # fmt: skip
    words = np.frombuffer(head + wave, "<u2").astype(np.int64).sum()
    head = head[:2] + struct.pack("<H", int(-words) & 0xFFFF) + head[4:]
    path.write_bytes(head + wave + stored.tobytes() + (labels if n_layers > 1 else b""))


def test_igor_layers_are_channels_and_y_points_up(tmp_path):
    pytest.importorskip("igor2")
    path = tmp_path / "x.ibw"
    _ibw(path, [SURFACE, SURFACE + 1])
    assert [info.channel for info in list_images(path)] == ["Layer0", "Layer1"]
    image = read(path, channel=1)
    np.testing.assert_array_equal(image.data, SURFACE + 1)
    assert (image.pixel_size, image.unit) == (pytest.approx((400.0, 200.0)), "nm")


class _Matrix:
    """Stands in for access2thematrix.MtrxData, of whose format there is no free sample."""

    object_type = "image"

    def open(self, path):
        print("chatter")  # noqa: T201
        return {0: "forward/up", 1: "backward/up"}, "opened"

    def select_image(self, trace):
        image = type("Im", (), {})()
        image.data = (SURFACE + (trace != "forward/up"))[::-1]
        image.width, image.height, image.channel_name_and_unit = 1.8e-9, 2.4e-9, ["Z", "m"]
        return image, "selected"


def test_matrix_traces_are_channels(tmp_path, monkeypatch, capsys):
    library = pytest.importorskip("access2thematrix")
    monkeypatch.setattr(library, "MtrxData", _Matrix)
    path = tmp_path / "default--1_1.Z_mtrx"
    path.write_bytes(b"ONTMATRX0101")
    assert [info.channel for info in list_images(path)] == ["Z forward/up", "Z backward/up"]
    image = read(path, channel=1)
    np.testing.assert_array_equal(image.data, SURFACE + 1)
    assert (image.pixel_size, image.unit) == (pytest.approx((0.4, 0.2)), "nm")
    assert capsys.readouterr().out == ""


def test_matrix_without_its_session_file(tmp_path):
    pytest.importorskip("access2thematrix")
    path = tmp_path / "default--1_1.I(V)_mtrx"
    path.write_bytes(b"ONTMATRX0101" + bytes(64))
    with pytest.raises(UnreadableFileError, match="default--1_1"):
        read(path)


@pytest.mark.parametrize(("name", "module"), [("x.z_mtrx", "access2thematrix"), ("x.ibw", "igor2.binarywave")])
def test_a_missing_extra_is_one_sentence(tmp_path, monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / name
    path.write_bytes(bytes(500))
    with pytest.raises(BackendUnavailableError, match=rf"{name}: .*pip install 'fftscape\[spm\]'"):
        read(path)
