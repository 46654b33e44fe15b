"""A stream as a reel, where its pictures become others."""

import numpy as np
import pytest

from config import PrepConfig
from data.live.live_reel import Form, LiveReel
from data.live.live_source import Picture
from data.reel.stretch import Stretch

SIZES = [(24, 32), (48, 64), (32, 24)]


@pytest.mark.parametrize("other", SIZES[1:])
@pytest.mark.parametrize("at", [0, 5])
def test_another_size_is_said_and_begins_a_stretch(other, at, caplog):
    """at: the first picture that is of another size than those that the model was trained on."""
    form = Form(PrepConfig(resize=(12, 16)), SIZES[0], (12, 16), ("gray",), (Stretch("linear", 1.0, 255.0),), "float32")
    reel = LiveReel("gate", form, gap_threshold=3.0, delay_s=10.0, span=20)
    for n in range(9):
        pixels = np.full(SIZES[0] if n < at else other, n, np.uint8)
        reel.push(Picture(pixels, n / 25, 1 / 25, is_gap=False, can_wait=False))
    reel.finish()
    assert [(begin, end.reached(100)) for begin, end in reel.each_stretch()] == (
        [(0, 9)] if not at else [(0, 5), (5, 9)]
    )
    told = f"gate: its pictures are of {other[0]}x{other[1]} px, no longer of 24x32 px"
    assert caplog.text.count(told) == 1
    assert reel.to_source is not None
    assert reel.meta["source_shape"] == other
