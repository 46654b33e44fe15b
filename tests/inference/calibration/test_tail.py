"""The tail of event levels, and the thresholds that follow from it."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from inference.calibration.tail import Tail, events_above, fit_tail, level_for

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


@example(5e-324, 1.0, 1.0)
@example(1e-300, 1.0, 1.0)
@example(2e-12, 1.0, 1.0)
@given(st.floats(0, 0.5), st.floats(0.01, 10), st.floats(0.01, 50))
def test_the_closed_form_is_that_of_scipy(shape, scale, events):
    tail = Tail(3.0, 50, shape, scale)
    level = stats.genpareto.isf(events / 50, shape, 3.0, scale)
    assert tail.level(events) == pytest.approx(level, rel=1e-6)
    assert tail.events(level) == pytest.approx(events, rel=1e-6)


@pytest.mark.parametrize("levels", [[1.0], [3.0, 2.0, 1.0], [4.0] * 50])
def test_levels_without_a_tail_have_none(levels):
    assert fit_tail(np.array(levels)) is None


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
