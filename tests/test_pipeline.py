"""The whole method on images whose answer is known: numbers, places, directions, units."""

import warnings
from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import fftscape as fs
from fftscape import pipeline
from fftscape.compute.kernel import LANES, vectors
from fftscape.compute.transform import done_by
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.errors import NoPeaksWarning, NotConvergedWarning, OddImageWarning
from fftscape.model.settings import Settings, merged
from fftscape.survey import surveyed
from fftscape.synthetic import Lattice, crystal_scene, demo_scene


@pytest.fixture(scope="module")
def scene():
    """Two lattices side by side on a non-square image with unequal pixel sizes; the boundary is at column 150."""
    labels = np.zeros((215, 330), np.int16)
    labels[:, 150:] = 1
    lattices = (Lattice((0.3, 0.3), ((0, 0),), 10), Lattice((0.25, 0.433), ((0, 0), (0.5, 0.5)), 50))
    return crystal_scene(lattices, labels, pixel_size=(0.03, 0.04), dose=60, seed=1)


@pytest.fixture(scope="module")
def analysis(scene):
    return fs.analyze(scene.image, window=(48, 36), step=(12, 10))


def score(labels, truth):
    """Share of labelled pixels whose label is right, components matched in the best order."""
    known = labels >= 0
    pairs = np.array([[np.sum((labels == i) & (truth == j)) for j in range(2)] for i in range(2)])
    return max(np.trace(pairs), np.trace(pairs[::-1])) / known.sum()


def test_number_places_and_fractions(analysis, scene):
    assert analysis.n_components == 2
    assert score(analysis.labels, scene.labels) > 0.97
    assert (analysis.labels >= 0).all()
    np.testing.assert_allclose(np.sort(analysis.area_fractions), np.sort(scene.area_fractions), atol=0.03)


def test_spots_have_the_lattices_spacings_and_angles(analysis, scene):
    right = int(analysis.labels[100, 300])
    for component, lattice in ((1 - right, scene.lattices[0]), (right, scene.lattices[1])):
        peaks = analysis.peaks.of(component)
        for d_spacing, angle, _ in lattice.spots(0.15)[:2]:
            off = np.abs((peaks.angle - angle + 90) % 180 - 90)
            nearest = np.argmin(off + 100 * np.abs(peaks.d_spacing / d_spacing - 1))
            assert peaks.d_spacing[nearest] == pytest.approx(d_spacing, rel=0.01)
            assert off[nearest] < 1
    assert analysis.peaks.unit == "nm"


def test_axes_are_calibrated(analysis):
    assert analysis.factors.shape == (2, 48, 36)
    assert analysis.loadings.shape == (2, *analysis.grid.shape)
    assert analysis.frequency_y[24] == 0
    assert analysis.frequency_x[18] == 0
    assert analysis.frequency_y[25] == pytest.approx(1 / (48 * 0.03))
    assert analysis.frequency_x[19] == pytest.approx(1 / (36 * 0.04))
    assert analysis.frequency_unit == "1/nm"
    assert analysis.position_y[0] == pytest.approx(23.5 * 0.03)
    assert analysis.position_x[1] == pytest.approx(27.5 * 0.04)
    assert analysis.loadings.dtype == analysis.factors.dtype == np.float32
    assert (analysis.loadings >= 0).all()


def test_residual_is_largest_where_the_lattices_meet(analysis):
    centres = analysis.grid.centres_x
    at_boundary = analysis.residual[:, np.abs(centres - 150) < 10].mean()
    inside = analysis.residual[:, np.abs(centres - 150) > 30].mean()
    assert at_boundary > 1.02 * inside
    error = np.sqrt(np.mean(analysis.residual.astype(float) ** 2))  # every spectrum has unit norm
    assert error == pytest.approx(analysis.reconstruction_error, rel=1e-3)


def test_shares_are_ordered_and_sum_to_one(analysis):
    assert analysis.shares.sum() == pytest.approx(1)
    assert (np.diff(analysis.shares) <= 0).all()


def test_records_cannot_be_changed(analysis):
    with pytest.raises(ValueError, match="read-only"):
        analysis.loadings[0, 0, 0] = 1
    with pytest.raises(AttributeError):
        analysis.factors = None


def test_same_input_same_bytes(scene):
    one, two = (fs.analyze(scene.image, window=(48, 36), step=(12, 10)) for _ in range(2))
    for name in ("loadings", "factors", "residual", "labels"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()


# The seed of `fftscape demo` is tried in tests/test_cli.py.
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (0, 2))])
def test_the_demo_is_answered(seed):
    scene = demo_scene(seed)
    analysis = fs.analyze(scene.image)
    assert analysis.n_components == 3
    assert any("chosen by the advisor" in note for note in analysis.notes)
    np.testing.assert_allclose(np.sort(analysis.area_fractions), np.sort(scene.area_fractions), atol=0.04)


def wide(seed=0):
    return np.random.default_rng(seed).normal(size=(180, 260))


@pytest.mark.parametrize(
    "data",
    [
        wide(),
        np.add.outer(np.arange(180.0), 2 * np.arange(260.0)),
        np.random.default_rng(1).poisson(3, (180, 260)),
        np.sin(np.arange(260) / 1.3) + np.zeros((180, 1)),
        np.indices((180, 260)).sum(0) % 2,
        np.exp(-((np.arange(260) - 100) ** 2) / 9000) * 50 + wide(2),
    ],
    ids=["noise", "ramp", "counts", "wave", "checkerboard", "uneven light"],
)
def test_nothing_is_found_where_there_is_nothing(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoPeaksWarning)
        analysis = fs.analyze(data, window=(32, 24), step=8)
    assert analysis.n_components == 1
    assert (analysis.labels == 0).all()
    assert analysis.area_fractions.tolist() == [1]


@pytest.mark.parametrize("window", [16, 18, 32, 48])
@pytest.mark.parametrize(
    "slope",
    [
        np.add.outer(np.arange(180.0), 2 * np.arange(260.0)),
        np.add.outer(3 * np.arange(180.0), -0.7 * np.arange(260.0)),
        np.add.outer(100 * np.arange(180), 20 * np.arange(260)),
        np.add.outer(np.sin(np.arange(180) / 3.1), np.sin(np.arange(260) / 2.3) + 0.3 * np.arange(260)),
    ],
    ids=["slope", "falling", "whole numbers", "lattice"],
)
def test_rounding_is_no_structure(slope, window):
    """Without any noise, float32 has some that changes with the pixels' distance from their mean."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoPeaksWarning)
        assert fs.analyze(slope, window=window, step=window // 4).n_components == 1


def test_weak_frequencies_of_amplitudes_are_no_rounding():
    rng = np.random.default_rng(0)
    noise, (y, x) = rng.normal(size=(256, 320)), np.mgrid[:256, :320]
    texture = np.where(x < 160, noise, gaussian_filter(noise, 1.2) / 0.48)
    changes = {"rank": {"rule": "noise-null"}, "spectra": {"scaling": "amplitude"}, "segmentation": {"sharpen": False}}
    image = 300 * np.sin(2 * np.pi * x / 8) * np.sin(2 * np.pi * y / 8) + texture
    assert fs.analyze(image, window=32, step=8, settings=merged(Settings(), changes)).n_components == 2


def test_constant_image_is_one_structure_and_says_so():
    with pytest.warns(OddImageWarning, match="all pixels are equal") as given:
        analysis = fs.analyze(np.full((60, 80), 7, np.uint8), window=16)
    assert len(given) == 1
    assert analysis.n_components == 1
    assert not analysis.loadings.any()
    assert np.isfinite(analysis.residual).all()
    assert any("all pixels are equal" in note for note in analysis.notes)


def test_gaps_are_left_out_and_said(scene):
    data = scene.image.data.astype(np.float32)
    data[:70, :110] = np.nan
    data[200, 320] = -np.inf
    with pytest.warns(OddImageWarning, match=r"\d+ of \d+ windows hold pixels without data"):
        analysis = fs.analyze(replace(scene.image, data=data), window=(48, 36), step=(12, 10))
    assert analysis.n_components == 2
    assert (analysis.labels[:70, :110] == -1).all()
    assert np.isnan(analysis.loadings[:, 0, 0]).all()
    assert np.isfinite(analysis.loadings[:, analysis.grid.valid]).all()
    assert score(analysis.labels, scene.labels) > 0.96


def test_blank_borders_are_left_out_and_said(scene):
    data = scene.image.data.copy()
    data[:60] = 0
    data[:, 300:] = 500
    with pytest.warns(OddImageWarning, match=r"rows: 60 at the top, 0 at the bottom; columns: 0 at the left, 30 at"):
        analysis = fs.analyze(replace(scene.image, data=data), window=(48, 36), step=(12, 10))
    assert analysis.n_components == 2
    assert (analysis.labels[:60] == -1).all()
    assert (analysis.labels[:, 300:] == -1).all()
    assert score(analysis.labels, scene.labels) > 0.96
    np.testing.assert_allclose(np.sort(analysis.area_fractions), [0.5, 0.5], atol=0.04)


def test_blank_places_inside_are_left_out_and_said(scene):
    data = scene.image.data.copy()
    data[80:180, 40:130] = 0
    data[80:84, 40:80] = scene.image.data[80:84, 40:80]  # or it would be a box that somebody drew
    with pytest.warns(OddImageWarning, match=r"\d+ of \d+ windows are blank"):
        analysis = fs.analyze(replace(scene.image, data=data), window=(48, 36), step=(12, 10), n_components=3)
    assert (analysis.labels[128:132, 76:94] == -1).all()


def test_an_empty_background_is_no_blank_edge():
    data = np.zeros((200, 240), np.uint16)
    data[100, 110] = 65535
    with pytest.warns(OddImageWarning, match="windows are blank"):
        analysis = fs.analyze(data, window=32, step=8)
    assert analysis.n_components == 1
    assert analysis.labels[100, 110] == 0
    assert analysis.labels[20, 20] == -1


def test_stripes_are_no_blank_edges():
    stripes = np.repeat(np.arange(30) % 2, 6)[:, None] + np.zeros((1, 200))
    assert fs.analyze(stripes, window=48, step=12).grid.valid.all()


def test_more_components_than_windows_are_refused():
    data = np.random.default_rng(0).normal(size=(120, 160))
    with pytest.raises(fs.InvalidSettingError, match="n_components is 25, but 6 windows"):
        fs.analyze(data, window=100, step=50, n_components=25)
    assert fs.analyze(data, window=100, step=50, n_components=6).n_components == 6


@pytest.mark.parametrize("pixel_size", [(0, 0), (1,), (np.nan, 1), (-1, 1), (1, np.inf)])
def test_pixels_have_a_size(pixel_size):
    with pytest.raises(fs.InvalidSettingError, match="pixel_size must be two positive numbers"):
        fs.analyze(fs.Image(np.eye(60), pixel_size))


def test_arrays_are_copied_and_masks_kept():
    data = np.random.default_rng(0).normal(size=(60, 80))
    analysis = fs.analyze(data, window=16)
    data[:] = 0
    assert analysis.image.data.std() > 0.9
    masked = np.ma.masked_greater(np.random.default_rng(0).normal(size=(60, 80)), 3)
    with pytest.warns(OddImageWarning, match="without data"):
        assert not fs.analyze(masked, window=16).grid.valid.all()


def test_the_advisor_takes_arrays_and_refuses_the_rest():
    assert fs.suggest_window(np.random.default_rng(0).normal(size=(300, 400))).size == (36, 36)
    with pytest.raises(fs.InvalidSettingError, match="two axes"):
        fs.suggest_window(np.zeros((3, 100, 100)))


def test_published_finds_nothing_in_a_constant():
    with pytest.warns(OddImageWarning):
        assert fs.analyze(np.full((80, 90), 3.7), window=16, preset="published").n_components == 1


def test_only_gaps_are_refused():
    with pytest.raises(fs.InvalidSettingError, match="no pixel holds a finite number"):
        fs.analyze(np.full((50, 50), np.nan))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (np.zeros((3, 40, 40)), "two axes"),
        (np.zeros((0, 40)), "at least one pixel"),
        (np.zeros((40, 40), complex), "real numbers"),
        (np.zeros((40, 40), object), "real numbers"),
        (np.eye(8, 500), "too small"),
    ],
)
def test_what_is_no_image_is_refused(data, reason):
    with pytest.raises(fs.InvalidSettingError, match=reason):
        fs.analyze(data)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"window": 500}, "larger than the image"),
        ({"window": (0, 4)}, "window must be"),
        ({"window": 32, "step": 2.5}, "step must be"),
        ({"n_components": 0}, "n_components"),
        ({"n_components": "many"}, "n_components"),
        ({"n_components": 2.5}, "n_components"),
        ({"preset": "best"}, "preset must be one of"),
        ({"preset": "published", "settings": Settings()}, "not both"),
        ({"settings": {"rank": {"n_components": 2}}}, "settings must be a Settings, not dict"),
    ],
)
def test_wrong_settings_are_named(scene, arguments, reason):
    with pytest.raises(fs.InvalidSettingError, match=reason):
        fs.analyze(scene.image, **arguments)


def test_the_number_of_components_can_be_set(scene):
    analysis = fs.analyze(scene.image, window=48, n_components=4)
    assert analysis.n_components == len(analysis.shares) == 4
    assert analysis.scree.rule == "user"
    assert analysis.settings.rank.n_components == 4
    assert analysis.settings.windows.step == (12, 12)


def test_what_was_not_given_is_chosen_and_said(scene):
    chosen = fs.analyze(scene.image, step=30, n_components=np.int64(1))
    assert chosen.settings.windows.step == (30, 30)
    assert [note.split()[0] for note in chosen.notes] == ["Window"]
    both = fs.analyze(scene.image, n_components=1)
    assert both.settings.windows.step == tuple(n // 4 for n in both.settings.windows.size)
    assert [note.split()[0] for note in both.notes] == ["Window", "Step"]
    assert fs.analyze(scene.image, window=48, step=30, n_components=1).notes == ()


def test_of_two_windows_of_a_texture_the_finer_is_taken_where_it_shows_as_much():
    scene = fs.synthetic.SCENE_KINDS["cells"](1)
    advice = fs.suggest_window(scene.image)
    assert advice.finer == tuple(side // 2 for side in advice.size)
    analysis = fs.analyze(scene.image)
    assert analysis.settings.windows.size == advice.finer
    assert analysis.settings.windows.step == tuple(side // 4 for side in advice.finer)
    assert analysis.n_components == scene.n_components
    assert any("in the end" in note for note in analysis.notes)
    # Noise has one structure in either, and larger windows show spectra more clearly.
    noise = np.random.default_rng(0).normal(size=(300, 400))
    assert fs.analyze(noise).settings.windows.size == fs.suggest_window(noise).size


def test_of_two_windows_the_larger_is_taken_where_it_shows_more(monkeypatch):
    image = fs.synthetic.SCENE_KINDS["cells"](1).image
    advice = fs.suggest_window(image)

    def blurred(ground, settings):
        """See nuclei, which only the smaller window resolves, in the larger one."""
        size = advice.finer if settings.windows.size == advice.size else advice.size
        return surveyed(ground, merged(settings, {"windows": {"size": size, "step": settings.windows.step}}))

    monkeypatch.setattr(pipeline, "surveyed", blurred)
    monkeypatch.setattr(pipeline.Survey, "regions_on", lambda self, grid: None)
    analysis = fs.analyze(image)
    assert analysis.settings.windows.size == advice.size
    assert analysis.n_components == 3
    assert not any("in the end" in note for note in analysis.notes)


def test_warnings_point_at_the_caller():
    data = np.random.default_rng(0).normal(size=(60, 60))
    data[3, 3] = np.nan
    for odd in (np.ones((40, 40)), data):
        with pytest.warns(fs.FftscapeWarning) as given:
            fs.analyze(odd, window=16)
        assert {warning.filename for warning in given} == {__file__}
    with pytest.warns(fs.FftscapeWarning) as given:
        fs.analyze(np.random.default_rng(0).normal(size=(60, 60)), window=16).transform(data)
    assert {warning.filename for warning in given} == {__file__}


def test_presets_differ_as_documented(scene):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConvergedWarning)
        analysis = fs.analyze(scene.image, window=48, step=16, preset="published")
    assert analysis.settings.spectra.scaling == "amplitude"
    assert analysis.settings.spectra.taper == "none"
    assert analysis.scree.rule == "elbow"
    assert analysis.scree.null_variance is None
    # The mean is kept: zero frequency dominates every factor.
    strongest = np.argmax(analysis.factors.reshape(analysis.n_components, -1).sum(axis=0))
    assert strongest == 24 * 48 + 24


@pytest.mark.parametrize(
    "changes",
    [
        {"spectra": {"taper": "none"}},
        {"spectra": {"taper": "hamming"}},
        {"spectra": {"remove_mean": False}},
        {"spectra": {"scaling": "log"}},
        {"spectra": {"unit_norm": False}},
        {"factorization": {"starts": ["nndsvd"], "max_iter": 12}},
        {"factorization": {"max_iter": 3}},
        {"factorization": {"tolerance": 0.1}},
        {"factorization": {"starts": ["random"], "max_iter": 5, "seed": 3}},
    ],
    ids=str,
)
def test_every_setting_has_an_effect(analysis, scene, changes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = merged(Settings(), changes)
        other = fs.analyze(scene.image, window=(48, 36), step=(12, 10), n_components=2, settings=settings)
    assert not np.allclose(other.factors, analysis.factors, rtol=1e-6)


def test_the_seed_of_the_noise_changes_the_null(scene):
    one, two, again = (
        fs.analyze(scene.image, window=48, n_components=2, settings=merged(Settings(), {"rank": {"seed": seed}})).scree
        for seed in (0, 1, 0)
    )
    assert one.null_variance[0] == again.null_variance[0] != two.null_variance[0]
    assert two.null_variance[0] == pytest.approx(one.null_variance[0], rel=0.1)
    np.testing.assert_array_equal(one.explained_variance, two.explained_variance)


def test_other_images_are_described_by_the_same_factors(analysis, scene):
    swapped = replace(scene.image, data=np.ascontiguousarray(scene.image.data[:, ::-1]), name="swapped")
    again = analysis.transform(scene.image)
    np.testing.assert_allclose(again.loadings, analysis.loadings, atol=2e-3)
    assert again.reconstruction_error == pytest.approx(analysis.reconstruction_error, rel=1e-3)
    other = fs.analyze(swapped, window=(48, 36), step=(12, 10))
    described = other.transform(swapped)
    assert np.mean(described.labels == other.labels) > 0.999
    assert (analysis.transform(swapped).factors == analysis.factors).all()
    with pytest.raises(fs.UncalibratedImageError, match="has no calibration"):
        analysis.transform(scene.image.data)
    with pytest.raises(fs.InvalidSettingError, match="differ from the model's"):
        analysis.transform(replace(scene.image, pixel_size=(0.03, 0.03)))


def test_saved_and_opened_again_it_is_the_same(analysis, tmp_path):
    folder = analysis.save(tmp_path / "result", report=False)
    assert not (folder / "report.html").exists()
    opened = fs.load(folder)
    assert isinstance(opened, fs.Analysis)
    for item in fields(AnalysisRecord):
        one, two = getattr(analysis, item.name), getattr(opened, item.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, two)
        elif item.name in {"settings", "notes", "provenance", "n_iter", "converged"}:
            assert one == two
    np.testing.assert_array_equal(opened.labels, analysis.labels)
    assert opened.image.pixel_size == (0.03, 0.04)
    assert opened.transform(analysis.image).n_components == 2


def test_a_page_is_drawn_and_a_report_written(analysis, tmp_path):
    assert len(analysis.plot().axes) >= 8
    folder = analysis.save(tmp_path / "whole")
    assert "2 structures found" in (folder / "report.html").read_text(encoding="utf-8")
    assert (folder / "figures" / "overview.png").stat().st_size > 10_000
    assert fs.load(folder).n_components == 2


def test_provenance_tells_versions_and_pixels(analysis, scene):
    from hashlib import sha256

    assert analysis.provenance["pixels_sha256"] == sha256(scene.image.data.tobytes()).hexdigest()
    assert analysis.provenance["numpy"] == np.__version__
    assert analysis.provenance["transforms"] == done_by(analysis.grid.size)
    assert analysis.provenance["kernel"] == vectors(LANES)


def test_data_that_only_one_window_fits_into():
    image = np.full((90, 130), np.nan)
    image[31:63, 45:77] = np.random.default_rng(0).normal(size=(32, 32))
    with pytest.warns(OddImageWarning):
        analysis = fs.analyze(image, window=32, step=1)
    assert analysis.n_components == 1
    assert analysis.scree.reason.startswith("One structure, for want of windows")
    assert (analysis.labels >= 0).tolist() == np.isfinite(image).tolist()


def test_structures_between_the_windows_are_said():
    y, x = np.mgrid[:256, :320]
    island = np.hypot(y - 128, x - 160) < 80
    image = np.where(island, np.sin(x), np.sin(0.7 * y)) + 0.3 * np.random.default_rng(0).normal(size=(256, 320))
    with pytest.warns(OddImageWarning, match="1 of the structures lie between the windows"):
        analysis = fs.analyze(image, window=32, step=(224, 288))
    assert analysis.n_components == 2


def test_an_image_with_fewer_directions_than_labels_look_at():
    y, x = np.mgrid[:256, :256]
    image = np.where(x < 128, (y // 4) % 2, (x // 4) % 2).astype(np.uint8)
    found = fs.analyze(image, window=64, step=16)
    assert found.n_components == 2
    sides = found.labels[64:-64]
    assert len(np.unique(sides[:, :100])) == len(np.unique(sides[:, -100:])) == 1
