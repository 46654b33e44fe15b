"""The quiet noise model and its thresholds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from inference.calibration.noise import PRIOR_FRAMES, SERIES_FLOOR, detection_level, fit_noise, fit_series_noise
from inference.calibration.thresholds import fit_tail, threshold_for
from inference.events.boxes import find_boxes
from inference.units import DAY_S


def test_noise_equals_the_two_pass_computation():
    rng = np.random.default_rng(0)
    maps = rng.gamma(2.0, rng.uniform(0.5, 2.0, (9, 11)), (50, 9, 11))
    noise = fit_noise(iter(maps))
    variance = maps.var(axis=0, ddof=1)
    typical = np.quantile(variance, 0.75)
    shrunk = (50 * variance + PRIOR_FRAMES * typical) / (50 + PRIOR_FRAMES)
    spread = np.maximum(np.sqrt(shrunk), np.sqrt(typical) / 2)
    for found, field in ((noise.mean, maps.mean(axis=0)), (noise.spread, spread)):
        widened = [[field[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].max() for x in range(11)] for y in range(9)]
        np.testing.assert_allclose(found, widened, rtol=1e-5)


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
    typical = np.sqrt(np.quantile(maps.var(axis=0, ddof=1), 0.75))
    assert noise.spread[:, 0].min() >= typical / 2 * (1 - 1e-6)


def test_a_still_variable_keeps_a_share_of_the_typical_spread():
    values = np.random.default_rng(0).normal(0, [[1.0], [1.0], [0.0]], (400, 3, 1))
    noise = fit_series_noise(values)
    assert noise.spread[2, 0] == pytest.approx(SERIES_FLOOR * np.quantile(values.std(axis=0), 0.75), rel=1e-5)


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
        fit_noise([np.ones((3, 3))])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_detection_level_is_where_boxes_end(seed, min_area):
    rng = np.random.default_rng(seed)
    score = rng.gamma(1.0, 1.0, (10, 12)).astype(np.float32)
    invalid = rng.random((10, 12)) < 0.1
    level = detection_level(score, min_area, 0.2, invalid)

    def boxes(threshold):
        return find_boxes(score, threshold, threshold, min_area, 0.2, invalid)

    assert not boxes(level)
    below = np.unique(score[~invalid & (score < level)])
    assert len(below) == 0 or boxes(below[-1])


def test_threshold_is_the_quantile_of_long_quiet_data():
    levels = np.random.default_rng(0).gumbel(5, 1, 20_000)
    threshold = threshold_for(levels, cadence_s=60.0, false_alarms_per_day=10.0)
    exceeding_per_day = (levels > threshold).mean() * DAY_S / 60.0
    assert exceeding_per_day == pytest.approx(10.0, rel=0.01)


def test_a_rate_beyond_every_other_frame_asks_for_no_more_than_the_median():
    levels = np.random.default_rng(0).gumbel(5, 1, 1001)
    assert threshold_for(levels, 60.0, 10 * DAY_S / 60.0) == np.median(levels)


def test_threshold_beyond_short_quiet_data_follows_the_tail():
    rng = np.random.default_rng(0)
    thresholds = [threshold_for(rng.gumbel(5, 1, 60), 60.0, 1.0) for _ in range(200)]
    truth = 5 - np.log(-np.log(1 - 1 / 1440))
    assert np.median(thresholds) == pytest.approx(truth, abs=1.0)


@pytest.mark.parametrize("shape", [0.0, 0.1, 0.3])
def test_the_tail_is_that_of_the_levels(shape):
    levels = stats.genpareto.rvs(shape, 5, 2, size=200_000, random_state=0)
    tail = fit_tail(levels)
    assert tail.share == pytest.approx(0.1)
    assert tail.start == pytest.approx(stats.genpareto.isf(0.1, shape, 5, 2), rel=0.02)
    assert tail.shape == pytest.approx(shape, abs=0.05)
    for fraction in (1e-2, 1e-3, 1e-4):
        assert tail.exceeded_by(fraction) == pytest.approx(stats.genpareto.isf(fraction, shape, 5, 2), rel=0.15)


def test_the_tail_fits_its_peaks_as_scipy_does():
    """scipy's maximum likelihood is the oracle; on many peaks the prior has no weight."""
    levels = np.random.default_rng(2).gumbel(5, 1, 30_000)
    tail = fit_tail(levels)
    peaks = np.sort(levels)[-3000:]
    shape, _, scale = stats.genpareto.fit(peaks - tail.start, floc=0)
    assert tail.shape == pytest.approx(max(shape, 0), abs=0.05)
    assert tail.scale == pytest.approx(scale, rel=0.06)


@pytest.mark.parametrize("levels", [[1.0], [1.0, 2.0, 3.0], [4.0] * 50])
def test_levels_without_a_tail_have_none(levels):
    assert fit_tail(np.array(levels)) is None


@given(st.lists(st.floats(0, 100, width=32), min_size=1, max_size=30))
def test_any_levels_give_a_threshold_not_below_them(levels):
    assert np.max(levels) <= threshold_for(np.array(levels), 600.0, 1.0) < np.inf


def test_heavy_tails_keep_the_promise_better_than_gumbel():
    """Maxima of Student's t, 40 quiet frames, one frame in 200 may exceed: how many new frames do."""
    rng = np.random.default_rng(0)
    draw = lambda n: np.abs(rng.standard_t(4, (n, 100))).max(axis=1)  # noqa: E731
    rates = {"ours": [], "gumbel": []}
    for _ in range(60):
        levels, new = draw(40), draw(2000)
        rates["ours"].append((new > threshold_for(levels, 60.0, DAY_S / 60 / 200)).mean())
        rates["gumbel"].append((new > stats.gumbel_r.isf(1 / 200, *stats.gumbel_r.fit(levels))).mean())
    assert np.mean(rates["ours"]) < np.mean(rates["gumbel"]) / 1.5
    assert np.mean(rates["ours"]) < 3 / 200  # of 1 / 200 promised, from 40 frames


def test_fewer_false_alarms_need_a_higher_threshold():
    levels = np.random.default_rng(0).gumbel(5, 1, 100)
    rates = [100.0, 10.0, 1.0, 0.1]
    thresholds = [threshold_for(levels, 60.0, rate) for rate in rates]
    assert thresholds == sorted(thresholds)
    assert len(set(thresholds)) == len(rates)
