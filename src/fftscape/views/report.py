"""Pages for people: one self-contained report of a result, and the gallery of a batch."""

from __future__ import annotations

import base64
import hashlib
import os
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from fftscape.model.analysis import AnalysisRecord
from fftscape.model.image import Image
from fftscape.model.records import Peaks
from fftscape.views.figures import render_figures
from fftscape.views.style import PALETTE
from fftscape.views.wording import answer, below_half_turn, measured, percent, shown_length, shown_unit

if TYPE_CHECKING:
    from jinja2 import Environment

REPORT = "report.html"
SPOTS_IN_CAPTION = 4
MOST_METADATA = 200
LONGEST_VALUE = 300


@dataclass(frozen=True)
class GalleryEntry:
    """One image of a batch, as the gallery shows it.

    Parameters
    ----------
    name : str
        Name of the result, or of the image that has none.
    href : str
        Path of its report, relative to the gallery ('scan 1/report.html'); '' where there is none.
    thumbnail : str
        Path of a picture, relative to the gallery ('scan 1/figures/thumbnail.png'); '' where there is none.
    status : str
        'done', 'failed' and the like.
    answer : str
        The result in a few words; '' where nothing was found out.
    detail : str
        One sentence: what was found, or why it failed.
    source : str
        The image as the user named it, where that says more than the name.
    part : str
        Its channel and frame, where the file holds several.
    """

    name: str
    href: str
    thumbnail: str
    status: str
    answer: str
    detail: str
    source: str = ""
    part: str = ""


@dataclass(frozen=True)
class _Component:
    """A component as the template prints it; `number` counts from 1, `index` from 0."""

    index: int
    number: int
    share: str
    area: str
    stability: str
    variation: str
    spots: tuple[str, ...]
    more_spots: int
    figure: str
    period: str


@dataclass(frozen=True)
class _Spot:
    """A row of the table of peaks."""

    component: int
    d_spacing: str
    angle: str
    frequency: str
    intensity: str
    significance: str


def write_report(record: AnalysisRecord, path: str | Path, *, figures: Mapping[str, bytes] | None = None) -> None:
    """Write the report of one result as one HTML file that needs nothing else.

    Parameters
    ----------
    record : AnalysisRecord
        The result.
    path : str or Path
        The file to write; its folder must exist.
    figures : mapping of str to bytes, optional
        What `figures.write_figures` returned; left out, the figures are drawn anew.

    Notes
    -----
    The page holds no script and loads nothing (its content security policy says so too). Names and
    metadata come from files and are escaped. Equal results give equal bytes.
    """
    drawn = render_figures(record) if figures is None else figures
    page = _render(
        "report.html",
        image=record.image,
        record=record,
        answer=answer(record),
        calibration=tuple(_calibration(record.image)),
        figures={name.removesuffix(".png"): _embedded(content) for name, content in drawn.items()},
        components=tuple(_components(record, drawn)),
        spots=tuple(_spots(record.peaks)),
        unit=shown_unit(record.image.unit),
        frequency_unit=shown_unit(record.frequency_unit),
        settings=tuple(_flat(msgspec.to_builtins(record.settings))),
        metadata=tuple(_flat(record.image.metadata))[:MOST_METADATA],
        n_metadata=len(tuple(_flat(record.image.metadata))),
    )
    _write(page, path)


def write_index(rows: Sequence[GalleryEntry], path: str | Path) -> None:
    """Write the gallery of a batch: every image with its maps and a link to its report, then what failed and why.

    Parameters
    ----------
    rows : sequence of GalleryEntry
        In the order of the page.
    path : str or Path
        The file to write, usually ``OUT/index.html``.
    """
    shown = tuple(row for row in rows if row.status != "failed")
    failed = tuple(row for row in rows if row.status == "failed")
    _write(_render("index.html", shown=shown, failed=failed), path)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("fftscape.views"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["url"] = _url
    return environment


def _render(template: str, **values: Any) -> str:
    from markupsafe import Markup

    environment = _environment()
    swatches = "".join(f".c{k}{{background:{colour}}}" for k, colour in enumerate(PALETTE))
    css = environment.get_template("style.css").render() + swatches
    # Markup, because the style sheet is our own and holds nothing of the user's; its hash lets it
    # through a policy that lets no other style through.
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return environment.get_template(template).render(
        css=Markup(css),
        style_source=f"'sha256-{digest}'",
        n_colours=len(PALETTE),
        **values,
    )


def _write(page: str, path: str | Path) -> None:
    # A file name that is no valid text holds lone surrogates, which UTF-8 cannot write.
    Path(path).write_bytes(page.encode("utf-8", errors="replace"))


def _url(path: str) -> str:
    """Return a relative path as a URL, byte for byte and with forward slashes; './' keeps 'a:b' from being a scheme."""
    return "./" + urllib.parse.quote(os.fsencode(path.replace(os.sep, "/")))


def _embedded(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _calibration(image: Image) -> Iterator[tuple[str, str]]:
    (dy, dx), unit = image.pixel_size, image.unit
    rows, columns = image.shape
    yield "Size", f"{columns} × {rows} px (width × height)"
    if image.is_calibrated:
        both = f"{dx:.6g} × {dy:.6g}" if dx != dy else f"{dx:.6g}"
        yield "Pixel size", f"{both} {shown_unit(unit)}" + (" (width × height)" if dx != dy else "")
        height, width = (shown_length(float(f"{length:.4g}"), unit) for length in image.field_of_view)
        yield "Field of view", f"{width} × {height}"
    yield "Calibration from", image.calibration_source
    if image.source:
        # The name only: a report that is handed on tells nobody's folders.
        yield "File", os.path.basename(image.source)
    if image.channel:
        yield "Channel", image.channel
    if image.frame is not None:
        yield "Frame", f"{image.frame} (counted from 0)"


def _components(record: AnalysisRecord, figures: Mapping[str, bytes]) -> Iterator[_Component]:
    for k in range(record.n_components):
        spots = [f"{row.d_spacing} at {row.angle}" for row in _spots(record.peaks.of(k))]
        yield _Component(
            index=k,
            number=k + 1,
            share=percent(float(record.shares[k])),
            area=_with_uncertainty(float(record.area_fractions[k]), float(record.area_uncertainties[k])),
            stability=percent(float(record.stability[k])),
            variation=f"{record.variation[k]:.1f}" if np.isfinite(record.variation[k]) else "–",
            spots=tuple(spots[:SPOTS_IN_CAPTION]),
            more_spots=max(0, len(spots) - SPOTS_IN_CAPTION),
            figure=_embedded(figures[f"component_{k + 1}.png"]),
            period=_period(record, k),
        )


def _with_uncertainty(fraction: float, uncertainty: float) -> str:
    """Return a fraction and its uncertainty as percentages."""
    return percent(fraction) if not uncertainty else f"{100 * fraction:.1f} ± {100 * uncertainty:.1f} %"


def _period(record: AnalysisRecord, component: int) -> str:
    """Return the rotation (degrees) after which a component is the same again; '' where it has no orientation."""
    if record.orientation_period is None or np.isnan(record.orientation_period[component]):
        return ""
    return f"{record.orientation_period[component]:g}"


def _spots(peaks: Peaks) -> Iterator[_Spot]:
    for row in range(len(peaks)):
        spacing = measured(peaks.d_spacing[row], peaks.d_spacing_uncertainty[row])
        angle = measured(peaks.angle[row], peaks.angle_uncertainty[row])
        yield _Spot(
            component=int(peaks.component[row]),
            d_spacing=f"{_bracketed(spacing)} {shown_unit(peaks.unit)}",
            angle=f"{_bracketed(below_half_turn(angle))}°",
            frequency=f"{1 / peaks.d_spacing[row]:.4g}",
            intensity=f"{peaks.intensity[row]:.2f}",
            significance=f"{peaks.significance[row]:.0f}",
        )


def _bracketed(text: str) -> str:
    return f"({text})" if "±" in text else text


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the leaves of nested mappings as (dotted name, text)."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            text = ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
            yield f"{prefix}{key}", text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
