"""What stands for many is spread over all of them, and met at every phase of what comes regularly."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.drawn import one_of_each


@given(st.integers(1, 5000), st.integers(1, 500))
def test_one_is_drawn_from_each_part_in_order(count, parts):
    found = one_of_each(count, parts)
    assert len(found) == min(parts, count)
    assert found[0] >= 0
    assert found[-1] < count
    assert (np.diff(found) > 0).all()
    assert np.diff(found, prepend=0, append=count).max() <= 2 * -(-count // parts)
    assert np.array_equal(found, one_of_each(count, parts))
    assert parts < count or np.array_equal(found, np.arange(count))


@given(st.integers(2, 12), st.integers(1, 8))
def test_each_phase_of_a_rhythm_is_met_whatever_goes_into_it(step, times):
    period = step * times
    count = 100 * period * step
    met = np.bincount(one_of_each(count, count // step) % period, minlength=period)
    assert met.min() > 0
    assert (np.arange(0, count, step) % period).max() == period - step  # every n-th meets a few alone
