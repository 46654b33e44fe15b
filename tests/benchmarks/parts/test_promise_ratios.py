"""Poisson intervals and ratios of promises.py, against the distribution itself and by cases counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from tests.benchmarks.parts.promises import ratios


@given(st.integers(0, 500))
def test_the_interval_ends_where_the_count_becomes_as_unlikely_as_asked(seen):
    low, high = ratios.poisson_interval(seen)
    assert poisson.cdf(seen, high) == pytest.approx(0.025, rel=1e-6)
    assert low == 0 if seen == 0 else poisson.sf(seen - 1, low) == pytest.approx(0.025, rel=1e-6)


@given(st.floats(0.05, 80), st.sampled_from([0.3, 1.0, 3.0]))
def test_what_can_be_reached_is_what_counts_of_one_rate_reach(expected, longer):
    """By drawing: the rate of a threshold is known as well as so many quiet events tell it."""
    quiet, draws = longer * expected, 4000
    random, known = np.random.default_rng(0), max(quiet, 1.0)
    low, high = ratios.poisson_interval(random.poisson(random.gamma(known, expected / known, draws)))
    share = ratios.reachable(expected, quiet)
    assert share == pytest.approx(np.mean((low <= expected) & (expected <= high)), abs=5 * 0.5 / np.sqrt(draws))
    assert ratios.reachable(expected, 1e6) >= max(share - 0.005, 0.95 - 1e-4)


def row(method: str, used_per_day: float, days: float, events: int) -> dict:
    about = {"data": "d", "kind": "series", "method": method, "asked_per_day": 1.0, "used_per_day": used_per_day}
    about |= {"told_low_per_day": 0.5, "told_high_per_day": 2.0, "doubted": events > 9}
    return about | {"quiet_s": 0.0, "watched_s": 86400 * days, "events": events}


def test_a_case_is_within_where_the_interval_holds_what_was_promised_and_off_by_what_is_sure():
    table = ratios.with_ratios([row("a", 2, 5, 10), row("a", 1, 0.01, 3), row("a", 10, 1, 0)])
    assert table["within"].tolist() == [True, False, False]
    low, high = ratios.poisson_interval(np.array([3, 0]))
    assert table["told_within"].tolist() == [True, False, True]
    assert table["off_by"].to_numpy() == pytest.approx([1, low[0] / 0.01, 10 / high[1]])


def test_cases_that_promise_little_count_together_and_not_at_all_where_that_is_little_too():
    cases = [row("a", 4, 1, 2), row("b", 0.5, 1, 1), row("b", 0.5, 2, 2), row("c", 0.1, 1, 1)]
    found = ratios.pools(ratios.with_ratios(cases)).set_index("method")
    assert found["ratio"].to_dict() == {"a": 0.5, "b": 2.0}
    figures = ratios.figures_of(ratios.with_ratios(cases))
    assert figures["promise_ratio_median"] == 1.25
    assert figures["promise_cases_expected"] == 2
    assert figures["promise_doubted"] == 0


def test_cases_that_are_doubted_are_counted_alone():
    table = ratios.with_ratios([row("a", 2, 5, 10), row("a", 1, 0.01, 20), row("a", 1, 1, 2), row("a", 10, 1, 0)])
    figures = ratios.figures_of(table)
    assert figures["promise_doubted"] == figures["promise_doubted_within"] == 0.5
    assert figures["promise_undoubted_within"] == 0.5
    assert figures["promise_worst_undoubted"] == table["off_by"].iloc[3] < figures["promise_worst"]
