"""Damaged files of every format: an image or one line of reason, in time and within the memory, and the run goes on."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from fftscape.batch.crew import READING_SECONDS, Crew, Errand, Lost
from fftscape.batch.resources import Resources

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
SEED = int(os.environ.get("FFTSCAPE_FUZZ_SEED", random.randrange(10**6)))
MANY = int(os.environ.get("FFTSCAPE_FUZZ_MUTANTS", "150"))


@pytest.fixture
def mutants(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module beside this file, under a name that workers can import too."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import mutants

    return mutants


def bred(mutants: Any, seeds: Iterable[Path], folder: Path, count: int) -> list[Path]:
    """Write `count` mutants of each seed; files that belong beside it stay beside them."""
    seeds = list(seeds)
    contents = {seed: seed.read_bytes() for seed in seeds}
    written = []
    for seed in seeds:
        kin = [other for other in seeds if other.suffix == seed.suffix]
        for number in range(count):
            dice = random.Random(f"{SEED} {seed.name} {number}")
            place = folder / f"{seed.name}-{number}"
            place.mkdir()
            for beside in seed.parent.glob(f"{seed.stem.removesuffix('_1')}*"):
                if beside.suffix in {".emi", ".ser", ".rpl", ".raw"}:
                    shutil.copyfile(beside, place / beside.name)
            written.append(place / seed.name)
            written[-1].write_bytes(mutants.mutant(contents[seed], contents[dice.choice(kin)], dice))
    return written


def broken_promises(mutants: Any, paths: list[Path]) -> list[str]:
    """Read them all within 2 GiB, report what happened, and return what was not as promised."""
    broken, worst, peak, fates = [], (0.0, Path()), (0, Path()), Counter()
    with Crew(Resources(2, 2 * 2**30)) as crew:
        for place, value in crew.map(mutants.read_mutant, [Errand(path, (path,)) for path in paths], on_stage=_nothing):
            path = paths[place]
            if isinstance(value, Lost):
                fates["lost"] += 1
                reason = value.reason
                print(f"lost: {path.parent.name}: {reason}")  # noqa: T201  # each is worth a look
                if "fault of fftscape" in reason:
                    broken.append(f"{path.parent.name}: {reason}")
            else:
                reason, seconds, memory = value
                worst, peak = max(worst, (seconds, path)), max(peak, (memory, path))
                fates["refused" if reason else "read"] += 1
            if "\n" in reason or len(reason) > 600 or reason.startswith("WRONG") or "unexpected" in reason:
                broken.append(f"{path.parent.name}: {reason}")
    print(f"seed {SEED}: {dict(fates)}, worst {worst[0]:.2f} s ({worst[1].parent.name}), {peak[0]} MiB "  # noqa: T201
          f"({peak[1].parent.name})")  # fmt: skip
    assert sum(fates.values()) == len(paths)
    assert worst[0] < READING_SECONDS + 1
    assert peak[0] < 1024
    return broken


def _nothing(_place: int, _stage: str) -> None:
    pass


def test_mutants_of_formats_made_here(mutants: Any, tmp_path: Path) -> None:
    seeds = mutants.made_seeds(tmp_path / "seeds")
    assert len(seeds) == 19
    assert broken_promises(mutants, bred(mutants, seeds, tmp_path, 6)) == []


@pytest.mark.long
def test_many_mutants_of_formats_made_here(mutants: Any, tmp_path: Path) -> None:
    seeds = mutants.made_seeds(tmp_path / "seeds")
    assert broken_promises(mutants, bred(mutants, seeds, tmp_path, MANY)) == []


@pytest.mark.long
def test_many_mutants_of_microscopes_files(mutants: Any, tmp_path: Path, shared_data: Path) -> None:
    folders = ("vendor", "vendor/emi_ser", "spm", "stem", "series")
    files = [path for folder in folders for path in sorted((shared_data / folder).iterdir()) if path.is_file()]
    seeds = [path for path in files if path.stat().st_size < 1_500_000 and path.suffix not in {".json", ".md", ".png"}]
    assert broken_promises(mutants, bred(mutants, seeds, tmp_path, MANY // 3)) == []
