"""The tail of event levels, and the thresholds that follow from it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from inference.calibration.surprises import rare_prior
from inference.calibration.tail import EXTRAPOLATION, Tail, TailPrior, events_above, fit_tail, level_for

LEVELS = st.lists(st.floats(0.0078125, 100, width=32), min_size=1, max_size=60).map(lambda v: np.sort(v)[::-1])


@pytest.mark.parametrize("shape", [0.0, 0.1, 0.3])
def test_the_tail_is_that_of_the_levels(shape):
    """What 20 to 2 more spans would hold, from one of 100 events: the mean over many fits."""
    draw = lambda k: np.sort(stats.genpareto.rvs(shape, 5, 2, size=100, random_state=k))[::-1]  # noqa: E731
    tails = [fit_tail(draw(k)) for k in range(200)]
    for events in (10, 1, 0.1):
        found = np.median([tail.level(events) for tail in tails])
        assert found == pytest.approx(stats.genpareto.isf(events / 100, shape, 5, 2), rel=0.25)


def test_the_tail_fits_its_peaks_as_scipy_does(monkeypatch):
    """scipy's maximum likelihood is the oracle; on many peaks the prior has no weight."""
    monkeypatch.setattr("inference.calibration.tail.MOST_PEAKS", 3000)
    levels = np.sort(np.random.default_rng(2).gumbel(5, 1, 30_000))[::-1]
    tail = fit_tail(levels)
    shape, _, scale = stats.genpareto.fit(levels[:3000] - tail.start, floc=0)
    assert tail.shape == pytest.approx(max(shape, 0), abs=0.05)
    assert tail.scale == pytest.approx(scale, rel=0.06)


def expected_tail(levels: np.ndarray) -> tuple[float, int, float, float]:
    """The oracle: (start, count, shape, scale) as the docstring says, with the L-moments by their definition."""
    n = len(levels)
    k = min(50, n // 2 if n >= 20 else n - 1)
    peaks = levels[:k] - levels[k]
    mean, pairs = peaks.mean(), np.abs(peaks[:, None] - peaks[None, :])
    half_gini = pairs.sum() / (k * (k - 1)) / 2
    shape = (k * (2 - mean / half_gini) + 10 * 0.1) / (k + 10) if half_gini > 1e-9 * mean else 0.0
    shape = min(max(shape, 0.0), 0.5)
    return levels[k], k, shape, mean * (1 - shape)


@pytest.mark.parametrize("draw", ["exponential", "heavy", "heaviest", "bounded"])
@pytest.mark.parametrize("count", [4, 5, 19, 20, 21, 99, 100, 130, 400])
def test_the_tail_is_that_of_its_l_moments(draw, count):
    share = np.random.default_rng(count).random(count)
    levels = {"exponential": -np.log(share), "heavy": share**-0.3, "heaviest": share**-1.5, "bounded": share}[draw]
    levels = 3 + np.sort(levels)[::-1]
    tail = fit_tail(levels)
    assert (tail.start, tail.count, tail.shape, tail.scale) == pytest.approx(expected_tail(levels), rel=1e-9)


def test_one_peak_above_equal_ones_has_a_tail():
    levels = np.array([9.0, *[4.0] * 30])
    assert fit_tail(levels).scale == pytest.approx(expected_tail(levels)[3])


def test_a_tail_is_never_steeper_than_a_half_nor_bounded():
    share = np.random.default_rng(0).random(2000)
    assert fit_tail(np.sort(share**-3.0)[::-1]).shape == 0.5
    assert fit_tail(np.sort(share)[::-1]).shape == 0.0


@pytest.mark.parametrize("peak", [1.0, 4.0, 0.1, 0.3])
def test_equal_peaks_have_the_tail_that_nearly_equal_ones_have(peak):
    """Whatever the rounding of their moments."""
    levels = np.append(np.full(12, 1 + peak), np.ones(13))
    near = levels + 1e-12 * np.arange(25)[::-1]
    assert (fit_tail(levels).shape, fit_tail(near).shape) == (0.0, 0.0)
    assert level_for(levels, 0.1) == pytest.approx(level_for(near, 0.1), rel=1e-6)


def test_no_level_has_more_events_than_there_are():
    tail = Tail(3.0, 50, 0.1, 2.0)
    assert tail.level(50) == tail.level(80) == 3.0
    assert tail.events(3.0) == tail.events(2.0) == 50


@example(5e-324, 1.0, 1.0)
@example(1e-300, 1.0, 1.0)
@example(2e-12, 1.0, 1.0)
@given(st.floats(0, 0.5), st.floats(0.01, 10), st.floats(0.01, 50))
def test_the_closed_form_is_that_of_scipy(shape, scale, events):
    tail = Tail(3.0, 50, shape, scale)
    level = stats.genpareto.isf(events / 50, shape, 3.0, scale)
    assert tail.level(events) == pytest.approx(level, rel=1e-6)
    assert tail.events(level) == pytest.approx(events, rel=1e-6)


NO_TAIL = [[1.0], [3.0, 2.0, 1.0], [4.0] * 50, [1e6 + 1e-4, *[1e6] * 30], [3e-10, 2e-10, 1e-10, 0.0]]


@pytest.mark.parametrize("levels", NO_TAIL, ids=len)
def test_levels_without_a_tail_have_none(levels):
    levels = np.array(levels)
    assert fit_tail(levels) is None
    assert level_for(levels, 0.1) == levels[0]
    assert events_above(levels, levels[0] + 0.5) == 0


@given(LEVELS, st.floats(0.05, 100), st.floats(0.05, 100))
def test_fewer_events_never_have_a_lower_threshold(levels, events, others):
    low, high = sorted((level_for(levels, events), level_for(levels, others)))
    assert (low, high) == (level_for(levels, max(events, others)), level_for(levels, min(events, others)))


@given(LEVELS, st.floats(0.1, 60))
def test_the_threshold_is_continuous_in_the_rate(levels, events):
    """Also where the counted levels end and the tail begins."""
    step = 1e-9
    scale = max(levels[0], 1.0)
    assert level_for(levels, events * (1 - step)) - level_for(levels, events * (1 + step)) < 1e-6 * scale


@given(LEVELS)
def test_one_event_is_the_highest_level_and_all_are_the_lowest(levels):
    assert level_for(levels, 1.0) == levels[0]
    assert level_for(levels, 1e6) == levels[-1]


@given(st.integers(8, 60), st.integers(0, 1000), st.floats(0.1, 50))
def test_events_above_inverts_the_threshold(count, seed, events):
    levels = np.sort(np.random.default_rng(seed).gumbel(5, 1, count))[::-1]
    expected = min(events, count)
    assert events_above(levels, level_for(levels, events)) == pytest.approx(expected, rel=1e-6)


def test_no_event_at_all_leaves_no_threshold():
    assert level_for(np.zeros(0), 1.0) == 0
    assert events_above(np.zeros(0), 1.0) == 0


PRIOR = TailPrior(unit_s=15.0, shape=0.1, span_s=60.0)


@given(st.floats(0.3, 5), st.floats(1e-3, 10), st.floats(1, 1e7))
def test_a_prior_counts_by_what_it_is_worth(own, events, span_s):
    """It lies between both, is all there is to go by at first, and hardly counts beside hours."""
    prior = PRIOR.level(events, span_s)
    joined = PRIOR.joined(own, events, span_s)
    assert min(own, prior) * (1 - 1e-12) <= joined <= max(own, prior) * (1 + 1e-12)
    assert abs(np.log(joined / own)) <= abs(np.log(prior / own)) * PRIOR.span_s / (span_s + PRIOR.span_s) + 1e-12
    assert PRIOR.joined(0.0, events, span_s) == prior


@given(st.floats(1, 1e6), st.floats(1e-4, 10), st.floats(1.01, 10))
def test_rarer_events_of_a_prior_are_higher_whatever_the_span(span_s, events, factor):
    assert PRIOR.level(events / factor, span_s) > PRIOR.level(events, span_s)
    assert PRIOR.level(events * factor, span_s * factor) == pytest.approx(PRIOR.level(events, span_s))
    assert PRIOR.level(span_s / PRIOR.unit_s, span_s) == pytest.approx(1)


@example(np.array([2.0]), 3.0, 4.0, 1.0)  # rarer, more is known of it, and that is lower
@given(LEVELS, st.floats(1e-4, 10), st.floats(1, 1e5), st.floats(1e-3, 10))
def test_beyond_its_own_tail_a_threshold_goes_on_as_in_any_scene(levels, events, span_s, most):
    """It falls with the events, and no single highest takes it farther than the prior's own form does."""
    for prior in (PRIOR, replace(PRIOR, most_per_s=most / span_s)):
        found, rarer = (prior.threshold(levels, some, span_s) for some in (events, events / 2))
        assert rarer >= found * (1 - 1e-9)
        if events < 1 / EXTRAPOLATION and prior is PRIOR:
            assert rarer == pytest.approx(found * 2**PRIOR.shape, rel=1e-9)


@given(LEVELS, st.floats(1, 100), st.floats(1, 1e5), st.floats(1e-3, 1))
def test_of_what_is_commoner_than_it_knows_a_prior_says_no_more(levels, times, span_s, most):
    """Ten times as common as the commonest that it was learnt at, it is worth a tenth; as common, all of it."""
    prior, common = replace(PRIOR, most_per_s=most / span_s), most * times
    own = level_for(levels, common)
    worth = replace(PRIOR, span_s=PRIOR.span_s / times)
    assert prior.joined(own, common, span_s) == pytest.approx(worth.joined(own, common, span_s))
    assert prior.joined(own, most, span_s) == pytest.approx(PRIOR.joined(own, most, span_s))
    assert prior.threshold(levels, len(levels), span_s) == prior.joined(levels[-1], len(levels), span_s)


@given(LEVELS, st.floats(1e-3, 0.999), st.sampled_from([1e-4, 1e-3, 1.0, 60.0, 86_400.0]), st.integers(200, 10**6))
def test_a_prior_of_what_lies_beyond_leaves_alone_what_is_counted(levels, rare, cadence_s, samples):
    """At any cadence: it is not below what quiet data reach, no farther off than their tail or it, and falls."""
    prior, span_s = rare_prior(cadence_s), samples * cadence_s
    for counted in (1.0, 2.5, float(len(levels))):
        assert prior.threshold(levels, counted, span_s) == level_for(levels, counted)
    found, own, known = prior.threshold(levels, rare, span_s), level_for(levels, rare), prior.level(rare, span_s)
    assert levels[0] <= found <= max(own, known) * (1 + 1e-9)
    assert prior.threshold(levels, rare / 2, span_s) >= found * (1 - 1e-9)
    assert found == pytest.approx(rare_prior(1.0).threshold(levels, rare, samples))


def test_a_single_high_episode_does_not_put_the_threshold_out_of_reach():
    """A second of a shaft at 10 kHz: its own tail goes on to 22, and what clean series reach is some 7."""
    levels = np.array([11.0, 5.1, 4.9, 4.6, 4.5, 4.2, 3.9, 3.0, 2.5, 2.4])
    assert level_for(levels, 0.1) > 16
    assert rare_prior(1e-4).threshold(levels, 0.1, 1.0) < 13
    assert rare_prior(1e-4).level(1, 1.0) == pytest.approx(6)
