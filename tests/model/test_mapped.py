"""Arrays that lie in files: nothing is lost, nothing is left."""

import errno
import mmap
import os

import numpy as np
import pytest

from fftscape.model import mapped
from fftscape.model.errors import UnwritableOutputError
from fftscape.model.mapped import bands_of, place_of, release, scratch


@pytest.fixture
def small_memory(monkeypatch):
    monkeypatch.setattr(mapped, "LARGEST_HELD", 1000)


def test_large_scratch_lies_in_a_file_without_a_name(small_memory, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert not isinstance(scratch((50, 20), np.uint8), np.memmap)
    large = scratch((51, 20), np.uint8)
    assert isinstance(large, np.memmap)
    assert list(tmp_path.iterdir()) == []
    large[:] = np.arange(20)
    release(large)
    assert (large == np.arange(20)).all()
    assert place_of(large) is None


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room cannot be asked for in advance")
def test_no_room_for_scratch_is_said_before_it_is_filled(small_memory, tmp_path, monkeypatch):
    """A full disk would end the process, by SIGBUS, when the map is filled."""
    asked = []

    def full(_handle, start, n_bytes):
        asked.append((start, n_bytes))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UnwritableOutputError) as caught:
        scratch((51, 20), np.float32)
    assert asked == [(0, 4080)]
    assert str(caught.value) == (
        f"Cannot write 4080 bytes to the folder for temporary files, {tmp_path}: No space left on device; "
        "free some space there, or set TMPDIR to another folder."
    )


def test_release_loses_nothing(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(100_000.0).reshape(100, 1000))
    read, changed = (np.load(tmp_path / "a.npy", mmap_mode=mode) for mode in ("r", "c"))
    changed[3, 4] = -1
    for data in (read, changed, np.ascontiguousarray(read)[5:], np.zeros((3, 4))):
        before = data.copy()
        release(data)
        assert (data == before).all()


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="this system cannot give pages back")
def test_release_gives_memory_back(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2000, 2000)))
    data = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert data.sum() == 4e6
    held = pages_of_files()
    release(np.asarray(data)[3:])
    assert pages_of_files() < held - 25_000_000


def pages_of_files():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssFile"))


def test_bands_are_all_rows_once():
    data = np.zeros((23, 7))
    assert [row for band in bands_of(data, 5) for row in range(band.start, band.stop)] == list(range(23))


@pytest.mark.parametrize("rows", [slice(None), slice(3, 9)])
def test_a_place_is_where_the_array_lies(tmp_path, rows):
    np.save(tmp_path / "a.npy", np.arange(600, dtype=">i2").reshape(20, 30))
    data = np.load(tmp_path / "a.npy", mmap_mode="r")[rows]
    place = place_of(np.asarray(data))
    assert place is not None
    assert (place.opened() == data).all()
    assert place_of(data.T) is None
    assert place_of(np.array(data)) is None
