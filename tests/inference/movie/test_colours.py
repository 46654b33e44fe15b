"""Reels of colour pictures are shown in their colours: by the movie, by alarms and by the report."""

import base64

import av
import cv2
import numpy as np
import pandas as pd
import pytest

from config import EvalConfig
from data.sources.base import RGB
from inference.calibration.noise import NoiseModel
from inference.movie.movie import NAME, movie_of, style_of
from inference.report_page.pictures import thumbnails
from inference.scorers.nets.residual import ScoredFrame
from tests.support.reels import make_reel

SIDE, COLOUR = 32, (0.8, 0.3, 0.1)  # red first
NOISE = NoiseModel(np.zeros((SIDE, SIDE)), np.ones((SIDE, SIDE)))


def filmed(path, channels):
    frames = np.broadcast_to(np.float32(COLOUR)[:, None, None], (12, 3, SIDE, SIDE))
    return make_reel(path, frames.copy(), channels=channels, start_utc=None)


@pytest.mark.parametrize(("channels", "expected"), [(RGB, COLOUR), (("131", "171", "193"), (0.4, 0.4, 0.4))])
def test_the_movie_and_the_report_show_what_was_filmed(tmp_path, channels, expected):
    reel, valid = filmed(tmp_path / "cam", channels), np.ones((SIDE, SIDE), bool)
    with movie_of(reel, NOISE, 1.0, 2.0, EvalConfig(), tmp_path) as movie:
        for i in range(len(reel)):
            frame = reel.read(i, i + 1)[0][0].astype(np.float32)
            movie.add(ScoredFrame(i, frame, None, np.zeros((SIDE, SIDE)), valid, 0.0), np.zeros((SIDE, SIDE)), [])
    layout, side = movie.composer.layout, movie.composer.layout.panel_size[0]
    with av.open(str(tmp_path / NAME)) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24")
    for x in layout.panel_x:
        middle = shown[layout.top + side // 2, x + side // 2 - 8 : x + side // 2 + 8].mean(axis=0)
        np.testing.assert_allclose(middle, 255 * np.array(expected), atol=8)
    event = {"event": 1, "frame_peak": 3, "peak_score": 5.0, "instrument": "", "level": "high"}
    event |= {"x0": 12, "y0": 12, "x1": 20, "y1": 20}
    (address,) = thumbnails(reel, pd.DataFrame([event])).values()
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(address.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_allclose(picture.mean(axis=(0, 1))[::-1], 255 * np.array(expected), atol=8)


def test_three_wavelengths_are_no_colours(tmp_path):
    assert style_of(filmed(tmp_path / "cam", RGB), NOISE, 1.0, 2.0, EvalConfig()).in_colour
    assert not style_of(filmed(tmp_path / "sun", ("94", "131", "171")), NOISE, 1.0, 2.0, EvalConfig()).in_colour
