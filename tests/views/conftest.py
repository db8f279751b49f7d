"""Odd results that every figure and page must stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fftscape.model.analysis import AnalysisRecord
from fftscape.model.image import Image
from fftscape.model.records import Peaks, Scree, Segmentation, WindowGrid
from fftscape.model.settings import Settings, merged
from fftscape.views.figures import render_figures


def _no_peaks(unit: str) -> Peaks:
    empty = np.empty(0)
    return Peaks(np.empty(0, int), *(empty for _ in range(8)), unit=unit)


def plain_record(
    data: np.ndarray,
    n_components: int,
    *,
    window: int = 8,
    pixel_size: tuple[float, float] = (1.0, 1.0),
    unit: str = "px",
) -> AnalysisRecord:
    """Return a result without spots: maps that fall along x, labels in vertical stripes."""
    rows, columns = data.shape
    origins_y, origins_x = (np.arange(0, n - window + 1, window) for n in (rows, columns))
    shape = (len(origins_y), len(origins_x))
    grid = WindowGrid((window, window), (window, window), origins_y, origins_x, (rows, columns), np.ones(shape, bool))
    factors = np.random.default_rng(3).random((n_components, window, window)).astype(np.float32)
    loadings = np.broadcast_to(np.linspace(1, 0.1, shape[1], dtype=np.float32), (n_components, *shape))
    labels = np.broadcast_to((np.arange(columns) * n_components // columns).astype(np.int16), (rows, columns))
    variance = np.geomspace(5, 0.1, 30)
    return AnalysisRecord(
        image=Image(data, pixel_size, unit, "plain"), grid=grid,
        scree=Scree(variance, variance / variance.sum(), None, None, n_components, "elbow", "The elbow lies there."),
        factors=factors, loadings=loadings, residual=np.full(shape, 0.3, np.float32),
        abruptness=np.full(shape, 2.0, np.float32), shares=np.full(n_components, 1 / n_components),
        stability=np.ones(n_components), variation=np.ones(n_components),
        segmentation=Segmentation(
            labels, np.where(labels < 0, np.nan, 0.6).astype(np.float32), np.full(n_components, 1 / n_components),
            np.full(n_components, 0.01), 16.0,
        ), peaks=_no_peaks(unit),
        reconstruction_error=0.3, n_iter=10, converged=True,
        settings=merged(Settings(), {"windows": {"size": [window, window], "step": [window, window]}}),
        provenance={"fftscape": "0"},
    )  # fmt: skip


def _constant() -> AnalysisRecord:
    record = plain_record(np.full((40, 56), 7, np.uint8), 1)
    zeros = np.zeros(5)
    return replace(
        record, factors=record.factors * 0, loadings=record.loadings * 0, residual=record.residual * 0,
        scree=Scree(zeros, zeros, zeros, 0.0, 1, "noise-null", "The image is constant."),
        shares=np.array([1.0]),
    )  # fmt: skip


def _noise(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(rows, columns)).astype(np.float32)


ODD_RECORDS: dict[str, Callable[[], AnalysisRecord]] = {
    "constant": _constant,
    "one component": lambda: plain_record(_noise(40, 56), 1),
    "seven components": lambda: plain_record(_noise(64, 168), 7),
    "twenty components": lambda: plain_record(_noise(64, 168), 20),
    "wide strip": lambda: plain_record(_noise(24, 4096), 2, unit="nm", pixel_size=(0.1, 0.1)),
    "tall strip": lambda: plain_record(_noise(4096, 24), 2),
    "reciprocal": lambda: plain_record(_noise(40, 56), 2, unit="1/nm", pixel_size=(0.01, 0.02)),
    "one window": lambda: plain_record(_noise(8, 8), 1),
    "all NaN but one window": lambda: plain_record(
        np.where(np.arange(40)[:, None] < 8, _noise(40, 56), np.nan).astype(np.float32), 2
    ),
    "a name that needs care": lambda: replace(
        plain_record(_noise(40, 56), 2),
        image=Image(_noise(40, 56), name="<script>alert(1)</script> $x^2$ 試料 \udcff\n\t " + "very long " * 40),
    ),
}


# Each component is two figures and two panels more.
LONG = ("one component", "seven components", "twenty components", "tall strip", "reciprocal")


@pytest.fixture(
    params=[
        pytest.param(name, id=name.replace(" ", "-"), marks=[pytest.mark.long] * (name in LONG)) for name in ODD_RECORDS
    ]
)
def odd_record(request: pytest.FixtureRequest) -> AnalysisRecord:
    """Each odd result in turn."""
    return ODD_RECORDS[request.param]()


@pytest.fixture(scope="session")
def drawn(made_record: AnalysisRecord) -> dict[str, bytes]:
    """The figures of the made result, drawn once: drawing them takes seconds."""
    return render_figures(made_record)
