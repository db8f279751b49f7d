"""Life-science formats: axes, channels and scales, with stand-ins for the libraries (nothing free writes the files)."""

import struct
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from fftscape.files.formats import count_frames, list_images, read
from fftscape.model.errors import UnreadableFileError

STACK = np.arange(3 * 2 * 5 * 7, dtype=np.uint16).reshape(3, 2, 5, 7)

LIF_HEAD = struct.pack("<IIBI", 0x70, 13, 0x2A, 4)


class _Closing:
    def __init__(self, path):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None


def _stand_in(monkeypatch, name, **members):
    module = ModuleType(name)
    module.__dict__.update(members)
    monkeypatch.setitem(sys.modules, name, module)


def _file(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(bytes(64))
    return path


def test_nd2(tmp_path, monkeypatch):
    class File(_Closing):
        sizes = {"T": 3, "C": 2, "Y": 5, "X": 7}  # noqa: RUF012
        dtype = np.dtype("u2")
        metadata = SimpleNamespace(channels=[SimpleNamespace(channel=SimpleNamespace(name=n)) for n in ("DAPI", "GFP")])

        def voxel_size(self):
            return SimpleNamespace(x=0.1, y=0.2, z=1.0)

        def read_frame(self, index):
            return STACK[index]

    _stand_in(monkeypatch, "nd2", ND2File=File)
    path = _file(tmp_path, "x.nd2")
    assert [(info.channel, info.n_frames) for info in list_images(path)] == [("DAPI", 3), ("GFP", 3)]
    image = read(path, channel="gfp", frame=2)
    np.testing.assert_array_equal(image.data, STACK[2, 1])
    assert (image.pixel_size, image.unit) == ((0.2, 0.1), "um")


@pytest.mark.parametrize("colour", [False, True])
def test_czi(tmp_path, monkeypatch, colour):
    stored = (
        STACK.transpose(1, 0, 2, 3)[None, ..., None]
        if not colour
        else np.moveaxis(STACK[:, 0], 0, -1)[None, None, None]
    )

    class File(_Closing):
        axes, dtype, shape = "BCTYX0", np.dtype("u2"), stored.shape

        def metadata(self):
            return '<Distance Id="X">\n<Value>1e-07</Value></Distance><Distance Id="Y"><Value>2e-07</Value></Distance>'

        def asarray(self):
            return stored

    _stand_in(monkeypatch, "czifile", CziFile=File)
    path = _file(tmp_path, "x.czi")
    image = read(path, channel=1, frame=0)
    assert (image.pixel_size, image.unit) == ((200.0, 100.0), "nm")
    if colour:
        assert [info.channel for info in list_images(path)] == ["red", "green", "blue", "luminance"]
        np.testing.assert_array_equal(image.data, STACK[1, 0])
    else:
        assert count_frames(path, 1) == 3
        np.testing.assert_array_equal(read(path, channel=1, frame=2).data, STACK[2, 1])


def test_lif(tmp_path, monkeypatch):
    pixels = {"first": STACK, "second": STACK[0, 0], "line": STACK[0, 0, 0]}

    def image(name):
        data = pixels[name]
        dims = ("T", "C", "Y", "X")[4 - data.ndim :]
        coords = {"X": np.arange(7) * 1e-7, "Y": np.arange(5) * 2e-7}
        return SimpleNamespace(
            name=name, dims=dims, shape=data.shape, dtype=data.dtype, coords=coords, asarray=lambda: data
        )

    class File(_Closing):
        images = [image(name) for name in pixels]  # noqa: RUF012

    _stand_in(monkeypatch, "liffile", LifFile=File)
    path = _file(tmp_path, "x.lif")
    path.write_bytes(LIF_HEAD + bytes(64))
    assert [(info.channel, info.n_frames) for info in list_images(path)] == [
        ("first channel 0", 3), ("first channel 1", 3), ("second", 1),
    ]  # fmt: skip
    loaded = read(path, channel=1, frame=1)
    np.testing.assert_array_equal(loaded.data, STACK[1, 1])
    assert (loaded.pixel_size, loaded.unit) == (pytest.approx((200.0, 100.0)), "nm")
    np.testing.assert_array_equal(read(path, channel="second").data, STACK[0, 0])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (LIF_HEAD[:9], "ends within its header"),
        (struct.pack("<IIBI", 0x70, 13, 0x2A, 2**31), "its header claims 4294967296 bytes of text"),
        (b"<?xml version=\"1.0\"?><LMSDataContainerHeader><Memory><Block File=\"other.tif\"/></Memory>",
         "is not a Leica image file"),
    ],
)  # fmt: skip
def test_what_is_named_lif_and_is_none(tmp_path, content, said):
    """Leica's XML files name files that their library would open, wherever those are."""
    pytest.importorskip("liffile")
    (tmp_path / "x.lif").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=said):
        read(tmp_path / "x.lif")
