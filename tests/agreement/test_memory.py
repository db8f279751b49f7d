"""How much memory there is changes nothing but time."""

import h5py
import numpy as np
import pytest
import tifffile

import fftscape as fs
from fftscape import ground
from fftscape.model import mapped
from fftscape.model.errors import InvalidSettingError
from fftscape.model.notes import Notes
from fftscape.model.records import LocalSpectra
from fftscape.model.settings import Settings, merged
from fftscape.preparation import check_memory
from fftscape.usable import usable_pixels

ARRAYS = ("loadings", "factors", "labels", "residual", "abruptness", "stability")


@pytest.fixture(scope="module")
def scene():
    return fs.synthetic.SCENE_KINDS["crystal grains"](3).image


@pytest.fixture
def kinds(monkeypatch):
    """Note, for all spectra that an analysis asks for, whether they are held in memory."""
    held = []

    def noting(*arguments, **options):
        spectra = original(*arguments, **options)
        held.append(isinstance(spectra, LocalSpectra))
        return spectra

    original = ground.spectra_within
    monkeypatch.setattr(ground, "spectra_within", noting)
    return held


@pytest.fixture(scope="module")
def plenty(scene):
    return fs.analyze(scene, window=(64, 48), step=(16, 24), memory="64GiB")


def same(one, other):
    assert [name for name in ARRAYS if getattr(one, name).tobytes() != getattr(other, name).tobytes()] == []
    assert one.segmentation.margin.tobytes() == other.segmentation.margin.tobytes()
    assert one.scree.explained_variance.tobytes() == other.scree.explained_variance.tobytes()
    assert one.provenance == other.provenance


@pytest.mark.parametrize("memory", ["1MiB", 20 * 2**20])
def test_streamed_spectra_give_the_same_bytes(scene, plenty, memory, kinds):
    same(fs.analyze(scene, window=(64, 48), step=(16, 24), memory=memory), plenty)
    assert not all(kinds)  # not the largest of them, at least


def test_a_rotation_tolerant_analysis_streams_too(scene, kinds):
    settings = merged(Settings(), {"rotation": {"tolerant": True}})
    little = fs.analyze(scene, window=64, step=24, settings=settings, memory="1MiB")
    assert not all(kinds)
    kinds.clear()
    much = fs.analyze(scene, window=64, step=24, settings=settings, memory="64GiB")
    assert all(kinds)
    same(little, much)
    assert little.orientation.tobytes() == much.orientation.tobytes()


def test_the_published_flow_streams_too(scene, kinds):
    little = fs.analyze(scene, window=64, step=24, preset="published", memory="1MiB")
    assert not all(kinds)
    kinds.clear()
    much = fs.analyze(scene, window=64, step=24, preset="published", memory="64GiB")
    assert all(kinds)
    same(little, much)


@pytest.mark.parametrize("suffix", ["npy", "tif", "h5"])
def test_an_image_in_a_file_gives_the_same_bytes(scene, plenty, suffix, tmp_path, monkeypatch):
    path = tmp_path / f"image.{suffix}"
    if suffix == "npy":
        np.save(path, scene.data)
    elif suffix == "tif":
        tifffile.imwrite(path, scene.data, tile=(64, 64), compression="zlib")
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("image", data=scene.data, chunks=(50, 60), compression="gzip")
    monkeypatch.setattr(mapped, "LARGEST_HELD", 1000)
    image = fs.read(path)
    base = image.data
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    found = fs.analyze(image, window=(64, 48), step=(16, 24), memory="1MiB")
    assert found.labels.tobytes() == plenty.labels.tobytes()
    assert found.loadings.tobytes() == plenty.loadings.tobytes()
    assert found.provenance["pixels_sha256"] == plenty.provenance["pixels_sha256"]


@pytest.mark.parametrize("memory", ["", "much", "-1", "2 GiBs"])
def test_what_is_no_size_is_refused(scene, memory):
    with pytest.raises(InvalidSettingError, match="memory must be a size with its unit"):
        fs.analyze(scene, memory=memory)


def test_what_cannot_be_done_in_the_memory_is_refused_first_with_what_it_needs():
    vast = fs.Image(np.broadcast_to(np.float32(1), (20_000, 30_000)), name="vast")
    said = (
        r"^vast: needs 10.5 GiB at least for its 37,500,000 windows, more than the memory of 1 GiB; "
        r"give a larger memory, a larger step, or a part of the image\.$"
    )
    with pytest.raises(InvalidSettingError, match=said):
        fs.analyze(vast, window=(32, 64), step=4, memory="1GiB")
    # What is streamed is not refused: pixels and spectra may be larger than the memory.
    for settings in ({"size": 64, "step": 16}, {"size": 64}, {}):
        check_memory(vast, merged(Settings(), {"windows": settings}), 2**30)


def test_overlays_of_large_images_are_found_in_a_part_of_the_pixels(monkeypatch):
    pixels = np.random.default_rng(0).normal(size=(503, 701)).astype(np.float32)
    pixels[:60] = pixels[:, 690:] = 0
    settings = merged(Settings(), {"windows": {"size": 32, "step": 8}})
    exact = usable_pixels(fs.Image(pixels), settings, Notes())
    assert (exact == (pixels != 0)).all()
    monkeypatch.setattr("fftscape.usable._MOST_PIXELS", 50_000)
    notes = Notes()
    rough = usable_pixels(fs.Image(pixels), settings, notes)
    assert not rough[pixels == 0].any()
    assert exact[~rough & exact].size < 0.03 * exact.size
    assert "counted in steps of 3 pixels" in notes.sentences[0]
