"""Frames of before are moved with the camera's pointing where that jumped, and with nothing else."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.methods.flux import earlier
from inference.methods.flux.earlier import Earlier

SIDE, MARGIN, BACK, JUMP = 64, 8, (2, 6), 10


def scene(seed: int) -> np.ndarray:
    """A wide quiet scene of loops and dark lanes, (H, W) with MARGIN on every side."""
    wide = np.random.default_rng(seed).standard_normal((SIDE + 2 * MARGIN,) * 2).astype(np.float32)
    return 100 * np.exp(2 * cv2.GaussianBlur(wide, (0, 0), 2.0) / 0.14)


def frames_of(wide: np.ndarray, seed: int, dx: int, dy: int, flare: float = 0.0) -> np.ndarray:
    """Frames (T, 1, H, W) with noise; from JUMP on the camera points (dx, dy) px away, or a flare shines."""
    random, found = np.random.default_rng(seed), []
    for t in range(JUMP + 4):
        y, x = (MARGIN - shift * (t >= JUMP) for shift in (dy, dx))
        seen = wide[y : y + SIDE, x : x + SIDE].copy()
        if t >= JUMP:
            seen[20:30, 20:30] += flare * np.median(wide)
        found.append(seen * (1 + 0.01 * random.standard_normal(seen.shape)))
    return np.array(found, np.float32)[:, None]


def differences(frames: np.ndarray) -> np.ndarray:
    """Mean difference of each frame to its background, in the inner part."""
    before, found = Earlier(max(BACK), 12.0, None), []
    inner = (slice(None), slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    for frame in frames:
        before.push(frame)
        found.append(np.abs(frame - before.background(*BACK))[inner].mean())
    return np.array(found)


@given(st.integers(0, 50), st.sampled_from([(0, 1), (1, 0), (-1, 1), (0, -2), (3, 0), (-4, -4), (4, -2)]))
def test_of_a_jump_of_the_pointing_hardly_anything_is_seen(seed, jump):
    frames = frames_of(scene(seed), seed, *jump)
    quiet, after = np.split(differences(frames)[-8:], [4])
    with pytest.MonkeyPatch.context() as without:
        without.setattr(earlier, "_jump", lambda *_: None)
        not_moved = differences(frames)[-4:]
    # Shifts are known to a tenth of a pixel, between which steep places are interpolated.
    assert after.max() < quiet.max() + 0.2 * not_moved.max()


@given(st.integers(0, 50), st.floats(0.5, 1000.0))
def test_a_flare_is_no_jump(seed, flare):
    frames = frames_of(scene(seed), seed, 0, 0, flare)
    assert [earlier._jump(a, b) for a, b in pairwise(frames)] == [None] * (len(frames) - 1)


@given(st.integers(0, 50), st.sampled_from([(MARGIN, -MARGIN), (-MARGIN, 5)]))
def test_a_jump_is_as_headers_tell_where_it_is_too_large_to_be_found(seed, jump):
    before, after = frames_of(scene(seed), seed, *jump)[[JUMP - 1, JUMP]]
    assert earlier._jump(before, after) is None
    assert earlier._jump(before, after, jump) == pytest.approx(jump, abs=0.1)


@given(st.integers(0, 50), st.floats(-6, 6), st.floats(1, 6))
def test_what_headers_tell_and_nobody_sees_is_no_jump(seed, dx, dy):
    before, after = frames_of(scene(seed), seed, 0, 0)[:2]
    assert earlier._jump(before, after, (dx, dy)) is None


def field(seed: int, share: float) -> np.ndarray:
    """Patches of a magnetic field of both signs on a wide scene, that share of which is below zero."""
    strength, sign = scene(seed), np.random.default_rng(seed + 1).standard_normal((SIDE + 2 * MARGIN,) * 2)
    sign = cv2.GaussianBlur(sign, (0, 0), 3.0)
    return strength * np.where(sign < np.quantile(sign, share), -1, 1)


@given(st.integers(0, 50), st.sampled_from([0.5, 0.9, 1.0]), st.sampled_from([(1, 0), (-1, 1), (3, 0), (4, -2)]))
def test_a_field_jumps_as_its_opposite_does_whatever_its_signs(seed, share, jump):
    frames = frames_of(field(seed, share), seed, *jump)
    before, after = frames[[JUMP - 1, JUMP]]
    assert earlier._jump(before, after, root=earlier.ROOTS[True]) == pytest.approx(jump, abs=0.2)
    opposite = Earlier(max(BACK), 12.0, None, is_signed=True), Earlier(max(BACK), 12.0, None, is_signed=True)
    for frame in frames:
        for kept, sign in zip(opposite, (1, -1), strict=True):
            kept.push(sign * frame)
    one, other = (kept.background(*BACK) for kept in opposite)
    np.testing.assert_array_equal(one, -other)
