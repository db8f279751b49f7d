"""What readers hand out: one `Entry` for each image that a file holds, with its pixels not yet read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.files.calibration import Calibration

RGB = ("red", "green", "blue")
ALPHA = "alpha"
# The name of an image that is the only one of its file: its channels need no name in front of theirs.
ONLY_IMAGE = "image"

# Takes one index for each leading axis, returns the pixels of one image.
Take = Callable[[tuple[int, ...]], npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Entry:
    """One image, or one stack of equal images, inside a file.

    Parameters
    ----------
    name : str
        What people choose it by.
    shape : tuple of int
        Rows and columns.
    dtype : str
        Type of the values as stored.
    load : callable
        Takes a frame number from 0, returns an array of shape (y, x) or (y, x, sample).
    n_frames : int
        Number of frames.
    samples : tuple of str
        Names of the colour samples; empty where `load` returns (y, x).
    calibration : Calibration
        Pixel size.
    metadata : mapping
        What the file says about the image, plain values only.
    notes : tuple of str
        What was noticed, besides the calibration's own notes.
    is_copy : bool
        True for thumbnails and renderings, which give way to the data they were made from.
    """

    name: str
    shape: tuple[int, int]
    dtype: str
    load: Callable[[int], npt.NDArray[Any]]
    n_frames: int = 1
    samples: tuple[str, ...] = ()
    calibration: Calibration = field(default_factory=Calibration)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    is_copy: bool = False

    @property
    def is_colour(self) -> bool:
        """Whether it has more than one sample that is not transparency."""
        return len([name for name in self.samples if name != ALPHA]) > 1

    def sample(self, index: int) -> Entry:
        """Return one colour sample as an image of its own."""
        return replace(self, name=self.samples[index], samples=(), load=lambda frame: self.load(frame)[..., index])


@dataclass(frozen=True, eq=False)
class Common:
    """What the images that are cut from one array share; the fields are those of `Entry`."""

    name: str
    dtype: str
    samples: tuple[str, ...] = ()
    calibration: Calibration = field(default_factory=Calibration)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    is_copy: bool = False


@dataclass(frozen=True)
class Axes:
    """Names and lengths of an array's axes, slowest first.

    Parameters
    ----------
    names : str
        One letter each; 'Y' and 'X' are the image, 'C' channels, 'S' colour samples, all others frames.
    lengths : tuple of int
        One for each letter.
    channels : tuple of str
        Names of the channels, as far as they are known.
    """

    names: str
    lengths: tuple[int, ...]
    channels: tuple[str, ...] = ()

    def length(self, name: str) -> int:
        """Length of an axis, 1 where there is none of that name."""
        return dict(zip(self.names, self.lengths, strict=True)).get(name, 1)


def entries_along(axes: Axes, take: Take, base: Common) -> list[Entry]:
    """Cut an array with named axes into one entry for each channel.

    Parameters
    ----------
    axes : Axes
        The array's axes; 'Y' and 'X' must be among them.
    take : callable
        Takes one index for each axis but Y, X and S, in the order of `axes`, and returns the pixels,
        shape (y, x) or (y, x, sample).
    base : Common
        What all of them share; several channels get names of their own.

    Returns
    -------
    list of Entry
        In the order of the channels.
    """
    leading = [(name, n) for name, n in zip(axes.names, axes.lengths, strict=True) if name not in "YXS"]
    running = [n for name, n in leading if name != "C"]
    notes = base.notes
    if sum(n > 1 for n in running) > 1:
        spelt = " x ".join(f"{name} ({n})" for name, n in leading if name != "C" and n > 1)
        notes = (*notes, f"the frames run over several axes, {spelt}, the last one fastest")

    def loader(channel: int) -> Callable[[int], npt.NDArray[Any]]:
        def load(frame: int) -> npt.NDArray[Any]:
            position = iter(np.unravel_index(frame, running) if running else ())
            return take(tuple(channel if name == "C" else int(next(position)) for name, _ in leading))

        return load

    n_channels = axes.length("C")
    names = [*axes.channels[:n_channels], *(f"channel {k}" for k in range(len(axes.channels), n_channels))]
    if base.name != ONLY_IMAGE and n_channels > 1:
        names = [f"{base.name} {name}" for name in names]
    shape, n_frames = (axes.length("Y"), axes.length("X")), int(np.prod(running, dtype=np.int64))
    return [
        Entry(
            names[k] if n_channels > 1 or axes.channels else base.name, shape, base.dtype, loader(k), n_frames,
            base.samples, base.calibration, base.metadata, notes, base.is_copy,
        )
        for k in range(n_channels)
    ]  # fmt: skip


def array_entries(shape: Sequence[int], take: Take, base: Common) -> list[Entry]:
    """Cut an array without named axes: the last two are the image, or the two before three or four colour samples.

    Parameters
    ----------
    shape : sequence of int
        Of the whole array.
    take : callable
        As in `entries_along`.
    base : Common
        As in `entries_along`.

    Returns
    -------
    list of Entry
        Empty where the array has fewer than two axes; one entry otherwise.
    """
    shape = tuple(int(n) for n in shape)
    colour = len(shape) > 2 and shape[-1] in (3, 4) and min(shape[-3:-1]) > 4
    tail = "YXS" if colour else "YX"
    if len(shape) < 2 or 0 in shape:
        return []
    base = replace(base, samples=(*RGB, ALPHA)[: shape[-1]] if colour else ())
    names = "".join(chr(ord("a") + k) for k in range(len(shape) - len(tail))) + tail
    return entries_along(Axes(names, shape), take, base)


def summarised(value: Any, depth: int = 5) -> Any:
    """Turn metadata of any kind into a bounded tree of str, int, float, bool, None, list and dict.

    Examples
    --------
    >>> summarised({"a": np.float32(0.5), 3: (1, b"raw"), "when": np.datetime64("2020-01-01")})
    {'a': 0.5, '3': [1], 'when': '2020-01-01'}
    """
    if isinstance(value, np.generic):
        value = value.item() if value.dtype.kind in "biufSU" else str(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if isinstance(value, str):
        return value if len(value) <= 500 else value[:500] + " ..."
    if depth == 0:
        return summarised(str(value))
    if isinstance(value, Mapping):
        kept = list(value.items())[:400]
        return {str(key): summarised(item, depth - 1) for key, item in kept if not isinstance(item, bytes)}
    if isinstance(value, np.ndarray):
        value = value.ravel()[:32].tolist()
    if isinstance(value, list | tuple | set):
        return [summarised(item, depth - 1) for item in list(value)[:32] if not isinstance(item, bytes)]
    return summarised(str(value))
