"""Analyse many images: inputs and one request enter, a published folder and an outcome each leave."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jinja2  # noqa: F401  the summary needs it in the end; here it is loaded while workers load their libraries

from fftscape.batch.crew import Crew, Errand, Lost
from fftscape.batch.discovery import Problem, find_inputs
from fftscape.batch.fleet import Fleet
from fftscape.batch.ledger import batch_mark, forget, keep, outcomes_of_all
from fftscape.batch.lock import sole_writer, summary_writer
from fftscape.batch.outcome import Outcome
from fftscape.batch.portion import WHOLE, Portion
from fftscape.batch.progress import Reporter
from fftscape.batch.reasons import without_name
from fftscape.batch.resources import Resources
from fftscape.batch.summary import write_summary
from fftscape.batch.tasks import Request, Task, plan
from fftscape.batch.work import Treated, treat
from fftscape.compute.cluster import Cluster, connected
from fftscape.files import formats, result_folder


def run(
    inputs: Sequence[str],
    output: Path,
    *,
    request: Request,
    resources: Resources,
    reporter: Reporter,
    portion: Portion = WHOLE,
    scheduler: str | None = None,
) -> tuple[Outcome, ...]:
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
    resources : Resources
        What the run may take of the machine; results do not depend on it.
    reporter : Reporter
        Where lines and progress go.
    portion : Portion
        Which of the images to analyse. Portions may share the output folder at the same time; the
        summary is of all that have ended.
    scheduler : str, optional
        'local' or the address of a Dask scheduler whose workers do the analyses: an image each or, of fewer images
        than there are workers, one image all together. They must see inputs and output under the same paths.

    Returns
    -------
    tuple of Outcome
        Of this portion. First the inputs that stand for no image, then one for each image in the order of the inputs.

    Raises
    ------
    UnwritableOutputError
        If the output folder cannot be written to, or another run writes there; nothing has been
        computed then.
    """
    result_folder.ensure_writable(output)
    with sole_writer(output, portion, warn=reporter.warn):
        batch = _Batch(output, request, reporter, portion)
        batch.clean()
        try:
            with (
                Crew(resources, verbose=reporter.verbose) as crew,
                connected(scheduler, resources.memory, resources.jobs) as cluster,
            ):
                batch.do(inputs, crew, cluster)
        except BaseException:
            with contextlib.suppress(Exception):  # what ended the run is what the user must hear of
                batch.close()
            raise
        return batch.close()


class _Batch:
    """The images of one run, as far as they are done."""

    def __init__(self, output: Path, request: Request, reporter: Reporter, portion: Portion) -> None:
        self.output, self.request, self.reporter, self.portion = output, request, reporter, portion
        self.outcomes: dict[int, Outcome] = {}
        self.mark = ""

    def clean(self) -> None:
        """Clear up what killed processes left, where no other portion may be at it."""
        if self.portion.count == 1:
            result_folder.clean(self.output)
            forget(self.output)

    def do(self, inputs: Sequence[str], crew: Crew, cluster: Cluster | None) -> None:
        """Find the images and analyse each."""
        found = find_inputs(inputs, suffixes=formats.SUFFIXES, output=self.output)
        for remark in found.remarks:
            self.reporter.say(remark)
        todo = plan(found, self.request, self.output, crew)
        everything: list[Problem | Task] = [*todo.problems, *todo.tasks]
        self.mark = batch_mark([item.title for item in everything])
        tasks = {}
        for number, item in self.portion.of(everything).items():
            if isinstance(item, Task):
                tasks[number] = item
                continue
            self.outcomes[number] = Outcome(item.source, "", "failed", reason=item.reason)
            self.reporter.error(self.outcomes[number].line(self.output))
        self._analyse(tasks, crew, cluster)

    def close(self) -> tuple[Outcome, ...]:
        """Clear up, write the summary and return the outcomes in the order of the inputs."""
        ordered = tuple(self.outcomes[number] for number in sorted(self.outcomes))
        self.clean()
        if self.portion.count == 1:
            write_summary(self.output, ordered)
            return ordered
        with summary_writer(self.output):
            keep(self.output, self.portion, self.mark, self.outcomes)
            write_summary(self.output, outcomes_of_all(self.output, self.portion, self.mark))
        return ordered

    def _analyse(self, tasks: dict[int, Task], crew: Crew, cluster: Cluster | None) -> None:
        numbers, listed = list(tasks), list(tasks.values())
        workers: Crew | Fleet = crew
        request = self.request
        if cluster is not None and len(listed) >= cluster.n_workers:
            workers = Fleet(cluster)
        elif cluster is not None:
            request = replace(request, scheduler=cluster.address)
        if remark := crew.resources.remark(len(listed)):
            self.reporter.say(remark)
        errands = [Errand(task.part.path, (task, self.output, request)) for task in listed]
        with self.reporter.counting(len(errands)):
            done = workers.map(
                treat, errands, on_stage=lambda place, stage: self.reporter.stage(listed[place].name, stage)
            )
            for place, value in done:
                treated = _failed(listed[place], value) if isinstance(value, Lost) else value
                self.outcomes[numbers[place]] = treated.outcome
                self._report(treated, listed[place].part.path)

    def _report(self, treated: Treated, path: Path) -> None:
        """Print the outcome with what was noticed on the way."""
        reporter, outcome = self.reporter, treated.outcome
        reporter.advance()
        for remark in treated.remarks:
            if remark.is_ours:
                reporter.warn(f"{outcome.title}: warning: {without_name(remark.sentence, path)}")
            else:
                reporter.detail(f"{outcome.title}: {remark.kind}: {remark.sentence}")
        if outcome.status == "failed":
            reporter.error(outcome.line(self.output))
            reporter.detail(treated.trace)
            return
        reporter.say(outcome.line(self.output))
        given = {remark.sentence for remark in treated.remarks}
        for note in treated.notes:
            if note not in given:
                reporter.say(f"  {note}")


def _failed(task: Task, lost: Lost) -> Treated:
    return Treated(task.outcome("failed", reason=without_name(lost.reason, task.part.path)), trace=lost.trace)
