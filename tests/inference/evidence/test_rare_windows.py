"""How rare a few samples of a long series are: an oracle of plain loops, and what steep beats must not hide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.evidence import rare_windows
from inference.evidence.rare_windows import LEAST_USUAL, LEAST_WINDOWS, RARE_SHARE, USUAL_SHARE, WINDOW, rareness


def beats(seed: int, n: int = 12_000, period: int = 80) -> np.ndarray:
    """Steep beats, none of which repeats to the sample, and rest between them."""
    random, values, at = np.random.default_rng(seed), np.zeros(n), 20.0
    while at < n - period:
        phase = np.arange(n)[int(at) - 15 : int(at) + 60] - at
        values[int(at) - 15 : int(at) + 60] += np.exp(-((phase / 2.5) ** 2)) + 0.2 * np.exp(-(((phase - 30) / 8) ** 2))
        at += random.normal(period, 2)
    return values + random.normal(0, 0.01, n)


@given(seed=st.integers(0, 999), n=st.integers(LEAST_WINDOWS * WINDOW, 300))
def test_it_is_what_plain_loops_say(seed, n):
    """Of series so short that all windows are of few clusters: with one, what is usual is usual in all."""
    row = np.random.default_rng(seed).normal(size=n).cumsum()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rare_windows, "CLUSTERS", 1)
        found = rareness(row[None])[0]
    windows = np.stack([row[k : k + WINDOW] for k in range(n - WINDOW + 1)])
    offset, spread = windows - windows.mean(axis=0), windows.std()
    covariance = np.cov(offset.T / spread)
    assert np.linalg.eigvalsh(covariance).min() > rare_windows.LEAST_VARIANCE  # else no inverse knows what they share
    inverse = np.linalg.inv(covariance)
    scores = np.array([w @ inverse @ w for w in offset / spread])
    scores /= np.quantile(scores, USUAL_SHARE) + LEAST_USUAL * np.median(scores)
    means = [scores[max(0, i - WINDOW + 1) : i + 1].mean() for i in range(n)]
    expected = np.log(np.maximum(means / np.quantile(means, RARE_SHARE), 1))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_a_few_samples_between_steep_beats_stand_out_of_a_long_series(seed):
    values = beats(seed)
    rest = np.flatnonzero(np.convolve(values > 0.15, np.ones(31), "same") == 0)
    at = int(rest[len(rest) // 2])
    values[at : at + 4] += 0.15  # the beats are 1, and none repeats to a tenth of that
    found = rareness(values[None])[0]
    assert abs(int(found.argmax()) - at) <= WINDOW
    beyond = np.abs(np.arange(len(values)) - at) > 2 * WINDOW
    assert found[at] > found[beyond].max() + 0.2


@given(st.floats(-6, 6), st.floats(-1e3, 1e3))
def test_units_have_no_say(power, offset):
    values = beats(0, 1500)
    expected = rareness(values[None])
    np.testing.assert_allclose(rareness(10**power * values[None] + 10**power * offset), expected, atol=1e-3)


def test_what_is_unknown_short_or_the_same_throughout_is_not_rare():
    values = beats(1, 2000)
    values[500:520] = np.nan
    rows = np.stack([values, np.full(2000, np.nan), np.full(2000, 3.0)])
    found = rareness(rows)
    assert np.isfinite(found).all()
    assert not found[0, 500:520].any()
    assert not found[1:].any()
    assert not rareness(values[None, : LEAST_WINDOWS * WINDOW - 1]).any()
    assert (found[0] > 0).mean() <= 1.1 * (1 - RARE_SHARE)
