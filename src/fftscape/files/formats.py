"""The one table of image formats, and the functions that read an image with it.

A new format is one row here and one function that takes a path and returns entries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fftscape.files import (
    arrays,
    bundle,
    digital_micrograph,
    gwyddion,
    hdf5,
    life,
    nanonis,
    probe,
    raster,
    rosetta,
    text,
    tiff,
    zarr_image,
)  # fmt: skip
from fftscape.files.calibration import Calibration, parse_pixel_size
from fftscape.files.choice import (
    CHANNEL_ADVICE,
    choice_notes,
    chosen_entry,
    chosen_frame,
    default_entry,
    offered,
)  # fmt: skip
from fftscape.files.entry import Entry
from fftscape.files.guards import check_regular_file, translated_errors
from fftscape.files.pixels import to_grey
from fftscape.files.sidecars import side_car_calibration
from fftscape.model.errors import UnreadableFileError
from fftscape.model.image import Image

_HEAD_BYTES = 1024


@dataclass(frozen=True)
class Format:
    """One family of files.

    Parameters
    ----------
    name : str
        For people.
    suffixes : tuple of str
        In lower case, with the dot.
    read : callable
        Takes a path, returns the entries of the file.
    description : str
        Where it comes from and what is special about it.
    extra : str or None
        The optional extra that it needs.
    magic : tuple of bytes
        First bytes that tell the format whatever the file is called.
    in_folders : bool
        Whether a scan of a folder picks up files with these suffixes.
    is_streamed : bool
        Whether large images are mapped, or unpacked into a temporary file.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], list[Entry]]
    description: str
    extra: str | None = None
    magic: tuple[bytes, ...] = ()
    in_folders: bool = True
    is_streamed: bool = False


FORMATS: tuple[Format, ...] = (
    Format("TIFF", (".tif", ".tiff", ".btf", ".lsm", ".stk"), tiff.read_tiff,
           "classic and BigTIFF; pixel sizes of Zeiss, FEI/Thermo Fisher, Olympus SIS, TVIPS, JEOL, Tescan, "
           "DigitalMicrograph, OME, ImageJ, LSM and MetaMorph headers, and of Hitachi, JEOL and Tescan side-car files",
           magic=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), is_streamed=True),
    Format("PNG", (".png",), raster.read_raster, "8 and 16 bits, grey, colour, palette, alpha",
           magic=(b"\x89PNG\r\n\x1a\n",)),
    Format("JPEG", (".jpg", ".jpeg", ".jpe"), raster.read_raster, "turned upright as EXIF says",
           magic=(b"\xff\xd8\xff",)),
    Format("other pictures", (".bmp", ".gif", ".webp", ".pgm", ".ppm", ".jp2"), raster.read_raster,
           "BMP, GIF, WebP, portable anymaps, JPEG 2000", magic=(b"GIF87a", b"GIF89a", b"\0\0\0\x0cjP  ")),
    Format("NumPy array", (".npy",), arrays.read_npy, "a 2-D array, or a stack of them; never pickled objects",
           magic=(b"\x93NUMPY",), is_streamed=True),
    Format("NumPy archive", (".npz",), arrays.read_npz, "each array is a channel"),
    Format("text matrix", (".txt", ".csv", ".tsv", ".asc", ".dat"), text.read_text_matrix,
           "one row a line; with the '#' header of Gwyddion's ASCII export it is calibrated", in_folders=False),
    Format("HDF5", (".h5", ".hdf5", ".hspy", ".emd", ".nxs"), hdf5.read_hdf5,
           "Velox (also beside EDS data) and Berkeley EMD, HyperSpy, NSID, NeXus and plain datasets",
           magic=(hdf5.MAGIC,), is_streamed=True),
    Format("Zarr", (bundle.SUFFIX,), zarr_image.read_zarr_image,
           "a folder, Zarr v2 or v3: OME-NGFF 0.4 and 0.5 at full resolution, and plain arrays", is_streamed=True),
    Format("Nanonis", (".sxm",), nanonis.read_nanonis, "all channels, forward and backward, turned alike",
           magic=(nanonis.MAGIC,)),
    Format("NanoScope", (".spm", *(f".{number:03d}" for number in range(1000))), probe.read_nanoscope,
           "Bruker and Veeco AFM images", magic=(probe.NANOSCOPE_MAGIC,)),
    Format("WSxM", (".top", ".stp"), probe.read_wsxm, "images of the WSxM program", magic=(probe.WSXM_MAGIC,)),
    Format("Gwyddion", (".gwy",), gwyddion.read_gwyddion, "each data field is a channel", magic=(gwyddion.MAGIC,)),
    Format("Igor binary wave", (".ibw",), probe.read_igor, "Asylum AFM images; each layer is a channel", "spm"),
    Format("Omicron MATRIX", tuple(f".{channel}_mtrx" for channel in ("z", "i", "df", "aux1(v)", "aux2(v)", "i(v)")),
           probe.read_matrix, "with the .mtrx file of the session beside it", "spm"),
    Format("DigitalMicrograph", (".dm3", ".dm4"), digital_micrograph.read_digital_micrograph,
           "Gatan; images and stacks, not line plots"),
    Format("TIA", (".ser",), rosetta.read_rosetta, "FEI series and images", "em"),
    Format("TIA header", (".emi",), rosetta.read_rosetta, "the header beside .ser files; reads all of them", "em",
           in_folders=False),
    Format("MRC", (".mrc", ".ali"), rosetta.read_rosetta, "images and stacks", "em"),
    Format("other electron microscopy", (".bcf", ".elid", ".blo", ".img", ".sur", ".unf", ".tvips", ".mib"),
           rosetta.read_rosetta, "Bruker, Phenom, NanoMEGAS, JEOL, DigitalSurf, Semper, TVIPS, Merlin", "em"),
    Format("other electron microscopy, named only", (".pro", ".rpl", ".raw"), rosetta.read_rosetta,
           "DigitalSurf profiles, Lispix ripple (a .raw needs its .rpl beside it)", "em", in_folders=False),
    Format("Nikon", (".nd2",), life.read_nd2, "channels, times, positions and slices", "bio", magic=(life.ND2_MAGIC,)),
    Format("Zeiss light microscopy", (".czi",), life.read_czi, "channels, scenes and slices", "bio",
           magic=(life.CZI_MAGIC,)),
    Format("Leica", (".lif",), life.read_lif, "each image of the project", "bio"),
)  # fmt: skip

SUFFIXES: frozenset[str] = frozenset(suffix for item in FORMATS if item.in_folders for suffix in item.suffixes)


@dataclass(frozen=True)
class ImageInfo:
    """What a file holds, without its pixels.

    Parameters
    ----------
    index : int
        Number to choose it by.
    channel : str
        Name to choose it by.
    n_frames : int
        Length of the stack, 1 for a single image.
    shape : tuple of int
        Rows and columns of one frame.
    dtype : str
        Type of the values as stored.
    pixel_size : tuple of float
        Height and width of a pixel in `unit`, (y, x).
    unit, calibration_source : str
        As in `Image`.
    is_default : bool
        Whether `read` takes it when nothing is chosen.
    notes : tuple of str
        What was noticed about it.
    """

    index: int
    channel: str
    n_frames: int
    shape: tuple[int, int]
    dtype: str
    pixel_size: tuple[float, float]
    unit: str
    calibration_source: str
    is_default: bool
    notes: tuple[str, ...] = ()


def read(
    path: str | Path, *, channel: int | str | None = None, frame: int | None = None, pixel_size: str | None = None
) -> Image:
    """Read one image.

    Parameters
    ----------
    path : str or Path
        The file; its content tells the format where it can, its suffix otherwise.
    channel : int or str, optional
        Number or name of the image where the file holds several (`list_images` names them), in any
        case; a beginning that only one name has will do. Left out: the largest one that is data,
        not a rendering; for colour pictures the luminance.
    frame : int, optional
        Frame of a stack, from 0; the first one if left out.
    pixel_size : str, optional
        Such as '0.02 nm', or '0.02x0.03 nm' for height x width; it wins over the file.

    Returns
    -------
    Image
        Grey values of shape (y, x), of the stored type (luminance is float32); `Image.notes` says
        what was chosen and converted.

    Raises
    ------
    UnreadableFileError
        If there is no image that can be read; the sentence says why and what to do.
    BackendUnavailableError
        If the format needs an optional library that is not installed.
    InvalidSettingError
        If there is no such channel or frame, or the pixel size is not understood.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "stripes.npy"
    >>> np.save(path, np.tile(np.arange(4), (3, 2)))
    >>> image = read(path, pixel_size="0.5 nm")
    >>> image.shape, image.pixel_size, image.unit, image.name
    ((3, 8), (0.5, 0.5), 'nm', 'stripes')
    """
    return opened(path, channel=channel, frame=frame, pixel_size=pixel_size).read()


@dataclass(frozen=True, eq=False)
class Opened:
    """One image of a file whose header has been read, and whose pixels have not.

    Parameters
    ----------
    path : Path
        The file.
    kind : Format
        Of the file.
    entries : list of Entry
        All images of the file.
    entry : Entry
        The one that was chosen.
    channel, frame : int, str or None
        As they were asked for.
    index : int
        Frame.
    given : Calibration or None
        What the user says.
    """

    path: Path
    kind: Format
    entries: list[Entry]
    entry: Entry
    channel: int | str | None
    frame: int | None
    index: int
    given: Calibration | None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.entry.shape

    @property
    def held_bytes(self) -> int:
        """Memory that the pixels cannot do without: none where large ones lie in a file."""
        if self.kind.is_streamed:
            return 0
        return self.shape[0] * self.shape[1] * np.dtype(self.entry.dtype).itemsize

    def read(self) -> Image:
        """Read the pixels; as the function `read`."""
        path, entry = self.path, self.entry
        with translated_errors(path, self.kind.name):
            grey = to_grey(entry.load(self.index), entry.samples)
            if grey.data.shape != entry.shape:
                raise UnreadableFileError(
                    f"{path}: its pixels have the shape {grey.data.shape}, its header says {entry.shape}; it is damaged"
                )
        several = len(self.entries) > 1
        calibration, remarks = _decided_calibration(entry, self.given)
        choice = choice_notes(self.entries, entry, self.channel, self.frame)
        advice = [CHANNEL_ADVICE] if grey.is_luminance and self.channel is None and several else []
        notes = [*choice, *entry.notes, *grey.notes, *advice, *remarks]
        return Image(
            grey.data, calibration.pixel_size, calibration.unit, _name(path, entry, self.channel, self.frame),
            calibration.source, str(path), entry.metadata, tuple(dict.fromkeys(notes)), entry.name if several else "",
            self.index if entry.n_frames > 1 else None,
        )  # fmt: skip


def opened(
    path: str | Path, *, channel: int | str | None = None, frame: int | None = None, pixel_size: str | None = None
) -> Opened:
    """Read the header of one image; parameters and errors as of `read`.

    Returns
    -------
    Opened
        Its shape, what it needs of memory, and a way to its pixels.
    """
    path = Path(path)
    given = parse_pixel_size(pixel_size) if pixel_size is not None else None
    kind, entries = _opened(path)
    entry = chosen_entry(path, entries, channel)
    index = chosen_frame(path, entry, frame)
    if min(entry.shape) < 2:
        size = f"{entry.shape[0]} x {entry.shape[1]} (y x x)"
        raise UnreadableFileError(f"{path}: is {size} pixels, too thin for an image")
    return Opened(path, kind, entries, entry, channel, frame, index, given)


def list_images(path: str | Path) -> tuple[ImageInfo, ...]:
    """List every image, channel and series that a file holds.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    tuple of ImageInfo
        In the file's order; exactly one has `is_default` set.

    Raises
    ------
    UnreadableFileError, BackendUnavailableError
        As in `read`.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "two.npz"
    >>> np.savez(path, small=np.zeros((4, 6)), large=np.zeros((5, 40, 60)))
    >>> [(info.channel, info.shape, info.n_frames, info.is_default) for info in list_images(path)]
    [('small', (4, 6), 1, False), ('large', (40, 60), 5, True)]
    """
    _, entries = _opened(Path(path))
    default = default_entry(entries)
    return tuple(
        ImageInfo(
            index, entry.name, entry.n_frames, entry.shape, entry.dtype, entry.calibration.pixel_size,
            entry.calibration.unit, entry.calibration.source, entry is default,
            (*entry.notes, *entry.calibration.notes),
        )
        for index, entry in enumerate(entries)
    )  # fmt: skip


def chosen_channel(path: str | Path, channel: int | str) -> str:
    """Return the full name of the channel that a number or part of a name means.

    Parameters
    ----------
    path : str or Path
        The file.
    channel : int or str
        As in `read`.

    Raises
    ------
    UnreadableFileError, BackendUnavailableError, InvalidSettingError
        As in `read`.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "two.npz"
    >>> np.savez(path, Height=np.zeros((4, 6)), Phase=np.zeros((4, 6)))
    >>> chosen_channel(path, 1), chosen_channel(path, "h")
    ('Phase', 'Height')
    """
    path = Path(path)
    return chosen_entry(path, _opened(path)[1], channel).name


def count_frames(path: str | Path, channel: int | str | None = None) -> int:
    """Count the frames of a stack (1 for a single image).

    Parameters
    ----------
    path : str or Path
        The file.
    channel : int or str, optional
        As in `read`.

    Raises
    ------
    UnreadableFileError, BackendUnavailableError, InvalidSettingError
        As in `read`.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "movie.npy"
    >>> np.save(path, np.zeros((7, 40, 60)))
    >>> count_frames(path)
    7
    """
    path = Path(path)
    return chosen_entry(path, _opened(path)[1], channel).n_frames


def _opened(path: Path) -> tuple[Format, list[Entry]]:
    """Find the format of a file and list its entries."""
    kind = _identified(path)
    with translated_errors(path, kind.name):
        entries = kind.read(path)
    if not entries:
        raise UnreadableFileError(f"{path}: holds no two-dimensional image that fftscape can read")
    entries = [_with_side_car(path, entry) for entry in entries]
    return kind, offered(entries)


def _identified(path: Path) -> Format:
    """Find the format by the first bytes, then by the suffix."""
    suffix = path.suffix.lower()
    if bundle.is_bundle(path):
        return next(item for item in FORMATS if suffix in item.suffixes)
    check_regular_file(path)
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        raise UnreadableFileError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from error
    if path.name.lower().endswith((f"{bundle.SUFFIX}.zip", ".ozx")):
        raise UnreadableFileError(f"{path}: a zipped Zarr store is not read; unpack it (unzip) into a .zarr folder")
    if suffix == ".raw" and not path.with_suffix(".rpl").exists():
        raise UnreadableFileError(
            f"{path}: raw data without a header do not say their size and type; save them as .npy or TIFF"
        )
    # HDF5 may begin after a user block of 512 bytes.
    heads = (head, head[512:])
    for item in FORMATS:
        if any(part.startswith(item.magic) for part in heads[: 2 if item.name == "HDF5" else 1] if item.magic):
            return item
    for item in FORMATS:
        if suffix in item.suffixes or (suffix.endswith("_mtrx") and item.read is probe.read_matrix):
            return item
    raise UnreadableFileError(
        f"{path}: neither its content nor its suffix {suffix!r} is of a format that fftscape knows; "
        "export it as TIFF or save it as .npy"
    )


def _with_side_car(path: Path, entry: Entry) -> Entry:
    """Calibrate an image from the file beside it, where its own file does not."""
    if entry.calibration.is_known:
        return entry
    beside = side_car_calibration(path, entry.shape)
    return entry if beside is None else replace(entry, calibration=beside)


def _decided_calibration(entry: Entry, given: Calibration | None) -> tuple[Calibration, tuple[str, ...]]:
    """Let the user's pixel size win, and say what it won over."""
    own = entry.calibration
    if given is None:
        return own, own.notes
    if not own.is_known:
        return given, ()
    size = f"{own.pixel_size[0]:.6g} x {own.pixel_size[1]:.6g} {own.unit}"
    return given, (f"the given pixel size is used, not the file's {size} ({own.source})",)


def _name(path: Path, entry: Entry, channel: Any, frame: Any) -> str:
    """Name an image after its file, and after the channel and frame where they were asked for."""
    parts = [path.stem, *([entry.name] if channel is not None else [])]
    if frame is not None and entry.n_frames > 1:
        parts.append(f"frame {frame}")
    return " ".join(parts)
