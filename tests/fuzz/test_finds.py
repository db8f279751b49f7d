"""What fuzzing has found, kept: each file with the sentence that it gets now."""

from __future__ import annotations

import bz2
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tifffile

from fftscape.files.formats import read
from fftscape.model.errors import UnreadableFileError


# 23% of Bruker's mutants crashed the reader: its compiled unpacker of spectra, which are not asked for any more.
@pytest.mark.parametrize("number", [4, 12, 18, 21, 22, 23, 24])
def test_spectra_of_bruker_are_not_unpacked(
    mutants: ModuleType, shared_data: Path, tmp_path: Path, number: int
) -> None:
    pytest.importorskip("rsciio")
    seed = shared_data / "vendor" / "bruker_hitachi.bcf"
    path = mutants.write_mutant(seed, [seed], f"1 {seed.name} {number}", tmp_path / "x")
    with suppress(UnreadableFileError):  # some are damaged elsewhere, too
        assert read(path).shape == (240, 320)


def test_only_images_are_asked_of_bruker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bruker = pytest.importorskip("rsciio.bruker")
    asked = []
    monkeypatch.setattr(bruker, "file_reader", lambda _name, **options: asked.append(options) or [])
    (tmp_path / "x.bcf").write_bytes(b"x")
    with pytest.raises(UnreadableFileError, match="holds no image"):
        read(tmp_path / "x.bcf")
    assert asked == [{"select_type": "image"}]


# RosettaSciIO waits for ever for the end of a packed stream that was cut.
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda packed: packed[:-9], "cut short or damaged: its packed data do not end"),
        (lambda packed: packed[:30], "cut short or damaged: its packed data do not end"),
        (lambda packed: packed[:12], "cut short or damaged: its packed data do not end"),
        (lambda packed: packed, "could not read it"),
        (lambda _: bz2.compress(bytes(2**28 + 1)), "its packed data fill more than 268435456 bytes"),
    ],
)
def test_packed_data_of_phenom_must_end(tmp_path: Path, damage: Callable[[bytes], bytes], said: str) -> None:
    pytest.importorskip("rsciio")
    content = struct.pack("<4siII", b"EID2", 4, 1, 0) + bytes(range(200))
    (tmp_path / "x.elid").write_bytes(damage(bz2.compress(content)))
    with pytest.raises(UnreadableFileError, match=said):
        read(tmp_path / "x.elid")


# 16,777,272 columns of single bits pass for 80 MiB, and were unpacked to 900.
def test_single_bits_count_as_the_bytes_they_become(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, np.zeros((40, 56), bool), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["ImageWidth"].overwrite(16_777_272)
    with pytest.raises(UnreadableFileError, match=r"its header claims 40 x 16777272 pixels \(671090880 bytes\)"):
        read(path)


# Wrong byte counts of uncompressed pixels are forgiven, as some writers get them wrong; memory is taken for them.
def test_byte_counts_far_beyond_the_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, np.zeros((40, 56), np.uint8))
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["StripByteCounts"].overwrite(2**31)
    with pytest.raises(UnreadableFileError, match="claims 2147483648 bytes for a piece of the image, but the file has"):
        read(path)


IGOR = """
import resource, struct, sys
from pathlib import Path
from fftscape.files.formats import read
from fftscape.model.errors import UnreadableFileError
resource.setrlimit(resource.RLIMIT_DATA, (2**30, resource.getrlimit(resource.RLIMIT_DATA)[1]))
good, damaged = map(Path, sys.argv[1:])
content = good.read_bytes()
for place in range(8, 52, 4):
    damaged.write_bytes(content[:place] + struct.pack("<i", 2**30) + content[place + 4 :])
    try:
        read(damaged)
    except (UnreadableFileError, MemoryError):
        pass
    assert read(good).shape == (256, 256), place
"""


# igor2 kept a damaged header's counts, so that every good file after it wanted gigabytes: 295 of 333 mutants.
@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
def test_a_damaged_igor_wave_does_not_cost_the_next_one(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("igor2")
    command = [sys.executable, "-c", IGOR, str(shared_data / "spm" / "pfm_domains_5um.ibw"), str(tmp_path / "x.ibw")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]


@pytest.mark.parametrize("order", "<>")
def test_parts_of_an_igor_wave_cannot_be_longer_than_its_file(tmp_path: Path, order: str) -> None:
    pytest.importorskip("igor2")
    head = struct.pack(f"{order}hhI11I", 5, 0, 384, 0, 0, 0, 0, 0, 0, 0, 2**30, 0, 0, 0)
    (tmp_path / "x.ibw").write_bytes(head + bytes(500))
    with pytest.raises(UnreadableFileError, match="its header claims 1073741824 bytes for a part of it"):
        read(tmp_path / "x.ibw")


def test_igor_s_state_is_thrown_away_after_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library = pytest.importorskip("igor2.binarywave")
    monkeypatch.setitem(sys.modules, "igor2.binarywave", library)  # put back afterwards
    monkeypatch.setattr(library, "load", lambda _path: 1 / 0)
    (tmp_path / "x.ibw").write_bytes(bytes(500))
    with pytest.raises(UnreadableFileError, match="ZeroDivisionError"):
        read(tmp_path / "x.ibw")
    assert "igor2.binarywave" not in sys.modules


# RosettaSciIO counted 2,147,483,647 frames one by one before it looked for them.
@pytest.mark.parametrize("shape", [(8, 8, 2**31 - 1), (8, 0, 2), (8, -8, 2), (2**31 - 1,) * 3])
def test_an_mrc_cannot_hold_more_pixels_than_bytes(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    pytest.importorskip("rsciio")
    (tmp_path / "x.mrc").write_bytes(struct.pack("<4i", *shape, 2) + bytes(1008 + 8 * 8 * 4))
    with pytest.raises(UnreadableFileError, match="its header claims"):
        read(tmp_path / "x.mrc")
