"""The check of published results."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fftscape.batch.verify import verify
from fftscape.model.errors import UnreadableFileError

Go = Callable[..., Any]


def flip(path: Path, dice: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)


def cut(path: Path, dice: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: dice.randrange(len(content))])


def delete(path: Path, _dice: random.Random) -> None:
    path.unlink()


Stripes = Callable[..., np.ndarray]


HARMS = (flip, cut, delete)


def test_verify_names_what_is_wrong_and_wants_a_result(images: Path, tmp_path: Path, quick: None, go: Go) -> None:
    output = tmp_path / "out"
    (images / "=1+1.npy").write_bytes((images / "b.npy").read_bytes())
    go(images, output)
    (output / "a" / "labels.tif").unlink()
    assert [(verdict.folder, verdict.problems) for verdict in verify(output)] == [
        (output / "=1+1", ()),
        (output / "a", ("labels.tif is missing",)),
        (output / "b", ()),
    ]
    assert verify(output / "b")[0].problems == ()
    (output / "b" / "figures" / "mine.txt").write_text("mine")
    assert (verify(output / "b")[0].problems, verify(output / "b")[0].own_files) == ((), ("figures/mine.txt",))
    (output / "b" / "result.json").write_text("{}")
    assert len(verify(output / "b")[0].problems) == 1
    shutil.rmtree(output / "a")
    lost = next(verdict for verdict in verify(output) if verdict.folder == output / "a")
    assert lost.problems == ("it is listed in summary.csv and not there; analyse the image again.",)
    for nothing in (images, tmp_path / "nowhere"):
        with pytest.raises(UnreadableFileError, match="give the folder that run wrote"):
            verify(nothing)


def test_damage_to_any_file_is_named_and_mended(images: Path, tmp_path: Path, quick: None, go: Go) -> None:
    output = tmp_path / "out"
    go(images, output)
    result = output / "b"
    truth = {path: path.read_bytes() for path in sorted(result.rglob("*")) if path.is_file()}
    assert sum("result.zarr" in path.parts for path in truth) > 20  # chunks and what describes them
    dice = random.Random(20)
    for number, (path, content) in enumerate(truth.items()):
        for harm in HARMS if path.parent == result else HARMS[number % 3 :][:1]:
            harm(path, dice)
            intact, damaged = verify(output)
            (problem,) = damaged.problems
            assert problem.startswith((path.relative_to(result).as_posix(), f"{path} ")), (harm.__name__, problem)
            assert intact.problems == ()
            path.write_bytes(content)
    for number, path in enumerate(truth):
        HARMS[number % 3](path, dice)
    # All at once: it is computed again, and only it.
    assert go(images, output).statuses == ["unchanged", "done"]
    assert {path: path.read_bytes() for path in result.rglob("*") if path.is_file()} == truth
