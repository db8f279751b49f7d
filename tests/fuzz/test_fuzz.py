"""Damaged files of every format: an image or one line of reason, in time and within the memory, and the run goes on.

``FFTSCAPE_FUZZ_SEED`` repeats a run, ``FFTSCAPE_FUZZ_MUTANTS`` is how many mutants of each file the long tests
try; each mutant depends on its label alone, which is printed where something is wrong.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fftscape.batch.crew import READING_SECONDS, Crew, Errand, Lost
from fftscape.batch.resources import Resources
from fftscape.files.formats import read

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
SEED = int(os.environ.get("FFTSCAPE_FUZZ_SEED", random.randrange(10**6)))
MANY = int(os.environ.get("FFTSCAPE_FUZZ_MUTANTS", "150"))
LONGEST_REASON = 600
MOST_MIB = 1024
Record = Callable[[str, object], None]


def errands(seeds: Sequence[Path], folder: Path, count: int) -> list[Errand]:
    """Return what workers are asked: to write and read `count` mutants of each file."""
    found = []
    for seed in seeds:
        kin = tuple(other for other in seeds if other.suffix == seed.suffix)
        for number in range(count):
            label = f"{SEED} {seed.name} {number}"
            found.append(Errand(seed, (seed, kin, label, folder / f"{seed.name}-{number}")))
    return found


def broken_promises(mutants: ModuleType, asked: Sequence[Errand], record: Record) -> list[str]:
    """Have all mutants read within 2 GiB, record what happened, and return what was not as promised."""
    broken: list[str] = []
    fates: dict[str, Counter[str]] = {}
    slowest, largest, lost = Counter[str](), Counter[str](), Counter[str]()
    with Crew(Resources(2, 2 * 2**30)) as crew:
        for place, value in crew.map(mutants.read_mutant, asked, on_stage=lambda *_: None):
            name, label = asked[place].path.name, asked[place].arguments[2]
            reason, seconds, memory = (value.reason, 0.0, 0) if isinstance(value, Lost) else value
            fate = "lost" if isinstance(value, Lost) else "refused" if reason else "read"
            fates.setdefault(name, Counter())[fate] += 1
            slowest[name], largest[name] = max(seconds, slowest[name]), max(memory, largest[name])
            if fate == "lost":
                lost[f"{name}: {reason.partition(';')[0]}"] += 1
                print(f"lost: {label}: {reason}")  # noqa: T201  # each is worth a look
            if wrong(reason):
                broken.append(f"{label}: {reason}")
    total = sum(fates.values(), Counter[str]())
    record("mutants", f"{len(asked)} of {len(fates)} files, seed {SEED}: {dict(total)}")
    for name, counts in fates.items():
        record(name, f"{dict(counts)}, at most {slowest[name]:.2f} s and {largest[name]} MiB")
    for reason, count in lost.items():
        record(f"lost {count} times", reason)
    assert total.total() == len(asked)
    assert max(slowest.values()) < READING_SECONDS + 1
    assert max(largest.values()) < MOST_MIB
    return broken


def wrong(reason: str) -> bool:
    """Tell whether a reason is none that users should meet."""
    forbidden = ("WRONG", "unexpected", "fault of fftscape")
    return "\n" in reason or len(reason) > LONGEST_REASON or any(word in reason for word in forbidden)


def test_mutants_of_formats_made_here(mutants: Any, tmp_path: Path, record_property: Record) -> None:
    seeds = mutants.made_seeds(tmp_path / "seeds")
    for seed in seeds:  # mutants of what cannot be read would show nothing
        assert seed.stem == "anything" or min(read(seed).shape) >= 12
    assert broken_promises(mutants, errands(seeds, tmp_path, 6), record_property) == []


@pytest.mark.long
def test_many_mutants_of_formats_made_here(mutants: Any, tmp_path: Path, record_property: Record) -> None:
    seeds = mutants.made_seeds(tmp_path / "seeds")
    assert broken_promises(mutants, errands(seeds, tmp_path, MANY), record_property) == []


@pytest.mark.long
def test_many_mutants_of_microscopes_files(
    mutants: Any, tmp_path: Path, shared_data: Path, record_property: Record
) -> None:
    folders = ("vendor", "vendor/emi_ser", "spm", "stem", "series")
    files = [path for folder in folders for path in sorted((shared_data / folder).iterdir()) if path.is_file()]
    seeds = [path for path in files if path.stat().st_size < 2_000_000 and path.suffix not in {".json", ".md", ".png"}]
    assert broken_promises(mutants, errands(seeds, tmp_path, MANY // 3), record_property) == []
