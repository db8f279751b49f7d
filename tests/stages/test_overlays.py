"""What was burned in is found where it is; what belongs to an image is left alone."""

import io

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageDraw
from scipy import ndimage

import fftscape as fs
from fftscape.files import formats
from fftscape.model.errors import OddImageWarning
from fftscape.model.notes import Notes
from fftscape.model.settings import Settings, merged
from fftscape.preparation import laid_grid
from fftscape.stages.overlays import find_overlays
from fftscape.usable import usable_pixels

ROWS, COLUMNS = 300, 460


@pytest.fixture(scope="module")
def texture():
    """Grey values from 20 to 220, so that neither black nor white occurs."""
    noise = np.random.default_rng(4).normal(size=(ROWS, COLUMNS))
    smooth = ndimage.gaussian_filter(noise, 3) * 8 + 0.3 * noise
    return np.uint8(20 + 200 * (smooth - smooth.min()) / np.ptp(smooth))


def drawn(pixels, ground, ink, where, *, text=(), lines=()):
    """Draw a filled rectangle (left, top, right, bottom) with text and smaller rectangles in it."""
    picture = Picture.fromarray(pixels.copy())
    draw = ImageDraw.Draw(picture)
    if where is not None:
        draw.rectangle(where, fill=ground)
    for place, words in text:
        draw.text(place, words, fill=ink)
    for place in lines:
        draw.rectangle(place, fill=ink)
    return np.array(picture)


def with_bar(pixels, ground=0, ink=255):
    words = [((8, 268), "EHT = 5.00 kV  Mag = 50.00 K X"), ((230, 280), "WD = 3.9 mm  InLens")]
    return drawn(pixels, ground, ink, (0, 262, COLUMNS, ROWS), text=words, lines=[(380, 270, 440, 273)])


def with_scale_bar(pixels, value=255):
    return drawn(pixels, None, value, None, text=[((60, 250), "200 nm")], lines=[(40, 270, 129, 275)])


def as_jpeg(pixels, quality=80):
    stream = io.BytesIO()
    Picture.fromarray(np.dstack([pixels] * 3)).save(stream, "JPEG", quality=quality)
    return np.array(Picture.open(stream)).astype(np.float32) @ np.float32([0.299, 0.587, 0.114])


@pytest.mark.parametrize(("ground", "ink"), [(0, 255), (255, 0), (128, 255)])
@pytest.mark.parametrize(
    "change",
    [
        lambda pixels: pixels,
        lambda pixels: pixels.astype(np.uint16) * 200,
        lambda pixels: pixels.astype(np.float64) * 1e-9 - 3e-8,
        as_jpeg,
    ],
    ids=["uint8", "uint16", "float64", "JPEG"],
)
def test_a_data_bar_is_found_to_the_row(texture, ground, ink, change):
    found = find_overlays(change(with_bar(texture, ground, ink)))
    assert found.sentences == ("a data bar is left out (rows 262 to 299)",)
    assert found.mask[262:].all()
    assert not found.mask[:262].any()


@pytest.mark.parametrize(
    ("turn", "sentence"),
    [
        (lambda pixels: pixels[::-1], "a data bar is left out (rows 0 to 37)"),
        (lambda pixels: pixels.T, "a data bar is left out (columns 262 to 299)"),
        (lambda pixels: pixels[::-1].T, "a data bar is left out (columns 0 to 37)"),
    ],
)
def test_a_data_bar_may_lie_at_any_side(texture, turn, sentence):
    assert find_overlays(turn(with_bar(texture))).sentences == (sentence,)


def test_a_bar_in_a_frame_goes_with_the_remnant_of_the_image_beside_it(texture):
    framed = with_bar(texture, 255, 0)
    framed[262:264] = framed[-3:-1] = 0
    framed[-1] = texture[-1]
    assert find_overlays(framed).sentences == ("a data bar is left out (rows 262 to 299)",)


def test_a_bar_on_a_blank_image_is_found_by_its_line():
    black = with_bar(np.zeros((ROWS, COLUMNS), np.uint8))
    assert "data bar" not in str(find_overlays(black).sentences)  # nothing tells where it begins
    black[261] = 255
    assert find_overlays(black).sentences == ("a data bar is left out (rows 261 to 299)",)


def test_a_scale_bar_and_its_text_are_found(texture):
    for value in (255, 0):
        marked = with_scale_bar(texture, value)
        found = find_overlays(marked)
        assert found.sentences == ("a scale bar with its text is left out (rows 270 to 275, columns 40 to 129)",)
        strokes = marked.astype(int) - texture
        assert found.mask[np.abs(strokes) > 60].all()
        assert not found.mask[:240].any()
        assert not found.mask[:, 160:].any()
        assert found.mask.mean() < 0.015


def test_a_scale_bar_is_found_on_an_empty_background():
    spots = np.zeros((ROWS, COLUMNS))
    spots[np.random.default_rng(1).integers(0, 200, 12), np.random.default_rng(2).integers(0, COLUMNS, 12)] = 1
    cells = np.uint8(180 * (ndimage.gaussian_filter(spots, 9) / ndimage.gaussian_filter(spots, 9).max()))
    assert find_overlays(cells).sentences == ()
    found = find_overlays(with_scale_bar(cells))
    assert found.sentences == ("a scale bar with its text is left out (rows 270 to 275, columns 40 to 129)",)


def test_compression_and_outlines_do_not_hide_a_scale_bar(texture):
    outlined = drawn(texture, 0, 255, (37, 267, 132, 278), lines=[(40, 270, 129, 275)])
    for pixels in (outlined, as_jpeg(outlined, 90)):
        found = find_overlays(pixels)
        assert len(found.sentences) == 1
        assert found.mask[267:279, 37:133].all()
        assert found.mask.mean() < 0.03


@pytest.mark.parametrize("ground", [0, 77, 255])
def test_a_box_is_found_whatever_is_written_in_it(texture, ground):
    text = [((220, 110), "200 nm")]
    marked = drawn(texture, ground, 255 - ground, (200, 100, 319, 149), text=text, lines=[(220, 130, 300, 134)])
    found = find_overlays(marked)
    assert found.sentences == ("a box of one value is left out (rows 100 to 149, columns 200 to 319)",)
    assert found.mask[100:150, 200:320].all()
    assert found.mask.sum() == 54 * 124


@pytest.mark.parametrize("angle", [2, -7, 20])
@pytest.mark.parametrize("reshape", [False, True])
def test_blank_corners_of_a_turned_image_are_found(texture, angle, reshape):
    blank = ndimage.rotate(np.ones(texture.shape), angle, reshape=reshape, order=1) < 0.5
    found = find_overlays(ndimage.rotate(texture, angle, reshape=reshape, order=1))
    assert found.mask[blank].mean() > 0.97
    assert found.mask[~blank].mean() < 0.03
    assert all("blank" in sentence for sentence in found.sentences)


def test_blank_wedges_of_a_sheared_image_are_found(texture):
    sheared = ndimage.affine_transform(texture, [[1, 0], [0.06, 1]], order=1)
    found = find_overlays(sheared)
    assert found.mask[290, -15:].all()
    assert not found.mask[:10].any()
    assert not found.mask[:, :400].any()


def test_bar_edges_and_corners_are_found_together(texture):
    turned = ndimage.rotate(texture, 3, reshape=False, order=1)
    turned[:, :12] = 90
    found = find_overlays(with_bar(turned, 255, 0))
    assert found.sentences[0] == "a data bar is left out (rows 262 to 299)"
    assert "columns: 12 at the left" in found.sentences[1]
    assert found.mask[:262, :12].all()
    assert found.mask[2, 30]
    assert not found.mask[100:200, 60:400].any()


def grid(period, shape=(260, 340)):
    y, x = np.indices(shape)
    return np.cos(2 * np.pi * x / period) + np.cos(2 * np.pi * y / period)


def own_flat_places():
    """Images whose flat places are their own."""
    rng = np.random.default_rng(0)
    y, x = np.indices((260, 340))
    noise = rng.normal(size=x.shape)
    smooth = ndimage.gaussian_filter(noise, 6) * 20
    yield "noise", noise
    yield "quantised noise", np.uint8(120 + 3 * noise)
    yield "binary noise", noise > 0
    yield "binary texture", smooth > 0
    yield "salt", np.where(rng.random(x.shape) < 0.02, 255.0, 0)
    yield "counts", rng.poisson(0.3, x.shape)
    for period in (1, 8, 40):
        yield f"checkerboard {period}", (x // period + y // period) % 2 * 200
        yield f"stripes {period}", x // period % 2 * 9
        yield f"rows {period}", y // period % 2 * 9
    yield "exact crystal", grid(16)
    yield "clipped crystal", np.clip(grid(16), 0, 1)
    yield "flat dots", ((x % 16 < 8) & (y % 16 < 8)) * 1.0
    yield "saturated blobs", np.clip(smooth + 1, 0, 2)
    yield "particles on zero", np.clip(ndimage.gaussian_filter(np.where(noise > 3.2, 900.0, 0), 4) - 2, 0, None)
    yield "labels", np.uint8(x > 0.3 * y + 100) + np.uint8(x > 240)
    yield "scan lines", np.round(rng.normal(size=(260, 1)) * 2) + np.round(smooth)
    yield "binary scan lines", (rng.normal(size=(260, 1)) + 0.3 * noise) > 0
    yield "steps with noise", np.uint8(60 + 80 * (x > 170) + 2 * noise)
    yield "ramp", x + 2.0 * y
    yield "one pixel", np.where((x == 170) & (y == 130), 65535, 0).astype(np.uint16)
    yield "constant", np.full(x.shape, 7)
    yield "nothing", np.full(x.shape, np.nan)
    yield "huge", 1e300 * noise
    yield "tiny", np.float32(1e-12) * noise.astype(np.float32)
    yield "half", noise.astype(np.float16)


@pytest.mark.parametrize(
    ("name", "pixels"), list(own_flat_places()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_flat_places_of_the_image_itself_stay(name, pixels):
    found = find_overlays(np.asarray(pixels))
    assert found.sentences == (), name
    assert not found.mask.any()


def test_gaps_belong_to_nothing(texture):
    pixels = with_scale_bar(texture).astype(np.float32)
    pixels[:90, :200] = np.nan
    pixels[10, 300] = np.inf
    assert find_overlays(pixels).sentences == find_overlays(with_scale_bar(texture)).sentences


def test_the_setting_keeps_what_was_burned_in(texture):
    image, notes = fs.Image(with_bar(texture)), Notes()
    settings = merged(Settings(), {"windows": {"size": 32, "step": 16}})
    assert not laid_grid(usable_pixels(image, settings, notes), settings, notes).valid[-1].any()
    assert notes.sentences[0] == "image: a data bar is left out (rows 262 to 299)."
    forced, silence = merged(settings, {"windows": {"keep_burned_in": True}}), Notes()
    assert laid_grid(usable_pixels(image, forced, silence), forced, silence).valid.all()
    assert silence.sentences == []


def test_only_windows_that_touch_a_scale_bar_are_lost(texture):
    settings = merged(Settings(), {"windows": {"size": 32, "step": 8}})
    usable = usable_pixels(fs.Image(with_scale_bar(texture)), settings, Notes())
    laid = laid_grid(usable, settings, Notes())
    bottom, right = laid.origins_y + 32, laid.origins_x + 32
    far = (bottom[:, None] < 245) | (laid.origins_x > 140) | (right < 30)
    assert laid.valid[far].all()
    assert not laid.valid[(bottom[:, None] > 275) & (laid.origins_x < 100) & (right > 60)].any()


def test_what_leaves_no_window_is_kept_and_said(texture):
    image = fs.Image(with_scale_bar(texture))
    settings = merged(Settings(), {"windows": {"size": (250, 400), "step": (25, 30)}})
    notes = Notes()
    assert laid_grid(usable_pixels(image, settings, notes), settings, notes).valid.all()
    assert "is analysed too, since hardly a window of this size is free of it" in notes.sentences[0]


def test_the_advisor_looks_at_the_image_only():
    crystal = np.uint8(128 + 25 * grid(9, (ROWS, COLUMNS)) + np.random.default_rng(0).normal(size=(ROWS, COLUMNS)))
    barred = drawn(crystal, 0, 255, (0, 220, COLUMNS, ROWS), lines=[(x, 224, x + 5, 296) for x in range(4, 450, 14)])
    advice, expected = fs.suggest_window(barred), fs.suggest_window(crystal)
    assert advice.period == pytest.approx(9, rel=0.02)
    assert expected.period == pytest.approx(9, rel=0.02)


BURNED_IN = {
    "zeiss_grain_boundary_50kx.tif": ("a data bar is left out (rows 350 to 383)",),
    "zeiss_grains_105x.tif": ("a data bar is left out (rows 691 to 767)",),
    "rbc_cytoskeleton_250kx_fei.tif": ("a data bar is left out (rows 1024 to 1093)",),
    "tiff_fei_helios_black.tif": ("a data bar is left out (rows 442 to 470)",),
    "hela_cells_3ch_16bit.tif": ("a box of one value is left out (rows 476 to 509, columns 488 to 668)",),
    "soot_hrtem_fringes_1024.png": ("a scale bar with its text is left out (rows 979 to 992, columns 31 to 195)",),
}


@pytest.mark.filterwarnings("ignore")
def test_real_images_lose_what_was_burned_in_and_nothing_else(shared_data):
    found = {}
    for kind in ("stem", "spm", "sem", "fluo", "photo", "series", "truth", "vendor"):
        for path in sorted((shared_data / kind).iterdir()):
            try:
                image = formats.read(path)
            except (fs.FftscapeError, IsADirectoryError):
                continue
            overlays = find_overlays(image.data)
            if overlays.sentences:
                found[path.name] = overlays.sentences
    assert found == BURNED_IN


@pytest.mark.filterwarnings("ignore")
def test_a_data_bar_is_no_component(shared_data):
    with pytest.warns(OddImageWarning, match="a data bar is left out"):
        analysis = fs.analyze(fs.read(shared_data / "sem" / "zeiss_grain_boundary_50kx.tif"), window=48, step=24)
    assert (analysis.labels[350:] == -1).all()
    assert (analysis.labels[:300] >= 0).all()
