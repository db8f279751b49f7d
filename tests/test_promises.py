"""The page of promises: all of them, each with tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "promises.md").read_text("utf-8")
TESTS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def test_promises_1_to_21_have_tests() -> None:
    promises = re.split(r"^\*\*(?=\d+\. )", PAGE, flags=re.MULTILINE)[1:]
    assert [int(promise.partition(".")[0]) for promise in promises] == list(range(1, 22))
    for promise in promises:
        assert re.search(r"^- `tests/", promise, re.MULTILINE), promise


@pytest.mark.parametrize(("path", "name"), sorted(set(TESTS)))
def test_the_tests_of_promises_are_there(path: str, name: str) -> None:
    text = (ROOT / path).read_text("utf-8")
    found = re.search(rf"((?:^@.+\n(?:[ )].*\n)*)*)^def {name}\(", text, re.MULTILINE)
    assert found
    assert "pytest.mark.skip(" not in found[1]


@pytest.mark.parametrize("line", [line for line in PAGE.splitlines() if line.startswith("- `tests/")])
def test_long_tests_are_said_to_be_long(line: str) -> None:
    path, name = TESTS[[f"`{path}::{name}`" in line for path, name in TESTS].index(True)]
    head, _, _ = (ROOT / path).read_text("utf-8").partition(f"\ndef {name}(")
    marks = f"{head}\n".rpartition("\n\n\n")[2]
    is_long = "\n@pytest.mark.long" in f"\n{marks}" or re.search(
        r"^pytestmark = pytest\.mark\.long", head, re.MULTILINE
    )
    assert not is_long or "*long*" in line
