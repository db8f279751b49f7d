"""Outlines of bright and dark things: where their power ends."""

import numpy as np

from fftscape.compute.moments import cell_moments
from fftscape.compute.pixels import scale_of
from fftscape.stages.outlines import loud_beside_quiet, outline_cell, outlined
from fftscape.stages.segmentation import Placed, assigned_by_labels, segment
from fftscape.stages.windows import survey_grid


def segmented(assignment, covering):
    height, width = covering.image_shape
    return segment([Placed(slice(0, height), slice(0, width), assignment)], len(assignment.distances), covering)


def bright_disc(radius, height=1.0, seed=0):
    """A speckled disc on a ground of weak noise, and what windows of unit-norm spectra make of it: too much."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:210, :250]
    distance = np.hypot(y - 100, x - 130)
    image = 0.05 * rng.standard_normal((210, 250)) + 5
    image += np.where(distance < radius, height * rng.uniform(0.5, 1.5, image.shape), 0)
    grid = survey_grid(np.ones(image.shape, bool), (32, 32))
    around = np.hypot(grid.centres_y[:, None] - 100, grid.centres_x[None] - 130)
    return image, distance < radius, assigned_by_labels((around < radius + 12).astype(np.int16), 2, grid)


def drawn_in(image, assignment):
    cell = outline_cell(assignment, image.size)
    parts = slice(0, image.shape[0]), slice(0, image.shape[1])
    scale = scale_of(image, centred=True)
    cells = cell_moments(image, scale, np.ones(image.shape, bool), cell, parts)
    pairs = loud_beside_quiet(cells.over(assignment.grid), assignment)
    return outlined(assignment, assignment, pairs, cells) if pairs else assignment


def test_outlines_of_bright_things_are_drawn_in():
    image, true, assignment = bright_disc(60)
    before = segmented(assignment, assignment.grid)
    found = segmented(drawn_in(image, assignment), assignment.grid)
    assert before.labels[~true].mean() > 0.09
    seen = found.labels >= 0
    assert (found.labels == true)[seen].mean() > 0.97
    assert abs(found.area_fractions[1] - true[seen].mean()) < found.area_uncertainties[1]
    # It rests on the windows that found it, not on the cells.
    assert found.resolution == 32


def test_dark_things_on_a_bright_ground_too():
    image, true, assignment = bright_disc(60, height=-1.0)
    found = segmented(drawn_in(image, assignment), assignment.grid).labels
    assert (found == true)[found >= 0].mean() > 0.97


def test_where_no_component_is_loud_nothing_changes():
    image, _, assignment = bright_disc(60, height=0.1)
    assert drawn_in(image, assignment) is assignment


def test_quiet_places_inside_a_loud_component_stay_its_own():
    image, true, assignment = bright_disc(70)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    hole = np.hypot(y - 100, x - 130) < 8
    image[hole] = 5
    found = segmented(drawn_in(image, assignment), assignment.grid).labels
    assert found[hole].all()
    assert (found == true)[found >= 0].mean() > 0.97


def test_cells_become_larger_where_there_would_be_too_many():
    _, _, assignment = bright_disc(60)
    assert outline_cell(assignment, 1000 * 1000) == (2, 2)
    assert outline_cell(assignment, 10_000 * 10_000) == (5, 5)
