"""The table of formats and the public calls: choice, naming, refusals, quiet readers, lazy imports."""

import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image as Picture

from fftscape.files import formats
from fftscape.files.formats import FORMATS, SUFFIXES, chosen_channel, count_frames, list_images, read
from fftscape.model.errors import BackendUnavailableError, InvalidSettingError, UnreadableFileError

DATA = np.arange(12 * 17, dtype=np.uint8).reshape(12, 17)


def test_each_suffix_belongs_to_one_format():
    suffixes = [suffix for item in FORMATS for suffix in item.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)
    assert set(suffixes) >= SUFFIXES
    assert {item.extra for item in FORMATS} == {None, "em", "spm", "bio"}


def test_importing_the_table_imports_no_reading_library():
    heavy = "('tifffile', 'PIL', 'h5py', 'scipy', 'matplotlib', 'rsciio', 'imagecodecs', 'zarr')"
    code = f"import sys, fftscape.files.formats; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.touch(), r"empty \(0 bytes\)"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.symlink_to(path.with_name("gone")), "a link to a file that is not there"),
        (os.mkfifo, "not a regular file"),
        (lambda path: path.write_bytes(b"words " * 100), "neither its content nor its suffix"),
    ],
)
def test_what_is_no_image_file_is_refused(tmp_path, make, said):
    path = tmp_path / "odd.xyz"
    make(path)
    for call in (read, list_images, count_frames):
        with pytest.raises(UnreadableFileError, match=rf"odd\.xyz: .*{said}") as caught:
            call(path)
        assert "\n" not in str(caught.value)


def test_raw_data_want_a_header(tmp_path):
    (tmp_path / "x.raw").write_bytes(bytes(100))
    with pytest.raises(UnreadableFileError, match="do not say their size and type"):
        read(tmp_path / "x.raw")


def test_names_of_what_was_chosen(tmp_path):
    path = tmp_path / "scan 7.npy"
    np.save(path, np.stack([DATA, DATA + 1]))
    assert read(path).name == "scan 7"
    assert read(str(path), frame=1).name == "scan 7 frame 1"
    assert read(path, frame=1).source == str(path)
    picture = tmp_path / "p.png"
    Picture.fromarray(np.dstack([DATA, DATA + 1, DATA + 2])).save(picture)
    assert read(picture, channel="blue").name == "p blue"


@pytest.mark.parametrize("channel", [4, "4", -1, "infrared", "", True])
def test_unknown_channels_are_named_with_what_there_is(tmp_path, channel):
    path = tmp_path / "p.png"
    Picture.fromarray(np.dstack([DATA, DATA + 1, DATA + 2])).save(path)
    with pytest.raises(InvalidSettingError, match=r"p\.png: there is no channel .*0 'red', 1 'green', 2 'blue'"):
        read(path, channel=channel)


@pytest.mark.parametrize(
    ("channel", "name"),
    [("z", None), ("ZS", "ZSensor"), ("zf", "ZFine"), ("amp", "AMP"), ("AMP", "AMP"), ("Amp", "Amp"), ("phase", None),
     ("phaser", "PhaseRetrace"), ("Trace", None), ("ret", "PhaseRetrace"), (3, "Amp")],
)  # fmt: skip
def test_channels_by_a_beginning_that_only_one_has(tmp_path, channel, name):
    names = ("ZSensor", "ZFine", "AMP", "Amp", "PhaseTrace", "PhaseRetrace")
    if channel == "amp":  # fits two names that differ in case only, unless spelt as one of them is
        names = names[:3]
    path = tmp_path / "x.npz"
    np.savez(path, **{item: DATA + k for k, item in enumerate(names)})
    if name is not None:
        assert np.array_equal(read(path, channel=channel).data, DATA + names.index(name))
        assert chosen_channel(path, channel) == read(path, channel=channel).channel == name
        return
    fitting = [item for item in names if channel.lower() in item.lower()]
    listed = ", ".join(repr(item) for item in fitting)
    with pytest.raises(InvalidSettingError, match=rf"fits {len(fitting)} names \({listed}\); give more of the name"):
        read(path, channel=channel)


@pytest.mark.parametrize(("channel", "index"), [(0, 0), ("0", 0), ("RED", 0), (" green ", 1), ("bl", 2), (2, 2)])
def test_channels_by_number_name_or_part_of_it(tmp_path, channel, index):
    path = tmp_path / "p.png"
    rgb = np.dstack([DATA, DATA + 1, DATA + 2])
    Picture.fromarray(rgb).save(path)
    np.testing.assert_array_equal(read(path, channel=channel).data, rgb[..., index])


@pytest.mark.parametrize("frame", [2, -1, 1.0, True, "0"])
def test_unknown_frames_are_named_with_what_there_is(tmp_path, frame):
    path = tmp_path / "x.npy"
    np.save(path, np.stack([DATA, DATA]))
    with pytest.raises(InvalidSettingError, match="frames are 0 to 1"):
        read(path, frame=frame)
    np.save(path, DATA)
    with pytest.raises(InvalidSettingError, match="single image"):
        read(path, frame=3)


def test_a_wrong_pixel_size_is_said_before_the_file_is_opened(tmp_path):
    with pytest.raises(InvalidSettingError, match="pixel size"):
        read(tmp_path / "missing.tif", pixel_size="big")


def test_whatever_a_reader_raises_becomes_a_sentence(tmp_path, monkeypatch):
    path = tmp_path / "x.npy"
    np.save(path, DATA)

    def explode(path):
        warnings.warn("chatter", stacklevel=1)
        raise KeyError("no attribute\nAlpha " + "x" * 500)

    broken = tuple(
        formats.Format(item.name, item.suffixes, explode, item.description, magic=item.magic) for item in FORMATS
    )
    monkeypatch.setattr(formats, "FORMATS", broken)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UnreadableFileError, match=r"could not be read as NumPy array \(KeyError: ") as caught:
            read(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 300
    assert isinstance(caught.value.__cause__, KeyError)


def test_unreadable_by_permission(tmp_path, monkeypatch):
    path = tmp_path / "x.npy"
    np.save(path, DATA)

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(UnreadableFileError, match=r"cannot be opened \(Permission denied\)"):
        read(path)


# --- NumPy -------------------------------------------------------------------------------------------------


def test_npy_colour_stack(tmp_path):
    path = tmp_path / "x.npy"
    stack = np.stack([np.dstack([DATA, DATA + k, DATA + 2]) for k in range(5)])
    np.save(path, stack)
    assert count_frames(path) == 5
    np.testing.assert_array_equal(read(path, channel="green", frame=4).data, stack[4, ..., 1])


def test_npy_of_four_dimensions_runs_over_frames(tmp_path):
    path = tmp_path / "x.npy"
    data = np.arange(2 * 3 * 12 * 17).reshape(2, 3, 12, 17)
    np.save(path, data)
    np.testing.assert_array_equal(read(path, frame=4).data, data[1, 1])
    assert any("several axes" in note for note in read(path).notes)


@pytest.mark.parametrize("dtype", ["?", "i1", ">u2", "<i4", "u8", "f2", ">f8", "c8"])
def test_npy_types(tmp_path, dtype):
    path = tmp_path / "x.npy"
    data = (DATA % 2 if dtype == "?" else DATA // 2).astype(dtype)
    np.save(path, data)
    image = read(path)
    expected = {"?": np.uint8, "c8": np.float32}.get(dtype) or np.dtype(dtype).newbyteorder("=")
    assert image.data.dtype == expected
    assert image.data.dtype.isnative
    np.testing.assert_array_equal(image.data, np.abs(data).astype(expected))
    assert not image.data.flags.writeable


def test_npz_arrays_are_channels_and_bombs_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, line=np.arange(9.0), first=DATA, second=np.stack([DATA, DATA + 1]))
    assert [(info.channel, info.n_frames) for info in list_images(path)] == [("first", 1), ("second", 2)]
    np.testing.assert_array_equal(read(path, channel="second", frame=1).data, DATA + 1)
    np.savez(tmp_path / "pickled.npz", x=np.array([[1, None]], dtype=object))
    with pytest.raises(UnreadableFileError, match="pickled objects"):
        read(tmp_path / "pickled.npz")


# --- text --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1,2,3\n4,5,6.5\n", "a.csv"), ("1;2;3\n4;5;6.5\n", "a.csv"), ("1\t2\t3\t\n4\t5\t6.5\t\n", "a.txt"),
        ("1 2   3\n\n 4 5 6.5\n", "a.dat"), ("1,0\t2,0\t3,0\n4,0\t5,0\t6,5\n", "a.txt"),
        ("\ufeff1,2,3\r\n4,5,6.5\r\n", "a.csv"),
    ],
)  # fmt: skip
def test_text_matrices(tmp_path, text, name):
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    np.testing.assert_array_equal(read(tmp_path / name).data, [[1, 2, 3], [4, 5, 6.5]])


def test_gwyddion_text_export_with_unequal_pixels(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("# Channel: Z\n# Width: 3 µm\n# Height: 400 nm\n# Value units: m\n1\t2\t3\n4\t5\t6\n", "utf-8")
    image = read(path)
    assert (image.pixel_size, image.unit) == (pytest.approx((0.2, 1.0)), "um")
    assert list_images(path)[0].channel == "Z"


@pytest.mark.parametrize("text", ["image,status\na.tif,ok\n", "1,2\n3\n", "# only a header\n", "words\n"])
def test_text_that_is_no_matrix(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UnreadableFileError, match=r"a\.csv: (is not a matrix|holds no numbers)"):
        read(tmp_path / "a.csv")


# --- pictures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "pgm", "webp"])
def test_pictures_without_loss(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Picture.fromarray(DATA).save(path, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(read(path).data, DATA)


def test_png_of_16_bit_colour_keeps_its_bits(tmp_path):
    import imagecodecs

    path = tmp_path / "deep.png"
    rgb = np.dstack([DATA.astype(np.uint16) * 257 + k for k in (0, 3, 5)])
    path.write_bytes(imagecodecs.png_encode(rgb))
    np.testing.assert_array_equal(read(path, channel="green").data, rgb[..., 1])
    np.testing.assert_allclose(read(path).data, rgb @ [0.2126, 0.7152, 0.0722], rtol=1e-6)
    assert list_images(path)[0].dtype == "uint16"


def test_palette_with_transparency(tmp_path):
    path = tmp_path / "a.png"
    picture = Picture.fromarray(DATA).convert("P")
    picture.putpalette([value for k in range(256) for value in (255 - k, 255 - k, 255 - k)])
    picture.save(path, transparency=3)
    np.testing.assert_array_equal(read(path).data, 255 - DATA)


def test_animation_frames(tmp_path):
    path = tmp_path / "a.gif"
    frames = [Picture.fromarray(DATA), Picture.fromarray(255 - DATA)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert count_frames(path) == 2
    np.testing.assert_array_equal(read(path, frame=1).data, 255 - DATA)


def test_postscript_is_never_started(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    with pytest.raises(UnreadableFileError, match="not a picture that can be identified"):
        read(path)


# --- optional libraries ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [("x.ser", "rsciio", "em"), ("x.nd2", "nd2", "bio"), ("x.czi", "czifile", "bio"), ("x.lif", "liffile", "bio")],
)
def test_a_missing_extra_is_one_sentence(tmp_path, monkeypatch, name, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(bytes(64))
    with pytest.raises(BackendUnavailableError, match=rf"{name}: .*pip install 'fftscape\[{extra}\]'"):
        read(tmp_path / name)


@pytest.mark.parametrize("suffix", ["ser", "mrc", "bcf", "img", "sur", "unf", "tvips", "elid"])
def test_rubbish_for_rosettasciio_is_one_sentence(tmp_path, suffix, capfd):
    pytest.importorskip("rsciio")
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(np.random.default_rng(3).bytes(3000))
    with pytest.raises(UnreadableFileError, match=rf"x\.{suffix}: ") as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""


def test_rosettasciio_is_quiet_from_its_first_import(shared_data):
    pytest.importorskip("rsciio")
    path = str(shared_data / "vendor/bruker_hitachi.bcf")
    code = f"from fftscape.files.formats import read; read({path!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


class _Code:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5", ".tif", ".prz", ".pkl"])
def test_a_pickle_in_an_array_is_never_opened(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    array = np.array([[_Code(tmp_path / "it ran"), 1.0], [2.0, 3.0]], dtype=object)
    if suffix == ".npz":
        np.savez(path, x=array)
    elif suffix in (".pkl", ".prz"):
        path.write_bytes(pickle.dumps(array))
    else:  # under any name, the content is an npy file
        with path.open("wb") as file:
            np.save(file, array)
    with pytest.raises(UnreadableFileError):
        read(path)
    assert not (tmp_path / "it ran").exists()
    pickle.loads(pickle.dumps(array))
    assert (tmp_path / "it ran").exists()  # so it is code indeed


def test_files_that_could_run_code_are_not_in_the_table():
    suffixes = {suffix for item in FORMATS for suffix in item.suffixes}
    assert not {".prz", ".pkl", ".eps", ".ps", ".zspy"} & suffixes
