"""The command line: arguments enter, settings and requests leave; no science, no defaults.

Heavy libraries are imported inside the commands, so that ``fftscape --help`` answers at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, cast, get_args

import typer

from fftscape.batch.progress import Reporter, one_line
from fftscape.model.errors import FftscapeError, InvalidSettingError
from fftscape.model.settings import PRESETS, Backend, Preset, Settings, merged

if TYPE_CHECKING:
    from types import FrameType

OK, NOTHING_DONE, WRONG_USAGE, SOME_FAILED = 0, 1, 2, 3
INTERRUPTED, CLOSED_PIPE, TERMINATED = 130, 141, 143

# Plain help: formatting it with rich takes 0.3 s, most of the time in which help should answer.
app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Finds the structures in microscope images by itself.",
)

CHOICES_OF_PRESET = "|".join(get_args(Preset))

Inputs = Annotated[list[str], typer.Argument(metavar="INPUT", help="Image files, folders of them, or globs.")]
Quietness = Annotated[
    bool | None,
    typer.Option("--quiet/--verbose", help="Only errors / everything, with tracebacks.", show_default=False),
]


class _Terminated(BaseException):
    """SIGTERM arrived."""


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            # A terminal that cannot show a character must not cost the result its line.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if (name := _file_like_options(sys.argv[1:])) is not None:
        _print_trouble(f"'{name}' begins like an option, but a file has this name; to name the file, write './{name}'.")
        sys.exit(WRONG_USAGE)
    try:
        code = typer.main.get_command(app).main(prog_name="fftscape", standalone_mode=False)
    except typer.Abort:
        sys.exit(INTERRUPTED)
    except Exception as error:
        sentence = _wrong_usage(error)
        if sentence is None:
            raise
        _print_trouble(sentence)
        code = WRONG_USAGE
    sys.exit(code)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False,
) -> None:
    """Find the structures in microscope images: moving-window local FFT, scree plot, NMF maps."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"fftscape {installed('fftscape')}")
        raise typer.Exit(OK)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(WRONG_USAGE)


@app.command()
def run(
    inputs: Inputs,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")],
    window: Annotated[
        str | None, typer.Option(metavar="PX|HxW", help="Window size; left out: chosen for each image.")
    ] = None,
    step: Annotated[str | None, typer.Option(metavar="PX|HxW", help="Distance of windows; left out: chosen.")] = None,
    components: Annotated[
        str | None, typer.Option(metavar="auto|N", help="Number of structures; left out or auto: found by itself.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(metavar=CHOICES_OF_PRESET, help="All other settings; 'published' = as in the 2020 paper."),
    ] = None,
    keep_burned_in: Annotated[
        bool | None,
        typer.Option("--keep-burned-in", help="Analyse data bars, scale bars and blank edges too.", show_default=False),
    ] = None,
    rotation_tolerant: Annotated[
        bool | None,
        typer.Option("--rotation-tolerant", help="One structure in many orientations is one.", show_default=False),
    ] = None,
    pixel_size: Annotated[
        str | None, typer.Option(metavar='"0.02 nm"', help="Height and width of a pixel; wins over the file.")
    ] = None,
    channel: Annotated[str | None, typer.Option(metavar="N|NAME", help="Which channel of files with several.")] = None,
    frame: Annotated[str | None, typer.Option(metavar="N|all", help="Which frame of a stack, or each.")] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Settings; options given here win over it.")
    ] = None,
    jobs: Annotated[
        str | None, typer.Option(metavar="N", help="Most processors to compute with; left out: all of them.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="2GiB", help="Most memory, on Linux; left out: three quarters of it.")
    ] = None,
    part: Annotated[
        str | None, typer.Option(metavar="i/n", help="Only the i-th of n parts, for job arrays that share OUT.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="local|ADDRESS", help="A Dask cluster that computes instead of this process.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="numpy|torch|cupy", help="What spectra are computed with; left out: numpy.")
    ] = None,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Whether to draw figures and a report.")] = True,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute finished, unchanged images again.")] = False,
    quiet: Quietness = None,
) -> None:
    """Analyse images, folders, globs; one image or ten thousand."""
    with _one_line_endings():
        options = {
            "preset": preset,
            "windows": _given(
                size=_pair(window, "--window"), step=_pair(step, "--step"), keep_burned_in=keep_burned_in
            ),
            "rank": _given(n_components=_number_or(components, "auto", "--components", least=1)),
            "rotation": _given(tolerant=rotation_tolerant),
        }
        settings = _settings(config, options)
        from fftscape.batch.crew import get_ready

        if scheduler is None:
            get_ready(drawing=report)  # beside the imports that follow

        from fftscape.batch.portion import WHOLE, Portion
        from fftscape.batch.resources import Resources
        from fftscape.batch.run import run as run_batch
        from fftscape.batch.summary import closing_line
        from fftscape.batch.tasks import Request
        from fftscape.files.calibration import parse_pixel_size

        if pixel_size is not None:
            with _named("--pixel-size"):
                parse_pixel_size(pixel_size)  # refused once here, not once for each image
        request = Request(
            settings,
            channel=_number_or_text(channel),
            frame=cast("int | Literal['all'] | None", _number_or(frame, "all", "--frame", least=0)),
            pixel_size=pixel_size,
            fresh=fresh,
            report=report,
            backend=_backend(backend),
        )
        resources = Resources.given(_number(jobs, "--jobs"), memory)
        portion = WHOLE if part is None else Portion.parsed(part)
        reporter = _reporter(quiet)
        outcomes = run_batch(
            inputs,
            output,
            request=request,
            resources=resources,
            reporter=reporter,
            portion=portion,
            scheduler=scheduler,
        )
        reporter.say(closing_line(outcomes, output))
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    raise typer.Exit(_exit_code(done=len(outcomes) - failed, failed=failed))


@app.command()
def inspect(
    inputs: Inputs,
    as_json: Annotated[bool, typer.Option("--json", help="The same for machines, as JSON.")] = False,
) -> None:
    """Show shape, calibration, channels and the suggested window."""
    with _one_line_endings():
        from fftscape.batch.discovery import find_inputs
        from fftscape.batch.inspection import inspect as inspect_file
        from fftscape.batch.reasons import reason_of
        from fftscape.files.formats import SUFFIXES

        reporter = _reporter(None)
        found = find_inputs(inputs, suffixes=SUFFIXES)
        for problem in found.problems:
            reporter.error(f"{problem.source}: {problem.reason}")
        seen = []
        for path in found.files:
            try:
                seen.append(inspect_file(path))
            except Exception as error:  # whatever its fault, one file must never cost another
                reporter.error(f"{path}: {reason_of(error, path)}")
                continue
            if not as_json:
                for line in seen[-1].lines():
                    reporter.say(line)
        if as_json:
            import json

            typer.echo(json.dumps([inspection.plain() for inspection in seen], indent=1))
    raise typer.Exit(_exit_code(done=len(seen), failed=len(found.problems) + len(found.files) - len(seen)))


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for image and result.")] = Path(
        "fftscape-demo"
    ),
) -> None:
    """Analyse an image whose answer is known, and print answer beside truth."""
    with _one_line_endings():
        from fftscape.batch.crew import get_ready

        get_ready()  # beside the imports that follow

        from fftscape.batch.demo import RULES, compare, save_image, table
        from fftscape.batch.resources import Resources
        from fftscape.batch.run import run as run_batch
        from fftscape.batch.tasks import Request
        from fftscape.files.store import load_record
        from fftscape.synthetic import demo_scene
        from fftscape.views.report import REPORT

        reporter = _reporter(None)
        scene = demo_scene()
        path = save_image(scene.image, output)
        request, resources = Request(Settings()), Resources.given()
        (outcome,) = run_batch([str(path)], output, request=request, resources=resources, reporter=reporter)
        if outcome.status == "failed":
            raise typer.Exit(NOTHING_DONE)
        comparisons = compare(load_record(output / outcome.name), scene)
        for line in ("", *table(comparisons), RULES, f"report: {output / outcome.name / REPORT}"):
            reporter.say(line)
        wrong = sum(not comparison.is_right for comparison in comparisons)
        if wrong:
            _fail(f"{wrong} of {len(comparisons)} answers are wrong; please report this.", NOTHING_DONE)


@app.command()
def verify(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="What run wrote.")],
) -> None:
    """Check every published result against its manifest."""
    with _one_line_endings():
        from fftscape.batch.verify import verify as verify_folder

        reporter = _reporter(None)
        verdicts = verify_folder(output)
        for verdict in verdicts:
            for problem in verdict.problems:
                reporter.error(f"{verdict.folder}: {problem}")
            for name in verdict.own_files:
                reporter.say(f"{verdict.folder}: {name} is not part of the result, which takes no harm from it")
        damaged = sum(bool(verdict.problems) for verdict in verdicts)
        reporter.say(f"{output}: {len(verdicts) - damaged} of {len(verdicts)} results intact")
    raise typer.Exit(_exit_code(done=len(verdicts) - damaged, failed=damaged))


def _settings(config: Path | None, options: Mapping[str, Any]) -> Settings:
    """Return the preset with the file's settings over it and the options over both."""
    from_file = _toml(config) if config is not None else {}
    preset = from_file.get("preset", Settings().preset) if options["preset"] is None else options["preset"]
    if not isinstance(preset, str) or preset not in PRESETS:
        where = "--preset" if options["preset"] is not None else f"--config {config}: preset"
        raise InvalidSettingError(f"{where} must be one of {', '.join(PRESETS)}, not {preset!r}.")
    with _named(f"--config {config}"):
        settings = merged(PRESETS[preset], {**from_file, "preset": preset})
    return merged(settings, {name: value for name, value in options.items() if value})


def _toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSettingError(f"--config {path} cannot be read ({error.strerror}); check the name.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettingError(f"--config {path} is not valid TOML: {error}.") from None


@contextlib.contextmanager
def _named(option: str) -> Iterator[None]:
    """Put the option's name before what is wrong with its value."""
    try:
        yield
    except InvalidSettingError as error:
        raise InvalidSettingError(f"{option}: {error}") from None


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _pair(text: str | None, option: str) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.lower().split("x")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or min(numbers) < 1:
        raise InvalidSettingError(
            f"{option} must be a number of pixels from 1 (64) or height x width (64x96), not {text!r}."
        )
    return numbers[0], numbers[-1]


def _number(text: str | None, option: str) -> int | None:
    value = _number_or_text(text)
    if isinstance(value, str) or (value is not None and value < 1):
        raise InvalidSettingError(f"{option} must be a whole number from 1, not {text!r}.")
    return value


def _backend(name: str | None) -> Backend:
    if name is None:
        return "numpy"
    from fftscape.compute.backend import checked

    return checked(name, "--backend")


def _number_or(text: str | None, word: str, option: str, *, least: int) -> int | str | None:
    value = _number_or_text(text)
    if (isinstance(value, str) and value != word) or (isinstance(value, int) and value < least):
        raise InvalidSettingError(f"{option} must be a whole number from {least} or '{word}', not {text!r}.")
    return value


def _number_or_text(text: str | None) -> int | str | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return text


def _reporter(quiet: bool | None) -> Reporter:
    return Reporter(quiet=quiet is True, verbose=quiet is False)


def _exit_code(*, done: int, failed: int) -> int:
    if not failed:
        return OK
    return SOME_FAILED if done else NOTHING_DONE


@contextlib.contextmanager
def _one_line_endings() -> Iterator[None]:
    """Turn what ends a command early into one line and the exit code that belongs to it."""
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except InvalidSettingError as error:
        _fail(str(error), WRONG_USAGE)
    except FftscapeError as error:
        _fail(str(error), NOTHING_DONE)
    except KeyboardInterrupt:
        _fail("interrupted; run the same command again to go on.", INTERRUPTED)
    except _Terminated:
        _fail("terminated; run the same command again to go on.", TERMINATED)
    except BrokenPipeError:
        # Whoever read the output has gone; what Python still wants to flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(CLOSED_PIPE) from None
    except OSError as error:
        _fail(f"{error.strerror or error}: {error.filename or 'no file named'}.", NOTHING_DONE)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _terminate(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated


def _fail(sentence: str, code: int) -> NoReturn:
    _print_trouble(sentence)
    raise typer.Exit(code) from None


def _print_trouble(sentence: str) -> None:
    typer.echo(one_line(f"fftscape: {sentence}"), err=True)


def _file_like_options(arguments: Sequence[str]) -> str | None:
    """Return a file's name that would be read as options, letter by letter: '-old.tif' as '--output ld.tif'."""
    for before, name in zip(("", *arguments), arguments, strict=False):
        if name == "--":
            return None
        if len(name) > 2 and name[0] == "-" and before not in {"-o", "--output", "--config"} and os.path.lexists(name):
            return name
    return None


def _wrong_usage(error: Exception) -> str | None:
    """Return one sentence about what Typer refuses; None for any other error."""
    # By what it can do, because the class lies in another module in each of Typer's versions.
    if not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "fftscape"
    option = str(getattr(error, "option_name", ""))
    remedy = "a name that begins with '-' is written './-name'; " if len(option) == 2 else ""
    return f"{error.format_message().rstrip('.?')}; {remedy}see '{command} --help'."
