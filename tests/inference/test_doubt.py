"""A reel that is not like the quiet data is told as such, and one that is like them is not."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import EvalConfig
from inference.calibration.doubt import LEAST, LOOKED_AT, SELDOM, looked_at, unlike
from inference.evaluate import evaluate, tell_unplaced
from inference.fit import fit
from tests.support.reels import drifting_blobs, make_reel
from tests.support.sun_events import solar_reel
from tests.support.trainings import small_config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What each pixel usually is, learnt from a still scene with noise."""
    folder = tmp_path_factory.mktemp("doubt")
    make_reel(folder / "quiet" / "scene", scene(200, seed=1))
    return fit(small_config(folder / "quiet", folder / "run", model__name="robust_z"))


def scene(frames: int, seed: int) -> np.ndarray:
    """(T, 1, 24, 24): of the same still picture, with noise of its own."""
    still = drifting_blobs(1, 24, 24, seed=0)
    return still + np.random.default_rng(seed).normal(0, 0.02, (frames, *still.shape[1:])).astype(np.float32)


def judged(run, folder, frames, caplog, **settings):
    """(summary, what was told) of eval on a reel."""
    make_reel(folder / "new" / "scene", frames)
    config = small_config(folder / "new", run, model__name="robust_z", eval__common_mode=False, **settings)
    caplog.clear()
    (out,) = evaluate(config)
    return json.loads((out / "summary.json").read_text()), caplog.text


def test_a_scene_that_has_changed_is_told(run, tmp_path, caplog):
    moved = np.roll(scene(80, seed=2), 6, axis=3)
    summary, told = judged(run, tmp_path, moved, caplog)
    assert summary["frames_with_boxes"] > 70
    assert "this reel is not like the quiet data" in summary["doubt"]
    assert summary["doubt"] in told
    assert "half of the frames reach a level of" in told
    assert "and 0.00% of the quiet ones did" in told


def test_like_data_and_a_short_event_are_not(run, tmp_path, caplog):
    frames = scene(80, seed=3)
    frames[30:50, :, 5:12, 5:12] += 0.5
    summary, told = judged(run, tmp_path, frames, caplog)
    assert summary["events"] >= 1
    assert "doubt" not in summary
    assert "not like the quiet data" not in told


def test_results_of_another_reel_of_the_same_name_are_not_replaced_without_a_word(run, tmp_path, caplog):
    replaced = "of another reel of this name"
    for seed, is_told in ((4, False), (4, False), (5, True)):
        reel, before = tmp_path / str(seed), list(caplog.records)
        if not reel.exists():
            make_reel(reel / "twin", scene(40, seed=seed))
        evaluate(small_config(reel, run, model__name="robust_z", eval__common_mode=False))
        told = [r.getMessage() for r in caplog.records[len(before) :]]
        assert any(replaced in line for line in told) == is_told


def test_fixed_thresholds_promise_nothing_that_could_be_doubted(run, tmp_path, caplog):
    fixed = {"eval__threshold_low": 0.5, "eval__threshold_high": 1.0}
    summary, _ = judged(run, tmp_path, scene(80, seed=4), caplog, **fixed)
    assert summary["frames_with_boxes"] > 70
    assert "doubt" not in summary


@given(st.integers(0, 1000), st.integers(60, 400), st.floats(0.5, 2))
def test_levels_of_one_kind_and_what_is_in_less_than_half_of_the_frames_are_no_doubt(seed, count, power):
    random = np.random.default_rng(seed)
    quiet, levels = random.exponential(size=400) ** power, random.exponential(size=count) ** power
    assert unlike(levels, quiet) is None
    levels[: count // 4] = 1e6  # and another quarter reaches the median at most
    assert unlike(levels, quiet) is None


@given(st.integers(0, 1000), st.integers(LEAST, 400))
def test_levels_that_few_quiet_frames_reach_are_one_wherever_the_threshold_is(seed, count):
    random = np.random.default_rng(seed)
    quiet = random.exponential(size=400)
    level, share = unlike(np.quantile(quiet, 1 - SELDOM / 2) + random.exponential(size=count), quiet)
    assert level > np.quantile(quiet, 1 - SELDOM)
    assert share < SELDOM


def test_too_few_or_silent_frames_tell_nothing():
    quiet = np.linspace(0, 1, 100)
    assert unlike(np.full(LEAST - 1, 9.0), quiet) is None
    assert unlike(np.full(50, 9.0), quiet[: LEAST - 1]) is None
    assert unlike(np.zeros(50), np.zeros(100)) is None


@given(st.integers(0, 500))
def test_frames_are_looked_at_evenly(count):
    frames = looked_at(np.arange(100, 100 + count))
    assert len(frames) == min(count, LOOKED_AT) == len(set(frames.tolist()))
    assert count < 2 or (frames[0], frames[-1]) == (100, 99 + count)
    assert np.ptp(np.diff(frames)) <= 1 if count > 2 else True


@pytest.mark.parametrize(
    ("arcsec", "names", "words"),
    [(150.0, "ab", "2 reels (a, ...) without place"), (150.0, "a", "1 reel (a) without"), (0.0, "ab", "")],
)
def test_pictures_without_a_place_on_the_sun_are_told_where_events_are_joined_by_arcsec(
    tmp_path, caplog, arcsec, names, words
):
    reels = [make_reel(tmp_path / name, np.zeros((8, 1, 8, 8), np.float32)) for name in names]
    sun = solar_reel(tmp_path / "sun", np.full((8, 8, 8), 100.0), 24.0, 2.4)
    tell_unplaced([sun, *reels], EvalConfig(group_distance_arcsec=arcsec))
    assert (words in caplog.text) if words else not caplog.records
