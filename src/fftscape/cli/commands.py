"""The commands: options enter, requests leave, and what became of them is printed.

Heavy libraries are imported inside the commands, so that ``fftscape --help`` answers at once.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from fftscape.cli import options
from fftscape.cli.endings import (
    INTERRUPTED,
    INTERRUPTION,
    NOTHING_DONE,
    OK,
    WRONG_USAGE,
    exit_code,
    fail,
    file_like_options,
    one_line_endings,
    print_trouble,
    wrong_usage,
)
from fftscape.cli.words import (
    backend_of,
    frame_of,
    given,
    number,
    number_or,
    number_or_text,
    pair,
    pixel_size_of,
    reporter_of,
    settings_of,
)  # fmt: skip
from fftscape.model.settings import Settings

# Plain help: formatting it with rich takes 0.3 s, most of the time in which help should answer.
app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Finds the structures in microscope images by itself.",
)


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            # A terminal that cannot show a character must not cost the result its line.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if (name := file_like_options(sys.argv[1:])) is not None:
        print_trouble(f"'{name}' begins like an option, but a file has this name; to name the file, write './{name}'.")
        sys.exit(WRONG_USAGE)
    try:
        code = typer.main.get_command(app).main(prog_name="fftscape", standalone_mode=False)
    except typer.Abort:
        print_trouble(INTERRUPTION)
        sys.exit(INTERRUPTED)
    except Exception as error:
        sentence = wrong_usage(error)
        if sentence is None:
            raise
        print_trouble(sentence)
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
    inputs: options.Inputs,
    output: options.Output,
    window: options.Window = None,
    step: options.Step = None,
    components: options.Components = None,
    preset: options.Preset = None,
    keep_burned_in: options.KeepBurnedIn = None,
    rotation_tolerant: options.RotationTolerant = None,
    pixel_size: options.PixelSize = None,
    channel: options.Channel = None,
    frame: options.Frame = None,
    config: options.Config = None,
    jobs: options.Jobs = None,
    memory: options.Memory = None,
    part: options.Part = None,
    scheduler: options.Scheduler = None,
    backend: options.Backend = None,
    report: options.Report = True,
    fresh: options.Fresh = False,
    quiet: options.Quietness = None,
) -> None:
    """Analyse images, folders, globs; one image or ten thousand."""
    with one_line_endings():
        wanted = {
            "preset": preset,
            "windows": given(size=pair(window, "--window"), step=pair(step, "--step"), keep_burned_in=keep_burned_in),
            "rank": given(n_components=number_or(components, "auto", "--components", least=1)),
            "rotation": given(tolerant=rotation_tolerant),
        }
        settings = settings_of(config, wanted)
        from fftscape.batch.crew import get_ready

        if scheduler is None:
            get_ready(drawing=report)  # beside the imports that follow

        from fftscape.batch.portion import WHOLE, Portion
        from fftscape.batch.resources import Resources
        from fftscape.batch.run import run as run_batch
        from fftscape.batch.summary import closing_line
        from fftscape.batch.tasks import Request

        request = Request(
            settings, number_or_text(channel), frame_of(frame), pixel_size_of(pixel_size), fresh, report,
            backend_of(backend),
        )  # fmt: skip
        reporter = reporter_of(quiet)
        outcomes = run_batch(
            inputs,
            output,
            request=request,
            resources=Resources.given(number(jobs, "--jobs"), memory),
            reporter=reporter,
            portion=WHOLE if part is None else Portion.parsed(part),
            scheduler=scheduler,
        )
        reporter.say(closing_line(outcomes, output))
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    raise typer.Exit(exit_code(done=len(outcomes) - failed, failed=failed))


@app.command()
def inspect(
    inputs: options.Inputs,
    as_json: Annotated[bool, typer.Option("--json", help="The same for machines, as JSON.")] = False,
) -> None:
    """Show shape, calibration, channels and the suggested window."""
    with one_line_endings():
        from fftscape.batch.discovery import find_inputs
        from fftscape.batch.inspection import inspect as inspect_file
        from fftscape.batch.reasons import reason_of
        from fftscape.files.formats import SUFFIXES

        reporter = reporter_of(None)
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
    raise typer.Exit(exit_code(done=len(seen), failed=len(found.problems) + len(found.files) - len(seen)))


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for image and result.")] = Path(
        "fftscape-demo"
    ),
) -> None:
    """Analyse an image whose answer is known, and print answer beside truth."""
    with one_line_endings():
        from fftscape.batch.crew import get_ready

        get_ready()  # beside the imports that follow

        from fftscape.batch.demo import RULES, compare, save_image, table
        from fftscape.batch.resources import Resources
        from fftscape.batch.run import run as run_batch
        from fftscape.batch.tasks import Request
        from fftscape.files.store import load_record
        from fftscape.synthetic import demo_scene
        from fftscape.views.report import REPORT

        reporter = reporter_of(None)
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
            fail(f"{wrong} of {len(comparisons)} answers are wrong; please report this.", NOTHING_DONE)


@app.command()
def verify(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="What run wrote.")],
) -> None:
    """Check every published result against its manifest."""
    with one_line_endings():
        from fftscape.batch.verify import verify as verify_folder

        reporter = reporter_of(None)
        verdicts = verify_folder(output)
        for verdict in verdicts:
            for problem in verdict.problems:
                reporter.error(f"{verdict.folder}: {problem}")
            for name in verdict.own_files:
                reporter.say(f"{verdict.folder}: {name} is not part of the result, which takes no harm from it")
        damaged = sum(bool(verdict.problems) for verdict in verdicts)
        reporter.say(f"{output}: {len(verdicts) - damaged} of {len(verdicts)} results intact")
    raise typer.Exit(exit_code(done=len(verdicts) - damaged, failed=damaged))
