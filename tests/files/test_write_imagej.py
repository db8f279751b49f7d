"""The TIFF stacks carry ImageJ's calibration, as tifffile reads it and as ImageJ itself does."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from fftscape.files.imagej import write_tiffs
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.records import Segmentation

IMAGEJ = Path("/usr/share/java/ij.jar")
PROBE = """
import ij.ImagePlus; import ij.io.Opener; import ij.measure.Calibration;
public class Probe { public static void main(String[] paths) { for (String path : paths) {
    ImagePlus image = new Opener().openImage(path);
    Calibration scale = image.getCalibration();
    int slices = image.getStackSize();
    System.out.println(String.join("|", "" + slices, "" + image.getBitDepth(), scale.getUnit(),
        "" + scale.pixelHeight, "" + scale.pixelWidth, "" + scale.getY(2), "" + scale.getX(3),
        image.getStack().getSliceLabel(slices).split("\\n")[0], "" + image.getStack().getProcessor(slices).getf(3, 2),
        image.getInfoProperty().split("\\n")[0]));
}}}
"""


def write(record: AnalysisRecord, folder: Path) -> dict[str, tifffile.TiffPage]:
    write_tiffs(record, folder)
    return {name: folder / f"{name}.tif" for name in ("loadings", "factors", "labels")}


def pixel_size(path: Path) -> tuple[float, float]:
    with tifffile.TiffFile(path) as file:
        (up, down), (right, left) = (file.pages[0].tags[f"{axis}Resolution"].value for axis in "YX")
    return down / up, left / right


def metadata(path: Path) -> dict[str, object]:
    with tifffile.TiffFile(path) as file:
        assert file.imagej_metadata is not None
        return file.imagej_metadata


def with_pixels(record: AnalysisRecord, unit: str, size: tuple[float, float]) -> AnalysisRecord:
    return dataclasses.replace(record, image=dataclasses.replace(record.image, unit=unit, pixel_size=size))


def test_values(made_record: AnalysisRecord, tmp_path: Path) -> None:
    paths = write(made_record, tmp_path)
    np.testing.assert_array_equal(tifffile.imread(paths["loadings"]), made_record.loadings)
    np.testing.assert_array_equal(tifffile.imread(paths["factors"]), made_record.factors)
    labels = tifffile.imread(paths["labels"])
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, made_record.labels + 1)
    assert labels[0, 0] == 0
    assert set(np.unique(labels)) == {0, 1, 2}


def test_calibration_as_tifffile_reads_it(made_record: AnalysisRecord, tmp_path: Path) -> None:
    paths = write(made_record, tmp_path)
    np.testing.assert_allclose(pixel_size(paths["loadings"]), (16 * 0.02, 20 * 0.025))
    np.testing.assert_allclose(pixel_size(paths["factors"]), (1 / (32 * 0.02), 1 / (24 * 0.025)))
    np.testing.assert_allclose(pixel_size(paths["labels"]), (0.02, 0.025))
    loadings, factors, labels = (metadata(path) for path in paths.values())
    assert (loadings["unit"], factors["unit"], labels["unit"]) == ("nm", "1/nm", "nm")
    assert (factors["yorigin"], factors["xorigin"]) == (16, 12)
    # A pixel's number minus the origin, times its size, is the window's centre: 15.5 and 11.5 image pixels.
    np.testing.assert_allclose([loadings["yorigin"], loadings["xorigin"]], [-15.5 / 16, -11.5 / 20])
    assert loadings["Labels"] == factors["Labels"] == ["component 1 (60.0 %)", "component 2 (40.0 %)"]
    assert "0 = no window covers the pixel" in labels["Info"]


def test_imagej_itself_agrees(made_record: AnalysisRecord, tmp_path: Path) -> None:
    if not (shutil.which("java") and shutil.which("javac") and IMAGEJ.is_file()):
        pytest.skip("ImageJ does not run here (Debian's imagej and a JDK are needed)")
    paths = write(made_record, tmp_path)
    (tmp_path / "Probe.java").write_text(PROBE)
    command = ["java", "-Djava.awt.headless=true", "-cp", str(IMAGEJ), str(tmp_path / "Probe.java")]
    found = subprocess.run([*command, *map(str, paths.values())], capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stderr
    loadings, factors, labels = (line.split("|") for line in found.stdout.splitlines())

    assert loadings[:3] == ["2", "32", "nm"]
    np.testing.assert_allclose([float(number) for number in loadings[3:5]], [0.32, 0.5])
    np.testing.assert_allclose([float(number) for number in loadings[5:7]], [47.5 * 0.02, 71.5 * 0.025])
    assert loadings[7] == "component 2 (40.0 %)"
    np.testing.assert_allclose(float(loadings[8]), made_record.loadings[1, 2, 3], rtol=1e-6)

    assert factors[:3] == ["2", "32", "1/nm"]
    np.testing.assert_allclose([float(number) for number in factors[5:7]], [-14 / 0.64, -9 / 0.6])
    np.testing.assert_allclose(float(factors[8]), made_record.factors[1, 2, 3], rtol=1e-6)

    assert labels[:3] == ["1", "8", "nm"]
    np.testing.assert_allclose([float(number) for number in labels[3:7]], [0.02, 0.025, 0.04, 0.075])
    assert labels[7:9] == ["labels", "0.0"]
    assert labels[9].startswith("fftscape labels")


@pytest.mark.parametrize(
    ("unit", "size", "written", "factor"),
    [
        ("um", (0.5, 0.25), "micron", 1),
        ("px", (1.0, 1.0), "pixel", 1),
        ("1/nm", (0.5, 0.25), "1/nm", 1),
        ("Å", (0.5, 0.25), "\\u00C5", 1),  # ImageJ's own escape
        ("m", (2e-10, 3e-10), "1e-10 m", 1e10),
        ("nm", (2e9, 3e9), "1e+09 nm", 1e-9),
    ],
)
def test_units(made_record: AnalysisRecord, tmp_path: Path, unit: str, size: tuple[float, float], written: str,
               factor: float) -> None:  # fmt: skip
    path = write(with_pixels(made_record, unit, size), tmp_path)["labels"]
    assert metadata(path)["unit"] == written
    np.testing.assert_allclose(pixel_size(path), (size[0] * factor, size[1] * factor), rtol=1e-6)


def test_factors_of_pixels_in_metres(made_record: AnalysisRecord, tmp_path: Path) -> None:
    path = write(with_pixels(made_record, "m", (2e-10, 3e-10)), tmp_path)["factors"]
    assert metadata(path)["unit"] == "1e+08 1/m"
    np.testing.assert_allclose(pixel_size(path), (1 / (32 * 0.02), 1 / (24 * 0.03)), rtol=1e-6)


def test_one_component_and_no_valid_window(made_record: AnalysisRecord, tmp_path: Path) -> None:
    record = dataclasses.replace(
        made_record,
        factors=made_record.factors[:1],
        loadings=np.full((1, 5, 7), np.nan, np.float32),
        shares=np.array([np.nan]),
        segmentation=Segmentation(
            np.full((90, 131), -1, np.int16),
            np.full((90, 131), np.nan, np.float32),
            np.array([np.nan]),
            np.array([np.nan]),
            16.0,
        ),
    )
    paths = write(record, tmp_path)
    assert np.isnan(tifffile.imread(paths["loadings"])).all()
    assert not tifffile.imread(paths["labels"]).any()


def test_more_components_than_a_byte_counts(made_record: AnalysisRecord, tmp_path: Path) -> None:
    record = dataclasses.replace(
        made_record,
        factors=np.ones((300, 32, 24), np.float32),
        loadings=np.ones((300, 5, 7), np.float32),
        shares=np.full(300, 1 / 300),
        segmentation=Segmentation(
            np.full((90, 131), 299, np.int16), np.ones((90, 131), np.float32), np.zeros(300), np.zeros(300), 16.0
        ),
    )
    assert (tifffile.imread(write(record, tmp_path)["labels"]) == 300).all()


def test_equal_records_give_equal_bytes(made_record: AnalysisRecord, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = write(made_record, tmp_path / "a")
    time.sleep(1.1)  # TIFF's time stamps count seconds
    second = write(made_record, tmp_path / "b")
    assert [path.read_bytes() for path in first.values()] == [path.read_bytes() for path in second.values()]
