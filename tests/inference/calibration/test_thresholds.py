"""Promises: what a threshold from quiet data does on new data."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from config import EvalConfig
from inference.calibration.calibrate import read_calibration, write_calibration
from inference.calibration.noise import NoiseModel
from inference.calibration.promise import NOTHING_SEEN, duration, extension_level, often, poisson_interval, promised
from inference.calibration.quiet.events import BLOCKS, LARGEST_STEP, NO_EVENTS, RARE_SPANS, QuietEvents, run_starts
from inference.calibration.surprises import rare_prior
from inference.calibration.tail import EXTRAPOLATION, TailPrior, level_for
from inference.calibration.thresholds import Calibration, smoothed
from inference.scorers.nets.residual import Samples
from inference.units import DAY_S
from tests.support.quiet import of_series

FEW_DRAWS = 10  # of blocks, where nobody looks at the interval of a promise: it takes nearly all of the time
ABOUT_INTERVALS = (
    "test_new_data_give_as_many_false_events_as_are_promised",
    "test_a_promise_that_is_asked_for_again_is_the_same_and_costs_nothing",
    "test_quiet_data_that_come_in_bursts_have_a_wide_interval",
    "test_the_promise_is_what_was_asked_for_between_the_fewest_and_the_most_that_there_are",
    "test_above_all_that_was_seen_the_rate_may_be_that_of_which_none_is_seen",
)


@pytest.fixture(autouse=True)
def draws(request, monkeypatch):
    if request.function.__name__ not in ABOUT_INTERVALS:
        monkeypatch.setattr("inference.calibration.promise.RESAMPLES", FEW_DRAWS)


def noise(rng: np.random.Generator, n: int, kind: str) -> np.ndarray:
    """Scores of quiet data: white, heavy-tailed, or each much like the one before."""
    if kind == "heavy":
        return np.abs(rng.standard_t(5, n)).astype(np.float32)
    rho = {"white": 0.0, "coloured": 0.9}[kind]
    return np.abs(lfilter([np.sqrt(1 - rho**2)], [1, -rho], rng.normal(0, 1, n))).astype(np.float32)


@pytest.mark.parametrize("kind", ["white", "coloured", "heavy"])
@pytest.mark.parametrize("asked", [24.0, 2.0, 0.3])
def test_new_data_give_as_many_false_events_as_are_promised(kind, asked):
    """The mean over 20 pairs of one day of minutes and 20 new ones; a tail that is extrapolated is a rougher guess."""
    rng, seen, inside = np.random.default_rng(0), [], []
    for _ in range(20):
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


def test_a_promise_that_is_asked_for_again_is_the_same_and_costs_nothing(monkeypatch):
    levels = noise(np.random.default_rng(0), 2000, "white")
    made, drawn = of_series(levels), []
    first = made.promises(EvalConfig())
    monkeypatch.setattr(QuietEvents, "resampled", lambda self, rng: drawn.append(rng))
    assert made.promises(EvalConfig()) == first
    assert replace(made, watched=None).promises(EvalConfig()) == first
    assert drawn == []
    monkeypatch.undo()
    assert of_series(levels).promises(EvalConfig()) == first


def test_a_rate_that_is_supported_needs_no_word():
    made = of_series(noise(np.random.default_rng(0), 2000, "white"))
    assert made.shortfall(EvalConfig(false_alarms_per_day=1.0)) == ""
    assert made.promises(EvalConfig(threshold_low=1.0, threshold_high=2.0)) is None


@pytest.mark.parametrize(("times", "is_told"), [(1.0, False), (1.04, False), (1.2, True)])
def test_a_rate_that_is_nearly_supported_needs_none_either(times, is_told):
    made = of_series(noise(np.random.default_rng(0), 2000, "white"), cadence_s=60.0)
    supported = promised(made.events, 1e-6).supported
    assert bool(made.shortfall(EvalConfig(false_alarms_per_day=supported / times))) is is_told


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
    assert often(24.0) == "1 false alarm an hour"
    assert often(1.0) == "1 false alarm a day"
    assert often(23.9) == "23.9 false alarms a day"
    assert [duration(s) for s in (119.0, 120.0, 7199.0, 7200.0, 172_700.0, 172_800.0)] == [
        *("119 seconds", "2 minutes", "120 minutes", "2 hours", "48 hours", "2 days"),
    ]
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
    scores[made.left_out] = 0  # what stands out from all else is promised nothing of
    above = len(run_starts(scores, promise.threshold, 0, 1)) / 20
    assert promise.used <= max(asked, promise.supported)
    # Beyond ties the count is interpolated, between thresholds that differ by LARGEST_STEP.
    assert above <= promise.used * (1 + LARGEST_STEP) + 1 / 20
    assert promise.used <= above * (1 + LARGEST_STEP) + 1 / 20


@pytest.mark.parametrize("per_day", [0.01, 1.0, 20.0, 1e4])
def test_the_promise_is_what_was_asked_for_between_the_fewest_and_the_most_that_there_are(per_day):
    made = of_series(noise(np.random.default_rng(1), 3 * 1440, "coloured"))
    low, high = made.promises(EvalConfig(false_alarms_per_day=per_day))
    for promise, asked in ((low, per_day), (high, per_day / 10)):
        assert promise.asked == pytest.approx(asked)
        assert promise.supported == pytest.approx(1 / 30)  # a tenth of an event in three days
        assert promise.used == pytest.approx(min(max(asked, 1 / 30), len(made.events.levels) / 3))
        assert promise.interval[0] <= promise.used * 1.01
    assert low.interval[1] > low.used or per_day > 1e3
    assert made.thresholds(EvalConfig(false_alarms_per_day=per_day)) == (low.threshold, high.threshold)
    assert made.thresholds(EvalConfig(threshold_low=1.5, threshold_high=2.5)) == (1.5, 2.5)


def test_above_all_that_was_seen_the_rate_may_be_that_of_which_none_is_seen():
    made = of_series(noise(np.random.default_rng(0), 2 * 1440, "white"))
    low, high = promised(made.events, 0.1).interval
    assert (low, high) == (0.0, pytest.approx(3.689 / 2, abs=1e-3))  # a day; Poisson's for none in two


def test_what_is_told_holds_the_numbers_that_help():
    made = of_series(noise(np.random.default_rng(0), 1440, "white"))
    told = made.shortfall(EvalConfig(false_alarms_per_day=0.01))
    assert "24 hours of quiet data support 0.1 false alarms a day at best" in told
    assert "ask for 0.01 false alarms a day: the thresholds are for 0.1 false alarms a day. 10 days" in told
    facts = made.facts(EvalConfig(false_alarms_per_day=1.0))["promises_per_day"]
    assert (facts["low"]["asked"], facts["high"]["asked"]) == (1.0, 0.1)
    assert (facts["quiet_frames"], facts["quiet_frames_left_out"]) == (1440, len(made.left_out))
    assert made.facts(EvalConfig(threshold_low=1.0, threshold_high=2.0)) == {}
    assert made.shortfall(EvalConfig(threshold_low=1.0, threshold_high=2.0)) == ""


def test_a_faster_reel_has_a_shorter_span_of_as_many_frames_and_a_slower_one_the_same():
    made = of_series(noise(np.random.default_rng(0), 1440, "white"))
    spans = [made.at_cadence(cadence_s).events.span_s for cadence_s in (6.0, 60.0, 600.0)]
    assert spans == [8640.0, 86_400.0, 86_400.0]


@given(
    st.lists(st.one_of(st.just(np.nan), st.floats(-5, 5)), min_size=1, max_size=30), st.sampled_from([1, 2, 3, 4, 5, 9])
)
def test_smoothing_is_the_mean_of_what_is_known_around(scores, samples):
    scores, before = np.array(scores), samples // 2
    around = [scores[max(0, i - before) : i - before + samples] for i in range(len(scores))]
    expected = [np.nanmean(near) if np.isfinite(x) else np.nan for x, near in zip(scores, around, strict=True)]
    np.testing.assert_allclose(smoothed(scores, samples), expected, atol=1e-9)


VALUES = np.random.default_rng(0).normal(3, 2, (40, 3, 1))
NOISE = NoiseModel(np.array([[1.0], [2.0], [3.0]]), np.array([[0.5], [1.0], [4.0]]))
STANDARDISED = np.maximum(VALUES - NOISE.mean, 0) / NOISE.spread


@pytest.mark.parametrize(("score", "parts"), [("residual", VALUES), ("mix", VALUES), ("standardised", STANDARDISED)])
@pytest.mark.parametrize(
    ("combine", "one"),
    [("mean", lambda v: v.mean(1)), ("max", lambda v: v.max(1)), ("rms", lambda v: ((v**2).sum(1) / 3) ** 0.5)],
)
def test_scores_of_variables_become_one(score, parts, combine, one):
    settings = replace(EvalConfig(), score=score, combine=combine, smooth_samples=1)
    made, samples = Calibration(NOISE), Samples(VALUES, np.ones(40, bool))
    scores, each = made.sample_scores(samples, settings)
    np.testing.assert_allclose(each, parts[:, :, 0])
    np.testing.assert_allclose(scores, one(parts[:, :, 0]))
    smooth, _ = made.sample_scores(samples, replace(settings, smooth_samples=3))
    np.testing.assert_allclose(smooth, smoothed(one(parts[:, :, 0]), 3))
    highest, each = made.sample_scores(samples, replace(settings, combine="each", smooth_samples=3))
    np.testing.assert_allclose(each, np.stack([smoothed(part, 3) for part in parts[:, :, 0].T], axis=1))
    np.testing.assert_allclose(highest, each.max(axis=1))


def scene(rng: np.random.Generator, span_s: float, shape: float) -> QuietEvents:
    """Events of quiet data, one in 15 s above 1, with a Pareto tail: those above 0.8."""
    count = rng.poisson(span_s / 15 * 0.8 ** (-1 / shape))
    levels = np.sort(0.8 * rng.random(count) ** -shape)[::-1]
    return QuietEvents(levels, np.cumsum(np.eye(BLOCKS)[rng.integers(0, BLOCKS, count)], axis=0), span_s)


@pytest.mark.parametrize("span_s", [10.0, 30.0, 120.0])
def test_what_is_known_of_a_score_keeps_the_promise_of_seconds(span_s):
    """Over 50 scenes whose tails differ, in the mean: new data give no more than half again as many events as are
    promised; far more where seconds alone have a say."""
    rng, seen, alone = np.random.default_rng(0), [], []
    for _ in range(50):
        shape = rng.uniform(0.06, 0.14)
        quiet = scene(rng, span_s, shape)
        promise = promised(replace(quiet, prior=TailPrior(15.0, 0.1, 60.0)), 24.0)
        for rates, threshold in ((seen, promise.threshold), (alone, promised(quiet, promise.used).threshold)):
            rates.append(max(threshold, 0.8) ** (-1 / shape) * DAY_S / 15 / promise.used)
    assert promise.used == pytest.approx(max(24.0, DAY_S / (EXTRAPOLATION * (span_s + 60))))
    assert np.mean(seen) < 1.5
    assert np.mean(alone) > 1.5 * np.mean(seen)


@pytest.mark.parametrize("prior", [None, TailPrior(15.0, 0.1, 60.0, most_per_s=0.01), rare_prior(0.1)])
def test_a_calibration_is_kept_with_what_was_known_before(tmp_path, prior):
    made = replace(of_series(noise(np.random.default_rng(0), 300, "white"), cadence_s=0.1))
    made = replace(made, events=replace(made.events, prior=prior, apart=3))
    write_calibration(tmp_path / "kept.npz", made)
    again = read_calibration(tmp_path / "kept.npz")
    assert (again.events.prior, again.events.apart) == (prior, 3)
    asked = EvalConfig(false_alarms_per_hour=1.0)
    assert again.thresholds(asked) == made.thresholds(asked)
    assert again.shortfall(asked) == made.shortfall(asked)


@given(st.lists(st.floats(0.1, 50), max_size=20), st.floats(1, 1e6))
def test_what_stands_out_would_be_an_event_by_any_threshold_without_it(levels, span_s):
    others = np.sort(levels)[::-1]
    alone = replace(NO_EVENTS, span_s=span_s).beyond(others)
    assert alone == level_for(others, 1 / RARE_SPANS)
    known = QuietEvents(others, np.eye(len(others), 20, dtype=np.int64), span_s, TailPrior(15.0, 0.3, 60.0))
    found = known.beyond(others)
    assert found >= alone
    assert found >= max(known.threshold_for(rate * DAY_S / span_s) for rate in (0.1, 1.0, 10.0)) * (1 - 1e-9)


@given(st.floats(1, 2), st.floats(1, 1e6))
def test_an_event_of_seconds_does_not_say_where_all_begin(threshold, span_s):
    """3 % of the frames reach 1.6: that is where others begin if they are of hours, and about 1 if of seconds."""
    levels = np.where(np.arange(1000) < 30, 1.6, 0.5).astype(np.float32)
    known = replace(NO_EVENTS, span_s=span_s, prior=TailPrior(15.0, 0.1, 60.0))
    found = extension_level(threshold, levels, 0.02, known)
    assert min(threshold, 1) <= found <= min(threshold, 1.6 + 1e-6)
    assert abs(np.log(found)) <= np.log(1.6 + 1e-6) * span_s / (span_s + 60) + 1e-9
    assert extension_level(threshold, levels, 0.02) == min(threshold, np.float32(1.6))


@given(st.lists(st.floats(1, 50), min_size=12, max_size=60, unique=True), st.floats(0.1, 30), st.integers(0, 10))
def test_what_was_taken_for_faults_has_its_part_in_what_is_allowed(levels, events, apart):
    """Whether it is usual or not, no more than what is allowed comes, but for one event that is always left."""
    rest = QuietEvents(np.sort(levels)[::-1], np.tri(len(levels), dtype=np.int64), DAY_S)
    quiet, events = replace(rest, apart=apart), min(events, len(levels) / 2)
    alone, found = promised(rest, events), promised(quiet, events)
    assert found.used == alone.used
    assert found.threshold >= alone.threshold
    assert np.sum(quiet.levels > found.threshold) + apart <= max(events, apart + 1)
    assert found.threshold == pytest.approx(promised(rest, max(events - apart, min(events, 1))).threshold)
    assert found.interval[1] >= apart


@given(st.floats(0.1, 30), st.integers(0, 10))
def test_more_that_stood_out_than_may_come_is_told_with_what_to_expect(per_day, apart):
    levels = np.arange(40.0, 0, -1)
    events = QuietEvents(levels, np.tri(len(levels), dtype=np.int64), DAY_S, apart=apart)
    made = Calibration(NOISE, levels.astype(np.float32), events)
    asked = EvalConfig(false_alarms_per_day=per_day)
    told, allowed = made.shortfall(asked), made.promises(asked)[0].used
    expected = apart + min(allowed, 1.0)
    assert ("set apart as faults" in told) == (apart > 0 and expected > allowed)
    if "set apart as faults" in told:
        assert f"expect {often(expected)} instead of {often(allowed)}" in told


@given(st.integers(1, 5000), st.floats(0.01, 1000))
def test_quiet_data_without_any_score_have_a_threshold(count, per_day):
    """Of a scene whose noise is below the steps of grey levels `eval` ended in an error, after training."""
    promise = promised(of_series(np.zeros(count, np.float32)).events, per_day)
    assert promise.threshold == NOTHING_SEEN
    assert 0 <= promise.interval[0] <= promise.interval[1]
