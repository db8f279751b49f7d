"""Kinds of scenes: a seed in, a `Scene` out, the physics varied widely from seed to seed.

Each kind draws its geometry, periods, angles, dose and size anew for each seed. They are what
`benchmarks/truth` measures with; sizes are kept small so that hundreds of them can be analysed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np

from fftscape.model.arrays import FloatArray
from fftscape.model.image import Image
from fftscape.synthetic.exposure import Exposure, Shade, expose, light
from fftscape.synthetic.regions import Labels, disc, grains, halves
from fftscape.synthetic.scenes import Scene
from fftscape.synthetic.textures import Texture, render_texture, scan_lines

Shape = tuple[int, int]
Maker = Callable[[np.random.Generator, Shade | None], Scene]
Drawer = Callable[[Shape, np.random.Generator], FloatArray]

_SHADES: tuple[Shade, ...] = ("ramp", "vignette", "blotches")
# Fractional positions (y, x) of the columns in a cell, and the cell's height over its width.
_SQUARE = (((0, 0),), 1.0)
_HEXAGONAL = (((0, 0), (0.5, 0.5)), 3**0.5)
_RECTANGULAR = (((0, 0),), 1.3)
_CENTRED = (((0, 0), (0.5, 0.5)), 1.4)
_FCC = (((0, 0), (1 / 3, 1 / 3), (2 / 3, 2 / 3)), 3 * 0.943)
_HCP = (((0, 0), (1 / 2, 1 / 3)), 2 * 0.943)
_STRUCTURES = (_SQUARE, _HEXAGONAL, _RECTANGULAR, _CENTRED)
_Structure = tuple[tuple[tuple[float, float], ...], float]


def _columns(
    coordinates: tuple[FloatArray, FloatArray],
    structure: _Structure,
    width: float,
    angle: float,
    *,
    sharpness: float = 3,
) -> FloatArray:
    """Draw atom columns of a cell `width` pixels wide as periodic blobs between 0 and 1."""
    y, x = coordinates
    basis, aspect = structure
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    right, up = (cos * x - sin * y) / width, (sin * x + cos * y) / (width * aspect)
    total = np.zeros(np.broadcast(y, x).shape)
    # Blobs are round: the same curvature along both axes of the cell.
    for v, u in basis:
        total += np.exp(
            sharpness * (np.cos(2 * np.pi * (right - u)) - 1)
            + sharpness * aspect**2 * (np.cos(2 * np.pi * (up - v)) - 1)
        )
    return np.asarray(total / total.max())


def _plane(shape: Shape) -> tuple[FloatArray, FloatArray]:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    return y, x


def _shape(rng: np.random.Generator, window: int, *, least: float = 9, most: float = 13) -> Shape:
    """Rows and columns, so many windows long."""
    return int(window * rng.uniform(least, most)), int(window * rng.uniform(least, most))


def _scene(object_: FloatArray, labels: Labels, window: int, exposure: Exposure, rng: np.random.Generator) -> Scene:
    return Scene(Image(expose(object_, exposure, rng), name="synthetic"), labels.astype(np.int16), window)


def _fill(labels: Labels, pictures: list[FloatArray]) -> FloatArray:
    return np.asarray(np.choose(labels, pictures))


def _angles(count: int, rng: np.random.Generator, *, period: float = 60, least: float = 9) -> FloatArray:
    """Draw angles that differ by at least `least` degrees modulo `period`."""
    while True:
        angles = rng.uniform(0, period, count)
        gaps = np.diff(np.sort(np.append(angles, angles.min() + period)))
        if gaps.min() >= least:
            return angles


def _period_and_window(rng: np.random.Generator) -> tuple[float, int]:
    window = int(rng.choice([48, 64, 64, 96]))
    return window / rng.uniform(6.5, 10), window


def _crystal_grains(rng: np.random.Generator, shade: Shade | None) -> Scene:
    count = int(rng.integers(2, 6))
    width, window = _period_and_window(rng)
    shape = _shape(rng, window, least=8 + count / 2)
    structure = _STRUCTURES[rng.integers(4)]
    turn = 90 if structure in (_SQUARE, _RECTANGULAR) else 60
    labels = grains(shape, count, rng)
    pictures = [_columns(_plane(shape), structure, width, a) for a in _angles(count, rng, period=turn)]
    object_ = rng.uniform(0.2, 1.5) + _fill(labels, pictures)
    return _scene(object_, labels, window, Exposure(rng.choice([8, 20, 60, 300]), shade=shade), rng)


def _amorphous_part(rng: np.random.Generator, shade: Shade | None) -> Scene:
    count = int(rng.integers(2, 4))
    width, window = _period_and_window(rng)
    shape = _shape(rng, window, least=10)
    structure = _STRUCTURES[rng.integers(4)]
    turn = 90 if structure in (_SQUARE, _RECTANGULAR) else 60
    labels = grains(shape, count + 1, rng)
    pictures = [_columns(_plane(shape), structure, width, a) for a in _angles(count, rng, period=turn)]
    glass = render_texture(Texture(width * rng.uniform(0.8, 1.2), rng.uniform(0.15, 0.35)), shape, rng)
    pictures.append(np.maximum(pictures[0].mean() + pictures[0].std() * glass, 0))
    object_ = rng.uniform(0.2, 1.0) + _fill(labels, pictures)
    return _scene(object_, labels, window, Exposure(rng.choice([15, 60, 300]), shade=shade), rng)


def _stackings(shape: Shape, width: float, angle: float) -> list[FloatArray]:
    return [_columns(_plane(shape), stacking, width, angle) for stacking in (_FCC, _HCP)]


def _fcc_hcp(rng: np.random.Generator, shade: Shade | None) -> Scene:
    window = int(rng.choice([64, 96]))
    shape = _shape(rng, window)
    pictures = _stackings(shape, window / rng.uniform(6, 8.5), rng.uniform(0, 180))
    labels = halves(shape, rng)
    if rng.uniform() < 0.5:
        labels = disc(shape, rng.uniform(0.2, 0.4), rng)
    object_ = rng.uniform(0.2, 1.0) + _fill(labels, pictures)
    return _scene(object_, labels, window, Exposure(rng.choice([10, 30, 100]), shade=shade), rng)


def _island(rng: np.random.Generator, shade: Shade | None) -> Scene:
    """Fcc and hcp parts of one island on a featureless support."""
    window = int(rng.choice([64, 96]))
    shape = _shape(rng, window, least=11)
    island = disc(shape, rng.uniform(0.4, 0.55), rng) > 0
    turn = rng.uniform(0, 2 * np.pi)
    rows, columns = np.nonzero(island)
    y, x = _plane(shape)
    side = (y - rows.mean()) * np.sin(turn) + (x - columns.mean()) * np.cos(turn) > rng.uniform(-0.5, 0.5) * window
    labels = np.where(island, 1 + side, 0).astype(np.int16)
    support = rng.uniform(0.1, 0.6)
    pictures = [0.5 + picture for picture in _stackings(shape, window / rng.uniform(6, 8.5), np.degrees(turn) + 30)]
    object_ = _fill(labels, [np.full(shape, support), *pictures])
    return _scene(object_, labels, window, Exposure(rng.choice([10, 30, 100]), shade=shade), rng)


def _stm_rows(rng: np.random.Generator, shade: Shade | None) -> Scene:
    """Row domains of a reconstruction with tilt, scan-line noise and drift."""
    width, window = _period_and_window(rng)
    shape = _shape(rng, window)
    count = int(rng.integers(2, 4))
    y, x = _plane(shape)
    x = x + rng.uniform(-0.04, 0.04) * y + rng.uniform(0, 3) * (y / shape[0]) ** 2
    start = rng.uniform(0, 180)
    pictures = [
        _columns((y, x), (((0, 0),), rng.uniform(0.35, 0.5)), width * 1.3, start + 180 / count * i, sharpness=1.5)
        for i in range(count)
    ]
    labels = grains(shape, count, rng)
    object_ = _fill(labels, [(p - p.mean()) / p.std() for p in pictures])
    object_ = object_ * light(shape, shade, rng)
    object_ += rng.uniform(0.2, 0.6) * scan_lines(shape, rng)
    object_ += rng.uniform(0, 6) * y / shape[0] + rng.uniform(0, 6) * x / shape[1]
    return _scene(
        object_, labels, window, Exposure(noise=rng.uniform(0.2, 0.6), gain=rng.uniform(0.1, 50), offset=-3), rng
    )


def _dots(shape: Shape, radius: float, rng: np.random.Generator, spacing: float = 3.2) -> FloatArray:
    """Scatter round clusters that keep their distance, about equally many everywhere."""
    pitch = spacing * radius
    rows, columns = np.mgrid[-1 : shape[0] / pitch + 1, -1 : shape[1] / pitch + 1]
    rows, columns = (
        ((grid + (rows % 2) * half + rng.uniform(-0.28, 0.28, grid.shape)) * pitch).ravel()
        for grid, half in ((rows, 0), (columns, 0.5))
    )
    picture = np.zeros(shape)
    sizes = radius * rng.uniform(0.85, 1.15, len(rows))
    for row, column, size in zip(rows, columns, sizes, strict=True):
        y = np.arange(max(int(row - 3 * size), 0), min(int(row + 3 * size) + 1, shape[0]))[:, None]
        x = np.arange(max(int(column - 3 * size), 0), min(int(column + 3 * size) + 1, shape[1]))[None, :]
        if y.size and x.size:
            part = picture[y[0, 0] : y[-1, 0] + 1, x[0, 0] : x[0, -1] + 1]
            np.maximum(part, np.exp(-((((y - row) ** 2 + (x - column) ** 2) / size**2) ** 2)), out=part)
    return picture


def _clusters(rng: np.random.Generator, shade: Shade | None) -> Scene:
    """Clusters of two or three sizes, each size in its own region, on a rippled substrate."""
    window = int(rng.choice([64, 96]))
    shape = _shape(rng, window)
    count = int(rng.integers(2, 4))
    labels = grains(shape, count, rng)
    smallest = rng.uniform(2.2, 3.2) * window / 64
    y, x = _plane(shape)
    turn = rng.uniform(0, np.pi)
    ripples = 0.5 + 0.5 * np.sin(2 * np.pi * (y * np.sin(turn) + x * np.cos(turn)) / (window / rng.uniform(2.5, 4)))
    object_ = 0.4 + rng.uniform(0.1, 0.25) * ripples
    object_ += _fill(labels, [_dots(shape, smallest * 1.7**i, rng) for i in range(count)])
    return _scene(object_, labels, window, Exposure(rng.choice([20, 60, 200]), shade=shade), rng)


def _cells(rng: np.random.Generator, shade: Shade | None) -> Scene:
    """Cells: a background, bodies full of fibres, speckled nuclei."""
    window = int(rng.choice([32, 48]))
    shape = _shape(rng, window, least=14, most=20)
    labels = np.zeros(shape, np.int16)
    y, x = _plane(shape)
    centres: list[tuple[float, float, float]] = []
    for _ in range(200):
        radius = window * rng.uniform(1.5, 1.9)
        row, column = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        if len(centres) < 7 and all(np.hypot(row - v, column - u) > 1.6 * (radius + r) for v, u, r in centres):
            centres.append((row, column, radius))
            distance = np.hypot(y - row, (x - column) * rng.uniform(0.8, 1.2))
            labels[(distance < 1.9 * radius) & (labels == 0)] = 1
            labels[distance < radius] = 2
    fibres = render_texture(Texture(rng.uniform(6, 8), 0.15, rng.uniform(0, 180), 15), shape, rng)
    speckle = render_texture(Texture(rng.uniform(3.5, 4.5), 0.25), shape, rng)
    haze = render_texture(Texture(float("inf"), 2.0), shape, rng)
    bright = [0.12 + 0.02 * haze, 0.5 * np.exp(0.5 * fibres), 0.9 * np.exp(0.35 * speckle)]
    return _scene(_fill(labels, bright), labels, window, Exposure(rng.choice([20, 60, 200]), shade=shade), rng)


def _texture_mosaic(rng: np.random.Generator, shade: Shade | None) -> Scene:
    """Random textures of equal mean and variance."""
    window = int(rng.choice([48, 64]))
    count = int(rng.integers(3, 6))
    shape = _shape(rng, window, least=11, most=14)
    turns = rng.uniform(0, 180)
    offered = [
        Texture(rng.uniform(4, 5), 0.25),
        Texture(rng.uniform(9, 12), 0.3),
        Texture(float("inf"), rng.uniform(1.2, 1.8)),
        Texture(rng.uniform(6, 8), 0.3, turns, 18),
        Texture(rng.uniform(6, 8), 0.3, turns + 90, 18),
    ]
    labels = grains(shape, count, rng)
    chosen = rng.permutation(len(offered))[:count]
    object_ = 1 + 0.25 * _fill(labels, [render_texture(offered[i], shape, rng) for i in chosen])
    exposure = Exposure(noise=rng.uniform(0.05, 0.3), shade=shade, gain=rng.uniform(1, 200), offset=rng.uniform(0, 50))
    return _scene(object_, labels, window, exposure, rng)


def _inclusion(rng: np.random.Generator, shade: Shade | None) -> Scene:
    """Draw a small inclusion at low dose."""
    width, window = _period_and_window(rng)
    shape = _shape(rng, window, least=10, most=13)
    labels = disc(shape, rng.uniform(0.025, 0.04), rng, roughness=0.03)
    structure = _STRUCTURES[rng.integers(4)]
    turn = 90 if structure in (_SQUARE, _RECTANGULAR) else 60
    angle = rng.uniform(0, 90)
    other = (structure, width, angle + rng.uniform(12, turn - 12))
    if rng.uniform() < 0.5:
        other = (_SQUARE if structure is not _SQUARE else _HEXAGONAL, width * rng.uniform(1.1, 1.4), angle + 20)
    pictures = [_columns(_plane(shape), structure, width, angle), _columns(_plane(shape), *other)]
    object_ = rng.uniform(0.2, 0.6) + _fill(labels, pictures)
    return _scene(object_, labels, window, Exposure(rng.choice([5, 8, 12]), shade=shade), rng)


def _low_angle(rng: np.random.Generator, shade: Shade | None) -> Scene:
    """Two grains a few degrees apart."""
    width, window = _period_and_window(rng)
    shape = _shape(rng, window, least=8)
    structure = _STRUCTURES[rng.integers(4)]
    angle = rng.uniform(0, 180)
    labels = halves(shape, rng)
    pictures = [_columns(_plane(shape), structure, width, a) for a in (angle, angle + rng.uniform(3, 6))]
    object_ = rng.uniform(0.2, 1.0) + _fill(labels, pictures)
    return _scene(object_, labels, window, Exposure(rng.choice([15, 50, 200]), shade=shade), rng)


def _bent(rng: np.random.Generator, shade: Shade | None) -> Scene:
    """One lattice whose orientation or spacing varies continuously."""
    width, window = _period_and_window(rng)
    shape = _shape(rng, window)
    y, x = _plane(shape)
    structure = _STRUCTURES[rng.integers(4)]
    v, u = (y - shape[0] / 2) / shape[0], (x - shape[1] / 2) / shape[1]
    bend, strain = rng.uniform(0.05, 0.2), rng.uniform(0.02, 0.08)
    if rng.uniform() < 0.5:
        strain = 0.0
    warped_y = y + bend * shape[1] * u**2 / 2 + strain * shape[0] * v**2 / 2
    warped_x = x - bend * shape[0] * u * v + strain * shape[1] * u**2 / 2
    picture = _columns((warped_y, warped_x), structure, width, rng.uniform(0, 180))
    return _scene(
        rng.uniform(0.2, 1.0) + picture, np.zeros(shape, np.int16), window,
        Exposure(rng.choice([15, 50, 200]), shade=shade), rng,
    )  # fmt: skip


def _moire(rng: np.random.Generator, shade: Shade | None) -> Scene:
    """Draw a lattice, covered by a second one in a part of the image."""
    width, window = _period_and_window(rng)
    shape = _shape(rng, window)
    structure = _STRUCTURES[rng.integers(4)]
    angle = rng.uniform(0, 180)
    below = _columns(_plane(shape), structure, width, angle)
    above = _columns(_plane(shape), structure, width * rng.uniform(1.0, 1.12), angle + rng.uniform(8, 22))
    labels = halves(shape, rng) if rng.uniform() < 0.5 else disc(shape, rng.uniform(0.25, 0.45), rng)
    object_ = rng.uniform(0.2, 1.0) + below + labels * rng.uniform(0.7, 1.2) * above
    return _scene(object_, labels, window, Exposure(rng.choice([15, 50, 200]), shade=shade), rng)


def _two_brightnesses(rng: np.random.Generator, shade: Shade | None) -> Scene:
    """One phase, brighter in some parts than in others."""
    width, window = _period_and_window(rng)
    shape = _shape(rng, window)
    picture = 0.3 + _columns(_plane(shape), _STRUCTURES[rng.integers(4)], width, rng.uniform(0, 180))
    parts = grains(shape, int(rng.integers(2, 4)), rng)
    levels = rng.permutation(np.geomspace(1, rng.uniform(2, 4), 3))
    exposure = Exposure(rng.choice([20, 60, 200]), shade=shade)
    return _scene(picture * levels[parts], np.zeros(shape, np.int16), window, exposure, rng)


def _null(
    draw: Callable[[Shape, np.random.Generator], FloatArray], rng: np.random.Generator, shade: Shade | None
) -> Scene:
    shape = int(rng.integers(500, 900)), int(rng.integers(500, 900))
    window = int(rng.choice([48, 64, 96]))
    data = draw(shape, rng) * light(shape, shade, rng)
    return Scene(Image(data.astype(np.float32), name="synthetic"), np.zeros(shape, np.int16), window)


def _poisson_noise(shape: Shape, rng: np.random.Generator) -> FloatArray:
    return np.asarray(rng.poisson(rng.choice([0.5, 3, 40]), shape), float)


def _coloured_noise(shape: Shape, rng: np.random.Generator) -> FloatArray:
    exponent = rng.uniform(0.5, 1.5)
    texture = Texture(float("inf"), exponent) if rng.uniform() < 0.6 else Texture(rng.uniform(4, 10), 0.3)
    return 100 + 10 * render_texture(texture, shape, rng)


def _line_noise(shape: Shape, rng: np.random.Generator) -> FloatArray:
    return rng.uniform(0.3, 1.5) * scan_lines(shape, rng) + rng.standard_normal(shape)


def _uneven_light(shape: Shape, rng: np.random.Generator) -> FloatArray:
    shade = _SHADES[rng.integers(3)]
    return np.asarray(rng.poisson(rng.choice([4, 30, 200]) * light(shape, shade, rng)), float)


def _perfect_crystal(shape: Shape, rng: np.random.Generator) -> FloatArray:
    picture = rng.uniform(0.2, 1) + _columns(
        _plane(shape), _STRUCTURES[rng.integers(4)], rng.uniform(6, 10), rng.uniform(0, 180)
    )
    dose = rng.choice([5, 20, 100, 1e4])
    return np.asarray(rng.poisson(picture * dose / picture.mean()), float)


def _constant(shape: Shape, rng: np.random.Generator) -> FloatArray:
    return np.full(shape, rng.uniform(0, 100))


_PHASES: Mapping[str, Maker] = {
    "crystal grains": _crystal_grains,
    "amorphous part": _amorphous_part,
    "fcc and hcp": _fcc_hcp,
    "island on support": _island,
    "STM row domains": _stm_rows,
    "clusters on ripples": _clusters,
    "cells": _cells,
    "texture mosaic": _texture_mosaic,
    "small inclusion": _inclusion,
    "low-angle boundary": _low_angle,
    "bent lattice": _bent,
    "moire": _moire,
    "two brightnesses": _two_brightnesses,
}
_NULLS: Mapping[str, Drawer] = {
    "Poisson noise": _poisson_noise,
    "coloured noise": _coloured_noise,
    "scan-line noise": _line_noise,
    "uneven light": _uneven_light,
    "perfect crystal": _perfect_crystal,
    "constant": _constant,
}


def _make(name: str, maker: Maker, shaded: bool, seed: int) -> Scene:
    rng = np.random.default_rng([seed, *name.encode()])
    return maker(rng, _SHADES[rng.integers(3)] if shaded else None)


SCENE_KINDS: Mapping[str, Callable[[int], Scene]] = MappingProxyType(
    {name: partial(_make, name, maker, False) for name, maker in _PHASES.items()}
    | {f"{name}, uneven light": partial(_make, name, maker, True) for name, maker in _PHASES.items()}
    | {f"null: {name}": partial(_make, name, partial(_null, draw), False) for name, draw in _NULLS.items()}
    | {"null: perfect crystal, uneven light": partial(_make, "crystal", partial(_null, _perfect_crystal), True)}
)
