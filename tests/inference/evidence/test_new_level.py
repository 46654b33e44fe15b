"""A level that scores rise to slowly raises the thresholds; what begins at once, and what quiet data do, does not."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.evidence.new_level import KEPT, NEAR, SPAN, NewLevel

WINDOW, LOW = 48, 4.0
STEP = SPAN * WINDOW // KEPT


def quiet(seed: int, n: int = 2000) -> np.ndarray:
    return np.random.default_rng(seed).gamma(4, 0.25, n).astype(np.float32)


def level(seed: int = 0) -> NewLevel:
    return NewLevel(LOW, quiet(seed), WINDOW)


@pytest.mark.parametrize("seed", range(3))
def test_what_rises_slowly_is_no_alarm_and_what_is_beyond_it_still_is_one(seed):
    n = 60 * WINDOW
    scores = quiet(seed + 10, n) + np.linspace(0, 12, n)
    scores[n - 200 : n - 190] += 6
    over = scores > LOW + level(seed).of(scores)
    assert (scores > LOW).mean() > 0.6
    assert np.delete(over, np.arange(n - 200, n - 190)).mean() < 0.02
    assert over[n - 200 : n - 190].all()


@pytest.mark.parametrize("height", [3.0, 30.0])
def test_what_begins_far_above_the_threshold_is_an_alarm_for_as_long_as_it_lasts(height):
    n = 40 * WINDOW
    scores = quiet(1, n)
    scores[n // 2 :] += LOW + height
    over = scores > LOW + level().of(scores)
    assert over[n // 2 :].all()
    assert over[: n // 2].mean() < 0.01


@given(seed=st.integers(0, 99), n=st.integers(0, 3000))
def test_thresholds_never_fall_and_scores_as_quiet_ones_hardly_raise_them(seed, n):
    raised = level(seed).of(quiet(seed + 100, n))
    assert (raised >= 0).all()
    assert raised.max(initial=0) < 0.5


@given(seed=st.integers(0, 99), rise=st.floats(0, 20), cuts=st.lists(st.integers(0, 1500), max_size=4))
def test_it_is_the_same_in_pieces_and_after_a_stop(seed, rise, cuts):
    scores = quiet(seed, 1500) + np.linspace(0, rise, 1500)
    pieces, each = np.split(scores, sorted(cuts)), level()
    found = []
    for piece in pieces:
        found.append(each.of(piece))
        kept = json.loads(json.dumps(each.state()))
        each = level()
        each.restore(kept)
    np.testing.assert_array_equal(np.concatenate(found), level().of(scores))


@given(seed=st.integers(0, 99), rise=st.floats(0, 20))
def test_it_is_what_a_plain_loop_says(seed, rise):
    scores, before = quiet(seed, 800) + np.linspace(0, rise, 800), quiet(seed + 1)
    some = before[::STEP].astype(float)
    usual = np.sort(some[some <= LOW])
    centre = np.median(usual)
    seldom = max(centre, np.quantile([np.median(some[k : k + KEPT]) for k in range(len(some) - KEPT + 1)], 0.9))
    recent, raised, expected = list(usual[np.linspace(0, len(usual) - 1, KEPT).astype(int)]), 0.0, []
    recent = np.random.default_rng(0).permutation(recent).tolist()
    for i, score in enumerate(scores.tolist(), 1):
        expected.append(raised)
        if i % STEP == 0 and score <= LOW + raised + NEAR * (LOW - centre):
            recent = [*recent[1:], score]
            median = sorted(recent)[KEPT // 2]
            raised = max(median - centre, 0) if median > seldom else 0
    np.testing.assert_allclose(NewLevel(LOW, before, WINDOW).of(scores), expected, atol=1e-9)


@pytest.mark.parametrize("n", [0, 1, 2 * SPAN * WINDOW - STEP])
def test_short_quiet_data_tell_nothing(n):
    one = NewLevel(LOW, quiet(0, n), WINDOW)
    assert not one.of(np.linspace(0, 20, 3000)).any()
    one.restore(one.state())


def test_what_was_not_measured_says_nothing():
    scores = quiet(3, 1200) + np.linspace(0, 8, 1200)
    holes = np.insert(scores, np.arange(0, 1200, 7), np.nan)
    holes = np.insert(holes, np.arange(0, len(holes), 5), 0.0)
    found = level().of(holes)
    np.testing.assert_array_equal(found[holes > 0], level().of(scores))


def test_a_state_of_another_threshold_is_not_gone_on_with():
    risen, other = level(), NewLevel(2 * LOW, quiet(0), WINDOW)
    risen.of(np.linspace(1, 9, 3000))
    assert risen.raised > 1
    other.restore(risen.state())
    assert other.raised == 0
