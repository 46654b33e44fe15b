"""A reel that is not like the quiet data is told as such, and one that is like them is not."""

import json

import numpy as np
import pytest

from inference.evaluate import evaluate
from inference.fit import fit
from tests.support.reels import drifting_blobs, make_reel
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


def test_fixed_thresholds_promise_nothing_that_could_be_doubted(run, tmp_path, caplog):
    fixed = {"eval__threshold_low": 0.5, "eval__threshold_high": 1.0}
    summary, _ = judged(run, tmp_path, scene(80, seed=4), caplog, **fixed)
    assert summary["frames_with_boxes"] > 70
    assert "doubt" not in summary
