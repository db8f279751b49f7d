"""PNG, JPEG and other pictures that Pillow opens; they never carry a calibration of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.files.entry import ALPHA, RGB, Entry
from fftscape.files.guards import check_claim
from fftscape.files.pixels import looked_up
from fftscape.model.errors import UnreadableFileError

# Only these: others of Pillow's formats start helper programs or are never microscope images.
_PILLOW_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "JPEG2000")
_PNG = b"\x89PNG\r\n\x1a\n"
_GREY_MODES = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_BITS = {"1": 1, "L": 8, "P": 8, "LA": 16, "RGB": 24, "RGBA": 32, "CMYK": 32, "I": 32, "F": 32}


def read_raster(path: Path) -> list[Entry]:
    """List the picture of a PNG, JPEG, BMP, GIF, WebP, PNM or JPEG 2000 file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of Entry
        One; the frames of an animation are its frames.
    """
    with _open(path) as picture:
        shape = (picture.height, picture.width)
        n_bytes = shape[0] * shape[1] * _BITS.get(picture.mode, 16) // 8
        check_claim(path, shape, n_bytes, path.stat().st_size, packed=picture.format not in ("BMP", "PPM"))
        turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        dtype, samples, notes = _kind(picture)
        n_frames = int(getattr(picture, "n_frames", 1))
        metadata = {"format": str(picture.format), "mode": str(picture.mode)}

    def load(frame: int) -> npt.NDArray[Any]:
        if deep:
            return _deep_png(path)
        with _open(path) as again:
            again.seek(frame)
            return _pixels(again)

    deep = _is_deep_png(path)
    shape = shape[::-1] if turned else shape
    entry = Entry("image", shape, dtype, load, n_frames, samples, metadata=metadata, notes=notes)
    return [replace(entry, dtype="uint16", samples=_deep_samples(path)) if deep else entry]


def _open(path: Path) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(path, formats=_PILLOW_FORMATS)
    except Image.DecompressionBombError as error:
        raise UnreadableFileError(
            f"{path}: its header claims more pixels than Pillow opens safely; if they are real, save it as TIFF"
        ) from error
    except UnidentifiedImageError as error:
        raise UnreadableFileError(f"{path}: is not a picture that can be identified; it may be damaged") from error


def _kind(picture: Any) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Describe what `_pixels` will return for a picture: type, samples, notes."""
    mode = picture.mode
    if mode in _GREY_MODES:
        return {"1": "uint8", "L": "uint8", "I": "int32", "F": "float32"}.get(mode, "uint16"), (), ()
    if mode == "LA":
        return "uint8", ("grey", ALPHA), ()
    if mode == "P":
        return "uint8", (), ("palette image: its colours are looked up",)
    notes = () if mode in ("RGB", "RGBA", "RGBX") else (f"{mode} colours converted to RGB",)
    return "uint8", (*RGB, ALPHA) if mode == "RGBA" else RGB, notes


def _pixels(picture: Any) -> npt.NDArray[Any]:
    """Decode one frame, upright, shape (y, x) or (y, x, sample)."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(picture)
    if upright.mode == "P":
        palette = np.array(upright.getpalette("RGB"), np.uint8).reshape(-1, 3)
        full = np.zeros((256, 3), np.uint8)
        full[: len(palette)] = palette
        return looked_up(np.asarray(upright), full)
    if upright.mode in _GREY_MODES or upright.mode in ("LA", "RGB", "RGBA"):
        return np.asarray(upright)
    return np.asarray(upright.convert("RGB"))


def _is_deep_png(path: Path) -> bool:
    """Whether a PNG has 16-bit colour, which Pillow would cut to 8 bits."""
    with path.open("rb") as stream:
        head = stream.read(26)
    return len(head) == 26 and head.startswith(_PNG) and head[24] == 16 and head[25] in (2, 4, 6)


def _deep_samples(path: Path) -> tuple[str, ...]:
    with path.open("rb") as stream:
        kind = stream.read(26)[25]
    return {2: RGB, 4: ("grey", ALPHA), 6: (*RGB, ALPHA)}[kind]


def _deep_png(path: Path) -> npt.NDArray[Any]:
    import imagecodecs

    return np.asarray(imagecodecs.png_decode(path.read_bytes()))
