"""A batch of many images within its bounds, killed in the middle and resumed: memory, throughput, what is left.

Linux only. ``python benchmarks/batch --images 1000 --side 1024 --jobs 2 --memory-mib 2048 -o FOLDER``
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from processes import Watch

ALONE = """
import json, sys, time
import numpy
from pathlib import Path
from fftscape.batch.resources import Limits
from fftscape.batch.tasks import Request, plan
from fftscape.batch.discovery import find_inputs
from fftscape.batch.work import treat
from fftscape.compute.executors import limit_threads
from fftscape.model.settings import Settings
limit_threads(1)
request, output = Request(Settings(), report=False), Path(sys.argv[1])
tasks = plan(find_inputs(sys.argv[2:], suffixes={".npy"}), request, output, None).tasks
seconds = []
for task in tasks:
    began, clock = time.process_time(), time.perf_counter()
    treat(task, output, request, on_stage=lambda stage: None)
    seconds.append((time.process_time() - began, time.perf_counter() - clock))
print(json.dumps(seconds))
"""


@dataclass(frozen=True)
class Leg:
    """One part of the way: until the run was killed, or until its end.

    `growth_mib` is how much more all processes took in its last fifth than in its second one.
    """

    images: int
    seconds: float
    processor_seconds: float
    peak_mib: float
    most_processes: int
    growth_mib: float


def main() -> int:
    """Run, kill, run again, compare, and write ``report.json`` and a few lines about it."""
    asked = arguments()
    asked.output.mkdir(parents=True, exist_ok=True)
    images = made_images(asked.output / "images", asked.images, asked.side)
    alone = seconds_alone(asked.output / "alone", images[1 : 1 + asked.alone])
    results = asked.output / "results"
    legs = [run(images, results, asked, kill_after=asked.images // 2)]
    kept = seals(results)  # which may be one more than lines were read when it was killed
    legs.append(run(images, results, asked))
    after = seals(results)
    processor = statistics.mean(leg.processor_seconds / leg.images for leg in legs)
    told = {
        "asked": {name: str(value) for name, value in vars(asked).items()},
        "alone_processor_seconds": statistics.mean(cpu for cpu, _ in alone[1:]),
        "alone_seconds": statistics.mean(clock for _, clock in alone[1:]),
        "batch_processor_seconds": processor,
        "legs": [asdict(leg) for leg in legs],
        "published_when_killed": len(kept),
        "computed_again": sum(after.get(name) != seal for name, seal in kept.items()),
        "published": len(after),
        "alone_and_batch_differ": sum(after[name] != seal for name, seal in seals(asked.output / "alone").items()),
    }
    (asked.output / "report.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    print(json.dumps(told, indent=1))
    if not asked.keep:
        for name in ("images", "alone", "results"):
            shutil.rmtree(asked.output / name)
    kept_its_promises = (
        told["computed_again"] == told["alone_and_batch_differ"] == 0
        and told["published"] == asked.images
        and max(leg.peak_mib for leg in legs) <= asked.memory_mib * 1.1
    )
    return 0 if kept_its_promises else 1


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for images, results and the report")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--memory-mib", type=int, default=2048)
    parser.add_argument("--alone", type=int, default=12, help="images to time in one process, without supervision")
    parser.add_argument("--keep", action="store_true", help="leave images and results where they are")
    return parser.parse_args()


def made_images(folder: Path, count: int, side: int) -> list[Path]:
    """Write images of two gratings each, which differ from one another in period, angle, border and noise."""
    folder.mkdir()
    y, x = np.mgrid[:side, :side].astype(np.float32)
    for number in range(count):
        dice = np.random.default_rng(number)
        angle, period = dice.uniform(0, np.pi), dice.uniform(6, 12)
        across = x * np.cos(angle) + y * np.sin(angle)
        along = y * np.cos(angle) - x * np.sin(angle)
        pattern = np.where(
            x < side * dice.uniform(0.3, 0.7), np.sin(2 * np.pi * across / period), np.sin(5 * along / period)
        )
        noisy = 128 + 30 * pattern + 20 * dice.standard_normal(pattern.shape, np.float32)
        np.save(folder / f"image {number:04d}.npy", noisy.clip(0, 255).astype(np.uint8))
    return sorted(folder.iterdir())


def seconds_alone(output: Path, images: list[Path]) -> list[tuple[float, float]]:
    """Return processor's and clock's seconds of each image, treated in turn by one process with one thread."""
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-c", ALONE, str(output), *map(str, images)]
    output.mkdir()
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **one_thread})
    return [tuple(pair) for pair in json.loads(ran.stdout)]


def run(images: list[Path], output: Path, asked: argparse.Namespace, *, kill_after: int | None = None) -> Leg:
    """Run the batch, to its end or until so many images are done, and tell what it took."""
    command = [sys.executable, "-m", "fftscape", "run", str(images[0].parent), "-o", str(output), "--no-report"]
    command += ["--jobs", asked.jobs, "--memory", f"{asked.memory_mib}MiB"]
    began, done = time.monotonic(), 0
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    watch = Watch(process.pid)
    assert process.stdout is not None
    for line in process.stdout:
        done += ", window " in line  # an image that was analysed, not one that was left unchanged
        if done == kill_after:
            os.killpg(process.pid, signal.SIGKILL)
            break
    seconds = time.monotonic() - began
    watch.stop()
    process.wait()
    process.stdout.close()
    levels = [kib / 1024 for _, kib in watch.courses]
    fifth = max(1, len(levels) // 5)
    growth = statistics.median(levels[-fifth:]) - statistics.median(levels[fifth : 2 * fifth] or levels)
    return Leg(done, seconds, watch.processor_seconds, watch.peak_kib / 1024, watch.most_processes, growth)


def seals(output: Path) -> dict[str, str]:
    """Return the SHA-256 of each published manifest, which holds those of all files beside it."""
    return {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in output.glob("[!.]*/result.json")
    }


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
