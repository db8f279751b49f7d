"""Known truth: how often the number of components is right, and how right the regions, here and with the peers."""

from __future__ import annotations

import argparse
import fnmatch
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from exchange import Answer, Question, load_answers, save_questions
from scoring import Row, rand_indices, remarks, table, write_csv

from fftscape.synthetic import SCENE_KINDS, Scene

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Flow:
    """A package under test: its name, and the command that reads questions and writes answers."""

    package: str
    command: tuple[str, ...]
    options: tuple[str, ...] = ()

    def version(self) -> str:
        """Ask the package's Python for its version."""
        asked = f"import importlib.metadata as m; print(m.version({self.package.lower()!r}))"
        report = subprocess.run([self.command[0], "-c", asked], capture_output=True, text=True, check=False)
        if report.returncode:
            raise SystemExit(f"{self.command[0]} has no {self.package}; install it there.")
        return f"{self.package} {report.stdout.strip()}"

    def answers(self, questions: Sequence[Question], environment: dict[str, str]) -> list[Answer]:
        """Run the package over images in a process of its own."""
        with tempfile.TemporaryDirectory() as folder:
            asked, said = Path(folder, "questions.npz"), Path(folder, "answers.npz")
            save_questions(asked, questions)
            command = [*self.command, str(asked), str(said), *self.options]
            report = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if report.returncode:
                raise SystemExit(f"{self.package} could not be run ({' '.join(self.command)}):\n{report.stderr}")
            return load_answers(said)


def flows(options: argparse.Namespace) -> list[Flow]:
    """Return the packages that take part."""
    pythons = {"fftscape": sys.executable, "HyperSpy": options.hyperspy, "AtomAI": options.atomai}
    return [
        Flow(
            package,
            (python, str(HERE / f"{package.lower()}_flow.py")),
            ("--advisor",) if options.advisor and package == "fftscape" else (),
        )
        for package, python in pythons.items()
        if python
    ]


def judge(kind: str, seeds: range, packages: Sequence[Flow], environment: dict[str, str]) -> list[Row]:
    """Make the scenes of one kind and judge every package's answers."""
    scenes = [SCENE_KINDS[kind](seed) for seed in seeds]
    questions = [Question(scene.image.data, scene.window, scene.n_components) for scene in scenes]
    rows = []
    for flow in packages:
        answers = flow.answers(questions, environment)
        judged = zip(seeds, scenes, answers, strict=True)
        rows += [row(kind, seed, flow.package, scene=scene, answer=answer) for seed, scene, answer in judged]
    return rows


def row(kind: str, seed: int, package: str, *, scene: Scene, answer: Answer) -> Row:
    """Judge one answer to one scene."""
    indices = rand_indices(scene.labels, answer)
    height, width = scene.image.shape
    readings = f"readings {', '.join(f'{index:.2f}' for index in indices)}"
    return Row(
        kind=kind,
        seed=seed,
        package=package,
        height=height,
        width=width,
        window=scene.window,
        true_number=scene.n_components,
        number=answer.number,
        exact=answer.number == scene.n_components,
        ari=max(indices),
        seconds=answer.seconds,
        note=answer.note or readings,
    )


def page(rows: Sequence[Row], options: argparse.Namespace, versions: Sequence[str]) -> str:
    """Return what is printed: the table, how it came about, and what was left out."""
    told = [
        f"{', '.join(versions)}. Seeds {options.first_seed} to {options.first_seed + options.seeds - 1} of each kind.",
        "fftscape chose window and step." if options.advisor else "fftscape was given the scene's window.",
    ]
    if options.hyperspy or options.atomai:
        told.append(
            "The peers were given the scene's window, and of two ways to compare their maps the better one counts."
        )
    if options.atomai:
        told.append("AtomAI was told the true number.")
    missing = [name for name, python in (("HyperSpy", options.hyperspy), ("AtomAI", options.atomai)) if not python]
    told += [f"{name} is left out, since no Python that has it was given." for name in missing]
    return "\n\n".join([table(rows), " ".join(told), remarks(rows)])


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python benchmarks/truth", description=__doc__)
    parser.add_argument("--kinds", nargs="+", default=["*"], metavar="KIND", help="names or patterns, as 'null*'")
    parser.add_argument("--seeds", type=int, default=4, metavar="N", help="scenes of each kind (default: 4)")
    parser.add_argument("--first-seed", type=int, default=0, metavar="SEED", help="the first of them (default: 0)")
    parser.add_argument("--advisor", action="store_true", help="fftscape chooses window and step itself")
    parser.add_argument("--hyperspy", metavar="PYTHON", help="a Python that has HyperSpy and scikit-learn")
    parser.add_argument("--atomai", metavar="PYTHON", help="a Python that has AtomAI")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="kinds at the same time (default: 1)")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="TABLE.md", help="also write it here, and a .csv beside it"
    )
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.jobs < 1:
        parser.error("--seeds and --jobs must be at least 1")
    options.kinds = [kind for kind in SCENE_KINDS if any(fnmatch.fnmatchcase(kind, each) for each in options.kinds)]
    if not options.kinds:
        parser.error(f"no such kind; there are: {', '.join(SCENE_KINDS)}")
    return options


def main() -> None:
    """Run the benchmark."""
    options = parsed()
    packages = flows(options)
    versions = [flow.version() for flow in packages]  # and whether they are there, before hours are spent
    environment = dict(os.environ)
    if options.jobs > 1:  # or each process would want all processors
        environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // options.jobs))
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    rows: list[Row] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        judged = pool.map(lambda kind: judge(kind, seeds, packages, environment), options.kinds)
        for count, (kind, found) in enumerate(zip(options.kinds, judged, strict=True), 1):
            rows += found
            print(f"{count} of {len(options.kinds)}: {kind}", file=sys.stderr)
    text = page(rows, options, versions)
    print(text)
    if options.output:
        options.output.write_text(f"{text}\n", encoding="utf-8")
        write_csv(options.output.with_suffix(".csv"), rows)


if __name__ == "__main__":
    main()
