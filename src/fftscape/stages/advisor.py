"""Which window to take: an image in, `WindowAdvice` with its reasons out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fftscape.compute.spots import find_spots
from fftscape.compute.tapers import taper
from fftscape.model.arrays import FloatArray
from fftscape.model.errors import InvalidSettingError
from fftscape.model.image import Image
from fftscape.model.records import WindowAdvice
from fftscape.model.settings import Pair

_PERIODS_WANTED = 8
_PERIODS_ENOUGH = 4
_PERIODS_NEEDED = 3.5
_WINDOWS_WANTED = 9
# A window of a texture holds so many of its waves, within sizes that are usual.
_GRAINS_WANTED = 8
_TEXTURE_SIZES = (36, 64)
# Below this size more periods than wanted are welcome, since they sharpen the spots.
_COMFORTABLE = 48
# Noise is flat: the spectrum exceeds this quantile of itself nowhere by much.
_NOISE_QUANTILE = 0.2
_LEAST_TEXTURE = 0.5
_SMALLEST, LARGEST = 16, 256
# Things in a texture may be smaller than any window that describes it.
_SMALLEST_FINER = 12
_STEPS_PER_WINDOW = 4
# The spectrum of one tile of a texture is speckle; the mean over several is its shape.
_LARGEST_TILE = 512
_MOST_TILES_PER_AXIS = 5
# A period counts when its spot has this significance ...
_SIGNIFICANCE = 8.0
# ... and the strongest one is the image's own only if it dominates the spectrum: lattices reach 0.36 to 1 of its
# highest value, camera and scan-line artefacts less than 0.2.
_DOMINANCE = 0.25
_LEAST_PERIODS_PER_TILE = 4
# A lattice's spot stands so many times as high as its ring of equal frequency (lattices 8 to 100 times, clusters 3 to
# 6); the strongest wave of a random texture does not.
_RING_CONTRAST = 2.0
# The longest period counts whose spot has at least this part of the strongest one's height.
_RELATIVE_HEIGHT = 0.3
# Sizes whose only prime factors are 2 and 3: quick to transform, easy to read.
_READABLE_SIZES = (16, 18, 24, 32, 36, 48, 64, 72, 96, 108, 128, 144, 192, 216, 256)


def suggest_window(image: Image) -> WindowAdvice:
    """Suggest a window and step for an image.

    Parameters
    ----------
    image : Image
        Data of shape (y, x).

    Returns
    -------
    WindowAdvice
        A window of about eight periods of the coarsest strong lattice along both axes, down to
        four where that leaves room for nine windows side by side, at most a quarter of
        the image (a half where that would hold too few periods); where no period stands out, eight
        of the texture's typical waves within 36 to 64 px, and half of that as the finer one. Steps
        are a quarter of a window.

    Raises
    ------
    InvalidSettingError
        If the image is too small for any window.

    Examples
    --------
    >>> x = np.arange(300)
    >>> advice = suggest_window(Image(np.sin(2 * np.pi * x / 6) + np.zeros((260, 1))))
    >>> advice.size, advice.step, round(advice.period)
    ((32, 32), (8, 8), 6)
    """
    shortest = min(image.shape)
    if shortest < _SMALLEST:
        raise InvalidSettingError(
            f"{image.name}: an image of {image.shape[0]}x{image.shape[1]} pixels is too small for the smallest "
            f"sensible window of {_SMALLEST} pixels; choose a window to force one."
        )
    period = _dominant_period(image)
    periods = [period / size for size in image.pixel_size]  # in pixels, along y and x
    # At least a few windows side by side, or there is nothing to compare; fewer only for the sake of enough periods.
    parts = 2 if shortest / 4 < _PERIODS_NEEDED * max(periods) else 4
    largest = int(np.clip(shortest // parts, _SMALLEST, LARGEST))
    finer = None
    if np.isnan(period):
        size, reasons = _texture_window(image, largest)
        # How wide a texture's regions are, which no spectrum of the whole image tells, decides between two sizes.
        finer = halved(size)
    else:
        height, width = (_nearest_size(_wanted(length, shortest), largest) for length in periods)
        size = height, width
        fit = min(size[0] / periods[0], size[1] / periods[1])
        shown = f"{size[0]} px" if size[0] == size[1] else f"{size[0]}x{size[1]} px"
        reasons = [f"the coarsest strong period is {period:.3g} {image.unit}, of which {fit:.1f} fit into {shown}"]
        if fit < _PERIODS_NEEDED:
            reasons.append(
                f"fewer than {_PERIODS_NEEDED:g} periods in a window: spectra will be blurred; "
                "a larger field of view would help"
            )
    return WindowAdvice(size, usual_step(size), period, tuple(reasons), finer)


def _wanted(period: float, shortest: int) -> float:
    """Return a length of enough periods, fewer where that leaves room for many windows side by side."""
    room = shortest / _WINDOWS_WANTED
    return min(max(_PERIODS_WANTED * period, _COMFORTABLE), max(_PERIODS_ENOUGH * period, room))


def _texture_window(image: Image, largest: int) -> tuple[Pair, list[str]]:
    scale = _texture_scale(_mean_spectrum(image.data))
    if np.isnan(scale):
        side = _nearest_size(float(np.clip(min(image.shape) / _WINDOWS_WANTED, *_TEXTURE_SIZES)), largest)
        return (side, side), [f"no period stands out, nor a texture, so {side} px, a common size"]
    wanted = float(np.clip(_GRAINS_WANTED * scale, *_TEXTURE_SIZES))
    side = _nearest_size(wanted, largest)
    return (side, side), [
        f"no period stands out; the texture's waves are about {scale:.2g} px long, of which {side / scale:.1f} fit "
        f"into {side} px"
    ]


def _texture_scale(spectrum: FloatArray) -> float:
    """Return the length in pixels of a texture's typical waves, which halve its power; NaN for noise."""
    steps = np.arange(len(spectrum)) - len(spectrum) // 2
    radius = np.hypot(steps[:, None], steps[None, :])
    inside = (radius >= _LEAST_PERIODS_PER_TILE) & (radius < len(spectrum) / 2)
    power = spectrum[inside] ** 2
    texture = np.maximum(power - np.quantile(power, _NOISE_QUANTILE), 0)
    if texture.sum() <= _LEAST_TEXTURE * power.sum():
        return float("nan")
    order = np.argsort(radius[inside], kind="stable")
    half = np.searchsorted(np.cumsum(texture[order]), texture.sum() / 2)
    return float(len(spectrum) / radius[inside][order][half])


def usual_step(size: Pair) -> Pair:
    """Return a quarter of a window: fine enough for maps to lose nothing, coarse enough to be quick.

    Parameters
    ----------
    size : tuple of int
        Window size in pixels, (y, x).

    Returns
    -------
    tuple of int
        Step in pixels, (y, x).

    Examples
    --------
    >>> usual_step((64, 3))
    (16, 1)
    """
    return max(1, size[0] // _STEPS_PER_WINDOW), max(1, size[1] // _STEPS_PER_WINDOW)


def halved(size: Pair) -> Pair | None:
    """Return half of a window, which resolves regions of a texture better; None where it would be too small.

    Parameters
    ----------
    size : tuple of int
        In pixels, (y, x).

    Returns
    -------
    tuple of int or None
        In pixels, (y, x).

    Examples
    --------
    >>> halved((36, 36)), halved((18, 18))
    ((18, 18), None)
    """
    half = size[0] // 2, size[1] // 2
    return half if min(half) >= _SMALLEST_FINER else None


def _nearest_size(wanted: float, largest: int) -> int:
    sizes = np.array([size for size in _READABLE_SIZES if size <= largest])
    return int(sizes[np.argmin(np.abs(np.log(sizes / wanted)))])


def _dominant_period(image: Image) -> float:
    """Longest period among the strong ones in the image's unit, NaN where none stands out."""
    spectrum = _mean_spectrum(image.data)
    spots = find_spots(spectrum, least_significance=_SIGNIFICANCE)
    # Fewer periods than that in a tile are shading.
    radius = np.hypot(spots.y, spots.x)
    height = np.where(radius >= _LEAST_PERIODS_PER_TILE, spots.height, 0)
    height = np.where(height >= _RING_CONTRAST * _ring_levels(spectrum, radius), height, 0)
    if height.max(initial=0) <= _DOMINANCE * _highest_beyond(spectrum, _LEAST_PERIODS_PER_TILE):
        return float("nan")
    frequency = np.hypot(spots.y / image.pixel_size[0], spots.x / image.pixel_size[1]) / len(spectrum)
    return float(1 / frequency[height >= _RELATIVE_HEIGHT * height.max()].min())


def _ring_levels(spectrum: FloatArray, radii: FloatArray) -> FloatArray:
    """Return the median of the spectrum on the ring around zero through each spot."""
    steps = np.arange(len(spectrum)) - len(spectrum) // 2
    distance = np.hypot(steps[:, None], steps[None, :])
    return np.array([np.median(spectrum[np.abs(distance - radius) <= 1]) for radius in radii])


def _highest_beyond(spectrum: FloatArray, radius: int) -> float:
    """Return the highest value at least `radius` steps from zero frequency."""
    steps = np.arange(len(spectrum)) - len(spectrum) // 2
    return float(spectrum[np.hypot(steps[:, None], steps[None, :]) >= radius].max())


def _mean_spectrum(data: npt.NDArray[np.generic]) -> FloatArray:
    """Mean amplitude spectrum of tapered square tiles spread over the image, centred."""
    from scipy import fft

    size = min(_LARGEST_TILE, max(min(data.shape) // 2, 2 * _SMALLEST), *data.shape)
    fade = taper((size, size), "hann")
    total = np.zeros((size, size))
    for top in _tile_origins(data.shape[0], size):
        for left in _tile_origins(data.shape[1], size):
            tile = data[top : top + size, left : left + size].astype(np.float64)
            known = np.isfinite(tile)
            if not known.any():
                continue
            tile = np.where(known, tile, 0)
            tile /= np.abs(tile).max() or 1.0
            level = tile[known].mean()
            tile = np.where(known, tile - level, 0) * fade
            tile -= fade * (tile.sum() / fade.sum())
            total += np.abs(fft.fft2(tile, workers=1)) / (np.linalg.norm(tile) or 1.0)
    return np.fft.fftshift(total)


def _tile_origins(length: int, size: int) -> list[int]:
    count = min(_MOST_TILES_PER_AXIS, -(-2 * length // size) - 1)
    return [int(origin) for origin in np.linspace(0, length - size, count)]
