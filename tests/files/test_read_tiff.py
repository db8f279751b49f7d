"""TIFF dialects, made here: each maker's pixel size, colours, stacks and traps on non-square images."""

import struct

import numpy as np
import pytest
import tifffile

from fftscape.files.formats import count_frames, list_images, read
from fftscape.model.errors import UnreadableFileError

ROWS, COLUMNS = 24, 40
DATA = (np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) * 7 % 251).astype(np.uint8)


def _found(path):
    image = read(path)
    np.testing.assert_array_equal(image.data, DATA)
    return image.pixel_size, image.unit, image.calibration_source


def test_imagej_with_unequal_pixels(tmp_path):
    path = tmp_path / "ij.tif"
    tifffile.imwrite(path, DATA, imagej=True, resolution=(4.0, 2.0), metadata={"unit": "um"})
    size, unit, source = _found(path)
    assert (size, unit, source) == (pytest.approx((0.5, 0.25)), "um", "ImageJ header")


def test_imagej_without_a_unit_is_not_calibrated(tmp_path):
    path = tmp_path / "ij.tif"
    tifffile.imwrite(path, DATA, imagej=True, resolution=(4.0, 2.0))
    assert _found(path) == ((1.0, 1.0), "px", "none (distances are in pixels)")


@pytest.mark.parametrize(("unit", "size"), [("nm", 2.0), ("Å", 0.2), ("µm", 2000.0)])
def test_ome_is_read_with_its_units(tmp_path, unit, size):
    path = tmp_path / "x.ome.tif"
    metadata = {
        "axes": "YX",
        "PhysicalSizeX": 2,
        "PhysicalSizeXUnit": unit,
        "PhysicalSizeY": 4,
        "PhysicalSizeYUnit": unit,
    }
    tifffile.imwrite(path, DATA, metadata=metadata, ome=True)
    found, said, source = _found(path)
    in_nm = {"nm": 1, "um": 1000}[said]
    assert np.multiply(found, in_nm) == pytest.approx((2 * size, size))
    assert source == "OME-XML"


def test_ome_channels_keep_their_names_and_frames(tmp_path):
    path = tmp_path / "x.ome.tif"
    stack = np.stack([DATA + k for k in range(6)]).reshape(3, 2, ROWS, COLUMNS)
    tifffile.imwrite(path, stack, ome=True, metadata={
        "axes": "TCYX", "Channel": {"Name": ["DAPI", "GFP"]}, "PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 0.1, "PhysicalSizeYUnit": "µm"})  # fmt: skip
    assert [(info.channel, info.n_frames, info.is_default) for info in list_images(path)] == [
        ("DAPI", 3, True), ("GFP", 3, False),
    ]  # fmt: skip
    image = read(path, channel="gfp", frame=2)
    np.testing.assert_array_equal(image.data, stack[2, 1])
    assert image.name == "x.ome GFP frame 2"
    assert (image.pixel_size, image.unit) == ((0.1, 0.1), "um")
    assert count_frames(path, "DAPI") == 3


def test_digital_micrograph_tags(tmp_path):
    path = tmp_path / "dm.tif"
    tifffile.imwrite(path, DATA, metadata=None, extratags=[
        (65003, "s", 0, "nm", True), (65004, "s", 0, "nm", True),
        (65009, "d", 1, 0.25, True), (65010, "d", 1, 0.5, True),
    ])  # fmt: skip
    assert _found(path) == ((0.5, 0.25), "nm", "DigitalMicrograph tags 65003 to 65010")


def test_digital_micrograph_scale_of_one_without_a_unit(tmp_path):
    path = tmp_path / "dm.tif"
    tifffile.imwrite(path, DATA, metadata=None, extratags=[(65009, "d", 1, 1.0, True), (65010, "d", 1, 1.0, True)])
    assert _found(path)[1] == "px"
    assert read(path).notes == ()


FEI = "[Scan]\r\nPixelWidth=2e-009\r\nPixelHeight=3e-009\r\n[Image]\r\nResolutionX={}\r\nResolutionY={}\r\n"


def test_fei_header(tmp_path):
    path = tmp_path / "fei.tif"
    tifffile.imwrite(path, DATA, metadata=None, extratags=[(34682, "s", 0, FEI.format(COLUMNS, ROWS), True)])
    size, unit, source = _found(path)
    assert (size, unit, source) == (pytest.approx((3.0, 2.0)), "nm", "FEI tag 34682")


def test_fei_copy_at_half_size(tmp_path):
    path = tmp_path / "fei.tif"
    header = FEI.replace("3e-009", "2e-009").format(2 * COLUMNS, 2 * ROWS - 4)
    tifffile.imwrite(path, DATA, metadata=None, extratags=[(34682, "s", 0, header, True)])
    assert _found(path) == (pytest.approx((4.0, 4.0)), "nm", "FEI tag 34682, scaled to the saved size")


def test_zeiss_header_for_the_full_size(tmp_path):
    path = tmp_path / "zeiss.tif"
    lines = (
        "\r\nAP_WIDTH\r\nWidth = 320 nm\r\nAP_HEIGHT\r\nHeight = 192.0 nm\r\nAP_PIXEL_SIZE\r\nPixel Size = 4.000 nm\r\n"
    )
    raw = lines.encode("cp1252")
    tifffile.imwrite(path, DATA, metadata=None, extratags=[(34118, 7, len(raw), raw, True)])
    assert _found(path) == (pytest.approx((8.0, 8.0)), "nm", "Zeiss tag 34118, scaled to the saved size")


def test_zeiss_header_for_this_size(tmp_path):
    path = tmp_path / "zeiss.tif"
    lines = (
        "\r\nAP_WIDTH\r\nWidth = 0.16 µm\r\nAP_HEIGHT\r\nHeight = 96.0 nm\r\nAP_PIXEL_SIZE\r\nPixel Size = 4.000 nm\r\n"
    )
    raw = lines.encode("cp1252")
    tifffile.imwrite(path, DATA, metadata=None, extratags=[(34118, 7, len(raw), raw, True)])
    assert _found(path) == ((4.0, 4.0), "nm", "Zeiss tag 34118")


def test_tescan_tag(tmp_path):
    path = tmp_path / "tescan.tif"
    raw = b"[MAIN]\r\nMagnification=1000\r\nPixelSizeX=1.5e-08\r\nPixelSizeY=2.5e-08\r\n"
    tifffile.imwrite(path, DATA, metadata=None, extratags=[(50431, 1, len(raw), raw, True)])
    assert _found(path) == ((25.0, 15.0), "nm", "Tescan tag 50431")


def test_jeol_sightx_print_resolution_at_the_magnification(tmp_path):
    path = tmp_path / "jeol.tif"
    xml = (
        "<TemReporter><ImageFormingSystem><ModeString>MAG</ModeString><SelectorValue>50000</SelectorValue>"
        "</ImageFormingSystem></TemReporter>"
    )
    tifffile.imwrite(path, DATA, metadata=None, description=xml, resolution=(254, 127), resolutionunit="INCH",
                     extratags=[(271, "s", 0, "JEOL Ltd.", True)])  # fmt: skip
    # 254 dots an inch are 0.1 mm, at 50 000 times 2 nm.
    assert _found(path) == (pytest.approx((4.0, 2.0)), "nm", "JEOL SightX header")


@pytest.mark.parametrize(("resolution", "unit"), [((72, 72), "INCH"), ((1e7, 1e7), "INCH"), ((118, 118), "CENTIMETER")])
def test_print_resolutions_are_no_calibration(tmp_path, resolution, unit):
    path = tmp_path / "dpi.tif"
    tifffile.imwrite(path, DATA, resolution=resolution, resolutionunit=unit)
    assert _found(path)[1] == "px"


def test_pixels_per_centimetre_finer_than_print(tmp_path):
    path = tmp_path / "cm.tif"
    tifffile.imwrite(path, DATA, resolution=(1e7 / 2.5, 1e7 / 5), resolutionunit="CENTIMETER")
    size, unit, _ = _found(path)
    assert (size, unit) == (pytest.approx((5.0, 2.5)), "nm")


@pytest.mark.parametrize(
    ("name", "text", "size"),
    [
        ("x.txt", "[SemImageFile]\r\nInstructName=SU8000\r\nDataSize=40x24\r\nPixelSize=9.921875\r\n", 9.921875),
        ("x.txt", "[SemImageFile]\r\nDataSize=80x48\r\nPixelSize=5\r\n", 10.0),
        ("x.TXT", "$CM_MAG 5000\n$$SM_MICRON_BAR 160\n$$SM_MICRON_MARKER 2um\n", 12.5),
        ("x-tif.hdr", "[MAIN]\nPixelSizeX=1.25e-8\nPixelSizeY=1.25e-8\n", 12.5),
        ("x.json", '{"a": {"field_of_view_x": 20, "field_of_view_y": 12, "field_of_view_units": "nm"}}', 0.5),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_side_car_files(tmp_path, name, text, size, encoding):
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, DATA)
    (tmp_path / name).write_bytes(text.encode(encoding))
    found, unit, source = _found(path)
    assert np.multiply(found, {"nm": 1, "um": 1000}[unit]) == pytest.approx((size, size))
    assert source.startswith(f"side-car {name}")


@pytest.mark.parametrize(
    "text", ["just notes", "{", '{"field_of_view_x": "wide"}', "[SemImageFile]\nPixelSize=?\n", "[1, 2]"]
)
def test_other_files_beside_an_image_do_no_harm(tmp_path, text):
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, DATA)
    for suffix in (".txt", ".json", ".hdr"):
        path.with_suffix(suffix).write_text(text)
    assert _found(path)[1] == "px"


def test_the_files_own_calibration_comes_before_a_side_car(tmp_path):
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, DATA, imagej=True, resolution=(1.0, 1.0), metadata={"unit": "nm"})
    path.with_suffix(".txt").write_text("[SemImageFile]\nPixelSize=7\n")
    assert _found(path) == ((1.0, 1.0), "nm", "ImageJ header")


def test_pixel_size_of_the_user_wins_and_it_is_said(tmp_path):
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, DATA, imagej=True, resolution=(2.0, 2.0), metadata={"unit": "nm"})
    image = read(path, pixel_size="3x4 um")
    assert (image.pixel_size, image.unit, image.calibration_source) == ((3.0, 4.0), "um", "--pixel-size")
    assert any("0.5 x 0.5 nm (ImageJ header)" in note for note in image.notes)


@pytest.mark.parametrize(("orientation", "turned"), [
    (2, DATA[:, ::-1]), (3, DATA[::-1, ::-1]), (4, DATA[::-1]), (5, DATA.T), (6, np.rot90(DATA, -1)),
    (7, DATA[::-1, ::-1].T), (8, np.rot90(DATA)),
])  # fmt: skip
def test_orientation_tag(tmp_path, orientation, turned):
    path = tmp_path / "turned.tif"
    tags = [
        (274, "H", 1, orientation, True),
        (65003, "s", 0, "nm", True),
        (65009, "d", 1, 0.25, True),
        (65010, "d", 1, 0.5, True),
    ]
    tifffile.imwrite(path, DATA, metadata=None, extratags=tags)
    image = read(path)
    np.testing.assert_array_equal(image.data, turned)
    assert image.pixel_size == ((0.25, 0.5) if orientation > 4 else (0.5, 0.25))
    assert list_images(path)[0].shape == turned.shape


def test_min_is_white_of_16_bits(tmp_path):
    path = tmp_path / "negative.tif"
    tifffile.imwrite(path, DATA.astype(np.uint16), photometric="miniswhite", metadata=None)
    np.testing.assert_array_equal(read(path).data, 65535 - DATA.astype(np.uint16))


def test_palette_colours_are_looked_up(tmp_path):
    path = tmp_path / "palette.tif"
    colours = np.stack([np.arange(256) * 257, np.arange(256)[::-1] * 257, np.full(256, 100 * 257)]).astype(np.uint16)
    tifffile.imwrite(path, DATA, photometric="palette", colormap=colours)
    image = read(path)
    np.testing.assert_allclose(image.data, 0.2126 * DATA + 0.7152 * (255.0 - DATA) + 7.22, rtol=1e-5)
    grey = np.stack([np.arange(256)[::-1] * 257] * 3).astype(np.uint16)
    tifffile.imwrite(path, DATA, photometric="palette", colormap=grey)
    image = read(path)
    assert image.data.dtype == np.uint8
    np.testing.assert_array_equal(image.data, 255 - DATA)


def test_annotation_colours_of_a_grey_palette_become_grey(tmp_path):
    path = tmp_path / "palette.tif"
    colours = np.stack([np.arange(256) * 257] * 3).astype(np.uint16)
    colours[:, 14] = (0, 65535, 0)
    tifffile.imwrite(path, DATA, photometric="palette", colormap=colours)
    image = read(path)
    assert image.data.dtype == np.uint8
    np.testing.assert_array_equal(image.data, np.where(DATA == 14, 182, DATA))


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_rgba_alpha_is_left_out(tmp_path, planar):
    path = tmp_path / "rgba.tif"
    rgba = np.dstack([DATA, DATA // 2, DATA // 3, 255 - DATA])
    stored = np.moveaxis(rgba, 2, 0) if planar == "separate" else rgba
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, extrasamples=["unassalpha"])
    np.testing.assert_allclose(read(path).data, rgba[..., :3] @ [0.2126, 0.7152, 0.0722], rtol=1e-5)
    np.testing.assert_array_equal(read(path, channel="green").data, DATA // 2)
    assert "alpha" not in [info.channel for info in list_images(path)]


def test_equal_channels_are_one_of_them(tmp_path):
    path = tmp_path / "grey_rgb.tif"
    tifffile.imwrite(path, np.dstack([DATA.astype(np.uint16) * 200] * 3), photometric="rgb")
    image = read(path)
    assert image.data.dtype == np.uint16
    np.testing.assert_array_equal(image.data, DATA.astype(np.uint16) * 200)
    assert image.notes == ("its 3 colour channels are equal; one of them is taken",)


def test_colour_stack_frames(tmp_path):
    path = tmp_path / "movie.tif"
    movie = np.stack([np.dstack([DATA, DATA + k, DATA]) for k in range(4)])
    tifffile.imwrite(path, movie, photometric="rgb", metadata={"axes": "TYXS"})
    assert count_frames(path) == 4
    np.testing.assert_array_equal(read(path, channel="green", frame=3).data, movie[3, ..., 1])


def test_a_reduced_copy_gives_way_to_the_image(tmp_path):
    path = tmp_path / "thumb.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(DATA[::2, ::2], metadata=None, subfiletype=1)
        writer.write(DATA, metadata=None)
    np.testing.assert_array_equal(read(path).data, DATA)


def test_a_stack_behind_a_single_page(tmp_path):
    # ImageJ stores stacks of more than 4 GB as one page and a run of planes.
    path = tmp_path / "run.tif"
    stack = np.stack([DATA + k for k in range(5)])
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZYX"})
    raw = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        at = page.offset + 2 + 12 * len(page.tags)
    raw[at : at + 4] = struct.pack("<I" if raw[:2] == b"II" else ">I", 0)
    path.write_bytes(raw)
    assert count_frames(path) == 5
    np.testing.assert_array_equal(read(path, frame=3).data, stack[3])


def test_wrong_byte_counts_of_uncompressed_pixels_are_forgiven(tmp_path):
    path = tmp_path / "counts.tif"
    tifffile.imwrite(path, DATA, metadata=None)
    raw = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[0].tags[279].valueoffset
    raw[at : at + 4] = struct.pack("<I", DATA.size * 8)
    path.write_bytes(raw)
    np.testing.assert_array_equal(read(path).data, DATA)


def _pages(n, next_of):
    tags = [(256, 4), (257, 4), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 4), (279, 16)]
    body = bytearray(b"II" + struct.pack("<HI", 42, 24) + bytes(16))
    for k in range(n):
        body += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in tags)
        body += struct.pack("<I", next_of(k, len(body) + 4))
    return bytes(body)


@pytest.mark.parametrize("n", [1, 100_001])
def test_endless_pages_are_refused(tmp_path, n):
    path = tmp_path / "endless.tif"
    path.write_bytes(_pages(n, lambda k, end: 24 if k == n - 1 else end))
    with pytest.raises(UnreadableFileError, match="more than 100000 pages"):
        read(path)


def test_deflate_bomb_is_refused_from_its_header(tmp_path):
    path = tmp_path / "bomb.tif"
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8), compression="zlib", metadata=None)
    raw = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        for tag in (tif.pages[0].tags[code] for code in (256, 257, 278)):
            raw[tag.valueoffset : tag.valueoffset + 2] = struct.pack("<H", 40000)
    path.write_bytes(raw)
    with pytest.raises(UnreadableFileError, match="claims 40000 x 40000 pixels"):
        read(path)


def test_other_files_named_in_ome_xml_are_not_opened(tmp_path):
    other = tmp_path / "secret.tif"
    tifffile.imwrite(other, np.full((ROWS, COLUMNS), 77, np.uint8))
    path = tmp_path / "x.ome.tif"
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">'
        f'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="{COLUMNS}" '
        f'SizeY="{ROWS}" SizeZ="1" SizeC="1" SizeT="2">'
        '<TiffData FirstT="0" IFD="0" PlaneCount="1"><UUID FileName="x.ome.tif">urn:uuid:1</UUID></TiffData>'
        '<TiffData FirstT="1" IFD="0" PlaneCount="1"><UUID FileName="secret.tif">urn:uuid:2</UUID>'
        "</TiffData></Pixels></Image></OME>"
    )
    tifffile.imwrite(path, DATA, description=xml, metadata=None)
    frames = [read(path, frame=k).data for k in range(count_frames(path))]
    assert all((frame == DATA).all() for frame in frames)
