"""DigitalMicrograph files written here tag by tag, in both versions and byte orders; and damaged ones."""

import struct

import numpy as np
import pytest

from fftscape.files.formats import count_frames, list_images, read
from fftscape.model.errors import UnreadableFileError

DATA = (np.arange(5 * 8).reshape(5, 8) * 1600 - 30_000).astype(np.int16)


class _Writer:
    def __init__(self, version, order):
        self.version, self.order = version, order
        self.wide = ">Q" if version == 4 else ">I"

    def file(self, root):
        body = self.group(root)
        head = struct.pack(">I", self.version) + struct.pack(self.wide, len(body))
        return head + struct.pack(">I", self.order == "<") + body + bytes(8)

    def group(self, items):
        pairs = items.items() if isinstance(items, dict) else [("", item) for item in items]
        body = b"".join(self.tag(name, value) for name, value in pairs)
        return b"\1\0" + struct.pack(self.wide, len(pairs)) + body

    def tag(self, name, value):
        is_group = isinstance(value, dict | list)
        content = self.group(value) if is_group else self.leaf(value)
        size = struct.pack(">Q", len(content)) if self.version == 4 else b""
        return struct.pack(">BH", 20 if is_group else 21, len(name)) + name.encode() + size + content

    def leaf(self, value):
        if isinstance(value, str):
            return self.info(20, 4, len(value)) + value.encode("utf-16-le" if self.order == "<" else "utf-16-be")
        if isinstance(value, np.ndarray):
            code = {"i2": 2, "u2": 4, "f4": 6, "i4": 3, "c8": None}[value.dtype.str[1:]]
            raw = value.astype(value.dtype.newbyteorder(self.order)).tobytes()
            return (
                self.info(20, 15, 0, 2, 0, 6, 0, 6, value.size) if code is None else self.info(20, code, value.size)
            ) + raw
        if isinstance(value, float):
            return self.info(7) + struct.pack(self.order + "d", value)
        return self.info(3) + struct.pack(self.order + "i", value)

    def info(self, *numbers):
        return b"%%%%" + struct.pack(self.wide, len(numbers)) + b"".join(struct.pack(self.wide, n) for n in numbers)


def _image(name, data, kind, scales=(0.5, 0.25), unit="nm"):
    dims = [{"Origin": 0.0, "Scale": scale, "Units": unit} for scale in (scales[1], scales[0], 1.0)[: data.ndim]]
    return {
        "ImageData": {"Calibrations": {"Dimension": dims}, "Data": data.ravel(), "DataType": kind,
                      "Dimensions": [int(n) for n in data.shape[::-1]], "PixelDepth": data.itemsize},
        "ImageTags": {"Microscope Info": {"Voltage": 200_000.0}}, "Name": name,
    }  # fmt: skip


def _write(path, images, version=3, order="<", thumbnail=0):
    root = {"ImageList": images, "Thumbnails": [{"ImageIndex": thumbnail}]}
    path.write_bytes(_Writer(version, order).file(root))
    return path


THUMBNAIL = _image("thumb", np.zeros((4, 4), np.int32), 23, unit="")


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
def test_image_beside_thumbnail_and_plot(tmp_path, version, order):
    plot = _image("plot", np.zeros(9000, np.float32), 2)
    path = _write(tmp_path / f"x.dm{version}", [THUMBNAIL, plot, _image("HAADF", DATA, 1)], version, order)
    image = read(path)
    np.testing.assert_array_equal(image.data, DATA)
    assert image.data.dtype == np.int16
    assert (image.pixel_size, image.unit) == ((0.5, 0.25), "nm")
    assert image.metadata == {"Microscope Info": {"Voltage": 200_000.0}}
    assert [info.channel for info in list_images(path)] == ["HAADF"]


def test_stack_frames_and_units_of_other_alphabets(tmp_path):
    stack = np.stack([DATA, DATA + 1, DATA + 2]).astype(np.uint16)
    path = _write(tmp_path / "x.dm4", [THUMBNAIL, _image("movie", stack, 10, unit="µm")], 4)
    assert count_frames(path) == 3
    image = read(path, frame=2)
    np.testing.assert_array_equal(image.data, stack[2])
    assert (image.pixel_size, image.unit) == ((0.5, 0.25), "um")


def test_small_16_bit_images_are_no_text(tmp_path):
    # 0xD800 and the like are no characters.
    data = np.array([[0xD800, 0xDFFF, 7], [0, 0xDC00, 65535]], np.uint16)
    np.testing.assert_array_equal(read(_write(tmp_path / "x.dm3", [THUMBNAIL, _image("x", data, 10)])).data, data)


def test_complex_image_is_its_modulus(tmp_path):
    data = (DATA + 1j * DATA[::-1]).astype(np.complex64)
    image = read(_write(tmp_path / "x.dm3", [THUMBNAIL, _image("fft", data, 3, unit="1/nm")]))
    np.testing.assert_allclose(image.data, np.abs(data), rtol=1e-6)
    assert image.unit == "1/nm"
    assert any("modulus" in note for note in image.notes)


def test_the_only_image_is_taken_even_if_it_is_the_thumbnail(tmp_path):
    assert read(_write(tmp_path / "x.dm3", [_image("x", DATA, 1)])).shape == (5, 8)


def test_colour_image(tmp_path):
    rgb = np.arange(5 * 8 * 3, dtype=np.uint8).reshape(5, 8, 3)
    packed = np.zeros((5, 8, 4), np.uint8)
    packed[..., :3] = rgb[..., ::-1]
    path = _write(tmp_path / "x.dm3", [THUMBNAIL, _image("photo", packed.view("<i4")[..., 0], 23)])
    np.testing.assert_array_equal(read(path, channel="red").data, rgb[..., 0])
    np.testing.assert_allclose(read(path).data, rgb @ [0.2126, 0.7152, 0.0722], rtol=1e-5)


@pytest.mark.parametrize("kept", [2, 11, 40, 300, -20])
def test_cut_files_are_refused(tmp_path, kept):
    path = _write(tmp_path / "x.dm3", [THUMBNAIL, _image("x", np.tile(DATA, (9, 9)), 1)])
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UnreadableFileError, match=r"x\.dm3: "):
        read(path)


def test_only_plots_inside(tmp_path):
    path = _write(tmp_path / "x.dm3", [_image("plot", np.zeros(9000, np.float32), 2)])
    with pytest.raises(UnreadableFileError, match="no two-dimensional image"):
        read(path)


def test_header_that_claims_more_than_the_file_holds(tmp_path):
    image = _image("x", DATA, 1)
    image["ImageData"]["Dimensions"] = [30_000, 30_000]
    with pytest.raises(UnreadableFileError, match="claims 30000 x 30000 pixels"):
        read(_write(tmp_path / "x.dm3", [THUMBNAIL, image]))
