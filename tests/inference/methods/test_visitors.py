"""Visitors of an empty room, who come one by one: each is one event, and nothing between them is any."""

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import main
from inference.methods.objects.ground import LEAST_LEVELS, Ground, exposure
from inference.results.results import scene_events
from tests.support.paths import ROOT
from tests.support.reels import make_reel
from tests.support.room import BAR_PX, room, visits
from tests.support.street import Street, shaking, texture

QUIET = 90


@pytest.fixture(scope="module")
def ground() -> Ground:
    """Of the empty room."""
    return Ground.of(grey(room(QUIET, seed=1)))


def grey(frames: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(255 * frames[:, 0]), 0, 255).astype(np.uint8)


def test_each_visitor_is_one_event_and_nothing_between_is_any(tmp_path):
    """The second leaves a sheet of paper elsewhere; exposure follows each; the camera trembles."""
    come = visits(2, empty=30, staying=20)
    make_reel(tmp_path / "quiet" / "empty", room(QUIET, seed=1), 0.1)
    make_reel(tmp_path / "new" / "visited", room(come[-1].last + 25, seed=0, visitors=come), 0.1)
    recipe = ["-c", str(ROOT / "demo" / "video.yaml"), "--set", "model={name: objects}", "--set", "workers=0"]
    recipe += ["--model-path", str(tmp_path / "run")]
    for words in (["train", "--data-clips", "quiet"], ["eval", "--movie", "off", "--data-clips", "new"]):
        assert main.main(["-m", *words[:-1], str(tmp_path / words[-1]), *recipe]) == 0
    results = tmp_path / "run" / "eval" / "visited"
    events = scene_events(pd.read_csv(results / "events.csv", keep_default_na=False)).sort_values("frame_start")
    found = events[["frame_start", "frame_end"]].to_numpy()
    assert found == pytest.approx(np.array([visit[:2] for visit in come]), abs=1), events["change"].tolist()


@given(gain=st.floats(0.6, 1.6), offset=st.floats(-20, 20), bar=st.sampled_from([0, 255]))
def test_bars_and_what_is_overexposed_say_nothing_of_the_exposure(ground, gain, offset, bar):
    """A frame that only differs by its exposure shows no object, whatever is beside the picture."""
    picture = ground.picture.copy()
    picture[:BAR_PX] = picture[-BAR_PX:] = bar
    frame = np.clip(gain * picture + offset, 0, 255)
    frame[:BAR_PX] = frame[-BAR_PX:] = bar
    seen, grounds = np.rint(frame).astype(np.uint8), Ground(picture, np.zeros_like(picture))
    assert not grounds.objects_in(seen)[0].any()
    assert np.abs(grounds.seen_in(seen) - seen).max() < LEAST_LEVELS


@given(seed=st.integers(0, 2**16), offset=st.floats(-15, 15), hides=st.floats(0.5, 0.7), few=st.sampled_from([4, 3, 0]))
def test_who_hides_most_of_a_few_levels_says_nothing_of_the_exposure(seed, offset, hides, few):
    """Of the ground's seven levels somebody dark stands before most of up to four, not of the largest."""
    random = np.random.default_rng(seed)
    levels, shares = np.array([22, 48, 82, 108, 134, 187, 205]), [0.02, 0.05, 0.24, 0.18, 0.06, 0.09, 0.36]
    which = random.choice(7, (90, 120), p=shares)
    picture = levels[which] + random.normal(0, 3, which.shape)
    hidden = np.where(np.isin(np.arange(7), random.choice(6, few, replace=False)), hides, 0.1)
    covered = random.uniform(size=which.shape) < hidden[which]
    frame = picture + offset + random.normal(0, 2, which.shape) - covered * random.uniform(8, 40, which.shape)
    gain, found = exposure(picture.astype(np.float32), np.clip(np.rint(frame), 3, 252).astype(np.uint8))
    assert np.abs(gain * levels + found - levels - offset).max() < 1.5


@given(seed=st.integers(0, 2**16), px=st.floats(0, 0.4), way=st.floats(0, 2 * np.pi))
def test_an_edge_that_lies_elsewhere_by_less_than_half_a_pixel_is_no_object(seed, px, way):
    random = np.random.default_rng(seed)
    picture = np.kron(random.uniform(20, 230, (6, 9)), np.ones((10, 10))) + 5 * texture(random, 60, 90, 2.0)
    picture = picture.astype(np.float32)
    before, after = (
        cv2.warpAffine(picture, by, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        for by in (np.eye(2, 3), np.array([[1, 0, px * np.cos(way)], [0, 1, px * np.sin(way)]]))
    )
    still = Ground(before, np.zeros_like(before))
    assert not still.objects_in(np.clip(np.rint(after), 0, 255).astype(np.uint8))[0].any()


def test_a_camera_that_shakes_learns_a_sharp_ground_and_shows_no_object():
    quiet, new = (grey(Street(3, walkers=0).frames(shaking(40, 4.0, seed=seed))) for seed in (1, 2))
    ground = Ground.of(quiet)
    assert np.quantile(ground.spread, 0.9) < LEAST_LEVELS / 2
    assert max(ground.objects_in(frame)[0].mean() for frame in new) < 0.005
