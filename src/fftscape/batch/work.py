"""The work on one image: a task enters, its published folder and what became of it leave."""

from __future__ import annotations

import errno
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fftscape.analysis import analyze
from fftscape.batch.names import FINGERPRINT, ORIGIN
from fftscape.batch.outcome import Outcome, Status
from fftscape.batch.reasons import reason_of
from fftscape.batch.resources import LIBRARIES, OVERHEAD
from fftscape.batch.summary import strongest_d_spacings, told
from fftscape.batch.tasks import Request, Task
from fftscape.batch.worker import READING
from fftscape.compute.copies import allow_copies
from fftscape.compute.memory import in_words, memory_limit
from fftscape.files import formats, result_folder, store
from fftscape.files.bundle import is_bundle
from fftscape.model.errors import FftscapeWarning, UnreadableFileError
from fftscape.preparation import least_memory
from fftscape.views.report import REPORT


@dataclass(frozen=True)
class Remark:
    """A warning that was given on the way.

    Parameters
    ----------
    sentence : str
        On one line.
    kind : str
        Name of its class.
    is_ours : bool
        Whether it is meant for the user, not for whoever wrote a library.
    """

    sentence: str
    kind: str
    is_ours: bool


@dataclass(frozen=True, eq=False)
class Treated:
    """What became of an image, and what was noticed on the way.

    Parameters
    ----------
    outcome : Outcome
        What became of it.
    remarks : tuple of Remark
        Each once.
    notes : tuple of str
        Of the image and its analysis.
    trace : str
        Where it failed.
    """

    outcome: Outcome
    remarks: tuple[Remark, ...] = ()
    notes: tuple[str, ...] = ()
    trace: str = ""


def treat(task: Task, output: Path, request: Request, *, on_stage: Callable[[str], None]) -> Treated:
    """Analyse one image and publish its result, unless that is there already.

    Parameters
    ----------
    task : Task
        The image.
    output : Path
        Where its folder is published.
    request : Request
        What is wanted.
    on_stage : callable
        Called with a few words before each part of the work.

    Raises
    ------
    MemoryError
        If there is not enough; it may be enough when nothing else runs. Every other fault is an outcome.
    """
    return _Image(task, output, request, on_stage).treated()


@dataclass
class _Image:
    """One image on its way from its file to its published folder."""

    task: Task
    output: Path
    request: Request
    on_stage: Callable[[str], None]
    notes: list[str] = field(default_factory=list)

    def treated(self) -> Treated:
        began = time.perf_counter()
        reason = trace = ""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                status = self._publish()
                result = told(self.folder)
            except MemoryError:
                raise
            except Exception as error:  # whatever its fault, one image must never cost another
                if getattr(error, "errno", None) == errno.ENOMEM:
                    raise MemoryError(str(error)) from error
                status, result, reason = "failed", {}, reason_of(error, self.task.part.path)
                trace = traceback.format_exc()
        seconds = None if status == "unchanged" else round(time.perf_counter() - began, 2)
        outcome = self.task.outcome(status, seconds=seconds, reason=reason, result=result)
        remarks = [_remark(warning) for warning in caught]
        return Treated(outcome, tuple(dict.fromkeys(remarks)), tuple(dict.fromkeys(self.notes)), trace)

    @property
    def folder(self) -> Path:
        """Where the result is published."""
        return self.output / self.task.name

    def _publish(self) -> Status:
        part, request = self.task.part, self.request
        self.on_stage("looking for an earlier result")
        mark = part.fingerprint(request) if part.path.is_file() or is_bundle(part.path) else ""
        if mark and not request.fresh and self._is_finished(mark):
            return "unchanged"
        self.on_stage(READING)
        file = formats.opened(part.path, channel=part.channel, frame=part.frame, pixel_size=request.pixel_size)
        self._check_memory(file)
        image = file.read()
        self.on_stage("analysing")
        record = analyze(image, settings=request.settings, scheduler=request.scheduler, backend=request.backend)
        if request.backend != "numpy" or request.scheduler is not None:
            allow_copies(False)  # nobody knows what the threads of their libraries hold
        self.notes += [*image.notes, *record.notes]
        result_folder.publish(
            self.output,
            self.task.name,
            write=lambda folder: record.write(folder, report=request.report, on_stage=self.on_stage),
            manifest={
                **store.manifest(record),
                "strongest_d_spacings": strongest_d_spacings(record),
                ORIGIN: self.task.origin.plain(),
                FINGERPRINT: mark,
            },
        )
        return "done"

    def _check_memory(self, file: formats.Opened) -> None:
        """Refuse before anything is computed what cannot be done in this worker's share, nor perhaps in any."""
        limit = memory_limit()
        if limit is None:
            return
        windows, reason = least_memory(file.shape, self.request.settings)
        needed = LIBRARIES + file.held_bytes + windows
        if needed > limit:
            self.on_stage("looking at its header")
            rows, columns = file.shape
            raise MemoryError(f"{in_words(OVERHEAD + needed)} at least, for {rows} x {columns} pixels and {reason}")

    def _is_finished(self, mark: str) -> bool:
        try:
            manifest = result_folder.read_manifest(self.folder)
        except UnreadableFileError:
            return False
        enough = REPORT in manifest["files"] or not self.request.report
        return manifest.get(FINGERPRINT) == mark and enough and not result_folder.check(self.folder)


def _remark(warning: warnings.WarningMessage) -> Remark:
    sentence = " ".join(str(warning.message).split())
    return Remark(sentence, warning.category.__name__, issubclass(warning.category, FftscapeWarning))
