"""Facts of whole frames, each on the smallest picture that shows it."""

from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.camera.looks import LEVELS, MOST_PX, SMALL_PX, Look, alone, change_of, pair
from inference.camera.motion import steadied

SIDE = 32


def look(picture: np.ndarray, valid: np.ndarray | None = None) -> Look:
    return Look.of(picture[None].astype(np.float32), np.ones(picture.shape, bool) if valid is None else valid)


def noise(seed: int, shape: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


@pytest.mark.parametrize("level", [0, 37, 200])
def test_a_fill_that_lies_within_two_levels_is_flat_and_its_value_is_told(level):
    picture = noise(0)
    fill = np.zeros(picture.shape, bool)
    fill[:24] = True
    picture[fill] = (level + (np.indices(picture.shape).sum(axis=0) % 2)[fill]) / LEVELS
    facts = alone(look(picture))
    assert facts.flat == pytest.approx(0.75, abs=0.02)  # and what noise lies there by chance
    assert facts.level == level / LEVELS
    assert alone(look(noise(1))).flat < 0.03


def test_large_frames_are_looked_at_on_some_of_their_pixels():
    found = look(noise(0, (1100, 700)))
    assert max(found.grey.shape) <= MOST_PX
    assert max(found.grey.shape) > MOST_PX / 2
    assert max(found.small.shape) == SMALL_PX
    assert found.grey.shape == found.valid.shape


def test_only_what_is_valid_in_both_frames_is_compared():
    before, now = noise(0), noise(0) + 0.25
    assert change_of(look(now), look(before)) == pytest.approx(0.25, abs=1e-5)
    left, right = np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    left[:, : SIDE // 2 + 4], right[:, SIDE // 2 :] = True, True
    before[~left], now[~right] = 9.0, -9.0
    assert change_of(look(now, right), look(before, left)) == pytest.approx(0.25, abs=1e-5)
    assert change_of(look(now, right), look(before, ~right)) == np.inf


def test_of_a_frame_without_a_valid_pixel_nothing_is_known():
    assert alone(look(noise(0), np.zeros((SIDE, SIDE), bool))) == (0.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def wide(seed: int) -> np.ndarray:
    """A smooth texture (128, 240) of 0..1."""
    smooth = cv2.GaussianBlur(noise(seed, (128, 240)), (0, 0), 6)
    return (smooth - smooth.min()) / np.ptp(smooth)


@given(st.integers(0, 10**6))
def test_a_fit_gone_wild_is_no_motion_of_a_picture_whose_edges_stayed(seed):
    """As fish that swarm on plain ground gave it, whoever asks: the camera's watch, or what takes its motion off."""
    picture, random = wide(seed)[:, :160], np.random.default_rng(seed)
    before, now = (look(np.clip(picture + random.normal(0, 0.004, picture.shape), 0, 1)) for _ in range(2))
    wild = np.array([[0.62, 0.1, 54.04], [-0.1, 0.62, 73.07]])
    fits = Mock(return_value=(wild, None))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inference.camera.motion.cv2.estimateAffinePartial2D", fits)
        patch.setattr("inference.camera.motion.is_everywhere", lambda *_: True)
        facts = pair(now, before)
        assert steadied(before.small, now.small) is before.small
    assert fits.call_count == 2
    assert facts.kept > 0.75
    assert facts.moved_px == 0


@pytest.mark.parametrize("shift", [8, 24, 30])
def test_a_turn_by_a_good_part_of_the_picture_is_still_motion(shift):
    found = pair(look(wide(0)[:, shift : shift + 160]), look(wide(0)[:, :160]))
    assert found.moved_px == pytest.approx(shift, abs=1)


@given(shift=st.integers(0, 12), known_px=st.one_of(st.floats(0, 14), st.just(np.inf)), seed=st.integers(0, 99))
def test_what_is_known_not_to_count_of_motion_changes_nothing_else(shift, known_px, seed):
    picture, noisy = wide(seed), 0.01 * np.random.default_rng(seed).standard_normal((2, 128, 160))
    now, before = (look(picture[:, k : k + 160] + n) for k, n in zip((shift, 0), noisy, strict=True))
    whole = pair(now, before)
    expected = whole.moved_px if whole.moved_px > known_px else 0.0
    assert pair(now, before, known_px) == whole._replace(moved_px=expected)
