"""Zero-shot scores can't be fooled: by size, by what happens elsewhere, by the unit, or by the cadence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softplus

from config import EvalConfig
from inference.scorers.load import load_scorer
from inference.scorers.zero_shot.levels import CleanEvents, ZeroShotCalibration
from inference.scorers.zero_shot.scorer import LONGER, ZeroShotScorer
from training.shipped import shipped_run

pytestmark = pytest.mark.usefixtures("one_thread")

N = 2048
USUAL = st.sampled_from(["noise", "wave", "pulses"])
SEEDS = st.integers(0, 20)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory) -> ZeroShotScorer:
    return load_scorer(shipped_run(str(tmp_path_factory.mktemp("run"))), "cpu")[0]


def usual(name: str, seed: int, n: int = N) -> np.ndarray:
    """A series (n,) in which nothing happens, with noise of unit size."""
    random, t = np.random.default_rng(seed), np.arange(n)
    signal = {
        "noise": np.zeros(n),
        "wave": 8 * np.sin(2 * np.pi * t / 60),
        "pulses": 20 * np.exp(-((t % 80 - 20) ** 2) / 30) + 6 * np.exp(-((t % 80 - 50) ** 2) / 60),
    }
    return signal[name] + random.normal(size=n)


def scores(scorer: ZeroShotScorer, values: np.ndarray) -> np.ndarray:
    return softplus(scorer.scores(values[:, None]))


def low_threshold(scorer: ZeroShotScorer, found: np.ndarray, cadence_s: float) -> float:
    clean = CleanEvents(scorer.quiet, LONGER * scorer.chunk)
    stretches = [found[:, None].astype(np.float32)]
    made = ZeroShotCalibration(clean, stretches, EvalConfig(), cadence_s, scorer.clip_length)
    return made.thresholds(EvalConfig())[0]


@given(USUAL, SEEDS, st.sampled_from([1, 20, 200, N]), st.integers(300, 850) | st.integers(1200, N - 300))
@settings(max_examples=6)
def test_what_grows_is_never_lost(scorer, name, seed, length, begin):
    """Its scores may fall within what the net is sure of, but no larger one falls below half or the threshold.

    A lasting step in the very middle has no level that is usual, and may stay below.
    """
    peaks = []
    for height in (12.0, 40.0, 160.0, 1e3, 1e6):  # a sample of noise may take two from it
        values = usual(name, seed)
        values[begin : begin + length] += height
        found = scores(scorer, values)
        peaks.append(found[begin - 20 : begin + min(length, 20) + 24].max())
        assert peaks[-1] > low_threshold(scorer, found, 1.0)
        assert peaks[-1] > 0.5 * max(peaks)
    print(name, seed, length, begin, np.round(peaks, 2))


@given(USUAL, SEEDS, st.sampled_from(["codes", "block", "step", "spike"]), st.sampled_from([1e3, -1e6]))
@settings(max_examples=6)
def test_what_happens_elsewhere_hides_nothing(scorer, name, seed, kind, height):
    values = usual(name, seed)
    values[600:620] += 10.0
    spoilt = values.copy()
    elsewhere = np.setdiff1d(np.arange(N), np.arange(560, 660))
    where = {"codes": np.random.default_rng(seed).choice(elsewhere, 30, replace=False), "block": slice(1200, 1500),
             "step": slice(1300, None), "spike": slice(1100, 1101)}[kind]  # fmt: skip
    spoilt[where] = height + (spoilt[where] if kind == "step" else 0)
    alone, beside = scores(scorer, values)[596:624].max(), scores(scorer, spoilt)
    print(name, seed, kind, height, alone, beside[596:624].max(), low_threshold(scorer, beside, 1.0))
    assert beside[596:624].max() > 0.9 * low_threshold(scorer, beside, 1.0)
    assert beside[596:624].max() > 0.5 * alone


@given(USUAL, SEEDS, st.floats(-6, 6), st.floats(-100, 100))
@settings(max_examples=4)
def test_the_unit_does_not_matter(scorer, name, seed, power, offset):
    values = usual(name, seed)
    values[600:620] += 10.0
    values[1500:] += 1e4
    there = scores(scorer, 10**power * (values + offset))
    np.testing.assert_allclose(there, scores(scorer, values), atol=0.05)


@pytest.mark.parametrize("name", ["noise", "wave", "pulses"])
@pytest.mark.parametrize("kind", ["spike", "block", "step"])
def test_ten_sigma_are_found_at_any_cadence(scorer, name, kind):
    values = usual(name, 1, 6000)
    values[{"spike": slice(3500, 3501), "block": slice(3500, 3520), "step": slice(3500, None)}[kind]] += 10.0
    found = scores(scorer, values)
    for cadence_s in (0.1, 1.0, 60.0, 3600.0):
        threshold = low_threshold(scorer, found, cadence_s)
        print(cadence_s, found[3490:3530].max(), threshold)
        assert found[3490:3530].max() > threshold
