"""What a batch says about one image."""

import pytest

from fftscape.batch.outcome import Outcome


@pytest.mark.parametrize(("ambiguous", "line"), [(True, "2 structures, perhaps 1 or 3"), (False, "2 structures")])
def test_a_batch_says_what_else_it_might_be(ambiguous, line):
    result = {"n_components": 2, "rule": "regions", "alternatives": [1, 3], "ambiguous": ambiguous}
    assert Outcome("a.tif", "a", "done", result=result).answer == line
