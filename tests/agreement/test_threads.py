"""Any number of threads, of the pool or of the linear algebra, gives the same answer to the last digit."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import fftscape as fs
from fftscape.compute import executors
from fftscape.compute.executors import limit_threads
from fftscape.synthetic import Lattice, crystal_scene, fcc_gold

# Threads of the pool (None: as many as there are processors), and of the linear algebra around the call.
THREADS = [(2, 1), (3, 2), (7, 4), (None, 2)]


@pytest.fixture(scope="module")
def image():
    """Two lattices, one inside the other, on 501 x 643 pixels that are not square."""
    y, x = np.mgrid[:501, :643]
    labels = (np.hypot(y - 260, 0.8 * (x - 250)) < 150).astype(np.int16)
    lattices = (fcc_gold(), Lattice((0.25, 0.433), ((0, 0), (0.5, 0.5)), 50))
    return crystal_scene(lattices, labels, pixel_size=(0.02, 0.025), dose=40).image


def answer(image, threads, blas_threads):
    """Everything that is computed, as bytes."""
    limit_threads(threads)
    try:
        with threadpool_limits(blas_threads, user_api="blas"):
            analysis = fs.analyze(image, window=(64, 48), step=(15, 13))
    finally:
        limit_threads(None)
    peaks = analysis.peaks
    arrays = {
        "loadings": analysis.loadings, "factors": analysis.factors, "labels": analysis.labels,
        "residual": analysis.residual, "margin": analysis.segmentation.margin,
        "abruptness": analysis.abruptness, "shares": analysis.shares, "stability": analysis.stability,
        "scree": analysis.scree.explained_variance, "d-spacings": peaks.d_spacing, "angles": peaks.angle,
        "uncertainties": analysis.area_uncertainties, "significance": peaks.significance,
        "error": np.array([analysis.reconstruction_error, analysis.n_iter, analysis.n_components]),
    }  # fmt: skip
    return {name: array.tobytes() for name, array in arrays.items()}


@pytest.fixture(scope="module")
def on_one_thread(image):
    return answer(image, 1, 1)


@pytest.mark.parametrize(("threads", "blas_threads"), THREADS, ids=str)
def test_any_number_of_threads_gives_the_same_bytes(image, on_one_thread, threads, blas_threads, monkeypatch):
    monkeypatch.setattr(executors, "usable_processors", lambda: 5)
    found = answer(image, threads, blas_threads)
    assert {name for name in found if found[name] != on_one_thread[name]} == set()


def test_the_answer_is_worth_comparing(image, on_one_thread):
    analysis = fs.analyze(image, window=(64, 48), step=(15, 13))
    assert analysis.n_components == 2
    assert analysis.grid.n_valid > 1000
    assert len(analysis.peaks) > 4
    assert analysis.loadings.tobytes() == on_one_thread["loadings"]


def test_the_linear_algebra_can_have_several_threads():
    """Or the comparison would say nothing."""
    with threadpool_limits(2, user_api="blas"):
        assert {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"} == {2}
