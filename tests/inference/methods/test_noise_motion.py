"""Motion in noise: ground without texture that stands is still however noisy it is, and who moves there is fast."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import EvalConfig
from inference.calibration.quiet.ranges import QuietRange
from inference.methods import METHODS
from inference.methods.motion import flow
from inference.methods.motion.along import pooled_by_way
from inference.methods.motion.flow import CELL, velocity_between
from inference.methods.motion.noise_motion import beyond_noise, noise_of
from inference.methods.motion.timing import Timing
from tests.support.reels import make_reel
from tests.support.trainings import small_config

SIDE, FRAMES = 96, 12


def pooled_speed(frames: np.ndarray) -> np.ndarray:
    return pooled_by_way(velocity_between(frames), Timing(), CELL)[0]


def filmed(noise: float, seed: int, speed_px: float = 0.0, of_all: bool = False) -> np.ndarray:
    """Smooth ground, with a textured square that passes, or moving as a whole, as (T, h, w) uint8."""
    random = np.random.default_rng(seed)
    texture = np.kron(random.integers(60, 200, (SIDE, SIDE)), np.ones((6, 6)))
    x = np.linspace(0, 1, SIDE)
    frames = []
    for t in range(FRAMES):
        moved, row = round(speed_px * t), SIDE // 2
        frame = 90 + 50 * x[:, None] + 20 * x
        if of_all:
            frame = texture[:SIDE, moved : moved + SIDE].astype(float)
        elif speed_px:
            frame[row - 9 : row + 9, 10 + moved : 28 + moved] = texture[:18, :18]
        frames.append(np.clip(np.rint(frame + random.normal(0, noise, frame.shape)), 0, 255).astype(np.uint8))
    return np.stack(frames)


@settings(deadline=None, max_examples=4)
@given(st.floats(2.0, 8.0), st.integers(0, 10_000))
def test_noise_on_smooth_ground_is_hardly_motion(noise: float, seed: int):
    frames = filmed(noise, seed)
    found = pooled_speed(frames)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "beyond_noise", lambda speed, before, after: speed)
        plain = pooled_speed(frames)
    assert found.mean() < 0.2 * plain.mean()
    assert found.max() < 0.8 * plain.max()


@settings(deadline=None, max_examples=4)
@given(st.floats(0.0, 6.0), st.integers(0, 10_000), st.sampled_from([2, 3]))
def test_who_passes_in_noise_is_as_fast_as_ever(noise: float, seed: int, speed_px: int):
    found = pooled_speed(filmed(noise, seed, speed_px)).max()
    clean = pooled_speed(filmed(0.0, seed, speed_px)).max()
    assert abs(found / clean - 1) < 0.25


@settings(deadline=None, max_examples=4)
@given(st.integers(0, 10_000), st.sampled_from([2, 4]))
def test_motion_of_the_whole_picture_is_no_noise(seed: int, speed_px: int):
    before, after = filmed(0.0, seed, speed_px, of_all=True)[:2]
    speed = np.full(after.shape, speed_px, np.float32)
    assert np.median(beyond_noise(speed, before, after)) > 0.9 * speed_px


@settings(deadline=None, max_examples=10)
@given(st.floats(1.5, 10.0), st.integers(0, 10_000))
def test_noise_is_measured_beside_what_moves_and_beside_exposure(noise: float, seed: int):
    before = filmed(noise, seed, 3.0)[0].astype(int)
    after = filmed(noise, seed + 1, 3.0)[4].astype(int) + 10
    levels = [np.clip(frame, 0, 255).astype(np.uint8) for frame in (before, after)]
    assert abs(noise_of(*levels) / noise - 1) < 0.25


@pytest.mark.parametrize("noise", [1.0, 6.0])
def test_a_scene_that_stands_still_in_noise_has_levels_that_differ(tmp_path, noise):
    frames = filmed(noise, 0)[:, None].astype(np.float32) / 255
    quiet = [QuietRange(make_reel(tmp_path / "still", frames, 0.1), 0, len(frames), "train")]
    method = METHODS["flow"](small_config(quiet[0].reel.path, None, model__name="flow").model, {}, {}, 8)
    method.fit(quiet, seed=0)
    raw = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
    highest = np.array([frame.residual.max() for frame in method.frames(quiet[0].reel, 0, len(frames), raw)])
    assert highest.min() > 0
    assert len(np.unique(highest)) > 1
