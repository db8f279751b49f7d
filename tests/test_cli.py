"""Every option has its effect on the result, and every command says what it promises."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

import fftscape.batch.demo
import fftscape.batch.inspection
import fftscape.synthetic
from fftscape.__main__ import _get_ready
from fftscape.batch.demo import Comparison
from fftscape.cli.commands import app
from fftscape.files.result_folder import read_manifest
from fftscape.files.store import load_record
from fftscape.model.image import Image
from fftscape.model.records import WindowAdvice
from fftscape.model.settings import PRESETS
from fftscape.synthetic import crystal_scene, fcc_gold

FAST = ("--window", "24x20", "--step", "12", "--components", "2")


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


def command(*arguments: object) -> Ran:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, in_process: None) -> None:
    """Leave the drawing out: tests/views looks at figures, and tests/batch at whole results."""
    monkeypatch.setattr("fftscape.files.result_folder._sync_one", lambda _path: None)
    monkeypatch.setattr("fftscape.views.figures.write_figures", lambda _record, _folder, **_: {})
    monkeypatch.setattr("fftscape.views.report.write_report", lambda _record, path, figures: path.write_text("report"))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Stripes of two directions, 60 rows and 84 columns, as an array without calibration."""
    y, x = np.mgrid[:60, :84]
    stripes = np.where(x < 42, np.sin(2 * np.pi * x / 8), np.sin(2 * np.pi * y / 5))
    noise = 0.1 * np.random.default_rng(0).standard_normal((60, 84))
    np.save(tmp_path / "x.npy", (stripes + noise).astype(np.float32))
    return tmp_path / "x.npy"


@pytest.fixture
def result(image: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run the image with options and return the result's manifest."""

    def run(*options: object, folder: str = "x") -> dict[str, Any]:
        ran = command("run", image, "-o", tmp_path / "out", *options)
        assert ran.code == 0, ran.err
        return read_manifest(tmp_path / "out" / folder)

    return run


Result = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("options", "window", "step"),
    [
        (("--window", "24", "--step", "8"), [24, 24], [8, 8]),
        (("--window", "25x18", "--step", "9x7"), [25, 18], [9, 7]),
        (("--window", "32X20"), [32, 20], [8, 5]),
    ],
)
def test_window_and_step(result: Result, options: tuple[str, ...], window: list[int], step: list[int]) -> None:
    found = result(*options, "--components", "2")
    assert (found["window"], found["step"]) == (window, step)
    assert found["settings"]["windows"] == {"size": window, "step": step, "keep_burned_in": False}


def test_burned_in_things_are_left_out_unless_they_are_wanted(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).normal(size=(80, 120)).astype(np.float32)
    pixels[60:] = 0
    path = tmp_path / "x.npy"
    np.save(path, pixels)
    options = ("run", path, "-o", tmp_path / "out", "--window", 24, "--step", 8, "--components", 1)
    command(*options)
    notes = read_manifest(tmp_path / "out" / "x")["notes"]
    assert any("blank edges are left out (rows: 0 at the top, 20 at the bottom;" in note for note in notes)
    command(*options, "--keep-burned-in")
    manifest = read_manifest(tmp_path / "out" / "x")
    assert manifest["settings"]["windows"]["keep_burned_in"] is True
    assert not any("left out (rows" in note for note in manifest["notes"])


def test_rotation_tolerance_is_a_setting(result: Result) -> None:
    options = ("--window", "24", "--step", "8", "--components", "1")
    assert result(*options)["settings"]["rotation"] == {"tolerant": False}
    assert result(*options, "--rotation-tolerant", "--fresh")["settings"]["rotation"] == {"tolerant": True}


def test_left_out_window_is_chosen_and_said(image: Path, tmp_path: Path) -> None:
    ran = command("run", image, "-o", tmp_path / "out", "--components", "2")
    window, step = read_manifest(tmp_path / "out" / "x")["window"], read_manifest(tmp_path / "out" / "x")["step"]
    assert f"window {window[0]}x{window[1]}, step {step[0]}x{step[1]}, " in ran.out
    assert "chosen by the advisor: " in ran.out


def test_components(result: Result) -> None:
    found = result("--window", 24, "--step", 12, "--components", 3)
    assert (found["n_components"], found["rule"]) == (3, "user")
    found = result("--window", 24, "--step", 12, "--components", "auto")
    assert found["rule"] == "regions"
    assert found["settings"]["rank"]["n_components"] == "auto"


def test_preset(result: Result) -> None:
    default, published = result(*FAST), result(*FAST, "--preset", "published")
    assert default["settings"]["spectra"] == msgspec.to_builtins(PRESETS["default"].spectra)
    assert published["settings"]["spectra"] == msgspec.to_builtins(PRESETS["published"].spectra)
    assert published["settings"]["preset"] == "published"
    assert published["settings"]["factorization"]["starts"] == list(PRESETS["published"].factorization.starts)
    assert published["reconstruction_error"] != default["reconstruction_error"]


def test_pixel_size_gives_the_unit_of_the_spots(result: Result, tmp_path: Path) -> None:
    found = result(*FAST, "--pixel-size", "0.5x0.25 nm")
    assert (found["pixel_size"], found["unit"], found["calibration_source"]) == ([0.5, 0.25], "nm", "--pixel-size")
    assert sorted(found["strongest_d_spacings"]) == pytest.approx([2.0, 2.5], rel=0.06)


def test_channel_by_number_and_name(image: Path, tmp_path: Path) -> None:
    first, second = np.load(image), np.load(image)[::-1] * 2
    np.savez(tmp_path / "two.npz", topography=first, current=second)
    channels = {"topography": first, "current": second}
    for option, name in (("0", "topography"), ("1", "current"), ("Current", "current"), ("topo", "topography")):
        output = tmp_path / option
        assert command("run", tmp_path / "two.npz", "-o", output, *FAST, "--channel", option).code == 0
        assert np.array_equal(load_record(output / f"two_{name}").image.data, channels[name])


def test_frame_one_and_all(image: Path, tmp_path: Path) -> None:
    stack = np.stack([np.load(image), np.load(image)[:, ::-1]])
    np.save(tmp_path / "s.npy", stack)
    assert command("run", tmp_path / "s.npy", "-o", tmp_path / "one", *FAST, "--frame", 1).code == 0
    assert np.array_equal(load_record(tmp_path / "one" / "s_f0001").image.data, stack[1])
    assert command("run", tmp_path / "s.npy", "-o", tmp_path / "all", *FAST, "--frame", "all").code == 0
    for frame in (0, 1):
        assert np.array_equal(load_record(tmp_path / "all" / f"s_f{frame:04d}").image.data, stack[frame])


def test_options_win_over_the_file_and_the_file_over_the_preset(result: Result, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        'preset = "published"\n[windows]\nsize = [30, 20]\nstep = [10, 10]\n'
        '[spectra]\nscaling = "log"\n[rank]\nn_components = 3\n'
    )
    from_file = result("--config", config)
    assert (from_file["window"], from_file["step"], from_file["n_components"]) == ([30, 20], [10, 10], 3)
    assert from_file["settings"]["preset"] == "published"
    assert from_file["settings"]["spectra"]["scaling"] == "log"
    assert from_file["settings"]["spectra"]["taper"] == PRESETS["published"].spectra.taper
    both = result("--config", config, "--window", 24, "--components", 2, "--preset", "default")
    assert (both["window"], both["step"], both["n_components"]) == ([24, 24], [10, 10], 2)
    assert both["settings"]["preset"] == "default"
    assert both["settings"]["spectra"]["scaling"] == "log"
    assert both["settings"]["spectra"]["taper"] == PRESETS["default"].spectra.taper


def test_the_settings_of_a_manifest_are_a_config_file(result: Result, tmp_path: Path) -> None:
    first = result(*FAST, "--preset", "published")
    lines = [f"preset = {json.dumps(first['settings'].pop('preset'))}"]
    for name, group in first["settings"].items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in group.items())]
    (tmp_path / "c.toml").write_text("\n".join(lines))
    assert tomllib.loads("\n".join(lines))["windows"]["size"] == [24, 20]
    again = result("--config", tmp_path / "c.toml", "--fresh")
    assert again["reconstruction_error"] == first["reconstruction_error"]


def test_fresh_and_resume(image: Path, tmp_path: Path) -> None:
    run = ("run", image, "-o", tmp_path / "out", *FAST)
    assert ", 2 components, as asked, window" not in command(*run).err
    assert f"{image}: unchanged, 2 components, as asked -> " in command(*run).out
    assert "unchanged" not in command(*run, "--fresh").out


def test_quiet_prints_only_errors(image: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.ones((60, 84)))
    inputs = (image, tmp_path / "flat.npy", tmp_path / "gone.tif")
    loud = command("run", *inputs, "-o", tmp_path / "out", *FAST)
    quiet = command("run", *inputs, "-o", tmp_path / "out", *FAST, "--fresh", "--quiet")
    assert loud.code == quiet.code == 3
    assert len(loud.out.splitlines()) >= 2
    assert "warning: " in loud.err
    assert quiet.out == ""
    (line,) = quiet.err.splitlines()
    assert line.startswith(f"{tmp_path / 'gone.tif'}: ")


def test_verbose_shows_tracebacks(tmp_path: Path) -> None:
    plain = command("run", tmp_path / "gone.tif", "-o", tmp_path / "out")
    verbose = command("run", tmp_path / "gone.tif", "-o", tmp_path / "out", "--verbose")
    assert plain.code == verbose.code == 1
    assert "Traceback" not in plain.err
    assert "Traceback (most recent call last):" in verbose.err


def test_folder_glob_and_equal_names(image: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "x.npy").write_bytes(image.read_bytes())
    ran = command("run", image, tmp_path / "more", f"{tmp_path}/m*/*.npy", "-o", tmp_path / "out", *FAST)
    assert ran.code == 0
    assert f"{tmp_path / 'more'}: 1 image file found." in ran.out
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {"x", "x-2"}


def test_inspect_lines_and_json(image: Path, tmp_path: Path) -> None:
    ran = command("inspect", image)
    assert ran.code == 0
    assert "60 x 84 float32, no pixel size" in ran.out
    assert "suggested: --window " in ran.out
    (plain,) = json.loads(command("inspect", image, "--json").out)
    assert plain["images"][0]["shape"] == [60, 84]
    assert plain["window"] is not None
    bad = command("inspect", image, tmp_path / "gone.tif")
    assert (bad.code, command("inspect", tmp_path / "gone.tif").code) == (3, 1)
    assert bad.err.startswith(f"{tmp_path / 'gone.tif'}: ")
    assert len(bad.err.splitlines()) == 1


def test_verify(result: Result, tmp_path: Path) -> None:
    result(*FAST)
    assert command("verify", tmp_path / "out") == Ran(0, f"{tmp_path / 'out'}: 1 of 1 results intact\n", "")
    (tmp_path / "out" / "x" / "notes.txt").write_text("mine")
    ran = command("verify", tmp_path / "out")
    assert (ran.code, ran.err) == (0, "")
    assert "notes.txt is not part of the result" in ran.out
    shutil.copytree(tmp_path / "out" / "x", tmp_path / "out" / "y")
    (tmp_path / "out" / "x" / "peaks.csv").write_text("made up")
    ran = command("verify", tmp_path / "out")
    assert (ran.code, ran.out.splitlines()[-1]) == (3, f"{tmp_path / 'out'}: 1 of 2 results intact")
    assert f"{tmp_path / 'out' / 'x'}: peaks.csv " in ran.err
    shutil.rmtree(tmp_path / "out" / "y")
    ran = command("verify", tmp_path / "out")
    assert ran.code == 1
    assert f"{tmp_path / 'out' / 'x'}: peaks.csv " in ran.err
    assert command("verify", tmp_path / "nowhere").code == 1


@pytest.mark.parametrize(("n_wrong", "code"), [(0, 0), (1, 1)])
def test_demo_prints_found_beside_true_and_is_honest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, n_wrong: int, code: int
) -> None:
    labels = np.zeros((200, 260), np.int16)
    labels[:, 130:] = 1
    scene = crystal_scene((fcc_gold(5.0), fcc_gold(32.0)), labels, pixel_size=(0.02, 0.02), dose=100)
    lines = (Comparison("area", "3 %", "3.1 %", is_right=True), Comparison("spots", "4", "5", is_right=not n_wrong))
    seen = []
    monkeypatch.setattr(fftscape.synthetic, "demo_scene", lambda: scene)
    monkeypatch.setattr(fftscape.batch.demo, "compare", lambda record, truth: seen.append((record, truth)) or lines)
    ran = command("demo", "-o", tmp_path / "demo")
    assert ran.code == code
    ((record, truth),) = seen
    assert np.array_equal(record.image.data, scene.image.data)
    assert truth is scene
    assert "area   3 %    3.1 %  right" in ran.out
    assert ("spots  4      5      WRONG" in ran.out) == bool(n_wrong)
    assert ("1 of 2 answers are wrong" in ran.err) == bool(n_wrong)
    assert ran.out.splitlines()[-1] == f"report: {tmp_path / 'demo' / 'demo' / 'report.html'}"


def test_the_demo_as_shipped_is_right(tmp_path: Path) -> None:
    ran = command("demo", "-o", tmp_path)
    assert ran.code == 0, ran.out
    assert "number of structures   3" in ran.out


def test_version() -> None:
    assert command("--version").out.split()[0] == "fftscape"


def test_a_fault_of_ours_costs_inspect_only_its_file(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = fftscape.batch.inspection.suggest_window

    def faulty(taken: Image) -> WindowAdvice:
        if taken.name == "odd":
            raise ZeroDivisionError("by zero")
        return original(taken)

    np.save(tmp_path / "odd.npy", np.load(image))
    monkeypatch.setattr(fftscape.batch.inspection, "suggest_window", faulty)
    ran = command("inspect", tmp_path / "odd.npy", image)
    assert ran.code == 3
    assert ran.err.startswith(f"{tmp_path / 'odd.npy'}: unexpected ZeroDivisionError: by zero ")
    assert ran.out.startswith(f"{image}: 1 image")


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("run x.tif -o out", [True]),
        ("run x.tif -o out --no-report", [False]),
        ("run --help", []),
        ("run x.tif -o out --scheduler local", []),
        ("run x.tif -o out --scheduler=local", []),
        ("inspect x.tif", []),
        ("", []),
    ],
)
def test_workers_are_made_ready_before_the_command_line_is_loaded(line, asked, monkeypatch):
    told = []
    monkeypatch.setattr("fftscape.batch.crew.get_ready", lambda *, drawing: told.append(drawing))
    _get_ready(line.split())
    assert told == asked
