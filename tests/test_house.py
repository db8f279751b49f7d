"""The house itself: floors, documents, pins, and what the command line must not load."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain, pairwise
from pathlib import Path

import pytest

from fftscape.batch.crew import LOADED, LOADED_FOR_DRAWING
from fftscape.files.formats import FORMATS, Format

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
# The help of the command line must answer without these.
HEAVY = {"scipy", "matplotlib", "tifffile", "imagecodecs", "PIL", "h5py", "zarr", "jinja2", "xarray", "rsciio", "nd2"}
SHOW_HELP = """
import sys
from fftscape.cli.commands import main
sys.argv = ["fftscape", "--help"]
try:
    main()
except SystemExit:
    pass
"""
ANALYSE_AND_SAVE = """
import tempfile
import numpy as np
import fftscape as fs
y, x = np.mgrid[:100, :130]
image = np.where(x < 70, np.sin(x * 0.8), np.sin(y * 1.2)) + np.random.default_rng(0).normal(0, 0.1, x.shape)
with tempfile.TemporaryDirectory() as folder:
    fs.analyze(image, window=24, step=8).save(folder + "/result", report=False)
"""


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)


def tool(name: str) -> Path:
    return Path(sys.executable).with_name(name)


@pytest.fixture(scope="session")
def copied_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def broken_contracts(house: Path) -> set[str]:
    report = run(tool("lint-imports"), "--no-cache", cwd=house, env={**os.environ, "PYTHONPATH": str(house / "src")})
    assert re.search(r"Contracts: \d+ kept", report.stdout), report.stdout + report.stderr
    return set(re.findall(r"^(.+) BROKEN\b", report.stdout, re.MULTILINE))


def test_the_floors_hold(copied_house: Path):
    assert broken_contracts(copied_house) == set()


@pytest.mark.parametrize(
    ("room", "line", "contract"),
    [
        ("model/records.py", "import fftscape.compute", "Imports go down the floors, and every module has a floor"),
        ("files/lost.py", "import fftscape.views", "Imports go down the floors, and every module has a floor"),
        ("lost.py", "", "Imports go down the floors, and every module has a floor"),
        ("model/errors.py", "import fftscape.model.records", "Nothing imports in a circle"),
        ("stages/rank.py", "import fftscape", "Nothing inside imports the package's own root"),
        ("stages/rank.py", "import fftscape.stages.windows", "Stages do not know one another"),
        ("stages/rank.py", "def f():\n    import fftscape.files", "Stages know neither files nor views"),
        ("files/lost.py", "import matplotlib.pyplot", "Only views draws with matplotlib"),
        ("stages/rank.py", "import dask.array", "Only compute.cluster knows dask"),
        ("compute/executors.py", "import torch", "Only compute.backend knows torch and cupy"),
        ("views/lost.py", "import nd2", "Only files knows the libraries that read vendors' formats"),
    ],
)
def test_a_broken_floor_is_noticed(copied_house: Path, room: str, line: str, contract: str):
    path = copied_house / "src" / "fftscape" / room
    before = path.read_text("utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n", "utf-8")
    try:
        assert contract in broken_contracts(copied_house)
    finally:
        path.unlink() if before is None else path.write_text(before, "utf-8")


def test_public_functions_are_documented_whole():
    report = run(sys.executable, ROOT / ".ci" / "docstrings.py")
    assert report.returncode == 0, report.stdout + report.stderr


def loaded_by(code: str) -> set[str]:
    report = run(sys.executable, "-c", f"{code}\nimport sys; print('\\n' + ' '.join(sys.modules))")
    assert report.returncode == 0, report.stderr
    return set(report.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_no_library():
    assert loaded_by("import fftscape") & (HEAVY | {"numpy", "typer", "msgspec"}) == set()


def test_help_loads_no_heavy_library():
    assert loaded_by(SHOW_HELP) & HEAVY == set()


def test_a_worker_runs_the_supervisors_script_again_for_nothing():
    assert loaded_by("import fftscape.__main__") & (HEAVY | {"numpy", "typer", "msgspec"}) == set()


def test_workers_that_draw_nothing_load_nothing_that_draws():
    needless = {"matplotlib", "jinja2", "zarr", "typer", "xarray", "rsciio", "nd2", "scipy.optimize"}
    assert loaded_by("\n".join(f"import {name}" for name in LOADED)) & needless == set()
    assert loaded_by("\n".join(f"import {name}" for name in LOADED_FOR_DRAWING)) >= {"matplotlib", "jinja2"}


def test_an_analysis_and_its_files_load_nothing_needless():
    found = loaded_by(ANALYSE_AND_SAVE)
    assert found & {"matplotlib", "PIL", "jinja2", "zarr", "numcodecs", "scipy.optimize", "scipy.stats"} == set()
    assert {"scipy.ndimage", "h5py", "tifffile"} <= found


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_documents_lead_somewhere(document: Path):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if target.startswith(("https://", "http://")):
            continue
        place, _, anchor = target.partition("#")
        found = (document.parent / place).resolve() if place else document
        assert found.exists(), f"{document.name} links to {target}"
        assert not anchor or anchor in anchors(found), f"{document.name} links to {target}"


def suffixes_in_words(item: Format) -> str:
    numbers = [suffix for suffix in item.suffixes if suffix[1:].isdecimal()]
    words = [suffix for suffix in item.suffixes if suffix not in numbers]
    ends = [f"{numbers[0]}` to `{numbers[-1]}"] if numbers else []
    return ", ".join(f"`{text}`" for text in words + ends) + ("" if item.in_folders else " *")


def test_the_page_on_formats_is_the_table_of_formats():
    rows = [
        f"| {item.name} | {suffixes_in_words(item)} | {item.extra or ''} | {item.description} |" for item in FORMATS
    ]
    told = (ROOT / "docs" / "formats.md").read_text("utf-8")
    assert [line for line in told.splitlines() if line.startswith("| ")][1:] == rows, "\n".join(rows)


def test_every_extra_of_the_formats_can_be_installed():
    assert {item.extra for item in FORMATS} - {None} <= set(PROJECT["project"]["optional-dependencies"])


def test_every_decision_is_listed_once():
    folder = ROOT / "docs" / "decisions"
    files = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert re.findall(r"\((\d{4}-[^)]+)\)", (folder / "README.md").read_text("utf-8")) == files
    assert len({name[:4] for name in files}) == len(files) > 0
    for name in files:
        text = (folder / name).read_text("utf-8")
        assert text.startswith(f"# {name[:4]}. ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Choice", "Alternatives", "Consequence"]


def direct_dependencies() -> set[str]:
    project = PROJECT["project"]
    lines = chain(project["dependencies"], *project["optional-dependencies"].values())
    return {re.match(r"[\w.-]+", line).group().lower() for line in lines}


def test_every_dependency_is_pinned_and_has_its_licence_told():
    pins = {pin.partition("==")[0] for pin in PROJECT["tool"]["uv"]["constraint-dependencies"]}
    development = {re.match(r"[\w.-]+", line).group() for line in PROJECT["dependency-groups"]["dev"]}
    assert direct_dependencies() | development <= pins
    told = (ROOT / "docs/decisions/0003-dependencies-and-licences.md").read_text("utf-8").lower()
    assert {name for name in direct_dependencies() | development if not re.search(rf"\b{name}\b", told)} == set()


def test_the_files_of_the_pinned_versions_have_their_hashes_and_no_addresses():
    """After a change of pins: .ci/renew_pins.py --hashes."""
    lines = (ROOT / ".ci" / "hashes.txt").read_text("utf-8").splitlines()
    assert {line.split()[0] for line in lines if line[0] != " "} == set(
        PROJECT["tool"]["uv"]["constraint-dependencies"]
    )
    for line, after in pairwise([*lines, ""]):
        if line[0] == " ":
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line)
        else:
            assert re.fullmatch(r"[\w.-]+==[\w.]+( ; [^:/@]+)? \\", line)
            assert after.startswith("    --hash=")


def test_gpl_libraries_are_only_extras():
    gpl = {"rosettasciio", "hyperspy", "igor2"}
    always = {re.match(r"[\w.-]+", line).group() for line in PROJECT["project"]["dependencies"]}
    assert gpl <= direct_dependencies()
    assert not gpl & always


def test_the_citation_names_this_version_and_both_papers():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"version: {PROJECT['project']['version']}\n" in citation
    for doi in ("10.1016/j.micron.2019.102800", "10.1021/acs.nanolett.6b02130"):
        assert f"doi: {doi}\n" in citation
        assert doi in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("script", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.name)
def test_benchmarks_still_run(script: Path):
    report = run(sys.executable, script, "1")
    assert report.returncode == 0, report.stderr
    assert f"`{script.name}`" in (ROOT / "benchmarks" / "README.md").read_text("utf-8")
