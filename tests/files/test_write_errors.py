"""What a failed write says, and what it advises."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from fftscape.files.write_errors import named_write_errors
from fftscape.model.errors import UnwritableOutputError


def sentence(number: int, path: Path) -> str:
    with pytest.raises(UnwritableOutputError) as caught, named_write_errors(path):
        raise OSError(number, "said by the system", str(path))
    return str(caught.value)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space or choose another folder."),
        (errno.EDQUOT, "free some space or choose another folder."),
        (errno.EACCES, "choose a folder you may write to."),
        (errno.EPERM, "choose a folder you may write to."),
        (errno.EROFS, "choose a folder you may write to."),
        (errno.EIO, "choose another folder."),
    ],
)
def test_the_remedy_fits_the_error(tmp_path: Path, number: int, remedy: str) -> None:
    said = sentence(number, tmp_path / "out")
    assert said.startswith(f"Cannot write {tmp_path / 'out'}: ")
    assert said.partition("; ")[2] == remedy


@pytest.mark.parametrize("below", ["", "out/deep"])
def test_a_file_in_the_way_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "afile").touch()
    with pytest.raises(UnwritableOutputError) as caught, named_write_errors(tmp_path / "afile" / below):
        (tmp_path / "afile" / below).mkdir(parents=True)
    assert str(caught.value).endswith(f"; {tmp_path / 'afile'} is a file, choose another folder.")
