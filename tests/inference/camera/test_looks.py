"""Facts of whole frames, each on the smallest picture that shows it."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inference.camera.looks import (
    LEVELS,
    MOST_PX,
    SMALL_PX,
    TILES,
    Look,
    alone,
    change_of,
    detail_of,
    kept_edges,
    lit_by,
    pair,
    upper_quartile,
)

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


def test_pictures_without_edges_keep_none_and_equal_ones_keep_all():
    flat, some = np.full((SIDE, SIDE), 90, np.uint8), np.rint(255 * noise(0)).astype(np.uint8)
    assert kept_edges(flat, flat) == 0.0
    assert kept_edges(some, some) == pytest.approx(1.0)
    assert kept_edges(some, (some // 2).astype(np.uint8)) > 0.95


@given(st.integers(TILES, 30), st.integers(TILES, 30), st.integers(0, 99), st.integers(0, 8))
def test_kept_edges_are_correlations_of_gradients_part_by_part(height, width, seed, flat):
    """By `np.corrcoef`; a part without edges keeps none."""
    now, before = np.random.default_rng(seed).integers(0, 256, (2, height, width)).astype(np.uint8)
    before[: height // 2] = now[: height // 2]
    now[:, : 4 * flat] = 90
    pictures = [np.stack([cv2.Sobel(p, cv2.CV_64F, 1, 0), cv2.Sobel(p, cv2.CV_64F, 0, 1)]) for p in (now, before)]
    edges = [[n * k // TILES for k in range(TILES + 1)] for n in (height, width)]
    found = []
    for i, j in np.ndindex(TILES, TILES):
        part = ..., slice(*edges[0][i : i + 2]), slice(*edges[1][j : j + 2])
        one, other = (picture[part].ravel() for picture in pictures)
        found.append(np.corrcoef(one, other)[0, 1] if np.ptp(one) and np.ptp(other) else 0.0)
    assert kept_edges(now, before) == pytest.approx(np.quantile(found, 0.75), abs=1e-9)


@given(arrays(np.float32, st.integers(1, 40), elements=st.floats(-9, 9, width=32)))
def test_the_upper_quartile_is_that_of_numpy(values):
    assert upper_quartile(values) == pytest.approx(np.quantile(values.astype(np.float64), 0.75), abs=1e-9)


def test_of_a_frame_without_a_valid_pixel_nothing_is_known():
    assert alone(look(noise(0), np.zeros((SIDE, SIDE), bool))) == (0.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def wide(seed: int) -> np.ndarray:
    """A smooth texture (128, 240) of 0..1."""
    smooth = cv2.GaussianBlur(noise(seed, (128, 240)), (0, 0), 6)
    return (smooth - smooth.min()) / np.ptp(smooth)


@given(st.integers(0, 10**6))
def test_a_fit_gone_wild_is_no_motion_of_a_picture_whose_edges_stayed(seed):
    """As fish that swarm on plain ground gave it."""
    before, random = wide(seed)[:, :160], np.random.default_rng(seed)
    now = np.clip(before + random.normal(0, 0.004, before.shape), 0, 1)
    wild = np.array([[0.62, 0.1, 54.04], [-0.1, 0.62, 73.07]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inference.camera.looks.camera_motion", lambda *_: wild)
        patch.setattr("inference.camera.looks.is_smoothing", lambda *_: False)
        facts = pair(look(now), look(before))
    assert facts.kept > 0.75
    assert facts.moved_px == 0


@pytest.mark.parametrize("shift", [8, 24, 30])
def test_a_turn_by_a_good_part_of_the_picture_is_still_motion(shift):
    found = pair(look(wide(0)[:, shift : shift + 160]), look(wide(0)[:, :160]))
    assert found.moved_px == pytest.approx(shift, abs=1)


@given(gain=st.floats(0.3, 1.0), haze=st.floats(0, 100), sigma=st.floats(1.5, 6))
def test_light_and_fog_take_no_sharpness_and_a_lens_out_of_focus_does(gain, haze, sigma):
    picture = cv2.GaussianBlur(noise(0, (96, 128)), (0, 0), 1)
    picture = 60 + 140 * (picture - picture.min()) / np.ptp(picture)
    detail, sharp = detail_of(np.rint(picture).astype(np.uint8))
    dim, same = detail_of(np.rint(gain * (picture - haze) + haze).astype(np.uint8))
    assert dim == pytest.approx(gain * detail, rel=0.03)
    assert same == pytest.approx(sharp, rel=0.03)
    lost, soft = detail_of(np.rint(cv2.GaussianBlur(picture, (0, 0), sigma)).astype(np.uint8))
    assert lost < dim / gain
    assert soft < sharp


@given(by=st.integers(1, 60), side=st.integers(1, 20))
def test_light_is_what_all_of_the_picture_shares_and_no_part_of_it(by, side):
    before = np.rint(60 + 120 * noise(1)).astype(np.uint8)
    assert lit_by(before + np.uint8(by), before) == lit_by(before, before + np.uint8(by)) == by / 255
    now = before.copy()
    now[:side, :side] += np.uint8(by)
    assert lit_by(now, before) == 0.0
