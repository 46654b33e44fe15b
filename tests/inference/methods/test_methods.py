"""Methods: each against a slow, obvious oracle, and all through train and eval on a planted anomaly."""

from dataclasses import replace
from itertools import product

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

import main
from config import EvalConfig
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from inference.calibration.quiet.ranges import QuietRange
from inference.methods import FOR_SERIES, METHODS, base
from inference.methods.base import reflected
from inference.methods.motion import looks
from inference.methods.motion.along import WAYS, pooled_by_way
from inference.methods.motion.flow import (
    CELL,
    shrunk,
    velocity_between,
)
from inference.methods.motion.known_motion import KnownMotion
from inference.methods.motion.timing import POOL_FRAMES, Timing
from inference.methods.mutual import describe, nearest
from inference.methods.patch_pca import frames_of, patches_of
from inference.results.score_maps import ScoreMaps
from inference.scorers.base import score_reel
from inference.scorers.load import load_scorer
from tests.support.reels import drifting_blobs, make_reel
from tests.support.rounding import rounding
from tests.support.street import Street, standing
from tests.support.trainings import small_config

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
T, SIDE = 70, 20
ON_PICTURES = [name for name in METHODS if name not in FOR_SERIES]


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    # An eighth of the steps; tests/inference/methods/test_expected.py says what training brings.
    monkeypatch.setattr("inference.methods.motion.looks.STEPS", 50)


@pytest.fixture
def quiet(tmp_path):
    frames = drifting_blobs(T, SIDE, SIDE, C=2, seed=1)
    masks = np.zeros((T, SIDE, SIDE), np.uint8)
    masks[5:9, 3:6, 2:5] = INVALID
    return make_reel(tmp_path / "quiet", frames, masks=masks)


def fitted(name: str, reel: Reel):
    settings = small_config(reel.path, None, model__name=name).model
    scaling = dict(zip(reel.channels, reel.stretches, strict=True))
    method = METHODS[name](settings, {}, scaling, 8)
    method.fit([QuietRange(reel, 0, 50, "train"), QuietRange(reel, 50, T, "val")], seed=0)
    return method


def residuals(method, reel: Reel, begin: int = 0, end: int = T) -> np.ndarray:
    found = list(method.frames(reel, begin, end, RAW))
    assert [f.index for f in found] == list(range(begin, end))
    return np.stack([f.residual for f in found])


def test_running_difference_is_the_change_from_the_frame_before(quiet):
    found, frames, bad = residuals(fitted("difference", quiet), quiet), quiet.frames[:], quiet.masks[:] > 0
    for t in range(T):
        before = t - 1 if t else 1
        for y, x in [(0, 0), (4, 3), (10, 15), (19, 19)]:
            expected = np.abs(frames[t, :, y, x] - frames[before, :, y, x]).mean()
            if bad[t, y, x] or bad[before, y, x]:
                expected = 0
            assert found[t, y, x] == pytest.approx(expected, abs=rounding(3, frames.max()))  # a mean of 2 differences


def test_trailing_mean_is_the_change_from_the_mean_of_eight_frames_before(quiet):
    found, frames, bad = residuals(fitted("trailing_mean", quiet), quiet), quiet.frames[:], quiet.masks[:] > 0
    for t, (y, x) in product([0, 1, 3, 10, T - 1], [(0, 0), (4, 3), (10, 15), (19, 19)]):
        before = [frames[b, :, y, x].astype(np.float64) for b in range(max(0, t - 8), t) if not bad[b, y, x]]
        expected = np.abs(frames[t, :, y, x] - np.mean(before, axis=0)).mean() if before and not bad[t, y, x] else 0
        assert found[t, y, x] == pytest.approx(expected, abs=rounding(3, frames.max()))


def test_robust_z_is_the_distance_from_the_quiet_median(quiet):
    found, frames = residuals(fitted("robust_z", quiet), quiet), quiet.frames[:]
    for y, x in [(0, 0), (4, 3), (12, 7)]:
        known = quiet.masks[:50, y, x] == 0
        expected = np.abs(frames[:, :, y, x] - np.median(frames[:50, :, y, x][known], axis=0)).mean(axis=1)
        valid = quiet.masks[:, y, x] == 0
        np.testing.assert_allclose(found[valid, y, x], expected[valid], rtol=1e-4, atol=1e-6)


def test_a_run_of_robust_z_whose_scores_had_another_unit_is_refused(quiet):
    method = fitted("robust_z", quiet)
    method.arrays["spread"] = np.ones_like(method.arrays["median"])
    with pytest.raises(ValueError, match="older version"):
        residuals(method, quiet)


@pytest.mark.parametrize(("light", "seed", "size"), [(-0.1, 0, 4), (-0.03, 1, 2), (0.05, 2, 4), (0.1, 3, 2)])
def test_robust_z_bears_another_light_and_sees_what_was_never_there(lit, light, seed, size):
    """What all pixels of one brightness share is the camera's or the light's; a spot is not, however long it stays."""
    frames = still_life(20, seed)
    y, x = np.random.default_rng(seed).integers(2, 48 - size, 2)
    usual = lit(frames)
    changed = lit(frames * (1 + light) + light / 2)
    assert np.quantile(changed, 0.999) < 1.5 * np.quantile(usual, 0.999)
    frames[5:, :, y : y + size, x : x + size] += 0.5
    spot = lit(frames * (1 + light) + light / 2)[5:, y : y + size, x : x + size]
    assert spot.mean(axis=(1, 2)).min() > 1.5 * np.quantile(usual, 0.999)


def still_life(count: int, seed: int) -> np.ndarray:
    """(count, 1, 48, 48) of one still picture with noise."""
    noise = np.random.default_rng(seed).normal(0, 0.02, (count, 1, 48, 48))
    return (drifting_blobs(1, 48, 48, seed=0) + noise).astype(np.float32)


@pytest.fixture(scope="module")
def lit(tmp_path_factory):
    """From frames to residuals of robust_z with the common mode, fitted on a still picture."""
    folder = tmp_path_factory.mktemp("lit")
    method = fitted("robust_z", make_reel(folder / "quiet", still_life(T, 100)))

    def run(frames: np.ndarray) -> np.ndarray:
        reel = make_reel(folder / "new", frames.astype(np.float32))
        return np.stack(
            [
                f.residual
                for f in method.frames(reel, 0, len(reel), replace(RAW, score="standardised", common_mode=True))
            ]
        )

    return run


def test_patch_pca_leaves_what_its_components_can_not_say(quiet):
    method = fitted("patch_pca", quiet)
    found = residuals(method, quiet)
    pca = PCA(len(method.arrays["components"]))
    pca.mean_, pca.components_ = method.arrays["mean"], method.arrays["components"]
    frames = quiet.frames[:].copy()
    t, rows, columns = 30, slice(8, 16), slice(0, 8)
    patch = frames[t - 3 : t + 1, :, rows, columns]
    rebuilt = pca.inverse_transform(pca.transform(patch.reshape(1, -1))).reshape(patch.shape)
    expected = np.abs(patch[-1] - rebuilt[-1]).mean(axis=0)
    np.testing.assert_allclose(found[t, rows, columns], expected, atol=1e-5)


@given(st.integers(1, 3), st.integers(1, 2), st.integers(1, 19), st.integers(1, 19))
def test_patches_and_frames_are_inverse(T, C, H, W):
    frames = np.arange(T * C * H * W, dtype=np.float32).reshape(T, C, H, W)
    patches, shape = patches_of(frames)
    assert np.array_equal(frames_of(patches, shape)[:, :, :H, :W], frames)


def test_mutual_scoring_finds_the_nearest_place_by_hand():
    random = np.random.default_rng(0)
    places, references = random.random((3, 4, 5)), random.random((2, 3, 4, 5))
    found = nearest(places, references)
    for r in range(2):
        for y in range(3):
            for x in range(4):
                near = [
                    np.linalg.norm(places[y, x] - references[r, min(max(y + dy, 0), 2), min(max(x + dx, 0), 3)])
                    for dy in (-1, 0, 1)
                    for dx in (-1, 0, 1)
                ]
                assert found[r, y, x] == pytest.approx(min(near), rel=1e-6)


def test_a_place_is_described_by_the_means_around_it():
    frame = np.random.default_rng(1).random((2, 12, 8)).astype(np.float32)
    described = describe(frame)
    assert described.shape == (3, 2, 2 * 9)
    own = described[1, 1].reshape(2, 3, 3)[:, 1, 1]
    np.testing.assert_allclose(own, frame[:, 4:8, 4:8].mean(axis=(1, 2)), rtol=1e-6)


def test_mutual_scores_are_low_for_what_repeats(quiet, tmp_path):
    frames = quiet.frames[:].copy()
    frames[40, :, 8:14, 8:14] += 1.0
    reel = make_reel(tmp_path / "odd", frames)
    found = residuals(fitted("mutual", reel), reel)
    assert np.unravel_index(found.argmax(), found.shape)[0] == 40


def walkers(speed: int, n: int = 60) -> np.ndarray:
    """(n, 1, 64, 96) frames of a textured square of 16 px that goes to and fro at `speed` px a frame."""
    random = np.random.default_rng(5)
    ground = cv2.GaussianBlur(random.random((64, 96)).astype(np.float32), (0, 0), 2) * 0.5
    texture = cv2.GaussianBlur(random.random((16, 16)).astype(np.float32), (0, 0), 1)
    frames = np.repeat(ground[None, None], n, axis=0)
    for t in range(n):
        x = 80 - abs(80 - speed * t % 160)
        frames[t, 0, 24:40, x : x + 16] = texture
    return frames


@pytest.mark.parametrize("speed", [1, 2, 3])
def test_speed_is_that_of_what_moves(speed):
    found = np.linalg.norm(velocity_between(shrunk(walkers(speed, 20), 192)), axis=3)
    t = 12
    inner = found[t, 28:36, speed * (t + 1) + 4 : speed * (t + 1) + 12]
    assert np.median(inner) == pytest.approx(speed, rel=0.15)
    assert np.median(found[t, :16]) < 0.1


@pytest.mark.parametrize("way", range(len(WAYS)))
def test_speed_is_told_by_the_way_that_things_go(way):
    """And who comes from the other side takes nothing off it."""
    x, y = WAYS[way]
    frames = walkers(2, 20)[:, :, :64, :64]
    frames = (frames if y == 0 else frames.swapaxes(2, 3))[..., :: x or 1][:, :, :: y or 1]
    velocity = velocity_between(shrunk(frames, 64, CELL))
    found = pooled_by_way(velocity, Timing(), CELL).max(axis=(1, 2, 3))
    assert found[1 + way] == pytest.approx(found[0], rel=0.1)
    assert np.delete(found[1:], way).max() < 0.35 * found[0]
    both = pooled_by_way(np.concatenate([velocity, -velocity], axis=1), Timing(), CELL).max(axis=(1, 2, 3))
    assert both[1 + way] > 0.9 * found[1 + way]


@pytest.mark.parametrize(("name", "then", "now"), [
    ("flow", "highest_motion", "highest_along_ways"), ("expected", "unit_of_excess", "excess_along_ways"),
])  # fmt: skip
def test_a_run_of_an_earlier_version_is_refused_and_says_the_way_out(quiet, name, then, now):
    method = fitted(name, quiet)
    method.arrays[then] = method.arrays.pop(now)
    with pytest.raises(ValueError, match=rf"{name} is of an earlier version.* train it anew"):
        residuals(method, quiet)


def test_running_is_unusual_where_others_walk(tmp_path):
    quiet = make_reel(tmp_path / "quiet", walkers(1, 160))
    method = METHODS["flow"](small_config(quiet.path, None).model, {}, {}, 8)
    method.fit([QuietRange(quiet, 0, 160, "train")], seed=0)
    walking, running = make_reel(tmp_path / "w", walkers(1, 80)), make_reel(tmp_path / "r", walkers(3, 80))
    assert residuals(method, walking, 0, 80).max() < 1.6
    assert np.median(residuals(method, running, 10, 24).max(axis=(1, 2))) > 2


@given(st.floats(1e-3, 100))
def test_timing_is_in_seconds_where_frames_come_fast(cadence_s):
    found = Timing.at(cadence_s)
    assert found.pool % 2 == 1
    assert Timing.of(found.as_arrays()) == found
    if cadence_s > 0.11:
        assert found == Timing() == Timing.of({})  # as it was for all, and as runs of then are
    else:
        assert abs(found.pair * cadence_s - 0.1) <= cadence_s / 2 + 1e-9 or found.pair == 1
        assert abs(found.pool * cadence_s - 0.9) <= 1.5 * cadence_s


@pytest.fixture(scope="module")
def known():
    """The same frames move alike, whichever method and seed asks."""
    return KnownMotion()


@pytest.mark.parametrize(("name", "fits"), [("flow", 1), ("expected", 2)])
def test_a_scene_filmed_at_three_times_the_rate_scores_alike(tmp_path, monkeypatch, known, name, fits):
    """The same street at 30 and at 10 frames a second: the runner stands out as much, the quiet part no more.

    In the mean of some fits, as nets of so few frames differ by half from one seed to the next at one rate, too. They
    learn for a sixteenth of their steps.
    """
    monkeypatch.setattr(looks, "STEPS", 25)
    quiet = Street(seed=1).frames(standing(450))
    watched = Street(seed=1).frames(standing(260), planted=(1.4, 10, 200))
    found = []
    for every in (1, 3):
        reel = make_reel(tmp_path / f"q{every}", quiet[::every], every / 30)
        new = make_reel(tmp_path / f"w{every}", watched[::every], every / 30)
        count, cut, each = len(reel), 180 // every, []
        ranges = [QuietRange(reel, 0, count * 2 // 3, "train"), QuietRange(reel, count * 2 // 3, count, "val")]
        for seed in range(fits):
            method = METHODS[name](small_config(reel.path, None, model={"name": name}).model, {}, {}, 8)
            method.known_motion = known
            method.fit(ranges, seed=seed)
            levels = residuals(method, new, 0, len(new)).max(axis=(1, 2))
            assert levels[cut:].max() > 1.3 * levels[:cut].max()
            each.append((levels[:cut].max(), levels[cut:].max()))
        found.append(np.mean(each, axis=0))
    (quiet_30, running_30), (quiet_10, running_10) = found
    assert running_30 == pytest.approx(running_10, rel=0.35)
    assert quiet_30 == pytest.approx(quiet_10, rel=0.35)


@given(st.integers(-9, 30), st.integers(0, 5), st.integers(1, 12))
def test_reflection_stays_inside_and_keeps_what_is_inside(index, begin, count):
    found = int(reflected(np.array([index]), begin, begin + count)[0])
    assert begin <= found < begin + count
    if begin <= index < begin + count:
        assert found == index


@pytest.mark.parametrize("name", ON_PICTURES)
def test_blocks_do_not_show_in_the_scores(quiet, monkeypatch, name):
    method = fitted(name, quiet)
    whole = residuals(method, quiet)
    monkeypatch.setattr(base, "BLOCK_FRAMES", 7)
    np.testing.assert_allclose(residuals(method, quiet), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ON_PICTURES)
def test_a_planted_anomaly_is_the_strongest_event_through_train_and_eval(tmp_path, monkeypatch, name):
    frames = drifting_blobs(140, 24, 24, blobs=0, seed=3)  # a scene that stands still: the simplest ask no more
    frames[110:113, 0, 10:15, 10:15] += 0.5
    if name in ("flow", "expected"):  # what they see is motion
        for t in range(110, 113):
            frames[t, 0, 10:15, 2 * (t - 110) + 4 : 2 * (t - 110) + 9] += 0.5
    excluded = [["2012-07-19T00:19:00", "2012-07-19T02:00:00"]]
    reel = make_reel(tmp_path / "reels" / "cam", frames, channels=["gray"])
    settings = {
        "data_clips": "reels", "model_path": "run", "workers": 0, "model": {"name": name},
        "train": {"exclude_utc": excluded}, "eval": {"stride": 4, "scale_factor": 4},
    }  # fmt: skip
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.chdir(tmp_path)
    for mode in (["train"], ["eval", "--movie", "off"]):
        assert main.main(["-m", *mode, "-c", "c.yaml"]) == 0
    peaks = np.array([ScoreMaps.read(tmp_path / "run/eval/cam", reel, i).max() for i in range(140)])
    reach = POOL_FRAMES // 2 if name in ("flow", "expected") else 1
    assert peaks.argmax() in range(110 - reach, 113 + reach)
    assert peaks[:110].std() > 0
    scorer, _ = load_scorer(tmp_path / "run", "cpu")
    again = np.array([f.residual.max() for f in score_reel(scorer, reel, RAW)])
    assert again.argmax() in range(110 - reach, 113 + reach)
    assert (tmp_path / "run/eval/cam/report.html").is_file()
    assert main.main(["-m", "eval", "-c", "c.yaml", "--movie_only", "--eval-diagnostic"]) == 0
    assert (tmp_path / "run/eval/cam/anomaly.mp4").is_file()
