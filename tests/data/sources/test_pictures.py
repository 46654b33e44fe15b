"""Pictures as cameras, scanners and archives write them: upright, with all their pages, in any format Pillow opens."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from config import PrepConfig
from data import sources
from tests.support import frames
from tests.support.fits_files import utc
from tests.support.videos import number_of, picture

PREP = PrepConfig()


def read(folder, prep=PREP):
    """Pixels by source; every frame must have been read."""
    candidates = frames.scan(folder, prep)
    assert [c.reason for c in candidates if c.reason] == []
    return {candidate.source: raw.pixels for candidate, raw in frames.read(candidates)}


def exif(turn):
    tags = Image.Exif()
    tags[0x0112] = turn
    return tags


# How a picture (rows, columns) is stored whose EXIF orientation is the key: EXIF 2.32, section 4.6.4 A.
STORED = {
    1: lambda p: p,
    2: np.fliplr,
    3: lambda p: np.rot90(p, 2),
    4: np.flipud,
    5: lambda p: p.T,
    6: lambda p: np.rot90(p, 1),
    7: lambda p: np.rot90(p, 2).T,
    8: lambda p: np.rot90(p, -1),
}


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("turn", STORED)
def test_pictures_are_upright(tmp_path, turn, suffix):
    upright = picture(5)[..., 0]
    stored = Image.fromarray(np.ascontiguousarray(STORED[turn](upright)))
    stored.save(tmp_path / f"a.{suffix}", exif=exif(turn), **({"lossless": True} if suffix == "webp" else {}))
    (candidate,) = frames.scan(tmp_path, PREP)
    assert candidate.shape == upright.shape
    assert candidate.flags == (f"turned upright (EXIF orientation {turn})" if turn > 1 else "")
    (pixels,) = read(tmp_path).values()
    np.testing.assert_array_equal(pixels, upright)


def test_deep_pictures_are_upright_too(tmp_path):
    upright = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    Image.fromarray(np.ascontiguousarray(np.rot90(upright))).save(tmp_path / "a.png", exif=exif(6))
    (pixels,) = read(tmp_path).values()
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, upright)


@pytest.mark.parametrize("turn", [0, 9, 77])
def test_an_orientation_that_means_nothing_is_left_alone(tmp_path, turn):
    Image.fromarray(picture(5)[..., 0]).save(tmp_path / "a.png", exif=exif(turn))
    np.testing.assert_array_equal(read(tmp_path)["a.png"], picture(5)[..., 0])


def stack(path, numbers, **save):
    pages = [Image.fromarray(picture(i)[..., 0]) for i in numbers]
    pages[0].save(path, save_all=True, append_images=pages[1:], **save)


@pytest.mark.parametrize("name", ["stack.tif", "stack.tiff", "stack.png", "stack.bin"])
def test_every_page_is_a_frame(tmp_path, name):
    stack(tmp_path / name, range(20), format="PNG" if name.endswith("png") else "TIFF")
    candidates = frames.scan(tmp_path, PREP)
    assert [c.source for c in candidates] == [f"{name}#{i}" for i in range(20)]
    assert {c.reel for c in candidates} == {"stack"}
    assert [c.time_s for c in candidates] == list(range(20))
    assert [number_of(pixels) for pixels in read(tmp_path).values()] == list(range(20))


def test_stacks_are_reels_beside_that_of_their_folder(tmp_path):
    stack(tmp_path / "20120719_073001.tif", range(3))
    stack(tmp_path / "b.tif", range(3, 7))
    for i in range(2):
        Image.fromarray(picture(i)[..., 0]).save(tmp_path / f"single{i}.tif")
    candidates = frames.scan(tmp_path, PREP)
    by_reel = {name: [c for c in candidates if c.reel == name] for name in {c.reel for c in candidates}}
    assert {name: len(found) for name, found in by_reel.items()} == {"20120719_073001": 3, "b": 4, tmp_path.name: 2}
    assert [c.time_utc for c in by_reel["20120719_073001"]] == [utc(i) for i in range(3)]


def test_a_stack_has_its_times_beside_it(tmp_path):
    stack(tmp_path / "b.tif", range(3))
    (tmp_path / "b.csv").write_text("time\n" + "".join(f"{utc(60 * i)}\n" for i in range(2)))
    first, second, third = frames.scan(tmp_path, PREP)
    assert (first.time_utc, second.time_utc) == (utc(0), utc(60))
    assert third.reason == "times CSV has no row for this frame"


def test_reduced_copies_in_a_file_are_no_frames_and_told(tmp_path):
    large, small = Image.fromarray(picture(3)[..., 0]), Image.fromarray(picture(3)[::2, ::2, 0])
    small.encoderinfo = {"tiffinfo": {254: 1}}
    large.save(tmp_path / "pyramid.tif", save_all=True, append_images=[small])
    (candidate,) = frames.scan(tmp_path, PREP)
    assert candidate.shape == large.size[::-1]
    assert candidate.flags == "1 more pictures in its file left out"


@pytest.mark.parametrize(
    "name", ["a.jp2", "a.webp", "a.avif", "a.gif", "a.ppm", "a.tga", "a.ico", "a.qoi", "a.sgi", "a"]
)
def test_what_pillow_opens_is_a_picture(tmp_path, name):
    form = {"a.jp2": "JPEG2000", "a": "PNG", "a.ppm": "PPM"}.get(name, name.rpartition(".")[2].upper())
    exact = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100}, "ICO": {"sizes": [(96, 64)]}}.get(form, {})
    Image.fromarray(picture(77)).save(tmp_path / name, format=form, **exact)
    (pixels,) = read(tmp_path).values()
    assert pixels.shape == (64, 96)
    assert number_of(pixels) == 77


@pytest.mark.parametrize("turn", [1, 6, 8])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("colour", ["gray", "rgb"])
def test_what_is_transparent_is_black_whatever_its_hidden_colours(tmp_path, mode, colour, turn):
    random, scene = np.random.default_rng(0), Image.fromarray(picture(77)).convert("L")
    hidden = np.zeros((64, 96), bool)
    hidden[:30, :40] = True
    found = []
    for number in range(2):
        levels = np.where(hidden, random.integers(0, 255, hidden.shape), np.asarray(scene) | 1).astype(np.uint8)
        alpha = np.where(hidden, 0, random.integers(1, 255, hidden.shape)).astype(np.uint8)
        bands = [Image.fromarray(levels)] * (1 if mode == "LA" else 3) + [Image.fromarray(alpha)]
        image, exif = Image.merge("LA" if mode == "LA" else "RGBA", bands), Image.Exif()
        exif[0x0112] = turn
        if mode == "P":
            image = Image.fromarray(np.where(hidden, 0, levels))
            image.info["transparency"] = 0
        image.save(tmp_path / f"{number}.png", exif=exif)
    for pixels in read(tmp_path, PrepConfig(colour=colour)).values():
        whole = pixels.reshape(*pixels.shape[:2], -1)[..., 0]
        found.append(whole if turn == 1 else np.rot90(whole, 1 if turn == 6 else -1))
        assert not found[-1][hidden].any()
        assert found[-1][~hidden].all()
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "YCbCr", "LAB"])
@pytest.mark.parametrize("colour", ["gray", "rgb"])
def test_gray_is_as_bright_in_every_mode(tmp_path, mode, colour):
    """LAB was refused in gray."""
    gray = Image.new("RGB", (24, 16), (120, 120, 120))
    lab = Image.merge("LAB", [Image.new("L", (24, 16), value) for value in (129, 128, 128)])  # L* 50.5 is 120 of sRGB
    (lab if mode == "LAB" else gray.convert(mode)).save(tmp_path / "a.tif")
    np.testing.assert_allclose(read(tmp_path, PrepConfig(colour=colour))["a.tif"], 120, atol=2)


@pytest.mark.parametrize("alpha", [0, 255])
def test_a_fourth_byte_that_is_the_same_everywhere_means_nothing(tmp_path, alpha):
    image = Image.fromarray(picture(77)).convert("RGBA")
    image.putalpha(alpha)
    image.save(tmp_path / "a.png")
    (pixels,) = read(tmp_path).values()
    assert number_of(pixels) == 77


@given(st.binary(max_size=300))
def test_any_bytes_are_a_picture_or_named(tmp_path_factory, payload):
    folder = tmp_path_factory.mktemp("any")
    (folder / "x.unknown").write_bytes(payload)
    Image.fromarray(picture(1)).save(folder / "good.png")
    good = [c for c in frames.scan(folder, PREP) if not c.reason]
    assert [c.source for c in good] == ["good.png"]


def test_drawings_beside_a_table_are_no_reel(tmp_path):
    table = "time,a\n" + "".join(f"2020-01-01T00:00:{i:02d},{i % 7}\n" for i in range(20))
    for folder in ("drawn", "filmed"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "telemetry.csv").write_text(table)
    for name in ("drawn/plot.png", "drawn/histogram.png", "filmed/f1.png", "filmed/f2.png"):
        Image.new("L", (8, 8)).save(tmp_path / name)
    found = sources.discover(tmp_path)
    assert [item.path.parent.name for item in found.series] == ["drawn", "filmed"]
    reasons = {c.source: c.reason for item in found.frames for c in sources.scan(item, tmp_path, PrepConfig())}
    assert [bool(reasons[name]) for name in sorted(reasons)] == [True, True, False, False]
    assert "prepare it alone" in reasons["drawn/plot.png"]
    (alone,) = sources.discover(tmp_path / "drawn" / "plot.png").frames
    assert [c.reason for c in sources.scan(alone, tmp_path / "drawn" / "plot.png", PrepConfig())] == [""]


def tiff(pixels, photometric, subfile=0):
    """A TIFF as the standard has it (TIFF 6.0, section 2), with tags that Pillow does not write."""
    data, (height, width) = pixels.tobytes(), pixels.shape
    tags = {254: (4, subfile), 256: (3, width), 257: (3, height), 258: (3, 8 * pixels.itemsize), 259: (3, 1)}
    tags |= {262: (3, photometric), 273: (4, 14 + 12 * 9), 277: (3, 1), 279: (4, len(data))}
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in tags.items())
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + data


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_bright_in_every_tiff(tmp_path, dtype):
    shown = np.arange(600, dtype=dtype).reshape(20, 30) * dtype(np.iinfo(dtype).max // 700 or 1)
    (tmp_path / "0.tif").write_bytes(tiff(np.iinfo(dtype).max - shown, photometric=0))
    (tmp_path / "1.tif").write_bytes(tiff(shown, photometric=1))
    both = read(tmp_path)
    assert len(both) == 2
    for pixels in both.values():
        np.testing.assert_array_equal(pixels, shown)


@pytest.mark.parametrize("name", ["a.dng", "a.nef", "a.tif"])
def test_the_preview_in_a_raw_file_is_no_frame(tmp_path, name):
    (tmp_path / name).write_bytes(tiff(np.zeros((20, 30), np.uint8), photometric=1, subfile=1))
    assert [c.reason[:42] for c in frames.scan(tmp_path, PREP)] == ["it begins with a reduced copy, as a camera"]


def test_an_empty_file_is_called_so(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    assert [c.reason for c in frames.scan(tmp_path, PREP)] == ["file is empty"]


def photoshop(pixels, n_layers):
    """A file of Photoshop: its picture (H, W) as it looks, and layers of no size. Source: Adobe's specification."""
    height, width = pixels.shape
    layer = struct.pack(">4iH4s4sBBBBI", 0, 0, 0, 0, 0, b"8BIM", b"norm", 255, 0, 0, 0, 0)
    layers = struct.pack(">h", n_layers) + layer * n_layers
    layers = struct.pack(">II", len(layers) + 4, len(layers)) + layers if n_layers else b"\0" * 4
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 1, height, width, 8, 1)
    return head + b"\0" * 8 + layers + b"\0\0" + pixels.tobytes()


@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_of_photoshop_the_picture_is_read_and_no_layer(tmp_path, n_layers):
    """Pillow counts the layers from 1: no picture 0 was found, and all were refused."""
    pixels = picture(5)[..., 0]
    (tmp_path / "a.psd").write_bytes(photoshop(pixels, n_layers))
    np.testing.assert_array_equal(read(tmp_path)["a.psd"], pixels)
