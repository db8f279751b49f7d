"""Numbers and sentences as people read them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fftscape.model.analysis import AnalysisRecord
from fftscape.views.wording import answer, measured, percent, shortened, shown_length, shown_unit


@pytest.mark.parametrize(
    ("value", "uncertainty", "text"),
    [
        (0.40512, 0.0013, "0.4051 ± 0.0013"),
        (0.128, 0.003, "0.128 ± 0.003"),
        (123.456, 25.0, "123 ± 25"),
        (90.0, 0.0, "90"),
        (0.3333333, float("nan"), "0.3333"),
        (3e-10, 2e-12, "3e-10 ± 2e-12"),
    ],
)
def test_uncertainty_decides_the_digits(value: float, uncertainty: float, text: str) -> None:
    assert measured(value, uncertainty) == text


def test_units_and_lengths() -> None:
    assert shown_unit("1/um") == "1/µm"
    assert shown_length(0.9999999999, "nm") == "1 nm"
    assert shown_length(12.0, "furlong") == "12 furlong"
    assert shown_length(2e-5, "um") == "20 pm"
    assert shown_length(0.5, "pm") == "0.5 pm"


def test_percent_keeps_small_parts_visible() -> None:
    assert [percent(v) for v in (0.0, 0.004, 0.0996, 0.5, 1.0, float("nan"))] == [
        "0 %", "0.4 %", "10 %", "50 %", "100 %", "–",
    ]  # fmt: skip


def test_shortened_names_keep_both_ends_and_the_length() -> None:
    assert shortened("abc", 3) == "abc"
    text = shortened("a" * 50 + "b" * 50, 20)
    assert len(text) == 20
    assert text.startswith("a")
    assert text.endswith("b")


def test_the_answer_in_one_sentence(made_record: AnalysisRecord) -> None:
    halves = replace(made_record.segmentation, area_fractions=np.array([0.62, 0.38]))
    record = replace(made_record, segmentation=halves)
    assert answer(record) == "2 structures found, covering 62 % and 38 % of the analysed area."
    asked = replace(record, scree=replace(record.scree, rule="user"))
    assert answer(asked) == "Split into 2 components, as asked, covering 62 % and 38 % of the analysed area."


@pytest.mark.parametrize("rule", ["noise-null", "user"])
def test_equal_pixels_are_no_structure(made_record: AnalysisRecord, rule: str) -> None:
    data = np.full(made_record.image.shape, 7.0)
    data[3, 4] = np.nan
    record = replace(
        made_record, image=replace(made_record.image, data=data), scree=replace(made_record.scree, rule=rule)
    )
    assert answer(record) == "No structure: all pixels are equal."


def test_the_answer_for_one_and_for_many(made_record: AnalysisRecord) -> None:
    one = replace(made_record, factors=made_record.factors[:1])
    assert answer(one) == "No second structure found."
    many = replace(
        made_record,
        factors=np.repeat(made_record.factors, 4, axis=0),
        segmentation=replace(made_record.segmentation, area_fractions=np.full(8, 0.125)),
    )
    assert answer(many) == (
        "8 structures found, covering 12 %, 12 %, 12 %, 12 %, 12 %, 12 % and smaller parts of the analysed area."
    )
