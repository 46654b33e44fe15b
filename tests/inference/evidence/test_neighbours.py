"""How far windows are from the nearest of the others: an oracle of plain loops, and what other looks don't see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.evidence import neighbours
from inference.evidence.likeness import shapes
from inference.evidence.neighbours import (
    COMPONENTS,
    LENGTHS,
    LONG,
    MEDIAN_SHARE,
    RARE_SHARE,
    SHORT,
    codes_of,
    in_long_gap,
    relative_distances,
    strangeness,
    weight_of,
)

LENGTH = 16


def cycles(seed: int, n: int = 12_000, period: int = 90) -> np.ndarray:
    """Large steep cycles with small waves on them, in noise."""
    phase = 2 * np.pi * np.arange(n) / period
    waves = np.tanh(4 * np.sin(phase)) + 0.1 * np.sin(7 * phase)
    return waves + np.random.default_rng(seed).normal(0, 0.02, n)


@given(seed=st.integers(0, 999), n=st.integers(60, 200))
def test_distances_are_what_plain_loops_say(seed, n):
    """Of whitened windows but for the root: a component of spread s weighs s^(-1/2)."""
    row = np.random.default_rng(seed).normal(size=n).cumsum()
    starts = np.arange(0, n - LENGTH + 1, 2)
    windows = shapes(row, starts, LENGTH).astype(np.float64)
    variances, directions = np.linalg.eigh(np.cov(windows.T))
    kept = variances > 1e-6 * variances.max()  # each less its mean: one component has none
    codes = windows @ (directions[:, kept] / variances[kept] ** 0.25)
    apart = np.abs(starts[:, None] - starts) >= LENGTH
    each = np.where(apart, np.linalg.norm(codes[:, None] - codes, axis=2), np.inf)
    own, which = each.min(axis=1), each.argmin(axis=1)
    expected = own / (own[which] + MEDIAN_SHARE * np.median(own))
    assert COMPONENTS >= LENGTH - 1
    found = relative_distances(codes_of(row, starts, LENGTH), starts, LENGTH)
    np.testing.assert_allclose(found, expected, rtol=2e-2, atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_small_waves_that_are_missing_in_one_of_many_large_cycles_stand_out(seed):
    values = cycles(seed)
    at = 90 * 71 + 12
    phase = 2 * np.pi * np.arange(at, at + 24) / 90
    values[at : at + 24] -= 0.1 * np.sin(7 * phase)
    found = strangeness(values[None])[0]
    assert at - LENGTHS[1] <= int(found.argmax()) <= at + 24 + LENGTHS[1]
    assert np.count_nonzero(found > found.max() / 2) < 5 * 90


@pytest.mark.parametrize("power", [-3, 3])
def test_units_have_no_say(power):
    values = cycles(0, 9000)
    values[5000:5012] = values[5000]
    found = strangeness(values[None])
    assert found.max() > 0
    np.testing.assert_allclose(strangeness(10**power * values[None]), found, atol=0.02)


@pytest.mark.parametrize("n", [1, 700, SHORT, SHORT + 1, 10_000])
def test_a_short_series_has_none_and_any_other_a_finite_one(n):
    found = strangeness(np.stack([cycles(1, n), np.full(n, 3.0)]))
    assert found.shape == (2, n)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert not found[1].any()
    assert n > SHORT or not found.any()


def test_it_counts_more_the_longer_a_series_is_and_no_more_beyond():
    shares = [weight_of(n) for n in (0, SHORT, 10_000, 12_000, LONG, 10**6)]
    assert shares == sorted(shares)
    assert (shares[1], shares[-2], shares[-1]) == (0, 1, 1)


def test_what_chance_makes_strange_is_no_evidence():
    """Of noise, and of cycles in noise, hardly a sample in a thousand."""
    noise = np.random.default_rng(0).normal(size=LONG)
    found = strangeness(np.stack([cycles(0, LONG), noise]))
    assert ((found > 0).mean(axis=1) < 2e-3).all()


def test_what_a_long_gap_is_filled_with_is_no_evidence():
    values = cycles(2, 9000)
    whole = strangeness(values[None])[0]
    values[3000:3200] = np.nan
    values[np.arange(500, 8500, 97)] = np.nan  # single ones are bridged
    found = strangeness(values[None])[0]
    assert not found[np.isnan(values)].any()
    assert found[2800:3400].max() <= max(whole.max(), found[:2500].max(), found[3700:].max()) + 0.05
    assert not strangeness(np.full((1, 9000), np.nan)).any()


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 9))
def test_gaps_are_long_by_their_samples(is_known, longest):
    known = np.array(is_known, bool)
    runs = "".join("k" if one else "-" for one in is_known).split("k")
    expected = [gap for run in runs for gap in [*[len(run) > longest] * len(run), False]][:-1]
    assert in_long_gap(known, longest).tolist() == expected


def test_most_are_compared_with_a_bounded_number(monkeypatch):
    monkeypatch.setattr(neighbours, "OTHERS", 100)
    seen = []
    plain = neighbours.nearest
    monkeypatch.setattr(neighbours, "nearest", lambda *given: seen.append(len(given[2])) or plain(*given))
    found = neighbours.of_row(cycles(0, 4000), np.ones(4000, bool), 90)
    assert max(seen) == 100
    assert (found > 0).mean() <= 5 * 1.2 * (1 - RARE_SHARE)
