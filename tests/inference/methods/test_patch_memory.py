"""Memory of places: what a place has shown is usual, wherever else it is new; against a slow, obvious oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.calibration.quiet.ranges import QuietRange
from inference.methods import METHODS
from inference.methods.mutual import nearest
from inference.methods.patch_memory import EVERY, MEMORY_FRAMES, nearest_in
from tests.support.reels import make_reel

SIDE, T = 48, 90


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 5), st.integers(1, 7), st.integers(1, 7))
def test_the_nearest_of_all_that_was_shown_near_a_place_is_found(seed, known, count, height, width):
    random = np.random.default_rng(seed)
    memory, places = (random.random((n, height, width, 5)).astype(np.float32) for n in (known, count))
    slow = np.stack([nearest(one, memory).min(axis=0) for one in places])[:, ::EVERY, ::EVERY]
    np.testing.assert_allclose(nearest_in(places, memory), slow, atol=2e-3)


def test_what_was_shown_is_at_no_distance():
    memory = np.random.default_rng(0).random((20, 6, 8, 9)).astype(np.float32)
    assert nearest_in(memory[7:9], memory).max() < 2e-3


def block_at(x: int, y: int, t: int) -> np.ndarray:
    """A dark noisy picture with a bright block."""
    frame = 0.3 + 0.01 * np.random.default_rng(t).normal(size=(SIDE, SIDE))
    frame[y : y + 8, x : x + 8] = 0.8
    return frame.astype(np.float32)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A method that has seen a block travel along a rail, now here, now there."""
    order = np.random.default_rng(1).integers(0, SIDE - 8, T)
    frames = np.stack([block_at(x, 8, t) for t, x in enumerate(order.tolist())])[:, None]
    reel = make_reel(tmp_path_factory.mktemp("rail") / "quiet", frames)
    method = METHODS["patch_memory"](METHODS["patch_memory"].Config("patch_memory"), {}, {}, 8)
    method.fit([QuietRange(reel, 0, T, "train")], seed=0)
    return method


def highest(method, frame: np.ndarray) -> float:
    return float(method.compare(frame[None, None], np.ones((1, SIDE, SIDE), bool))[1].max())


def test_a_block_is_usual_all_along_its_rail_and_new_beside_it(fitted):
    usual = max(highest(fitted, block_at(x, 8, 1000 + x)) for x in range(0, SIDE - 8, 3))
    assert highest(fitted, block_at(20, 30, 2000)) > 2 * usual


def test_scores_do_not_grow_with_contrast_of_what_is_usual(fitted, tmp_path):
    """A unit is of the scene: half the contrast in quiet and new frames gives the same scores."""
    faint = METHODS["patch_memory"](fitted.settings, {}, {}, 8)
    order = np.random.default_rng(1).integers(0, SIDE - 8, T)
    frames = np.stack([block_at(x, 8, t) for t, x in enumerate(order.tolist())])[:, None] / 2
    faint.fit([QuietRange(make_reel(tmp_path / "faint", frames), 0, T, "train")], seed=0)
    frame = block_at(20, 30, 2000)
    assert highest(faint, frame / 2) == pytest.approx(highest(fitted, frame), rel=0.02)


def test_memory_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("inference.methods.patch_memory.MEMORY_BYTES", 30 * 9 * 4 * 4 * 4)
    reel = make_reel(tmp_path / "r", np.random.default_rng(0).random((T, 1, 16, 16)).astype(np.float32))
    method = METHODS["patch_memory"](METHODS["patch_memory"].Config("patch_memory"), {}, {}, 8)
    method.fit([QuietRange(reel, 0, T, "train")], seed=0)
    assert 20 <= len(method.arrays["memory"]) <= 30 < MEMORY_FRAMES


def test_one_frame_is_nothing_to_compare_with(tmp_path):
    reel = make_reel(tmp_path / "r", np.zeros((20, 1, 16, 16), np.float32))
    method = METHODS["patch_memory"](METHODS["patch_memory"].Config("patch_memory"), {}, {}, 8)
    with pytest.raises(ValueError, match="fewer than two"):
        method.fit([QuietRange(reel, 0, 1, "train")], seed=0)
