"""The summary of an output folder: outcomes enter, ``summary.csv``, ``failures.csv`` and ``index.html`` leave."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

from fftscape.batch.outcome import Outcome, Status, by
from fftscape.files.result_folder import MANIFEST, STORE, read_manifest
from fftscape.files.tables import write_csv
from fftscape.files.write_errors import named_write_errors
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.errors import UnreadableFileError
from fftscape.views.report import REPORT

WRITTEN = SUMMARY, FAILURES, INDEX = "summary.csv", "failures.csv", "index.html"
THUMBNAIL = "figures/thumbnail.png"
COLUMNS = (
    "image", "channel", "frame", "status", "n_components", "confidence", "alternatives", "window", "step",
    "area_fractions", "strongest_d_spacings", "unit", "seconds", "result",
)  # fmt: skip


def strongest_d_spacings(record: AnalysisRecord) -> list[float | None]:
    """Return the d-spacing of each component's strongest spot, None where a component has no spot."""
    columns = [record.peaks.of(index).d_spacing for index in range(record.n_components)]
    return [float(column[0]) if len(column) else None for column in columns]


def write_summary(output: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the tables and the gallery of an output folder.

    Parameters
    ----------
    output : Path
        The folder.
    outcomes : sequence of Outcome
        What this run did. Results that lie in the folder from earlier runs come after them.

    Raises
    ------
    UnwritableOutputError
        If the file system refuses.
    """
    from fftscape.views.report import write_index

    # Where an image failed this time, its earlier result is still there.
    everything = [*outcomes, *_earlier(output, {outcome.name for outcome in outcomes if outcome.result})]
    failures = [(outcome.title, outcome.reason) for outcome in everything if outcome.status == "failed"]
    _replace(output / SUMMARY, lambda path: write_csv(path, COLUMNS, map(_row, everything)))
    _replace(output / FAILURES, lambda path: write_csv(path, ("image", "reason"), failures))
    _replace(output / INDEX, lambda path: write_index([_entry(outcome) for outcome in everything], path))


def closing_line(outcomes: Sequence[Outcome], output: Path) -> str:
    """Return what a run says in the end: how many images ended in which way, and where to look.

    Examples
    --------
    >>> closing_line([Outcome("a.tif", "", "failed"), Outcome("b.tif", "b", "done")], Path("out"))
    '1 done, 1 failed; gallery: out/index.html'
    """
    count = Counter(outcome.status for outcome in outcomes)
    counts = ", ".join(f"{count[status]} {status}" for status in get_args(Status) if count[status])
    return f"{counts or 'no image'}; gallery: {output / INDEX}"


def told(folder: Path) -> dict[str, Any]:
    """Return what a published result says about itself, of its files only those to show: a batch keeps many of these.

    Raises
    ------
    UnreadableFileError
        If there is no whole manifest.
    """
    manifest = read_manifest(folder)
    return manifest | {"files": [name for name in (REPORT, THUMBNAIL) if name in manifest["files"]]}


def published(output: Path) -> list[Path]:
    """Return the folders in `output` that hold a result, in alphabetical order; hidden ones are not published.

    A damaged result may have lost its manifest or its store, but hardly both.
    """
    return sorted({path.parent for part in (MANIFEST, STORE) for path in output.glob(f"[!.]*/{part}")})


def _earlier(output: Path, known: set[str]) -> Iterable[Outcome]:
    for folder in published(output):
        if folder.name in known:
            continue
        try:
            result = told(folder)
        except UnreadableFileError:  # `verify` names it
            continue
        yield Outcome(result["source"] or folder.name, folder.name, "earlier", result=result)


def _row(outcome: Outcome) -> tuple[Any, ...]:
    result = outcome.result
    image = outcome.source, outcome.channel, outcome.frame, outcome.status
    if not result:
        return *image, *(None,) * (len(COLUMNS) - len(image) - 2), outcome.seconds, None
    return (
        *image,
        outcome.n_components,
        _listed([result.get("confidence")]),
        _listed(result.get("alternatives", ())),
        by(result["window"]),
        by(result["step"]),
        _listed(result["area_fractions"]),
        _listed(result.get("strongest_d_spacings", ())),
        result["unit"],
        outcome.seconds,
        outcome.name,
    )


def _listed(values: Iterable[float | str | None]) -> str:
    """Return numbers for one cell; where there is none the place stays empty."""
    numbers = [math.nan if value is None else float(value) for value in values]
    return "; ".join("" if math.isnan(number) else f"{number:.4g}" for number in numbers)


def _entry(outcome: Outcome) -> Any:
    from fftscape.views.report import GalleryEntry

    if outcome.status == "failed":
        return GalleryEntry(outcome.title, "", "", "failed", "", outcome.reason)
    href, thumbnail = (
        f"{outcome.name}/{page}" if page in outcome.result["files"] else "" for page in (REPORT, THUMBNAIL)
    )
    return GalleryEntry(
        outcome.name, href, thumbnail, outcome.status, outcome.answer, outcome.result["reason"], outcome.source,
        outcome.part,
    )  # fmt: skip


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file beside its place and move it there, so that a reader never meets half of it."""
    fresh = path.with_name(f".{path.name}.new")
    with named_write_errors(path):
        try:
            write(fresh)
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
