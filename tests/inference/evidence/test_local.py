"""Plain evidence of series beside slow twins of its statistics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inference.evidence.local import KINDS, LEVEL, ONSET, STRETCH, level_changes, local_evidence, spikes, spreads, steps

SERIES = arrays(np.float64, st.integers(2 * LEVEL, 3 * LEVEL), elements=st.floats(-4, 4, width=16))


def at(values, indices):
    """Values at indices that are held, or for a mirror mirrored, beyond the ends."""
    return values[np.clip(indices, 0, len(values) - 1)]


@given(SERIES)
def test_a_spike_is_measured_from_the_median_of_five(values):
    around = np.arange(len(values))[:, None] + np.arange(-2, 3)
    np.testing.assert_allclose(spikes(values), np.abs(values - np.median(at(values, around), axis=1)))


@given(SERIES)
def test_a_change_of_level_is_between_the_medians_before_and_from_a_sample_on(values):
    mirrored = np.concatenate([values[:LEVEL][::-1], values, values[-LEVEL:][::-1]])
    expected = [
        abs(np.median(mirrored[i + LEVEL : i + 2 * LEVEL]) - np.median(mirrored[i : i + LEVEL]))
        for i in range(len(values))
    ]
    np.testing.assert_allclose(level_changes(values)[1:-1], expected[1:-1], atol=1e-12)


@given(SERIES, st.floats(-1e4, 1e4))
def test_a_spread_is_the_standard_deviation_of_those_around(values, offset):
    around = np.arange(len(values))[:, None] + np.arange(-(STRETCH // 2), STRETCH // 2 + 1)
    # Running sums of squares up to 16 + (level)^2 are exact to some 1e-12: their root to 1e-6.
    np.testing.assert_allclose(spreads(values + offset), at(values, around).std(axis=1), atol=1e-4)


def test_a_step_counts_at_its_onset_alone():
    values = 0.1 * np.random.default_rng(0).standard_normal(400)
    values[200:] += 5
    found = np.flatnonzero(steps(values) > 3)
    assert len(found) == ONSET
    assert {200, 201} <= set(found.tolist())


@given(SERIES, st.integers(0, 60))
def test_what_is_unknown_has_no_evidence_and_hides_none(values, gap):
    values[gap] = np.nan
    found = local_evidence(values[:, None])
    assert found.shape == (len(values), 1, len(KINDS))
    assert np.isnan(found[gap]).all()
    assert np.isfinite(np.delete(found, gap, axis=0)).all()


def test_nothing_is_said_inside_a_long_gap_or_of_nothing():
    values = np.random.default_rng(0).standard_normal((300, 2))
    values[100:150, 0], values[151:200, 0], values[:, 1] = np.nan, np.nan, np.nan
    found = local_evidence(values)
    assert np.isnan(found[100:200, 0]).all()  # that one value is known in between says nothing
    assert np.isfinite(found[:100, 0]).all()
    assert np.isnan(found[:, 1]).all()


@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e3])
def test_every_kind_sees_its_own(scale):
    values = scale * np.random.default_rng(0).standard_normal(2000)
    quiet = np.abs(local_evidence(values[:, None]))[:, 0].max(axis=0)
    spoilt = values.copy()
    spoilt[500] += 12 * scale
    spoilt[1000:1100] *= 6
    spoilt[1500:] += 8 * scale
    found = np.abs(local_evidence(spoilt[:, None]))[:, 0]
    value, spike, step, spread = range(len(KINDS))
    assert found[500, spike] > 1.5 * quiet[spike]
    assert found[1500:1510, step].max() > 5 * quiet[step]
    assert found[1020:1080, spread].min() != quiet[spread]
    assert found[1600:, value].max() > 1.5 * quiet[value]
    assert np.exp(local_evidence(spoilt[:, None])[1050, 0, spread]) > 3 * scale


@given(st.floats(-10, 10), st.floats(1, 1e6), st.integers(1, 5))
def test_a_sensor_that_stands_still_does_so_behind_a_spike_too(level, height, samples):
    """Sums of squares left 4e-4 behind a spike of 100, as much as a small change."""
    values = np.full((300, 1), level)
    values[100 : 100 + samples] += height
    behind = local_evidence(values)[100 + samples + STRETCH :, 0]
    assert (behind == local_evidence(np.full((300, 1), level))[0, 0]).all()
