"""Looking at a file without analysing it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fftscape.batch.inspection import inspect

Stripes = Callable[..., np.ndarray]


def test_inspection_says_what_run_would_take(tmp_path: Path, stripes: Stripes) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, np.stack([stripes(1, (96, 128))] * 3))
    seen = inspect(path)
    assert [(info.shape, info.n_frames, info.is_default) for info in seen.images] == [((96, 128), 3, True)]
    assert seen.advice is not None
    lines = list(seen.lines())
    assert lines[0] == f"{path}: 1 image"
    assert "96 x 128 float32, 3 frames, no pixel size" in lines[1]
    assert any("3 frames" in line and "--frame" in line for line in lines[2:])
    assert f"--window {seen.advice.size[0]}x{seen.advice.size[1]} --step" in lines[-1]
    assert seen.plain()["window"] == seen.advice.size


def test_inspection_of_an_image_too_small_for_advice_says_so(tmp_path: Path) -> None:
    np.save(tmp_path / "tiny.npy", np.eye(9))
    seen = inspect(tmp_path / "tiny.npy")
    assert seen.advice is None
    assert "too small" in seen.remarks[-1]


def test_what_was_burned_in_is_told_as_a_run_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).normal(size=(503, 701)).astype(np.float32)
    pixels[:60] = pixels[:, 690:] = 0
    np.save(tmp_path / "edges.npy", pixels)
    assert [remark for remark in inspect(tmp_path / "edges.npy").remarks if "left out" in remark]
    # Of large images neither looks at all pixels.
    monkeypatch.setattr("fftscape.usable._MOST_PIXELS", 50_000)
    assert [remark for remark in inspect(tmp_path / "edges.npy").remarks if "counted in steps of 3 pixels" in remark]
