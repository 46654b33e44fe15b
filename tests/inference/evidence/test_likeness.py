"""How unlike the rest a stretch is: an oracle of plain loops, and what it sees that no chunk can."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.evidence.likeness import (
    LEAST_DISTANCE,
    MOST,
    OVERLAP,
    POINTS,
    USUAL_SHARE,
    nearest,
    shapes,
    starts_of,
    unlikeness,
)

EPS32 = 2.0**-23


def evidence(values: np.ndarray) -> np.ndarray:
    return unlikeness(values[None])[0]


def rhythm(seed: int, n: int = 6000, period: int = 50) -> np.ndarray:
    """Two kinds of cycles in turn by chance, with a little noise: none of them is unusual."""
    random = np.random.default_rng(seed)
    phase = np.arange(period) / period
    cycles = np.stack([np.sin(2 * np.pi * phase), np.sin(2 * np.pi * phase) + 0.8 * np.sin(4 * np.pi * phase)])
    return cycles[random.integers(2, size=n // period)].ravel() + random.normal(0, 0.05, n)


@given(seed=st.integers(0, 99), n=st.integers(40, 200), length=st.integers(8, 80))
def test_distances_are_those_of_plain_loops(seed, n, length):
    row = np.random.default_rng(seed).normal(size=n)
    length = min(length, n // 2)
    starts = np.arange(0, n - length + 1)
    edges = np.linspace(0, length, min(POINTS, length) + 1).round().astype(int)
    means = np.array([[row[s + a : s + b].mean() for a, b in pairwise(edges)] for s in starts])
    means -= means.mean(1, keepdims=True)
    expected = [
        min((np.sqrt(np.mean((means[i] - means[j]) ** 2)) for j in starts if abs(i - j) >= length), default=np.nan)
        for i in starts
    ]
    found = nearest(shapes(row, starts, length), starts, length)
    # A squared distance comes of sums of squares of up to 9 each, rounded to single precision.
    np.testing.assert_allclose(found**2, np.square(expected), atol=64 * EPS32 * 9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["cycle", "swapped", "louder"])
def test_a_cycle_like_no_other_of_a_long_series_stands_out_of_thousands(seed, kind):
    values, at = rhythm(seed), slice(3000, 3050)
    phase = np.arange(50) / 50
    values[at] = {
        "cycle": np.sin(2 * np.pi * phase) + 0.8 * np.sin(6 * np.pi * phase),
        "swapped": values[at][::-1],
        "louder": 1.8 * values[at],
    }[kind]
    found = evidence(values)
    assert 2975 <= found.argmax() < 3075
    outside = np.concatenate([found[:2900], found[3150:]])
    assert found.max() > outside.max() + 0.3


def test_a_cycle_that_came_before_is_usual_however_rare():
    values = rhythm(0)
    phase = np.arange(50) / 50
    values[3000:3050] = np.sin(2 * np.pi * phase) + 0.8 * np.sin(6 * np.pi * phase)
    alone = evidence(values)[2975:3075].max()
    values[1000:1050] = values[3000:3050]
    assert evidence(values)[2975:3075].max() < alone - 0.5


@given(
    n=st.integers(1, 400),
    level=st.floats(-8, 8),
    gaps=st.sets(st.integers(0, 399), max_size=400),
    is_noise=st.booleans(),
)
def test_any_row_has_finite_evidence_and_least_where_it_is_unknown(n, level, gaps, is_noise):
    values = np.full(n, level) + is_noise * np.random.default_rng(n).normal(size=n)
    unknown = np.isin(np.arange(n), list(gaps))
    values[unknown] = np.nan
    found = evidence(values)
    assert found.shape == (n,)
    assert np.isfinite(found).all()
    assert (found[unknown] == found.min()).all()
    assert (found <= 0)[~unknown].mean() >= USUAL_SHARE - 1 / n if not unknown.all() else (found == 0).all()
    if not is_noise:
        # The sums of a constant round; a distance of nothing else stays far below what counts.
        assert np.abs(found).max() <= np.log1p(1e-3 / LEAST_DISTANCE)


def test_rows_are_independent_of_each_other():
    first, second = rhythm(0), rhythm(1)
    both = unlikeness(np.stack([first, second]))
    np.testing.assert_array_equal(both, np.stack([evidence(first), evidence(second)]))


@given(samples=st.integers(8, 10**7), share=st.floats(0.001, 1))
def test_a_bounded_number_of_stretches_is_compared_evenly_over_all_of_the_series(samples, share):
    length = max(8, round(share * samples))
    starts = starts_of(samples, length)
    assert 1 <= len(starts) <= MOST
    assert starts[0] == 0
    apart = max(length / OVERLAP, samples / MOST) + 1
    assert np.diff(starts).max(initial=0) <= apart
    assert samples - (starts[-1] + length) <= apart
