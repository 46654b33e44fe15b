"""Speed pooled along the way that things go: against a slow oracle, and who crosses a square within a frame or two."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from inference.methods.motion.along import MOVES_PX, POOL_SHARE, STILL_SHARE, WAYS, pooled_along, pooled_by_way
from inference.methods.motion.flow import CELL
from inference.methods.motion.timing import POOL_FRAMES, Timing

ROWS, COLUMNS = 48, 180


def passing(speed: float, count: int = POOL_FRAMES, begin: float = 60.0) -> np.ndarray:
    """Velocities of one body of 9 x 9 px that goes to the right."""
    velocity = np.zeros((count, ROWS, COLUMNS, 2), np.float32)
    for t in range(count):
        x = round(begin + speed * t)
        velocity[t, 20:29, x : x + 9, 0] = speed
    return velocity


def speed_of(velocity: np.ndarray, timing: Timing | None = None) -> np.ndarray:
    return pooled_by_way(velocity, timing or Timing(), CELL)[0]


def by_hand(velocity: np.ndarray) -> np.ndarray:
    """Of every cell of the middle frame, its speed followed place by place; a square is a pixel, and a cell too."""
    speed = np.linalg.norm(velocity, axis=3)
    moving = speed / (speed + MOVES_PX)
    middle, (h, w) = len(velocity) // 2, speed.shape[1:]

    def followed(t: int, y: int, x: int, step: int, left: int) -> np.ndarray:
        own = weighted[t, y, x]
        if not left:
            return own
        there = (y + step * velocity[t, y, x, 1], x + step * velocity[t, y, x, 0])
        sums = np.array([[followed(t + step, i, j, step, left - 1) for j in range(w)] for i in range(h)])
        at = [np.full(1, part) for part in there]
        return own + np.array([ndimage.map_coordinates(sums[..., c], at, order=1, cval=0.0)[0] for c in range(2)])

    weighted = np.stack([moving, moving * speed], axis=3)
    sums = np.array([[
        sum(followed(middle, y, x, step, middle) for step in (-1, 1)) - weighted[middle, y, x] for x in range(w)
    ] for y in range(h)])  # fmt: skip
    return sums[..., 1] / (sums[..., 0] + STILL_SHARE * len(velocity))


@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_what_following_every_place_by_hand_gives(seed):
    velocity = np.random.default_rng(seed).integers(-2, 3, (5, 3, 4, 2)).astype(np.float32)
    found = pooled_by_way(velocity, Timing(pool=5), 1)
    assert found.shape == (1 + len(WAYS), 1, 3, 4)
    np.testing.assert_allclose(found[0, 0], by_hand(velocity), rtol=1e-5, atol=1e-6)


def test_of_a_scene_that_moves_as_one_it_is_the_speed_weighed_against_what_stands():
    velocity = np.zeros((POOL_FRAMES, ROWS, COLUMNS, 2), np.float32)
    velocity[..., 0] = 2
    moving = 2 / (2 + MOVES_PX)
    inner = pooled_by_way(velocity, Timing(), CELL)[:, 0, :, 10:-10]
    np.testing.assert_allclose(inner[:2], 2 * moving / (moving + STILL_SHARE), rtol=1e-5)
    assert inner[2:].max() == 0


@given(st.integers(0, 10_000), st.floats(-3, 3))
def test_what_cells_hold_is_pooled_as_their_speed_is(seed: int, more: float):
    """And what each of them holds more counts as far as they move."""
    random = np.random.default_rng(seed)
    cells = random.normal(0, 2, (POOL_FRAMES + 2, 6, 8, 2)) * random.integers(0, 2, (POOL_FRAMES + 2, 6, 8, 1))
    velocity = cells.astype(np.float32).repeat(CELL, axis=1).repeat(CELL, axis=2)
    speed, usual = np.linalg.norm(cells, axis=3).astype(np.float32), speed_of(velocity)
    np.testing.assert_allclose(pooled_along(speed, velocity, Timing()), usual, rtol=1e-4, atol=1e-5)
    as_sure = pooled_along(np.ones_like(speed), velocity, Timing())
    assert ((as_sure >= 0) & (as_sure < 1)).all()
    found = pooled_along(speed + np.float32(more), velocity, Timing())
    np.testing.assert_allclose(found, usual + more * as_sure, rtol=1e-3, atol=1e-4)


@given(st.floats(1, 7), st.floats(1.2, 3))
def test_who_is_faster_counts_for_more_however_soon_the_place_is_crossed(speed: float, times: float):
    """At a place that stands, 7 px a frame were told for less than 2."""
    slow, fast = speed_of(passing(speed)).max(), speed_of(passing(min(10, times * speed))).max()
    assert fast / slow > 0.85 * min(10, times * speed) / speed


@given(st.floats(2, 10), st.integers(0, POOL_FRAMES - 1))
def test_a_single_wrong_frame_counts_little(speed: float, at: int):
    velocity = passing(speed)
    velocity[np.arange(POOL_FRAMES) != at] = 0
    assert speed_of(velocity).max() < 0.35 * speed_of(passing(speed)).max()


def test_who_walks_beside_changes_a_walker_s_speed_by_less_than_a_mean_would():
    """A walker of 4 x 9 px at 1 px a frame, alone, and with a second as fast within the square: a plain mean is 1.67
    times as high."""
    assert int(POOL_SHARE * COLUMNS) == 9
    alone, both = np.zeros((2, POOL_FRAMES, 120, COLUMNS, 2), np.float32)
    for t in range(POOL_FRAMES):
        alone[t, 50:59, 80 + t : 84 + t, 0] = both[t, 50:59, 80 + t : 84 + t, 0] = both[
            t, 50:59, 86 + t : 90 + t, 0
        ] = 1
    assert speed_of(alone).max() <= speed_of(both).max() <= 1.5 * speed_of(alone).max()


@given(st.integers(0, 6), st.integers(1, 6))
def test_a_frame_s_map_hangs_on_the_frames_of_its_pool_alone(begin: int, count: int):
    """Whatever is read with it: in blocks, or as frames come."""
    velocity = np.random.default_rng(0).normal(0, 2, (POOL_FRAMES + 12, 18, 24, 2)).astype(np.float32)
    part = velocity[begin : begin + count + POOL_FRAMES - 1]
    np.testing.assert_array_equal(speed_of(part), speed_of(velocity)[begin : begin + count])


@pytest.mark.parametrize("rate", [2, 3, 6])
def test_faster_frames_show_the_same(rate):
    """Speeds are those of a tenth of a second, so steps are as well."""
    timing = Timing.at(0.1 / rate)
    often = np.repeat(passing(4, 3 * POOL_FRAMES, 40), rate, axis=0)
    for i in range(len(often)):
        x = round(40 + 4 * i / rate)
        often[i] = 0
        often[i, 20:29, x : x + 9, 0] = 4
    found, usual = speed_of(often, timing).max(), speed_of(passing(4, 3 * POOL_FRAMES, 40)).max()
    assert found == pytest.approx(usual, rel=0.1)
