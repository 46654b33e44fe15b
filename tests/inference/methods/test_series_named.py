"""Which variables `sub_pca` says a window is unusual for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.methods.series.sub_pca import TOLD
from tests.support.series_signals import LENGTH, QUIET, RAW, fitted, reel_of

C = 6


def together(n: int, seed: int) -> np.ndarray:
    """Samples (n, C) of sensors that all follow two slow causes, and noise."""
    random = np.random.default_rng(seed)
    causes = np.stack([np.convolve(random.normal(size=n + 39), np.hanning(40), "valid") for _ in range(2)], axis=1)
    mixed = causes @ np.random.default_rng(0).uniform(0.5, 1.5, (2, C)) * np.where(np.arange(C) % 2, -1, 1)
    return (0.5 + 0.03 * mixed + 0.01 * random.normal(size=(n, C))).astype(np.float32)


@pytest.fixture(scope="module")
def method(tmp_path_factory):
    return fitted("sub_pca", reel_of(tmp_path_factory.mktemp("quiet") / "quiet", together(QUIET, 1)))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, C - 1), st.integers(2, 10**6), st.sampled_from(["inverted", "stands", "drifts"]))
def test_the_sensor_that_leaves_the_others_is_named(method, tmp_path_factory, which, seed, how):
    """In its own range, so that no plain look at it tells."""
    samples, part = together(300, seed), slice(150, 250)
    own = samples[part, which]
    swing = 0.15 * np.sin(np.linspace(0, np.pi, 100))
    samples[part, which] = {"inverted": 1 - own, "stands": own, "drifts": own + swing}[how]
    if how == "stands":
        samples[part, which] = own[0] + 0.12 * np.sign(0.5 - own[0])
    found = method.samples(reel_of(tmp_path_factory.mktemp("other") / "other", samples), 0, 300, RAW)
    peak = int(found.residual[:, 0, 0].argmax())
    assert part.start - LENGTH < peak < part.stop + LENGTH
    assert found.variables[peak].argmax() == which


def test_a_variable_has_the_fall_of_the_distance_where_it_is_what_others_let_expect(method):
    frames = together(200, 5)[:, :, None, None]
    frames[100:110, 2] += 0.2
    found = method.of_windows(frames)
    unusual = np.flatnonzero(found > TOLD)
    assert 0 < len(unusual) < len(found)
    expected, arrays = np.zeros((200, C)), method.arrays
    precision = (arrays["components"].T / arrays["variances"].astype(np.float64)) @ arrays["components"]
    samples = method.in_units(frames)
    for start in unusual:
        off = samples[start : start + LENGTH].ravel() - arrays["centre"]
        for c in range(C):
            own, others = np.arange(c, len(off), C), np.setdiff1d(np.arange(len(off)), np.arange(c, len(off), C))
            best = off.copy()
            best[own] = -np.linalg.solve(precision[np.ix_(own, own)], precision[np.ix_(own, others)] @ off[others])
            expected[start : start + LENGTH, c] += off @ precision @ off - best @ precision @ best
    np.testing.assert_allclose(method.of_variables(frames, found), expected, rtol=1e-2, atol=1e-3 * expected.max())


def test_parts_of_a_long_series_are_those_of_all_of_it(method, tmp_path, monkeypatch):
    samples = together(400, 6)
    samples[200:230, 4] += 0.15
    reel = reel_of(tmp_path / "other", samples)
    at_once = method.samples(reel, 0, 400, RAW).variables
    monkeypatch.setattr(type(method), "piece_samples", lambda self, channels: LENGTH)
    np.testing.assert_allclose(method.samples(reel, 0, 400, RAW).variables, at_once, rtol=1e-3, atol=1e-3)
    assert at_once.max() > 0


def test_a_single_variable_needs_no_name(tmp_path):
    alone = fitted("sub_pca", reel_of(tmp_path / "quiet", together(QUIET, 1)[:, :1]))
    assert alone.samples(reel_of(tmp_path / "other", together(200, 2)[:, :1]), 0, 200, RAW).variables is None
