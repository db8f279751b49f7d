"""The compiled kernel: that it is there where it can be, and what it makes of arguments that do not fit together.

What it computes is shown with that of NumPy and SciPy: in test_transform.py, test_fits.py, test_sweeps.py,
test_assignments.py, test_groups.py and test_turning.py.
"""

import shutil
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from fftscape.compute.kernel import kernel

needs_kernel = pytest.mark.skipif(kernel is None, reason="the kernel was not compiled")
HEIGHT, WIDTH = 6, 9


def arguments(**changed):
    real, whole = np.float32, np.int64
    all_of_it = {
        "pixels": np.ones((8, 12), real),
        "n_x": 12,
        "tops": np.array([0, 2], whole),
        "lefts": np.array([0, 1, 3], whole),
        "places": np.arange(6, dtype=whole).reshape(2, 3),
        "taper_y": np.ones(HEIGHT, real),
        "taper_x": np.ones(WIDTH, real),
        "mean_y": np.zeros(HEIGHT, np.complex64),
        "mean_x": np.zeros(5, np.complex64),
        "weights": np.ones((3, 5), real),
        "out": np.full((6, HEIGHT * 5), -1, real),
        "scaling": 0,
        "remove_mean": False,
        "unit_norm": False,
        "level": 1.0,
        "rounding": 0.0,
        "lanes": 4,
    }
    assert not set(changed) - set(all_of_it)
    return list((all_of_it | changed).values())


def test_it_is_there_where_there_is_a_compiler():
    headers = Path(sysconfig.get_path("include"), "Python.h")
    compiler = (sysconfig.get_config_var("CC") or "").split(" ")[0]
    if not shutil.which(compiler) or not headers.exists() or sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("no compiler, or no headers of a Python that the kernel is for")
    assert kernel is not None, "it was not compiled: touch kernel/module.c, and install fftscape again"


@needs_kernel
@pytest.mark.parametrize("most", [False, True])
def test_a_constant_has_all_of_it_at_zero_frequency(most):
    given = arguments(lanes=kernel.LANES if most else 4)
    kernel.spectra(*given)
    out = given[10]
    np.testing.assert_allclose(out[:, 0], HEIGHT * WIDTH, rtol=1e-6)
    assert np.abs(out[:, 1:]).max() < 1e-4


@needs_kernel
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pixels", np.ones(95, np.float32)),
        ("n_x", 0),
        ("n_x", 8),
        ("tops", np.array([0, 3])),
        ("tops", np.array([-1, 2])),
        ("lefts", np.array([0, 1, 4])),
        ("lefts", np.array([0, -1, 2])),
        ("places", np.arange(5)),
        ("places", np.array([0, 1, 2, 3, 4, 6])),
        ("taper_x", np.ones(0, np.float32)),
        ("taper_x", np.ones(13, np.float32)),
        ("mean_y", np.zeros(5, np.complex64)),
        ("mean_x", np.zeros(6, np.complex64)),
        ("weights", np.ones(14, np.float32)),
        ("out", np.ones((5, HEIGHT * 5), np.float32)),
        ("scaling", -1),
        ("scaling", 3),
        ("lanes", 0),
        ("lanes", 16),
        ("taper_y", np.ones(4 * HEIGHT + 1, np.uint8)[1:].view(np.float32)),
    ],
)
def test_arguments_that_do_not_fit_are_refused_before_anything_is_written(name, value):
    given = arguments(**{name: value})
    with pytest.raises(ValueError, match="does not fit the other arguments"):
        kernel.spectra(*given)
    assert name == "out" or (given[10] == -1).all()


@needs_kernel
def test_an_output_that_cannot_be_written_is_refused():
    fixed = np.ones((6, HEIGHT * 5), np.float32)
    fixed.flags.writeable = False
    with pytest.raises((TypeError, BufferError, ValueError)):
        kernel.spectra(*arguments(out=fixed))


@needs_kernel
def test_windows_that_are_not_wanted_are_left_as_they_are():
    places = np.array([[-1, 0, -1], [3, -1, -5]], np.int64)
    given = arguments(places=places)
    kernel.spectra(*given)
    assert (given[10][[1, 2, 4, 5]] == -1).all()
    assert (given[10][[0, 3], 0] > 50).all()


def fit_arguments(**changed):
    """Three spectra of five values, two factors."""
    all_of_it = {
        "spectra": np.ones((3, 5), np.float32),
        "n_features": 5,
        "factors": np.full((2, 5), 0.4, np.float32),
        "gram": np.eye(2),
        "weights": np.full((3, 2), -1.0),
        "left": np.full(3, -1.0),
        "energies": np.full(3, -1.0),
        "sums": np.zeros((2, 5)),
        "lanes": 4,
    }
    assert not set(changed) - set(all_of_it)
    return list((all_of_it | changed).values())


def sweep_arguments(**changed):
    """Seven windows, five values, a matrix of rank three, two factors."""
    all_of_it = {
        "basis": np.ones((3, 7)),
        "coefficients": np.ones((3, 5)),
        "rank": 3,
        "loadings": np.ones((2, 7)),
        "factors": np.ones((2, 5)),
        "n_iter": 1,
        "lanes": 4,
    }
    assert not set(changed) - set(all_of_it)
    return list((all_of_it | changed).values())


@needs_kernel
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spectra", np.ones((3, 4), np.float32)),
        ("n_features", 0),
        ("n_features", 16),
        ("factors", np.ones(0, np.float32)),
        ("factors", np.ones(11, np.float32)),
        ("gram", np.eye(3)),
        ("weights", np.ones((2, 2))),
        ("left", np.ones(2)),
        ("energies", np.ones(4)),
        ("sums", np.ones((1, 5))),
        ("left", np.ones(25, np.uint8)[1:].view(np.float64)),
        ("lanes", 3),
    ],
)
def test_fits_that_cannot_be_are_refused(name, value):
    given = fit_arguments(**{name: value})
    with pytest.raises(ValueError, match="does not fit the other arguments"):
        kernel.fit(*given)
    assert name == "weights" or (given[4] == -1).all()


@needs_kernel
def test_sums_are_made_where_there_is_room_for_them_only():
    with_sums, without = fit_arguments(), fit_arguments(sums=np.zeros(0))
    kernel.fit(*with_sums)
    kernel.fit(*without)
    np.testing.assert_array_equal(with_sums[4], without[4])
    np.testing.assert_allclose(with_sums[7], with_sums[4].T @ with_sums[0])


@needs_kernel
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("basis", np.ones((3, 6))),
        ("basis", np.ones(20)),
        ("basis", np.ones(0)),
        ("coefficients", np.ones((3, 4))),
        ("coefficients", np.ones(0)),
        ("rank", 0),
        ("rank", 2),
        ("loadings", np.ones(6)),
        ("loadings", np.ones((1, 7))),
        ("factors", np.ones((3, 5))),
        ("basis", np.ones(169, np.uint8)[1:].view(np.float64)),
        ("lanes", 5),
    ],
)
def test_sweeps_that_cannot_be_are_refused(name, value):
    given = sweep_arguments(**{name: value})
    with pytest.raises(ValueError, match="does not fit the other arguments"):
        kernel.sweep(*given)
    assert name == "loadings" or (given[3] == 1).all()


def nearest_arguments(**changed):
    """Two components, three lines of nine columns, two rows between these."""
    all_of_it = {
        "lines": np.ones((2, 3, 9), np.float32),
        "n_components": 2,
        "n_columns": 9,
        "positions": np.array([0.0, 2.0]),
        "labels": np.full((2, 9), -1, np.int16),
        "margin": np.zeros((2, 9), np.float32),
        "lanes": 4,
    }
    assert not set(changed) - set(all_of_it)
    return list((all_of_it | changed).values())


@needs_kernel
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lines", np.ones(53, np.float32)),
        ("lines", np.ones(0, np.float32)),
        ("n_components", 0),
        ("n_components", 4),
        ("n_columns", 3),
        ("n_columns", 27),
        ("positions", np.array([0.0, 2.1])),
        ("positions", np.array([-0.1, 2.0])),
        ("positions", np.array([0.0, np.nan])),
        ("positions", np.zeros(3)),
        ("labels", np.full((1, 9), -1, np.int16)),
        ("margin", np.zeros((2, 8), np.float32)),
        ("lines", np.ones(217, np.uint8)[1:].view(np.float32)),
        ("lanes", 6),
    ],
)
def test_labels_that_cannot_be_are_refused(name, value):
    given = nearest_arguments(**{name: value})
    with pytest.raises(ValueError, match="does not fit the other arguments"):
        kernel.nearest(*given)
    assert (given[4] == -1).all()


def settle_arguments(**changed):
    """Five points of two dimensions, one trial of two centres."""
    all_of_it = {
        "columns": np.arange(10.0).reshape(2, 5),
        "n_dimensions": 2,
        "centres": np.array([[[0.0, 5.0], [4.0, 9.0]]]),
        "n_centres": 2,
        "most_rounds": 3,
        "lanes": 4,
    }
    assert not set(changed) - set(all_of_it)
    return list((all_of_it | changed).values())


@needs_kernel
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("columns", np.ones(9)),
        ("columns", np.ones(0)),
        ("n_dimensions", 0),
        ("n_dimensions", 3),
        ("centres", np.ones(5)),
        ("centres", np.ones(0)),
        ("n_centres", 0),
        ("n_centres", 3),
        ("columns", np.ones(81, np.uint8)[1:].view(np.float64)),
        ("lanes", 1),
    ],
)
def test_groups_that_cannot_be_are_refused(name, value):
    given = settle_arguments(**{name: value})
    before = given[2].copy()
    with pytest.raises(ValueError, match="does not fit the other arguments"):
        kernel.settle(*given)
    np.testing.assert_array_equal(given[2], before)


@needs_kernel
@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, np.ones(11)),
        (1, 0),
        (1, 5),
        (2, np.zeros(3)),
        (2, np.array([0.0, np.inf])),
        (3, np.zeros(1)),
        (3, np.array([np.nan, 0.0])),
        (0, np.ones(97, np.uint8)[1:].view(np.float64)),
    ],
)
def test_splines_that_cannot_be_are_refused(index, value):
    given = [np.ones((3, 4)), 4, np.zeros(2), np.ones(2), np.full(2, -1.0)]
    given[index] = value
    with pytest.raises(ValueError, match="does not fit the other arguments"):
        kernel.spline(*given)
    assert (given[4] == -1).all()
