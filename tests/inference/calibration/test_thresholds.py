"""Promises: what a threshold from quiet data does on new data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from config import EvalConfig
from inference.calibration.quiet_events import LARGEST_STEP, run_starts
from inference.calibration.thresholds import EXTRAPOLATION, duration, often, poisson_interval, promised
from inference.units import DAY_S
from tests.support.quiet import of_series


def noise(rng: np.random.Generator, n: int, kind: str) -> np.ndarray:
    """Scores of quiet data: white, heavy-tailed, or each much like the one before."""
    if kind == "heavy":
        return np.abs(rng.standard_t(5, n)).astype(np.float32)
    rho = {"white": 0.0, "coloured": 0.9}[kind]
    return np.abs(lfilter([np.sqrt(1 - rho**2)], [1, -rho], rng.normal(0, 1, n))).astype(np.float32)


@pytest.mark.parametrize("kind", ["white", "coloured", "heavy"])
@pytest.mark.parametrize("asked", [24.0, 2.0, 0.3])
def test_new_data_give_as_many_false_events_as_are_promised(kind, asked):
    """The mean over 40 pairs of one day of minutes and 20 new ones; a tail that is extrapolated is a rougher guess."""
    rng, seen, inside = np.random.default_rng(0), [], []
    for _ in range(40):
        promise = promised(of_series(noise(rng, 1440, kind)).events, asked)
        new = noise(rng, 20 * 1440, kind)
        rate = len(run_starts(new, promise.threshold, 3, 1)) / 20
        seen.append(rate)
        inside.append(promise.interval[0] <= rate <= promise.interval[1])
    assert promise.used == asked
    assert asked / 2 < np.mean(seen) < 2 * asked
    assert np.mean(inside) >= 0.85


@pytest.mark.parametrize("cadence_s", [0.04, 1.0, 60.0, 3600.0])
def test_no_promise_goes_far_beyond_the_quiet_data(cadence_s):
    """At any cadence 2,000 quiet samples support a tenth of an event in their span, and no threshold is invented."""
    scores = noise(np.random.default_rng(0), 2000, "white")
    made = of_series(scores, cadence_s=cadence_s)
    promise = promised(made.events, 1e-6)
    assert promise.used == promise.supported == pytest.approx(DAY_S / (EXTRAPOLATION * 2000 * cadence_s))
    assert scores.max() < promise.threshold < scores.max() + 2
    asked = EvalConfig(false_alarms_per_day=1e-6)
    low, high = made.thresholds(asked)
    assert low == high == promise.threshold
    assert "the settings ask for 1e-06 false alarms a day" in made.shortfall(asked)
    facts = made.facts(asked)["promises_per_day"]
    assert facts["low"]["used"] > facts["low"]["asked"] == 1e-6
    assert facts["quiet_span_s"] == pytest.approx(2000 * cadence_s)


def test_a_rate_that_is_supported_needs_no_word():
    made = of_series(noise(np.random.default_rng(0), 2000, "white"))
    assert made.shortfall(EvalConfig(false_alarms_per_day=1.0)) == ""
    assert made.promises(EvalConfig(threshold_low=1.0, threshold_high=2.0)) is None


def test_the_high_threshold_stands_for_a_tenth_of_the_alarms():
    made = of_series(noise(np.random.default_rng(0), 20_000, "white"))
    low, high = made.promises(EvalConfig(false_alarms_per_day=5.0))
    assert (low.used, high.used) == (5.0, 0.5)
    assert low.threshold < high.threshold


def test_the_interval_is_that_of_poisson_at_least():
    assert poisson_interval(0) == (0.0, pytest.approx(3.689, abs=1e-3))
    assert poisson_interval(10) == (pytest.approx(4.795, abs=1e-3), pytest.approx(18.39, abs=1e-2))


def test_quiet_data_that_come_in_bursts_have_a_wide_interval():
    """Twenty events spread evenly, or all of them in a quarter of the day."""
    rng = np.random.default_rng(0)
    widths = {}
    for name, first, step in (("even", 0, 70), ("burst", 500, 18)):
        scores = rng.uniform(0, 1, 1440)
        scores[first + step * np.arange(20)] += 10
        low, high = promised(of_series(scores).events, 20.0).interval
        widths[name] = high - low
    assert widths["burst"] > 1.3 * widths["even"]


def test_rates_and_spans_are_told_in_the_unit_that_fits():
    assert often(24.0) == "1 false alarms an hour"
    assert often(1.0) == "1 false alarms a day"
    assert [duration(s) for s in (51.0, 300.0, 10_800.0, 345_600.0)] == ["51 seconds", "5 minutes", "3 hours", "4 days"]


def test_no_more_is_promised_than_there_can_be():
    """Scores that rise and fall six times a day give six events at most, whatever is asked for."""
    scores = 2 + np.sin(2 * np.pi * 6 * np.arange(14_400) / 1440) + np.random.default_rng(0).normal(0, 1e-3, 14_400)
    made = of_series(scores)
    promise = promised(made.events, 1000.0)
    assert promise.used == len(made.events.levels) / 10 < 100
    assert "no threshold gives 41.7 false alarms an hour" in made.shortfall(EvalConfig(false_alarms_per_day=1000.0))


@given(st.integers(0, 1000), st.sampled_from([0.5, 1.0, 3.0]), st.floats(1.0, 60.0))
@settings(max_examples=30)
def test_values_in_coarse_steps_keep_what_is_promised_of_them(seed, step, asked):
    """As counts and sensors of few bits give them: no more events than promised are above, nor many fewer."""
    scores = np.round(np.random.default_rng(seed).exponential(size=20 * 1440) / step) * step
    made = of_series(scores, max_gap=0)
    promise = promised(made.events, asked)
    above = len(run_starts(scores, promise.threshold, 0, 1)) / 20
    assert promise.used <= max(asked, promise.supported)
    # Beyond ties the count is interpolated, between thresholds that differ by LARGEST_STEP.
    assert above <= promise.used * (1 + LARGEST_STEP) + 1 / 20
    assert promise.used <= above * (1 + LARGEST_STEP) + 1 / 20
