"""Which files a list of inputs stands for, and the folder names their results get."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fftscape.batch.discovery import LONGEST_NAME, Found, find_inputs, safe_name, unique_names

SUFFIXES = {".tif", ".npy"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.tif", "a.npy", "notes.md", ".hidden.tif", "sub/b.tif", "empty/notes.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def _relative(found: Found, folder: Path) -> list[tuple[str, str]]:
    return [(str(file.path.relative_to(folder)), file.name) for file in found.files]


def test_folder_gives_its_own_images_in_order_without_hidden_files(folder: Path) -> None:
    found = find_inputs([str(folder)], suffixes=SUFFIXES)
    assert _relative(found, folder) == [("a.npy", "a"), ("b.tif", "b")]
    assert found.remarks == (f"{folder}: 2 image files found.",)
    assert found.problems == ()


def test_quoted_glob_is_expanded_and_double_star_reaches_sub_folders(folder: Path) -> None:
    found = find_inputs([f"{folder}/**/*.tif"], suffixes=SUFFIXES)
    assert _relative(found, folder) == [("b.tif", "b"), ("sub/b.tif", "b-2")]


def test_a_file_named_twice_counts_once(folder: Path) -> None:
    found = find_inputs([f"{folder}/b.tif", str(folder), f"{folder}/sub/../b.tif"], suffixes=SUFFIXES)
    assert [name for _, name in _relative(found, folder)] == ["b", "a"]


def test_a_file_whose_name_looks_like_a_glob_is_a_file(folder: Path) -> None:
    odd = folder / "scan[1].tif"
    odd.write_bytes(b"x")
    assert [file.path for file in find_inputs([str(odd)], suffixes=SUFFIXES).files] == [odd]


def test_a_missing_file_is_left_to_the_reader_to_name(folder: Path) -> None:
    assert [file.name for file in find_inputs([f"{folder}/gone.tif"], suffixes=SUFFIXES).files] == ["gone"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("empty", "holds no image file"),
        ("*.dm9", "no file matches"),
        ("n" * 5000, "cannot be looked up"),
    ],
)
def test_inputs_that_stand_for_nothing_are_problems(folder: Path, text: str, reason: str) -> None:
    found = find_inputs([f"{folder}/{text}", f"{folder}/b.tif"], suffixes=SUFFIXES)
    assert [file.name for file in found.files] == ["b"]
    assert len(found.problems) == 1
    assert found.problems[0].source == f"{folder}/{text}"
    assert reason in found.problems[0].reason


def test_an_empty_input_is_not_the_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    found = find_inputs([""], suffixes=SUFFIXES)
    assert found.files == ()
    assert "empty" in found.problems[0].reason


def test_published_results_are_never_inputs_but_images_beside_them_are(folder: Path) -> None:
    (folder / "b").mkdir()
    for name in ("result.json", "labels.tif"):
        (folder / "b" / name).write_bytes(b"x")
    found = find_inputs([f"{folder}/**/*.tif"], suffixes=SUFFIXES, output=folder)
    assert _relative(found, folder) == [("b.tif", "b"), ("sub/b.tif", "b-2")]
    assert f"{folder}/**/*.tif: 1 image file inside the results of {folder} left out." in found.remarks
    inside = find_inputs([f"{folder}/b"], suffixes=SUFFIXES, output=folder)
    assert inside.files == ()
    assert "name the image itself" in inside.problems[0].reason
    elsewhere = find_inputs([f"{folder}/b/labels.tif"], suffixes=SUFFIXES, output=folder / "other")
    assert [file.name for file in elsewhere.files] == ["labels"]


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


def test_equal_names_get_a_number_that_no_other_file_has() -> None:
    assert unique_names(["a", "a-2", "A", "a"]) == ["a", "a-2", "A-3", "a-4"]
