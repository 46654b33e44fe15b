"""Key frames of coded movies: what they code anew is the sum of what was held back, and no news of the Sun."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import EvalConfig
from data.reel.stretch import Stretch
from inference.calibration.quiet.ranges import QuietRange
from inference.methods.excess import Excess, ExcessConfig
from inference.methods.flux.earlier import Earlier
from tests.support.reels import make_reel

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
SIDE, BLOCK, QUIET, STILL, KEY, END = 32, 4, 130, 150, 190, 196
OFTEN = 0.15  # of the blocks are coded anew in a frame, none in frames STILL to KEY, all in frame KEY
LINEAR = Stretch("asinh", 100.0, 2000.0)


def coded(seed: int) -> np.ndarray:
    """Frames (T, H, W) of blocks of light that wander, and are coded anew now and then."""
    rng, blocks = np.random.default_rng(seed), SIDE // BLOCK
    light = 300 + np.cumsum(rng.normal(size=(END, blocks, blocks)), axis=0)
    frames = [light[0]]
    for number in range(1, END):
        share = 0.0 if STILL <= number < KEY else 1.0 if number == KEY else OFTEN
        frames.append(np.where(rng.random((blocks, blocks)) < share, light[number], frames[-1]))
    return np.kron(np.array(frames), np.ones((BLOCK, BLOCK)))


def trained(folder, flux: np.ndarray):
    """The method, fitted to quiet frames without a key frame, and its reel."""
    reel = make_reel(folder, LINEAR.forward(flux)[:, None].astype(np.float32), stretch=[LINEAR])
    method = Excess(ExcessConfig("excess"), {}, dict(zip(reel.channels, reel.stretches, strict=True)), 8)
    method.fit([QuietRange(reel, 0, QUIET, "train")], seed=0)
    return method, reel


def highest(folder, flux: np.ndarray) -> np.ndarray:
    method, reel = trained(folder, flux)
    return np.array([f.residual.max() for f in method.frames(reel, 0, END, RAW)])


@pytest.mark.parametrize("seed", range(3))
def test_a_quiet_sun_scores_in_key_frames_as_in_others(tmp_path, seed):
    scores = highest(tmp_path / "movie", coded(seed))
    assert 0 < scores[KEY] <= scores[KEY:].max() <= scores[4:STILL].max()


def test_a_flare_in_a_key_frame_is_seen_in_it(tmp_path):
    flux = coded(0)
    flux[KEY:, 12:18, 12:18] += 300.0
    scores = highest(tmp_path / "movie", flux)
    assert scores[KEY] > 5 * scores[4:STILL].max()


@given(st.integers(0, 2**32 - 1), st.integers(5, 30))
def test_frames_without_a_key_frame_are_as_far_apart_as_told(seed, count):
    rng, earlier = np.random.default_rng(seed), Earlier(9, 2.0, None)
    shown = rng.normal(100, 5, (1, 8, 8)).astype(np.float32)
    for _ in range(count):
        shown = np.where(rng.random(shown.shape) < rng.choice([0.2, 0.3]), shown + 1, shown)
        earlier.push(shown)
        assert earlier.apart(1, 4) is None
    earlier.push(shown + 1)
    apart = earlier.apart(1, 4)
    assert apart is not None
    np.testing.assert_array_equal(apart, 2 + earlier._repeated[-3].astype(int))
