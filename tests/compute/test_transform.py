"""Transforms of windows against NumPy's FFT of each window by itself, in float64."""

import numpy as np
import pytest

from fftscape.compute import transform
from fftscape.compute.pixels import Scale
from fftscape.compute.tapers import taper
from fftscape.compute.transform import Transform
from fftscape.model.records import WindowGrid
from fftscape.model.settings import SpectraSettings

# Heights, widths and half of even widths have factors of 4, 2, 3, 5, 7, 11 and 13 between them.
SIZES = [(16, 10), (9, 14), (11, 7), (8, 13), (15, 12), (1, 16), (6, 1), (14, 15)]
PLAIN = SpectraSettings(taper="none", remove_mean=False, scaling="amplitude", unit_norm=False)
BARE = SpectraSettings(scaling="amplitude", unit_norm=False)
# Uneven distances, so that rows are shared by some windows and not by others.
TOPS, LEFTS = np.array([0, 1, 5, 18, 30, 37]), np.array([0, 4, 6, 21, 40, 41, 55])
SCALE = Scale(40.0, 3.0)


@pytest.fixture(autouse=True, params=["SciPy", "kernel, 16 bytes", "kernel, 32 bytes"])
def way(request, use_kernel, monkeypatch):
    """Everything is shown of each way to compute, the compiled one with each kind of vectors."""
    asked = request.param
    use_kernel(transform, 0 if asked == "SciPy" else int(asked.split()[1]) // 4)
    monkeypatch.setattr(transform, "_FACTORS", (2, 3, 5, 7, 11, 13))
    return asked


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:53, :71]
    return (40 + 3 * np.sin(0.9 * x + 0.4 * y) + 0.1 * x + rng.normal(size=(53, 71))).astype(np.float32)


def test_it_says_what_computes(way):
    said = transform.done_by((64, 48))
    assert said == (way if way == "SciPy" else f"kernel, vectors of {way.split()[1]} bytes")


@pytest.mark.parametrize("size", [(64, 17), (34, 64), (514, 64), (64, 1024)])
def test_what_the_kernel_does_slowly_is_left_to_scipy(size):
    assert transform.done_by(size) == "SciPy"


def grid_of(size, tops=TOPS, lefts=LEFTS, shape=(53, 71)):
    return WindowGrid(size, (7, 9), tops, lefts, shape, np.ones((len(tops), len(lefts)), bool))


def spectra_of(data, grid, settings, scale=SCALE, wanted=None):
    wanted = grid.valid if wanted is None else wanted
    made = Transform(data, grid, settings, scale)
    values = np.full((wanted.sum(), made.n_features), np.nan, np.float32)
    places = np.cumsum(wanted).reshape(wanted.shape) - 1
    for piece in made.pieces(wanted):
        made.fill(values, places, wanted, piece)
    return values


def by_numpy(data, grid, settings, scale=SCALE, wanted=None):
    """Each wanted window's spectrum, the half plane written out."""
    height, width = grid.size
    weights = taper(grid.size, settings.taper)
    found = []
    for top, left in np.argwhere(grid.valid if wanted is None else wanted):
        window = data[grid.origins_y[top] :, grid.origins_x[left] :][:height, :width].astype(np.float64)
        window = (window - scale.centre) / scale.spread
        if settings.remove_mean:
            window = window - (window * weights).sum() / weights.sum()
        full = np.abs(np.fft.fft2(window * weights)) / np.sqrt((weights**2).sum())
        full = {"amplitude": full, "sqrt": np.sqrt(full), "log": np.log1p(full)}[settings.scaling]
        if settings.unit_norm:
            full = full / np.linalg.norm(full)
        half = np.zeros((height, width // 2 + 1))
        for column in range(width // 2 + 1):
            twins = {column, -column % width}
            half[:, column] = np.sqrt(len(twins)) * full[:, column]
        found.append(half.ravel())
    return np.array(found)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["hann", "hamming", "none"])
@pytest.mark.parametrize("remove_mean", [True, False])
def test_windows_that_share_rows_have_the_spectra_of_each_by_itself(data, size, kind, remove_mean):
    settings = SpectraSettings(taper=kind, remove_mean=remove_mean, scaling="amplitude", unit_norm=False)
    expected = by_numpy(data, grid_of(size), settings)
    np.testing.assert_allclose(spectra_of(data, grid_of(size), settings), expected, atol=4e-6 * expected.max())


@pytest.mark.parametrize("scaling", ["amplitude", "sqrt", "log"])
@pytest.mark.parametrize("unit_norm", [True, False])
def test_scalings_and_norm(data, scaling, unit_norm):
    # With the mean, since the root of a mean that is zero but for rounding is no small number.
    settings = SpectraSettings(remove_mean=False, scaling=scaling, unit_norm=unit_norm)
    expected = by_numpy(data, grid_of((9, 14)), settings)
    np.testing.assert_allclose(spectra_of(data, grid_of((9, 14)), settings), expected, atol=1e-4 * expected.max())
    if unit_norm:
        np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1)


@pytest.mark.parametrize("size", SIZES)
def test_energy_of_the_half_plane_is_that_of_the_pixels(data, size):
    """Parseval: the squares of the features add up to those of the tapered window."""
    values = spectra_of(data, grid_of(size), PLAIN, Scale(0.0, 1.0))
    windows = np.lib.stride_tricks.sliding_window_view(data.astype(float), size)[np.ix_(TOPS, LEFTS)]
    energy = (windows**2).sum(axis=(2, 3)).ravel()
    np.testing.assert_allclose((values.astype(float) ** 2).sum(axis=1), energy, rtol=2e-6)


@pytest.mark.parametrize("chunk", [1, 3 * 9 * 14, 1 << 19], ids=["one by one", "three", "all"])
@pytest.mark.parametrize("heights", [0.1, 1, 3])
def test_pieces_hold_each_wanted_window_once(data, chunk, heights, monkeypatch):
    monkeypatch.setattr(transform, "_CHUNK_VALUES", chunk)
    monkeypatch.setattr(transform, "_HEIGHTS", heights)
    grid = grid_of((9, 14))
    wanted = np.random.default_rng(5).random(grid.shape) < 0.4
    wanted[2] = False
    wanted[:, 3] = False
    made = Transform(data, grid, BARE, SCALE)
    pieces = list(made.pieces(wanted))
    times = np.zeros(grid.shape, int)
    for piece in pieces:
        times[piece.rows, piece.columns] += 1
        assert wanted[piece.rows, piece.columns].any()
    assert times.max() == 1
    assert (times[wanted] == 1).all()
    widths = [piece.columns.stop - piece.columns.start for piece in pieces]
    assert max(widths) == {1: 1, 378: 3, 1 << 19: 7}[chunk]
    spans = [np.ptp(TOPS[piece.rows]) for piece in pieces]
    assert max(spans) < heights * 9 or max(spans) == 0
    expected = by_numpy(data, grid, BARE, wanted=wanted)
    np.testing.assert_allclose(spectra_of(data, grid, BARE, wanted=wanted), expected, atol=4e-6 * expected.max())


def test_a_piece_writes_to_its_own_places_only(data):
    grid = grid_of((11, 7))
    wanted = np.zeros(grid.shape, bool)
    wanted[1, [0, 2, 5]] = wanted[4, [2, 3]] = True
    places = np.full(grid.shape, -1)
    places[1, [0, 2, 5]], places[4, [2, 3]] = [6, 7, 8], [2, 3]
    made = Transform(data, grid, BARE, SCALE)
    values = np.full((11, made.n_features), -5, np.float32)
    for piece in made.pieces(wanted):
        made.fill(values, places, wanted, piece)
    expected = by_numpy(data, grid, BARE, wanted=wanted)
    np.testing.assert_allclose(values[[6, 7, 8, 2, 3]], expected, atol=4e-6 * expected.max())
    assert (values[[0, 1, 4, 5, 9, 10]] == -5).all()


def test_what_lies_outside_the_wanted_windows_does_not_matter(data):
    grid = grid_of((9, 14))
    wanted = np.zeros(grid.shape, bool)
    wanted[1, 1] = wanted[3, 3] = True  # rows 1 to 9 and 18 to 26, columns 4 to 17 and 21 to 34
    seen = np.zeros(data.shape, bool)
    seen[1:10, 4:18] = seen[18:27, 21:35] = True
    holed = np.where(seen, data, np.nan)
    assert (spectra_of(holed, grid, BARE, wanted=wanted) == spectra_of(data, grid, BARE, wanted=wanted)).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["hann", "hamming", "none"])
def test_a_windows_level_is_taken_out_however_large(data, size, kind):
    """Windows whose level is a thousand spreads from the image's centre."""
    settings = SpectraSettings(taper=kind, scaling="amplitude", unit_norm=False)
    far = data + np.float32(3000)
    expected = by_numpy(data, grid_of(size), settings)
    found = spectra_of(far, grid_of(size), settings)
    np.testing.assert_allclose(found, expected, atol=2e-3 * expected.max())
    assert not found[:, 0].any()


@pytest.mark.parametrize("kind", ["hann", "hamming", "none"])
@pytest.mark.parametrize(
    ("size", "wave"), [((16, 10), (3, 0)), ((16, 10), (3, 2)), ((16, 10), (4, 5)), ((9, 13), (2, 5))]
)
@pytest.mark.parametrize("level", [0.0, 50.0, -700.0])
def test_contrast_that_rounding_could_make_counts_as_none(kind, size, wave, level):
    """A window is blank up to 4e-6 of its level (at least of one spread), and not above."""
    y, x = np.mgrid[: size[0], : size[1]]
    pattern = np.cos(2 * np.pi * (wave[0] * y / size[0] + wave[1] * x / size[1]) + 0.4)
    weights = taper(size, kind)
    mean = (weights * pattern).sum() / weights.sum()
    contrast = np.sqrt((weights**2 * (pattern - mean) ** 2).sum() / (weights**2).sum())
    limit = 4e-6 * max(abs(level), 1) / contrast
    one = np.zeros(1, int)
    for factor in (0.9, 1.1):
        window = level + factor * limit * pattern
        values = spectra_of(window, grid_of(size, one, one, size), SpectraSettings(taper=kind), Scale(0.0, 1.0))
        assert values.any() == (factor > 1)


def test_a_blank_window_keeps_its_mean_where_that_is_wanted():
    size = (9, 14)
    one = np.zeros(1, int)
    values = spectra_of(np.full(size, 5.0), grid_of(size, one, one, size), PLAIN, Scale(0.0, 1.0))
    assert values[0, 0] == pytest.approx(5 * np.sqrt(9 * 14), rel=1e-6)
    assert np.abs(values[0, 1:]).max() < 1e-4
