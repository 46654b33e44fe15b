"""PNG has checksums: what they say is damaged is refused. Its headers tell the rest, mostly before the pixels."""

import io
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from data.sources.picture_file.pictures import ORIENTATION, pages_of, pixels_of_page

NOISE = np.random.default_rng(3).integers(0, 256, (24, 30, 3)).astype(np.uint8)


def as_png(pixels):
    return bytes(cv2.imencode(".png", pixels)[1])


def in_palette():
    stream = io.BytesIO()
    Image.fromarray(NOISE[..., 0]).convert("P").save(stream, "PNG")
    return stream.getvalue()


KINDS = {
    "gray": as_png(NOISE[..., 0]),
    "colours": as_png(NOISE),
    "deep": as_png(NOISE[..., 0].astype(np.uint16) * 257),
    "deep colours": as_png(NOISE.astype(np.uint16) * 257),
    "transparent": as_png(np.dstack([NOISE, NOISE[..., :1]])),
    "palette": in_palette(),
}


def read(payload):
    return pixels_of_page(io.BytesIO(payload), 0, in_colour=False)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_of_its_pixels_is_noticed(kind, place, bit):
    """Pillow tells the first time that pixels are asked for, and that was while looking for an orientation."""
    payload = bytearray(KINDS[kind])
    begin = payload.index(b"IDAT")
    n_bytes = int.from_bytes(payload[begin - 4 : begin])
    payload[begin + 4 + int(place * n_bytes)] ^= 1 << bit
    truth = read(KINDS[kind])
    try:
        found = read(bytes(payload))
    except Exception:  # whatever Pillow raises becomes the reason of the row
        return
    np.testing.assert_array_equal(found, truth)  # bits of the head of a stream may say nothing


def test_pixels_that_were_packed_anew_are_no_damage():
    """The oracle of the test above: what it refuses is the damage, and not any change."""
    payload = KINDS["gray"]
    begin = payload.index(b"IDAT")
    n_bytes = int.from_bytes(payload[begin - 4 : begin])
    data = b"IDAT" + zlib.compress(zlib.decompress(payload[begin + 4 : begin + 4 + n_bytes]), 1)
    chunk = (len(data) - 4).to_bytes(4) + data + zlib.crc32(data).to_bytes(4)
    packed = payload[: begin - 4] + chunk + payload[begin + 8 + n_bytes :]
    np.testing.assert_array_equal(read(packed), read(payload))


def turned(is_behind):
    """A PNG with EXIF data before its pixels, or behind them."""
    stream, exif = io.BytesIO(), Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(NOISE).save(stream, "PNG", exif=exif)
    payload = stream.getvalue()
    begin = payload.index(b"eXIf") - 4
    end = begin + 12 + int.from_bytes(payload[begin : begin + 4], "big")
    rest, chunk = payload[:begin] + payload[end:], payload[begin:end]
    return rest[:-12] + chunk + rest[-12:] if is_behind else payload


@pytest.mark.parametrize("is_behind", [False, True])
def test_an_orientation_is_found_and_seldom_needs_the_pixels(monkeypatch, is_behind):
    """Each PNG was decoded while headers were read, and then once more."""
    payload, loaded, load = turned(is_behind), [], PngImagePlugin.PngImageFile.load
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda image: loaded.append(image) or load(image))
    (page,), _ = pages_of(io.BytesIO(payload))
    assert (page.shape, bool(loaded)) == (NOISE.shape[1::-1], is_behind)
    upright = pixels_of_page(io.BytesIO(payload), 0, in_colour=True)
    np.testing.assert_array_equal(upright, np.rot90(NOISE, -1))
