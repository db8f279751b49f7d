"""Analyse many images: inputs and one request enter, a published folder and an outcome each leave."""

from __future__ import annotations

import contextlib
import time
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fftscape.batch.discovery import find_inputs
from fftscape.batch.lock import sole_writer
from fftscape.batch.names import FINGERPRINT, ORIGIN
from fftscape.batch.outcome import Outcome, Status
from fftscape.batch.progress import Reporter
from fftscape.batch.reasons import reason_of, without_name
from fftscape.batch.summary import strongest_d_spacings, told, write_summary
from fftscape.batch.tasks import Request, Task, plan
from fftscape.files import formats, result_folder, store
from fftscape.model.errors import FftscapeWarning, UnreadableFileError
from fftscape.pipeline import analyze
from fftscape.views.report import REPORT


def run(inputs: Sequence[str], output: Path, *, request: Request, reporter: Reporter) -> tuple[Outcome, ...]:
    """Analyse every image that the inputs stand for and summarise the output folder.

    An image whose result is published, intact and made from the same content with the same
    request by the same version is not computed again. Whatever goes wrong with one image costs
    only that image. The summary is written in the end, also when the run is interrupted.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders and globs.
    output : Path
        Folder for the results; made where it does not exist.
    request : Request
        What is wanted of every image.
    reporter : Reporter
        Where lines and progress go.

    Returns
    -------
    tuple of Outcome
        First the inputs that stand for no image, then one for each image in the order of the inputs.

    Raises
    ------
    UnwritableOutputError
        If the output folder cannot be written to, or another run writes there; nothing has been
        computed then.
    """
    result_folder.ensure_writable(output)
    with sole_writer(output, warn=reporter.warn):
        return _run(inputs, output, request, reporter)


def _run(inputs: Sequence[str], output: Path, request: Request, reporter: Reporter) -> tuple[Outcome, ...]:
    result_folder.clean(output)
    found = find_inputs(inputs, suffixes=formats.SUFFIXES, output=output)
    for remark in found.remarks:
        reporter.say(remark)
    todo = plan(found, request, output)
    outcomes = [Outcome(problem.source, "", "failed", reason=problem.reason) for problem in todo.problems]
    for outcome in outcomes:
        reporter.error(outcome.line(output))
    try:
        with reporter.counting(len(todo.tasks)):
            for task in todo.tasks:
                image = _Image(task, output, request, reporter)
                outcomes.append(image.outcome())
                image.report(outcomes[-1])
    except BaseException:
        with contextlib.suppress(Exception):  # what ended the run is what the user must hear of
            write_summary(output, outcomes)
        raise
    write_summary(output, outcomes)
    return tuple(outcomes)


@dataclass
class _Image:
    """One image on its way from its file to its published folder."""

    task: Task
    output: Path
    request: Request
    reporter: Reporter
    notes: list[str] = field(default_factory=list)
    caught: list[warnings.WarningMessage] = field(default_factory=list)
    trace: str = ""

    def outcome(self) -> Outcome:
        """Do it and return what became of it, whatever happens."""
        began = time.perf_counter()
        reason = ""
        try:
            with warnings.catch_warnings(record=True) as self.caught:
                warnings.simplefilter("always")
                status = self._publish()
            result = told(self.folder)
        except Exception as error:  # whatever its fault, one image must never cost another
            status, result, reason = "failed", {}, reason_of(error, self.task.part.path)
            self.trace = traceback.format_exc()
        seconds = None if status == "unchanged" else round(time.perf_counter() - began, 2)
        part = self.task.part
        asked = {"channel": part.channel or "", "frame": part.frame}
        return Outcome(str(part.path), self.task.name, status, seconds, reason, result, asked)

    def report(self, outcome: Outcome) -> None:
        """Print the outcome with what was noticed on the way."""
        reporter, source = self.reporter, outcome.title
        reporter.advance()
        given = {" ".join(str(warning.message).split()): warning.category for warning in self.caught}
        for sentence, category in given.items():
            if issubclass(category, FftscapeWarning):
                reporter.warn(f"{source}: warning: {without_name(sentence, self.task.part.path)}")
            else:
                reporter.detail(f"{source}: {category.__name__}: {sentence}")
        if outcome.status == "failed":
            reporter.error(outcome.line(self.output))
            reporter.detail(self.trace)
            return
        reporter.say(outcome.line(self.output))
        for note in dict.fromkeys(self.notes):
            if note not in given:
                reporter.say(f"  {note}")

    @property
    def folder(self) -> Path:
        """Where the result is published."""
        return self.output / self.task.name

    def _publish(self) -> Status:
        part, request = self.task.part, self.request
        self._stage("looking for an earlier result")
        mark = part.fingerprint(request) if part.path.is_file() else ""
        if mark and not request.fresh and self._is_finished(mark):
            return "unchanged"
        self._stage("reading")
        image = formats.read(part.path, channel=part.channel, frame=part.frame, pixel_size=request.pixel_size)
        self._stage("analysing")
        record = analyze(image, settings=request.settings)
        self.notes += [*image.notes, *record.notes]
        result_folder.publish(
            self.output,
            self.task.name,
            write=lambda folder: record.write(folder, report=request.report, on_stage=self._stage),
            manifest={
                **store.manifest(record),
                "strongest_d_spacings": strongest_d_spacings(record),
                ORIGIN: self.task.origin.plain(),
                FINGERPRINT: mark,
            },
        )
        return "done"

    def _is_finished(self, mark: str) -> bool:
        try:
            manifest = result_folder.read_manifest(self.folder)
        except UnreadableFileError:
            return False
        enough = REPORT in manifest["files"] or not self.request.report
        return manifest.get(FINGERPRINT) == mark and enough and not result_folder.check(self.folder)

    def _stage(self, stage: str) -> None:
        self.reporter.stage(self.task.name, stage)
