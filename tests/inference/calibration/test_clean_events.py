"""What clean synthetic series promise, by hand."""

import numpy as np
import pytest

from config import EvalConfig
from inference.calibration.thresholds import CONFIDENCE, HIGH_SHARE, poisson_interval
from inference.calibration.zero_shot_levels import MOST_EVENTS, CleanEvents, ZeroShotCalibration, event_levels

DAY_S, SAMPLES = 86_400.0, 1000


def test_a_rate_lies_between_those_of_most_series():
    counts = np.arange(21)
    levels = np.where(np.arange(20) < counts[:, None], 2.0, 1.0)  # series i has i events above 1
    low, high = np.quantile(counts, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    expected = poisson_interval(int(low))[0] / SAMPLES, poisson_interval(int(np.ceil(high)))[1] / SAMPLES
    assert CleanEvents(levels, SAMPLES).interval(1.0) == pytest.approx(expected)  # what is at it does not exceed it
    assert CleanEvents(np.full((5, 8), 3.0), SAMPLES).interval(2.0)[0] == pytest.approx(
        poisson_interval(8)[0] / SAMPLES
    )


@pytest.mark.parametrize(("series", "firsts"), [(1, 1), (6, 1), (7, 2), (13, 2), (14, 3)])
def test_a_promise_needs_events_of_a_seventh_of_the_series(series, firsts):
    levels = np.zeros((series, 4))
    levels[:, 0] = 10.0 + np.arange(series)
    assert CleanEvents(levels, SAMPLES).supported == pytest.approx(firsts / (series * SAMPLES))


@pytest.mark.parametrize("per_day", [24.0, 0.5 * 86.4])
def test_thresholds_are_those_of_the_rate_and_of_a_tenth_of_it(per_day):
    clean = CleanEvents(np.random.default_rng(0).exponential(size=(200, 16)), SAMPLES)
    made = ZeroShotCalibration(clean, 1000.0, np.full(100, 0.6))  # a series of these is 1.0 in its bulk
    for promise, rate in zip(made.promises(EvalConfig(false_alarms_per_day=per_day)), (1, HIGH_SHARE), strict=True):
        used = max(rate * per_day * 1000.0 / DAY_S, clean.supported)
        assert promise.threshold == pytest.approx(clean.threshold(used))
        assert promise.asked == pytest.approx(rate * per_day)
    assert made.events.span_s == 200 * SAMPLES * 1000.0
    assert made.promises(EvalConfig(threshold_low=1.0, threshold_high=2.0)) is None


def test_a_series_has_so_many_levels_whatever_its_length_and_levels_of_older_runs_are_refused():
    for n in (10, 5000):
        assert event_levels(np.random.default_rng(0).exponential(size=n)).shape == (MOST_EVENTS,)
    with pytest.raises(ValueError, match="older version; train it with --resume"):
        CleanEvents(np.ones(8), SAMPLES)
