"""Fixtures for all tests: non-square, with unequal pixel sizes and a size the step does not divide."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from fftscape.batch.crew import ONE_THREAD, Errand
from fftscape.batch.resources import Resources
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.image import Image
from fftscape.model.records import Peaks, Scree, Segmentation, WindowGrid
from fftscape.model.settings import Settings, merged

# Several test processes with as many threads each as there are processors wait for one another most of the time:
# libraries spin. What threads change is tested by setting them (tests/agreement/test_threads.py and others).
if "PYTEST_XDIST_WORKER" in os.environ:
    threadpool_limits(1, user_api="blas")
    os.environ |= dict.fromkeys(ONE_THREAD, "1")  # of processes that tests start

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests recorded with `record_property`: what a promise is worth depends on how much was tried."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, ())]
    told = [report for report in reports if report.when == "call" and report.user_properties]
    if told:
        terminalreporter.section("figures")
    for report in told:
        terminalreporter.write_line(report.nodeid)
        for name, value in report.user_properties:
            terminalreporter.write_line(f"  {name}: {value}")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images that lies beside a developer's checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder of real images (../shared/data) is not here")
    return SHARED_DATA


class InProcess:
    """Stands for a crew of workers, without processes: tests can look into the work, and it takes less time."""

    def __init__(self, resources: Resources, *, verbose: bool) -> None:
        self.resources = resources

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(
        self, function: Callable[..., Any], errands: Sequence[Errand], *, on_stage: Callable[[int, str], None]
    ) -> Iterator[tuple[int, Any]]:
        for place, errand in enumerate(errands):
            yield place, function(*errand.arguments, on_stage=lambda stage, place=place: on_stage(place, stage))


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs do without worker processes, whose supervision tests/batch/test_crew.py is about."""
    monkeypatch.setattr("fftscape.batch.run.Crew", InProcess)
    monkeypatch.setattr("fftscape.batch.crew.get_ready", lambda **_: None)


@pytest.fixture(scope="session")
def made_record() -> AnalysisRecord:
    """A hand-made result with values that are easy to recognise; not the outcome of an analysis."""
    rng = np.random.default_rng(5)
    data = rng.normal(100, 10, (90, 131)).astype(np.float32)
    data[:40, :30] = np.nan
    image = Image(
        data, (0.02, 0.025), "nm", "made <&> up", "made: by hand", "made up.tif",
        {"microscope": "none", "voltage": 300.0}, ("RGB converted to luminance",),
    )  # fmt: skip
    origins_y, origins_x = np.array([0, 16, 32, 48, 58]), np.array([0, 20, 40, 60, 80, 100, 107])
    valid = np.ones((5, 7), bool)
    valid[:3, :2] = False
    grid = WindowGrid((32, 24), (16, 20), origins_y, origins_x, (90, 131), valid)
    factors = rng.random((2, 32, 24)).astype(np.float32)
    factors[0, 16 - 4, 12 + 3] = factors[0, 16 + 4, 12 - 3] = 12
    factors[1, 16, 12 + 5] = factors[1, 16, 12 - 5] = 9
    factors /= np.linalg.norm(factors, axis=(1, 2), keepdims=True)
    loadings = np.full((2, 5, 7), np.nan, np.float32)
    loadings[:, valid] = rng.random((2, valid.sum())) + np.array([[1.0], [0.5]])
    labels = np.ones((90, 131), np.int16)
    labels[:, :70] = 0
    labels[:32, :24] = -1
    covered = labels >= 0
    peaks = Peaks(
        component=np.array([0, 1]), d_spacing=np.array([0.128, 0.12]), d_spacing_uncertainty=np.array([0.001, 0.002]),
        angle=np.array([32.0, 0.0]), angle_uncertainty=np.array([0.4, 0.6]), frequency_y=np.array([-6.25, 0.0]),
        frequency_x=np.array([5.0, 8.333333]), intensity=np.array([1.0, 1.0]), significance=np.array([40.0, 30.0]),
        unit="nm",
    )  # fmt: skip
    variance = np.array([9.0, 3.0, 0.6, 0.5, 0.4])
    return AnalysisRecord(
        image=image, grid=grid,
        scree=Scree(variance, variance / 14, np.array([0.9, 0.8, 0.7, 0.6, 0.5]), 1.8, 2, "noise-null",
                    "Two eigenvalues stand above twice the noise null."),
        factors=factors, loadings=loadings, residual=np.where(valid, 0.25, np.nan).astype(np.float32),
        abruptness=np.where(valid, 3.5, np.nan).astype(np.float32),
        shares=np.array([0.6, 0.4]), stability=np.array([1.0, 0.9]), variation=np.array([1.1, 4.0]),
        segmentation=Segmentation(labels, np.where(covered, 0.7, np.nan).astype(np.float32),
                                  np.array([(labels[covered] == k).mean() for k in (0, 1)]),
                                  np.array([0.02, 0.02]), 16.0),
        peaks=peaks, reconstruction_error=0.27, n_iter=55, converged=True,
        settings=merged(Settings(), {"windows": {"size": [32, 24], "step": [16, 20]}}),
        provenance={"fftscape": "0.1.0", "numpy": "2.0.0", "input_sha256": "00" * 32},
        notes=("6 of 35 windows hold pixels without data and take no part.",),
    )  # fmt: skip
