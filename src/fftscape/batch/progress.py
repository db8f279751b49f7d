"""What a person sees while a batch runs: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@dataclass
class Reporter:
    """Prints one line for each thing worth saying; results on stdout, trouble on stderr.

    Parameters
    ----------
    quiet : bool
        Say only errors.
    verbose : bool
        Say everything, tracebacks included.
    """

    quiet: bool = False
    verbose: bool = False
    _bar: Progress | None = field(default=None, init=False)
    _task: TaskID | None = field(default=None, init=False)

    def say(self, line: str) -> None:
        """Print a result or a remark on stdout, unless quiet."""
        if not self.quiet:
            self._print(line, is_trouble=False)

    def warn(self, line: str) -> None:
        """Print a warning on stderr, unless quiet."""
        if not self.quiet:
            self._print(line, is_trouble=True)

    def error(self, line: str) -> None:
        """Print an error on stderr."""
        self._print(line, is_trouble=True)

    def detail(self, text: str) -> None:
        """Print many lines (a traceback) on stderr, if verbose."""
        if self.verbose:
            for line in text.rstrip().splitlines():
                self._print(line, is_trouble=True)

    @contextmanager
    def counting(self, total: int) -> Iterator[None]:
        """Show a bar for `total` images where both streams are the terminal's."""
        # One of them in a file or pipe: a bar would mix with lines that go elsewhere.
        if self.quiet or not (sys.stdout.isatty() and sys.stderr.isatty()):
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            self._bar, self._task = bar, bar.add_task("", total=total)
            try:
                yield
            finally:
                self._bar = None

    def stage(self, name: str, stage: str) -> None:
        """Show what is being done with which image."""
        if self._bar is not None and self._task is not None:
            from rich.markup import escape

            self._bar.update(self._task, description=escape(one_line(f"{name}: {stage}")))

    def advance(self) -> None:
        """Count one image as finished."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task)

    def _print(self, line: str, *, is_trouble: bool) -> None:
        text = one_line(line)
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)
            return
        stream = sys.stderr if is_trouble else sys.stdout
        stream.write(f"{text}\n")
        stream.flush()  # a pipe's reader sees each image when it is done


def one_line(text: str) -> str:
    r"""Return `text` with line breaks and other control characters written out.

    File names may hold them; printed raw they could forge lines or steer the terminal.

    Examples
    --------
    >>> print(one_line("a\nb"))
    a\nb
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
