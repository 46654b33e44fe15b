"""The quiet frames of a training: which they are, in what pieces, and that a run gives them back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import TrainConfig
from inference.calibration.quiet.ranges import QuietRange, keep_quiet, quiet_ranges, ranges_of, within
from tests.support.reels import make_reel, set_verdict


def still(path, frames: int = 160, stride: int = 4, **facts):
    return make_reel(path, np.zeros((frames, 1, 2, 2), np.float32), clip_length=8, stride=stride, **facts)


@given(st.integers(0, 50), st.integers(1, 500), st.integers(1, 60))
def test_pieces_are_of_about_the_length_asked_for_and_hold_all_frames_in_order(begin, length, frames):
    pieces = QuietRange(None, begin, begin + length, "train").pieces(frames)
    assert len(pieces) == max(1, round(length / frames))
    assert [i for piece in pieces for i in range(piece.begin, piece.end)] == list(range(begin, begin + length))
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


def test_windows_that_touch_are_one_range_and_a_rejected_one_between_them_makes_two(tmp_path):
    reel = still(tmp_path / "a", stride=8)
    whole = [r for r in ranges_of([reel], TrainConfig()) if r.side == "train"]
    set_verdict(reel, [1])
    parted = [r for r in ranges_of([reel], TrainConfig()) if r.side == "train"]
    assert [(r.begin, r.end) for r in parted[:2]] == [(0, 8), (16, whole[0].end)]
    assert (whole[0].begin, len(parted)) == (0, len(whole) + 1)
    assert all(r.end > r.begin for r in parted)


def test_a_reel_whose_windows_are_all_rejected_has_no_range(tmp_path):
    reels = [still(tmp_path / name) for name in "ab"]
    set_verdict(reels[1], range(100))
    assert {r.source for r in ranges_of(reels, TrainConfig())} == {"a"}


@pytest.mark.parametrize("name", ["NA", "nan", "007"])
def test_a_run_tells_where_its_frames_are_from(tmp_path, name):
    reel = still(tmp_path / name)
    expected = ranges_of([reel], TrainConfig())
    assert any(r.begin > 0 for r in expected)
    keep_quiet(tmp_path / "new" / "run", expected, 8)
    for kept, was in zip(quiet_ranges(tmp_path / "new" / "run"), expected, strict=True):
        assert (kept.source, kept.side, len(kept)) == (name, was.side, len(was))
        assert kept.offset + kept.begin == was.begin


def test_the_smallest_budget_leaves_the_middle_piece_of_each_side(tmp_path):
    reel = still(tmp_path / "a", 1000)
    ranges = [QuietRange(reel, 0, 600, "train"), QuietRange(reel, 700, 1000, "val")]
    pieces = [r.pieces(32) for r in ranges]
    assert within(ranges, 8, 1) == [of_side[len(of_side) // 2] for of_side in pieces]
