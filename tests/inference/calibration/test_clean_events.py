"""What clean synthetic series promise, by hand."""

import numpy as np
import pytest

from inference.calibration.promise import CONFIDENCE, poisson_interval
from inference.scorers.zero_shot.levels import MOST_EVENTS, CleanEvents, event_levels

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


def test_a_series_has_so_many_levels_whatever_its_length_and_levels_of_older_runs_are_refused():
    for n in (10, 5000):
        assert event_levels(np.random.default_rng(0).exponential(size=n)).shape == (MOST_EVENTS,)
    with pytest.raises(ValueError, match="older version; train it with --resume"):
        CleanEvents(np.ones(8), SAMPLES)
