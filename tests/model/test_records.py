"""What records say about themselves."""

import numpy as np
import pytest

from fftscape.model.records import Scree


def scree(rule="regions", confidence=0.5):
    return Scree(
        explained_variance=np.ones(3), explained_variance_ratio=np.ones(3) / 3, null_variance=None, threshold=None,
        n_components=2, rule=rule, reason="", confidence=confidence, alternatives=(1, 3),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "confidence", "ambiguous"),
    [("regions", 0.5, True), ("regions", 0.6, False), ("regions", None, False), ("user", 0.5, False)],
)
def test_a_number_of_little_confidence_is_ambiguous_unless_the_user_set_it(rule, confidence, ambiguous):
    assert scree(rule, confidence).is_ambiguous is ambiguous
