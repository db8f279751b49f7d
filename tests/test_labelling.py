"""Labels of images worked on in tiles beside those worked on as a whole."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

import fftscape as fs
from fftscape import closer, labelling
from fftscape.closer import close_look
from fftscape.ground import Ground
from fftscape.model.settings import Settings
from fftscape.stages import segmentation
from fftscape.stages.segmentation import assigned_by_labels, near_boundaries
from fftscape.stages.windows import window_grid


@pytest.fixture(scope="module")
def scene():
    return fs.synthetic.SCENE_KINDS["crystal grains"](3)


def labelled(scene, size=64, image=None):
    """Labels from the true component of each window's centre."""
    usable = np.ones(scene.image.shape, bool)
    grid = window_grid(usable, (size, size), (size // 4, size // 4))
    true = scene.labels[np.ix_(grid.centres_y.astype(int), grid.centres_x.astype(int))]
    assignment = assigned_by_labels(true.astype(np.int16), scene.n_components, grid)
    ground = Ground(image or scene.image, usable, 2**40)
    return labelling.labelled(ground, assignment, grid, Settings(), lambda: close_look(ground, grid.size, seed=0))


@pytest.mark.parametrize("tile", [pytest.param(150, marks=pytest.mark.long), 333])
def test_tiles_give_nearly_the_same_labels(scene, tile, monkeypatch):
    whole = labelled(scene)
    monkeypatch.setattr(labelling, "_LARGEST", tile)
    monkeypatch.setattr(labelling, "_TILE", tile)
    tiled = labelled(scene)
    assert len(labelling._parts(scene.image.shape[0])) > 1
    assert (tiled.labels == whole.labels).mean() > 0.995
    # Also where the scene is known, tiles cost nothing.
    right = [(found.labels == scene.labels).mean() for found in (whole, tiled)]
    assert right[1] > right[0] - 0.003
    np.testing.assert_allclose(tiled.area_fractions, whole.area_fractions, atol=0.003)
    np.testing.assert_allclose(tiled.area_uncertainties, whole.area_uncertainties, rtol=0.1)
    assert np.isfinite(tiled.margin).all()


def test_pixels_of_a_mapped_image_are_given_back_tile_by_tile(scene, tmp_path, monkeypatch):
    np.save(tmp_path / "mapped.npy", scene.image.data)
    mapped = np.load(tmp_path / "mapped.npy", mmap_mode="r")
    given_back = []
    monkeypatch.setattr(labelling, "release", lambda data: given_back.append(data is mapped))
    monkeypatch.setattr(labelling, "_LARGEST", 333)
    monkeypatch.setattr(labelling, "_TILE", 333)
    labelled(scene, image=dataclasses.replace(scene.image, data=mapped))
    tiles = len(labelling._parts(mapped.shape[0])) * len(labelling._parts(mapped.shape[1]))
    assert tiles > 1
    assert given_back == [True] * tiles


def test_components_that_a_tile_lacks_get_none_of_it(monkeypatch):
    y, x = np.mgrid[:160, :900]
    image = np.where(x < 450, np.sin(2 * np.pi * x / 6), np.sin(2 * np.pi * (x + y) / 7))
    image = fs.Image(image + 0.3 * np.random.default_rng(0).standard_normal(image.shape))
    usable = np.ones(image.shape, bool)
    grid = window_grid(usable, (32, 32), (8, 8))
    labels = (grid.centres_x >= 450).astype(np.int16) + np.zeros((grid.shape[0], 1), np.int16)
    monkeypatch.setattr(labelling, "_LARGEST", 150)
    monkeypatch.setattr(labelling, "_TILE", 150)
    monkeypatch.setattr(labelling, "_AROUND", 1)
    assignment = assigned_by_labels(labels, 3, grid)  # the third is nowhere
    ground = Ground(image, usable, 2**40)
    found = labelling.labelled(ground, assignment, grid, Settings(), lambda: close_look(ground, grid.size, seed=0))
    assert (found.labels[:, :440] == 0).all()
    assert (found.labels[:, 460:] == 1).all()
    assert found.area_fractions[2] == 0
    assert np.isfinite(found.margin).all()


@pytest.mark.parametrize("length", [1, 4096, 6144, 6145, 16384, 20001])
def test_parts_are_all_of_it(length):
    parts = labelling._parts(length)
    assert parts[0].start == 0
    assert parts[-1].stop == length
    assert all(one.stop == other.start for one, other in pairwise(parts))
    assert max(part.stop - part.start for part in parts) <= labelling._LARGEST


def test_smaller_windows_lie_at_steps_of_half(scene, monkeypatch):
    laid = []

    def noted(assignment, grid):
        laid.append(grid)
        return near_boundaries(assignment, grid)

    monkeypatch.setattr(labelling, "near_boundaries", noted)
    labelled(scene)
    assert [(grid.size, grid.step) for grid in laid] == [((16, 16), (8, 8))]


def test_of_many_windows_those_near_boundaries_are_as_good_as_all(scene, monkeypatch):
    whole, looked_at = labelled(scene), []

    def noted(assignment, grid):
        near = near_boundaries(assignment, grid)
        looked_at.append(near.valid.mean())
        return near

    monkeypatch.setattr(closer, "_MOST_WINDOWS", 100)
    monkeypatch.setattr(segmentation, "_ENOUGH_WINDOWS", 0)  # all components teach by patches
    monkeypatch.setattr(labelling, "near_boundaries", noted)
    near = labelled(scene)
    assert looked_at[0] < 0.5
    assert (near.labels == whole.labels).mean() > 0.995
    assert near.resolution == whole.resolution < 64


def test_smaller_windows_that_need_each_other_are_the_last(monkeypatch):
    # Gratings so weak that windows of 32 tell them apart only together; those of 16 are not asked.
    y, x = np.mgrid[:480, :620]
    image = np.where(x < 310, np.sin(2 * np.pi * x / 6), np.sin(2 * np.pi * (x + y) / 7))
    image = fs.Image(image + 6 * np.random.default_rng(0).standard_normal(image.shape))
    usable = np.ones(image.shape, bool)
    grid = window_grid(usable, (64, 64), (16, 16))
    labels = (grid.centres_x > 310).astype(np.int16) + np.zeros((grid.shape[0], 1), np.int16)
    monkeypatch.setattr(labelling, "near_boundaries", None)
    assignment, ground = assigned_by_labels(labels, 2, grid), Ground(image, usable, 2**40)
    found = labelling.labelled(ground, assignment, grid, Settings(), lambda: close_look(ground, grid.size, seed=0))
    assert found.resolution == 32


def test_patches_that_teach_do_not_recognise_themselves(monkeypatch):
    """Where all windows cannot tell two structures apart, a part of them must not seem to."""
    y, x = np.mgrid[:1000, :1200]
    image = np.where(x < 600, np.sin(2 * np.pi * x / 6), np.sin(2 * np.pi * (x + y) / 7))
    image = fs.Image(image + 7.5 * np.random.default_rng(0).standard_normal(image.shape))
    usable = np.ones(image.shape, bool)
    grid, ground = window_grid(usable, (64, 64), (16, 16)), Ground(image, usable, 2**40)
    assignment = assigned_by_labels(
        (grid.centres_x > 600).astype(np.int16) + np.zeros((grid.shape[0], 1), np.int16), 2, grid
    )
    monkeypatch.setattr(segmentation, "_ENOUGH_WINDOWS", 0)
    for most in (1 << 14, 100):
        monkeypatch.setattr(closer, "_MOST_WINDOWS", most)
        found = labelling.labelled(ground, assignment, grid, Settings(), lambda: close_look(ground, (64, 64), seed=0))
        assert found.resolution == 64


@pytest.mark.parametrize("most", [100, 1 << 14])
def test_far_from_boundaries_nothing_speaks_for_another_component(scene, monkeypatch, most):
    """Whether all windows teach, or patches of them, which must not show in the margin."""
    monkeypatch.setattr(closer, "_MOST_WINDOWS", most)
    monkeypatch.setattr(segmentation, "_ENOUGH_WINDOWS", 0)
    found = labelled(scene)
    borders = np.zeros(found.labels.shape, bool)
    borders[1:] |= found.labels[1:] != found.labels[:-1]
    borders[:, 1:] |= found.labels[:, 1:] != found.labels[:, :-1]
    depth = distance_transform_edt(~borders)
    assert (depth > 70).mean() > 0.1
    assert (found.margin[depth > 70] == 1).all()
    assert np.median(found.margin[depth < 4]) < 0.4
