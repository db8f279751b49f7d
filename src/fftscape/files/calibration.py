"""Units and pixel sizes: text from a file or a user in, a `Calibration` in one of a few units out.

A calibration is only believed where its unit is a length or an inverse length. Lengths come out in
pm, nm, um, mm or m; angstroms become nm, and a pixel that is awkward in its unit (5e-9 m, 0.001 um)
is said in the unit that people would use. Inverse lengths stay inverse.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from fftscape.model.errors import InvalidSettingError
from fftscape.model.image import PIXEL_UNIT, UNCALIBRATED

GIVEN_BY_USER = "--pixel-size"

_NANOMETRES = {"pm": 1e-3, "nm": 1.0, "um": 1e3, "mm": 1e6, "m": 1e9}
_CONVERTED = {"angstrom": ("nm", 0.1), "cm": ("mm", 10.0), "fm": ("pm", 1e-3)}
_SPELLINGS = {
    "a": "angstrom", "å": "angstrom", "ang": "angstrom", "angstroms": "angstrom", "ångström": "angstrom",
    "micron": "um", "microns": "um", "micrometer": "um", "micrometers": "um", "micrometre": "um", "micrometres": "um",
    "nanometer": "nm", "nanometers": "nm", "nanometre": "nm", "nanometres": "nm",
    "picometer": "pm", "picometre": "pm", "millimeter": "mm", "millimetre": "mm", "centimeter": "cm",
    "centimetre": "cm", "meter": "m", "metre": "m", "meters": "m", "metres": "m",
}  # fmt: skip
_NO_UNIT = frozenset({"", "px", "pixel", "pixels", "pix", "none", "<undefined>", "undefined", "unknown", "points"})
_INVERSE = re.compile(r"^(?:1/(?P<over>.+)|(?P<power>.+?)(?:\^?-1|⁻¹))$")
_PIXEL_SIZE = re.compile(
    r"""^\s*(?P<y>[0-9.,]+(?:e[+-]?\d+)?)
        (?:\s*[x×]\s*(?P<x>[0-9.,]+(?:e[+-]?\d+)?))?
        \s*(?P<unit>[^\d\s.,].*|1\s*/.+?)\s*$""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Calibration:
    """The size of a pixel and where it is known from.

    Parameters
    ----------
    pixel_size : tuple of float
        Height and width in `unit`, (y, x).
    unit : str
        'pm', 'nm', 'um', 'mm', 'm', one of these after '1/', or 'px'.
    source : str
        For people to judge ('Zeiss tag 34118').
    notes : tuple of str
        What was odd about it.
    """

    pixel_size: tuple[float, float] = (1.0, 1.0)
    unit: str = PIXEL_UNIT
    source: str = UNCALIBRATED
    notes: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether there is a physical unit."""
        return self.unit != PIXEL_UNIT


def normal_unit(text: str) -> str:
    r"""Return one spelling for a unit of length; other text comes back stripped.

    Examples
    --------
    >>> [normal_unit(text) for text in ("µm", "\\u00B5m", "micron", "[n_m]", "Å", "1 / nm", "nm^-1", "pixel", "mrad")]
    ['um', 'um', 'um', 'nm', 'angstrom', '1/nm', '1/nm', 'px', 'mrad']
    """
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match.group(1), 16)), str(text))
    text = text.strip().strip("\0").strip("[]()\"'").replace("_", "").replace(" ", "")
    text = re.sub("[\u00b5\u03bc]", "u", text)
    if text.lower() in _NO_UNIT:
        return PIXEL_UNIT
    inverse = _INVERSE.match(text)
    if inverse:
        return "1/" + normal_unit(inverse["over"] or inverse["power"])
    if text in _NANOMETRES:
        return text
    lowered = text.lower()
    return _SPELLINGS.get(lowered, lowered if lowered in {"nm", "um", "pm", "cm", "angstrom"} else text)


def calibrate(size_y: float, size_x: float, unit: str, source: str, *notes: str) -> Calibration:
    """Judge a pixel size that a file gives.

    Parameters
    ----------
    size_y, size_x : float
        Height and width of a pixel in `unit`.
    unit : str
        As spelt in the file.
    source : str
        Where it was found.
    *notes : str
        Carried over into the calibration.

    Returns
    -------
    Calibration
        Uncalibrated, with a note that says why, where the numbers or the unit make no sense.

    Examples
    --------
    >>> calibrate(5e-9, 5e-9, "m", "header")
    Calibration(pixel_size=(5.0, 5.0), unit='nm', source='header', notes=())
    >>> calibrate(0.0093, 0.0093, "", "header").unit
    'px'
    """
    size_y, size_x = abs(float(size_y)), abs(float(size_x))
    unit = normal_unit(unit)
    if not (0 < size_y < math.inf and 0 < size_x < math.inf):
        return Calibration(notes=notes)
    if unit == PIXEL_UNIT:
        if size_y == size_x == 1:
            return Calibration(notes=notes)
        scale = f"{size_y:.6g}" if size_y == size_x else f"{size_y:.6g} x {size_x:.6g} (y x x)"
        found = f"a scale of {scale} per pixel without a unit ({source}) is not used; give --pixel-size"
        return Calibration(notes=(*notes, found))
    inverse = unit.startswith("1/")
    base = unit.removeprefix("1/")
    base, factor = _CONVERTED.get(base, (base, 1.0))
    if base not in _NANOMETRES:
        found = f"a scale of {size_y:.6g} {unit} per pixel ({source}) is not a length and not used"
        return Calibration(notes=(*notes, found))
    if inverse:
        size_y, size_x, base = _readable_inverse(size_y / factor, size_x / factor, base)
        return Calibration((size_y, size_x), f"1/{base}", source, notes)
    size_y, size_x, base = _readable(size_y * factor, size_x * factor, base)
    return Calibration((size_y, size_x), base, source, notes)


def _readable(size_y: float, size_x: float, unit: str) -> tuple[float, float, str]:
    """Change a length's unit where the number would be hard to read (pm is never chosen: lattices are said in nm)."""
    if 0.01 <= size_x < 1000:
        return size_y, size_x, unit
    width = size_x * _NANOMETRES[unit]
    chosen = "nm" if width < 1e3 else "um" if width < 1e6 else "mm" if width < 1e9 else "m"
    factor = _NANOMETRES[unit] / _NANOMETRES[chosen]
    return _rounded(size_y * factor), _rounded(size_x * factor), chosen


def _readable_inverse(size_y: float, size_x: float, unit: str) -> tuple[float, float, str]:
    """Say inverse metres and millimetres as 1/nm; inverse um and pm stay."""
    if unit not in {"m", "mm"}:
        return size_y, size_x, unit
    return _rounded(size_y / _NANOMETRES[unit]), _rounded(size_x / _NANOMETRES[unit]), "nm"


def _rounded(value: float) -> float:
    """Drop the last digits that a change of unit leaves behind (5.000000000000001)."""
    return float(f"{value:.14g}")


def parse_pixel_size(text: str) -> Calibration:
    """Read what a user gives as pixel size: '0.02 nm', or '0.02x0.03 nm' for height x width.

    Raises
    ------
    InvalidSettingError
        If it is not a positive number with a unit of length.

    Examples
    --------
    >>> parse_pixel_size("0.02x0.03 nm")
    Calibration(pixel_size=(0.02, 0.03), unit='nm', source='--pixel-size', notes=())
    """
    match = _PIXEL_SIZE.match(str(text))
    if match:
        try:
            size_y = float(match["y"].replace(",", "."))
            size_x = float((match["x"] or match["y"]).replace(",", "."))
        except ValueError:
            size_y = size_x = 0.0
        given = calibrate(size_y, size_x, match["unit"], GIVEN_BY_USER)
        if given.is_known:
            return given
    raise InvalidSettingError(
        f"{text!r} is not a pixel size; give a positive number with a unit of length, "
        "like '0.02 nm', or height x width, like '0.02x0.03 nm' (pm, nm, um, mm, m, angstrom, 1/nm)"
    )


def rescaled(
    size: float, header_shape: tuple[float, float], shape: tuple[int, int], unit: str, source: str
) -> Calibration:
    """Judge a pixel size whose header speaks of an image of another size.

    Microscopes can save a smaller copy under the header of the full image. The copy shows the whole
    field, so its pixels are larger by the same factor along both axes; a cropped image keeps its
    pixels. A data bar may add rows, so the factors may differ by an eighth.

    Parameters
    ----------
    size : float
        Pixel size in the header, in `unit`.
    header_shape : tuple of float
        Rows and columns that the header speaks of.
    shape : tuple of int
        Rows and columns of the image in the file.
    unit, source : str
        As in `calibrate`.
    """
    factor_y, factor_x = header_shape[0] / shape[0], header_shape[1] / shape[1]
    if abs(factor_x - 1) < 0.005:
        return calibrate(size, size, unit, source)
    sizes = f"the header's {size:.6g} {unit} per pixel is for {header_shape[1]:.0f} columns, the file has {shape[1]}"
    if abs(factor_y / factor_x - 1) < 0.125:
        size *= factor_x
        return calibrate(size, size, unit, f"{source}, scaled to the saved size", f"{sizes}; it is scaled to fit")
    return calibrate(size, size, unit, source, f"{sizes}; it is kept, as for a cropped image")
