"""A JPEG that lost a part on its way is refused; one with an edge of one colour is not."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from config import PrepConfig
from data.sources.base import FrameError, RawFrame
from data.sources.picture_file.pictures import ORIENTATION
from tests.support import frames

NOISE = np.random.default_rng(5).integers(0, 255, (120, 160, 3)).astype(np.uint8)
SCENE = cv2.normalize(cv2.GaussianBlur(NOISE, (0, 0), 2), NOISE.copy(), 0, 255, cv2.NORM_MINMAX)
END = b"\xff\xd9"


def jpeg(pixels, turn=1, **how):
    stream, exif = io.BytesIO(), Image.Exif()
    exif[ORIENTATION] = turn
    Image.fromarray(pixels).save(stream, "JPEG", exif=exif, **how)
    return stream.getvalue()


def read(folder, payload, **prep):
    (folder / "a.jpg").write_bytes(payload)
    ((_, raw),) = frames.read(frames.scan(folder, PrepConfig(**prep)))
    return raw


@settings(max_examples=25, deadline=None)
@given(st.floats(0.2, 0.9), st.booleans(), st.sampled_from([0, 2]), st.integers(1, 8), st.sampled_from(["gray", "rgb"]))
def test_what_lost_its_end_is_refused(tmp_path_factory, part, in_colour, subsampling, turn, colour):
    """Its lower part was one shade of gray, without a word."""
    how = {"subsampling": subsampling} if in_colour else {}
    whole = jpeg(SCENE if in_colour else SCENE[..., 0], turn, **how)
    begin = whole.index(b"\xff\xda")  # of the bits of the picture
    cut = whole[: begin + int(part * (len(whole) - begin))]
    assert isinstance(read(tmp_path_factory.mktemp("whole"), whole, colour=colour), RawFrame)
    damaged = read(tmp_path_factory.mktemp("cut"), cut + END, colour=colour)
    assert isinstance(damaged, FrameError)
    assert "a part was lost on its way" in str(damaged)


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("side", [np.s_[:16], np.s_[-16:], np.s_[:, :16], np.s_[:, -16:], np.s_[:]])
def test_an_edge_of_one_colour_is_none(tmp_path, value, side):
    pixels = SCENE.copy()
    pixels[side] = value
    assert isinstance(read(tmp_path, jpeg(pixels)), RawFrame)
