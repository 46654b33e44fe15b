"""Thresholds without training: of clean synthetic series, and of the events that a series has itself."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import EvalConfig
from inference.calibration.noise import NoiseModel
from inference.calibration.thresholds import Calibration
from inference.job import Job
from inference.scorers.zero_shot.levels import FREQUENT, CleanEvents, ZeroShotCalibration, bulk, event_levels


def alone(clean: CleanEvents, cadence_s: float) -> ZeroShotCalibration:
    """For a series that says next to nothing of itself."""
    return calibration(clean, cadence_s, np.full(8, 1e-4))


def calibration(clean: CleanEvents, cadence_s: float, scores: np.ndarray) -> ZeroShotCalibration:
    """For a series of these scores (n,)."""
    return ZeroShotCalibration(clean, [scores[:, None].astype(np.float32)], EvalConfig(), cadence_s, 64)


@given(st.integers(0, 1000), st.sampled_from([3e-4, 1e-3, 3e-3]))
@settings(max_examples=10)
def test_unseen_series_of_the_same_kind_keep_the_promise(seed, per_sample):
    """Whatever a series' own size of scores: so many events are above the multiple for so many."""
    random = np.random.default_rng(seed)

    def events(n: int) -> np.ndarray:
        return np.stack([event_levels(random.exponential(10 ** random.uniform(0, 3), 4096)) for _ in range(n)])

    clean = CleanEvents(events(60), 4096)
    seen = (events(60) > clean.threshold(per_sample)).sum(axis=1)  # in each series
    # Events come by series, for the bulk of small scores is less in proportion (LEAST_BULK): so many series, not
    # so many events, were drawn. Two sums over 60 of them, and five sigmas.
    assert abs(seen.sum() - per_sample * clean.samples) < 5 * np.sqrt(2 * 60) * seen.std()


def test_events_are_the_highest_peaks_in_units_of_the_bulk():
    scores = np.full(1000, 0.3, np.float32)
    scores[[0, 100, 101, 120, 500]] = [4, 3, 2.5, 2, 9]
    found = event_levels(scores)
    assert found[:3] * 0.7 == pytest.approx([9, 4, 3])
    assert found[3] * 0.7 <= 0.3 + 1e-6


def test_what_few_series_alone_say_is_not_promised():
    levels = np.linspace(2, 1, 4) * (1 + 1e-3 * np.arange(100)[:, None])
    levels[:5] += 50  # five odd series
    clean = CleanEvents(levels, 1000)
    assert clean.threshold(clean.supported) < 3
    assert clean.threshold(1 / clean.samples) == clean.ranked[0] > 50
    assert clean.threshold(1.0) == clean.ranked[-1]
    assert clean.supported == (5 * 4 + 10) / 100_000  # and the highest events of ten more


@pytest.mark.parametrize("cadence_s", [0.1, 1.0, 60.0, 3600.0])
def test_what_is_rarer_than_clean_series_support_is_not_promised(cadence_s):
    clean = CleanEvents(np.random.default_rng(0).exponential(size=(100, 8)), 4096)
    made = alone(clean, cadence_s)
    low, high = made.thresholds(EvalConfig())
    assert low <= high <= 0.4001 * clean.threshold(clean.supported)
    promise, told = made.promises(EvalConfig())[0], made.shortfall(EvalConfig())
    most = 100 * 8 / (100 * 4096) * 86_400 / cadence_s  # as many as there are
    assert promise.used == pytest.approx(min(max(promise.asked, promise.supported), most), rel=0.02)
    if promise.used < 0.9 * most:
        assert low == pytest.approx(0.4001 * clean.threshold(promise.used * cadence_s / 86_400), rel=0.02)
    if promise.used == promise.supported:
        assert promise.interval[0] < promise.used < promise.interval[1]
    assert bool(told) == (promise.used != 1.0)
    assert (f"one false alarm in {1 / clean.supported:,.0f} samples" in told) == (promise.used > 1.0)
    assert ("no threshold gives" in told) == (promise.used < 1.0)


def test_half_of_anomalies_hardly_moves_it():
    scores = np.random.default_rng(0).exponential(size=20_000)
    spoilt = np.concatenate([scores, np.full(20_000, 1e3)])
    assert bulk(spoilt) < 1.7 * bulk(scores)


CLEAN = CleanEvents(np.stack([event_levels(np.random.default_rng(i).exponential(size=4096)) for i in range(60)]), 4096)


@given(st.integers(0, 1000), st.floats(-1, 2), st.floats(1, 3), st.sampled_from([300, 3000, 20_000]))
@settings(max_examples=15)
def test_more_false_alarms_never_cost_a_higher_threshold(seed, size, power, n):
    scores = 10**size * np.random.default_rng(seed).exponential(size=n) ** power
    made = calibration(CLEAN, 60.0, scores)
    thresholds = [made.thresholds(EvalConfig(false_alarms_per_day=rate))[0] for rate in (0.01, 0.1, 1, 3, 10, 1e3)]
    assert thresholds == sorted(thresholds, reverse=True)
    rates = [made.rate(threshold) for threshold in np.geomspace(1e-3, 1e5, 50)]
    assert rates == sorted(rates, reverse=True)


@given(st.integers(0, 1000), st.floats(-1, 2), st.floats(0.5, 3))
@settings(max_examples=10)
def test_a_long_series_has_as_many_events_as_promised_whatever_its_scores(seed, size, power):
    scores = 10**size * np.random.default_rng(seed).exponential(size=14 * 1440) ** power
    made = calibration(CLEAN, 60.0, scores)
    promise = made.promises(EvalConfig(false_alarms_per_day=10.0))[0]
    seen = made.own.at_least(promise.threshold) / 14
    assert promise.used == 10
    assert seen == pytest.approx(10, rel=0.1)
    assert promise.interval[0] <= seen <= promise.interval[1]


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_a_few_anomalies_are_no_reason_for_a_threshold_above_them(seed):
    scores = np.random.default_rng(seed).exponential(size=720)
    usual = calibration(CLEAN, 60.0, scores).thresholds(EvalConfig())[0]
    scores[[100, 300, 500]] = 40
    low, high = calibration(CLEAN, 60.0, scores).thresholds(EvalConfig())
    assert usual <= low < 2 * usual
    assert high < 40


@given(st.integers(0, 1000), st.integers(6, 40), st.floats(20, 500))
@settings(max_examples=10)
def test_what_a_series_does_more_often_than_anomalies_are_is_usual_to_it(seed, commands, size):
    """Equal commands of a machine, each an event: but for a few, which may be anomalies, no more than promised."""
    scores = np.random.default_rng(seed).exponential(size=1440)
    scores[np.linspace(20, 1400, commands).astype(int)] = size + np.linspace(0, 1, commands)
    made = calibration(CLEAN, 60.0, scores)
    promise = made.promises(EvalConfig(false_alarms_per_day=1.0))[0]
    assert made.own.at_least(promise.threshold) <= FREQUENT + 1 + promise.used
    assert promise.threshold <= size + 1  # and the few are found


@given(st.integers(0, 1000), st.floats(1.1, 1.4), st.integers(300, 1500))
@settings(max_examples=20)
def test_what_rises_slowly_is_no_new_level_of_a_series_that_is_judged_by_itself(seed, height, rise):
    """As a flare does: there are no quiet data that it leaves. By levels of such it would be one."""
    scores = np.random.default_rng(seed).uniform(0.9, 1.1, 6000)
    scores[4000 : 4000 + rise] += np.linspace(0, 3 * height - 1, rise)
    scores[4000 + rise : 5600] = 3 * height
    made = calibration(CleanEvents(np.ones((100, 8)), 4096), 1.0, scores)
    anyone: Any = SimpleNamespace(clip_length=64)
    job = Job(anyone, anyone, made, 3.0, 3.0, EvalConfig(), {}, Path())
    assert not job.new_level().of(scores).any()
    of_quiet = Calibration(NoiseModel(np.zeros((1, 1)), np.ones((1, 1))), scores[:4000].astype(np.float32))
    assert Job(anyone, anyone, of_quiet, 3.0, 3.0, EvalConfig(), {}, Path()).new_level().of(scores).any()
