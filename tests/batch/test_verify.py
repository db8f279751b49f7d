"""The check of published results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fftscape.batch.verify import verify
from fftscape.model.errors import UnreadableFileError

Go = Callable[..., Any]
Stripes = Callable[..., np.ndarray]


def test_verify_names_what_is_wrong_and_wants_a_result(images: Path, tmp_path: Path, quick: None, go: Go) -> None:
    output = tmp_path / "out"
    go(images, output)
    (output / "a" / "labels.tif").unlink()
    assert [(verdict.folder, verdict.problems) for verdict in verify(output)] == [
        (output / "a", ("labels.tif is missing",)),
        (output / "b", ()),
    ]
    assert verify(output / "b")[0].problems == ()
    (output / "b" / "figures" / "mine.txt").write_text("mine")
    assert (verify(output / "b")[0].problems, verify(output / "b")[0].own_files) == ((), ("figures/mine.txt",))
    (output / "b" / "result.json").write_text("{}")
    assert len(verify(output / "b")[0].problems) == 1
    for nothing in (images, tmp_path / "nowhere"):
        with pytest.raises(UnreadableFileError, match="give the folder that run wrote"):
            verify(nothing)
