import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inference.scorers.overlap import OverlapFold, StretchMean, percentile_of
from tests.support import oracles
from tests.support.rounding import rounding

HOWS = ("mean", "max", "percentile")


def run(windows, fold):
    """All frames that come out, in order."""
    frames = [pair for start, window in windows for pair in fold.push(start, window)]
    return frames + fold.finish()


def windows_at(starts, length, shape, seed=0):
    rng = np.random.default_rng(seed)
    return [(s, rng.normal(size=(length, *shape)).astype(np.float32)) for s in starts]


def assert_same(frames, expected):
    assert [index for index, _ in frames] == sorted(expected)
    for index, frame in frames:
        # At most 7 windows cover a frame, with values up to 5 spreads; a percentile takes a few operations more.
        np.testing.assert_allclose(frame, expected[index], rtol=0, atol=rounding(7 + 5, 5.0))


@st.composite
def cases(draw):
    length = draw(st.integers(1, 7))
    steps = draw(st.lists(st.integers(1, 2 * length + 2), min_size=1, max_size=12))
    shape = draw(st.sampled_from([(), (1, 1), (3, 2), (2, 1, 3)]))
    return length, shape, np.cumsum(steps) - draw(st.integers(0, 1))


@pytest.mark.parametrize("how", HOWS)
@given(case=cases(), percentile=st.floats(0, 100))
def test_equals_collecting_everything(how, case, percentile):
    length, shape, starts = case
    windows = windows_at(starts, length, shape)
    frames = run(windows, OverlapFold(length, shape, how, percentile))
    assert_same(frames, oracles.fold(windows, length, how, percentile))


def by_hand(windows, n, weight):
    """Weighted means of samples, one window and one sample at a time; NaN where nothing covers one."""
    total, share = np.zeros((n, *windows[0][1].shape[1:])), np.zeros(n)
    for start, window in windows:
        for offset, values in enumerate(window):
            total[start + offset] += weight[offset] * values.astype(np.float64)
            share[start + offset] += weight[offset]
    return [total[t] / share[t] if share[t] else np.full(total.shape[1:], np.nan) for t in range(n)]


@given(case=cases(), data=st.data())
def test_a_whole_stretch_has_the_weighted_mean_of_its_windows_in_any_batches(case, data):
    length, shape, starts = case
    windows = windows_at(starts, length, shape)
    weight = np.array(data.draw(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=length, max_size=length)))
    n = int(starts[-1]) + length + 2
    order = data.draw(st.permutations(range(len(windows))))
    cut = data.draw(st.integers(0, len(windows)))
    fold = StretchMean(n, shape)
    for batch in (order[:cut], order[cut:]):
        if batch:
            fold.add(np.array([windows[i][0] for i in batch]), np.stack([windows[i][1] for i in batch]), weight)
    np.testing.assert_allclose(fold.result(), np.array(by_hand(windows, n, weight)), rtol=1e-9, atol=1e-12)


@given(case=cases())
def test_the_stream_and_the_whole_stretch_agree(case):
    length, shape, starts = case
    windows = windows_at(starts, length, shape)
    fold = StretchMean(int(starts[-1]) + length, shape)
    fold.add(starts, np.stack([window for _, window in windows]))
    whole = fold.result()
    covered = {t for start in starts.tolist() for t in range(start, start + length)}
    frames = run(windows, OverlapFold(length, shape, "mean"))
    assert {index for index, _ in frames} == covered
    assert np.isnan(whole[[t for t in range(len(whole)) if t not in covered]]).all()
    assert_same(frames, {t: whole[t] for t in covered})


def test_a_whole_stretch_keeps_what_is_not_known():
    fold = StretchMean(4)
    fold.add(np.array([0, 1]), np.array([[1.0, np.nan], [3.0, 5.0]]))
    np.testing.assert_array_equal(fold.result(), [1.0, np.nan, 5.0, np.nan])


@pytest.mark.parametrize("how", HOWS)
def test_a_frame_leaves_as_soon_as_no_later_window_can_cover_it(how):
    fold = OverlapFold(4, (2, 2), how)
    left = [[i for i, _ in fold.push(s, w)] for s, w in windows_at([0, 1, 3, 4, 20], 4, (2, 2))]
    assert left == [[], [0], [1, 2], [3], [4, 5, 6, 7]]
    assert [i for i, _ in fold.finish()] == [20, 21, 22, 23]
    assert fold.finish() == []


@pytest.mark.parametrize("how", HOWS)
def test_returned_frames_and_given_windows_stay_independent(how):
    buffer = np.ones((3, 2), np.float32)
    fold = OverlapFold(3, (2,), how)
    fold.push(0, buffer)
    buffer[:] = 7  # the caller uses its memory again
    [(_, first)] = fold.push(1, buffer)
    fold.finish()
    np.testing.assert_array_equal(first, [1, 1])


@pytest.mark.parametrize("how", HOWS)
def test_nan_stays_nan_and_stays_where_it_is(how):
    windows = windows_at([0, 1, 2], 3, (2,))
    windows[1][1][1, 0] = np.nan  # frame 2
    frames = dict(run(windows, OverlapFold(3, (2,), how)))
    assert [i for i in frames if np.isnan(frames[i]).any()] == [2]
    assert np.isnan(frames[2]).tolist() == [True, False]


@given(values=arrays(np.float32, (5, 4), elements=st.floats(-10, 10, width=32)), percentile=st.floats(0, 100))
def test_percentile_equals_numpy(values, percentile):
    expected = np.percentile(values, percentile, axis=0)
    # The share between two neighbours is rounded at the rank's size, and counts with their distance, up to 20.
    np.testing.assert_allclose(percentile_of(list(values), percentile), expected, rtol=0, atol=rounding(5 + 3, 20.0))


def test_memory_does_not_depend_on_the_number_of_frames():
    window = np.ones((16, 64, 64), np.float32)

    def peak(count):
        tracemalloc.start()
        fold = OverlapFold(16, (64, 64))
        for start in range(0, count, 4):
            fold.push(start, window)
        bytes_used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return bytes_used

    assert peak(4000) < 1.1 * peak(400)


@pytest.mark.parametrize("how", HOWS)
def test_folding_is_cheap_beside_the_model(how):
    window = np.ones((32, 112, 112), np.float32)
    fold = OverlapFold(32, (112, 112), how)
    began = time.process_time()
    frames = sum(len(fold.push(start, window)) for start in range(0, 2000, 8))
    # Measured 0.03 to 0.1 ms a frame; the margin is for a busy machine.
    assert (time.process_time() - began) / frames < 0.5e-3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OverlapFold(0, (2,)), "length is 0"),
        (lambda: OverlapFold(4, (2,), "median"), "'median'; allowed are mean, max, percentile"),
        (lambda: OverlapFold(4, (2,), "percentile", 101), "percentile is 101"),
        (lambda: OverlapFold(4, (2,)).push(-1, np.ones((4, 2))), "-1"),
        (lambda: OverlapFold(4, (2,)).push(0, np.ones((4, 3))), "expected"),
    ],
)
def test_what_cannot_be_folded_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@settings(max_examples=20)
@given(first=st.integers(0, 5), step=st.integers(-5, 0))
def test_starts_must_increase(first, step):
    fold = OverlapFold(2, (1,))
    fold.push(first, np.ones((2, 1), np.float32))
    with pytest.raises(ValueError, match="must be >= 0 and increase"):
        fold.push(first + step, np.ones((2, 1), np.float32))
