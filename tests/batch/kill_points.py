"""Kills a small batch at one output-changing call after another, runs it again, and says what was not as promised.

A script, because it forks: WORK_FOLDER FIRST STRIDE kill|error. Everything is loaded and the images are analysed
once; each point is then two processes, one that kills itself at that call (or is told there that the disk is full)
and one that runs the batch again. Prints one JSON object: how many calls a batch makes, the points tried, how many
errors were told, and the broken promises.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from fftscape.batch import run as run_module
from fftscape.batch import work
from fftscape.batch.progress import Reporter
from fftscape.batch.resources import Resources
from fftscape.batch.tasks import Request
from fftscape.compute.executors import limit_threads
from fftscape.files import result_folder
from fftscape.files.formats import read
from fftscape.model.errors import FftscapeError
from fftscape.model.settings import Settings, merged
from fftscape.pipeline import analyze

SMALL = merged(Settings(), {"windows": {"size": [24, 20], "step": [24, 20]}, "rank": {"n_components": 2}})
EXCHANGED = result_folder._exchanged
CALLS = ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir")


class Alone:
    """Stands for the crew: what is killed is the whole run."""

    def __init__(self, resources: Resources, *, verbose: bool) -> None:
        self.resources = resources

    def __enter__(self) -> Alone:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(
        self, function: Callable[..., Any], errands: Sequence[Any], *, on_stage: Callable[[int, str], None]
    ) -> Iterator[tuple[int, Any]]:
        for place, errand in enumerate(errands):
            yield place, function(*errand.arguments, on_stage=lambda _stage: None)


@dataclass
class Counter:
    """Counts calls that change the output, and kills the process at one of them, or lets that one fail."""

    fatal: int
    kills: bool
    count: int = 0

    def counted(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        self.count += 1
        if self.count == self.fatal:
            if self.kills:
                os.kill(os.getpid(), signal.SIGKILL)
            if call is EXCHANGED:  # which tells it in its own way
                return False
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), arguments[0])
        return call(*arguments, **options)

    def watch(self) -> None:
        for name in CALLS:
            setattr(os, name, partial(self.counted, getattr(os, name)))
        result_folder._exchanged = partial(self.counted, result_folder._exchanged)


def forked(what: Callable[[], Any]) -> tuple[int, Any]:
    """Do it in a process of its own; return how that ended and what it said."""
    ear, mouth = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ear)
        try:
            os.write(mouth, json.dumps(what()).encode())
        finally:
            os._exit(0)
    os.close(mouth)
    with os.fdopen(ear, "rb") as stream:
        said = stream.read()
    _, status = os.waitpid(pid, 0)
    return status, json.loads(said) if said else None


def batch(
    images: list[str], output: Path, *, fatal: int = 0, kills: bool = True, fresh: bool = False
) -> dict[str, Any]:
    counter = Counter(fatal, kills)
    counter.watch()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # lines about failures, which are looked at here
    try:
        outcomes = run_module.run(
            images, output, request=Request(SMALL, report=False, fresh=fresh), resources=Resources.given(1),
            reporter=Reporter(quiet=True),
        )  # fmt: skip
    except FftscapeError as error:
        return {"calls": counter.count, "statuses": [], "told": [str(error)]}
    told = [outcome.reason for outcome in outcomes if outcome.status == "failed"]
    return {"calls": counter.count, "statuses": [outcome.status for outcome in outcomes], "told": told}


def content(output: Path) -> dict[str, bytes]:
    """Return what is in results, hidden things included; the summary holds times."""
    return {str(path.relative_to(output)): path.read_bytes() for path in output.glob("*/**/*") if path.is_file()}


def whole_results(output: Path) -> list[str]:
    """Return the visible results; a broken one has its problems behind its name."""
    folders = sorted(path for path in output.glob("[!.]*") if path.is_dir())
    return [": ".join([folder.name, *result_folder.check(folder)]) for folder in folders]


def broken_promises(
    images: list[str], output: Path, truth: dict[str, bytes], point: int, *, kills: bool, fresh: bool
) -> tuple[list[str], int]:
    """Kill a batch at a call or let that fail, run it again; return what was not as promised, and what was told."""
    status, first = forked(lambda: batch(images, output, fatal=point, kills=kills, fresh=fresh))
    if os.WIFSIGNALED(status) != kills or (first is None) != kills:
        return ["it was not killed" if kills else "it did not tell how it ended"], 0
    told = [] if kills else first["told"]
    seen = whole_results(output)
    broken = [name for name in seen if ": " in name]
    broken += [sentence for sentence in told if "No space left on device" not in sentence or "\n" in sentence]
    if not kills and not told and content(output) != truth:
        broken.append("nothing was told of an error that changed the result")
    if fresh and len(seen) < len(images):
        broken.append(f"an old result is gone: {seen}")
    _, again = forked(lambda: batch(images, output))
    if again is None:
        return [*broken, "the second run failed"], len(told)
    expected = ["unchanged" if Path(image).stem in seen else "done" for image in images]
    if again["statuses"] != expected:
        broken.append(f"{again['statuses']} instead of {expected}")
    if content(output) != truth:
        broken.append("other bytes")
    broken += [f"{path.name} is left" for path in output.glob(".*")]
    return broken, len(told)


def made_images(folder: Path) -> list[str]:
    folder.mkdir(parents=True)
    y, x = np.mgrid[:72, :100]
    for name, period in (("a", 8), ("b", 6)):
        pattern = np.where(x < 50, np.sin(2 * np.pi * x / period), np.sin(2 * np.pi * y / 5))
        np.save(folder / f"{name}.npy", pattern.astype(np.float32))
    return [str(folder / "a.npy"), str(folder / "b.npy")]


def main(folder: Path, first: int, stride: int, *, kills: bool) -> dict[str, Any]:
    images = made_images(folder / "images")
    limit_threads(1)
    records = {Path(image).stem: analyze(read(image), settings=SMALL) for image in images}
    work.analyze = lambda image, settings, **_options: records[image.name]
    run_module.Crew = Alone  # type: ignore[assignment, misc]
    report: dict[str, Any] = {"points": 0, "told": 0, "broken": {}}
    for kind, fresh in (("new", False), ("replaced", True)):
        _, undisturbed = forked(lambda kind=kind: batch(images, folder / kind))
        truth = content(folder / kind)
        if fresh:
            _, undisturbed = forked(lambda kind=kind: batch(images, folder / kind, fresh=True))
        report[kind] = undisturbed["calls"]
        for point in range(first, undisturbed["calls"] + 1, stride):
            output = folder / f"{kind}-{point}"
            if fresh:
                shutil.copytree(folder / kind, output)
            broken, told = broken_promises(images, output, truth, point, kills=kills, fresh=fresh)
            report["points"] += 1
            report["told"] += told
            if broken:
                report["broken"][output.name] = broken
            shutil.rmtree(output)
    return report


if __name__ == "__main__":
    sys.stdout.write(
        json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), kills=sys.argv[4] == "kill"))
    )
