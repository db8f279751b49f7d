"""Where arrays of spectra live: NumPy here, or PyTorch or CuPy on an accelerator; the only place that knows these."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast, get_args

import numpy as np
import numpy.typing as npt

from fftscape.compute.half_plane import half_plane_weights
from fftscape.compute.pixels import Scale
from fftscape.compute.tapers import profile
from fftscape.compute.transform import ROUNDING
from fftscape.model.arrays import FloatArray, IntArray
from fftscape.model.errors import BackendUnavailableError, InvalidSettingError
from fftscape.model.records import WindowGrid
from fftscape.model.settings import Backend, Scaling, SpectraSettings

# Pixels of windows that are transformed together; their spectra take about twice as many bytes each.
_CHUNK_PIXELS = 1 << 26


class Device:
    """Arrays of one library, with the few things in which the libraries differ.

    Parameters
    ----------
    name : {'torch', 'cupy'}
        The library, on the accelerator that it uses by itself or, where there is none, on the processor.

    Raises
    ------
    BackendUnavailableError
        If it is not installed.
    """

    def __init__(self, name: Backend) -> None:
        try:
            self.xp: Any = importlib.import_module(name)
        except ImportError as error:
            raise BackendUnavailableError(
                f"the backend {name!r} needs a library that is not installed; install {name} as its own page says."
            ) from error
        self.name = name
        self._place = "cuda" if name == "torch" and self.xp.cuda.is_available() else "cpu"

    @property
    def version(self) -> str:
        """Version of the library, and where its arrays lie."""
        place = self.xp.cuda.get_device_name() if self._place == "cuda" else "" if self.name == "cupy" else "processor"
        return f"{self.xp.__version__} {place}".strip()

    def put(self, array: npt.NDArray[Any]) -> Any:
        """Bring an array of numbers onto the device, as float32."""
        exact = np.ascontiguousarray(array, np.float32)
        return self.xp.asarray(exact) if self.name == "cupy" else self.xp.tensor(exact, device=self._place)

    def indices(self, array: IntArray) -> Any:
        """Bring indices onto the device."""
        return self.xp.asarray(array) if self.name == "cupy" else self.xp.tensor(array, device=self._place)

    def get(self, array: Any) -> npt.NDArray[Any]:
        """Bring an array back."""
        return np.asarray(array.get() if self.name == "cupy" else array.cpu())

    def windows(self, pixels: Any, size: tuple[int, int]) -> Any:
        """View all windows of an image, shape (top, left, y, x), without copying any."""
        if self.name == "torch":
            return pixels.unfold(0, size[0], 1).unfold(1, size[1], 1)
        return self.xp.lib.stride_tricks.sliding_window_view(pixels, size)


@lru_cache(maxsize=4)
def device(name: Backend) -> Device:
    """Return the device of a library, loaded once."""
    return Device(name)


def checked(name: str, option: str) -> Backend:
    """Return the name of a backend that is there.

    Parameters
    ----------
    name : str
        What was asked for.
    option : str
        How it was asked for, for the message.

    Raises
    ------
    InvalidSettingError
        If there is no such backend.
    BackendUnavailableError
        If its library is not installed.
    """
    if name not in get_args(Backend):
        raise InvalidSettingError(f"{option} must be one of {', '.join(get_args(Backend))}, not {name!r}.")
    if name != "numpy":
        device(cast(Backend, name))
    return cast(Backend, name)


@dataclass(frozen=True, eq=False)
class Block:
    """Spectra of some windows, wherever they are, and what is computed of them; NumPy arrays enter and leave.

    Parameters
    ----------
    values : array, shape (window, feature)
        Of NumPy or of the device's library, float32.
    device : Device or None
        None for NumPy.
    """

    values: Any
    device: Device | None = None

    def times(self, matrix: FloatArray) -> FloatArray:
        """Return ``values @ matrix``."""
        return self._back(self.values @ self._there(matrix))

    def sums(self, weights: FloatArray) -> FloatArray:
        """Return ``weights.T @ values``."""
        return self._back(self._there(weights).T @ self.values)

    def energies(self) -> FloatArray:
        """Return the squared norm of each spectrum."""
        return self._norms(self.values)

    def left(self, chosen: IntArray, weights: FloatArray, factors: FloatArray) -> FloatArray:
        """Return the squared norm of some spectra, each less its row of ``weights @ factors``."""
        values = self.values[chosen if self.device is None else self.device.indices(chosen)]
        return self._norms(values - self._there(weights) @ self._there(factors))

    def _norms(self, values: Any) -> FloatArray:
        if self.device is None:
            return np.asarray(np.einsum("ij,ij->i", values, values))
        return self._back((values * values).sum(1))

    def _there(self, array: FloatArray) -> Any:
        return array.astype(np.float32) if self.device is None else self.device.put(array)

    def _back(self, array: Any) -> FloatArray:
        return np.asarray(array) if self.device is None else self.device.get(array)


_SCALINGS: Mapping[Scaling, Callable[[Any, Any], Any]] = {
    "amplitude": lambda xp, power: xp.sqrt(power),
    "sqrt": lambda xp, power: xp.sqrt(xp.sqrt(power)),
    "log": lambda xp, power: xp.log1p(xp.sqrt(power)),
}


def transformed(data: npt.NDArray[Any], grid: WindowGrid, settings: SpectraSettings, scale: Scale, on: Device) -> Any:
    """Compute the spectra of a grid's valid windows on a device.

    Parameters
    ----------
    data : ndarray, shape (y, x)
        Pixel values of any real dtype.
    grid : WindowGrid
        Where the windows lie.
    settings : SpectraSettings
        How spectra are made.
    scale : Scale
        Of the whole image.
    on : Device
        Where.

    Returns
    -------
    array of float32, shape (n_valid, feature)
        On the device; those of `fftscape.compute.transform` but for rounding.
    """
    height, width = grid.size
    first, last = int(grid.origins_y[0]), int(grid.origins_y[-1]) + height
    pixels = on.put(scale.normalised(data[first:last]))
    rows, columns = np.nonzero(grid.valid)
    tops, lefts = grid.origins_y[rows] - first, grid.origins_x[columns]
    windows, many = on.windows(pixels, grid.size), max(1, _CHUNK_PIXELS // (height * width))
    parts = []
    for start in range(0, len(tops), many):
        chosen = slice(start, start + many)
        parts.append(_scaled(windows[on.indices(tops[chosen]), on.indices(lefts[chosen])], settings, on))
    return parts[0] if len(parts) == 1 else on.xp.concatenate(parts)


def _scaled(windows: Any, settings: SpectraSettings, on: Device) -> Any:
    """Turn windows of shape (window, y, x) into spectra of shape (window, feature)."""
    xp = on.xp
    count, height, width = windows.shape
    fade = np.outer(profile(height, settings.taper), profile(width, settings.taper))
    taper = on.put(fade / np.linalg.norm(fade))
    level = None
    if settings.remove_mean:
        level = (windows * on.put(fade / fade.sum())).sum((1, 2))
        windows = windows - level[:, None, None]
    spectra = xp.fft.rfft2(windows * taper)
    power = spectra.real**2 + spectra.imag**2
    weights = half_plane_weights((height, width))
    if level is not None:
        power[:, 0, 0] = 0
        # What float32 leaves of a window without contrast is no structure.
        energy = (power * on.put(weights**2)).sum((1, 2)) / (height * width)
        power[xp.sqrt(energy) <= ROUNDING * xp.clip(xp.abs(level), 1, None)] = 0
    values = (_SCALINGS[settings.scaling](xp, power) * on.put(weights)).reshape(count, -1)
    if settings.unit_norm:
        norms = xp.sqrt((values * values).sum(1))
        norms[norms == 0] = 1
        values = values / norms[:, None]
    return values
