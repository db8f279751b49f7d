"""Which components are one structure turned: known lattices, unequal pixels, rectangular windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fftscape.compute.half_plane import to_full_plane
from fftscape.compute.turning import turned
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.rotation import Orientation, Turns
from fftscape.model.settings import SpectraSettings
from fftscape.stages.rotation import joined, said, same_rings
from fftscape.stages.spectra import local_spectra
from fftscape.stages.windows import window_grid
from fftscape.synthetic import Lattice, fcc_gold, hcp_gold, render_lattice
from fftscape.synthetic.textures import Texture, render_texture

DEFAULT = SpectraSettings()
SHAPE, PIXEL, WINDOW = (330, 390), (0.02, 0.026), (96, 64)
ALONE = ((0.0, 0.0),)
CENTRED = ((0.0, 0.0), (0.5, 0.5))


def picture(lattice: Lattice, dose: float | None = 60, seed: int = 0) -> np.ndarray:
    data = 0.4 + render_lattice(lattice, SHAPE, PIXEL, column_sigma=0.04)
    return data if dose is None else np.random.default_rng(seed).poisson(data / data.mean() * dose).astype(float)


def mean_spectrum(data: np.ndarray, settings: SpectraSettings = DEFAULT, window=WINDOW) -> np.ndarray:
    grid = window_grid(np.ones(data.shape, bool), window, (window[0] // 3, window[1] // 3))
    return to_full_plane(local_spectra(data, grid, settings).values.mean(axis=0), window)


def compared(one: np.ndarray, other: np.ndarray, pixel_size=PIXEL, settings: SpectraSettings = DEFAULT):
    spectra = np.array([mean_spectrum(one, settings), mean_spectrum(other, settings)])
    turns = same_rings(spectra, pixel_size, settings.scaling)
    assert (turns.first.tolist(), turns.second.tolist()) == ([0], [1])
    return turns


@pytest.mark.parametrize("doses", [(None, None), (60, 60), (300, 8)])
@pytest.mark.parametrize(
    ("cell", "columns", "period", "turn"),
    [
        ((0.33, 0.25), ALONE, 180, 71.3),
        ((0.33, 0.25), ALONE, 180, -3.4),
        ((0.26, 0.26), ALONE, 90, 33.0),
        ((0.3 * 3**0.5, 0.3), CENTRED, 60, -22.7),
    ],
)
def test_the_angle_between_grains(cell, columns, period, turn, doses):
    one, other = (
        picture(Lattice(cell, columns, angle), dose, seed=7) for angle, dose in zip((20, 20 + turn), doses, strict=True)
    )
    turns = compared(one, other)
    assert turns.same[0]
    assert turns.period[0] == period
    assert turns.angle[0] == pytest.approx(turn, abs=0.12)
    assert abs(turns.angle[0] - turn) < 4 * turns.uncertainty[0]
    assert turns.uncertainty[0] < 0.25
    assert turns.stretch[0] == pytest.approx(1, abs=0.003)


def test_the_pixel_size_matters():
    one, other = (picture(Lattice((0.33, 0.25), ALONE, angle)) for angle in (10, 50))
    assert compared(one, other).same[0]
    assert not compared(one, other, pixel_size=(0.02, 0.02)).same[0]


@pytest.mark.parametrize("scaling", ["sqrt", "amplitude", "log"])
def test_every_scaling_of_the_spectra(scaling):
    settings = SpectraSettings(scaling=scaling)
    turns = compared(*(picture(Lattice((0.33, 0.25), ALONE, angle)) for angle in (10, 51)), settings=settings)
    assert turns.same[0]
    assert turns.angle[0] == pytest.approx(41, abs=0.15)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (fcc_gold(10), hcp_gold(40)),
        (Lattice((0.26, 0.26), ALONE, 5), Lattice((0.27, 0.27), ALONE, 30)),
        (Lattice((0.26, 0.26), ALONE, 5), Lattice((0.26 * 3**0.5, 0.26), CENTRED, 30)),
        (Lattice((0.38, 0.28), ALONE, 5), Lattice((0.38, 0.28), CENTRED, 30)),
        # An ordered alloy: the same strong spots, and weak ones of 15 % between them.
        (Lattice((0.38, 0.28), CENTRED, 5), Lattice((0.38, 0.28), (*CENTRED * 3, (0.0, 0.0)), 30)),
    ],
    ids=["fcc and hcp", "another period", "square and hexagonal", "centred or not", "ordered"],
)
def test_other_structures_are_not_turned_ones(one, other):
    assert not compared(picture(one), picture(other)).same[0]


def texture(angle: float, spread: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 100 + 10 * render_texture(Texture(8, 0.3, angle, spread), (480, 520), rng)


def test_textures_with_a_direction_are_turned():
    turns = compared(texture(20, 18, 1), texture(85, 18, 2), pixel_size=(1.0, 1.0))
    assert turns.same[0]
    assert turns.angle[0] == pytest.approx(65, abs=4 * turns.uncertainty[0])
    assert turns.uncertainty[0] < 1.5


def test_what_has_no_direction_is_not_turned():
    isotropic = [texture(0, np.inf, seed) for seed in (1, 2)]
    assert not compared(*isotropic, pixel_size=(1.0, 1.0)).same[0]
    assert not compared(isotropic[0], texture(20, 18, 1), pixel_size=(1.0, 1.0)).same[0]
    noise = np.random.default_rng(0).standard_normal((2, 300, 400))
    assert not compared(*noise, pixel_size=(1.0, 1.0)).same[0]
    assert not compared(np.zeros((300, 400)), np.zeros((300, 400)), pixel_size=(1.0, 1.0)).same[0]


def test_the_streak_of_scan_lines_does_not_turn():
    rng = np.random.default_rng(3)
    rows = [picture(Lattice((0.33, 0.25), ALONE, angle), None) for angle in (30, 75)]
    noisy = [row / row.std() + 1.5 * rng.standard_normal((len(row), 1)) for row in rows]
    turns = compared(*noisy)
    assert turns.same[0]
    assert turns.angle[0] == pytest.approx(45, abs=0.6)


def test_small_windows_have_no_rings():
    turns = same_rings(np.ones((2, 4, 5)), (1.0, 1.0), "sqrt")
    assert not turns.same[0]
    assert len(same_rings(np.ones((1, 32, 32)), (1.0, 1.0), "sqrt")) == 0


def table(**columns: list[float]) -> Turns:
    count = len(columns["first"])
    filled = {"score": [0.99] * count, "stretch": [1.0] * count, "same": [True] * count} | columns
    return Turns(**{name: np.array(column) for name, column in filled.items()})


def test_what_is_said():
    turns = table(
        first=[0, 0, 1, 1, 2], second=[1, 2, 2, 3, 4], angle=[27.13, -3.5, 5.0, -12.44, 5.0],
        uncertainty=[0.21, 1.2, 0.1, 0.06, 0.1], period=[180.0, 60.0, 180.0, 90.0, 180.0],
        same=[True, True, True, True, False],
    )  # fmt: skip
    assert said(turns) == [
        "Components 1 and 2 are the same structure turned counter-clockwise by 27.13 +- 0.21 degrees.",
        "Components 1 and 3 are the same structure in the same orientation (turned by 4 +- 1 degrees).",
        "Components 2 and 4 are the same structure turned clockwise by 12.44 +- 0.06 degrees (or that and any "
        "multiple of 90).",
    ]


def three_components(record: AnalysisRecord) -> AnalysisRecord:
    """Return a result whose third component is the first one, turned by 30 degrees."""
    y, x = np.mgrid[-16:16, -12:12]
    steps = 1 / (32 * 0.02), 1 / (24 * 0.025)

    def spots(angle: float) -> np.ndarray:
        k_y, k_x = -10 * np.sin(np.radians(angle)), 10 * np.cos(np.radians(angle))
        return sum(
            np.exp(-(((y * steps[0] - s * k_y) / 1.5) ** 2) - ((x * steps[1] - s * k_x) / 1.5) ** 2) for s in (1, -1)
        )

    factors = np.array([spots(20), record.factors[1], spots(50)], np.float32)
    factors /= np.linalg.norm(factors, axis=(1, 2), keepdims=True)
    labels = record.labels.copy()
    labels[:, 100:] = 2
    loadings = np.concatenate([record.loadings, record.loadings[:1] * 0.5])
    fractions = np.array([(labels[labels >= 0] == k).mean() for k in range(3)])
    return replace(
        record, factors=factors, loadings=loadings, shares=np.array([0.4, 0.35, 0.25]),
        stability=np.array([0.9, 0.8, 0.7]), variation=np.array([1.0, 1.1, 2.0]),
        segmentation=replace(
            record.segmentation, labels=labels, margin=np.full(labels.shape, 0.2, np.float32),
            area_fractions=fractions, area_uncertainties=np.array([0.03, 0.02, 0.04]), resolution=8.0,
        ),
        scree=replace(record.scree, n_components=3),
    )  # fmt: skip


def orientation_of(record: AnalysisRecord) -> Orientation:
    count = record.grid.n_valid
    owner = np.arange(count) % 3
    return Orientation(owner, np.where(owner == 2, 1.5, -1.0), np.full(count, 0.2), np.array([90.0, np.nan, 90.0]))


def test_joined_components_are_one(made_record: AnalysisRecord):
    before = three_components(made_record)
    turns = table(first=[0, 0, 1], second=[1, 2, 2], angle=[0.0, 30.0, 0.0], uncertainty=[0.1] * 3, period=[90.0] * 3,
                  same=[False, True, False])  # fmt: skip
    after = joined(before, turns, orientation_of(before))
    assert after.n_components == after.scree.n_components == 2
    assert after.scree.reason.endswith("3 components are 2 structures in 2 and 1 orientations.")
    assert after.shares.tolist() == pytest.approx([0.65, 0.35])
    np.testing.assert_allclose(after.loadings[0], before.loadings[0] * 1.5, rtol=1e-6)
    np.testing.assert_array_equal(after.labels, np.where(before.labels == 2, 0, before.labels))
    assert after.area_fractions[0] == pytest.approx(before.area_fractions[0] + before.area_fractions[2])
    assert after.area_uncertainties.tolist() == pytest.approx([0.05, 0.02])
    assert after.variation.tolist() == [2.0, 1.1]
    assert np.linalg.norm(after.factors[0]) == pytest.approx(1, abs=1e-5)
    assert np.corrcoef(after.factors[0].ravel(), before.factors[0].ravel())[0, 1] > 0.98
    assert after.peaks.component.tolist() == [0, 1]
    assert after.peaks.angle.tolist() == before.peaks.angle.tolist()
    owner = before.grid.to_map(orientation_of(before).owner)
    np.testing.assert_allclose(after.orientation[owner == 0], -1)
    np.testing.assert_allclose(after.orientation[owner == 2], 31.5)
    assert np.isnan(after.orientation[owner == 1]).all()
    assert np.isnan(after.orientation_uncertainty[owner == 1]).all()
    assert after.orientation_period[0] == 90


def test_pixels_between_variants_clearly_belong_to_their_structure(made_record: AnalysisRecord):
    record = three_components(made_record)
    labels = np.zeros(record.labels.shape, np.int16)
    labels[:, 50:], labels[:, 100:] = 2, 1
    record = replace(record, segmentation=replace(record.segmentation, labels=labels))
    turns = table(first=[0], second=[2], angle=[30.0], uncertainty=[0.1], period=[90.0])
    margin = joined(record, turns, orientation_of(record)).segmentation.margin
    assert margin[40, 50] == 1
    assert margin[40, 100] == pytest.approx(0.2)
    assert margin[40, 20] == pytest.approx(0.2)


def test_a_stronger_variant_leads(made_record: AnalysisRecord):
    record = replace(three_components(made_record), shares=np.array([0.2, 0.5, 0.3]))
    turns = table(first=[0], second=[2], angle=[30.0], uncertainty=[0.1], period=[90.0])
    after = joined(record, turns, orientation_of(record))
    assert after.shares.tolist() == [0.5, 0.5]
    first = int(np.argmax([np.corrcoef(f.ravel(), record.factors[2].ravel())[0, 1] for f in after.factors]))
    assert np.corrcoef(after.factors[first].ravel(), record.factors[2].ravel())[0, 1] > 0.98
    owner = record.grid.to_map(orientation_of(record).owner)
    np.testing.assert_allclose(after.orientation[owner == 0], -31)
    assert record.peaks.of(0).angle[0] not in after.peaks.angle  # spots are those of the leading variant alone


def test_nothing_to_join(made_record: AnalysisRecord):
    record = three_components(made_record)
    turns = table(first=[0], second=[2], angle=[30.0], uncertainty=[0.1], period=[90.0], same=[False])
    after = joined(record, turns, orientation_of(record))
    assert after.n_components == 3
    np.testing.assert_allclose(after.factors, record.factors, atol=1e-5)
    assert after.scree.reason.endswith("No two components are one structure turned.")


def test_turning_and_back():
    y, x = np.mgrid[-20:20, -30:30]
    spectrum = np.exp(-((y - 6) ** 2 + (x - 7) ** 2) / 6) + np.exp(-((y + 6) ** 2 + (x + 7) ** 2) / 6)
    away = turned(spectrum, 37, (0.3, 0.2))
    assert np.nanmax(np.abs(np.nan_to_num(away) - spectrum)) > 0.5
    back = turned(np.nan_to_num(away), -37, (0.3, 0.2))
    np.testing.assert_allclose(back[10:30, 15:45], spectrum[10:30, 15:45], atol=0.02)
