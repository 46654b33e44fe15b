"""The camera's motion: found where all moves, not where much does, and taken off the speed of what moves by itself."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import EvalConfig
from inference.calibration.quiet.ranges import QuietRange
from inference.camera import looks
from inference.camera.motion import agreement, camera_motion, is_everywhere, is_smoothing, rms_px, steadied, warped
from inference.methods import METHODS
from inference.methods.motion import flow
from inference.methods.motion.flow import shrunk, velocity_between
from inference.methods.motion.known_motion import RecentMotion
from tests.support.reels import make_reel
from tests.support.street import SHAPE, Street, paste, shaking, standing, texture
from tests.support.trainings import small_config

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)


def grey(frames: np.ndarray) -> np.ndarray:
    return shrunk(frames, 192)


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**16),
    shift=st.floats(0.2, 4.0),
    direction=st.floats(0, 2 * np.pi),
    turn=st.floats(-0.01, 0.01),
    zoom=st.floats(0.99, 1.01),
)
def test_a_camera_that_moved_is_found_whatever_walks_by(seed, shift, direction, turn, zoom):
    centre, cameras = np.array(SHAPE[::-1]) / 2, standing(2)
    turned = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    place = shift * np.array([np.cos(direction), np.sin(direction)])
    cameras[0] = np.column_stack([turned, place + centre - turned @ centre])
    before, after = grey(Street(seed).frames(cameras))
    found = camera_motion(before, after)
    # Where a place of the second picture was in the first one.
    true = np.linalg.inv(np.vstack([cameras[0], [0, 0, 1]]))[:2]
    assert found is not None
    corners = np.array([[x, y, 1] for x in (0, SHAPE[1]) for y in (0, SHAPE[0])])
    assert np.abs(corners @ (found - true).T).max() < 0.2
    assert rms_px(found, before.shape) == pytest.approx(rms_px(true, before.shape), abs=0.1)


@settings(deadline=None)
@given(seed=st.integers(0, 2**16), walkers=st.integers(0, 20), noise=st.floats(0, 0.05))
def test_a_camera_that_stands_changes_no_bit(seed, walkers, noise):
    before, after = grey(Street(seed, walkers, noise).frames(standing(2)))
    assert camera_motion(before, after) is None
    assert steadied(before, after) is before


@pytest.mark.parametrize("share", [0.3, 0.5, 0.6])
def test_a_crowd_that_walks_one_way_is_not_the_camera(share):
    street = Street(3, walkers=0)
    random = np.random.default_rng(3)
    looks = [0.5 + texture(random, 22, 22, 1) for _ in range(20)]

    def crowd(x: float) -> np.ndarray:
        kept, step = street.ground.copy(), 22 / np.sqrt(share)
        rows = np.arange(0, kept.shape[0] - 22, step).astype(int)
        columns = np.arange(0, kept.shape[1] - 24, step)
        for look, (row, column) in zip(looks, ((r, c) for r in rows for c in columns), strict=False):
            paste(street.ground, look, row, column + x)
        found = street.frames(standing(1))[0]
        street.ground = kept
        return found

    before, after = grey(np.stack([crowd(0.0), crowd(1.0)]))
    assert camera_motion(before, after) is None


def test_a_bus_that_fills_half_of_the_picture_is_not_the_camera():
    cameras = standing(40)
    frames = grey(Street(1).frames(cameras, planted=(2.0, 66, 0)))
    assert all(camera_motion(before, after) is None for before, after in pairwise(frames))


@pytest.mark.parametrize("seed", range(14, 32))
def test_a_picture_of_the_ground_follows_the_camera_into_a_blurred_frame_full_of_cars(seed):
    """Cars stand on a third of the frame and none on the ground: corners of theirs lead astray."""
    random, street = np.random.default_rng(seed), Street(seed, walkers=0)
    way, side, step = random.uniform(0, 2 * np.pi), 14, 25.6
    cameras = standing(2)
    cameras[1, :, 2] = shift = random.uniform(1, 4) * np.array([np.cos(way), np.sin(way)])
    ground = street.frames(cameras[:1])
    for row in np.arange(0, street.ground.shape[0] - side, step).astype(int).tolist():
        for column in np.arange(0, street.ground.shape[1] - side - 2, step).tolist():
            paste(street.ground, 0.5 + texture(random, side, side, 1), row, column)
    seen = street.frames(cameras[1:])
    before, after = (cv2.resize(f, (216, 144), interpolation=cv2.INTER_CUBIC) for f in grey(np.stack([*ground, *seen])))
    blur_x, blur_y = 0.01 + 4 * np.abs([np.cos(way), np.sin(way)])
    found = camera_motion(before, cv2.GaussianBlur(after, (0, 0), blur_x, sigmaY=blur_y), of_ground=True)
    assert found is not None
    corners = np.array([[x, y, 1] for x in (0, 216) for y in (0, 144)])
    assert np.abs(corners @ found.T - corners[:, :2] - 2 * shift).max() < 0.75


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**16), x=st.floats(0.3, 0.5), y=st.floats(-0.5, -0.3), noise=st.floats(20, 30))
def test_a_noisy_frame_that_a_shift_makes_smooth_has_not_moved(seed, x, y, noise):
    random = np.random.default_rng(seed)
    scene = 128 + 250 * cv2.GaussianBlur(random.standard_normal((96, 96)), (0, 0), 4.0)
    motion = np.array([[1, 0, x], [0, 1, y]])

    def seen(picture: np.ndarray, spread: float) -> np.ndarray:
        return np.clip(picture + spread * random.standard_normal(scene.shape), 0, 255).astype(np.uint8)

    before, after = seen(scene, noise), seen(scene, 1)
    assert is_everywhere(*agreement(warped(before, motion), before, after))  # so it looks like a motion
    assert is_smoothing(motion, warped(before, motion), before, after)
    sharp = seen(scene, 1)
    assert not is_smoothing(motion, warped(sharp, motion), sharp, seen(warped(scene, motion), 1))


def test_what_a_shift_makes_smooth_is_no_motion_of_a_pair_of_frames(monkeypatch):
    random, motion = np.random.default_rng(0), np.array([[1, 0, 0.4], [0, 1, 0.3]])
    scene = (128 + 25 * texture(random, 96, 96, 4)).astype(np.float32) / 255
    noisy = scene + 0.1 * random.standard_normal(scene.shape).astype(np.float32)
    monkeypatch.setattr("inference.camera.motion.cv2.estimateAffinePartial2D", lambda *_, **__: (motion, None))
    valid = np.ones(scene.shape, bool)
    seen, before, moved = (looks.Look.of(p[None], valid) for p in (scene, noisy, warped(scene, motion)))
    assert looks.pair(seen, before).moved_px == 0
    assert looks.pair(moved, seen).moved_px == pytest.approx(0.5)


def test_nothing_to_hold_on_to_is_no_motion():
    flat = np.full(SHAPE, 90, np.uint8)
    noise = np.random.default_rng(0).integers(0, 255, (2, *SHAPE), dtype=np.uint8)
    assert camera_motion(flat, flat) is None
    assert camera_motion(noise[0], noise[1]) is None


def test_speed_is_that_in_the_scene_when_the_camera_shakes():
    still, shaken = (grey(Street(2).frames(c, planted=(3.0, 12, 4))) for c in (standing(24), shaking(24, 1.0)))
    found, expected = (np.linalg.norm(velocity_between(each), axis=3) for each in (shaken, still))
    assert np.median(found) < 0.1
    for t in range(8, 20):  # in the middle of the object; walkers may pass elsewhere
        row, column = SHAPE[0] // 2, round(3.0 * (t - 4 + 1) + 6)
        assert found[t, row - 2 : row + 2, column - 2 : column + 2].mean() == pytest.approx(3.0, rel=0.2)
    assert np.quantile(found, 0.9) < np.quantile(expected, 0.9) + 0.1


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Both methods that look for motion, fitted to a camera that stands."""
    reel = make_reel(tmp_path_factory.mktemp("street") / "quiet", Street(7).frames(standing(120)))
    ranges = [QuietRange(reel, 0, 80, "train"), QuietRange(reel, 80, 120, "val")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inference.methods.motion.looks.STEPS", 8)
        return {name: method_on(name, ranges) for name in ("flow", "expected")}


def method_on(name, ranges):
    method = METHODS[name](small_config(ranges[0].reel.path, None, model__name=name).model, {}, {}, 8)
    method.fit(ranges, seed=0)
    return method


def scores(method, folder, frames: np.ndarray) -> np.ndarray:
    reel = make_reel(folder, frames)
    return np.array([f.residual.max() for f in method.frames(reel, 0, len(reel), RAW)])


@pytest.mark.parametrize("name", ["flow", "expected"])
def test_a_shaken_quiet_clip_scores_as_one_that_stands(fitted, tmp_path, monkeypatch, name):
    quiet = scores(fitted[name], tmp_path / "a", Street(8).frames(standing(40)))
    shaken = Street(8).frames(shaking(40, 0.5, seed=1))
    steady = scores(fitted[name], tmp_path / "b", shaken)
    monkeypatch.setattr(flow, "steadied", lambda before, after: before)
    monkeypatch.setattr(fitted[name], "recent_motion", RecentMotion())  # it remembers what it has measured
    plain = scores(fitted[name], tmp_path / "c", shaken)
    assert np.median(plain) > 1.3 * np.median(quiet)  # what there is to take off
    assert np.median(steady) == pytest.approx(np.median(quiet), rel=0.25)
    assert steady.max() < quiet.max() + 0.3


@pytest.mark.parametrize("name", ["flow", "expected"])
def test_a_fast_object_stands_out_of_a_shaken_clip(fitted, tmp_path, name):
    found = scores(fitted[name], tmp_path / "a", Street(9).frames(shaking(40, 0.5, seed=2), planted=(3.0, 14, 20)))
    assert np.median(found[25:35]) > 1.5 * found[:15].max()
