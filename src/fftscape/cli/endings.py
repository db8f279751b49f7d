"""How commands end: one line for whoever looks, and the exit code that belongs to it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

import typer

from fftscape.batch.progress import one_line
from fftscape.model.errors import FftscapeError, InvalidSettingError

if TYPE_CHECKING:
    from types import FrameType

OK, NOTHING_DONE, WRONG_USAGE, SOME_FAILED = 0, 1, 2, 3
INTERRUPTED, CLOSED_PIPE, TERMINATED = 130, 141, 143
INTERRUPTION = "interrupted; run the same command again to go on."


class _Terminated(BaseException):
    """SIGTERM arrived."""


def exit_code(*, done: int, failed: int) -> int:
    """Return how a command ends after so many images."""
    if not failed:
        return OK
    return SOME_FAILED if done else NOTHING_DONE


@contextlib.contextmanager
def one_line_endings() -> Iterator[None]:
    """Turn what ends a command early into one line and the exit code that belongs to it."""
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except InvalidSettingError as error:
        fail(str(error), WRONG_USAGE)
    except FftscapeError as error:
        fail(str(error), NOTHING_DONE)
    except KeyboardInterrupt:
        fail(INTERRUPTION, INTERRUPTED)
    except _Terminated:
        fail("terminated; run the same command again to go on.", TERMINATED)
    except BrokenPipeError:
        # Whoever read the output has gone; what Python still wants to flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(CLOSED_PIPE) from None
    except OSError as error:
        fail(f"{error.strerror or error}: {error.filename or 'no file named'}.", NOTHING_DONE)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _terminate(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated


def fail(sentence: str, code: int) -> NoReturn:
    """Print what is wrong and end the command."""
    print_trouble(sentence)
    raise typer.Exit(code) from None


def print_trouble(sentence: str) -> None:
    """Print what is wrong on stderr, on one line."""
    typer.echo(one_line(f"fftscape: {sentence}"), err=True)


def file_like_options(arguments: Sequence[str]) -> str | None:
    """Return a file's name that would be read as options, letter by letter: '-old.tif' as '--output ld.tif'."""
    for before, name in zip(("", *arguments), arguments, strict=False):
        if name == "--":
            return None
        if len(name) > 2 and name[0] == "-" and before not in {"-o", "--output", "--config"} and os.path.lexists(name):
            return name
    return None


def wrong_usage(error: Exception) -> str | None:
    """Return one sentence about what Typer refuses; None for any other error."""
    # By what it can do, because the class lies in another module in each of Typer's versions.
    if not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "fftscape"
    option = str(getattr(error, "option_name", ""))
    remedy = "a name that begins with '-' is written './-name'; " if len(option) == 2 else ""
    return f"{error.format_message().rstrip('.?')}; {remedy}see '{command} --help'."
