"""Running again: what is computed again and what is not."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from fftscape.analysis import analyze
from fftscape.batch import tasks
from fftscape.batch.tasks import Request
from fftscape.batch.verify import verify
from fftscape.files.result_folder import read_manifest
from fftscape.files.store import load_record
from fftscape.model.settings import Settings, merged

Go = Callable[..., Any]
Stripes = Callable[..., np.ndarray]


pytestmark = pytest.mark.usefixtures("quick")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_finished_and_touched_but_equal_images_are_not_computed_again(images: Path, tmp_path: Path, go: Go) -> None:
    output = tmp_path / "out"
    assert go(images, output).statuses == ["done", "done"]
    before = (output / "a" / "result.json").stat().st_mtime_ns
    os.utime(images / "a.npy", (1, 1))
    ran = go(images, output)
    assert ran.statuses == ["unchanged", "unchanged"]
    assert (output / "a" / "result.json").stat().st_mtime_ns == before
    assert [row["status"] for row in rows(output / "summary.csv")] == ["unchanged", "unchanged"]
    assert [row["n_components"] for row in rows(output / "summary.csv")] == ["2", "2"]
    report = output / "a" / "report.html"
    assert ran.heard.said[1] == f"{images / 'a.npy'}: unchanged, 2 components, as asked -> {report}"


def test_only_changed_content_is_computed_again(images: Path, tmp_path: Path, go: Go, stripes: Stripes) -> None:
    output = tmp_path / "out"
    go(images, output)
    stamp = (images / "a.npy").stat()
    np.save(images / "a.npy", stripes(3))
    os.utime(images / "a.npy", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert go(images, output).statuses == ["done", "unchanged"]
    assert np.array_equal(load_record(output / "a").image.data, stripes(3))


def test_a_changed_chunk_of_a_store_is_computed_again(tmp_path: Path, go: Go, stripes: Stripes) -> None:
    path, output = tmp_path / "a.zarr", tmp_path / "out"
    array = zarr.create_array(str(path), data=stripes(1), chunks=(40, 50))
    assert go(path, output).statuses == ["done"]
    assert go(path, output).statuses == ["unchanged"]
    chunk = path / "c/1/1"
    stamp = chunk.stat()
    array[40:, 50:] = stripes(3)[40:, 50:]
    os.utime(chunk, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert go(path, output).statuses == ["done"]
    assert np.array_equal(load_record(output / "a").image.data[40:, 50:], stripes(3)[40:, 50:])


@pytest.mark.parametrize(
    "change",
    [
        {"settings": merged(Settings(), {"rank": {"n_components": 3}})},
        {"pixel_size": "0.3 nm"},
        {"frame": 0},
        {"channel": 0},
    ],
)
def test_a_changed_request_is_computed_again(
    images: Path, tmp_path: Path, change: dict[str, Any], go: Go, request_small: Request
) -> None:
    output = tmp_path / "out"
    go([images / "a.npy"], output)
    changed = replace(request_small, **change)
    assert go([images / "a.npy"], output, changed).statuses == ["done"]
    assert go([images / "a.npy"], output, changed).statuses == ["unchanged"]


def test_another_version_computes_again(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: Go) -> None:
    go([images / "a.npy"], tmp_path / "out")
    monkeypatch.setattr(tasks, "version", lambda _name: "99.0")
    assert go([images / "a.npy"], tmp_path / "out").statuses == ["done"]


def test_a_side_car_that_comes_later_is_noticed(images: Path, tmp_path: Path, go: Go) -> None:
    output = tmp_path / "out"
    go(images, output)
    (images / "a.txt").write_text("[SemImageFile]\nPixelSize=0.125\nDataSize=100x72\n")
    assert go(images, output).statuses == ["done", "unchanged"]
    assert read_manifest(output / "a")["pixel_size"] == [0.125, 0.125]


def test_a_report_is_left_out_where_none_is_wanted_and_made_where_it_is_missing(
    images: Path, tmp_path: Path, go: Go, request_small: Request
) -> None:
    output, bare = tmp_path / "out", replace(request_small, report=False)
    ran = go([images / "a.npy"], output, bare)
    folder = output / "a"
    assert ran.statuses == ["done"]
    assert not (folder / "report.html").exists()
    assert not (folder / "figures").exists()
    assert ran.heard.said[0].endswith(f"-> {folder}")
    assert go([images / "a.npy"], output, bare).statuses == ["unchanged"]
    assert go([images / "a.npy"], output, request_small).statuses == ["done"]
    assert (folder / "report.html").exists()
    # A report more than wanted does no harm.
    assert go([images / "a.npy"], output, bare).statuses == ["unchanged"]


def test_fresh_computes_everything(images: Path, tmp_path: Path, go: Go, request_small: Request) -> None:
    go(images, tmp_path / "out")
    assert go(images, tmp_path / "out", replace(request_small, fresh=True)).statuses == ["done", "done"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "deleted", "manifest"])
def test_only_a_damaged_result_is_computed_again(images: Path, tmp_path: Path, damage: str, go: Go) -> None:
    output = tmp_path / "out"
    go(images, output)
    chunk = output / "b" / "result.zarr" / "loadings" / "c" / "0" / "0" / "0"
    content = chunk.read_bytes()
    if damage == "cut":
        chunk.write_bytes(content[:-1])
    elif damage == "flipped":
        chunk.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "deleted":
        chunk.unlink()
    else:
        (output / "b" / "result.json").write_text("{}")
    verdicts = verify(output)
    assert [bool(verdict.problems) for verdict in verdicts] == [False, True]
    assert go(images, output).statuses == ["unchanged", "done"]
    assert chunk.read_bytes() == content
    assert not any(verdict.problems for verdict in verify(output))


def test_a_result_of_another_run_stays_in_the_summary(images: Path, tmp_path: Path, go: Go) -> None:
    output = tmp_path / "out"
    go([images / "b.npy"], output)
    go([images / "a.npy"], output)
    found = [(row["image"], row["status"], row["result"]) for row in rows(output / "summary.csv")]
    assert found == [(str(images / "a.npy"), "done", "a"), (str(images / "b.npy"), "earlier", "b")]
    assert "b/report.html" in (output / "index.html").read_text(encoding="utf-8")


def test_a_failed_image_does_not_hide_its_earlier_result(images: Path, tmp_path: Path, go: Go) -> None:
    output = tmp_path / "out"
    go([images / "a.npy"], output)
    (images / "a.npy").write_bytes(b"cut short")
    go([images / "a.npy"], output)
    found = [(row["image"], row["status"], row["result"]) for row in rows(output / "summary.csv")]
    assert found == [(str(images / "a.npy"), "failed", ""), (str(images / "a.npy"), "earlier", "a")]
    page = (output / "index.html").read_text(encoding="utf-8")
    assert "1 image analysed" in page
    assert "1 failed" in page
    assert "a/report.html" in page


def test_the_gallery_links_only_what_is_there(images: Path, tmp_path: Path, go: Go, stripes: Stripes) -> None:
    output = tmp_path / "out"
    analyze(stripes(4), window=24, step=12, n_components=2).save(output / "saved", report=False)
    go([images / "a.npy"], output)
    assert [(row["image"], row["result"]) for row in rows(output / "summary.csv")][1] == ("saved", "saved")
    page = (output / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'(?:href|src)="(.*?)"', page)
    assert sorted(set(links)) == ["./a/figures/thumbnail.png", "./a/report.html"]
    assert f'<h2 title="{images / "a.npy"}">' in page
    assert ">saved</h2>" in page
