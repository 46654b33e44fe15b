"""Windows never straddle a gap and cover what they can; splits and verdicts keep apart what shares frames."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from config import TrainConfig
from data.reel.windows import (
    index_windows,
    read_windows,
    split_by_time,
    stretches,
    too_long_to_train,
    training_split,
    training_starts,
    usable,
    window_starts,
)
from tests.support.reels import drifting_blobs, make_reel

steps = st.lists(st.sampled_from([0.5, 1.0, 2.9, 3.0, 3.1, 50.0]), max_size=60)


def slow_stretches(times_s, cadence_s, gap_threshold):
    """Walk from frame to frame."""
    found, begin = [], 0
    for i in range(1, len(times_s)):
        if times_s[i] - times_s[i - 1] > gap_threshold * cadence_s:
            found.append((begin, i))
            begin = i
    return [*found, (begin, len(times_s))]


@given(steps, st.sampled_from([1.5, 3.0]))
def test_stretches_equal_a_walk(steps, gap_threshold):
    times_s = np.concatenate([[0.0], np.cumsum(steps)])
    assert stretches(times_s, 1.0, gap_threshold) == slow_stretches(times_s, 1.0, gap_threshold)


@given(st.integers(0, 40), st.integers(0, 60), st.integers(2, 12), st.integers(1, 20))
def test_window_starts(begin, size, length, stride):
    starts = window_starts(begin, begin + size, length, stride).tolist()
    if size < length:
        assert starts == []
        return
    assert starts[0] == begin
    assert starts[-1] == begin + size - length  # flush with the end
    assert all(0 < b - a <= stride for a, b in itertools.pairwise(starts))
    assert starts[:-1] == list(range(begin, starts[-1], stride))


@settings(max_examples=40, deadline=None)
@given(steps, st.integers(2, 8), st.integers(1, 8))
def test_no_window_straddles_a_gap_and_long_stretches_are_covered(tmp_path_factory, steps, length, stride):
    times_s = np.concatenate([[0.0], np.cumsum(steps)])
    frames = np.zeros((len(times_s), 1, 2, 2), np.float32)
    reel = make_reel(tmp_path_factory.mktemp("r"), frames, 1.0, times_s=times_s, clip_length=None)
    table = index_windows(reel, length, stride)
    covered = set()
    for start in table["start"]:
        window = times_s[start : start + length]
        assert len(window) == length
        assert np.diff(window).max() <= 3.0
        covered |= set(range(start, start + length))
    long_enough = [range(a, b) for a, b in slow_stretches(times_s, 1.0, 3.0) if b - a >= length and stride <= length]
    assert {i for stretch in long_enough for i in stretch} <= covered
    assert table["window"].tolist() == list(range(len(table)))


def test_a_step_of_exactly_the_threshold_is_no_gap():
    assert stretches(np.array([0.0, 1.0, 4.0, 7.1]), 1.0, 3.0) == [(0, 3), (3, 4)]
    assert stretches(np.array([5.0]), 1.0, 3.0) == [(0, 1)]


def windows(starts, length, rejected=()):
    verdicts = ["reject" if i in rejected else "" for i in range(len(starts))]
    return pd.DataFrame({"start": np.array(starts, np.int64), "length": length, "verdict": verdicts})


@given(st.data())
def test_usable_equals_comparing_all_pairs(data):
    starts = data.draw(st.lists(st.integers(0, 50), max_size=20))
    length = data.draw(st.integers(1, 12))
    rejected = data.draw(st.sets(st.integers(0, max(0, len(starts) - 1))))
    frames = [set(range(s, s + length)) for s in starts]
    expected = [not any(frames[i] & frames[j] for j in rejected if j < len(starts)) for i in range(len(starts))]
    assert usable(windows(starts, length, rejected)).tolist() == expected


@given(st.lists(st.integers(0, 300), unique=True, max_size=60), st.integers(1, 20), st.floats(0.01, 0.9))
def test_split_guard_equals_an_oracle(starts, length, val_fraction):
    train, val = split_by_time(np.array(starts, np.int64), length, val_fraction)
    ordered = sorted(starts)
    n_val = max(1, round(val_fraction * len(starts))) if starts else 0
    assert val.tolist() == ordered[len(ordered) - n_val :]
    first = min(val, default=0)
    # The guard: a whole window fits between the last training frame and the first validation frame.
    assert train.tolist() == [s for s in ordered if s not in val and first - (s + length - 1) > length]
    assert not {f for s in train for f in range(s, s + length)} & {f for s in val for f in range(s, s + length)}


def test_training_windows_avoid_rejected_and_excluded_frames(tmp_path):
    reel = make_reel(tmp_path, np.zeros((40, 1, 2, 2), np.float32), 60.0, clip_length=4, stride=2)
    table = read_windows(reel)
    table.loc[table["start"] == 8, "verdict"] = "reject"
    table.to_csv(tmp_path / "windows.csv", index=False)
    excluded = (("2012-07-19T00:20:00", "2012-07-19 00:21:00"),)  # frames 20 and 21
    starts = training_starts(reel, TrainConfig(exclude_utc=excluded))
    lost = {8, 9, 10, 11, 20, 21}
    assert starts.tolist() == [s for s in range(0, 37, 2) if not lost & set(range(s, s + 4))]


def test_training_split_needs_both_sides(tmp_path):
    reel = make_reel(tmp_path / "r", np.zeros((20, 1, 2, 2), np.float32), clip_length=8, stride=4)
    with pytest.raises(ValueError, match=r"0 training and 1 validation windows of 8 frames"):
        training_split([reel], TrainConfig())
    other = make_reel(tmp_path / "s", np.zeros((20, 1, 2, 2), np.float32), clip_length=4, stride=4)
    with pytest.raises(ValueError, match=r"lengths \[4, 8\]"):
        training_split([reel, other], TrainConfig())


@given(st.integers(6, 200), st.integers(1, 8), st.sampled_from([0.1, 0.2, 0.5]), st.none() | st.integers(20, 180))
def test_the_advised_length_leaves_windows_on_either_side(tmp_path_factory, frames, stride, val_fraction, gap):
    times = np.arange(frames) * 12.0
    times[gap:] += 0 if gap is None else 3600.0
    folder, chosen = tmp_path_factory.mktemp("advice"), TrainConfig(val_fraction=val_fraction)
    content = np.zeros((frames, 1, 2, 2), np.float32)
    reel = make_reel(folder / "r", content, times_s=times, clip_length=frames + 1)
    with pytest.raises(ValueError, match="r: no stretch without a gap holds a window") as caught:
        training_split([reel], chosen)
    advised = re.search(r"at most (\d+) to train", str(caught.value))
    assume(advised)
    reel = make_reel(folder / "s", content, times_s=times, clip_length=int(advised[1]), stride=stride)
    assert all(len(side) for side in training_split([reel], chosen))


def test_few_frames_are_told_the_guard_and_a_length_that_fits(tmp_path):
    reel = make_reel(tmp_path / "r", np.zeros((26, 1, 2, 2), np.float32), clip_length=12, stride=4)
    with pytest.raises(ValueError, match=r"with a guard of 12 frames between the two; .* \(at most 7 frames\)"):
        training_split([reel], TrainConfig())


@settings(max_examples=60, deadline=None)
@given(st.integers(12, 120), st.integers(2, 60), st.integers(1, 30))
def test_prep_tells_of_windows_that_train_would_refuse_and_of_no_others(tmp_path_factory, frames, length, stride):
    """Whoever has a short table knows before the next command, with the length that would do."""
    assume(length <= frames)
    folder, content = tmp_path_factory.mktemp("short"), np.zeros((frames, 1, 2, 2), np.float32)
    reel = make_reel(folder / "r", content, clip_length=length, stride=stride)
    told = too_long_to_train(reel, read_windows(reel), length)
    if not told:
        assert all(len(side) for side in training_split([reel], TrainConfig()))
        return
    with pytest.raises(ValueError, match="are left after the split"):
        training_split([reel], TrainConfig())
    if advised := re.search(r"prep\.clip_length of at most (\d+) would do", told):
        other = make_reel(folder / "s", content, clip_length=int(advised[1]), stride=stride)
        assert all(len(side) for side in training_split([other], TrainConfig()))


def test_training_split_keeps_reels_apart(tmp_path):
    reels = [make_reel(tmp_path / n, np.zeros((60, 1, 2, 2), np.float32), clip_length=4, stride=2) for n in "ab"]
    train, val = training_split(reels, TrainConfig())
    for number in (0, 1):
        last = train.start[train.reel == number].max() + 4
        assert val.start[val.reel == number].min() - last >= 4


def test_reels_that_are_named_validate_as_wholes(tmp_path):
    still, names = np.zeros((20, 1, 2, 2), np.float32), ("a1", "a2", "b")
    reels = [make_reel(tmp_path / name, still, clip_length=4, stride=4) for name in names]
    train, val = training_split(reels, TrainConfig(val_reels=("a?",)))
    assert (set(val.reel), set(train.reel)) == ({0, 1}, {2})
    assert (len(val), len(train)) == (10, 5)
    with pytest.raises(ValueError, match=r"no reel is called c\*; those there are: a1, a2, b$"):
        training_split(reels, TrainConfig(val_reels=("c*",)))
    with pytest.raises(ValueError, match=r"0 training and 15 validation .* name other train.val_reels"):
        training_split(reels, TrainConfig(val_reels=("*",)))


def test_windows_csv_is_read_back_as_written(tmp_path):
    reel = make_reel(tmp_path, np.zeros((20, 1, 2, 2), np.float32), clip_length=8, stride=4)
    table = read_windows(reel)
    assert table["start"].tolist() == [0, 4, 8, 12]
    assert (table[["verdict", "reason", "by", "at"]] == "").all().all()
    (tmp_path / "windows.csv").unlink()
    with pytest.raises(FileNotFoundError, match="-m prep"):
        read_windows(reel)


def test_a_reel_without_windows_has_none_to_use(tmp_path):
    reel = make_reel(tmp_path / "short", drifting_blobs(5, 8, 8), clip_length=8)
    assert usable(read_windows(reel)).tolist() == []
