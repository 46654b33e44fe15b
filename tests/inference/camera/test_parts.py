"""Facts of parts of small pictures, each beside another way to the same."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inference.camera.parts import TILES, Shown, detail_of, kept_edges, lit_by, of_parts, uneven_light, upper_quartile

SIDE = 32


def noise(seed: int, shape: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


@given(st.integers(TILES, 90), st.integers(TILES, 300), st.integers(0, 9), st.sampled_from([np.float32, np.float64]))
def test_sums_of_parts_are_exact(height, width, seed, kind):
    values = np.random.default_rng(seed).integers(-(2**22), 2**22, (height, width))
    rows, columns = (np.arange(TILES) * n // TILES for n in (height, width))
    exact = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
    assert np.array_equal(of_parts(values.astype(kind)), exact)


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


@given(gain=st.floats(0.3, 1.0), haze=st.floats(0, 100), sigma=st.floats(1.5, 6))
def test_light_and_fog_take_no_sharpness_and_a_lens_out_of_focus_does(gain, haze, sigma):
    picture = cv2.GaussianBlur(noise(0, (96, 128)), (0, 0), 1)
    picture = 60 + 140 * (picture - picture.min()) / np.ptp(picture)
    detail, sharp = detail_of(Shown(np.rint(picture).astype(np.uint8)))
    dim, same = detail_of(Shown(np.rint(gain * (picture - haze) + haze).astype(np.uint8)))
    assert dim == pytest.approx(gain * detail, rel=0.03)
    assert same == pytest.approx(sharp, rel=0.03)
    lost, soft = detail_of(Shown(np.rint(cv2.GaussianBlur(picture, (0, 0), sigma)).astype(np.uint8)))
    assert lost < dim / gain
    assert soft < sharp


@given(by=st.integers(1, 60), side=st.integers(1, 20))
def test_light_is_what_all_of_the_picture_shares_and_no_part_of_it(by, side):
    before = np.rint(60 + 120 * noise(1)).astype(np.uint8)
    assert (
        lit_by(Shown(before + np.uint8(by)), Shown(before))
        == lit_by(Shown(before), Shown(before + np.uint8(by)))
        == by / 255
    )
    now = before.copy()
    now[:side, :side] += np.uint8(by)
    assert lit_by(Shown(now), Shown(before)) == 0.0


@given(gain=st.floats(0.5, 1.5), offset=st.integers(-20, 20), seed=st.integers(0, 50))
def test_an_exposure_is_even_and_a_lamp_is_not(gain, offset, seed):
    before = 40 + 120 * noise(seed)
    y, x = np.mgrid[: before.shape[0], : before.shape[1]] / max(before.shape)
    lamp = 1 / (1 + (np.square(x - 0.3) + np.square(y - 0.1)) / 0.2)
    exposed, lit, before = (np.rint(p).astype(np.uint8) for p in (gain * before + offset, before * (1 + lamp), before))
    assert uneven_light(exposed, before) < 0.1 or lit_by(Shown(exposed), Shown(before)) < 0.05
    assert uneven_light(lit, before) > 0.2
    assert uneven_light(np.full_like(before, 255), before) == 0.0
