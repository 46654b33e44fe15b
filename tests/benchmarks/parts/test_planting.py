"""What is planted looks as the scene's walkers do, and clean and planted clips differ by nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.benchmarks.parts import common  # noqa: F401  makes the benchmarks' modules known
from tests.benchmarks.parts.planting import (
    CROWDED,
    KINDS,
    STOPPED,
    Sprite,
    Stage,
    composed,
    ground_of,
    kinds_of,
    pasted,
    planted,
    speed_of,
    usual,
    usual_side,
    walkers,
)
from tests.benchmarks.parts.scenes import street

FRAMES = 60


@pytest.fixture(scope="module")
def stage() -> Stage:
    scene = street(0)
    ground, noise = ground_of(np.concatenate(list(scene.clips.values())))
    return Stage(ground, noise, walkers(scene.clips.values(), ground, noise, scene.fps), scene.fps)


def test_walkers_are_found_with_their_speed_and_their_side(stage):
    assert len(stage.tracks) >= 10
    speeds = [speed_of(track)[0] for track in stage.tracks]
    assert 0.7 < np.median(speeds) < 1.7  # 0.4 to 0.8 px a frame, twice enlarged
    assert usual_side(stage.tracks) == 1
    assert set(kinds_of(stage)) == {*KINDS, STOPPED}


@settings(max_examples=20)
@given(number=st.integers(0, 9), x=st.floats(40, 170), y=st.floats(40, 100))
def test_brightness_and_contrast_stay_those_of_the_walker(stage, number, x, y):
    cut = stage.tracks[number % len(stage.tracks)][5]
    frame = np.full(stage.ground.shape, 128, np.float32)
    share = pasted(frame, Sprite(cut.image.astype(np.float32), cut.mask, np.array([x, y])))
    own, there = cut.image[cut.mask].astype(float), frame[np.abs(frame - 128) > 1e-3]
    assert share == pytest.approx(1, abs=1e-3)
    # Half of a walker's pixels are at its edge, where it is mixed with what lies behind it.
    assert abs((frame - 128).sum() - (own - 128).sum()) < 0.1 * np.abs(own - 128).sum()
    assert np.quantile(there, 0.02) > own.min() - 20
    assert np.quantile(there, 0.98) < own.max() + 20


@pytest.mark.parametrize("kind", [*KINDS, STOPPED])
def test_a_planted_clip_is_the_clean_one_where_nothing_is_planted(stage, kind):
    clip, shown = planted(stage, kind, CROWDED, FRAMES, seed=3)
    clean, _ = composed(stage, [usual(stage, CROWDED, FRAMES, np.random.default_rng(3))], FRAMES, seed=3)
    assert np.array_equal(clip[: round(0.3 * FRAMES)], clean[: round(0.3 * FRAMES)])
    assert shown.sum() >= 5
    assert not shown[: round(0.3 * FRAMES)].any()
    assert (clip[shown] != clean[shown]).any((1, 2, 3)).all()


def test_more_walkers_are_more_that_moves_and_the_noise_is_the_camera_s(stage):
    def differing(at_once: int) -> float:
        plan = usual(stage, at_once, FRAMES, np.random.default_rng(0))
        return float((np.abs(composed(stage, [plan], FRAMES, 0)[0] - stage.ground) > 25).mean())

    assert differing(8) > 3 * differing(1) > 0
    still, _ = composed(stage, [{}], FRAMES, 0)
    _, noise = ground_of(still)
    assert np.median(noise) == pytest.approx(np.median(stage.noise), rel=0.15)
