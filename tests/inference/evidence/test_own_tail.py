"""What is beyond the tail of its own series: an oracle of plain loops, and in which units nothing depends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.evidence.own_tail import LEAST_MEAN, LEAST_STRETCHES, MOST, STRETCH, TAIL_SHARE, outlasting


@given(seed=st.integers(0, 999), stretches=st.integers(LEAST_STRETCHES, 60), beyond=st.integers(0, STRETCH - 1))
def test_it_is_what_plain_loops_say(seed, stretches, beyond):
    row = np.random.default_rng(seed).exponential(size=stretches * STRETCH + beyond)
    highest = sorted(max(row[k * STRETCH : (k + 1) * STRETCH]) for k in range(stretches))
    count = int(TAIL_SHARE * stretches)
    *tail, _ = highest[-count - 1 :]
    mean = max(sum(height - tail[0] for height in tail) / len(tail), LEAST_MEAN)
    expected = [min(max((value - tail[0]) / mean - np.log(count), 0), MOST) for value in row]
    np.testing.assert_allclose(outlasting(row[None])[0], expected, rtol=1e-5, atol=1e-5)


@given(seed=st.integers(0, 999), at=st.integers(0, 99), size=st.floats(0, 1e6))
def test_one_anomaly_hides_itself_in_no_size_and_lends_nothing_to_others(seed, at, size):
    rows = np.random.default_rng(seed).exponential(size=(1, 100 * STRETCH))
    rows[0, at * STRETCH] = 60.0
    larger = rows.copy()
    larger[0, at * STRETCH] += size
    found = outlasting(larger)[0]
    assert found[at * STRETCH] == MOST
    np.testing.assert_array_equal(np.delete(found, at * STRETCH), np.delete(outlasting(rows)[0], at * STRETCH))


def test_rows_have_tails_of_their_own_and_equal_or_short_ones_say_nothing():
    quiet = np.random.default_rng(0).exponential(size=(1, 100 * STRETCH))
    both = outlasting(np.vstack([quiet, 1e3 * quiet, np.full_like(quiet, 7.0)]))
    np.testing.assert_allclose(both[0], both[1], rtol=1e-4, atol=1e-4)
    assert not both[2].any()
    assert not outlasting(1e3 * quiet[:, : LEAST_STRETCHES * STRETCH - 1]).any()


@pytest.mark.parametrize("seed", range(3))
def test_exponential_evidence_hardly_stands_out(seed):
    found = outlasting(np.random.default_rng(seed).exponential(size=(40, 100 * STRETCH)))
    assert (found > 0).reshape(40, 100, STRETCH).any(2).sum(1).mean() < 3  # of 100 stretches
