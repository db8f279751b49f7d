"""A result is published whole or not at all, and any later damage is noticed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fftscape.files import result_folder
from fftscape.files.result_folder import MANIFEST, check, clean, ensure_writable, own_files, publish, read_manifest
from fftscape.model.errors import InvalidSettingError, UnreadableFileError, UnwritableOutputError


def write_old(folder: Path) -> None:
    (folder / "a.csv").write_text("old\n")
    (folder / "result.zarr" / "image").mkdir(parents=True)
    (folder / "result.zarr" / "image" / "0").write_bytes(bytes(range(100)))


def write_new(folder: Path) -> None:
    (folder / "a.csv").write_text("new\n")
    (folder / "b.csv").write_text("more\n")


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return publish(tmp_path / "out", "gold", write=write_old, manifest={"n_components": 2})


def test_a_new_result(result: Path, tmp_path: Path) -> None:
    assert result == tmp_path / "out" / "gold"
    assert sorted(content(tmp_path / "out")) == ["gold/a.csv", "gold/result.json", "gold/result.zarr/image/0"]
    manifest = read_manifest(result)
    assert manifest["n_components"] == 2
    assert manifest["files"] == {
        "a.csv": {"size": 4, "sha256": hashlib.sha256(b"old\n").hexdigest()},
        "result.zarr/image/0": {
            "size": 100,
            "sha256": "bce0aff19cf5aa6a7469a30d61d04e4376e4bbf6381052ee9e7f33925c954d52",
        },
    }
    assert check(result) == ()


def test_the_manifest_is_written_last(tmp_path: Path) -> None:
    seen = []

    def write(folder: Path) -> None:
        write_new(folder)
        seen.append((folder.parent, sorted(os.listdir(folder)), (tmp_path / "gold").exists()))

    publish(tmp_path, "gold", write=write, manifest={})
    assert seen == [(tmp_path, ["a.csv", "b.csv"], False)]  # beside its place, hidden, without a manifest
    assert sorted(os.listdir(tmp_path)) == ["gold"]


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be synced there")
def test_everything_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    fsync, rename = os.fsync, os.rename

    def synced(handle: int) -> None:
        events.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    def renamed(old: str, new: str) -> None:
        events.append("rename")
        rename(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    result = publish(tmp_path / "out", "gold", write=write_old, manifest={})
    before, after = events[: events.index("rename")], events[events.index("rename") + 1 :]
    staging = before[-1]
    everything = {str(path.relative_to(result)) for path in result.rglob("*")} | {"."}
    assert {os.path.relpath(path, staging) for path in before} == everything
    assert MANIFEST in everything
    # A folder's entries must be there before it is synced itself.
    for place, path in enumerate(before):
        assert not any(later.startswith(f"{path}/") for later in before[place:])
    assert after == [str(tmp_path / "out")]


def test_equal_results_have_equal_bytes(result: Path, tmp_path: Path) -> None:
    again = publish(tmp_path / "elsewhere", "gold", write=write_old, manifest={"n_components": 2})
    assert content(again) == content(result)


def test_manifest_of_unusual_values(tmp_path: Path) -> None:
    folder = publish(
        tmp_path, "a", write=write_new, manifest={"error": float("nan"), "name": "caf\udce9 µ", "n": (1, 2)}
    )
    manifest = read_manifest(folder)
    assert (manifest["error"], manifest["name"], manifest["n"]) == ("nan", "caf\\udce9 µ", [1, 2])
    assert check(folder) == ()


def test_replacing_keeps_nothing_of_the_old_result(result: Path) -> None:
    publish(result.parent, "gold", write=write_new, manifest={"n_components": 3})
    assert sorted(content(result)) == ["a.csv", "b.csv", "result.json"]
    assert (result / "a.csv").read_text() == "new\n"
    assert check(result) == ()
    assert os.listdir(result.parent) == ["gold"]


@pytest.mark.parametrize("manifest", ["whole", "damaged"])
def test_replacing_keeps_what_people_put_there(tmp_path: Path, manifest: str) -> None:
    def write(folder: Path) -> None:
        write_old(folder)
        (folder / "figures").mkdir()
        (folder / "figures" / "image.png").write_text("ours")

    result = publish(tmp_path, "gold", write=write, manifest={})
    mine = ["figures/fit/second.svg", "figures/mine.png", "mine/fit.csv", "mine/link", "notes.txt"]
    for name in mine:
        (result / name).parent.mkdir(parents=True, exist_ok=True)
        if name == "mine/link":
            (result / name).symlink_to("/nowhere")
        else:
            (result / name).write_text(f"mine: {name}")
    if manifest == "damaged":
        (result / MANIFEST).write_text("{}")
    else:
        assert own_files(result) == tuple(mine)
    publish(tmp_path, "gold", write=write, manifest={})
    assert os.readlink(result / "mine" / "link") == "/nowhere"
    assert [(result / name).read_text() for name in mine if name != "mine/link"] == [
        f"mine: {name}" for name in mine if name != "mine/link"
    ]
    assert (result / "figures" / "image.png").read_text() == "ours"
    assert own_files(result) == tuple(mine)
    assert check(result) == ()


def test_nothing_strays_into_the_store(result: Path) -> None:
    stray = result / "result.zarr" / "image" / "1"
    stray.write_text("would be read as data")
    assert check(result) == ("result.zarr/image/1 is not part of the store",)
    assert own_files(result) == ()
    publish(result.parent, "gold", write=write_old, manifest={})
    assert not stray.exists()


@pytest.mark.parametrize("exchange", [True, False])
def test_a_complete_result_is_there_at_every_step(
    result: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool
) -> None:
    if exchange and sys.platform != "linux":
        pytest.skip("only Linux exchanges two folders in one step")
    if not exchange:
        monkeypatch.setattr(result_folder, "_exchanged", lambda one, other: False)
    before, gone = content(result), 0
    real = os.rename

    def rename(*names: object) -> None:
        nonlocal gone
        gone += not result.exists()
        real(*names)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "rename", rename)

    def write(folder: Path) -> None:
        write_new(folder)
        assert content(result) == before

    publish(result.parent, "gold", write=write, manifest={})
    assert gone == (0 if exchange else 1)
    assert check(result) == ()
    assert os.listdir(result.parent) == ["gold"]


@pytest.mark.parametrize("by", ["clean", "publish"])
def test_a_replacement_killed_between_its_renames_is_undone(result: Path, by: str) -> None:
    before = content(result)
    result.rename(result.parent / ".fftscape-previous-gold")
    if by == "clean":
        clean(result.parent)
    else:
        with pytest.raises(ValueError, match="stopped"):
            publish(result.parent, "gold", write=stopped, manifest={})
    assert content(result) == before
    assert os.listdir(result.parent) == ["gold"]


def stopped(folder: Path) -> None:
    write_new(folder)
    raise ValueError("stopped")


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), InvalidSettingError("no")])
@pytest.mark.parametrize("existing", [False, True])
def test_an_error_leaves_everything_as_it_was(tmp_path: Path, error: BaseException, existing: bool) -> None:
    if existing:
        publish(tmp_path, "gold", write=write_old, manifest={})
    before = content(tmp_path)

    def write(folder: Path) -> None:
        write_new(folder)
        raise error

    with pytest.raises(type(error)) as caught:
        publish(tmp_path, "gold", write=write, manifest={})
    assert caught.value is error
    assert content(tmp_path) == before
    assert os.listdir(tmp_path) == (["gold"] if existing else [])


@pytest.mark.parametrize("where", ["write", "fsync", "rename", "_exchanged"])
def test_a_full_disk_is_one_sentence(result: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    before = content(result)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if where == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    if where in {"rename", "_exchanged"}:
        monkeypatch.setattr(result_folder, "_exchanged", full if where == "_exchanged" else lambda one, other: False)
        monkeypatch.setattr(os, "rename", full)
    with pytest.raises(UnwritableOutputError) as caught:
        publish(result.parent, "gold", write=full if where == "write" else write_new, manifest={})
    assert str(caught.value).startswith(f"Cannot write {result}: No space left on device;")
    monkeypatch.undo()
    assert content(result) == before
    assert os.listdir(result.parent) == ["gold"]


KILLED = """
import sys, time
from pathlib import Path
from fftscape.files.result_folder import publish
def write(folder):
    (folder / "a.csv").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
publish(Path(sys.argv[1]), "gold", write=write, manifest={})
"""


@pytest.mark.parametrize("existing", [False, True])
def test_a_killed_writer_leaves_nothing_visible(tmp_path: Path, existing: bool) -> None:
    if existing:
        publish(tmp_path, "gold", write=write_old, manifest={})
    before = content(tmp_path)
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        child.send_signal(signal.SIGKILL)
    left = [name for name in os.listdir(tmp_path) if name != "gold"]
    assert len(left) == 1
    assert left[0].startswith(".fftscape-staging-")
    assert {name: data for name, data in content(tmp_path).items() if not name.startswith(".")} == before

    publish(tmp_path, "gold", write=write_new, manifest={})
    assert os.listdir(tmp_path) == ["gold"]
    assert check(tmp_path / "gold") == ()


SLOW = """
import sys
from pathlib import Path
from fftscape.files.result_folder import publish
def write(folder):
    (folder / "slow.csv").write_text("first half")
    print("writing", flush=True)
    sys.stdin.readline()
    (folder / "slow too.csv").write_text("second half")
publish(Path(sys.argv[1]), "gold", write=write, manifest={})
"""


def test_two_at_once_both_publish_whole_results(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        clean(tmp_path)
        publish(tmp_path, "gold", write=write_new, manifest={})
        assert (sorted(content(tmp_path / "gold")), check(tmp_path / "gold")) == (["a.csv", "b.csv", MANIFEST], ())
        child.communicate("go on\n")
    assert child.returncode == 0
    assert sorted(content(tmp_path / "gold")) == [MANIFEST, "slow too.csv", "slow.csv"]
    assert check(tmp_path / "gold") == ()
    assert os.listdir(tmp_path) == ["gold"]


REPEATED = """
import sys
from pathlib import Path
from fftscape.files.result_folder import publish
number = 0
while True:
    number += 1
    def write(folder):
        for name in "abcdef":
            (folder / name).write_text(str(number) * 1000)
    publish(Path(sys.argv[1]), "gold", write=write, manifest={"number": number})
    print(number, flush=True)
"""


def test_killed_at_any_time_the_visible_result_is_whole(tmp_path: Path) -> None:
    for attempt in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", REPEATED, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.011 * attempt)
            child.send_signal(signal.SIGKILL)
        assert {name for name in os.listdir(tmp_path) if not name.startswith(".")} == {"gold"}
        assert check(tmp_path / "gold") == ()
    publish(tmp_path, "gold", write=write_new, manifest={})
    assert os.listdir(tmp_path) == ["gold"]


@pytest.mark.parametrize("name", ["a.csv", "result.zarr/image/0", MANIFEST])
def test_every_flipped_byte_is_noticed(result: Path, name: str) -> None:
    path = result / name
    good = path.read_bytes()
    for index in range(len(good)):
        path.write_bytes(good[:index] + bytes([good[index] ^ 1]) + good[index + 1 :])
        problems = check(result)
        assert len(problems) == 1, index
        assert name in problems[0]
    path.write_bytes(good)
    assert check(result) == ()


def edited(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    """Change the manifest and seal it again, as someone who knows how would."""

    def edit(result: Path) -> None:
        manifest = read_manifest(result)
        manifest.pop("seal")
        change(manifest)
        (result / MANIFEST).write_bytes(result_folder._sealed(manifest))

    return edit


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (lambda result: (result / "a.csv").unlink(), "a.csv is missing"),
        (lambda result: (result / "a.csv").write_text("ol"), "a.csv has 2 bytes instead of 4"),
        (lambda result: (result / "a.csv").write_text("odd\n"), "a.csv has changed"),
        (lambda result: (result / "result.zarr/1").write_text("b"), "result.zarr/1 is not part of the store"),
        (lambda result: replace_by_link(result / "a.csv"), "a.csv is a link, not a file of the result"),
        (lambda result: replace_by_link(result / "result.zarr"), "result.zarr/image/0 is a link"),
        (lambda result: (result / MANIFEST).unlink(), "cannot be read (No such file or directory)"),
        (lambda result: (result / MANIFEST).write_text("[]"), "is not as it was written"),
        (lambda result: (result / MANIFEST).write_bytes(b"\xff{"), "is not as it was written"),
        (lambda result: (result / MANIFEST).write_text("[" * 100_000), "is not as it was written"),
        (edited(lambda plain: plain.update(files=[])), "is not as it was written"),
        (edited(lambda plain: plain.update(files={"a": {"size": 1}})), "is not as it was written"),
        (edited(lambda plain: rename_entry(plain, "../gold/a.csv")), "points outside the result's folder"),
        (edited(lambda plain: rename_entry(plain, "/etc/passwd")), "points outside the result's folder"),
        (edited(lambda plain: rename_entry(plain, "..\\a.csv")), "points outside the result's folder"),
        (edited(lambda plain: rename_entry(plain, "a\0.csv")), "points outside the result's folder"),
        (edited(lambda plain: rename_entry(plain, "")), "points outside the result's folder"),
    ],
)
def test_damage_is_named(result: Path, harm: Callable[[Path], object], problem: str) -> None:
    harm(result)
    assert any(problem in found for found in check(result)), check(result)


def replace_by_link(path: Path) -> None:
    path.rename(path.parent.parent / "moved")
    path.symlink_to(path.parent.parent / "moved")


def rename_entry(manifest: dict[str, object], name: str) -> None:
    files = manifest["files"]
    assert isinstance(files, dict)
    files[name] = files.pop("a.csv")


def test_what_desktops_leave_behind_is_no_problem(result: Path) -> None:
    (result / ".DS_Store").write_text("x")
    (result / "result.zarr" / "Thumbs.db").write_text("x")
    assert check(result) == own_files(result) == ()


def test_a_folder_that_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="give the folder of one result"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_not_a_result_is_never_replaced(tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        (tmp_path / "gold").mkdir()
        (tmp_path / "gold" / "thesis.docx").write_text("years of work")
    elif kind == "file":
        (tmp_path / "gold").write_text("years of work")
    else:
        (tmp_path / "gold").symlink_to(tmp_path / "nowhere")
    before = content(tmp_path)
    with pytest.raises(UnwritableOutputError, match="it exists and is not a result of fftscape"):
        publish(tmp_path, "gold", write=write_new, manifest={})
    assert content(tmp_path) == before
    assert os.listdir(tmp_path) == ["gold"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "gold").mkdir()
    assert check(publish(tmp_path, "gold", write=write_new, manifest={})) == ()


@pytest.mark.parametrize("missing", [MANIFEST, "result.zarr/image/0"])
def test_a_damaged_result_is_replaced(result: Path, missing: str) -> None:
    (result / missing).unlink()
    publish(result.parent, "gold", write=write_old, manifest={})
    assert check(result) == ()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "/a", "a\\b", "a\0b", ".fftscape-staging-x"])
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnwritableOutputError, match="the name must be that of one folder"):
        publish(tmp_path, name, write=write_new, manifest={})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a b", "ünï", "x.zarr", "-o", ".hidden", "caf\udce9", "n" * 255])
def test_unusual_names(tmp_path: Path, name: str) -> None:
    assert check(publish(tmp_path, name, write=write_new, manifest={})) == ()
    assert os.listdir(tmp_path) == [name]


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(UnwritableOutputError, match="File name too long"):
        publish(tmp_path, "n" * 256, write=write_new, manifest={})
    assert os.listdir(tmp_path) == []


def test_published_folders_have_ordinary_permissions(result: Path, tmp_path: Path) -> None:
    (tmp_path / "ordinary").mkdir()
    assert result.stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_clean_removes_what_killed_runs_left(result: Path) -> None:
    (result.parent / ".fftscape-staging-1" / "deep").mkdir(parents=True)
    (result.parent / ".fftscape-staging-1" / "deep" / "x").write_text("x")
    (result.parent / ".mine").mkdir()
    clean(result.parent)
    assert sorted(os.listdir(result.parent)) == [".mine", "gold"]


def test_ensure_writable(tmp_path: Path) -> None:
    ensure_writable(tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a" / "b") == []
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnwritableOutputError, match=r"Cannot write .*file.*: (Not a directory|File exists)"):
        ensure_writable(tmp_path / "file" / "out")


def test_manifest_can_be_read_by_any_program(result: Path) -> None:
    assert json.loads((result / MANIFEST).read_text(encoding="utf-8"))["n_components"] == 2
