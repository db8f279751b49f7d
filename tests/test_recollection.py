"""What the last analysis left behind: the same answers as without it, for as long as the image lives."""

import gc

import numpy as np
import pytest

import fftscape as fs
from fftscape import pipeline, recollection
from fftscape.model.settings import PRESETS, merged


@pytest.fixture(scope="module")
def image():
    y, x = np.mgrid[:230, :290]
    pattern = np.where(x + y / 3 < 170, np.sin(x * 0.8), np.sin(y * 1.2 + x * 0.4))
    return fs.Image(pattern + np.random.default_rng(0).normal(0, 0.5, pattern.shape))


@pytest.fixture
def counted(monkeypatch):
    """Forget what was before, and count how often an image is surveyed."""
    recollection.forget()
    surveyed = []

    def noting(ground, settings):
        surveyed.append(settings.windows.size)
        return original(ground, settings)

    original = pipeline.surveyed
    monkeypatch.setattr(pipeline, "surveyed", noting)
    return surveyed


def assert_equal(one, other):
    assert one.scree.reason == other.scree.reason
    for name in ("loadings", "factors", "residual", "shares"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.labels, other.labels)


@pytest.mark.parametrize("number", [3, "auto"])
def test_another_number_is_what_a_fresh_analysis_gives(image, counted, number):
    first = fs.analyze(image, window=(48, 40), n_components=2 if number == "auto" else "auto")
    again = first.with_components(number)
    assert len(counted) == 1
    recollection.forget()
    assert_equal(again, fs.analyze(image, window=(48, 40), n_components=number))
    assert len(counted) == 2
    assert again.notes[0].startswith("Window and step as in the result with 2")
    assert again.n_components == (3 if number == 3 else again.scree.n_components)


@pytest.mark.parametrize("others", ["looked at before", "looked at when asked for"])
def test_one_close_look_serves_any_number(image, monkeypatch, others):
    looked = []

    def looking(ground, size, **options):
        looked.append(size)
        return original(ground, size, **options)

    original = pipeline.close_look
    monkeypatch.setattr(pipeline, "close_look", looking)
    recollection.forget()
    sharpen = {"segmentation": {"sharpen": others == "looked at before"}}
    first = fs.analyze(image, window=48, settings=merged(PRESETS["default"], sharpen))
    assert len(looked) == (others == "looked at before")
    again = [first.with_components(number, sharpen=True) for number in (2, 3)]
    assert looked == [(48, 48)]
    first.with_components(1)
    fs.analyze(fs.Image(np.random.default_rng(0).normal(size=(200, 250))), window=48)
    assert len(looked) == 1  # one structure has no boundaries
    for number, one in zip((2, 3), again, strict=True):
        recollection.forget()
        assert_equal(one, fs.analyze(image, window=48, n_components=number))
        assert one.segmentation.resolution < 48


@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize("number", ["auto", 3, 12])
def test_the_surveys_sample_teaches_as_one_that_is_made_anew(image, monkeypatch, number, seed):
    whole = fs.Image(image.data[:228, :288])  # windows of 48 every 12 end at its edges
    settings = merged(PRESETS["default"], {"factorization": {"seed": seed}})
    given = []

    def noting(*arguments, sample, **options):
        given.append(sample)
        return original(*arguments, sample=sample, **options)

    original = pipeline.factorize
    monkeypatch.setattr(pipeline, "factorize", noting)
    found = fs.analyze(whole, window=48, step=12, n_components=number, settings=settings)
    again = fs.analyze(whole, window=48, step=12, settings=settings).with_components(found.n_components)
    assert [sample is None for sample in given] == [False] * 3
    monkeypatch.setattr(pipeline, "factorize", lambda *arguments, sample, **options: original(*arguments, **options))
    recollection.forget()
    anew = fs.analyze(whole, window=48, step=12, n_components=number, settings=settings)
    assert_equal(found, anew)
    for name in ("loadings", "factors"):
        np.testing.assert_array_equal(getattr(again, name), getattr(anew, name))


def test_boundaries_may_stay_where_the_windows_put_them(image, counted):
    first = fs.analyze(image, window=48)
    rough = first.with_components(2, sharpen=False)
    assert (rough.settings.segmentation.sharpen, first.settings.segmentation.sharpen) == (False, True)
    np.testing.assert_array_equal(rough.factors, first.with_components(2).factors)
    assert (rough.labels != first.with_components(2).labels).any()
    assert len(counted) == 1


def test_changed_pixels_are_looked_at_anew(image, counted):
    pixels = image.data.copy()
    same = fs.Image(pixels)
    first = fs.analyze(same, window=48)
    pixels[:] = pixels[::-1].copy()
    again = fs.analyze(same, window=48)
    assert len(counted) == 2
    assert_equal(again, fs.analyze(pixels, window=48))
    assert (again.labels != first.labels).any()


def test_other_windows_or_settings_are_looked_at_anew(image, counted):
    fs.analyze(image, window=48)
    fs.analyze(image, window=40)
    fs.analyze(image, window=48, step=16)
    fs.analyze(image, window=48, memory="1GiB")
    assert counted == [(48, 48), (40, 40), (48, 48), (48, 48)]


def test_another_number_takes_the_memory_it_is_given(image, counted):
    first = fs.analyze(image, window=48, memory="1GiB")
    kept = first.with_components(2, memory="1GiB")
    assert len(counted) == 1
    anew = first.with_components(2)
    assert len(counted) == 2
    assert_equal(kept, anew)


def test_another_number_takes_the_backend_it_is_given(image, monkeypatch):
    first = fs.analyze(image, window=48)
    asked = {}

    def noting(pixels, **given):
        asked.update(given)
        return first

    monkeypatch.setattr("fftscape.analysis.analyze", noting)
    first.with_components(3, memory="2GiB", scheduler="local", backend="torch")
    assert (asked["n_components"], asked["memory"], asked["scheduler"], asked["backend"]) == (
        3, "2GiB", "local", "torch",
    )  # fmt: skip


def test_an_equal_image_is_another_one(image, counted):
    for _ in range(2):
        fs.analyze(image.data, window=48)
    assert len(counted) == 2


def test_memory_is_given_back_with_the_image(counted):
    image = fs.Image(np.random.default_rng(0).random((90, 110)))
    analysis = fs.analyze(image, window=32)
    assert recollection._last is not None
    del image, analysis
    gc.collect()
    assert recollection._last is None
