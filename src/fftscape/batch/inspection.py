"""Look at a file without analysing it: what it holds, what `run` would take, which window and step."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fftscape.batch.outcome import by
from fftscape.batch.reasons import without_name
from fftscape.files import formats
from fftscape.files.formats import ImageInfo
from fftscape.model.errors import InvalidSettingError
from fftscape.model.image import PIXEL_UNIT
from fftscape.model.records import WindowAdvice
from fftscape.preparation import suggest_window
from fftscape.usable import find_burned_in


@dataclass(frozen=True)
class Inspection:
    """What a file holds and how `run` would treat it.

    Parameters
    ----------
    path : Path
        The file.
    images : tuple of ImageInfo
        Every image in it; the one that `run` takes has `is_default` set.
    advice : WindowAdvice or None
        Window and step that `run` would choose for that one; None where it is too small for any.
    remarks : tuple of str
        What reading noticed, and why there is no advice.
    """

    path: Path
    images: tuple[ImageInfo, ...]
    advice: WindowAdvice | None
    remarks: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield what the screen shows."""
        count = len(self.images)
        yield f"{self.path}: {count} image{'s' if count != 1 else ''}"
        width = max(len(repr(info.channel)) for info in self.images)
        for info in self.images:
            mark = "*" if info.is_default else " "
            yield f"  {mark} {info.index} {info.channel!r:{width}}  {_described(info)}"
        if count > 1:
            yield "    (* = what run takes; --channel takes another one)"
        for remark in self.remarks:
            yield f"    {remark}"
        if self.advice is not None:
            size, step = by(self.advice.size), by(self.advice.step)
            yield f"    suggested: --window {size} --step {step}: {'; '.join(self.advice.reasons)}"
            if self.advice.finer is not None:
                finer = by(self.advice.finer)
                yield f"    without --window, run takes {finer} instead if that shows as many structures, two or more"

    def plain(self) -> dict[str, Any]:
        """Return the same as plain values for machines."""
        return {
            "path": str(self.path),
            "images": [asdict(info) for info in self.images],
            "window": None if self.advice is None else self.advice.size,
            "step": None if self.advice is None else self.advice.step,
            "finer_window": None if self.advice is None else self.advice.finer,
            "reasons": () if self.advice is None else self.advice.reasons,
            "remarks": self.remarks,
        }


def inspect(path: Path) -> Inspection:
    """Look at one file.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    UnreadableFileError, BackendUnavailableError
        As in `formats.read`.
    """
    images = formats.list_images(path)
    with warnings.catch_warnings():
        # A library's remark on a file is not the user's business; what matters is in the notes.
        warnings.simplefilter("ignore")
        image = formats.read(path)
    chosen = next(info for info in images if info.is_default)
    remarks = [note for info in images for note in info.notes] if len(images) == 1 else list(chosen.notes)
    remarks += [note for note in image.notes if note not in remarks and "--channel" not in note]
    burned_in = find_burned_in(image, keep_burned_in=False)
    remarks += () if burned_in is None else burned_in.sentences
    advice = None
    try:
        advice = suggest_window(image)
    except InvalidSettingError as error:
        remarks.append(without_name(str(error), path))
    return Inspection(path, images, advice, tuple(remarks))


def _described(info: ImageInfo) -> str:
    rows, columns = info.shape
    frames = f", {info.n_frames} frames" if info.n_frames > 1 else ""
    if info.unit == PIXEL_UNIT:
        return f"{rows} x {columns} {info.dtype}{frames}, no pixel size"
    height, width = info.pixel_size
    size = f"{width:.6g}" if height == width else f"{height:.6g} x {width:.6g}"
    return f"{rows} x {columns} {info.dtype}{frames}, pixel {size} {info.unit} ({info.calibration_source})"
