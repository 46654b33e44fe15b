"""The stored and the live reel are the same to those who read them."""

import numpy as np

from config import PrepConfig
from data.live.live_reel import Form, LiveReel
from data.reel.contract import AnyReel
from data.reel.scaled import target_stretches
from data.reel.stretch import Stretch
from tests.support.reels import make_reel


def test_both_reels_fulfil_the_contract(tmp_path):
    stored = make_reel(tmp_path / "r", np.zeros((3, 1, 8, 8), np.float32))
    form = Form(PrepConfig(), (8, 8), (8, 8), ("gray",), (Stretch("linear", 1.0, 255.0),), "float16")
    live = LiveReel("camera", form, gap_threshold=3.0, delay_s=1.0, span=4)
    for reel in (stored, live):
        assert isinstance(reel, AnyReel)
        assert {"gap_threshold", "source_shape", "identity"} <= set(reel.meta)
        assert len(reel.shape) == 4
        assert target_stretches(reel, {}) == reel.stretches
