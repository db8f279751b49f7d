"""Kills a small batch at one output-changing call after another, runs it again, and says what was not as promised.

A script, because it forks: WORK_FOLDER FIRST STRIDE kill|error python|system. Everything is loaded and the images are
analysed once; each point is then two processes, one that is killed at that call (or told there that the disk is full,
or broken) and one that runs the batch again. The calls are those of Python, with the files of results written as
always; or those of the system, by strace, where a result has a few files only, so that every call can be tried.
Prints one JSON object: how many calls a batch makes, the points tried, how many errors were told, which calls' errors
were survived without a word, how many bytes were compared, and the broken promises.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from fftscape.analysis import analyze
from fftscape.batch import run as run_module
from fftscape.batch import work
from fftscape.batch.progress import Reporter
from fftscape.batch.resources import Resources
from fftscape.batch.tasks import Request
from fftscape.compute.executors import limit_threads
from fftscape.files import result_folder, store
from fftscape.files.formats import read
from fftscape.model.errors import FftscapeError
from fftscape.model.settings import Settings, merged

SMALL = merged(Settings(), {"windows": {"size": [24, 20], "step": [24, 20]}, "rank": {"n_components": 2}})
EXCHANGED = result_folder._exchanged
CALLS = ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir")
SYSTEM_CALLS = (
    "openat", "write", "pwrite64", "writev", "sendfile", "copy_file_range", "ftruncate", "fsync", "fdatasync", "mkdir",
    "mkdirat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir",
)  # fmt: skip
ERRORS = {"ENOSPC": os.strerror(errno.ENOSPC), "EIO": os.strerror(errno.EIO)}
Ended = tuple[int, Any]
Point = tuple[str, Callable[[], Ended]]


@dataclass(frozen=True)
class Found:
    """What was not as promised at a point, how many errors were told there, and whether one was survived unsaid."""

    broken: list[str]
    told: int = 0
    is_silent: bool = False


class OneByOne:
    """Stands for the threads that bring files to the disk: which of them makes which call is chance."""

    def __init__(self, count: int) -> None:
        self.map = map

    def __enter__(self) -> OneByOne:
        return self

    def __exit__(self, *_: object) -> None:
        pass


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


result_folder.ThreadPoolExecutor = OneByOne  # type: ignore[assignment,misc]


@dataclass
class Trap:
    """Counts calls that change the output, and kills the process at one of them, or lets that one fail."""

    fatal: int
    kills: bool
    count: int = 0
    output: str = ""

    def __post_init__(self) -> None:
        self.seen: list[str] = []

    def counted(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        self.count += 1
        self.seen.append(described(call.__name__, str(arguments), self.output))
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


def forked(what: Callable[[], Any], strace: Sequence[str] = ()) -> Ended:
    """Do it in a process of its own, watched by strace where its options are given; return how it ended and said."""
    ear, mouth = os.pipe()
    gate, key = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ear)
        os.close(key)
        os.read(gate, 1)  # until the parent closes its end
        try:
            os.write(mouth, json.dumps(what()).encode())
        finally:
            os._exit(0)
    os.close(mouth)
    os.close(gate)
    watcher = None
    if strace:
        command = ["strace", "-f", "-y", "-s", "4096", "-p", str(pid), *strace]
        watcher = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert watcher.stderr is not None
        assert "attached" in watcher.stderr.readline()
    os.close(key)
    with os.fdopen(ear, "rb") as stream:
        said = stream.read()
    _, status = os.waitpid(pid, 0)
    if watcher is not None:
        watcher.communicate()
    return status, json.loads(said) if said else None


def batch(images: list[str], output: Path, trap: Trap | None = None, *, fresh: bool = False) -> dict[str, Any]:
    trap = trap or Trap(0, kills=False)
    trap.output = str(output)
    trap.watch()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # lines about failures, which are looked at here
    try:
        outcomes = run_module.run(
            images, output, request=Request(SMALL, report=False, fresh=fresh), resources=Resources.given(1),
            reporter=Reporter(quiet=True),
        )  # fmt: skip
    except FftscapeError as error:
        return {"calls": trap.seen, "statuses": [], "told": [str(error)]}
    told = [outcome.reason for outcome in outcomes if outcome.status == "failed"]
    return {"calls": trap.seen, "statuses": [outcome.status for outcome in outcomes], "told": told}


def content(output: Path) -> dict[str, bytes]:
    """Return what is in results, hidden things included; the summary holds times."""
    return {str(path.relative_to(output)): path.read_bytes() for path in output.glob("*/**/*") if path.is_file()}


def whole_results(output: Path) -> list[str]:
    """Return the visible results; a broken one has its problems behind its name."""
    folders = sorted(path for path in output.glob("[!.]*") if path.is_dir())
    return [": ".join([folder.name, *result_folder.check(folder)]) for folder in folders]


@dataclass(frozen=True)
class Batch:
    """A batch that is disturbed at one point after another: a new one, or one that replaces results."""

    images: list[str]
    output: Path
    fresh: bool

    def points(self, *, kills: bool, system: bool) -> list[Point]:
        """Return each call that changes the output of a whole batch, and what runs the batch and disturbs it there."""
        go = partial(batch, self.images, self.output, fresh=self.fresh)
        if not system:
            _, whole = forked(go)
            return [
                (call, partial(forked, partial(go, Trap(point + 1, kills))))
                for point, call in enumerate(whole["calls"])
            ]
        log = self.output.with_name("trace")
        forked(go, ["-o", str(log), "-e", f"trace={','.join(SYSTEM_CALLS)}"])
        calls = changing_calls(log.read_text("utf-8", "replace"), self.output)
        return [
            (
                title,
                partial(
                    forked, go, ["-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={number}"]
                ),
            )
            for title, call, number in calls
            for what in ["signal=SIGKILL" if kills else f"error={list(ERRORS)[number % len(ERRORS)]}"]
        ]

    def broken_promises(self, disturbed: Callable[[], Ended], truth: dict[str, bytes], *, kills: bool) -> Found:
        """Disturb the batch and run it again."""
        status, first = disturbed()
        if os.WIFSIGNALED(status) != kills or (first is None) != kills:
            return Found(["it was not killed" if kills else "it did not tell how it ended"])
        told = [] if kills else first["told"]
        seen = whole_results(self.output)
        broken = [name for name in seen if ": " in name]
        broken += [line for line in told if "\n" in line or not any(error in line for error in ERRORS.values())]
        if not kills and not told and content(self.output) != truth:
            broken.append("nothing was told of an error that changed the result")
        if self.fresh and len(seen) < len(self.images):
            broken.append(f"an old result is gone: {seen}")
        _, again = forked(lambda: batch(self.images, self.output))
        if again is None:
            return Found([*broken, "the second run failed"], len(told))
        expected = ["unchanged" if Path(image).stem in seen else "done" for image in self.images]
        if again["statuses"] != expected:
            broken.append(f"{again['statuses']} instead of {expected}")
        if content(self.output) != truth:
            broken.append("other bytes")
        broken += [f"{path.name} is left" for path in self.output.glob(".*")]
        return Found(broken, len(told), not kills and not told)


def described(call: str, arguments: str, output: str) -> str:
    """Return a call by its name and what in the output it is about, without what is different in each run."""
    places = re.findall(re.escape(output) + r"/?([^\s\"'<>,)]*)", arguments)
    short = [re.sub(r"[0-9a-f]{16,}", "*", place) for place in places]
    return f"{call} {' '.join(dict.fromkeys(short))}".strip()


def changing_calls(trace: str, output: Path) -> list[tuple[str, str, int]]:
    """Return the calls that change something in a folder: described, named, and numbered among those of that name."""
    counts = Counter[str]()
    found = []
    for call, arguments in re.findall(r"^\d+ +(\w+)\((.*)", trace, re.MULTILINE):
        counts[call] += 1
        if f"{output}/" in arguments and (call != "openat" or "O_CREAT" in arguments):
            found.append((described(call, arguments, str(output)), call, counts[call]))
    return found


def made_images(folder: Path) -> list[str]:
    folder.mkdir(parents=True)
    y, x = np.mgrid[:72, :100]
    for name, period in (("a", 8), ("b", 6)):
        pattern = np.where(x < 50, np.sin(2 * np.pi * x / period), np.sin(2 * np.pi * y / 5))
        np.save(folder / f"{name}.npy", pattern.astype(np.float32))
    return [str(folder / "a.npy"), str(folder / "b.npy")]


def main(folder: Path, first: int, stride: int, *, kills: bool, system: bool) -> dict[str, Any]:
    images = made_images(folder / "images")
    limit_threads(1)
    records = {Path(image).stem: analyze(read(image), settings=SMALL) for image in images}
    work.analyze = lambda image, settings, **_options: records[image.name]
    run_module.Crew = Alone  # type: ignore[assignment, misc]
    if system:
        written = {name: folder / "written" / name for name in records}
        for name, place in written.items():
            place.mkdir(parents=True)
            store.write_results(records[name], place)
            thin(place)
        store.write_results = lambda record, place: copied(written[record.image.name], Path(place))
    report: dict[str, Any] = {"points": 0, "told": 0, "silent": {}, "bytes": 0, "broken": {}}
    before = folder / "before"
    for kind, fresh in (("new", False), ("replaced", True)):
        this = Batch(images, folder / kind / "out", fresh)
        begin(this.output, before if fresh else None)
        points = this.points(kills=kills, system=system)
        truth = content(this.output)
        report[kind] = len(points)
        for number in range(first - 1, len(points), stride):
            begin(this.output, before if fresh else None)
            title, disturbed = points[number]
            found = this.broken_promises(disturbed, truth, kills=kills)
            report["points"] += 1
            report["told"] += found.told
            report["bytes"] += sum(map(len, truth.values()))
            if found.is_silent:
                report["silent"][f"{kind} {number + 1}"] = title
            if found.broken:
                report["broken"][f"{kind} {number + 1}"] = [title, *found.broken]
        shutil.copytree(this.output, before, dirs_exist_ok=True)
    return report


def thin(result: Path) -> None:
    """Leave a few files of a result."""
    kept = {result / name for name in ("labels.tif", "scree.csv", "result.zarr/zarr.json")}
    for path in [path for path in result.rglob("*") if path.is_file() and path not in kept]:
        path.unlink()
    for path in sorted((path for path in result.rglob("*") if path.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def copied(source: Path, target: Path) -> None:
    """Fill an empty folder with a copy, by calls that are made once: to try again would hide what was refused."""
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir()
        else:
            place.write_bytes(path.read_bytes())


def begin(output: Path, results: Path | None) -> None:
    """Make the place of a batch, empty or with results."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    if results is not None:
        copied(results, output)


if __name__ == "__main__":
    work_folder, first_point, every, how, where = sys.argv[1:]
    asked = {"kills": how == "kill", "system": where == "system"}
    sys.stdout.write(json.dumps(main(Path(work_folder), int(first_point), int(every), **asked)))
