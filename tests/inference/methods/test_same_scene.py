"""Beyond a cut, or a turn too fast to follow, there is no motion: not in what is learnt, and not in what is watched."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import EvalConfig
from inference.calibration.quiet.ranges import QuietRange
from inference.methods import METHODS
from inference.methods.motion.flow import shrunk, steadied_pairs, velocity_between
from inference.methods.motion.same_scene import NEVER, least_kept
from tests.support.reels import make_reel
from tests.support.street import Street, standing
from tests.support.trainings import small_config

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
STAYS, VIEWS = 24, 2  # frames that the camera looks one way, and ways


def seen(seed: int, frames: int, **planted) -> np.ndarray:
    return Street(seed).frames(standing(frames), **planted)


def grey(frames: np.ndarray) -> np.ndarray:
    return shrunk(frames, 192)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 8))
def test_a_cut_is_no_motion_and_all_other_motion_is_as_it_was(seed, at):
    spliced = grey(np.concatenate([seen(seed, at), seen(seed + 1, 10 - at)]))
    least = least_kept(steadied_pairs(grey(seen(seed, 10)), 1))
    plain, found = velocity_between(spliced), velocity_between(spliced, 1, least)
    assert np.linalg.norm(plain[at - 1], axis=2).max() > 2
    assert not found[at - 1].any()
    others = np.arange(len(found)) != at - 1
    np.testing.assert_array_equal(found[others], plain[others])


def test_where_quiet_frames_keep_no_edges_every_pair_may_show_one_scene():
    noise = np.random.default_rng(0).integers(0, 255, (6, 48, 60), dtype=np.uint8)
    assert least_kept(steadied_pairs(noise, 1)) == NEVER == least_kept([])
    assert velocity_between(noise, 1, NEVER).all(axis=0).any()


def turning(folder, name: str, runner_in: int | None = None):
    """A camera that jumps from view to view; who runs past does so in one of them."""
    planted = {"planted": (3.0, 10, 0)}
    stays = [seen(number % VIEWS, STAYS, **(planted if number == runner_in else {})) for number in range(2 * VIEWS)]
    return make_reel(folder / name, np.concatenate(stays), 0.1)


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """The highest score (T,) of each frame, of a new clip with someone who runs in the third stay."""
    folder = tmp_path_factory.mktemp("turning")
    quiet, new = turning(folder, "quiet"), turning(folder, "new", runner_in=2)
    made = METHODS["flow"](small_config(quiet.path, None, model={"name": "flow"}).model, {}, {}, 8)
    made.fit([QuietRange(quiet, 0, len(quiet), "train")], 0)
    return np.array([f.residual.max() for f in made.frames(new, 0, len(new), RAW)])


def test_who_runs_stands_out_from_a_camera_that_jumps_between_its_views(scores):
    runs = scores[2 * STAYS + 5 : 3 * STAYS - 5]
    assert np.median(runs) > 1.5
    assert np.delete(scores, np.arange(2 * STAYS - 5, 3 * STAYS + 5)).max() < 1.3
