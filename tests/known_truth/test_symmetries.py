"""What is done to the image is done to the answer: turned, mirrored, transposed, shifted, scaled."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import fftscape as fs
from fftscape.synthetic import Lattice, crystal_scene

WINDOW, STEP, PIXEL = (48, 36), (12, 10), (0.03, 0.04)
# Sizes that the step divides, so that the windows of the changed image are the changed windows.
SHAPE = (204, 326)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Two lattices on pixels that are not square; the boundary slants, so that no symmetry is hidden."""
    y, x = np.mgrid[:240, :386]
    labels = (x + 0.3 * y > 190).astype(np.int16)
    lattices = (Lattice((0.3, 0.3), ((0, 0),), 10), Lattice((0.25, 0.433), ((0, 0), (0.5, 0.5)), 50))
    return crystal_scene(lattices, labels, pixel_size=PIXEL, dose=60, seed=1).image.data


def answer(data: np.ndarray, *, swapped: bool = False) -> fs.Analysis:
    window, step, size = (pair[::-1] if swapped else pair for pair in (WINDOW, STEP, PIXEL))
    return fs.analyze(fs.Image(np.ascontiguousarray(data), size, "nm"), window=window, step=step)


@pytest.fixture(scope="module")
def upright(pixels: np.ndarray) -> fs.Analysis:
    return answer(pixels[: SHAPE[0], : SHAPE[1]])


@dataclass(frozen=True)
class Change:
    """A change of the last two axes, whether it swaps them, and what it does to an angle."""

    of_axes: Callable[[np.ndarray], np.ndarray]
    swaps: bool
    of_angle: Callable[[np.ndarray], np.ndarray]


CHANGES = {
    "turned by 90": Change(lambda a: np.rot90(a, axes=(-2, -1)), True, lambda angle: angle + 90),
    "turned by 180": Change(lambda a: a[..., ::-1, ::-1], False, lambda angle: angle),
    "left for right": Change(lambda a: a[..., ::-1], False, lambda angle: 180 - angle),
    "upside down": Change(lambda a: a[..., ::-1, :], False, lambda angle: -angle),
    "transposed": Change(lambda a: np.swapaxes(a, -2, -1), True, lambda angle: 90 - angle),
}


def assert_same_spots(found: fs.Analysis, expected: fs.Analysis, of_angle: Callable = lambda angle: angle) -> None:
    """Compare spots that no threshold could have dropped."""
    for component in range(expected.n_components):
        there, here = expected.peaks.of(component), found.peaks.of(component)
        strong = there.significance > 2 * expected.settings.peaks.min_significance
        assert strong.sum() >= 2
        for d_spacing, angle in zip(there.d_spacing[strong], of_angle(there.angle)[strong], strict=True):
            off = np.abs((here.angle - angle + 90) % 180 - 90)
            nearest = np.argmin(np.abs(here.d_spacing / d_spacing - 1) + off / 90)
            assert here.d_spacing[nearest] == pytest.approx(d_spacing, rel=2e-3)
            assert off[nearest] < 0.2


@pytest.mark.parametrize("name", CHANGES)
def test_turned_and_mirrored(pixels: np.ndarray, upright: fs.Analysis, name: str) -> None:
    change = CHANGES[name]
    found = answer(change.of_axes(pixels[: SHAPE[0], : SHAPE[1]]), swapped=change.swaps)
    assert found.n_components == upright.n_components == 2
    # The windows that sharpen the boundary are laid from the top and the left, up to half a step elsewhere.
    assert np.mean(change.of_axes(upright.labels) == found.labels) > 0.99
    np.testing.assert_allclose(found.loadings, change.of_axes(upright.loadings), atol=5e-3)
    np.testing.assert_allclose(found.residual, change.of_axes(upright.residual), atol=2e-3)
    assert_same_spots(found, upright, change.of_angle)


@pytest.mark.parametrize("steps", [(3, 0), (0, 5), (2, 3)], ids=str)
def test_shifted_by_whole_steps(pixels: np.ndarray, upright: fs.Analysis, steps: tuple[int, int]) -> None:
    """Windows that both images have say the same of the same place."""
    down, right = steps[0] * STEP[0], steps[1] * STEP[1]
    found = answer(pixels[down:][: SHAPE[0], right:][:, : SHAPE[1]])
    assert found.n_components == 2
    order = [0, 1]
    there, here = upright.labels[down:, right:], found.labels[: SHAPE[0] - down, : SHAPE[1] - right]
    if np.mean(there == here) < 0.5:  # components are ordered by their shares, which the shift changes
        order = [1, 0]
        here = 1 - here
    assert np.mean(there == here) > 0.99
    windows = upright.loadings[:, steps[0] :, steps[1] :]
    same = found.loadings[order][:, : windows.shape[1], : windows.shape[2]]
    for one, two in zip(windows, same, strict=True):
        assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.999
    # Spots come from the purest windows, which may be others now.
    for component, other in enumerate(order):
        one, two = upright.peaks.of(component), found.peaks.of(other)
        strongest = np.argmax(one.significance)
        off = np.abs((two.angle - one.angle[strongest] + 90) % 180 - 90)
        nearest = np.argmin(np.abs(two.d_spacing / one.d_spacing[strongest] - 1) + off / 90)
        assert two.d_spacing[nearest] == pytest.approx(one.d_spacing[strongest], rel=5e-3)
        assert off[nearest] < 0.5


@pytest.mark.parametrize(("gain", "offset"), [(0.25, -1000.0), (-3.0, 5.0), (1e-9, 0.0)])
def test_gain_and_offset(pixels: np.ndarray, upright: fs.Analysis, gain: float, offset: float) -> None:
    found = answer(gain * pixels[: SHAPE[0], : SHAPE[1]].astype(float) + offset)
    assert found.n_components == 2
    assert np.mean(found.labels == upright.labels) > 0.999
    np.testing.assert_allclose(found.loadings, upright.loadings, atol=2e-3)
    assert_same_spots(found, upright)
