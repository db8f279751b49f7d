"""Folder names: safe everywhere, kept by the image that has them, never another image's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fftscape.analysis import analyze
from fftscape.batch.names import LONGEST_NAME, Origin, folder_names, safe_name
from fftscape.batch.summary import WRITTEN
from fftscape.batch.tasks import Request
from fftscape.batch.verify import verify
from fftscape.files.store import load_record

Go = Callable[..., Any]
Stripes = Callable[..., np.ndarray]


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("a b", "a b"), ("-x", "-x"), ("..", "image"), ("", "image"), ("a/b\\c", "a_b_c"), ("a\nb", "a_b"),
        ("summary.csv", "summary.csv_"), ("CON", "CON_"), (".a", "a"), ("a.", "a"), ("\udcff", "_"),
        ("e\u0301", "\u00e9"),
    ],
)  # fmt: skip
def test_safe_names(stem: str, name: str) -> None:
    assert safe_name(stem) == name


def test_long_names_are_cut_at_whole_characters() -> None:
    name = safe_name("ä" * 300)
    assert len(os.fsencode(name)) == LONGEST_NAME
    assert set(name) == {"ä"}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_run_writes_is_no_name_of_a_result(name: str) -> None:
    assert safe_name(name.upper()) == f"{name.upper()}_"


def in_an_empty_folder(folder: Path, *stems: str) -> list[str]:
    origins = [Origin.of(folder / str(number) / f"{stem}.tif", folder) for number, stem in enumerate(stems)]
    return folder_names(origins, folder, mark=lambda number: pytest.fail("nothing to compare"))


def test_equal_names_get_a_number_that_no_other_file_has(tmp_path: Path) -> None:
    assert in_an_empty_folder(tmp_path, "a", "a-2", "A", "a") == ["a", "a-2", "A-3", "a-4"]


@pytest.fixture
def two(tmp_path: Path, stripes: Stripes) -> tuple[Path, Path]:
    """Two images of the same name."""
    paths = tmp_path / "x" / "a.npy", tmp_path / "y" / "a.npy"
    for seed, path in enumerate(paths):
        path.parent.mkdir()
        np.save(path, stripes(seed))
    return paths


def named(ran: Any) -> list[tuple[str, str]]:
    return [(outcome.status, outcome.name) for outcome in ran.outcomes]


@pytest.mark.usefixtures("quick")
class TestNamesOfEarlierRuns:
    """What a run finds in its output folder."""

    def test_a_second_run_never_replaces_the_result_of_another_image(
        self, two: tuple[Path, Path], tmp_path: Path, go: Go, stripes: Stripes
    ) -> None:
        output = tmp_path / "out"
        assert named(go([two[0]], output)) == [("done", "a")]
        assert named(go([two[1]], output)) == [("done", "a-2")]
        assert np.array_equal(load_record(output / "a").image.data, stripes(0))
        assert np.array_equal(load_record(output / "a-2").image.data, stripes(1))
        assert named(go([two[0]], output)) == [("unchanged", "a")]
        assert named(go([two[1]], output)) == [("unchanged", "a-2")]
        assert named(go([two[1], two[0]], output)) == [("unchanged", "a-2"), ("unchanged", "a")]

    def test_an_image_keeps_its_name_when_named_alone_or_changed(
        self, two: tuple[Path, Path], tmp_path: Path, go: Go, stripes: Stripes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        output = tmp_path / "out"
        go(list(two), output)
        monkeypatch.chdir(two[1].parent)
        assert named(go([Path("a.npy")], Path("../out"))) == [("unchanged", "a-2")]
        np.save("a.npy", stripes(7))
        assert named(go([Path("../y/a.npy")], output)) == [("done", "a-2")]
        shutil.rmtree(output / "a")
        assert named(go([two[1]], output)) == [("unchanged", "a-2")]

    def test_a_result_whose_image_is_gone_keeps_its_name(
        self, two: tuple[Path, Path], tmp_path: Path, go: Go, stripes: Stripes
    ) -> None:
        output = tmp_path / "out"
        go([two[0]], output)
        two[0].unlink()
        assert named(go(list(two), output)) == [("failed", "a"), ("done", "a-2")]
        assert np.array_equal(load_record(output / "a").image.data, stripes(0))

    def test_a_moved_image_is_the_same_image(self, two: tuple[Path, Path], tmp_path: Path, go: Go) -> None:
        output = tmp_path / "out"
        go(list(two), output)
        two[1].parent.rename(tmp_path / "z")
        assert named(go([tmp_path / "z" / "a.npy"], output)) == [("unchanged", "a-2")]
        output.rename(tmp_path / "deep")
        (tmp_path / "new").mkdir()
        (tmp_path / "deep").rename(tmp_path / "new" / "out")
        assert named(go([tmp_path / "z" / "a.npy", two[0]], tmp_path / "new" / "out")) == [
            ("unchanged", "a-2"), ("unchanged", "a"),
        ]  # fmt: skip

    def test_an_equal_image_beside_is_another_image(self, two: tuple[Path, Path], tmp_path: Path, go: Go) -> None:
        shutil.copy(two[0], two[1])
        assert named(go([two[0]], tmp_path / "out")) == [("done", "a")]
        assert named(go([two[1]], tmp_path / "out")) == [("done", "a-2")]

    def test_frames_keep_their_names(
        self, two: tuple[Path, Path], tmp_path: Path, go: Go, request_small: Request, stripes: Stripes
    ) -> None:
        for seed, path in enumerate(two):
            np.save(path, np.stack([stripes(seed), stripes(seed + 2)]))
        each, output = replace(request_small, frame="all"), tmp_path / "out"
        assert named(go([two[0]], output, each)) == [("done", "a_f0000"), ("done", "a_f0001")]
        assert named(go([two[1]], output, each)) == [("done", "a_f0000-2"), ("done", "a_f0001-2")]
        assert named(go([two[1]], output, replace(each, frame=1))) == [("unchanged", "a_f0001-2")]
        assert {status for status, _ in named(go(list(two), output, each))} == {"unchanged"}

    def test_channels_and_frames_have_results_of_their_own(
        self, tmp_path: Path, go: Go, request_small: Request, stripes: Stripes
    ) -> None:
        both = {"Height": np.stack([stripes(0), stripes(1)]), "Phase/2": np.stack([stripes(2), stripes(3)])}
        np.savez(tmp_path / "x.npz", **both)
        output = tmp_path / "out"

        def once(**asked: Any) -> Any:
            return named(go([tmp_path / "x.npz"], output, replace(request_small, **asked)))

        assert once() == [("done", "x")]
        assert once(channel="Height") == [("done", "x_Height")]
        assert once(channel=1) == [("done", "x_Phase_2")]
        assert once(channel="pha") == [("unchanged", "x_Phase_2")]
        assert once(frame=1) == [("done", "x_f0001")]
        assert once(channel=1, frame=1) == [("done", "x_Phase_2_f0001")]
        assert once(channel=1, frame="all") == [("done", "x_Phase_2_f0000"), ("unchanged", "x_Phase_2_f0001")]
        for name, data in (
            ("x", both["Height"][0]), ("x_Height", both["Height"][0]), ("x_Phase_2", both["Phase/2"][0]),
            ("x_f0001", both["Height"][1]), ("x_Phase_2_f0001", both["Phase/2"][1]),
        ):  # fmt: skip
            assert np.array_equal(load_record(output / name).image.data, data), name

    def test_an_unknown_channel_costs_only_its_file(
        self, two: tuple[Path, Path], tmp_path: Path, go: Go, request_small: Request, stripes: Stripes
    ) -> None:
        np.savez(tmp_path / "x.npz", Height=stripes(0), Phase=stripes(1))
        ran = go([two[0], tmp_path / "x.npz"], tmp_path / "out", replace(request_small, channel="Phase"))
        assert named(ran) == [("failed", ""), ("done", "x_Phase")]
        assert ran.heard.trouble[0].startswith(f"{two[0]}: there is no channel 'Phase'; ")

    def test_a_result_saved_from_python_keeps_its_name(
        self, two: tuple[Path, Path], tmp_path: Path, go: Go, stripes: Stripes
    ) -> None:
        analyze(stripes(5), window=24, step=12, n_components=2).save(tmp_path / "out" / "A", report=False)
        assert named(go([two[0]], tmp_path / "out")) == [("done", "a-2")]
        assert np.array_equal(load_record(tmp_path / "out" / "A").image.data, stripes(5))

    def test_what_a_killed_run_left_is_no_result(self, two: tuple[Path, Path], tmp_path: Path, go: Go) -> None:
        output = tmp_path / "out"
        go([two[0]], output)
        shutil.copytree(output / "a", output / ".fftscape-staging-0123")
        assert [verdict.folder.name for verdict in verify(output)] == ["a"]
        assert named(go([two[0]], output)) == [("unchanged", "a")]
        assert not list(output.glob(".*"))
        assert (output / "summary.csv").read_text().count("\n") == 2
