"""Whether the level of a variable wanders: told alike in any unit, of trends and walks, and of nothing steady."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import lfilter

from data.series.wandering import LEVELS, PARTS, grows, wanders

N = 4000
SAMPLES = np.arange(N)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(N)


STEADY = {
    "noise": noise(),
    "a slow one": lfilter([1], [1, -0.95], noise()),
    "days": np.sin(2 * np.pi * SAMPLES / 24) + 0.1 * noise(),
    "duties": (SAMPLES // 70 % 2) + 0.1 * noise(),
    "two years and a half": np.cos(5 * np.pi * SAMPLES / N) + 0.3 * noise(),
    "off for a while": np.where((SAMPLES > 1000) & (SAMPLES < 1600), 0, 500 + noise()),
    "another level": 3 * (SAMPLES > 3300) + noise(),
    "rare": (noise() > 2.5) * 1.0,
    "nothing": np.full(N, 3.0),
    "unknown": np.full(N, np.nan),
    "a fault of a tenth": noise() + 20 * ((SAMPLES > 1000) & (SAMPLES < 1400)) * (SAMPLES % 50 == 0),
}
WANDERING = {
    "a trend": 0.002 * SAMPLES + noise(),
    "spring": np.sin(np.pi * (SAMPLES / N - 0.5)) + 0.1 * noise(),
    "growth": np.exp(SAMPLES / 1000) * (1 + 0.1 * noise()),
    "a trend under weeks": 0.004 * SAMPLES + 3 * np.sin(2 * np.pi * SAMPLES / 7),
    "stairs": 6.0 * (SAMPLES // 800) + noise(),
    "there and back": 0.003 * np.abs(SAMPLES - N / 2) + noise(),
    "with spikes": 0.002 * SAMPLES + noise() + 1e6 * (SAMPLES % 500 == 0),
}


@pytest.mark.parametrize("name", STEADY)
def test_what_keeps_its_level_does_not_wander(name):
    assert not wanders(STEADY[name][:, None]).any()


@pytest.mark.parametrize("name", WANDERING)
def test_what_goes_on_to_where_it_never_was_wanders(name):
    assert wanders(WANDERING[name][:, None]).all()


def test_most_walks_wander_and_what_returns_within_a_fortieth_of_the_time_does_not():
    """Half of them, and none, where only two parts beyond all others count."""
    steps = np.random.default_rng(0).standard_normal((N, 50))
    assert wanders(np.cumsum(steps, axis=0)).sum() >= 36
    assert wanders(lfilter([1], [1, -(1 - 40 / N)], steps, axis=0)).sum() <= 2


@given(
    arrays(np.float64, st.tuples(st.integers(20, 120), st.just(2)), elements=st.floats(-4, 4, width=16)),
    st.floats(0.5, 100),
    st.floats(-10, 10),
)
def test_it_is_told_of_each_variable_in_any_unit_and_either_direction(values, factor, offset):
    values[:, 1] += np.linspace(0, 30, len(values))
    found = wanders(values)
    assert found.shape == (2,)
    assert found[1] == (len(values) >= PARTS * LEVELS)
    assert wanders(values[::-1] * -factor)[1] == found[1]
    assert wanders(values * factor + offset)[1] == found[1]
    assert wanders(values[:, ::-1]).tolist() == found[::-1].tolist()


GROWING = {
    "growth": np.exp(SAMPLES / 1500) * (1 + 0.1 * noise()),
    "counts": np.random.default_rng(1).poisson(40 * np.exp(SAMPLES / 1500) * np.exp(0.2 * noise())) * 1.0,
    "a price": 50 * np.exp(np.cumsum(0.005 * noise()) + SAMPLES / 1000),
}
OTHERS = {
    "counts by chance alone": np.random.default_rng(1).poisson(40 * np.exp(SAMPLES / 1500)) * 1.0,
    "changes that stay": 100 + 0.1 * SAMPLES + noise(),
    "below nothing": GROWING["growth"] - 2,
    "no growth": 1e3 + GROWING["growth"],
    "steady": np.exp(noise()),
    "short": GROWING["growth"][::40],
}


@pytest.mark.parametrize("name", GROWING)
@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e6])
def test_what_moves_the_more_the_higher_it_is_grows(name, factor):
    assert grows(GROWING[name] * factor)
    gaps = np.where(SAMPLES % 7 == 3, np.nan, GROWING[name])
    assert grows(gaps)


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_else_grows(name):
    assert not grows(OTHERS[name])
