"""Every real image beside the checkout: shape, type and pixel size as data/README.md gives them."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from fftscape.files.formats import SUFFIXES, count_frames, list_images, read
from fftscape.model.errors import BackendUnavailableError, FftscapeError

IN_NM = {"pm": 1e-3, "nm": 1.0, "um": 1e3, "mm": 1e6, "m": 1e9, "1/nm": 1.0}
NONE = (None, "px")

# file, shape, dtype, (pixel size in nm or 1/nm, unit as read), number of frames
IMAGES = [
    ("stem/ni_m3b2_interface_1024.tif", (1024, 1024), "uint8", NONE, 1),
    ("stem/hea_hrtem_1024.npy", (1024, 1024), "uint16", NONE, 1),
    ("stem/cdte_tilt_gb.dm3", (512, 512), "float32", (0.016388, "nm"), 1),
    ("stem/au_grain_boundary_512.png", (512, 512), "uint8", NONE, 1),
    ("stem/sto_haadf_1024.ser", (1024, 1024), "uint16", (0.010013, "nm"), 1),
    ("stem/mos2_haadf_7nm.npy", (512, 512), "float64", (7 / 512, "nm"), 1),
    ("stem/oxide_film_stack.dm4", (512, 512), "float32", (0.058594, "nm"), 1),
    ("stem/lattice_dark_band_256.png", (256, 256), "uint8", NONE, 1),
    ("stem/soot_hrtem_fringes_1024.png", (1024, 1024), "uint8", NONE, 1),
    ("stem/cross_grating_tem_512.tif", (512, 512), "uint8", (16.912, "um"), 1),
    ("stem/atomap_adf_400x380.hdf5", (400, 380), "float16", NONE, 1),
    ("spm/febr2_au111_4nm.sxm", (256, 256), "float32", (4 / 256, "nm"), 1),
    ("spm/cu2o_111_stm_15nm.txt", (512, 512), "float64", (15 / 512, "nm"), 1),
    ("spm/molecules_on_graphene_4nm.sxm", (256, 256), "float32", (4 / 256, "nm"), 1),
    ("spm/rgo_current_afm_15nm.tif", (915, 915), "uint16", (15 / 915, "nm"), 1),
    ("spm/pzt_pfm_domains_2um.h5", (256, 256), "float32", (2000 / 255, "nm"), 1),
    ("spm/pfm_domains_5um.ibw", (256, 256), "float32", (19.6, "nm"), 1),
    ("spm/colloid_afm_15um.004", (256, 256), "int16", (58.6, "um"), 1),
    ("spm/wsxm_500nm.top", (512, 512), "int16", (0.9766, "nm"), 1),
    ("spm/gwyddion_test.gwy", (128, 128), "float64", NONE, 1),
    ("sem/zeiss_grain_boundary_50kx.tif", (384, 512), "uint8", (11.65, "nm"), 1),
    ("sem/zeiss_grains_105x.tif", (768, 1024), "uint8", (2615, "um"), 1),
    ("sem/superalloy_two_gamma_prime_15kx.tif", (512, 512), "uint8", NONE, 1),
    ("sem/superalloy_etched_45kx_rgb48.tif", (512, 512), "uint16", NONE, 1),
    ("sem/rbc_cytoskeleton_250kx_fei.tif", (1094, 1536), "uint8", (1.07917, "nm"), 1),
    ("sem/silver_dendrites_100kx_sis.tif", (968, 1296), "uint8", (2.2474, "nm"), 1),
    ("fluo/hela_cells_3ch_16bit.tif", (512, 672), "float32", (51.493, "um"), 1),
    ("fluo/bpae_actin_float32.tif", (680, 1100), "float32", NONE, 1),
    ("fluo/drosophila_kc167_nuclei.tif", (340, 340), "uint16", NONE, 1),
    ("fluo/maize_root_clsm.tif", (640, 639), "uint8", NONE, 1),
    ("photo/starry_night.jpg", (1014, 1280), "float32", NONE, 1),
    ("photo/camera.png", (512, 512), "uint8", NONE, 1),
    ("photo/brick.png", (512, 512), "uint8", NONE, 1),
    ("photo/grass.png", (512, 512), "uint8", NONE, 1),
    ("photo/gravel.png", (512, 512), "uint8", NONE, 1),
    ("series/cell_migration_48f.tif", (130, 130), "uint16", NONE, 48),
    ("series/membrane_timelapse_5f.tif", (256, 256), "uint16", NONE, 5),
    ("series/stem_drift_5f.ser", (128, 128), "uint16", (0.38435, "nm"), 5),
    ("vendor/dm3_haadf_plus_plot.dm3", (512, 512), "uint16", (0.017752, "nm"), 1),
    ("vendor/dm3_diffraction.dm3", (87, 87), "int32", (0.17443, "1/nm"), 1),
    ("vendor/dm3_german_locale.dm3", (4, 16), "uint16", (5.506, "nm"), 1),
    ("vendor/dm3_stack.dm3", (2, 16), "uint32", (59.98, "um"), 3),
    ("vendor/dm4_2x2.dm4", (2, 2), "int16", NONE, 1),
    ("vendor/emi_ser/TEM_search.emi", (128, 128), "int32", (5.2612, "nm"), 1),
    ("vendor/emi_ser/TEM_search_1.ser", (128, 128), "int32", (5.2612, "nm"), 1),
    ("vendor/velox_haadf_512.emd", (512, 512), "uint16", (5.3024, "nm"), 1),
    ("vendor/velox_tem_stack.emd", (3, 3), "int16", (0.0081729, "nm"), 2),
    ("vendor/velox_complex_fft.emd", (3, 4), "float32", (0.0980158, "1/nm"), 1),
    ("vendor/berkeley_emd.emd", (3, 3), "int32", NONE, 1),
    ("vendor/bruker_hitachi.bcf", (240, 320), "uint16", NONE, 1),
    ("vendor/phenom.elid", (35, 40), "uint8", (812.042, "um"), 1),
    ("vendor/jeol_view.img", (512, 512), "uint8", (8.691, "nm"), 1),
    ("vendor/digitalsurf_pillars.sur", (128, 128), "float64", (82.5, "nm"), 1),
    ("vendor/nexus_simple.nxs", (40, 40), "float64", NONE, 15),
    ("vendor/semper_int16.unf", (4, 4), "int16", NONE, 1),
    ("vendor/tvips_movie_000.tvips", (4, 5), "uint16", (1.0, "1/nm"), 6),
    ("vendor/ripple_u2.rpl", (2, 3), "uint16", NONE, 1),
    ("vendor/ripple_u2.raw", (2, 3), "uint16", NONE, 1),
    ("vendor/tiff_olympus_sis.tif", (101, 112), "uint16", (0.0239279, "nm"), 1),
    ("vendor/tiff_saved_by_dm.tif", (68, 68), "int32", (168.67, "um"), 1),
    ("vendor/tiff_saved_by_imagej_stack.tif", (68, 68), "float32", (168.6747, "um"), 2),
    ("vendor/tiff_axiovision.tif", (10, 13), "float32", NONE, 1),
    ("vendor/tiff_fei_helios_black.tif", (471, 512), "uint8", (3372.4, "um"), 1),
    ("vendor/agx_rosettasciio_fails.dm3", (1024, 1024), "uint16", (1.2133, "nm"), 1),
    ("vendor/jeol_np_haadf.dm4", (112, 112), "float32", (1.2490, "nm"), 1),
    ("vendor/sio2_spheres.hspy", (128, 128), "float32", (8.5524, "nm"), 1),
    ("vendor/mrc_stack.mrc", (128, 128), "float32", (0.2, "nm"), 3),
    ("truth/texture_mosaic.png", (512, 512), "uint8", NONE, 1),
    ("truth/sto_polycrystal.tif", (768, 768), "uint16", (0.01001, "nm"), 1),
    ("truth/mos2_disordering_series.tif", (256, 256), "uint8", (0.01367, "nm"), 10),
]
# A scan of diffraction patterns; RosettaSciIO opens it only with scikit-image beside it.
REFUSED = ["vendor/blockfile.blo"]
NOT_IMAGES = {"stem/mos2_haadf_7nm.json", "spm/rgo_current_afm_15nm.json"}
FOLDERS = ("stem", "spm", "sem", "fluo", "photo", "series", "vendor", "vendor/emi_ser")
EXTRAS = {
    ".ser": "rsciio", ".emi": "rsciio", ".mrc": "rsciio", ".bcf": "rsciio", ".elid": "rsciio", ".blo": "rsciio",
    ".img": "rsciio", ".sur": "rsciio", ".unf": "rsciio", ".tvips": "rsciio", ".rpl": "rsciio", ".raw": "rsciio",
    ".ibw": "igor2",
}  # fmt: skip


def _skip_without_library(name: str) -> None:
    library = EXTRAS.get(Path(name).suffix)
    if library and importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")


def test_no_image_of_the_folder_is_forgotten(shared_data):
    listed = {name for name, *_ in IMAGES} | set(REFUSED) | NOT_IMAGES
    there = {
        path.relative_to(shared_data).as_posix()
        for folder in FOLDERS
        for path in (shared_data / folder).iterdir()
        if path.is_file()
    }
    assert there - listed == set()


@pytest.mark.parametrize(("name", "shape", "dtype", "pixel", "n_frames"), IMAGES, ids=[row[0] for row in IMAGES])
def test_reads_as_the_readme_says(shared_data, name, shape, dtype, pixel, n_frames):
    _skip_without_library(name)
    path = shared_data / name

    image = read(path)

    assert image.data.shape == shape
    assert image.data.dtype == np.dtype(dtype)
    assert image.data.dtype.isnative
    size, unit = pixel
    assert image.unit == unit
    if size is None:
        assert image.pixel_size == (1.0, 1.0)
        assert not image.is_calibrated
    else:
        assert image.pixel_size[0] * IN_NM[unit] == pytest.approx(size, rel=6e-4)
        assert image.pixel_size[1] == pytest.approx(image.pixel_size[0], rel=1e-6)
        assert "none" not in image.calibration_source
    assert count_frames(path) == n_frames
    assert any("frames" in note for note in image.notes) == (n_frames > 1)
    assert image.name == path.stem
    assert image.source == str(path)
    assert json.loads(json.dumps(image.metadata)) == image.metadata
    defaults = [info for info in list_images(path) if info.is_default]
    assert [(info.shape, info.n_frames) for info in defaults] == [(shape, n_frames)]


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_sentence(shared_data, name):
    if importlib.util.find_spec("skimage"):
        pytest.skip("with scikit-image the file opens")
    _skip_without_library(name)
    with pytest.raises(BackendUnavailableError, match=rf"{name}: .*pip install scikit-image"):
        read(shared_data / name)


def test_pixels_of_a_dm3_that_rosettasciio_cannot_read(shared_data):
    # "Dark round AgX crystals, clumped, on a bright film"
    image = read(shared_data / "vendor/agx_rosettasciio_fails.dm3")
    assert np.median(image.data) > image.data.mean() > np.percentile(image.data, 15)
    assert image.metadata["Microscope Info"]


@pytest.mark.parametrize("name", [row[0] for row in IMAGES if row[0].endswith(("dm3", "dm4")) and "agx" not in row[0]])
def test_dm_pixels_equal_those_of_rosettasciio(shared_data, name):
    reader = pytest.importorskip("rsciio.digitalmicrograph")
    expected = next(item["data"] for item in reader.file_reader(str(shared_data / name)) if item["data"].ndim > 1)
    frames = [read(shared_data / name, frame=k).data for k in range(count_frames(shared_data / name))]
    np.testing.assert_array_equal(np.reshape(frames, expected.shape), expected)


@pytest.mark.parametrize(
    "name", ["vendor/velox_haadf_512.emd", "vendor/velox_tem_stack.emd", "vendor/sio2_spheres.hspy"]
)
def test_hdf5_pixels_equal_those_of_rosettasciio(shared_data, name):
    reader = pytest.importorskip("rsciio.emd" if name.endswith("emd") else "rsciio.hspy")
    expected = np.asarray(reader.file_reader(str(shared_data / name))[0]["data"])
    frames = [read(shared_data / name, frame=k).data for k in range(count_frames(shared_data / name))]
    np.testing.assert_array_equal(np.reshape(frames, expected.shape), expected)


def test_zeiss_pixel_size_is_that_of_the_saved_size(shared_data):
    image = read(shared_data / "sem/zeiss_grain_boundary_50kx.tif")
    assert image.calibration_source == "Zeiss tag 34118, scaled to the saved size"
    assert any("5.825 nm" in note and "1024" in note and "512" in note for note in image.notes)
    # The palette is grey but for annotation colours: the micrograph comes through unchanged, and
    # the data bar's white, which is number 243, becomes 255.
    raw = tifffile.imread(shared_data / "sem/zeiss_grain_boundary_50kx.tif")
    np.testing.assert_array_equal(image.data[:340], raw[:340])
    assert set(image.data[raw == 243]) == {255}


def test_scale_without_a_unit_is_not_believed(shared_data):
    image = read(shared_data / "stem/atomap_adf_400x380.hdf5")
    assert any("0.00932627" in note and "without a unit" in note for note in image.notes)


@pytest.mark.parametrize("name", ["febr2_au111_4nm", "molecules_on_graphene_4nm"])
def test_backward_scans_lie_like_forward_scans(shared_data, name):
    forward = read(shared_data / f"spm/{name}.sxm", channel="Z forward").data
    backward = read(shared_data / f"spm/{name}.sxm", channel="Z backward").data
    alike = np.corrcoef(forward.ravel(), backward.ravel())[0, 1]
    mirrored = np.corrcoef(forward.ravel(), backward[:, ::-1].ravel())[0, 1]
    assert alike > 0.95
    assert alike > mirrored + 0.05


def test_the_island_edge_is_at_the_bottom_of_a_downward_scan(shared_data):
    # "Island ...; island edge and substrate at the bottom"
    image = read(shared_data / "spm/febr2_au111_4nm.sxm")
    assert np.median(image.data[:100]) > np.median(image.data[-15:])
    assert [info.channel for info in list_images(shared_data / "spm/febr2_au111_4nm.sxm")] == [
        "Z forward", "Z backward", "Current forward", "Current backward",
    ]  # fmt: skip


def test_the_vacancy_of_the_colloid_crystal_is_upper_left(shared_data):
    data = read(shared_data / "spm/colloid_afm_15um.004").data.astype(float)
    # The spheres repeat every 9 px, so the mean over a 9 x 9 px box is lowest at the vacancy.
    box = np.ones(9) / 9
    smooth = np.apply_along_axis(np.convolve, 0, np.apply_along_axis(np.convolve, 1, data, box, "same"), box, "same")
    rows, columns = np.mgrid[:256, :256]
    design = np.stack([np.ones(65536), *(rows.ravel() ** i * columns.ravel() ** j for i, j in
                       ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (3, 0), (0, 3), (2, 1), (1, 2)))], axis=1)  # fmt: skip
    flat = smooth - (design @ np.linalg.lstsq(design, smooth.ravel(), rcond=None)[0]).reshape(256, 256)
    y, x = np.unravel_index(np.argmin(flat[15:-15, 15:-15]), (226, 226))
    assert y + 15 < 128
    assert x + 15 < 128


def test_fluorescence_channels_can_be_chosen(shared_data):
    path = shared_data / "fluo/hela_cells_3ch_16bit.tif"
    raw = tifffile.imread(path)
    assert [info.channel for info in list_images(path)] == ["red", "green", "blue", "luminance"]
    for index, name in enumerate(("red", "green", "blue")):
        np.testing.assert_array_equal(read(path, channel=index).data, raw[..., index])
        np.testing.assert_array_equal(read(path, channel=name).data, raw[..., index])
    assert read(path, channel=2).data.dtype == np.uint16
    grey = read(path)
    np.testing.assert_allclose(grey.data, raw @ [0.2126, 0.7152, 0.0722], rtol=1e-5)
    assert any("luminance" in note for note in grey.notes)
    assert any("--channel" in note and "blue" in note for note in grey.notes)


def test_the_grey_original_is_taken_not_the_rgb_copy(shared_data):
    image = read(shared_data / "vendor/tiff_olympus_sis.tif")
    assert any("'image 0'" in note and "'image 1' is taken" in note for note in image.notes)


def test_a_folder_scan_takes_images_only():
    assert {".tif", ".tiff", ".png", ".jpg", ".dm3", ".dm4", ".emd", ".sxm", ".npy", ".004", ".ser"} <= SUFFIXES
    assert not {".json", ".txt", ".csv", ".md", ".raw", ".emi", ".html"} & SUFFIXES


def test_every_refusal_in_the_folder_is_one_sentence(shared_data):
    for path in [shared_data / "README.md", shared_data / "MANIFEST.tsv", shared_data / "stem/mos2_haadf_7nm.json"]:
        with pytest.raises(FftscapeError) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
