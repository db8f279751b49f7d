"""The demo's comparison with the truth: right answers and every kind of wrong one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fftscape.analysis import analyze
from fftscape.batch.demo import compare, save_image, table
from fftscape.files.formats import read
from fftscape.synthetic import crystal_scene, fcc_gold


@pytest.fixture(scope="module")
def found() -> Any:
    labels = np.zeros((200, 260), np.int16)
    labels[:, 130:] = 1
    scene = crystal_scene((fcc_gold(5.0), fcc_gold(32.0)), labels, pixel_size=(0.02, 0.025), dose=100)
    return scene, analyze(scene.image, window=64, step=16, n_components=2)


def test_a_right_answer_is_called_right(found: Any) -> None:
    scene, analysis = found
    lines = compare(analysis, scene)
    assert [line.what for line in lines if not line.is_right] == []
    assert [line.what for line in lines if "area" in line.what] == ["structure 1: area", "structure 2: area"]
    assert table(lines)[1].split() == ["number", "of", "structures", "2", "2", "right"]


def test_an_angle_is_never_shown_as_180(found: Any) -> None:
    scene, analysis = found
    peaks = replace(analysis.peaks, angle=np.full(len(analysis.peaks), 179.97))
    (first, *_) = (line for line in compare(replace(analysis, peaks=peaks), scene) if "spot 1" in line.what)
    assert " nm at (0.0 ± " in first.found


def test_turned_lattices_are_called_wrong(found: Any) -> None:
    scene, analysis = found
    turned = replace(scene, lattices=(fcc_gold(15.0), fcc_gold(32.0)))
    wrong = [line.what for line in compare(analysis, turned) if not line.is_right]
    assert wrong
    assert all(what.startswith("structure 1: spot") for what in wrong)


def test_a_missed_structure_and_wrong_labels_are_called_wrong(found: Any) -> None:
    scene, analysis = found
    three = replace(scene, lattices=(*scene.lattices, fcc_gold()))
    wrong = {line.what: line.found for line in compare(analysis, three) if not line.is_right}
    assert wrong == {"number of structures": "2", "structure 3": "not found"}
    shifted = replace(analysis.segmentation, labels=np.roll(analysis.labels, 60, axis=1))
    wrong = {
        line.what: line.found for line in compare(replace(analysis, segmentation=shifted), scene) if not line.is_right
    }
    assert list(wrong) == ["pixels labelled right"]


def test_the_saved_image_comes_back_as_it_was(found: Any, tmp_path: Path) -> None:
    scene, _ = found
    image = read(save_image(scene.image, tmp_path / "new"))
    assert np.array_equal(image.data, scene.image.data)
    assert image.pixel_size == pytest.approx((0.02, 0.025), rel=1e-6)
    assert image.unit == "nm"
