"""Bad input through a real process: one sentence on stderr, the right exit code, no traceback, nothing lost."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import fftscape as fs
from fftscape.cli.commands import main
from fftscape.files.result_folder import STAGING, check

DRAWN = ("--window", "24x20", "--step", "12", "--components", "2")
FAST = (*DRAWN, "--no-report")
# Images of a run that is to be going on still when something happens to it.
MANY = 120


def fftscape(*arguments: object, first_path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command; modules in `first_path` come before all others, in its workers too."""
    paths = [str(first_path)] if first_path else []
    places = os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])])
    ran = subprocess.run(
        [sys.executable, "-m", "fftscape", *map(str, arguments)],
        capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "PYTHONPATH": places},
    )  # fmt: skip
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran


Called = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Called:
    """The same in this process, for the many ways to be wrong before anything begins; starting one takes a second."""

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        listed = [str(argument) for argument in arguments]
        monkeypatch.setattr(sys, "argv", ["fftscape", *listed])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(listed, ended.value.code or 0, out, err)

    return call


def stripes() -> np.ndarray:
    y, x = np.mgrid[:60, :84]
    return np.where(x < 42, np.sin(2 * np.pi * x / 8), np.sin(2 * np.pi * y / 5)).astype(np.float32)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """An image that works."""
    np.save(tmp_path / "good.npy", stripes())
    return tmp_path / "good.npy"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("run", "x.tif"), "--output"),
        (("run", "-o", "out"), "INPUT"),
        (("run", "x.tif", "-o", "out", "--job", "4"), "No such option: --job"),
        (("run", "-x.tif", "-o", "out"), "No such option: -x; a name that begins with '-' is written './-name'; see"),
        (("run", "x.tif", "-o", "out", "--jobs", "0"), "--jobs must be a whole number from 1, not '0'."),
        (("run", "x.tif", "-o", "out", "--jobs", "all"), "--jobs must be a whole number from 1, not 'all'."),
        (("run", "x.tif", "-o", "out", "--part", "3/2"), "--part must be i/n with i from 1 to n (2/8), not '3/2'."),
        (("run", "x.tif", "-o", "out", "--memory", "much"), "--memory must be a size with its unit (2GiB, 800MB)"),
        (("run", "x.tif", "-o", "out", "--memory", "2"), "--memory must be at least 640 MiB, for one worker"),
        (("run", "x.tif", "-o", "out", "--window"), "--window"),
        (("run", "x.tif", "-o", "out", "--window", "big"), "--window"),
        (("run", "x.tif", "-o", "out", "--window", "1x2x3"), "--window"),
        (
            ("run", "x.tif", "-o", "out", "--window", "0"),
            "--window must be a number of pixels from 1 (64) or height x width (64x96), not '0'",
        ),
        (("run", "x.tif", "-o", "out", "--step", "-3"), "--step must be a number of pixels from 1"),
        (("run", "x.tif", "-o", "out", "--components", "many"), "--components"),
        (
            ("run", "x.tif", "-o", "out", "--components", "0"),
            "--components must be a whole number from 1 or 'auto', not '0'",
        ),
        (("run", "x.tif", "-o", "out", "--preset", "best"), "default, published"),
        (
            ("run", "x.tif", "-o", "out", "--pixel-size", "3"),
            "--pixel-size: '3' is not a pixel size; give a positive number with a unit",
        ),
        (("run", "x.tif", "-o", "out", "--pixel-size", "-1 nm"), "'-1 nm'"),
        (("run", "x.tif", "-o", "out", "--frame", "last"), "--frame"),
        (("run", "x.tif", "-o", "out", "--frame", "-1"), "--frame must be a whole number from 0 or 'all', not '-1'"),
        (("run", "x.tif", "-o", "out", "--config", "no such.toml"), "no such.toml"),
        (("analyse", "x.tif"), "analyse"),
        (("verify",), "OUT"),
    ],
)
def test_wrong_usage_is_2_and_names_the_option(called: Called, arguments: tuple[str, ...], named: str) -> None:
    ran = called(*arguments)
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line.startswith("fftscape: ")
    assert named in line
    assert "Invalid value" not in line
    assert ran.stdout == ""


@pytest.fixture
def dashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_process: None) -> Path:
    """Images whose names begin like options, in the working directory."""
    folder = tmp_path / "-folder"
    folder.mkdir()
    for name in ("-leading-dash.npy", "-old.npy", "-holes.npy", "--part.npy", "-folder/-leading-dash.npy"):
        np.save(tmp_path / name, stripes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("inputs", "image"),
    [
        (("./-leading-dash.npy",), "-leading-dash.npy"),
        (("./-old.npy",), "-old.npy"),
        (("--", "-leading-dash.npy"), "-leading-dash.npy"),
        (("--", "--part.npy"), "--part.npy"),
        (("./-folder",), "-folder/-leading-dash.npy"),
        (("./-l*.npy",), "-leading-dash.npy"),
        (("--", "-l*.npy"), "-leading-dash.npy"),
    ],
)
def test_a_name_that_begins_like_an_option_is_a_name(
    called: Called, dashed: Path, inputs: tuple[str, ...], image: str
) -> None:
    ran = called("run", "-o", "-out", *FAST, *inputs)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"{image}: 2 components, as asked" in ran.stdout
    assert check(dashed / "-out" / Path(image).stem) == ()
    ran = called("inspect", *inputs)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "60 x 84 float32" in ran.stdout
    assert called("verify", "./-out").returncode == 0
    assert fs.analyze(fs.read(image), window=24, step=12).image.name == Path(image).stem


@pytest.mark.parametrize("name", ["-leading-dash.npy", "-old.npy", "-holes.npy", "--part.npy", "-folder"])
@pytest.mark.parametrize("command", ["run", "inspect", "verify"])
def test_a_name_that_is_read_as_options_is_said(called: Called, dashed: Path, command: str, name: str) -> None:
    ran = called(command, name)
    said = f"fftscape: '{name}' begins like an option, but a file has this name; to name the file, write './{name}'.\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", said)


def test_wrong_usage_of_a_real_process() -> None:
    ran = fftscape("run", "x.tif", "-o", "out", "--jobs", "0")
    said = "fftscape: --jobs must be a whole number from 1, not '0'.\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", said)


def test_no_command_at_all_is_2_and_the_help() -> None:
    ran = fftscape()
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "inspect  Show shape, calibration, channels" in ran.stderr


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[windows\n", "TOML"),
        ("[windows]\nsise = [3, 3]\n", "sise"),
        ('[spectra]\ntaper = "kaiser"\n', "spectra.taper"),
        ('preset = "best"\n', "'best'"),
        ("preset = [1]\n", "[1]"),
        ("windows = 3\n", "windows"),
        ("[rank]\nseed = -1\n", "rank.seed"),
        ("[rank]\nmargin = inf\n", "margin"),
        ("[rank]\nmargin = nan\n", "margin"),
        ("[factorization]\nseed = -1\n", "factorization.seed"),
        ("[factorization]\nstarts = []\n", "factorization.starts"),
        ("[factorization]\ntolerance = inf\n", "tolerance"),
    ],
)
def test_a_bad_config_file_is_2_and_names_the_setting(
    called: Called, good: Path, tmp_path: Path, text: str, named: str
) -> None:
    (tmp_path / "c.toml").write_text(text)
    ran = called("run", good, "-o", tmp_path / "out", "--config", tmp_path / "c.toml")
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"fftscape: --config {tmp_path / 'c.toml'}")
    assert named in line
    assert not (tmp_path / "out").exists()


def write_bad(path: Path) -> None:
    """Write the bad input that the file's name speaks of."""
    kind = path.stem
    if kind == "unknown format":
        path.write_bytes(b"\x01\x02\x03\x04" * 100)
    elif kind == "empty file":
        path.touch()
    elif kind == "all NaN":
        np.save(path, np.full((60, 84), np.nan))
    elif kind == "smaller than the window":
        np.save(path, stripes()[:20])
    elif kind == "folder":
        path.mkdir()
    elif kind == "link to itself":
        path.symlink_to(path.name)


BAD = {
    "missing.tif": "there is no such file",
    "unknown format.xyz": "neither its content nor its suffix",
    "empty file.tif": "empty",
    "all NaN.npy": "no pixel holds a finite number",
    "smaller than the window.npy": "window",
    "folder": "holds no image file",
    "link to itself.tif": "symbolic links",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_alone_is_one_sentence_and_1(called: Called, in_process: None, tmp_path: Path, name: str) -> None:
    bad = tmp_path / name
    write_bad(bad)
    ran = called("run", bad, "-o", tmp_path / "out", *FAST)
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"{bad}: ")
    assert line.count(str(bad)) == 1
    assert BAD[name] in line


def test_forty_nine_bad_images_never_cost_the_good_one(good: Path, tmp_path: Path) -> None:
    inputs = [tmp_path / f"{number}" / name for number in range(7) for name in BAD]
    for path in inputs:
        path.parent.mkdir(exist_ok=True)
        write_bad(path)
    output = tmp_path / "out"
    ran = fftscape("run", *inputs[:20], good, *inputs[20:], "-o", output, *FAST)
    assert ran.returncode == 3
    assert check(output / "good") == ()
    assert f"{good}: 2 components, as asked" in ran.stdout
    assert ran.stdout.splitlines()[-1] == f"1 done, 49 failed; gallery: {output / 'index.html'}"
    with (output / "failures.csv").open(encoding="utf-8", newline="") as file:
        header, *failures = csv.reader(file)
    assert header == ["image", "reason"]
    # The table is in the order of the inputs, but for folders without images; lines come as images end.
    assert sorted(f"{image}: {reason}" for image, reason in failures) == sorted(ran.stderr.splitlines())
    order = sorted(inputs, key=lambda path: path.name != "folder")
    assert [image for image, _ in failures] == [str(path) for path in order]
    for image, reason in failures:
        assert BAD[Path(image).name] in reason


def test_quiet_says_nothing_where_nothing_is_wrong(good: Path, tmp_path: Path) -> None:
    ran = fftscape("run", good, "-o", tmp_path / "out", "--quiet", *FAST)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_a_missing_extra_names_the_command_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "x.mrc").write_bytes(b"\0" * 2000)
    # Stands where the library is: importing it fails as if it were not installed.
    (tmp_path / "rsciio.py").write_text("raise ModuleNotFoundError(\"No module named 'rsciio'\", name='rsciio')")
    ran = fftscape("run", tmp_path / "x.mrc", "-o", tmp_path / "out", first_path=tmp_path)
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"{tmp_path / 'x.mrc'}: ")
    assert "fftscape[em]" in line


def test_constant_image_is_one_component_and_a_warning(called: Called, in_process: None, tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.full((60, 84), 7.0))
    ran = called("run", tmp_path / "flat.npy", "-o", tmp_path / "out", "--no-report")
    assert ran.returncode == 0
    assert ran.stdout.startswith(f"{tmp_path / 'flat.npy'}: no structure: all pixels are equal, window ")
    assert any("warning: " in line and "all pixels are equal" in line for line in ran.stderr.splitlines())


def test_partly_nan_image_is_analysed_with_a_warning(called: Called, in_process: None, tmp_path: Path) -> None:
    image = stripes()
    image[:30, :42] = np.nan
    np.save(tmp_path / "part.npy", image)
    ran = called("run", tmp_path / "part.npy", "-o", tmp_path / "out", *FAST)
    assert ran.returncode == 0
    assert any("warning: " in line and "pixels without data" in line for line in ran.stderr.splitlines())


def test_an_image_too_large_for_the_memory_is_refused_from_its_header(tmp_path: Path) -> None:
    header = np.lib.format.header_data_from_array_1_0(np.empty((0, 8000), np.uint8)) | {"shape": (12_000, 8000)}
    with (tmp_path / "vast.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 12_000 * 8000)  # sparse
    ran = fftscape("run", tmp_path / "vast.npy", "-o", tmp_path / "out", "--window", "32", "--step", "2",
                   "--memory", "1GiB")  # fmt: skip
    assert (ran.returncode, ran.stderr) == (
        1,
        f"{tmp_path / 'vast.npy'}: needs more than the 1 GiB of memory that this run may take (7.08 GiB at least, for "
        "12000 x 8000 pixels and 24,000,000 windows); give a larger --memory, a larger --step, or a part of the "
        "image.\n",
    )


def test_unwritable_output_fails_at_once(called: Called, in_process: None, good: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for output in (tmp_path / "file", tmp_path / "file" / "out", "/proc/fftscape-out"):
        ran = called("run", good, "-o", output)
        assert ran.returncode == 1
        (line,) = ran.stderr.splitlines()
        assert line.startswith("fftscape: ")
        assert str(output) in line
        assert ran.stdout == ""
        if output != "/proc/fftscape-out":
            assert line.endswith(f"; {tmp_path / 'file'} is a file, choose another folder.")
    assert called("demo", "-o", tmp_path / "file").returncode == 1
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_file_name_cannot_forge_lines(called: Called, in_process: None, tmp_path: Path) -> None:
    odd = tmp_path / "a\nfake.tif: 9 structures\x1b[2J.tif"
    odd.touch()
    ran = called("run", odd, "-o", tmp_path / "out")
    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1
    assert "\x1b" not in ran.stderr


def start_long_run(good: Path, output: Path, **streams: int) -> subprocess.Popen[str]:
    """Start a run of many images; returns when the first is done."""
    inputs = []
    for number in range(MANY):
        path = good.with_name(f"image {number:03d}.npy")
        np.save(path, stripes() + number)
        inputs.append(str(path))
    command = [sys.executable, "-m", "fftscape", "run", *inputs, "-o", str(output), *DRAWN]
    return subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **streams
    )


def nothing_of_it_lives(process: subprocess.Popen[str], seconds: float = 60) -> bool:
    """Tell whether all processes of a run go by themselves; the time is that of a very busy machine."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def ended_processor_seconds() -> float:
    """Return the processor time of all ended processes that this one started."""
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def processor_seconds(pid: int) -> float:
    """Return the processor time of a living process; more than any where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("inf")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.long)]
)
def test_signals_end_soon_keep_what_is_done_and_can_be_resumed(
    good: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    output = tmp_path / "out"
    before = ended_processor_seconds()
    process = start_long_run(good, output)
    assert process.stdout is not None
    first = process.stdout.readline()
    until_signal = processor_seconds(process.pid)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    # The promise is 5 s of a machine at rest. Processor time says the same on a busy one.
    assert ended_processor_seconds() - before - until_signal < 5
    assert nothing_of_it_lives(process)
    assert process.returncode == code, err
    assert len(err.splitlines()) == 1
    assert "run the same command again" in err
    assert not list(output.glob(f"{STAGING}*"))
    with (output / "summary.csv").open(encoding="utf-8", newline="") as file:
        done = list(csv.DictReader(file))
    assert first.partition(": ")[0] in [row["image"] for row in done]
    assert 1 <= len(done) < MANY
    again = fftscape("run", done[0]["image"], "-o", output, *FAST)
    assert (again.returncode, "unchanged" in again.stdout) == (0, True)


def has_begun_to_load(process: subprocess.Popen[str]) -> bool:
    """Tell whether the process that workers are forked from is there, and so far that Python would hear of Ctrl-C."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            status = dict(line.split(":\t", 1) for line in (entry / "status").read_text().splitlines())
            is_child = int(status["PPid"]) == process.pid and b"forkserver" in (entry / "cmdline").read_bytes()
            if is_child and int(status["SigCgt"], 16) & 1 << signal.SIGINT - 1:
                return True
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")
def test_ctrl_c_is_one_line_also_while_workers_load(good: Path, tmp_path: Path) -> None:
    process = start_long_run(good, tmp_path / "out")
    while not has_begun_to_load(process):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (130, "")
    assert err == "fftscape: interrupted; run the same command again to go on.\n"
    assert nothing_of_it_lives(process)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_killed_run_leaves_no_process_and_goes_on_where_it_was(good: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    process = start_long_run(good, output)
    assert process.stdout is not None
    first = process.stdout.readline().partition(": ")[0]
    process.kill()
    process.communicate(timeout=300)
    assert nothing_of_it_lives(process)
    again = fftscape("run", first, good, "-o", output, *FAST)
    assert again.returncode == 0
    assert f"{first}: unchanged, " in again.stdout
    assert not list(output.glob(".*"))


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_closed_pipe_ends_without_a_traceback(good: Path, tmp_path: Path) -> None:
    process = start_long_run(good, tmp_path / "out")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=300) == 141
    assert nothing_of_it_lives(process)
    assert process.stderr.read() == ""
    process.stderr.close()
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as file:
        assert 1 <= len(list(csv.DictReader(file))) < MANY


def test_a_terminal_without_unicode_costs_nothing(good: Path, tmp_path: Path) -> None:
    (tmp_path / "µm.npy").write_bytes(good.read_bytes())
    ran = subprocess.run(
        [sys.executable, "-m", "fftscape", "inspect", str(tmp_path / "µm.npy")],
        capture_output=True, timeout=120, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert ran.returncode == 0
    assert b"\\xb5m.npy: 1 image" in ran.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, runpy; sys.argv = ['fftscape', '--help']\n"
        "try: runpy.run_module('fftscape', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'scipy', 'matplotlib', 'rich', 'tifffile', 'zarr', 'h5py', 'PIL', 'jinja2', 'tomllib'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ran.stderr.strip() == "[]"
    for command in ("run", "inspect", "demo", "verify"):
        assert command in ran.stdout
