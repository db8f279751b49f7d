"""Groups of points, against k-means as textbooks have it."""

import numpy as np
import pytest

from fftscape.compute import groups
from fftscape.compute.groups import _nearest, _settled, grouped


@pytest.fixture(autouse=True, params=[0, 4, 8], ids=["NumPy", "16 bytes", "32 bytes"])
def way(request, use_kernel):
    """Everything is shown of each way to compute, the compiled one with each kind of vectors."""
    use_kernel(groups, request.param)


def settled_one_by_one(points, centres):
    """Plain k-means of one trial, as textbooks have it; None if a centre loses all its points."""
    for _ in range(20):
        nearest = ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        if len(np.unique(nearest)) < len(centres):
            return None
        moved = np.array([points[nearest == index].mean(axis=0) for index in range(len(centres))])
        if np.allclose(moved, centres, rtol=0, atol=1e-13):
            break
        centres = moved
    return centres


# Numbers of points that leave any rest after whole vectors.
@pytest.mark.parametrize(("count", "n_each", "dimension"), [(2, 90, 3), (3, 11, 1), (5, 37, 7), (4, 501, 16)])
def test_trials_settle_together_as_each_would_by_itself(count, n_each, dimension):
    random = np.random.default_rng(count)
    points = np.concatenate([random.normal(place, 1 + place, (n_each + place, dimension)) for place in range(4)])
    trials = points[random.integers(len(points), size=(6, count))]
    trials[2, 0] = 1e6  # nothing is near it
    alone = [settled_one_by_one(points, trial) for trial in trials]
    assert alone[2] is None
    found = _settled(points.T.copy(), trials.copy())
    np.testing.assert_allclose(found, [centres for centres in alone if centres is not None], atol=1e-9)


def test_the_nearest_centre_and_how_near_it_is():
    random = np.random.default_rng(0)
    points, trials = random.normal(size=(50, 4)), random.normal(size=(3, 5, 4))
    nearest, least = _nearest(points.T, trials)
    distances = ((points - trials[:, :, None]) ** 2).sum(axis=3)
    assert (nearest == distances.argmin(axis=1)).all()
    np.testing.assert_allclose(least + (points**2).sum(axis=1), distances.min(axis=1))


def test_all_trials_may_be_lost():
    points = np.zeros((4, 2))
    assert _settled(points.T.copy(), np.array([[[0.0, 0.0], [9.0, 9.0]]])).shape == (0, 2, 2)


def test_clouds_are_groups_and_others_join_the_nearest():
    random = np.random.default_rng(5)
    middles = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    truth = random.integers(3, size=400)
    points = middles[truth] + random.normal(size=(400, 2))
    found = grouped(points, points[::3], 3, seed=1)
    assert len({(one, other) for one, other in zip(truth.tolist(), found.tolist(), strict=True)}) == 3


def test_of_equal_points_there_is_one_group():
    points = np.full((20, 3), 2.5)
    assert grouped(points, points, 3, seed=0).tolist() == [0] * 20


def test_starts_lie_far_apart():
    points = np.concatenate([np.zeros((50, 2)), np.full((50, 2), 8.0), [[0.0, 8.0]] * 50])
    starts = groups._spread_starts(points.T.copy(), 3, np.random.default_rng(0))
    assert starts.shape == (4, 3, 2)
    assert all(len(np.unique(start, axis=0)) == 3 for start in starts)
