"""What the tests of the batch share: small images, a reporter that remembers, a run without drawing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fftscape.batch.outcome import Outcome
from fftscape.batch.progress import Reporter
from fftscape.batch.resources import Resources
from fftscape.batch.run import run
from fftscape.batch.tasks import Request
from fftscape.model.settings import Settings, merged

PNG = b"\x89PNG not looked at"


@dataclass
class Heard(Reporter):
    """A reporter that remembers instead of printing."""

    said: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def _print(self, line: str, *, is_trouble: bool) -> None:
        (self.trouble if is_trouble else self.said).append(line)


@dataclass(frozen=True)
class Ran:
    """What one run did and said."""

    outcomes: tuple[Outcome, ...]
    heard: Heard

    @property
    def statuses(self) -> list[str]:
        """Status of each outcome."""
        return [outcome.status for outcome in self.outcomes]


Go = Callable[..., Ran]
TWO_JOBS = Resources.given(2, "2GiB")


@pytest.fixture
def request_small() -> Request:
    """A request that takes little time; the number is given, because these tests are not about choosing it."""
    return Request(merged(Settings(), {"windows": {"size": [24, 20], "step": [12, 10]}, "rank": {"n_components": 2}}))


def ran(inputs: Path | list[Path], output: Path, request: Request, *, verbose: bool = False, **options: Any) -> Ran:
    """Run a batch and return what it did and said."""
    heard = Heard(verbose=verbose)
    listed = [str(path) for path in (inputs if isinstance(inputs, list) else [inputs])]
    options = {"resources": TWO_JOBS, **options}
    return Ran(run(listed, output, request=request, reporter=heard, **options), heard)


@pytest.fixture
def go(request_small: Request, in_process: None) -> Go:
    """Run a batch in this process."""
    return lambda inputs, output, request=request_small, **options: ran(inputs, output, request, **options)


@pytest.fixture
def go_supervised(request_small: Request) -> Go:
    """Run a batch as users do, in workers."""
    return lambda inputs, output, request=request_small, **options: ran(inputs, output, request, **options)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out drawing and waiting for the disk, which take most of the time.

    tests/views looks at figures, and tests/files/test_write_result_folder.py at what is synced when.
    """

    def figures(_record: Any, folder: Path, **_: Any) -> dict[str, bytes]:
        folder.mkdir()
        (folder / "thumbnail.png").write_bytes(PNG)
        return {"thumbnail.png": PNG}

    monkeypatch.setattr("fftscape.files.result_folder._sync_one", lambda _path: None)
    monkeypatch.setattr("fftscape.views.figures.write_figures", figures)
    monkeypatch.setattr("fftscape.views.report.write_report", lambda _r, path, figures: path.write_text(str(figures)))


@pytest.fixture
def stripes() -> Callable[..., np.ndarray]:
    """Make upright stripes of period 8 px on the left and level ones of period 5 px on the right."""

    def make(seed: int = 0, shape: tuple[int, int] = (72, 100)) -> np.ndarray:
        y, x = np.mgrid[: shape[0], : shape[1]]
        pattern = np.where(x < shape[1] // 2, np.sin(2 * np.pi * x / 8), np.sin(2 * np.pi * y / 5))
        return (pattern + 0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)

    return make


@pytest.fixture
def images(tmp_path: Path, stripes: Callable[..., np.ndarray]) -> Path:
    """A folder with a.npy and b.npy."""
    folder = tmp_path / "images"
    folder.mkdir()
    np.save(folder / "a.npy", stripes(1))
    np.save(folder / "b.npy", stripes(2))
    return folder
