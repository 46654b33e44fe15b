"""One definition of a gap, for windows, pictures, catalogues and pages."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.pictures.curves import curve
from data.reel.gaps import gaps_after, told_cadence, told_gaps, told_paces
from data.reel.windows import stretches
from inference.events.matching import Observed


@given(st.lists(st.integers(1, 9), max_size=40), st.integers(1, 4), st.sampled_from([1.5, 2.0, 3.0]))
def test_everybody_sees_the_same_gaps(steps, cadence_s, gap_threshold):
    times_s = np.concatenate([[0], np.cumsum(steps)]).astype(float)
    expected = [i for i, step in enumerate(steps) if step > gap_threshold * cadence_s]
    gaps = gaps_after(times_s, float(cadence_s), gap_threshold)
    assert gaps.tolist() == expected
    assert [end - 1 for _, end in stretches(times_s, float(cadence_s), gap_threshold)][:-1] == expected
    line_x, _ = curve(times_s, np.zeros(len(times_s)), gaps)
    assert (np.flatnonzero(np.isnan(line_x)) - np.arange(len(expected)) - 1).tolist() == expected
    utc = np.datetime64("2024-01-01", "ms") + (1000 * times_s).astype("timedelta64[ms]")
    assert len(Observed.of(utc, float(cadence_s), gap_threshold).intervals) == len(expected) + 1


def test_most_frames_missing_is_no_new_cadence():
    """With the median step, no step of a reel of which every second frame is missing would be a gap."""
    times_s = np.arange(0, 200, 40.0)
    assert gaps_after(times_s, 12.0, 3.0).tolist() == [0, 1, 2, 3]


@given(st.lists(st.sampled_from([1.0, 1.0, 1.0, 2.9, 3.1, 500.0]), min_size=3, max_size=40))
def test_gaps_are_told_with_the_longest(steps):
    times = np.concatenate([[0.0], np.cumsum(steps)])
    told, long = told_gaps(times, 1.0, 3.0), [step for step in steps if step > 3]
    assert bool(told) == bool(long)
    if long:
        assert told.startswith(f"{len(long)} gap")
        place = int(told.partition("behind frame ")[2].split()[0])
        assert steps[place] == max(long)
        assert f"of {max(long):g} s behind frame {place} of {len(times)}" in told


@given(
    st.floats(0.01, 100),
    st.lists(st.floats(0.9, 1.1), min_size=100, max_size=200),
    st.floats(1.6, 20),
    st.sampled_from([0.0, 0.25, 0.5, 0.75]),
    st.integers(0, 3),
)
def test_a_pace_that_changes_for_good_is_told(step_s, jitter, times_as_slow, begin, n_gaps):
    """Half of a reel at another rate was not mentioned: what moves looks as much faster there."""
    steps = step_s * np.array(jitter)
    steps[np.random.default_rng(len(jitter)).integers(0, len(steps), n_gaps)] *= 50
    assert told_paces(np.cumsum(steps)) == ""
    steps[int(begin * len(steps)) : int((begin + 0.25) * len(steps))] *= times_as_slow
    assert "s apart in one part and" in told_paces(np.cumsum(steps))
    assert told_paces(np.cumsum(steps)[:20]) == ""


@given(st.floats(0.01, 100), st.floats(1.3, 1000), st.integers(2, 50))
def test_a_cadence_that_frames_come_more_often_than_is_told_with_the_rate_that_would_be_it(step_s, slower, count):
    """Of a movie of the Sun at 12 s a frame the times stayed the player's, and its flare trained, without a word."""
    times = np.arange(count) * step_s
    given_s = step_s * slower
    rate = float(told_cadence(times, given_s).partition("prep.frames_per_second=")[2].split()[0])
    np.testing.assert_allclose(rate * given_s, 1, rtol=1e-6)
    assert told_cadence(times, step_s) == told_cadence(times, None) == told_cadence(times[:1], given_s) == ""
    assert told_cadence(times * slower, step_s) == "", "some are missing"
