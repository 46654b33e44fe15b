"""Pictures whose depth, axes or times Pillow alone would lose: 16 bits in colour, float64, hyperstacks, animations."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from config import PrepConfig
from data.sources.base import FrameError
from data.sources.picture_file.deep import TURNS
from data.sources.picture_file.pictures import ORIENTATION, pages_of, pixels_of_page
from tests.support import frames
from tests.support.tiffs import tiff_of
from tests.support.videos import picture

COLOURS = np.random.default_rng(3).integers(0, 4096, (12, 20, 3), np.uint16)


def gray_of(colours):
    return np.rint(colours @ [0.299, 0.587, 0.114])


def read(path, **prep):
    (candidate,) = frames.scan(path.parent, PrepConfig(**prep))
    ((_, raw),) = frames.read([candidate])
    assert not isinstance(raw, FrameError), raw
    assert raw.pixels.shape[:2] == candidate.shape
    return raw.pixels


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("alpha", [False, True])
def test_colours_of_16_bits_keep_them(tmp_path, suffix, alpha):
    stored = COLOURS[..., ::-1]  # OpenCV's order
    opaque = np.full((*COLOURS.shape[:2], 1), 65535, np.uint16)
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), np.concatenate([stored, opaque], -1) if alpha else stored)
    np.testing.assert_array_equal(read(tmp_path / f"a.{suffix}", colour="rgb"), COLOURS)
    gray = read(tmp_path / f"a.{suffix}")
    assert gray.dtype == np.uint16
    np.testing.assert_allclose(gray, gray_of(COLOURS), atol=1)


def test_so_does_every_page(tmp_path):
    """The first page had 16 bits, and all others 8: they were 256 times as dark."""
    pages = [np.roll(COLOURS, n, axis=1) for n in range(4)]
    cv2.imwritemulti(str(tmp_path / "a.tif"), [page[..., ::-1] for page in pages])
    candidates = frames.scan(tmp_path, PrepConfig(colour="rgb"))
    payload = io.BytesIO((tmp_path / "a.tif").read_bytes())
    assert {c.flags for c in candidates} == {""}
    for number, (page, (_, raw)) in enumerate(zip(pages, frames.read(candidates), strict=True)):
        assert not isinstance(raw, FrameError), raw
        np.testing.assert_array_equal(raw.pixels, page)
        np.testing.assert_array_equal(pixels_of_page(payload, number, True), page)


def test_gray_of_16_bits_with_how_opaque_it_is_keeps_them(tmp_path):
    gray = COLOURS[..., 0]
    rows = np.stack([gray, np.full_like(gray, 65535)], -1).astype(">u2")
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", gray.shape[1], gray.shape[0], 16, 4, 0, 0, 0)
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    ]
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    np.testing.assert_allclose(read(tmp_path / "a.png"), gray, atol=1)


@pytest.mark.parametrize("form", ["ppm", "jp2"])
def test_so_do_those_of_other_formats(tmp_path, form):
    """Pillow gives 8 bits of them without a word."""
    ramp = np.add.outer(500 * np.arange(64), 100 * np.arange(80)).astype(np.uint16)
    colours = np.stack([ramp, ramp + 777, ramp // 2], -1)
    cv2.imwrite(str(tmp_path / f"a.{form}"), colours[..., ::-1])
    np.testing.assert_allclose(
        read(tmp_path / f"a.{form}", colour="rgb"), colours, atol=64
    )  # a quarter of the step of 8 bits


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"]), st.sampled_from("<>"), st.data())
def test_numbers_of_a_tiff_have_the_sign_that_it_tells(tmp_path_factory, dtype, order, data):
    """Pillow has 32 bits as signed and 8 as unsigned: what was brightest came out as darkest."""
    kind = np.dtype(dtype)
    ends = (np.iinfo(kind).min, np.iinfo(kind).max) if kind.kind in "ui" else (-1e6, 1e6)
    values = st.sampled_from([ends[0], ends[1], 0, 1, ends[1] // 2 + 1])
    pixels = np.array(data.draw(st.lists(values, min_size=12, max_size=12)), kind).reshape(3, 4)
    path = tmp_path_factory.mktemp("tiff") / "a.tif"
    path.write_bytes(tiff_of([pixels], order))
    np.testing.assert_array_equal(read(path).astype(float), pixels.astype(float))


@pytest.mark.parametrize("turn", range(1, 9))
def test_they_are_upright_as_others_are(tmp_path, turn):
    cv2.imwrite(str(tmp_path / "deep.png"), COLOURS[..., ::-1])
    plain = Image.fromarray((COLOURS[..., 0] >> 4).astype(np.uint8))
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    plain.save(tmp_path / "plain.png", exif=exif)
    with (tmp_path / "plain.png").open("rb") as stream:
        expected = pixels_of_page(stream, 0, False)
    found = TURNS.get(turn, np.asarray)(COLOURS[..., 0] >> 4)
    np.testing.assert_array_equal(found, expected)


def test_tiff_of_float64_is_read_and_other_forms_say_what_they_are(tmp_path):
    values = np.random.default_rng(0).normal(size=(12, 20))
    cv2.imwrite(str(tmp_path / "a.tif"), values)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), values)
    whole = bytearray((tmp_path / "a.tif").read_bytes())
    at = whole.index(b"\x53\x01\x03\x00")  # the tag of the format of its samples
    whole[at + 8] = 6  # complex numbers
    (tmp_path / "a.tif").write_bytes(whole)
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert candidate.reason == (
        "a TIFF with 1 samples a pixel of 64 bits is not read; save it with one or three of 8 or 16 bits, or float32"
    )


PAGES = np.random.default_rng(1).normal(size=(5, 12, 20))
FORMS = {
    "float64": (PAGES, {}),
    "float64 by deflate": (PAGES, {"deflate": True, "rows": 5}),
    "float64 of big-endian machines": (PAGES, {"order": ">"}),
    "float64 in several strips": (PAGES, {"rows": 5}),
    "float16": (PAGES.astype(np.float16), {}),
    "int64": ((1e9 * PAGES).astype(np.int64), {}),
    "colours in float32": (np.stack([PAGES] * 3, -1).astype(np.float32), {}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_page_of_numbers_that_pillow_does_not_know_is_a_frame(tmp_path, form):
    """Of a stack of float64 the first page alone was read, and nothing said of the others."""
    values, options = FORMS[form]
    (tmp_path / "a.tif").write_bytes(tiff_of(values, **options))
    candidates = frames.scan(tmp_path, PrepConfig())
    assert [c.source for c in candidates] == [f"a.tif#{n}" for n in range(5)]
    expected = values if values.ndim == 3 else values[..., 0]
    for (_, raw), page in zip(frames.read(candidates), expected, strict=True):
        assert not isinstance(raw, FrameError), raw
        np.testing.assert_allclose(raw.pixels, page, rtol=1e-6)


def test_pages_before_the_end_of_a_file_that_was_cut_are_frames(tmp_path):
    whole = tiff_of((50 * PAGES + 100).astype(np.uint8))
    (tmp_path / "a.tif").write_bytes(whole[: 7 * len(whole) // 10])
    candidates = frames.scan(tmp_path, PrepConfig())
    read_well = [not isinstance(raw, FrameError) for _, raw in frames.read(candidates)]
    assert read_well == [True, True, True, False]
    assert all("can't be read" in c.flags for c in candidates)


OF_SEVERAL = {
    "a.pgm": (b"P5\n4 3\n255\n" + bytes(12)) * 2,
    "a.ppm": (b"P6\n4 3\n1000\n" + bytes(72)) * 2,
    "a.pbm": (b"P4\n4 3\n" + bytes(3)) * 3,
    "a.pfm": (b"Pf\n4 3\n-1.0\n" + bytes(48)) * 2,
}


@pytest.mark.parametrize("name", OF_SEVERAL)
def test_pictures_one_behind_the_other_are_told(tmp_path, name):
    payload = OF_SEVERAL[name]
    (tmp_path / name).write_bytes(payload)
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert candidate.reason.startswith("several pictures one behind the other")
    (tmp_path / name).write_bytes(payload[: payload.index(b"P", 1)])
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert not candidate.reason


def test_a_volume_in_one_page_is_told(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff_of(np.zeros((1, 16, 16), np.uint8), t32997=4))
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert candidate.reason.startswith("a volume of 4 slices in one page")


@pytest.mark.parametrize("most", [1023, 4095, 65535])
def test_levels_of_a_pgm_of_more_than_8_bits_are_those_of_16(tmp_path, most):
    levels = np.linspace(0, most, 12).astype(np.uint16).reshape(3, 4)
    (tmp_path / "a.pgm").write_bytes(b"P5\n4 3\n%d\n" % most + levels.astype(">u2").tobytes())
    pixels = read(tmp_path / "a.pgm")
    assert pixels.dtype == np.uint16
    np.testing.assert_allclose(pixels, levels * (65535 / most), atol=1)


@given(st.binary(max_size=200), st.sampled_from([b"II*\0", b"MM\0*", b"II+\0", b""]))
@settings(max_examples=30)
def test_bytes_that_are_no_picture_are_an_error_and_nothing_worse(tmp_path_factory, payload, start):
    path = tmp_path_factory.mktemp("odd") / "a.tif"
    path.write_bytes(start + payload)
    (candidate,) = frames.scan(path.parent, PrepConfig())
    assert candidate.reason


STACKS = {
    '<OME><Pixels SizeC="2" SizeZ="1" SizeT="4"/></OME>': "its 8 pages are 2 channels x 4 times",
    '<OME><Pixels SizeC="1" SizeZ="2" SizeT="4"/></OME>': "its 8 pages are 2 depths x 4 times",
    "ImageJ=1.53\nimages=8\nchannels=2\nframes=4\n": "its 8 pages are 2 channels x 4 times",
    '<OME><Pixels SizeC="1" SizeZ="1" SizeT="8"/></OME>': "",
    '<OME><Pixels SizeC="3" SizeZ="1" SizeT="8"/></OME>': "",  # samples of each page
    "ImageJ=1.53\nimages=8\nslices=8\n": "",
}


@pytest.mark.parametrize("description", STACKS)
def test_pages_of_several_channels_are_no_frames(tmp_path, description):
    pages = [Image.fromarray(picture(i)) for i in range(8)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:], description=description)
    candidates = frames.scan(tmp_path, PrepConfig())
    assert len(candidates) == (1 if STACKS[description] else 8)
    assert candidates[0].reason.startswith(STACKS[description])
    assert bool(candidates[0].reason) == bool(STACKS[description])


@pytest.mark.parametrize("suffix", ["webp", "png"])
def test_an_animation_has_the_times_that_it_is_shown_at(tmp_path, suffix):
    pages = [Image.fromarray(picture(i)) for i in range(5)]
    options = {"duration": [200, 200, 500, 200, 200], "lossless": True} if suffix == "webp" else {"duration": 200}
    pages[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=pages[1:], **options)
    found = [c.time_s for c in frames.scan(tmp_path, PrepConfig())]
    assert found == ([0, 0.2, 0.4, 0.9, 1.1] if suffix == "webp" else pytest.approx([0, 0.2, 0.4, 0.6, 0.8]))
    slower = [c.time_s for c in frames.scan(tmp_path, PrepConfig(frames_per_second=2.0))]
    assert slower == [0, 0.5, 1, 1.5, 2]


def test_the_picture_for_programs_that_know_no_animations_is_no_frame(tmp_path):
    pages = [Image.fromarray(picture(i)) for i in range(5)]
    pages[4].save(tmp_path / "a.png", save_all=True, append_images=pages[:4], default_image=True, duration=100)
    with (tmp_path / "a.png").open("rb") as stream:
        found, others = pages_of(stream)
        shown = [pixels_of_page(stream, page.number, True) for page in found]
    assert others == 1
    np.testing.assert_array_equal(shown, [picture(i) for i in range(4)])


def test_a_stack_without_times_says_what_is_taken(tmp_path, caplog):
    pages = [Image.fromarray(picture(i)) for i in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with caplog.at_level("INFO"):
        frames.scan(tmp_path, PrepConfig())
    assert "a.tif: no times of its 3 pages are known: they are taken as 1 s apart" in caplog.text
