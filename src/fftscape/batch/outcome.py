"""What became of one image: its status, its result's manifest or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fftscape.views.report import REPORT
from fftscape.views.wording import brief_answer

# 'earlier': published by another run and not asked for in this one.
Status = Literal["done", "unchanged", "earlier", "failed"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one image.

    Parameters
    ----------
    source : str
        The image's file as the user named it.
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
    asked : mapping
        The 'channel' and 'frame' that were asked for, where any were.
    """

    source: str
    name: str
    status: Status
    seconds: float | None = None
    reason: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def channel(self) -> str:
        """Channel of the file that was analysed, or else asked for; '' where it holds one only."""
        return (self.result or self.asked).get("channel") or ""

    @property
    def frame(self) -> int | None:
        """Frame of the stack that was analysed, or else asked for; None where it is none."""
        return (self.result or self.asked).get("frame")

    @property
    def part(self) -> str:
        """Channel and frame in words; '' where the file holds one image only."""
        words = [self.channel] if self.channel else []
        return ", ".join(words if self.frame is None else [*words, f"frame {self.frame}"])

    @property
    def title(self) -> str:
        """The image as lines and lists name it: its file, and which of the images in there."""
        return f"{self.source} ({self.part})" if self.part else self.source

    @property
    def n_components(self) -> int | None:
        """Number of structures, None where there is no result."""
        return self.result.get("n_components")

    @property
    def answer(self) -> str:
        """The result in a few words, where there is one."""
        result = self.result
        perhaps = result.get("alternatives", ()) if result.get("ambiguous") else ()
        return brief_answer(
            result["n_components"], result["rule"], is_constant=result.get("is_constant", False), perhaps=perhaps
        )

    def line(self, output: Path) -> str:
        """Return the one line that the screen shows for it."""
        if self.status == "failed":
            return f"{self.title}: {self.reason}"
        # Where no report was wanted, the folder is the place to look.
        report = output / self.name / (REPORT if REPORT in self.result["files"] else "")
        if self.status == "unchanged":
            return f"{self.title}: unchanged, {self.answer} -> {report}"
        window, step = by(self.result["window"]), by(self.result["step"])
        return f"{self.title}: {self.answer}, window {window}, step {step}, {self.seconds:.1f} s -> {report}"


def by(pair: tuple[int, int]) -> str:
    """Return a size (y, x) as the options take it.

    Examples
    --------
    >>> by((64, 96))
    '64x96'
    """
    return f"{pair[0]}x{pair[1]}"
