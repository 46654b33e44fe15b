"""Cross-fitting of methods: every quiet frame once, by a copy that has not seen it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import EvalConfig, ModelConfig
from data.reel.reel import Reel
from inference.calibration.quiet import frames as quiet_frames
from inference.calibration.quiet.ranges import QuietRange
from inference.camera.bounds import ALL_PASS
from inference.methods.base import LEAST_LEFT, apart, beyond, cut, kept_apart
from inference.methods.difference import RunningDifference
from inference.methods.robust_z import RobustZ
from tests.support.reels import make_reel


@pytest.fixture(scope="module")
def reel(tmp_path_factory):
    frames = np.random.default_rng(0).random((200, 1, 4, 4))
    frames += np.arange(200)[:, None, None, None] / 100  # a drift
    return Reel(make_reel(tmp_path_factory.mktemp("r") / "r", frames.astype(np.float32)).path)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(1, 7), st.integers(1, 9))
def test_parts_hold_every_frame_once_and_in_order(reel, lengths, count, shortest):
    edges = np.cumsum([0, *lengths])
    ranges = [QuietRange(reel, a, b, "train") for a, b in pairwise(edges.tolist())]
    parts = cut(ranges, count, shortest)
    held = [frame for part in parts for r in part for frame in range(r.begin, r.end)]
    assert held == list(range(int(edges[-1])))
    assert len(parts) <= count
    assert min(len(r) for part in parts for r in part) >= min(shortest, *lengths)


@given(st.integers(2, 7))
def test_each_part_is_judged_from_the_larger_side(count):
    parts = [[k] for k in range(count)]
    for k in range(count):
        others = beyond(k, parts)
        assert k not in others
        assert others in (list(range(k)), list(range(k + 1, count)))
        assert len(others) == max(k, count - 1 - k)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=9), st.integers(0, 40), st.data())
def test_neighbours_in_time_are_left_out_and_nothing_else(reel, lengths, guard, data):
    edges = np.cumsum([0, *lengths])
    ranges = [QuietRange(reel, a, b, "train") for a, b in pairwise(edges.tolist())]
    k = data.draw(st.integers(0, len(ranges) - 1))
    others = ranges[:k] + ranges[k + 1 :]
    held = [i for r in apart(others, [ranges[k]], guard) for i in range(r.begin, r.end)]
    far = [
        i for r in others for i in range(r.begin, r.end) if i < ranges[k].begin - guard or i >= ranges[k].end + guard
    ]
    assert held == far


def test_a_copy_has_not_seen_what_it_judges(reel):
    method = RobustZ(ModelConfig("robust_z"), {}, dict(zip(reel.channels, reel.stretches, strict=True)), 8)
    quiet = [QuietRange(reel, 0, 160, "train"), QuietRange(reel, 160, 200, "val")]
    method.fit(quiet, seed=0)
    folds = method.folds(quiet)
    assert all(fold.is_new for fold in folds)
    assert sorted(i for fold in folds for r in fold.ranges for i in range(r.begin, r.end)) == list(range(200))
    medians = [float(fold.scorer.arrays["median"].mean()) for fold in folds]
    first, last = folds[0].ranges[0], folds[-1].ranges[-1]
    assert medians[0] - np.mean(reel.frames[first.begin : first.end]) > 0.4  # fitted behind the first part
    assert np.mean(reel.frames[last.begin : last.end]) - medians[-1] > 0.4  # before the last


def test_where_nothing_is_fitted_all_frames_are_new(reel):
    method = RunningDifference(ModelConfig("difference"), {}, dict(zip(reel.channels, reel.stretches, strict=True)), 8)
    quiet = [QuietRange(reel, 0, 160, "train"), QuietRange(reel, 160, 200, "val")]
    assert [(f.scorer, f.ranges, f.is_new) for f in method.folds(quiet)] == [(method, quiet, True)]


def test_too_few_frames_are_judged_on_the_validation_side(reel):
    method = RobustZ(ModelConfig("robust_z"), {}, dict(zip(reel.channels, reel.stretches, strict=True)), 64)
    quiet = [QuietRange(reel, 0, 100, "train"), QuietRange(reel, 100, 140, "val")]
    method.fit(quiet, seed=0)
    assert [f.is_new for f in method.folds(quiet)] == [False, True]


def test_parts_that_can_not_be_fitted_on_leave_the_validation_side(reel, monkeypatch, caplog):
    method = RobustZ(ModelConfig("robust_z"), {}, dict(zip(reel.channels, reel.stretches, strict=True)), 8)
    quiet = [QuietRange(reel, 0, 160, "train"), QuietRange(reel, 160, 200, "val")]
    method.fit(quiet, seed=0)

    def refuse(self, quiet, seed):
        raise ValueError("no training window is half valid")

    monkeypatch.setattr(RobustZ, "fit", refuse)
    assert [f.is_new for f in method.folds(quiet)] == [False, True]
    assert "no training window is half valid" in caplog.text


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(4, 60), min_size=2, max_size=9), st.integers(0, 60), st.data())
def test_a_guard_gives_way_where_it_would_leave_next_to_nothing(reel, lengths, guard, data):
    edges = np.cumsum([0, *lengths])
    ranges = [QuietRange(reel, a, b, "train") for a, b in pairwise(edges.tolist())]
    k = data.draw(st.integers(0, len(ranges) - 1))
    others, part = ranges[:k] + ranges[k + 1 :], [ranges[k]]
    count = lambda guard: sum(map(len, apart(others, part, guard)))  # noqa: E731
    found = sum(map(len, kept_apart(others, part, guard)))
    if count(guard) >= LEAST_LEFT * count(0):
        assert found == count(guard)
    else:
        assert found >= min(LEAST_LEFT * count(0), count(guard // 4))
        assert found <= count(guard // 4)


def test_what_is_left_is_told_from_when_frames_are_scored_not_from_when_copies_are_fitted(reel, monkeypatch):
    told, made = [], quiet_frames.progress
    monkeypatch.setattr(quiet_frames, "progress", lambda *a, **k: told.append(k["desc"]) or made(*a, **k))
    method = RobustZ(ModelConfig("robust_z"), {}, {}, clip_length=8)
    fitted_on = RobustZ.fitted_on
    monkeypatch.setattr(RobustZ, "fitted_on", lambda *a: told.append("a copy is fitted") or fitted_on(*a))
    some = [QuietRange(reel, 0, 40, "train"), QuietRange(reel, 40, 80, "val")]
    next(quiet_frames._quiet_frames(method, some, EvalConfig(), ALL_PASS))
    assert told == ["a copy is fitted"] * (len(told) - 1) + ["calibrating on quiet frames"]
    assert len(told) > 2
