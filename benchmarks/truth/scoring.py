"""How right an answer is, scene by scene, and the table that sums it up."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import mean, median

import numpy as np
from exchange import FAILED, Answer

GIVEN = "AtomAI"  # it is told the true number, so that there is nothing to hit


@dataclass(frozen=True)
class Row:
    """One package's answer to one scene, judged."""

    kind: str
    seed: int
    package: str
    height: int
    width: int
    window: int
    true_number: int
    number: int
    exact: bool
    ari: float
    seconds: float
    note: str


def rand_indices(truth: np.ndarray, answer: Answer) -> list[float]:
    """Return the adjusted Rand index of each reading over the pixels whose truth is known; 0 for a failure."""
    from sklearn.metrics import adjusted_rand_score  # takes seconds, which a wrong option need not wait for

    known = truth >= 0
    if answer.number == FAILED:
        return [0.0] * len(answer.readings)
    return [float(adjusted_rand_score(truth[known], labels[known])) for labels in answer.readings]


def table(rows: Sequence[Row]) -> str:
    """Return a Markdown table with a line for each kind of scenes, for all, for the divided ones and for the nulls."""
    packages = list(dict.fromkeys(row.package for row in rows))
    kinds = list(dict.fromkeys(row.kind for row in rows))
    head = ["scenes", "number", "true n", *(f"{package}: {what}" for package in packages for what in ("exact", "ARI"))]
    lines = [_line(head), _line(["---", *["---:"] * (len(head) - 1)])]
    lines += [_summary(kind, [row for row in rows if row.kind == kind], packages) for kind in kinds]
    groups = {
        "**all**": rows,
        "**two or more structures**": [row for row in rows if row.true_number > 1],
        "**null controls**": [row for row in rows if row.kind.startswith("null")],
    }
    lines += [_summary(name, members, packages) for name, members in groups.items() if members]
    return "\n".join(lines)


def remarks(rows: Sequence[Row]) -> str:
    """Return for each package its worst kind of scenes by mean ARI, its median time and its failures."""
    lines = []
    for package in dict.fromkeys(row.package for row in rows):
        own = [row for row in rows if row.package == package]
        means = {kind: mean(row.ari for row in own if row.kind == kind) for kind in {row.kind for row in own}}
        worst = min(sorted(means), key=means.__getitem__)
        failures = sum(row.number == FAILED for row in own)
        seconds = [row.seconds for row in own]
        lines.append(
            f"- {package}: worst kind {worst!r} with a mean ARI of {_two_digits(means[worst])}; "
            f"{median(seconds):.1f} s a scene (median; longest {max(seconds):.1f} s); "
            f"failed on {failures} of {len(own)} scenes."
        )
    return "\n".join(lines)


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """Write every row."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) | {"ari": f"{row.ari:.4f}", "seconds": f"{row.seconds:.2f}"} for row in rows)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _two_digits(number: float) -> str:
    return f"{round(number, 2) + 0.0:.2f}"  # adding zero turns -0.0 into 0.0


def _summary(name: str, rows: Sequence[Row], packages: Sequence[str]) -> str:
    numbers = sorted({row.true_number for row in rows})
    count = len({(row.kind, row.seed) for row in rows})
    cells = [name, str(count), str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"]
    for package in packages:
        own = [row for row in rows if row.package == package]
        hits = sum(row.exact for row in own)
        cells.append("given" if package == GIVEN else f"{hits} ({hits / len(own):.0%})")
        cells.append(_two_digits(mean(row.ari for row in own)))
    return _line(cells)
