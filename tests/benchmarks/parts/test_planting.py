"""What is planted looks as the scene's walkers do, and clean and planted clips differ by nothing else."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.benchmarks.parts import common  # noqa: F401  makes the benchmarks' modules known
from tests.benchmarks.parts.planting import (
    CROWDED,
    KINDS,
    SPARSE,
    STOPPED,
    Plan,
    Sprite,
    Stage,
    composed,
    kinds_of,
    lasting,
    pasted,
    planted,
    usual,
    usual_side,
)
from tests.benchmarks.parts.scenes import street
from tests.benchmarks.parts.walkers import ground_of, speed_of, walkers

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


def gap_to_border(x: float, y: float, w: float, h: float, shape: tuple[int, ...]) -> float:
    """From a box, its corner (x, y) and size, to the nearest border, px."""
    return min(x, y, shape[1] - x - w, shape[0] - y - h)


def begun_inside(plan: Plan, frames: int, shape: tuple[int, ...]) -> list[int]:
    """Frames in which a walker is farther from the border than its size and was not near by a frame before."""
    found = []
    for t in range(1, frames):
        before = [sprite.centre for sprite in plan.get(t - 1, [])]
        for sprite in plan.get(t, []):
            size = np.array(sprite.mask.shape[::-1])
            is_inside = gap_to_border(*(sprite.centre - size / 2), *size, shape) > size.max()
            if is_inside and not any(np.hypot(*(sprite.centre - place)) < size.min() for place in before):
                found.append(t)
    return found


@pytest.mark.parametrize("seed", range(20))  # not drawn: to print a stage takes minutes
def test_no_walker_begins_or_ends_inside_the_picture(stage, seed):
    at_once, frames = 1 + seed % CROWDED, 20 + 4 * seed
    plan = usual(stage, at_once, frames, np.random.default_rng(seed))
    begun = begun_inside(plan, frames, stage.ground.shape)
    ended = begun_inside({frames - 1 - t: sprites for t, sprites in plan.items()}, frames, stage.ground.shape)
    most, strengths = max(map(len, plan.values())), {s.strength for sprites in plan.values() for s in sprites}
    assert begun == ended == []
    assert (most <= at_once, strengths) == (True, {1.0})


def blobs(frame: np.ndarray, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels (H, W) of what differs from the ground, and the boxes and areas of them."""
    differs = cv2.GaussianBlur(np.abs(frame.astype(np.float32) - ground).max(axis=2), (0, 0), 1) > 9
    closed = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    return cv2.connectedComponentsWithStats(closed)[1:3]


@pytest.mark.parametrize("at_once", [SPARSE, CROWDED])
def test_nothing_that_is_seen_begins_or_ends_inside_the_picture(stage, at_once):
    plan = usual(stage, at_once, FRAMES, np.random.default_rng(4))
    seen = [blobs(frame, stage.ground) for frame in composed(stage, [plan], FRAMES, 4)[0]]
    for (labels, boxes), (others, _) in [*pairwise(seen), *pairwise(seen[::-1])]:
        beside = cv2.dilate((others > 0).astype(np.uint8), np.ones((3, 3)))
        for i, (x, y, w, h, area) in enumerate(boxes):
            is_new = i and area > 20 and not beside[labels == i].any()
            is_inside = gap_to_border(x, y, w, h, labels.shape) > max(w, h)
            assert not (is_new and is_inside)


def test_a_crowd_is_as_many_as_asked_for_all_the_time(stage):
    plans = [usual(stage, CROWDED, 100, np.random.default_rng(seed)) for seed in range(10)]
    assert np.mean([[len(plan.get(t, [])) for t in range(100)] for plan in plans], axis=0).min() > CROWDED - 1.5


def test_tracks_have_no_leaps(stage):
    for track in stage.tracks:
        assert np.linalg.norm(np.diff([cut.centre for cut in track], axis=0), axis=1).max() < 4


@pytest.mark.parametrize(("depth", "visible"), [(10.0, 0), (90.0, 1)])
def test_who_is_behind_another_is_not_shown(stage, depth, visible):
    def square(side: int, row: float) -> Plan:
        box = Sprite(np.full((side, side, 1), 90, np.float32), np.ones((side, side), bool), np.array([60.0, 50.0]))
        return {0: [box._replace(depth=row)]}

    _, shown = composed(stage, [square(30, 50.0), square(10, depth)], 2, seed=0)
    np.testing.assert_allclose(shown, [visible, 0], atol=0.05)


def test_who_meets_another_does_not_leap_to_the_middle_of_both():
    """One of them a little lower, so that both together are a taller one for a while."""
    frames = np.full((80, 100, 120, 1), 60, np.uint8)
    for t, frame in enumerate(frames):
        frame[40:60, 20 + t : 28 + t] = 200
        frame[50:70, 92 - t : 100 - t] = 140
    tracks = walkers([frames], np.full((100, 120, 1), 60, np.float32), np.zeros((100, 120, 1), np.float32), 10)
    steps = [np.linalg.norm(np.diff([cut.centre for cut in track], axis=0), axis=1) for track in tracks]
    assert (len(tracks), min(map(len, tracks)) >= 80) == (2, True)
    assert max(step.max() for step in steps) < 1.2
    assert {len(cut.mask) for track in tracks for cut in track} <= {24, 25, 26, 27, 28}


def test_a_walker_stands_to_the_pixel_where_it_stood(stage):
    """Pasted by its box's centre, a body swung by up to four pixels from frame to frame."""
    for cut in stage.tracks[0][20:30]:
        frame = np.full(stage.ground.shape, 128, np.float32)
        pasted(frame, Sprite(cut.image.astype(np.float32), cut.mask, cut.centre))
        x, y = np.rint(cut.centre - np.argwhere(cut.mask).mean(axis=0)[::-1]).astype(int)
        inner = cv2.erode(cut.mask.astype(np.uint8), np.ones((3, 3)), iterations=2) > 0
        there = frame[y : y + len(cut.mask), x : x + len(cut.mask[0])]
        assert inner.any()
        assert np.abs(there[inner] - cut.image[inner]).max() < 1


def test_clips_are_no_longer_than_walkers_are_followed(stage):
    assert lasting(stage, 30) == 30
    lives = sorted(map(len, stage.tracks), reverse=True)
    assert lasting(stage, 1000) == lives[CROWDED - 1] > 100
    with pytest.raises(ValueError, match=r"for 1\.5 s or longer, and a composed clip takes 2 s"):
        lasting(stage._replace(tracks=[track[:15] for track in stage.tracks]), 100)
