"""What the user gave, checked and completed: an image and settings in, pixels and windows to work on out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fftscape.compute.memory import in_words
from fftscape.model.arrays import BoolArray
from fftscape.model.errors import InvalidSettingError, OddImageWarning
from fftscape.model.image import Image
from fftscape.model.mapped import bands_of
from fftscape.model.notes import Notes
from fftscape.model.records import Spectra, WindowAdvice, WindowGrid
from fftscape.model.settings import PRESETS, Pair, Preset, Settings, as_pair, merged
from fftscape.stages import advisor
from fftscape.stages.windows import window_grid
from fftscape.usable import check_holds_data, picture_of

ArrayLike = npt.NDArray[Any]
WindowLike = int | tuple[int, int] | None

# So many of the smallest windows are looked at, at most: more would take longer than all the rest.
_MOST_FINEST = 1 << 15
# Of a pixel, in whatever unit; all lengths that there are lie between them.
_SMALLEST_SIZE, _LARGEST_SIZE = 1e-36, 1e36
# A pixel may be so many times as high as wide, or as wide as high.
_MOST_ELONGATED = 1e4
# Maps of all components, labels and what stages keep of each window; measured, and rounded down.
_BYTES_PER_WINDOW = 300


def as_image(image: Image | ArrayLike) -> Image:
    """Check an image, or wrap a bare array as an uncalibrated one.

    Parameters
    ----------
    image : Image or ndarray, shape (y, x)
        Real numbers.

    Returns
    -------
    Image
        The same image, or a copy of the array, named 'array'; masked entries become NaN.

    Raises
    ------
    InvalidSettingError
        If it is not two-dimensional, is empty, does not hold real numbers, or its pixels have no size.
    """
    if not isinstance(image, Image):
        # A copy: what the caller does to the array later must not change the result.
        image = Image(_as_array(image, "array", copy=True), name="array")
    elif type(image.data) not in (np.ndarray, np.memmap):
        image = replace(image, data=_as_array(image.data, image.name, copy=False))
    data = image.data
    if data.dtype.kind in "US" and data.ndim == 0:
        raise InvalidSettingError(f"{data} is a text, not an image; a file is opened by fftscape.read.")
    if data.ndim != 2 or 0 in data.shape:
        raise InvalidSettingError(
            f"{image.name}: an image has two axes (y, x) with at least one pixel each, not the shape {data.shape}; "
            "choose one frame or channel."
        )
    if data.dtype.kind not in "buif":
        raise InvalidSettingError(f"{image.name}: pixels must be real numbers, not {data.dtype}; convert them first.")
    if data.dtype.kind == "f" and data.dtype.itemsize > 8 and _exceeds_double(data):
        raise InvalidSettingError(
            f"{image.name}: some of its pixels are beyond the range of double precision (1.8e308); divide them first."
        )
    sizes = image.pixel_size
    if not _are_sizes(sizes):
        raise InvalidSettingError(
            f"{image.name}: pixel_size must be two positive numbers (y, x) from {_SMALLEST_SIZE:g} to "
            f"{_LARGEST_SIZE:g} that differ {_MOST_ELONGATED:g}-fold at most, not {sizes!r}; check the calibration."
        )
    return image


def _as_array(given: Any, name: str, *, copy: bool) -> ArrayLike:
    """Return plain numbers of whatever is like an array; masked ones become NaN."""
    try:
        if np.ma.isMaskedArray(given) and given.dtype.kind in "buif":
            return np.ma.filled(given.astype(np.float64), np.nan)
        # The class of an array must not decide what is computed.
        return np.array(given, copy=copy or None)
    except (ValueError, TypeError):
        raise InvalidSettingError(f"{name}: this is no array of numbers; all rows must be of one length.") from None


def _exceeds_double(data: ArrayLike) -> bool:
    largest = np.finfo(np.float64).max
    return any((np.isfinite(data[band]) & (np.abs(data[band]) > largest)).any() for band in bands_of(data))


def _are_sizes(sizes: Any) -> bool:
    """Tell whether these are a height and a width of which squares and ratios stay in range."""
    try:
        height, width = (float(size) for size in sizes)
    except (TypeError, ValueError):
        return False
    smaller, larger = sorted((height, width))
    return _SMALLEST_SIZE <= smaller <= larger <= min(_LARGEST_SIZE, _MOST_ELONGATED * smaller)


def suggest_window(image: Image | ArrayLike) -> WindowAdvice:
    """Suggest a window and step for an image.

    Parameters
    ----------
    image : Image or ndarray, shape (y, x)
        Real numbers; NaN and infinity mark pixels without data. Data bars and other things that
        were burned in are not looked at.

    Returns
    -------
    WindowAdvice
        About eight periods of the coarsest strong lattice where there is one, with the reasons.

    Raises
    ------
    InvalidSettingError
        If it is no image, holds no finite number, or is too small for any window.

    Examples
    --------
    >>> import fftscape as fs
    >>> fs.suggest_window(fs.synthetic.demo_scene().image).size
    (96, 96)
    """
    image = as_image(image)
    check_holds_data(image)
    return advisor.suggest_window(picture_of(image, keep_burned_in=False))


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
    if settings is not None and not isinstance(settings, Settings):
        raise InvalidSettingError(
            f"settings must be a Settings, not {type(settings).__name__}; "
            "fftscape.model.settings makes one of plain values: merged(Settings(), {...})."
        )
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


def with_windows(settings: Settings, image: Image, notes: Notes) -> tuple[Settings, Settings | None]:
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
    chosen : Settings
        Complete.
    finer : Settings or None
        The same with a smaller window, where the advisor named one that may do as well.

    Raises
    ------
    InvalidSettingError
        If a window must be chosen and the image is too small for any.
    """
    size, finer = settings.windows.size, None
    if size is None:
        advice = advisor.suggest_window(picture_of(image, keep_burned_in=settings.windows.keep_burned_in))
        size = advice.size
        finer = advice.finer if settings.rank.rule == "regions" and _bridges(settings.windows.step, advice) else None
        notes.add(f"Window {size[0]}x{size[1]} px chosen by the advisor: {'; '.join(advice.reasons)}.")
    if settings.windows.step is None:
        notes.add("Step of a quarter of the window.")
    return _completed(settings, size), None if finer is None else _completed(settings, finer)


def finest_windows(finer: Settings, shape: tuple[int, ...]) -> Settings | None:
    """Return settings with windows of half the size once more; None where these are too small, or too many for haste.

    Parameters
    ----------
    finer : Settings
        With window and step.
    shape : tuple of int
        Rows and columns of the image.

    Returns
    -------
    Settings or None
        Complete.
    """
    assert finer.windows.size is not None
    assert finer.windows.step is not None
    size = advisor.halved(finer.windows.size)
    if size is None:
        return None
    step = advisor.usual_step(size)
    if shape[0] // step[0] * (shape[1] // step[1]) > _MOST_FINEST:
        return None
    given = finer.windows.step
    return merged(finer, {"windows": {"size": size, "step": (min(step[0], given[0]), min(step[1], given[1]))}})


def _bridges(step: Pair | None, advice: WindowAdvice) -> bool:
    """Tell whether a step that the user gave leaves no gap between the finer windows."""
    return step is None or (advice.finer is not None and step[0] <= advice.finer[0] and step[1] <= advice.finer[1])


def _completed(settings: Settings, size: Pair) -> Settings:
    step = settings.windows.step or advisor.usual_step(size)
    return merged(settings, {"windows": {"size": size, "step": step}})


def least_memory(shape: Pair, settings: Settings) -> tuple[int, str]:
    """Return what an analysis takes at least, beside the image: what grows with the number of windows.

    Spectra are computed again where they do not fit in, so they do not count.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.
    settings : Settings
        What the user asked for.

    Returns
    -------
    n_bytes : int
        Reckoned low: more is needed than this, so that less cannot be enough.
    reason : str
        What it is for.
    """
    size = settings.windows.size
    # The advisor chooses no larger one.
    step = settings.windows.step or advisor.usual_step(size or (advisor.LARGEST, advisor.LARGEST))
    count = math.prod(max(1, length // every) for length, every in zip(shape, step, strict=True))
    return count * _BYTES_PER_WINDOW, f"{count:,} windows"


def check_memory(image: Image, settings: Settings, n_bytes: int) -> None:
    """Refuse an analysis that takes more memory than it may, whatever is computed again.

    Parameters
    ----------
    image : Image
        What is to be analysed.
    settings : Settings
        What the user asked for.
    n_bytes : int
        What the analysis may take beside the image.

    Raises
    ------
    InvalidSettingError
        With what it needs.
    """
    needed, reason = least_memory(image.shape, settings)
    if needed > n_bytes:
        raise InvalidSettingError(
            f"{image.name}: needs {in_words(needed)} at least for its {reason}, more than the memory of "
            f"{in_words(n_bytes)}; give a larger memory, a larger step, or a part of the image."
        )


def laid_grid(usable: BoolArray, settings: Settings, notes: Notes) -> WindowGrid:
    """Lay the windows of complete settings over the pixels that hold data.

    Parameters
    ----------
    usable : ndarray of bool, shape (y, x)
        False for pixels that hold no data, see `usable_pixels`.
    settings : Settings
        With window and step filled in.
    notes : Notes
        Told about windows that take no part.

    Returns
    -------
    WindowGrid
        With at least one valid window.

    Raises
    ------
    InvalidSettingError
        If the window does not fit.
    """
    size, step = settings.windows.size, settings.windows.step
    assert size is not None
    assert step is not None
    grid = window_grid(usable, size, step)
    if step[0] > size[0] or step[1] > size[1]:
        notes.warn(
            f"The step {step[0]}x{step[1]} is larger than the window {size[0]}x{size[1]}: "
            "what lies between the windows is not looked at.",
            OddImageWarning,
        )
    if not grid.valid.all():
        notes.warn(
            f"{grid.valid.size - grid.n_valid} of {grid.valid.size} windows hold pixels without data "
            "(NaN, infinite or left out) and take no part.",
            OddImageWarning,
        )
    return grid


def check_number(settings: Settings, spectra: Spectra) -> None:
    """Refuse more components than there are windows to tell them apart, or frequencies to describe them.

    Parameters
    ----------
    settings : Settings
        What the user asked for.
    spectra : Spectra
        What there is.

    Raises
    ------
    InvalidSettingError
        If the number of components was given and is larger.
    """
    wanted, most = settings.rank.n_components, min(spectra.shape)
    if wanted != "auto" and wanted > most:
        raise InvalidSettingError(
            f"n_components is {wanted}, but {spectra.grid.n_valid} windows of {spectra.grid.size[0]}x"
            f"{spectra.grid.size[1]} pixels allow {most} at most; choose fewer, or a smaller step."
        )
