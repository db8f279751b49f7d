"""What became of one image: its status, its result's manifest or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fftscape.views.report import REPORT

# 'earlier': published by another run and not asked for in this one.
Status = Literal["done", "unchanged", "earlier", "failed"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one image.

    Parameters
    ----------
    source : str
        The image as the user named it.
    name : str
        Folder of its result; '' for an input that stands for no image.
    status : {'done', 'unchanged', 'earlier', 'failed'}
        'unchanged' was finished before and not computed again.
    seconds : float, optional
        Time it took, where it was computed.
    reason : str
        Why it failed.
    result : mapping
        The manifest of the published result; empty where it failed.
    """

    source: str
    name: str
    status: Status
    seconds: float | None = None
    reason: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_components(self) -> int | None:
        """Number of structures, None where there is no result."""
        return self.result.get("n_components")

    @property
    def answer(self) -> str:
        """The result in a few words."""
        number = self.n_components
        if self.result.get("rule") == "user":
            return f"{number} component{'s' if number != 1 else ''}, as asked"
        return "no second structure found" if number == 1 else f"{number} structures"

    def line(self, output: Path) -> str:
        """Return the one line that the screen shows for it."""
        if self.status == "failed":
            return f"{self.source}: {self.reason}"
        report = output / self.name / REPORT
        if self.status == "unchanged":
            return f"{self.source}: unchanged, {self.answer} -> {report}"
        window, step = by(self.result["window"]), by(self.result["step"])
        return f"{self.source}: {self.answer}, window {window}, step {step}, {self.seconds:.1f} s -> {report}"


def by(pair: tuple[int, int]) -> str:
    """Return a size (y, x) as the options take it.

    Examples
    --------
    >>> by((64, 96))
    '64x96'
    """
    return f"{pair[0]}x{pair[1]}"
