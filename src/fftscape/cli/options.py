"""Options of ``run``: what each is called, and what its help says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from fftscape.model import settings

Inputs = Annotated[list[str], typer.Argument(metavar="INPUT", help="Image files, folders of them, or globs.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")]
Window = Annotated[str | None, typer.Option(metavar="PX|HxW", help="Window size; left out: chosen for each image.")]
Step = Annotated[str | None, typer.Option(metavar="PX|HxW", help="Distance of windows; left out: chosen.")]
Components = Annotated[
    str | None, typer.Option(metavar="auto|N", help="Number of structures; left out or auto: found by itself.")
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(get_args(settings.Preset)), help="All other settings; 'published' = as in the 2020 paper."
    ),
]
KeepBurnedIn = Annotated[
    bool | None,
    typer.Option("--keep-burned-in", help="Analyse data bars, scale bars and blank edges too.", show_default=False),
]
RotationTolerant = Annotated[
    bool | None,
    typer.Option("--rotation-tolerant", help="One structure in many orientations is one.", show_default=False),
]
PixelSize = Annotated[
    str | None, typer.Option(metavar='"0.02 nm"', help="Height and width of a pixel; wins over the file.")
]
Channel = Annotated[str | None, typer.Option(metavar="N|NAME", help="Which channel of files with several.")]
Frame = Annotated[str | None, typer.Option(metavar="N|all", help="Which frame of a stack, or each.")]
Config = Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Settings; options given here win over it.")]
Jobs = Annotated[str | None, typer.Option(metavar="N", help="Most processors to compute with; left out: all of them.")]
Memory = Annotated[
    str | None, typer.Option(metavar="2GiB", help="Most memory, on Linux; left out: three quarters of it.")
]
Part = Annotated[
    str | None, typer.Option(metavar="i/n", help="Only the i-th of n parts, for job arrays that share OUT.")
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="local|ADDRESS", help="A Dask cluster that computes instead of this process.")
]
Backend = Annotated[
    str | None,
    typer.Option(metavar="|".join(get_args(settings.Backend)), help="What spectra are computed with; left out: numpy."),
]
Report = Annotated[bool, typer.Option("--report/--no-report", help="Whether to draw figures and a report.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Compute finished, unchanged images again.")]
Quietness = Annotated[
    bool | None,
    typer.Option("--quiet/--verbose", help="Only errors / everything, with tracebacks.", show_default=False),
]
