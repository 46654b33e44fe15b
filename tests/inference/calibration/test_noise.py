"""The quiet noise model, and the level that a frame reaches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inference.calibration.noise as noise_module
from inference.calibration.noise import (
    LEAST_SPREAD,
    PRIOR_FRAMES,
    SERIES_FLOOR,
    detection_level,
    fit_noise,
    fit_series_noise,
    noise_step,
)
from inference.calibration.quiet.frames import LEAST_APART, PARTS, noises_apart, part_of
from inference.events.boxes import find_boxes


def robust_spread(values: np.ndarray) -> float:
    """Of one pixel, as the docstring says."""
    mad = 1.4826 * np.median(np.abs(values - np.median(values)))
    lowest = np.sort(values)[: len(values) - int(0.05 * len(values))]
    return max(mad, 0.6 * lowest.std(ddof=1))


@pytest.mark.parametrize(("rows_bytes", "reach"), [(2**24, 2), (1, 2), (1, 0)])
def test_noise_equals_the_computation_pixel_by_pixel(rows_bytes, reach, monkeypatch):
    monkeypatch.setattr("inference.calibration.noise.ROWS_BYTES", rows_bytes)
    if reach != 2:
        monkeypatch.setattr("inference.calibration.noise.NEIGHBOURHOOD_PX", reach)
    rng = np.random.default_rng(0)
    maps = rng.gamma(2.0, rng.uniform(0.5, 2.0, (9, 11)), (50, 9, 11))
    maps[::8, 0, :9] += np.arange(10, 100, 10)  # something passes there now and then
    maps[:, 8] *= 0.01
    noise = fit_noise(maps)
    variance = np.square(np.apply_along_axis(robust_spread, 0, maps))
    typical = np.quantile(variance, 0.75)
    shrunk = (50 * variance + PRIOR_FRAMES * typical) / (50 + PRIOR_FRAMES)
    spread = np.maximum(np.sqrt(shrunk), np.sqrt(typical) / 2)
    for found, field in ((noise.mean, np.median(maps, axis=0)), (noise.spread, spread)):
        around = [[(slice(max(0, y - reach), y + reach + 1), slice(max(0, x - reach), x + reach + 1))
                   for x in range(11)] for y in range(9)]  # fmt: skip
        np.testing.assert_allclose(found, [[field[place].max() for place in row] for row in around], rtol=1e-5)


@given(st.integers(0, 100_000), st.sampled_from([(1, 1), (24, 32), (600, 800), (9000, 9000)]))
def test_the_noise_is_from_as_many_frames_as_memory_holds_evenly_over_all(total, shape):
    most = max(8, min(400, 2**29 // (4 * shape[0] * shape[1])))  # half a GiB in single precision
    step = noise_step(total, shape)
    assert len(range(0, total, step)) <= most
    assert step == 1 or total > (step - 1) * most


@pytest.mark.parametrize("fit", [fit_noise, fit_series_noise])
def test_quiet_data_without_any_residual_leave_finite_scores(fit):
    noise = fit(np.zeros((2, 3, 1)))  # two frames are enough
    assert np.isfinite(noise.standardise(np.ones((3, 1)))).all()
    assert noise.standardise(np.ones((3, 1))).min() > 1e4  # and hide nothing


def test_pixels_that_never_change_do_not_make_an_event_of_a_grey_level():
    rng = np.random.default_rng(0)
    maps = np.abs(rng.normal(0, 0.01, (30, 8, 8)))
    maps[:, :4] = 0  # as off the solar disc in 8-bit video
    noise = fit_noise(maps)
    one_level = np.full((8, 8), 0.004)
    assert noise.standardise(one_level).max() < 2


@pytest.mark.parametrize("frames", [20, 500])
def test_still_pixels_keep_half_the_typical_spread_however_many_frames(frames):
    maps = np.zeros((frames, 16, 16))
    maps[:, :, 8:] = np.random.default_rng(0).normal(0, 2.0, (frames, 16, 8))
    noise = fit_noise(maps)
    typical = np.quantile(np.apply_along_axis(robust_spread, 0, maps), 0.75)
    shrunk = np.sqrt(PRIOR_FRAMES / (frames + PRIOR_FRAMES))
    assert noise.spread[:, 0] == pytest.approx(typical * max(shrunk, 0.5), rel=1e-3)


def test_a_still_variable_keeps_a_share_of_the_typical_spread():
    values = np.random.default_rng(0).normal(0, [[1.0], [1.0], [0.0]], (400, 3, 1))
    noise = fit_series_noise(values)
    spread = np.apply_along_axis(robust_spread, 0, values)
    assert noise.spread[2, 0] == pytest.approx(SERIES_FLOOR * np.quantile(spread, 0.75), rel=1e-5)


def test_standardising_makes_noisy_and_calm_pixels_alike():
    rng = np.random.default_rng(1)
    scale = np.where(np.arange(32) < 16, 0.07, 0.1) * np.ones((32, 32))
    quiet = np.abs(rng.normal(0, 1, (400, 32, 32)) * scale)
    noise = fit_noise(quiet)
    z = noise.standardise(np.abs(rng.normal(0, 1, (200, 32, 32)) * scale))
    assert np.quantile(z[:, :, 16:], 0.99) == pytest.approx(np.quantile(z[:, :, :16], 0.99), rel=0.1)
    assert (z >= 0).all()


def test_too_few_frames_is_an_error():
    with pytest.raises(ValueError, match="1 quiet frames"):
        fit_noise(np.ones((1, 3, 3)))
    with pytest.raises(ValueError, match="1 quiet samples"):
        fit_series_noise(np.ones((1, 3, 1)))


@pytest.mark.parametrize("strength", [5.0, 1e3, 1e6])
def test_a_flare_in_a_twentieth_of_the_quiet_frames_hides_nothing(strength):
    """Half-normal residuals everywhere, in which a place flares: noise there stays that of the other frames."""
    maps = np.abs(np.random.default_rng(0).normal(0, 1, (400, 12, 12)))
    clean = fit_noise(maps)
    maps[100:120, 3:9, 3:9] = strength
    flared = fit_noise(maps)
    np.testing.assert_allclose(flared.spread, clean.spread, rtol=0.1)
    np.testing.assert_allclose(flared.mean, clean.mean, atol=0.1)


def test_a_place_that_is_busy_now_and_then_keeps_the_spread_of_that():
    maps = np.abs(np.random.default_rng(0).normal(0, 1, (400, 24, 24)))
    maps[::8, :3] += 30  # an eighth of the frames: nothing that one forgets to exclude
    noise = fit_noise(maps)
    assert noise.spread[0].min() > 4 * noise.spread[-1].max()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([0.1, 0.3, 1.0]))
def test_detection_level_is_where_boxes_end(seed, min_area, density):
    rng = np.random.default_rng(seed)
    score = (rng.gamma(1.0, 1.0, (10, 12)) * (rng.random((10, 12)) < density)).astype(np.float32)
    invalid = rng.random((10, 12)) < 0.1
    score[rng.random((10, 12)) < 0.02] = rng.choice([np.nan, np.inf])
    level = detection_level(score, min_area, 0.2, invalid)

    def boxes(threshold):
        return find_boxes(score, threshold, threshold, min_area, 0.2, invalid)

    assert not boxes(level)
    below = np.unique(score[~invalid & (score < level)])
    assert len(below) == 0 or boxes(below[-1])


@pytest.mark.parametrize("min_area", [1, 4])
def test_a_frame_without_a_valid_pixel_reaches_nothing(min_area):
    assert detection_level(np.ones((5, 5), np.float32), min_area, 0.2, np.ones((5, 5), bool)) == 0


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 3))
@settings(max_examples=10, deadline=None)
def test_a_still_place_beside_what_moves_may_show_the_same_and_all_else_stays(seed, noise):
    rng = np.random.default_rng(seed)
    maps = np.zeros((60, 64, 64))
    maps[:, 8:24, 8:24:3] = rng.uniform(0, 4, (60, 16, 6))  # a curve's panel, with columns where none was yet
    maps[:, :, 40:] = np.abs(rng.normal(0, noise, (60, 64, 24)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise_module, "STILL", 0.0)
        before = fit_noise(maps).spread
    after = fit_noise(maps).spread
    assert after[16, 26] > 0.1 * np.median(after[8:24, 8:24])  # just outside
    changes = maps.any(axis=0)
    assert np.array_equal(after[changes], before[changes])
    assert (after >= before).all()


@given(st.integers(0, PARTS - 1), st.integers(LEAST_APART, 300), st.integers(0, 60))
@settings(max_examples=10, deadline=None)
def test_quiet_frames_are_judged_by_the_noise_of_others(part, total, beside):
    """A mark in one part of them alone is as far out there as it would be in new data."""
    rng = np.random.default_rng(total)
    maps = rng.gamma(2.0, 0.01, (total + beside, 12, 12))
    numbers = np.r_[np.arange(total), np.full(beside, -1)]
    own = np.array([n for n in range(total) if part_of(n, total) == part])
    maps[own, 5, 5] += 1
    judged, new = noises_apart(maps, numbers, total, LEAST_SPREAD)[part], fit_noise(np.delete(maps, own, axis=0))
    assert np.array_equal(judged.standardise(maps[own[0]]), new.standardise(maps[own[0]]))
    assert judged.standardise(maps[own[0]])[5, 5] > 2 * fit_noise(maps).standardise(maps[own[0]])[5, 5]


def test_few_quiet_frames_are_not_cut():
    assert noises_apart(np.zeros((LEAST_APART, 3, 3)), np.arange(LEAST_APART) - 1, LEAST_APART - 1, LEAST_SPREAD) == []
    assert noises_apart(np.zeros((200, 3, 3)), np.full(200, -1), 15, LEAST_SPREAD) == []
