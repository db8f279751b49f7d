"""Where each maker of microscopes and software writes the pixel size into its TIFF files.

Each dialect is a function that takes the open file and one of its pages and returns a calibration, or
None where the page is not of that dialect. They are asked in the order of `DIALECTS`.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fftscape.files.calibration import Calibration, calibrate, rescaled
from fftscape.files.entry import summarised

_ZEISS, _FEI, _FEI_HELIOS, _SIS, _SIS_OLD, _TESCAN = 34118, 34682, 34680, 33560, 33471, 50431
_DESCRIPTION, _MAKE, _X_RESOLUTION, _Y_RESOLUTION = 270, 271, 282, 283
_INCH, _CENTIMETRE = 2, 3
# No printer or scanner has pixels smaller than this, so such a 'resolution' was written on purpose.
_SMALLEST_PRINTED_UM = 1.5


@dataclass(frozen=True, eq=False)
class Page:
    """One page of an open TIFF file.

    Parameters
    ----------
    tif, page : tifffile.TiffFile, tifffile.TiffPage
        The open file and the page.
    series : int
        Index of the series that the page begins.
    shape : tuple of int
        Rows and columns.
    """

    tif: Any
    page: Any
    series: int
    shape: tuple[int, int]

    def tag(self, code: int) -> Any:
        """Return a tag's value, None where there is none."""
        tag = self.page.tags.get(code)
        return None if tag is None else tag.value

    def resolution(self) -> tuple[float, float] | None:
        """Return the size of a pixel, (y, x), in the file's resolution unit, from tags 283 and 282."""
        sizes = []
        for value in (self.tag(_Y_RESOLUTION), self.tag(_X_RESOLUTION)):
            if not isinstance(value, tuple) or len(value) != 2 or not value[0]:
                return None
            sizes.append(value[1] / value[0])
        return sizes[0], sizes[1]


def calibration_of(tif: Any, page: Any, series: int, shape: tuple[int, int]) -> Calibration:
    """Return the pixel size of a TIFF page from the first dialect that knows it.

    Parameters
    ----------
    tif, page : tifffile.TiffFile, tifffile.TiffPage
        The open file and the page.
    series : int
        Index of the series that the page begins.
    shape : tuple of int
        Rows and columns as stored.

    Returns
    -------
    Calibration
        Uncalibrated where no dialect knows; a print resolution (dpi) is never a calibration.
    """
    found = Page(tif, page, series, shape)
    notes: tuple[str, ...] = ()
    for dialect in DIALECTS:
        calibration = dialect(found)
        if calibration is not None and calibration.is_known:
            return calibration
        notes += calibration.notes if calibration is not None else ()
    return Calibration(notes=notes)


def _zeiss(at: Page) -> Calibration | None:
    header = at.tag(_ZEISS)
    if not isinstance(header, Mapping):
        return None
    source = f"Zeiss tag {_ZEISS}"
    size = _number_and_unit(header.get("ap_image_pixel_size")) or _number_and_unit(header.get("ap_pixel_size"))
    width, height = _number_and_unit(header.get("ap_width")), _number_and_unit(header.get("ap_height"))
    if size is None:
        return calibrate(width[0] / at.shape[1], width[0] / at.shape[1], width[1], source) if width else None
    if width is None or height is None:
        return calibrate(size[0], size[0], size[1], source)
    metres, width_m, height_m = (calibrate(1, 1, unit, source) for unit in (size[1], width[1], height[1]))
    if not (metres.is_known and width_m.is_known and height_m.is_known):
        return calibrate(size[0], size[0], size[1], source)
    pixel = size[0] * _in_nm(metres)
    header_shape = (height[0] * _in_nm(height_m) / pixel, width[0] * _in_nm(width_m) / pixel)
    return rescaled(size[0], header_shape, at.shape, size[1], source)


def _fei(at: Page) -> Calibration | None:
    for code in (_FEI, _FEI_HELIOS):
        header = at.tag(code)
        if isinstance(header, Mapping):
            break
    else:
        return None
    scan = header.get("Scan") or header.get("EScan") or header.get("IScan") or {}
    if not _is_number(scan.get("PixelWidth")) or not _is_number(scan.get("PixelHeight")):
        return None
    width, height = float(scan["PixelWidth"]), float(scan["PixelHeight"])
    image = header.get("Image", {})
    source = f"FEI tag {code}"
    rows, columns = image.get("ResolutionY"), image.get("ResolutionX")
    if _is_number(rows) and _is_number(columns) and width == height and columns != at.shape[1]:
        return rescaled(width, (float(rows), float(columns)), at.shape, "m", source)
    return calibrate(height, width, "m", source)


def _olympus_sis(at: Page) -> Calibration | None:
    for code in (_SIS, _SIS_OLD):
        header = at.tag(code)
        if isinstance(header, Mapping) and "pixelsizex" in header:
            return calibrate(header["pixelsizey"], header["pixelsizex"], "m", f"Olympus SIS tag {code}")
    return None


def _tvips(at: Page) -> Calibration | None:
    header = at.tif.tvips_metadata if at.tif.is_tvips else None
    if not header or "PixelSizeX" not in header:
        return None
    return calibrate(header["PixelSizeY"], header["PixelSizeX"], "nm", "TVIPS tag 37706")


def _jeol_sightx(at: Page) -> Calibration | None:
    text, size = at.tag(_DESCRIPTION), at.resolution()
    if at.tag(_MAKE) != "JEOL Ltd." or size is None or "TemReporter" not in str(text):
        return None
    root = ElementTree.fromstring("".join(line.strip(" \r\n\t\x01\x00") for line in text.split("\n")))
    optics = root.find(".//ImageFormingSystem")
    if optics is None or optics.findtext("ModeString") != "MAG":
        return Calibration(notes=("the JEOL header is of a mode other than MAG; give --pixel-size",))
    # The resolution is that of the print at the nominal magnification.
    unit_mm = 25.4 if at.tag(296) == _INCH else 10.0
    magnification = float(optics.findtext("SelectorValue") or "nan")
    scale = unit_mm * 1e6 / magnification
    return calibrate(size[0] * scale, size[1] * scale, "nm", "JEOL SightX header")


def _tescan(at: Page) -> Calibration | None:
    header = at.tag(_TESCAN)
    return tescan_header(header.decode("latin-1"), f"Tescan tag {_TESCAN}") if isinstance(header, bytes) else None


def tescan_header(text: str, source: str) -> Calibration | None:
    """Read the pixel size (in metres) from Tescan's INI text, in a tag or a side-car file."""
    sizes = {letter: re.search(rf"PixelSize{letter}\s*=\s*([\d.eE+-]+)", text) for letter in "XY"}
    if sizes["X"] is None:
        return None
    return calibrate(float((sizes["Y"] or sizes["X"])[1]), float(sizes["X"][1]), "m", source)


def _digital_micrograph(at: Page) -> Calibration | None:
    size_x, size_y = at.tag(65009), at.tag(65010)
    if not _is_number(size_x) or not _is_number(size_y):
        return None
    return calibrate(size_y, size_x, str(at.tag(65003) or ""), "DigitalMicrograph tags 65003 to 65010")


def _ome(at: Page) -> Calibration | None:
    pixels = _ome_pixels(at.tif, at.series)
    if pixels is None or "PhysicalSizeX" not in pixels.attrib:
        return None
    size_x = float(pixels.attrib["PhysicalSizeX"])
    unit_x = pixels.get("PhysicalSizeXUnit", "um")
    size_y = float(pixels.get("PhysicalSizeY", size_x))
    if pixels.get("PhysicalSizeYUnit", "um") != unit_x and "PhysicalSizeY" in pixels.attrib:
        in_x, in_y = (calibrate(1, 1, unit, "OME") for unit in (unit_x, pixels.get("PhysicalSizeYUnit", "um")))
        size_y *= _in_nm(in_y) / _in_nm(in_x) if in_x.is_known and in_y.is_known else math.nan
    return calibrate(size_y, size_x, unit_x, "OME-XML")


def _imagej(at: Page) -> Calibration | None:
    header = at.tif.imagej_metadata if at.tif.is_imagej else None
    size = at.resolution()
    if not header or "unit" not in header or size is None:
        return None
    return calibrate(size[0], size[1], str(header["unit"]), "ImageJ header")


def _lsm(at: Page) -> Calibration | None:
    header = at.tif.lsm_metadata if at.tif.is_lsm else None
    return calibrate(header["VoxelSizeY"], header["VoxelSizeX"], "m", "Zeiss LSM header") if header else None


def _metamorph(at: Page) -> Calibration | None:
    header = at.tif.stk_metadata if at.tif.is_stk else None
    if not header or not header.get("SpatialCalibration") or "XCalibration" not in header:
        return None
    return calibrate(
        header["YCalibration"], header["XCalibration"], str(header.get("CalibrationUnits", "")), "MetaMorph header"
    )


def _pixels_per_centimetre(at: Page) -> Calibration | None:
    size = at.resolution()
    if at.tag(296) != _CENTIMETRE or size is None:
        return None
    if not 0 < max(size) * 1e4 < _SMALLEST_PRINTED_UM:
        return None
    return calibrate(
        size[0] * 1e4, size[1] * 1e4, "um", "TIFF resolution in pixels per centimetre",
        "the TIFF resolution is finer than any print, so it is taken as the pixel size",
    )  # fmt: skip


DIALECTS: tuple[Callable[[Page], Calibration | None], ...] = (
    _zeiss, _fei, _olympus_sis, _tvips, _jeol_sightx, _tescan, _digital_micrograph, _ome, _imagej, _lsm, _metamorph,
    _pixels_per_centimetre,
)  # fmt: skip


def channel_names(tif: Any, series: int) -> tuple[str, ...]:
    """Names of the channels of an OME series; empty for others."""
    pixels = _ome_pixels(tif, series)
    if pixels is None:
        return ()
    names = [channel.get("Name") for channel in pixels if channel.tag.endswith("}Channel")]
    return tuple(name for name in names if name) if len(names) > 1 and all(names) else ()


def metadata_of(tif: Any, page: Any) -> dict[str, Any]:
    """Collect what the makers' headers say, bounded and plain."""
    found: dict[str, Any] = {}
    for name, code in {"Zeiss": _ZEISS, "FEI": _FEI, "FEI Helios": _FEI_HELIOS, "Olympus SIS": _SIS}.items():
        tag = page.tags.get(code)
        if tag is not None:
            found[name] = tag.value
    if tif.is_tvips:
        found["TVIPS"] = tif.tvips_metadata
    if tif.is_imagej:
        found["ImageJ"] = {
            key: value for key, value in (tif.imagej_metadata or {}).items() if key not in {"Overlays", "LUTs", "ROI"}
        }
    for name, code in {"description": _DESCRIPTION, "make": _MAKE, "model": 272, "software": 305, "date": 306}.items():
        tag = page.tags.get(code)
        if tag is not None and isinstance(tag.value, str) and tag.value:
            found[name] = tag.value
    return dict(summarised(found))


def _ome_pixels(tif: Any, series: int) -> ElementTree.Element | None:
    """Return the Pixels element of an OME image."""
    if not tif.is_ome or not tif.ome_metadata:
        return None
    images = [item for item in ElementTree.fromstring(tif.ome_metadata) if item.tag.endswith("}Image")]
    if series >= len(images):
        return None
    return next((item for item in images[series] if item.tag.endswith("}Pixels")), None)


def _number_and_unit(field: Any) -> tuple[float, str] | None:
    """Take apart a Zeiss header field, ('Pixel Size', 5.825, 'nm')."""
    if not isinstance(field, tuple) or len(field) < 3 or not _is_number(field[1]):
        return None
    return (float(field[1]), str(field[2])) if field[1] > 0 else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _in_nm(one: Calibration) -> float:
    """Nanometres in what `calibrate` made of 1 unit."""
    return one.pixel_size[1] * {"pm": 1e-3, "nm": 1.0, "um": 1e3, "mm": 1e6, "m": 1e9}[one.unit]
