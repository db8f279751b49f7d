"""The report and the gallery: complete, escaped, self-contained."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from fftscape.model.analysis import AnalysisRecord
from fftscape.views.report import GalleryEntry, write_index, write_report
from fftscape.views.style import component_colour

NAMES = ("image", "labels", "component_1", "component_2", "scree", "residual", "margin", "abruptness")
FIGURES = {f"{name}.png": name.encode() for name in NAMES}


class _Page(HTMLParser):
    """Collects what a browser would see: tags with their attributes, and the text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in tags]


@pytest.fixture(scope="module")
def report(made_record: AnalysisRecord, tmp_path_factory: pytest.TempPathFactory) -> _Page:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(made_record, path)
    return _Page(path)


def test_every_figure_is_inside_and_described(
    report: _Page, made_record: AnalysisRecord, drawn: dict[str, bytes]
) -> None:
    pictures = report.of("img")
    assert len(pictures) == 6 + made_record.n_components
    inside = {base64.b64decode((p["src"] or "").removeprefix("data:image/png;base64,")) for p in pictures}
    wanted = [f"{name}.png" for name in NAMES]
    assert inside == {drawn[name] for name in wanted}
    assert all(p["alt"] for p in pictures)


def test_given_figures_are_not_drawn_again(made_record: AnalysisRecord, tmp_path: Path) -> None:
    write_report(made_record, tmp_path / "r.html", figures=FIGURES)
    sources = {p["src"] for p in _Page(tmp_path / "r.html").of("img")}
    assert sources == {"data:image/png;base64," + base64.b64encode(content).decode() for content in FIGURES.values()}


def test_says_what_was_found_and_how(report: _Page) -> None:
    for words in (
        "made <&> up",
        "2 structures found, covering",
        "131 × 90 px (width × height)",
        "0.025 × 0.02 nm (width × height)",
        "3.275 nm × 1.8 nm",
        "made: by hand",
        "RGB converted to luminance",
        "6 of 35 windows hold pixels without data and take no part.",
        "Two eigenvalues stand above twice the noise null.",
        "60 % of all loadings",
        "± 2.0 %",
        "Boundaries were placed with windows of 16 px.",
        "(0.1280 ± 0.0010) nm at (32.0 ± 0.4)°",
        "windows.size 32, 24",
        "spectra.taper hann",
        "input_sha256 " + "00" * 32,
        "voltage 300.0",
        "Micron 130, 102800 (2020)",
        "Vasudevan",
    ):
        assert words in report.text, words


def test_that_all_trials_agree_is_told_and_doubt_is_left_to_the_reason(
    made_record: AnalysisRecord, tmp_path: Path, report: _Page
) -> None:
    told = "All trials with thresholds a quarter higher or lower found the same number."
    for alternatives, confidence in (((), 1.0), ((1, 3), 5 / 9)):
        scree = replace(made_record.scree, confidence=confidence, alternatives=alternatives)
        write_report(replace(made_record, scree=scree), tmp_path / "r.html", figures=FIGURES)
        assert (told in _Page(tmp_path / "r.html").text) is (not alternatives)
    assert told not in report.text


def test_says_why_once(report: _Page, made_record: AnalysisRecord) -> None:
    assert report.source.count(made_record.scree.reason) == 1


@pytest.mark.parametrize(("angle", "shown"), [(179.97, "(0.0 ± 0.4)°"), (179.94, "(179.9 ± 0.4)°")])
def test_an_angle_is_never_rounded_to_a_half_turn(
    made_record: AnalysisRecord, tmp_path: Path, angle: float, shown: str
) -> None:
    peaks = replace(made_record.peaks, angle=np.array([angle, 90.0]))
    write_report(replace(made_record, peaks=peaks), tmp_path / "r.html", figures=FIGURES)
    assert f"(0.1280 ± 0.0010) nm at {shown}" in _Page(tmp_path / "r.html").text


def test_loads_nothing_from_anywhere(report: _Page) -> None:
    assert not report.of("script", "link", "iframe", "object", "embed", "audio", "video", "form")
    assert all((attributes.get("src") or "data:").startswith("data:") for _, attributes in report.tags)
    assert "url(" not in report.source
    assert "@import" not in report.source
    assert not any(name.startswith("on") or name == "style" for _, attributes in report.tags for name in attributes)
    links = [attributes["href"] for attributes in report.of("a")]
    assert links == ["https://doi.org/10.1016/j.micron.2019.102800"]


def test_policy_lets_only_this_style_sheet_and_inner_pictures_through(report: _Page) -> None:
    (policy,) = [m["content"] for m in report.of("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    css = re.search(r"<style>(.*?)</style>", report.source, re.DOTALL)
    assert css is not None
    digest = base64.b64encode(hashlib.sha256(css[1].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_swatches_have_the_components_colours(report: _Page) -> None:
    classes = [(attributes.get("class") or "").split() for attributes in report.of("span")]
    assert ["swatch", "c1"] in classes
    assert f".c1{{background:{component_colour(1)}}}" in report.source


def test_tables_and_headings_are_marked_up(report: _Page) -> None:
    assert len(report.of("h1")) == 1
    assert all(cell.get("scope") in ("col", "row") for cell in report.of("th"))
    assert [attributes.get("lang") for attributes in report.of("html")] == ["en"]
    # Two components, two spots, settings, provenance and metadata.
    assert len(report.of("table")) == 5


def test_the_page_says_how_the_files_count_and_where_spots_are_measured(report: _Page) -> None:
    assert "The CSV tables and TIFF stacks number them in the same way" in report.text
    assert "Python, Zarr and HyperSpy count them from 0" in report.text
    assert "Index in files" not in report.text
    assert "Spots of the factors" not in report.text
    assert "Spots in the mean spectrum of the windows that clearly belong to a component" in report.text


def test_text_from_files_is_escaped(made_record: AnalysisRecord, drawn: dict[str, bytes], tmp_path: Path) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(2)>{{ 7*7 }}'
    image = replace(
        made_record.image, name=evil, source=evil, calibration_source=evil, notes=(evil,), unit=evil,
        metadata={evil: {"inner": evil}},
    )  # fmt: skip
    record = replace(
        made_record, image=image, notes=(evil,), provenance={evil: evil},
        scree=replace(made_record.scree, reason=evil, rule=evil), peaks=replace(made_record.peaks, unit=evil),
    )  # fmt: skip
    write_report(record, tmp_path / "report.html", figures=drawn)
    page = _Page(tmp_path / "report.html")
    assert not page.of("script")
    assert len(page.of("img")) == 8
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert page.text.count("{{ 7*7 }}") >= 10
    assert "<script>alert(1)" in page.text


def test_metadata_is_bounded(made_record: AnalysisRecord, drawn: dict[str, bytes], tmp_path: Path) -> None:
    metadata = {f"tag {k}": "x" * 10_000 for k in range(5000)}
    record = replace(made_record, image=replace(made_record.image, metadata=metadata))
    write_report(record, tmp_path / "report.html", figures=drawn)
    page = _Page(tmp_path / "report.html")
    assert "5000 entries, the first 200 shown" in page.text
    assert "tag 199" in page.text
    assert "tag 200" not in page.text
    assert "x" * 301 not in page.text


def test_equal_results_give_equal_reports(made_record: AnalysisRecord, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_report(made_record, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_odd_results_have_a_report(odd_record: AnalysisRecord, tmp_path: Path) -> None:
    names = [
        "image",
        "labels",
        "scree",
        "residual",
        "margin",
        *(f"component_{k + 1}" for k in range(odd_record.n_components)),
    ]
    write_report(odd_record, tmp_path / "report.html", figures={f"{name}.png": b"" for name in names})
    page = _Page(tmp_path / "report.html")
    assert "No spot stands out of its surroundings." in page.text
    assert ("Pixel size" in page.text) == odd_record.image.is_calibrated
    assert len(page.of("article")) == odd_record.n_components


ROWS = (
    GalleryEntry(
        "scan <1>",
        "scan 1#?&é/report.html",
        "scan 1#?&é/figures/thumbnail.png",
        "done",
        "2 structures",
        "Two stand above.",
        "/data/<1>.tif",
    ),
    GalleryEntry(
        "flat", "a:b/report.html", "a:b/figures/thumbnail.png", "unchanged", "1 component, as asked", "", "", "Height"
    ),
    GalleryEntry("bad.tif", "", "", "failed", "", "bad.tif is <b>cut short</b>; export it again."),
)


def test_gallery_links_are_relative_and_quoted(tmp_path: Path) -> None:
    write_index(ROWS, tmp_path / "index.html")
    page = _Page(tmp_path / "index.html")
    links = [attributes["href"] or "" for attributes in page.of("a")]
    assert links.count("./scan%201%23%3F%26%C3%A9/report.html") == 2
    assert "./a%3Ab/report.html" in links
    assert [unquote(p["src"] or "") for p in page.of("img")] == [
        "./scan 1#?&é/figures/thumbnail.png", "./a:b/figures/thumbnail.png",
    ]  # fmt: skip
    assert not any("//" in link for link in links)


def test_gallery_names_what_failed_and_why(tmp_path: Path) -> None:
    write_index(ROWS, tmp_path / "index.html")
    page = _Page(tmp_path / "index.html")
    assert "2 images analysed, 1 failed" in page.text
    assert "bad.tif is <b>cut short</b>; export it again." in page.text
    assert "scan <1> 2 structures Two stand above." in page.text
    assert "flat Height 1 component, as asked · unchanged" in page.text
    assert [attributes.get("title") for attributes in page.of("h2")] == ["/data/<1>.tif", None, None]
    assert not page.of("b", "script")
    assert len(page.of("article")) == 2


def test_gallery_of_nothing(tmp_path: Path) -> None:
    write_index([], tmp_path / "index.html")
    page = _Page(tmp_path / "index.html")
    assert "0 images analysed." in page.text
    assert not page.of("table", "article")


def test_file_names_that_are_no_text_are_linked_byte_for_byte(tmp_path: Path) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    write_index([GalleryEntry(name, f"{name}/report.html", "", "done", "", "")], tmp_path / "index.html")
    page = _Page(tmp_path / "index.html")
    assert page.of("a")[0]["href"] == "./caf%E9/report.html"
    assert "caf?" in page.text


def test_orientations_are_told_where_there_are_any(made_record: AnalysisRecord, tmp_path: Path, report: _Page) -> None:
    angles = np.where(made_record.grid.valid, 3.0, np.nan).astype(np.float32)
    record = replace(
        made_record,
        orientation=angles,
        orientation_uncertainty=angles / 10,
        orientation_period=np.array([60.0, np.nan]),
    )
    write_report(record, tmp_path / "r.html", figures=FIGURES | {"orientation.png": b"turned"})
    page = _Page(tmp_path / "r.html")
    assert "Component 1 looks the same after every 60°. Component 2 has no orientation." in page.text
    assert base64.b64encode(b"turned").decode() in page.source
    assert "has no orientation" not in report.text
