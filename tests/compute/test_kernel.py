"""The compiled kernel: that it is there where it can be, and what it makes of arguments that do not fit together.

What it computes is shown with that of SciPy, in test_transform.py.
"""

import shutil
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from fftscape.compute import transform

needs_kernel = pytest.mark.skipif(transform._kernel is None, reason="the kernel was not compiled")
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
    assert transform._kernel is not None, "it was not compiled: touch kernel/module.c, and install fftscape again"


@needs_kernel
@pytest.mark.parametrize("most", [False, True])
def test_a_constant_has_all_of_it_at_zero_frequency(most):
    given = arguments(lanes=transform._kernel.LANES if most else 4)
    transform._kernel.spectra(*given)
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
        transform._kernel.spectra(*given)
    assert name == "out" or (given[10] == -1).all()


@needs_kernel
def test_an_output_that_cannot_be_written_is_refused():
    fixed = np.ones((6, HEIGHT * 5), np.float32)
    fixed.flags.writeable = False
    with pytest.raises((TypeError, BufferError, ValueError)):
        transform._kernel.spectra(*arguments(out=fixed))


@needs_kernel
def test_windows_that_are_not_wanted_are_left_as_they_are():
    places = np.array([[-1, 0, -1], [3, -1, -5]], np.int64)
    given = arguments(places=places)
    transform._kernel.spectra(*given)
    assert (given[10][[1, 2, 4, 5]] == -1).all()
    assert (given[10][[0, 3], 0] > 50).all()
