"""Zarr images of both versions, made here, and stores that reach out, claim too much or could run code."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from google_crc32c import value

from fftscape.batch.discovery import find_inputs
from fftscape.files.bundle import sha256_of, size_of
from fftscape.files.formats import SUFFIXES, count_frames, list_images, read
from fftscape.files.zarr_store import write_zarr
from fftscape.model import mapped
from fftscape.model.errors import UnreadableFileError

zarr = pytest.importorskip("zarr")

DATA = np.arange(30 * 41, dtype=np.uint16).reshape(30, 41)
# Channel 1, time 2, section 0 is DATA + 1200.
STACK = np.stack([[[DATA + 1000 * c + 100 * t] for c in range(2)] for t in range(3)])
AXES = [
    {"name": "t", "type": "time", "unit": "second"},
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space", "unit": "nanometer"},
    {"name": "y", "type": "space", "unit": "nanometer"},
    {"name": "x", "type": "space", "unit": "nanometer"},
]


def plain(path, data=DATA, version=3, **options):
    options = {"chunks": (16, 16), "config": {"write_empty_chunks": True}, "fill_value": 0} | options
    array = zarr.create_array(str(path), shape=data.shape, dtype=data.dtype, zarr_format=version, **options)
    array[...] = data
    return path


def ome(path, version, data=STACK, axes=AXES, **more):
    """Write a multiscale image of two levels; rows are 0.2 nm high, columns 0.1 nm wide."""
    zarr_format = 3 if version == "0.5" else 2
    group = zarr.create_group(str(path), zarr_format=zarr_format)
    options = {"config": {"write_empty_chunks": True}, "fill_value": 0}
    for name, level in (("0", data), ("1", data[..., ::2, ::2])):
        chunks = (1,) * (data.ndim - 2) + (16, 16)
        group.create_array(name, shape=level.shape, dtype=level.dtype, chunks=chunks, **options)[...] = level
    lead = [1.0] * (data.ndim - 2)
    datasets = [
        {"path": str(k), "coordinateTransformations": [{"type": "scale", "scale": [*lead, 0.1 * 2**k, 0.1 * 2**k]}]}
        for k in range(2)
    ]
    multiscale = {"axes": axes, "datasets": datasets, "name": "sample",
                  "coordinateTransformations": [{"type": "scale", "scale": [*lead, 2.0, 1.0]}]}  # fmt: skip
    told = {"multiscales": [multiscale], "omero": {"channels": [{"label": "HAADF"}, {"label": "BF"}]}, **more}
    if version == "0.5":
        group.attrs["ome"] = {"version": version, **told}
    else:
        multiscale["version"] = version
        group.attrs.update(told)
    return path


def edit(file, change):
    document = json.loads(file.read_text("utf-8"))
    change(document)
    file.write_text(json.dumps(document), "utf-8")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_multiscales_at_full_resolution_with_channels_and_frames(tmp_path, version):
    path = ome(tmp_path / "x.ome.zarr", version)
    assert [(info.channel, info.n_frames, info.shape) for info in list_images(path)] == [
        ("HAADF", 3, (30, 41)), ("BF", 3, (30, 41)),
    ]  # fmt: skip
    image = read(path)
    np.testing.assert_array_equal(image.data, DATA)
    assert (image.pixel_size, image.unit) == (pytest.approx((0.2, 0.1)), "nm")
    assert (image.calibration_source, image.name) == (f"OME-NGFF {version}", "x.ome")
    np.testing.assert_array_equal(read(path, channel="BF", frame=2).data, DATA + 1200)
    assert count_frames(path, "bf") == 3
    assert image.metadata["omero"]["channels"][1]["label"] == "BF"


def test_axes_without_unit_or_with_two_give_no_calibration(tmp_path):
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    image = read(ome(tmp_path / "a.zarr", "0.5", DATA, axes))
    assert not image.is_calibrated
    assert any("0.2 x 0.1 (y x x) per pixel without a unit" in note for note in image.notes)
    axes = [{"name": "y", "unit": "nanometer"}, {"name": "x", "unit": "micrometer"}]
    image = read(ome(tmp_path / "b.zarr", "0.4", DATA, axes))
    assert not image.is_calibrated
    assert any("y is in 'nanometer' and x in 'micrometer'" in note for note in image.notes)


def test_axes_in_another_order_are_turned(tmp_path):
    axes = [{"name": "x", "unit": "micrometer"}, {"name": "y", "unit": "micrometer"}]
    image = read(ome(tmp_path / "x.zarr", "0.5", DATA.T, axes))
    np.testing.assert_array_equal(image.data, DATA)
    assert (image.pixel_size, image.unit) == (pytest.approx((0.1, 0.2)), "um")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_series_in_groups_are_images(tmp_path, version):
    path = tmp_path / "x.zarr"
    zarr.create_group(str(path), zarr_format=3 if version == "0.5" else 2)
    for name, n in (("0", 12), ("10", 20), ("2", 16)):
        ome(path / name, version, DATA[:n], AXES[-2:])
    assert [(info.channel, info.shape[0]) for info in list_images(path)] == [("0", 12), ("2", 16), ("10", 20)]
    np.testing.assert_array_equal(read(path, channel="2").data, DATA[:16])


def packers(version):
    import numcodecs

    if version == 2:
        return [None, numcodecs.Blosc(), numcodecs.Zstd(), numcodecs.GZip(), numcodecs.Zlib(), numcodecs.LZ4()]
    return [None, zarr.codecs.BloscCodec(), zarr.codecs.ZstdCodec(), zarr.codecs.GzipCodec(),
            (zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec())]  # fmt: skip


@pytest.mark.parametrize(
    ("version", "number"), [(version, number) for version in (2, 3) for number in range(len(packers(version)))]
)
def test_plain_arrays_however_they_are_packed(tmp_path, version, number):
    path = plain(tmp_path / "x.zarr", version=version, compressors=packers(version)[number])
    image = read(path)
    np.testing.assert_array_equal(image.data, DATA)
    assert any("--pixel-size" in note for note in image.notes)
    assert not any("not there" in note for note in image.notes)
    image = read(path, pixel_size="0.5x0.25 nm")
    assert (image.pixel_size, image.unit) == ((0.5, 0.25), "nm")


def test_blosc_takes_neither_threads_nor_a_lock_between_processes(tmp_path):
    plain(tmp_path / "x.zarr", version=2, compressors=packers(2)[1])
    script = (
        "import multiprocessing, sys\n"
        "multiprocessing.Lock = lambda: sys.exit('a lock between processes')\n"
        "from fftscape.files.formats import read\n"
        "assert read(sys.argv[1]).data[29, 40] == 1229\n"
        "from numcodecs import blosc\n"
        "assert not blosc.use_threads\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "x.zarr")], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("kind", ["bool", "int8", ">f4", "float16", "float64"])
@pytest.mark.parametrize("version", [2, 3])
def test_number_types(tmp_path, version, kind):
    data = (DATA % 100).astype(kind)
    image = read(plain(tmp_path / "x.zarr", data, version))
    np.testing.assert_array_equal(image.data, data)
    assert image.data.dtype.isnative


def test_shards_stacks_and_column_order(tmp_path):
    path = plain(tmp_path / "s.zarr", chunks=(8, 8), shards=(16, 24))
    np.testing.assert_array_equal(read(path).data, DATA)
    movie = np.stack([DATA, DATA * 2])
    path = plain(tmp_path / "m.zarr", movie, 2, chunks=(2, 16, 16), order="F")
    np.testing.assert_array_equal(read(path, frame=1).data, DATA * 2)


@pytest.mark.parametrize("chunks", [(7, 41), (30, 5), (7, 5)])
def test_large_images_are_unpacked_tile_by_tile_into_a_file(tmp_path, monkeypatch, chunks):
    path = plain(tmp_path / "x.zarr", chunks=chunks)
    monkeypatch.setattr(mapped, "LARGEST_HELD", 100)
    monkeypatch.setattr("fftscape.files.zarr_image._TILE", 90)
    data = read(path).data
    assert mapped._map_of(data) is not None
    np.testing.assert_array_equal(data, DATA)


@pytest.mark.parametrize("version", [2, 3])
def test_a_missing_chunk_is_the_fill_value_and_noted(tmp_path, version):
    path = plain(tmp_path / "x.zarr", version=version, fill_value=7)
    (path / ("c/1/2" if version == 3 else "1.2")).unlink()
    expected = DATA.copy()
    expected[16:, 32:] = 7
    image = read(path)
    np.testing.assert_array_equal(image.data, expected)
    assert "1 of its 6 chunks are not there and stand for the value 7" in image.notes


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-5], lambda raw: b"no chunk", lambda raw: raw + b"x", lambda _: b""]
)
@pytest.mark.parametrize("packer", [None, "auto"])
def test_a_damaged_chunk_is_named_by_its_rows(tmp_path, damage, packer):
    path = plain(tmp_path / "x.zarr", compressors=packer)
    chunk = path / "c/1/0"
    chunk.write_bytes(damage(chunk.read_bytes()))
    with pytest.raises(UnreadableFileError, match=r"x\.zarr: rows 0 to 29 of its array '/' cannot be unpacked"):
        read(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [200_000, 200_000]}, "more than fftscape reads"),
        ({"shape": [40_000, 40_000]}, r"claims 40000 x 40000 pixels .* but the file holds only \d+ bytes"),
        ({"shape": [30, -41]}, "do not fit"),
        ({"shape": [30]}, "do not fit"),
        ({"chunk": [0, 16]}, "do not fit"),
        ({"chunk": [2**20, 2**20]}, "claims chunks of 2199023255552 bytes"),
        ({"shape": [9000, 9000], "chunk": [1, 1]}, "81000000 chunks"),
    ],
)
@pytest.mark.parametrize("version", [2, 3])
def test_claims_are_refused_from_the_header(tmp_path, version, change, said):
    path = plain(tmp_path / "x.zarr", version=version)

    def claim(document):
        document["shape"] = change.get("shape", document["shape"])
        if "chunk" in change and version == 3:
            document["chunk_grid"]["configuration"]["chunk_shape"] = change["chunk"]
        elif "chunk" in change:
            document["chunks"] = change["chunk"]

    edit(path / ("zarr.json" if version == 3 else ".zarray"), claim)
    with pytest.raises(UnreadableFileError, match=said):
        read(path)


BOMB = bytes(1 << 28)


def zstd_without_size():
    """Pack 256 MiB of zeros so that the frame does not say how many: blocks of one repeated byte, by hand."""
    block = 1 << 17
    header = b"\x28\xb5\x2f\xfd\x00\x38"  # no content size; a window of 128 KiB
    repeated = (block << 3 | 0b010).to_bytes(3, "little") + b"\0"
    return header + repeated * (len(BOMB) // block) + (0b001).to_bytes(3, "little")


def bombs():
    import numcodecs

    packers = {"zstd": numcodecs.Zstd(), "gzip": numcodecs.GZip(9), "zlib": numcodecs.Zlib(9), "lz4": numcodecs.LZ4(),
               "blosc": numcodecs.Blosc()}  # fmt: skip
    return {name: packer.encode(BOMB) for name, packer in packers.items()} | {"zstd without size": zstd_without_size()}


HONEST = np.zeros((4096, 3072), np.uint16)


def bombed(folder, version, name, bomb):
    """Write a store and put a bomb in place of one of its chunks; None where chunks are not packed in this way."""
    import numcodecs

    kind = name.split()[0]
    packers = {"zstd": zarr.codecs.ZstdCodec, "gzip": zarr.codecs.GzipCodec, "blosc": zarr.codecs.BloscCodec}
    path, options = folder / f"{version} {name}.zarr", {"chunks": (1024, 1024)}
    if version == "2":
        plain(path, HONEST, 2, compressors=numcodecs.get_codec({"id": kind}), **options)
        (path / "1.0").write_bytes(bomb)
    elif kind not in packers:
        return None
    elif version == "3":
        plain(path, HONEST, compressors=(packers[kind](), zarr.codecs.Crc32cCodec()), **options)
        (path / "c/1/0").write_bytes(bomb + int(value(bomb)).to_bytes(4, "little"))
    else:
        shards = {"shape": (2048, 3072), "index_location": version}
        plain(path, HONEST, shards=shards, compressors=packers[kind](), **options)
        index = np.full((2, 3, 2), 2**64 - 1, "<u8")
        index[0, 1] = (6 * 16 + 4 if version == "start" else 0, len(bomb))
        told = index.tobytes() + int(value(index.tobytes())).to_bytes(4, "little")
        (path / "c/1/0").write_bytes(told + bomb if version == "start" else bomb + told)
    return str(path)


@pytest.mark.skipif(sys.platform != "linux", reason="tells its memory in Linux's way")
def test_a_chunk_never_becomes_more_than_its_header_says(tmp_path):
    made = [bombed(tmp_path, version, *item) for item in bombs().items() for version in ("2", "3", "start", "end")]
    paths = [path for path in made if path is not None]
    script = (
        "import resource, sys\n"
        "from fftscape.files.formats import read\n"
        "from fftscape.model.errors import UnreadableFileError\n"
        "import imagecodecs, zarr, numcodecs.blosc\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        read(path)\n"
        "        print(path, 'was read')\n"
        "    except UnreadableFileError as error:\n"
        "        print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script, *paths], capture_output=True, text=True, check=True)
    *said, grown = ran.stdout.splitlines()
    what = (
        "in it would unpack to more, or not at all, but its chunks are of 2097152 bytes; it is damaged, or made to do"
    )
    assert [line for line in said if what not in line] == []
    assert len(said) == len(paths) == 6 + 3 * 4
    assert int(grown) < 100 * 1024  # KiB; each would become 256 MiB


def test_chunks_of_more_bytes_than_they_stand_for_are_refused(tmp_path):
    path = plain(tmp_path / "x.zarr", compressors=None)
    with (path / "c/1/0").open("r+b") as file:
        file.truncate(1 << 40)  # sparse
    with pytest.raises(UnreadableFileError, match=r"x\.zarr: .* claims|holds 1099511627776 bytes of one of its chunks"):
        read(path)


def test_frames_that_do_not_say_their_size_are_read(tmp_path):
    path = plain(tmp_path / "x.zarr", np.zeros((512, 1024), np.uint8), chunks=(256, 512))
    block = 1 << 17
    frame = b"\x28\xb5\x2f\xfd\x00\x38" + (block << 3 | 0b011).to_bytes(3, "little") + b"\x07"
    (path / "c/1/0").write_bytes(frame)
    data = read(path).data
    assert (data[256:, :512] == 7).all()
    assert not data[:256].any()


def test_a_shard_that_is_packed_itself_is_refused(tmp_path):
    path = plain(tmp_path / "s.zarr", chunks=(8, 8), shards=(16, 24))
    edit(path / "zarr.json", lambda document: document["codecs"].append({"name": "zstd", "configuration": {}}))
    with pytest.raises(UnreadableFileError, match="shards that are packed themselves"):
        read(path)


@pytest.mark.parametrize("location", ["start", "end"])
def test_shards_whatever_their_index(tmp_path, location):
    shards = {"shape": (16, 24), "index_location": location}
    path = plain(tmp_path / "s.zarr", chunks=(8, 8), shards=shards, compressors=zarr.codecs.GzipCodec())
    np.testing.assert_array_equal(read(path).data, DATA)
    movie = np.stack([DATA, DATA * 2, DATA * 3])
    path = plain(tmp_path / "m.zarr", movie, chunks=(1, 8, 8), shards=(2, 16, 24))
    for frame in range(3):
        np.testing.assert_array_equal(read(path, frame=frame).data, movie[frame])


@pytest.mark.parametrize(
    ("version", "change"),
    [
        (2, {"dtype": "|O", "filters": [{"id": "pickle"}]}),
        (2, {"dtype": [["a", "<u2"]]}),
        (2, {"filters": [{"id": "pickle"}]}),
        (2, {"compressor": {"id": "pickle"}}),
        (2, {"filters": [{"id": "json2"}]}),
        (2, {"dimension_separator": "/../../"}),
        (3, {"data_type": "string"}),
        (3, {"data_type": {"name": "numpy.object"}}),
        (3, {"codecs": [{"name": "numcodecs.pickle", "configuration": {}}]}),
        (3, {"codecs": [{"name": "bytes"}, {"name": "gzip"}, {"name": "zstd"}]}),
        (3, {"codecs": [{"name": "sharding_indexed", "configuration": {
            "chunk_shape": [8, 8], "codecs": [{"name": "os.system"}]}}]}),
        (3, {"chunk_key_encoding": {"name": "default", "configuration": {"separator": "/../../../"}}}),
        (3, {"storage_transformers": [{"name": "x"}]}),
    ],
)  # fmt: skip
def test_what_could_run_code_or_lead_outside_is_not_opened(tmp_path, version, change):
    path = plain(tmp_path / "x.zarr", version=version)
    edit(path / ("zarr.json" if version == 3 else ".zarray"), lambda document: document.update(change))
    with pytest.raises(UnreadableFileError, match=r"does not open|not plain numbers"):
        read(path)


@pytest.mark.parametrize("name", ["../secret.zarr/0", "/etc", "..", "a/../../b", "", "0/./1", "..\\secret.zarr", "C:x"])
def test_names_never_lead_out_of_the_store(tmp_path, name):
    ome(tmp_path / "secret.zarr", "0.5")
    path = ome(tmp_path / "x.zarr", "0.5")
    edit(
        path / "zarr.json",
        lambda document: document["attributes"]["ome"]["multiscales"][0]["datasets"][0].update(path=name),
    )
    with pytest.raises(UnreadableFileError, match="which is not a place within the store"):
        read(path)


@pytest.mark.parametrize("part", ["0", "0/zarr.json", "0/c", "0/c/0/1/0/0/0", "zarr.json"])
def test_links_are_never_followed(tmp_path, part):
    path = ome(tmp_path / "x.zarr", "0.5")
    shutil.move(path / part, tmp_path / "elsewhere")
    (path / part).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnreadableFileError, match=f"{part}' in it is a link to another place"):
        read(path)


def test_consolidated_metadata_are_not_believed(tmp_path):
    path = ome(tmp_path / "x.zarr", "0.5")
    consolidated = json.loads((path / "0/zarr.json").read_text("utf-8"))
    consolidated["shape"] = [1, 1, 1, 2, 2]
    edit(
        path / "zarr.json",
        lambda document: document.update(
            consolidated_metadata={"kind": "inline", "must_understand": False, "metadata": {"0": consolidated}}
        ),
    )
    np.testing.assert_array_equal(read(path).data, DATA)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda ome: ome["multiscales"][0]["axes"].pop(), "name 4 axes of an array of 5"),
        (lambda ome: ome["multiscales"][0]["axes"][4].update(name="y"), "the axes y and x once each"),
        (lambda ome: ome["multiscales"][0]["datasets"][0].update(path="9"), "array '9', which is not there"),
        (lambda ome: ome.update(multiscales=3), "could not be read as Zarr"),
        (lambda ome: ome["multiscales"][0].update(datasets=[]), "no two-dimensional image"),
    ],
)
def test_wrong_metadata_are_one_sentence(tmp_path, change, said):
    path = ome(tmp_path / "x.zarr", "0.5")
    edit(path / "zarr.json", lambda document: change(document["attributes"]["ome"]))
    with pytest.raises(UnreadableFileError, match=said) as caught:
        read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [b"{", b"\xff{}", b"[1]", b"[" * 100_000])
@pytest.mark.parametrize("file", [".zgroup", ".zattrs", "0/.zarray"])
def test_damaged_metadata_are_named(tmp_path, file, text):
    path = ome(tmp_path / "x.zarr", "0.4")
    (path / file).write_bytes(text)
    if file == ".zgroup":  # says nothing but its version
        assert read(path).shape == (30, 41)
        return
    with pytest.raises(UnreadableFileError, match=rf"x\.zarr: {file} in it is no metadata of Zarr .* restore it"):
        read(path)


def test_what_is_no_store_of_an_image_says_so(tmp_path, made_record):
    write_zarr(made_record, tmp_path / "result.zarr")
    with pytest.raises(UnreadableFileError, match=r"is a result of fftscape, .* fftscape\.load opens it"):
        read(tmp_path / "result.zarr")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(UnreadableFileError, match="it is no Zarr store"):
        read(tmp_path / "empty.zarr")
    for name in ("x.zarr.zip", "x.zarr"):
        (tmp_path / name).write_bytes(b"PK\3\4 and so on")
        with pytest.raises(UnreadableFileError, match="unpack it"):
            read(tmp_path / name)
    plain(tmp_path / "thin.zarr", DATA[:1])
    with pytest.raises(UnreadableFileError, match="no two-dimensional image"):
        read(tmp_path / "thin.zarr")


def test_a_store_is_one_input_and_nothing_in_it_is_another(tmp_path, made_record):
    path = plain(tmp_path / "x.zarr", version=2)
    (path / "10.100").write_bytes(b"a chunk whose name ends like a NanoScope image")
    (path / "thumbnail.png").write_bytes(b"x")
    (tmp_path / "out").mkdir()
    write_zarr(made_record, tmp_path / "out/result.zarr")
    (tmp_path / "out/result.json").write_text("{}")
    for text in (path, tmp_path, f"{tmp_path}/*.zarr", f"{tmp_path}/**"):
        files = find_inputs([str(text)], suffixes=SUFFIXES).files
        assert [file for file in files if file.name != "result.json"] == [path]


def test_the_sum_covers_every_file_and_its_name(tmp_path):
    path = plain(tmp_path / "x.zarr")
    size, before = size_of(path), sha256_of(path)
    assert size == sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) > 100
    assert sha256_of(shutil.copytree(path, tmp_path / "moved.zarr")) == before
    chunk = path / "c/1/1"
    raw = chunk.read_bytes()
    chunk.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    changed = sha256_of(path)
    chunk.write_bytes(raw)
    assert sha256_of(path) == before != changed
    chunk.rename(path / "c/1/3")
    assert sha256_of(path) not in {before, changed}
