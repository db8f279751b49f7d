"""Damaged files of every format: an image or one line of reason, in time and within the memory, and the run goes on.

``FFTSCAPE_FUZZ_SEED`` repeats a run, ``FFTSCAPE_FUZZ_MUTANTS`` is how many mutants of each file the long tests
try; each mutant depends on its label alone, which is printed where something is wrong.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Sequence
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


def errands(seeds: Sequence[Path], folder: Path, count: int) -> list[Errand]:
    """Return what workers are asked: to write and read `count` mutants of each file."""
    found = []
    for seed in seeds:
        kin = tuple(other for other in seeds if other.suffix == seed.suffix)
        for number in range(count):
            label = f"{SEED} {seed.name} {number}"
            found.append(Errand(seed, (seed, kin, label, folder / f"{seed.name}-{number}")))
    return found


def broken_promises(mutants: ModuleType, asked: Sequence[Errand]) -> list[str]:
    """Have all mutants read within 2 GiB, print what happened, and return what was not as promised."""
    broken: list[str] = []
    fates: dict[str, Counter[str]] = {}
    slowest: dict[str, float] = {}
    peak = 0
    with Crew(Resources(2, 2 * 2**30)) as crew:
        for place, value in crew.map(mutants.read_mutant, asked, on_stage=lambda *_: None):
            name, label = asked[place].path.name, asked[place].arguments[2]
            reason, seconds, memory = (value.reason, 0.0, 0) if isinstance(value, Lost) else value
            fate = "lost" if isinstance(value, Lost) else "refused" if reason else "read"
            fates.setdefault(name, Counter())[fate] += 1
            slowest[name], peak = max(seconds, slowest.get(name, 0.0)), max(peak, memory)
            if fate == "lost":
                print(f"lost: {label}: {reason}")  # noqa: T201  # each is worth a look
            if wrong(reason):
                broken.append(f"{label}: {reason}")
    for name, counts in fates.items():
        print(f"{name}: {dict(counts)}, at most {slowest[name]:.2f} s")  # noqa: T201
    total = sum(fates.values(), Counter[str]())
    print(f"seed {SEED}, {len(asked)} mutants: {dict(total)}, {max(slowest.values()):.2f} s, {peak} MiB")  # noqa: T201
    assert total.total() == len(asked)
    assert max(slowest.values()) < READING_SECONDS + 1
    assert peak < MOST_MIB
    return broken


def wrong(reason: str) -> bool:
    """Tell whether a reason is none that users should meet."""
    forbidden = ("WRONG", "unexpected", "fault of fftscape")
    return "\n" in reason or len(reason) > LONGEST_REASON or any(word in reason for word in forbidden)


def test_mutants_of_formats_made_here(mutants: Any, tmp_path: Path) -> None:
    seeds = mutants.made_seeds(tmp_path / "seeds")
    for seed in seeds:  # mutants of what cannot be read would show nothing
        assert seed.stem == "anything" or min(read(seed).shape) >= 12
    assert broken_promises(mutants, errands(seeds, tmp_path, 6)) == []


@pytest.mark.long
def test_many_mutants_of_formats_made_here(mutants: Any, tmp_path: Path) -> None:
    seeds = mutants.made_seeds(tmp_path / "seeds")
    assert broken_promises(mutants, errands(seeds, tmp_path, MANY)) == []


@pytest.mark.long
def test_many_mutants_of_microscopes_files(mutants: Any, tmp_path: Path, shared_data: Path) -> None:
    folders = ("vendor", "vendor/emi_ser", "spm", "stem", "series")
    files = [path for folder in folders for path in sorted((shared_data / folder).iterdir()) if path.is_file()]
    seeds = [path for path in files if path.stat().st_size < 2_000_000 and path.suffix not in {".json", ".md", ".png"}]
    assert broken_promises(mutants, errands(seeds, tmp_path, MANY // 3)) == []
