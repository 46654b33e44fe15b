"""How many usual walkers there are is no score: who is usual alone is usual among others."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import EvalConfig
from inference.calibration.quiet.ranges import QuietRange
from inference.methods import METHODS
from inference.methods.motion import looks
from tests.support.reels import make_reel
from tests.support.street import MARGIN, SHAPE, Street, standing
from tests.support.trainings import small_config

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
LEARNT, MOST, SPEED = (2, 5, 8), 12, 0.6  # walkers, px a frame


def street(seed: int, walkers: int, frames: int) -> np.ndarray:
    """A street with the first few of the same walkers, all as fast."""
    made = Street(seed, MOST)
    same = [(row, x, SPEED * np.sign(speed), look) for row, x, speed, look in made.walkers]
    made.walkers = same[:walkers]
    return made.frames(standing(frames))


@pytest.fixture(scope="module")
def flow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quiet")
    quiet = [make_reel(folder / str(n), street(n, n, 120), 0.1) for n in LEARNT]
    made = METHODS["flow"](small_config(quiet[0].path, None, model={"name": "flow"}).model, {}, {}, 8)
    made.fit([QuietRange(r, 0, len(r), "train") for r in quiet], 0)
    return made


@pytest.fixture(scope="module")
def alone(flow, tmp_path_factory):
    """What who walks alone reaches, where his looks are seen well."""
    watched = (street(seed, 1, 36) for seed in range(100, 106))
    return max(np.median(highest(flow, frames, tmp_path_factory.mktemp("alone"))) for frames in watched)


@given(st.integers(100, 10_000))
@settings(max_examples=5, deadline=None)
def test_a_crowd_larger_than_any_learnt_scores_as_one_who_walks_alone(flow, alone, tmp_path_factory, seed):
    """In units of quiet clips."""
    among = highest(flow, street(seed, MOST, 36), tmp_path_factory.mktemp("watched"))
    assert np.median(among) < 1.1
    assert among.max() < 1.3
    assert np.median(among) < 1.6 * alone


def walks(seed: int, walkers: int, frames: int) -> np.ndarray:
    """Some of the same walkers on the same street, where the seed puts them."""
    made, random = Street(0, MOST), np.random.default_rng(seed)
    width = SHAPE[1] + 2 * MARGIN
    everybody = [(row, random.uniform(0, width), SPEED * np.sign(v), look) for row, _, v, look in made.walkers]
    made.random, made.walkers = random, [everybody[i] for i in random.permutation(MOST)[:walkers]]
    return made.frames(standing(frames))


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """A short training; its net knows the looks of one street."""
    folder = tmp_path_factory.mktemp("quiet")
    quiet = [make_reel(folder / str(n), walks(n, n, 120), 0.1) for n in LEARNT]
    made = METHODS["expected"](small_config(quiet[0].path, None, model={"name": "expected"}).model, {}, {}, 8)
    sides = (("train", 0, 80), ("val", 80, 120))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looks, "STEPS", 70)
        made.fit([QuietRange(r, begin, end, side) for r in quiet for side, begin, end in sides], 0)
    return made


@given(st.integers(100, 10_000))
@settings(max_examples=4, deadline=None)
def test_expected_takes_most_frames_of_a_crowd_for_usual(expected, tmp_path_factory, seed):
    """Where many overlap, single frames exceed what quiet clips show; half of the frames don't come near it."""
    among = highest(expected, walks(seed, MOST, 36), tmp_path_factory.mktemp("watched"))
    assert np.median(among) < 1.1
    assert among.max() < 2.5


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """The method, and the highest score of the clips that it was fitted on."""
    folder = tmp_path_factory.mktemp("quiet")
    quiet = [make_reel(folder / str(n), walks(n, n, 80), 0.1) for n in (2, 4, 6, 8)]
    made = METHODS["objects"](small_config(quiet[0].path, None, model={"name": "objects"}).model, {}, {}, 8)
    made.fit([QuietRange(r, 0, len(r), "train") for r in quiet], 0)
    return made, max(highest_of(made, r).max() for r in quiet)


@given(st.integers(100, 10_000))
@settings(max_examples=4, deadline=None)
def test_objects_takes_a_crowd_larger_than_any_learnt_for_usual(objects, tmp_path_factory, seed):
    """Though some are hidden by others, and touch, as hardly anybody did in the clips learnt from."""
    method, most = objects
    among = highest(method, walks(seed, MOST, 36), tmp_path_factory.mktemp("watched")) / most
    assert np.median(among) < 1.05
    assert among.max() < 1.25


def test_objects_scores_clips_of_many_about_as_those_of_one(objects, tmp_path_factory):
    medians = {
        n: np.median([highest(objects[0], walks(s, n, 30), tmp_path_factory.mktemp("watched")) for s in range(5)])
        for n in (1, MOST)
    }
    assert medians[1] > 0.5
    assert medians[MOST] < 1.6 * medians[1]


def highest(method, frames: np.ndarray, folder) -> np.ndarray:
    """The highest score (T,) of each frame."""
    return highest_of(method, make_reel(folder / "reel", frames, 0.1))


def highest_of(method, reel) -> np.ndarray:
    return np.array([f.residual.max() for f in method.frames(reel, 0, len(reel), RAW)])
