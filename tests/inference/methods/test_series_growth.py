"""No method for series can be fooled: more of an anomaly never scores less, and what is elsewhere changes nothing."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import EvalConfig
from inference.calibration.quiet.ranges import QuietRange
from inference.methods import FOR_SERIES, METHODS
from tests.support.reels import make_reel
from tests.support.trainings import small_config

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0, min_area=1)
QUIET, NEW, NOISE = 400, 160, 0.03
SIGMAS = (3, 5, 10, 30, 1e2, 1e3, 1e6)
NAMES = (*FOR_SERIES, "difference", "robust_z")


def waves(n: int, seed: int) -> np.ndarray:
    phases = np.arange(n)[:, None] / 5 + np.arange(3)
    return np.float32(0.5 + 0.3 * np.sin(phases) + NOISE * np.random.default_rng(seed).standard_normal((n, 3)))


@pytest.fixture(scope="module", params=NAMES)
def score(request, tmp_path_factory):
    """From samples (n, 3) to scores (n,), by one method."""
    folder = tmp_path_factory.mktemp(request.param)
    quiet = make_reel(folder / "quiet", waves(QUIET, 1)[:, :, None, None], 60)
    method = METHODS[request.param](small_config(quiet.path, None, model__name=request.param).model, {}, {}, 16)
    method.fit([QuietRange(quiet, 0, 300, "train"), QuietRange(quiet, 300, QUIET, "val")], seed=0)

    def run(samples):
        new = make_reel(folder / "new", samples[:, :, None, None], 60)
        return method.samples(new, 0, len(samples), RAW).residual.mean(axis=(1, 2))

    return run


@settings(max_examples=4)
@given(
    at=st.integers(40, 100),
    length=st.sampled_from([1, 8, 60]),
    variable=st.integers(0, 2),
    sign=st.sampled_from([-1, 1]),
)
def test_more_of_an_anomaly_never_scores_less(score, at, length, variable, sign):
    peaks = []
    for sigmas in SIGMAS:
        samples = waves(NEW, 2)
        samples[at : at + length, variable] += sign * sigmas * NOISE
        peaks.append(score(samples)[at : at + length].max())
    beyond_noise = SIGMAS.index(10)  # before, what is planted and the noise may cancel each other
    assert all(after >= 0.99 * before for before, after in pairwise(peaks[beyond_noise:]))
    assert peaks[-1] >= 0.99 * max(peaks)


@settings(max_examples=4)
@given(elsewhere=st.sampled_from([1e6, -999.0, 30 * NOISE]), at=st.integers(90, 140))
def test_what_happens_elsewhere_changes_no_score_here(score, elsewhere, at):
    samples = waves(NEW, 2)
    samples[40:48, 0] += 10 * NOISE
    alone = score(samples)[:64]
    samples[at : at + 10, 1] = elsewhere
    np.testing.assert_allclose(score(samples)[:64], alone, rtol=1e-4, atol=1e-6)
