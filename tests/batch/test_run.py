"""A run: what is published, what one bad image costs, which names results get."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from fftscape.analysis import Analysis, analyze
from fftscape.batch import resources, work
from fftscape.batch.discovery import Found
from fftscape.batch.tasks import Request, plan
from fftscape.compute import copies
from fftscape.files import formats
from fftscape.files.result_folder import STAGING, check
from fftscape.files.store import load_record
from fftscape.model.errors import FftscapeError, OddImageWarning, UnwritableOutputError
from fftscape.model.image import Image
from fftscape.model.settings import Settings

Go = Callable[..., Any]
Stripes = Callable[..., np.ndarray]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def nothing_staged(output: Path) -> bool:
    return not list(output.glob(f"{STAGING}*")) and not list(output.glob(".*.new"))


def test_everything_of_the_contract_is_published(images: Path, tmp_path: Path, go: Go, request_small: Request) -> None:
    output = tmp_path / "out"
    ran = go([images / "a.npy"], output, replace(request_small, pixel_size="0.5x0.25 nm"))
    assert ran.statuses == ["done"]
    assert {path.name for path in output.iterdir()} == {"index.html", "summary.csv", "failures.csv", "a"}
    assert {path.name for path in (output / "a").iterdir()} == {
        "result.json", "result.zarr", "result.hspy", "loadings.tif", "factors.tif", "labels.tif", "scree.csv",
        "components.csv", "peaks.csv", "report.html", "figures",
    }  # fmt: skip
    assert check(output / "a") == ()
    (row,) = rows(output / "summary.csv")
    assert (row["image"], row["status"], row["n_components"]) == (str(images / "a.npy"), "done", "2")
    assert (row["window"], row["step"], row["unit"], row["result"]) == ("24x20", "12x10", "nm", "a")
    fractions = [float(part) for part in row["area_fractions"].split(";")]
    assert fractions == pytest.approx([0.5, 0.5], abs=0.1)
    # Periods of 8 px of 0.25 nm along x and of 5 px of 0.5 nm along y.
    assert sorted(float(part) for part in row["strongest_d_spacings"].split(";")) == pytest.approx([2.0, 2.5], rel=0.05)
    assert 0 < float(row["seconds"]) < 600
    assert rows(output / "failures.csv") == []
    page = (output / "index.html").read_text(encoding="utf-8")
    assert "a/report.html" in page
    assert "a/figures/thumbnail.png" in page
    assert (output / "a" / "figures" / "thumbnail.png").read_bytes().startswith(b"\x89PNG")
    assert ran.heard.said[0].startswith(f"{images / 'a.npy'}: 2 components, as asked, window 24x20, step 12x10, ")
    assert ran.heard.said[0].endswith(f"-> {output / 'a' / 'report.html'}")
    assert ran.heard.trouble == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("confidence", "alternatives", "cells"),
    [(0.55556, (1, 4), ("0.5556", "1; 4")), (1.0, (), ("1", "")), (None, (), ("", ""))],
)
def test_the_table_tells_how_sure_the_number_is(
    images: Path,
    tmp_path: Path,
    go: Go,
    monkeypatch: pytest.MonkeyPatch,
    confidence: float | None,
    alternatives: tuple[int, ...],
    cells: tuple[str, str],
) -> None:
    output = tmp_path / "out"

    def unsure(image: Image, **options: Any) -> Analysis:
        found = analyze(image, **options)
        return replace(found, scree=replace(found.scree, confidence=confidence, alternatives=alternatives))

    monkeypatch.setattr(work, "analyze", unsure)
    go([images / "a.npy"], output)
    (row,) = rows(output / "summary.csv")
    assert (row["confidence"], row["alternatives"]) == cells


@pytest.mark.usefixtures("quick")
def test_one_good_among_bad_ones(images: Path, tmp_path: Path, go: Go) -> None:
    output = tmp_path / "out"
    (images / "b.npy").write_bytes(b"not an array")
    inputs = [images / "gone.npy", tmp_path / "*.dm9", images]
    ran = go(inputs, output)
    assert ran.statuses == ["failed", "failed", "done", "failed"]
    assert [outcome.source for outcome in ran.outcomes if outcome.status == "failed"] == [
        str(tmp_path / "*.dm9"), str(images / "gone.npy"), str(images / "b.npy"),
    ]  # fmt: skip
    assert len(ran.heard.trouble) == 3
    for line, outcome in zip(ran.heard.trouble, [ran.outcomes[0], ran.outcomes[1], ran.outcomes[3]], strict=True):
        assert line == f"{outcome.source}: {outcome.reason}"
        assert outcome.reason.count(outcome.source) == 0
    assert [row["image"] for row in rows(output / "failures.csv")] == [o.source for o in ran.outcomes if o.reason]
    assert [row["status"] for row in rows(output / "summary.csv")] == ran.statuses
    assert nothing_staged(output)


@pytest.mark.usefixtures("quick")
def test_a_fault_of_ours_costs_only_its_image(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: Go
) -> None:
    def faulty(image: Any, **options: Any) -> Any:
        if image.name == "a":
            raise ZeroDivisionError("a\nb")
        return analyze(image, **options)

    monkeypatch.setattr(work, "analyze", faulty)
    ran = go(images, tmp_path / "out")
    assert ran.statuses == ["failed", "done"]
    assert ran.outcomes[0].reason.startswith("unexpected ZeroDivisionError: a b ")
    assert len(ran.heard.trouble) == 1


def test_verbose_shows_where(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: Go) -> None:
    monkeypatch.setattr(work, "analyze", lambda image, **options: 1 / 0)
    heard = go(images / "a.npy", tmp_path / "out", verbose=True).heard
    assert heard.trouble[1] == "Traceback (most recent call last):"
    assert heard.trouble[-1] == "ZeroDivisionError: division by zero"


@pytest.mark.usefixtures("quick")
def test_a_full_disk_is_a_sentence_and_leaves_the_old_result(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: Go, request_small: Request
) -> None:
    output = tmp_path / "out"
    go([images / "a.npy"], output)
    before = (output / "a" / "result.json").read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(work.store, "write_results", full)
    ran = go([images / "a.npy"], output, replace(request_small, fresh=True))
    assert ran.statuses == ["failed"]
    assert "No space left on device" in ran.heard.trouble[0]
    assert (output / "a" / "result.json").read_bytes() == before
    assert check(output / "a") == ()
    assert nothing_staged(output)


def test_a_foreign_folder_of_that_name_is_not_touched(images: Path, tmp_path: Path, go: Go) -> None:
    output = tmp_path / "out"
    (output / "a").mkdir(parents=True)
    (output / "a" / "thesis.tex").write_text("years of work")
    ran = go([images / "a.npy"], output)
    assert ran.statuses == ["failed"]
    assert "is not a result of fftscape" in ran.heard.trouble[0]
    assert (output / "a" / "thesis.tex").read_text() == "years of work"


def test_unwritable_output_fails_before_computing(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: Go
) -> None:
    monkeypatch.setattr(work, "analyze", lambda *_: pytest.fail("computed"))
    (tmp_path / "out").write_text("a file in the way")
    with pytest.raises(FftscapeError, match="out"):
        go(images, tmp_path / "out")


@pytest.mark.usefixtures("quick")
def test_interrupted_keeps_what_is_finished_and_writes_the_summary(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: Go
) -> None:
    output = tmp_path / "out"
    original = work.store.write_results

    def stopped(record: Any, folder: Path) -> None:
        original(record, folder)
        if record.image.name == "b":
            raise KeyboardInterrupt

    monkeypatch.setattr(work.store, "write_results", stopped)
    with pytest.raises(KeyboardInterrupt):
        go(images, output)
    assert [(row["result"], row["status"]) for row in rows(output / "summary.csv")] == [("a", "done")]
    assert {path.name for path in output.iterdir()} == {"a", "index.html", "summary.csv", "failures.csv"}
    monkeypatch.undo()


@pytest.mark.usefixtures("quick")
def test_an_interrupt_counts_more_than_a_summary_that_cannot_be_written(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: Go
) -> None:
    def stopped(*_: Any, **__: Any) -> Any:
        (tmp_path / "out" / "summary.csv").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(work, "analyze", stopped)
    with pytest.raises(KeyboardInterrupt):
        go(images, tmp_path / "out")
    monkeypatch.undo()
    with pytest.raises(UnwritableOutputError, match=r"summary\.csv"):
        go(images, tmp_path / "out")


@pytest.mark.usefixtures("quick")
def test_warnings_are_lines_and_foreign_ones_are_not_shown(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: Go
) -> None:
    def warned(image: Any, **options: Any) -> Any:
        warnings.warn("a: look\nhere", OddImageWarning, stacklevel=1)
        warnings.warn("a: look\nhere", OddImageWarning, stacklevel=1)
        warnings.warn("divide by zero", RuntimeWarning, stacklevel=1)
        return analyze(image, **options)

    monkeypatch.setattr(work, "analyze", warned)
    assert go([images / "a.npy"], tmp_path / "out").heard.trouble == [f"{images / 'a.npy'}: warning: look here"]


@pytest.mark.usefixtures("quick")
def test_equal_names_get_a_number_and_their_own_result(images: Path, tmp_path: Path, go: Go, stripes: Stripes) -> None:
    (tmp_path / "more").mkdir()
    np.save(tmp_path / "more" / "a.npy", stripes(7))
    output = tmp_path / "out"
    ran = go([images / "a.npy", tmp_path / "more" / "a.npy"], output)
    assert [outcome.name for outcome in ran.outcomes] == ["a", "a-2"]
    assert np.array_equal(load_record(output / "a-2").image.data, stripes(7))
    assert go([images / "a.npy", tmp_path / "more" / "a.npy"], output).statuses == ["unchanged", "unchanged"]


@pytest.mark.usefixtures("quick")
def test_every_frame_is_a_result_of_its_own(tmp_path: Path, go: Go, stripes: Stripes, request_small: Request) -> None:
    stack = np.stack([stripes(1), stripes(2).T[:72].repeat(2, 1)[:, :100]])
    np.save(tmp_path / "s.npy", stack)
    output = tmp_path / "out"
    ran = go([tmp_path / "s.npy"], output, replace(request_small, frame="all"))
    assert [outcome.name for outcome in ran.outcomes] == ["s_f0000", "s_f0001"]
    assert ran.outcomes[1].title == f"{tmp_path / 's.npy'} (frame 1)"
    assert [row["frame"] for row in rows(output / "summary.csv")] == ["0", "1"]
    for frame, name in enumerate(("s_f0000", "s_f0001")):
        assert np.array_equal(load_record(output / name).image.data, stack[frame])


@pytest.mark.parametrize("asked", [{}, {"channel": "phase"}])
def test_screen_table_and_pages_say_which_channel_and_frame(
    tmp_path: Path, go: Go, stripes: Stripes, request_small: Request, asked: dict[str, str]
) -> None:
    path, output = tmp_path / "x.npz", tmp_path / "out"
    np.savez(path, Phase=np.stack([stripes(1), stripes(2)]), preview=stripes(3)[::4, ::4])
    ran = go([path], output, replace(request_small, **asked))
    (row,) = rows(output / "summary.csv")
    assert (row["image"], row["channel"], row["frame"]) == (str(path), "Phase", "0")
    assert ran.heard.said[0].startswith(f"{path} (Phase, frame 0): 2 components, as asked, ")
    assert "<p>Phase, frame 0</p>" in (output / "index.html").read_text(encoding="utf-8")
    image = load_record(output / row["result"]).image
    assert (image.channel, image.frame, image.name) == ("Phase", 0, "x Phase" if asked else "x")
    report = (output / row["result"] / "report.html").read_text(encoding="utf-8")
    assert "<dt>Channel</dt><dd>Phase</dd>" in report
    assert "<dt>Frame</dt><dd>0 (counted from 0)</dd>" in report


def test_a_frame_that_is_not_there_is_named_in_the_tables(
    images: Path, tmp_path: Path, go: Go, request_small: Request
) -> None:
    ran = go([images / "a.npy"], tmp_path / "out", replace(request_small, frame=3))
    assert ran.heard.trouble[0].startswith(f"{images / 'a.npy'} (frame 3): there is no frame 3; ")
    assert [(row["frame"], row["status"]) for row in rows(tmp_path / "out" / "summary.csv")] == [("3", "failed")]


def test_what_cannot_be_held_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_small: Request, stripes: Stripes
) -> None:
    pixels = np.zeros((3000, 4000), np.uint8)
    Picture.fromarray(pixels).save(tmp_path / "x.png")
    np.save(tmp_path / "x.npy", pixels)
    held = {name: formats.opened(tmp_path / name).held_bytes for name in ("x.png", "x.npy")}
    assert held == {"x.png": 12_000_000, "x.npy": 0}  # an npy file can be mapped
    monkeypatch.setattr("fftscape.files.formats.Opened.read", lambda _opened: pytest.fail("read"))
    monkeypatch.setattr(work, "memory_limit", lambda: resources.LIBRARIES + 11_000_000)
    stages: list[str] = []
    (task,) = plan(Found((tmp_path / "x.png",)), request_small, tmp_path, None).tasks  # type: ignore[arg-type]
    with pytest.raises(MemoryError, match=r"^\d+ MiB at least, for 3000 x 4000 pixels and 100,000 windows$"):
        work.treat(task, tmp_path, request_small, on_stage=stages.append)
    assert stages[-1] == "looking at its header"  # and not reading, whose faults are the file's


@pytest.mark.parametrize(
    ("asked", "allowed"), [({}, True), ({"backend": "torch"}, False), ({"scheduler": "tcp://nowhere:1"}, False)]
)
def test_a_process_with_other_libraries_threads_is_not_copied(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_small: Request, asked: dict[str, Any],
    allowed: bool,
) -> None:  # fmt: skip
    request, drawn = replace(request_small, report=False, **asked), []
    # Whether the library and the cluster are there does not matter here.
    monkeypatch.setattr(work, "analyze", lambda image, *, settings, **_: analyze(image, settings=settings))
    monkeypatch.setattr(copies, "_is_allowed", True)
    write = Analysis.write

    def noting(self: Analysis, *arguments: Any, **options: Any) -> None:
        drawn.append(copies._is_allowed)
        write(self, *arguments, **options)

    monkeypatch.setattr(Analysis, "write", noting)
    (task,) = plan(Found((images / "a.npy",)), request, tmp_path, None).tasks  # type: ignore[arg-type]
    treated = work.treat(task, tmp_path, request, on_stage=lambda _: None)
    assert treated.outcome.status == "done"
    assert drawn == [allowed]


def test_a_constant_image_has_no_structure(tmp_path: Path, go: Go) -> None:
    np.save(tmp_path / "flat.npy", np.full((60, 84), 7))
    ran = go([tmp_path / "flat.npy"], tmp_path / "out", Request(Settings()))
    assert ran.heard.said[0].startswith(f"{tmp_path / 'flat.npy'}: no structure: all pixels are equal, window ")
    assert "<p>no structure: all pixels are equal</p>" in (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "No structure: all pixels are equal." in (tmp_path / "out" / "flat" / "report.html").read_text("utf-8")


@pytest.mark.usefixtures("quick")
def test_an_unreadable_stack_does_not_cost_the_frames_of_others(
    images: Path, tmp_path: Path, go: Go, request_small: Request
) -> None:
    (images / "a.npy").write_bytes(b"")
    ran = go(images, tmp_path / "out", replace(request_small, frame="all"))
    assert ran.statuses == ["failed", "done"]
    assert ran.outcomes[1].name == "b_f0000"
    assert ran.heard.trouble == [f"{images / 'a.npy'}: {ran.outcomes[0].reason}"]
    assert "empty" in ran.outcomes[0].reason
