"""The bounds of a run: what options mean, and how they are shared out."""

from __future__ import annotations

import pytest

from fftscape.batch import resources
from fftscape.batch.resources import Limits, Resources
from fftscape.compute import memory
from fftscape.compute.memory import MIB
from fftscape.model.errors import InvalidSettingError


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("2GiB", 2 * 2**30), ("2 gib", 2 * 2**30), ("2G", 2 * 2**30), ("1.5GB", 1_500_000_000), ("800 MB", 800_000_000),
     ("671088640", 640 * MIB)],
)  # fmt: skip
def test_sizes(text: str, n_bytes: int) -> None:
    assert Resources.given(1, text).memory == n_bytes


@pytest.mark.parametrize("text", ["", "GiB", "-2GiB", "2 GiBs", "1e9", "2,5GiB", "639MiB", "0", "nan"])
def test_what_is_no_size_or_too_little_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettingError, match="--memory must be"):
        Resources.given(1, text)


def test_left_out_it_is_what_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "usable_processors", lambda: 6)
    monkeypatch.setattr(memory, "_available", lambda: 16 * 2**30)
    assert Resources.given() == Resources(6, 12 * 2**30)
    monkeypatch.setattr(memory, "_available", lambda: 2**20)
    assert Resources.given().most_workers == 1


def test_shares_keep_the_bound_and_no_worker_is_without_the_least() -> None:
    bounds = Resources(64, 2 * 2**30)
    assert bounds.most_workers == 4
    assert bounds.limits(4) == Limits(448 * MIB, 16)
    assert Resources(2, 2 * 2**30).limits(2) == Limits(896 * MIB, 1)
    assert bounds.remark(100) == "2 GiB of memory is enough for 4 of 64 images at once."
    assert bounds.remark(4) is None
