"""File systems that are full or may not be written to: one line, nothing lost, and on with it when there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

INSIDE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec")
MOUNT = 'mount -t tmpfs -o size={size} tmpfs "$PLACE"\n'


def _can_mount(place: Path) -> bool:
    try:
        tried = subprocess.run(
            [*INSIDE, MOUNT.format(size="1m")],
            env={**os.environ, "PLACE": str(place)},
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return tried.returncode == 0


@dataclass(frozen=True)
class Said:
    """What one command of a script ended with and printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def inside(tmp_path: Path, images: Path) -> object:
    """Run a script beside a small file system of its own, and return what each of its `fftscape` commands said."""
    place = tmp_path / "small disk"
    place.mkdir()
    if not _can_mount(place):
        pytest.skip("unshare may not mount a file system here")

    def run(script: str, size: str) -> list[Said]:
        log = tmp_path / "log"
        log.mkdir()
        command = f'"{sys.executable}" -m fftscape'
        head = f"""
            count=0
            fftscape() {{
                count=$((count + 1))
                code=0
                {command} "$@" >"{log}/$count.out" 2>"{log}/$count.err" || code=$?
                echo $code >"{log}/$count.code"
            }}
            small() {{
                fftscape run "$@" -o "$PLACE/out" --window 24x20 --step 24x20 --components 2 --no-report --jobs 1
            }}
            cd "{images}"
        """
        environment = {**os.environ, "PLACE": str(place)}
        subprocess.run([*INSIDE, MOUNT.format(size=size) + head + script], env=environment, check=True, timeout=600)
        return [
            Said(int((log / f"{n}.code").read_text()), (log / f"{n}.out").read_text(), (log / f"{n}.err").read_text())
            for n in range(1, len(list(log.glob("*.code"))) + 1)
        ]

    return run


# A result of these images takes about 270 KiB in about 60 files.
@pytest.mark.parametrize(
    "free", ["120k", *(pytest.param(f"{kib}k", marks=pytest.mark.long) for kib in (0, 4, 40, 80, 160, 240, 280))]
)
def test_a_full_disk_costs_a_line_and_the_next_run_goes_on(inside: object, free: str) -> None:
    """The first result is there, and there is not room enough for the second one."""
    first, full, intact, resumed, all_intact = inside(  # type: ignore[operator]
        f"""
        small a.npy
        dd if=/dev/zero of="$PLACE/filler" bs=4k 2>/dev/null || true
        truncate -s -{free} "$PLACE/filler"
        small a.npy b.npy
        fftscape verify "$PLACE/out"
        rm "$PLACE/filler"
        small a.npy b.npy
        fftscape verify "$PLACE/out"
        """,
        size="4m",
    )
    assert first.code == 0, first.err
    assert full.code in (1, 3)  # 1 where there is no room even for the summary
    assert "a.npy: unchanged, " in full.out
    for line in full.err.splitlines():
        assert line.startswith(("b.npy: Cannot write ", "fftscape: Cannot write "))
        assert "No space left on device; free some space or choose another folder." in line
    assert full.err.startswith("b.npy: ")
    assert full.err.count("\n") == {3: 1, 1: 2}[full.code]
    assert intact.code == 0, intact.out
    assert resumed.code == 0, resumed.err
    assert "a.npy: unchanged, " in resumed.out
    assert "b.npy: 2 components" in resumed.out
    assert all_intact.code == 0


def test_what_may_not_be_written_to_is_said_before_anything_is_computed(inside: object) -> None:
    first, refused, intact = inside(  # type: ignore[operator]
        """
        small a.npy
        mount -o remount,ro "$PLACE"
        small a.npy b.npy
        fftscape verify "$PLACE/out"
        """,
        size="4m",
    )
    assert first.code == 0, first.err
    assert (refused.code, refused.out) == (1, "")
    (line,) = refused.err.splitlines()
    assert line.startswith("fftscape: Cannot write ")
    assert "Read-only file system" in line
    assert intact.code == 0
