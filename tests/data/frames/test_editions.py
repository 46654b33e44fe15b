"""Of several files of one time the final one of the highest level and the latest version is the frame, whatever its
name; levels that go on side by side are no reel."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.frames.plan import plan_reels
from data.sources.base import Candidate
from data.sources.fits_file.facts import facts_of
from tests.support.fits_files import header, utc

REASON = "level 1.02 beside frames of level 2; prepare a folder of these alone"
# From what is to be taken last to what is to be taken first.
RANKS = {
    "versions": [{"name": "s{}_V01"}, {"name": "s{}_V02"}, {"name": "s{}_V10"}],
    "points": [{"name": "s{}_v1-0-2"}, {"name": "s{}_v1-0-10"}, {"name": "s{}_v1-2-0"}],
    "when they were made": [{"name": "s{}_V202304280000_03"}, {"name": "s{}_V202311100000_03"}],
    "some": [{"name": "s{}"}, {"name": "s{}_V01"}],
    "near real time": [{"name": "hmi.m_720s_nrt.{}"}, {"name": "hmi.m_720s.{}"}],
    "folders": [{"name": "nrt/{}"}, {"name": "{}"}],
    "levels": [{"stage": 1.0}, {"stage": 1.02}, {"stage": 2.0}],
    "lvl_num": [{"level": 1.0}, {"level": 1.5}],
    "quality": [{"quality": 1 << 30}, {"quality": 0}],
    "level before version": [{"name": "s{}_V09", "stage": 1.0}, {"name": "s{}_V01", "stage": 2.0}],
}


def frame(minute, before="", name="{}", **facts):
    path = f"{before}{name.format(f'{minute:03d}')}.fits"
    facts = {"time_utc": utc(60 * minute), "is_counts": True, "exptime_s": 1.0, "shape": (8, 8)} | facts
    return Candidate(path, f"/data/in/{path}", "fits", "eui_fsi_174", home="/data/in", **facts)


def taken(frames):
    (plan,) = plan_reels(frames, PrepConfig())
    return [row[0].candidate for row in plan.rows], {f.candidate.source: f.reason for f in plan.rejected}


@pytest.mark.parametrize("rank", RANKS)
def test_one_frame_a_time_and_the_best_whatever_the_names_order(rank):
    for before in itertools.permutations([f"{letter}/" for letter in "abc"], len(RANKS[rank])):
        met = [[frame(i, b, **kind) for b, kind in zip(before, RANKS[rank], strict=True)] for i in range(3)]
        rows, rejected = taken(list(itertools.chain(*met)))
        assert rows == [of_time[-1] for of_time in met]
        assert len(rejected) == 3 * (len(before) - 1)


@settings(max_examples=40)
@given(st.lists(st.sampled_from([1.02, 2.0, np.nan]), min_size=1, max_size=12))
def test_levels_side_by_side_are_no_reel_and_those_that_follow_each_other_are(levels):
    rows, rejected = taken([frame(i, stage=level) for i, level in enumerate(levels)])
    places = [[i for i, one in enumerate(levels) if one == level] for level in (1.02, 2.0)]
    if all(places) and max(map(min, places)) <= min(map(max, places)):
        fewer = min(places, key=lambda of: (len(of), of is places[1]))
        assert list(rejected) == [f"{i:03d}.fits" for i in fewer]
        assert len(rows) == len(levels) - len(fewer)
    else:
        assert (len(rows), rejected) == (len(levels), {})


@pytest.mark.parametrize("is_told", [(True, True), (True, False), (False, True)])
def test_names_tell_the_level_where_a_header_does_not(is_told):
    """SUVI's exposures and composites: at their common times the higher level was taken, at others the lower."""
    kinds = (("OR_SUVI-L1b-Fe171_{}", 1.02, 1), ("dr_suvi-l2-ci171_{}", 2.0, 2))
    met = [
        frame(i, name=name, stage=level if told else np.nan)
        for (name, level, step), told in zip(kinds, is_told, strict=True)
        for i in range(0, 12, step)
    ]
    rows, rejected = taken(met)
    assert [one.source[:2] for one in rows] == ["OR"] * 12
    assert set(rejected.values()) == {"level 2 beside frames of level 1.02; prepare a folder of these alone"}


def test_a_level_that_is_left_out_is_told():
    _, rejected = taken([frame(i, stage=1.02 if i in (2, 4) else 2.0) for i in range(9)])
    assert rejected == {"002.fits": REASON, "004.fits": REASON}


def test_what_registration_evens_out_is_one_reel():
    rows, _ = taken([frame(i, level=(1.0, 1.5)[i % 2], stage=(1.0, 2.0)[i % 2]) for i in range(6)])
    assert len(rows) == 6


@pytest.mark.parametrize(
    ("card", "told", "stage"),
    [
        ("LEVEL", "L2", 2.0),
        ("LEVEL", "L1b", 1.02),
        ("LEVEL", "1.5", 1.5),
        ("LEVEL", 3, 3.0),
        ("LEVEL", "Q", np.nan),
        ("LEVEL", "", np.nan),
        ("PROC_LEV", "Level 2", 2.0),
        ("PROCLEVL", "l1", 1.0),
    ],
)
def test_levels_as_archives_write_them(card, told, stage):
    found = facts_of(header(**{card: told}), (8, 8), PrepConfig())["stage"]
    assert found == pytest.approx(stage, nan_ok=True)
