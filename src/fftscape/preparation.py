"""What the user gave, checked and completed: an image and settings in, pixels and windows to work on out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import BoolArray
from fftscape.model.errors import FftscapeWarning, InvalidSettingError, OddImageWarning
from fftscape.model.image import Image
from fftscape.model.records import WindowGrid
from fftscape.model.settings import PRESETS, Preset, Settings, as_pair, merged
from fftscape.stages.advisor import suggest_window, usual_step
from fftscape.stages.windows import window_grid

ArrayLike = npt.NDArray[Any]
WindowLike = int | tuple[int, int] | None


class Notes(list[str]):
    """What a reader of the result must know; what deserves attention is given as a warning as well."""

    def __init__(self, sentences: Iterable[str] = ()) -> None:
        super().__init__(sentences)
        self._warnings: list[tuple[str, type[FftscapeWarning]]] = []

    def warn(self, sentence: str, category: type[FftscapeWarning]) -> None:
        """Note a sentence that is to be given as a warning."""
        self.append(sentence)
        self._warnings.append((sentence, category))

    def give_warnings(self) -> None:
        """Warn the caller of the function that calls this."""
        for sentence, category in self._warnings:
            warnings.warn(sentence, category, stacklevel=3)


def as_image(image: Image | ArrayLike) -> Image:
    """Check an image, or wrap a bare array as an uncalibrated one.

    Parameters
    ----------
    image : Image or ndarray, shape (y, x)
        Real numbers.

    Returns
    -------
    Image
        The same image, or a new one named 'array'.

    Raises
    ------
    InvalidSettingError
        If it is not two-dimensional, is empty or does not hold real numbers.
    """
    if not isinstance(image, Image):
        image = Image(np.asarray(image), name="array")
    data = image.data
    if data.ndim != 2 or 0 in data.shape:
        raise InvalidSettingError(
            f"{image.name}: an image has two axes (y, x) with at least one pixel each, not the shape {data.shape}; "
            "choose one frame or channel."
        )
    if data.dtype.kind not in "buif":
        raise InvalidSettingError(f"{image.name}: pixels must be real numbers, not {data.dtype}; convert them first.")
    return image


def resolve_settings(
    *,
    window: WindowLike = None,
    step: WindowLike = None,
    n_components: int | Literal["auto"] | None = None,
    preset: Preset | None = None,
    settings: Settings | None = None,
) -> Settings:
    """Merge arguments over a preset or given settings; parameters as in `analyze`.

    Returns
    -------
    Settings
        Validated.

    Raises
    ------
    InvalidSettingError
        If a value is not allowed, or `preset` and `settings` are both given.
    """
    if preset is not None and settings is not None:
        raise InvalidSettingError("Give either preset or settings, not both: settings already carry their preset.")
    if preset is not None and preset not in PRESETS:
        raise InvalidSettingError(f"preset must be one of {', '.join(PRESETS)}, not {preset!r}.")
    base = settings if settings is not None else PRESETS[preset or "default"]
    changes: dict[str, dict[str, Any]] = {"windows": {}, "rank": {}}
    if window is not None:
        changes["windows"]["size"] = as_pair(window, "window")
    if step is not None:
        changes["windows"]["step"] = as_pair(step, "step")
    if n_components is not None:
        # NumPy's whole numbers count as such; the settings say what else is wrong.
        changes["rank"]["n_components"] = int(n_components) if isinstance(n_components, np.integer) else n_components
    return merged(base, changes)


def with_windows(settings: Settings, image: Image, notes: Notes) -> Settings:
    """Fill in window and step where the user left them out.

    Parameters
    ----------
    settings : Settings
        What the user asked for.
    image : Image
        What the advisor looks at.
    notes : Notes
        Told what was chosen and why.

    Returns
    -------
    Settings
        Complete.

    Raises
    ------
    InvalidSettingError
        If a window must be chosen and the image is too small for any.
    """
    size, step = settings.windows.size, settings.windows.step
    if size is None:
        advice = suggest_window(image)
        size = advice.size
        notes.append(f"Window {size[0]}x{size[1]} px chosen by the advisor: {'; '.join(advice.reasons)}.")
    if step is None:
        step = usual_step(size)
        notes.append(f"Step {step[0]}x{step[1]} px: a quarter of the window.")
    return merged(settings, {"windows": {"size": size, "step": step}})


def laid_grid(image: Image, settings: Settings, notes: Notes) -> WindowGrid:
    """Lay the windows of complete settings over the pixels that hold data.

    Parameters
    ----------
    image : Image
        What to lay them over.
    settings : Settings
        With window and step filled in.
    notes : Notes
        Told about constant images and about windows that take no part.

    Returns
    -------
    WindowGrid
        With at least one valid window.

    Raises
    ------
    InvalidSettingError
        If no pixel is finite, or the window does not fit.
    """
    size, step = settings.windows.size, settings.windows.step
    assert size is not None
    assert step is not None
    grid = window_grid(_usable_pixels(image, notes), size, step)
    if not grid.valid.all():
        notes.warn(
            f"{grid.valid.size - grid.n_valid} of {grid.valid.size} windows hold pixels without data "
            "(NaN or infinite) and take no part.",
            OddImageWarning,
        )
    return grid


def _usable_pixels(image: Image, notes: Notes) -> BoolArray:
    usable: BoolArray = np.isfinite(image.data)
    if not usable.any():
        raise InvalidSettingError(f"{image.name}: no pixel holds a finite number, so there is nothing to analyse.")
    known = image.data[usable]
    if known.min() == known.max():
        notes.warn(f"{image.name}: all pixels are equal, so there is no structure to find.", OddImageWarning)
    return usable
