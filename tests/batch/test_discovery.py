"""Which files a list of inputs stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from fftscape.batch.discovery import Found, find_inputs

SUFFIXES = {".tif", ".npy"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.tif", "a.npy", "notes.md", ".hidden.tif", "sub/b.tif", "empty/notes.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def _relative(found: Found, folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in found.files]


def test_folder_gives_its_own_images_in_order_without_hidden_files(folder: Path) -> None:
    found = find_inputs([str(folder)], suffixes=SUFFIXES)
    assert _relative(found, folder) == ["a.npy", "b.tif"]
    deeper = f"those in its sub-folders are left out (the glob '{folder}/*/*' takes them)"
    assert found.remarks == (f"{folder}: 2 image files found; {deeper}.",)
    assert found.problems == ()
    (folder / "sub" / "result.json").write_bytes(b"x")  # a result, whose images are no inputs
    assert find_inputs([str(folder)], suffixes=SUFFIXES).remarks == (f"{folder}: 2 image files found.",)


def test_quoted_glob_is_expanded_and_double_star_reaches_sub_folders(folder: Path) -> None:
    found = find_inputs([f"{folder}/**/*.tif"], suffixes=SUFFIXES)
    assert _relative(found, folder) == ["b.tif", "sub/b.tif"]


def test_a_file_named_twice_counts_once(folder: Path) -> None:
    found = find_inputs([f"{folder}/b.tif", str(folder), f"{folder}/sub/../b.tif"], suffixes=SUFFIXES)
    assert _relative(found, folder) == ["b.tif", "a.npy"]


def test_a_file_whose_name_looks_like_a_glob_is_a_file(folder: Path) -> None:
    odd = folder / "scan[1].tif"
    odd.write_bytes(b"x")
    assert find_inputs([str(odd)], suffixes=SUFFIXES).files == (odd,)


def test_a_missing_file_is_left_to_the_reader_to_name(folder: Path) -> None:
    assert find_inputs([f"{folder}/gone.tif"], suffixes=SUFFIXES).files == (folder / "gone.tif",)


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
    assert found.files == (folder / "b.tif",)
    assert len(found.problems) == 1
    assert found.problems[0].source == f"{folder}/{text}"
    assert reason in found.problems[0].reason


def test_a_folder_with_images_in_sub_folders_only_names_the_glob_that_takes_them(tmp_path: Path) -> None:
    (tmp_path / "day[1]" / "sub").mkdir(parents=True)
    (tmp_path / "day[1]" / "sub" / "a.npy").write_bytes(b"x")
    (problem,) = find_inputs([str(tmp_path / "day[1]")], suffixes=SUFFIXES).problems
    pattern = f"{tmp_path}/day[[]1]/*/*"
    assert problem.reason.endswith(f"sub-folders only; to take them, give the glob '{pattern}'.")
    assert _relative(find_inputs([pattern], suffixes=SUFFIXES), tmp_path) == ["day[1]/sub/a.npy"]


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
    assert _relative(found, folder) == ["b.tif", "sub/b.tif"]
    assert f"{folder}/**/*.tif: 1 file of the results in {folder} left out." in found.remarks
    inside = find_inputs([f"{folder}/b"], suffixes=SUFFIXES, output=folder)
    assert inside.files == ()
    assert "name the image itself" in inside.problems[0].reason
    elsewhere = find_inputs([f"{folder}/b/labels.tif"], suffixes=SUFFIXES, output=folder / "other")
    assert elsewhere.files == (folder / "b" / "labels.tif",)


def test_the_tables_and_the_gallery_of_a_run_are_never_inputs(folder: Path) -> None:
    for name in ("summary.csv", "failures.csv", "index.html", "sub/summary.csv"):
        (folder / name).write_bytes(b"x")
    pattern = f"{folder}/**/*[vlf]"
    found = find_inputs([pattern], suffixes=SUFFIXES, output=folder)
    assert _relative(found, folder) == ["b.tif", "sub/b.tif", "sub/summary.csv"]
    assert f"{pattern}: 3 files of the results in {folder} left out." in found.remarks
