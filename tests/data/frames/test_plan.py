"""Which frames a reel gets, in which order, and why others are left out."""

import itertools
import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.frames.plan import plan_reels
from data.sources.base import UNKNOWN, Candidate
from tests.support.comparing import alike
from tests.support.fits_files import utc

STACK = PrepConfig(channels="stack", match_tolerance_sec=5.0)


def fits_frame(seconds, wavelength=171, source=None, **facts):
    source = source or f"in/{wavelength}_{seconds}.fits"
    path = {"path": f"/data/{source}", "home": f"/data/{source}".rpartition("/")[0]}
    facts = {"exptime_s": 2.0, "shape": (24, 32), "time_utc": utc(seconds), "is_counts": True} | path | facts
    return Candidate(source, kind="fits", reel=f"aia_{wavelength}", channel=str(wavelength), **facts)


def video_frame(path, number, **facts):
    facts = {"position": 512 * number, "time_s": number / 25, "shape": (64, 96), "home": f"/data/{path}"} | facts
    return Candidate(f"{path}#{number}", f"/data/{path}", "video", path.rsplit(".", 1)[0], **facts)


def sources_of(plan):
    return [[frame.candidate.source for frame in row] for row in plan.rows]


def test_frames_are_in_time_order_by_wavelength():
    frames = [fits_frame(s, w) for s in (24, 0, 12) for w in (193, 171)]
    plans = plan_reels(frames, PrepConfig())
    assert [(p.name, p.channels) for p in plans] == [("aia_171", ("171",)), ("aia_193", ("193",))]
    assert sources_of(plans[0]) == [[f"in/171_{s}.fits"] for s in (0, 12, 24)]
    assert not plans[0].rejected


def test_duplicates_are_rejected_with_the_frame_they_repeat():
    frames = [fits_frame(0), fits_frame(0, source="in/copy.fits"), fits_frame(12)]
    (plan,) = plan_reels(frames, PrepConfig())
    assert sources_of(plan) == [["in/171_0.fits"], ["in/171_12.fits"]]
    assert [(frame.candidate.source, frame.reason) for frame in plan.rejected] == [
        ("in/copy.fits", "same time as in/171_0.fits")
    ]


def test_a_rejected_frame_does_not_displace_a_good_one_of_its_time():
    frames = [fits_frame(0, source="a.fits", reason="QUALITY bit 17"), fits_frame(0, source="b.fits")]
    (plan,) = plan_reels(frames, PrepConfig())
    assert sources_of(plan) == [["b.fits"]]
    assert [c.reason for c in plan.rejected] == ["QUALITY bit 17"]


def test_the_usual_shape_is_the_most_frequent_one():
    shapes = [(500, 370), (501, 371), (500, 370), (4096, 4096)]
    (plan,) = plan_reels([fits_frame(12 * i, shape=s) for i, s in enumerate(shapes)], PrepConfig())
    assert plan.source_shape == (500, 370)
    (tie,) = plan_reels([fits_frame(12 * i, shape=s) for i, s in enumerate(shapes[:2])], PrepConfig())
    assert tie.source_shape == (501, 371)


def test_videos_and_image_folders_are_reels_of_their_own():
    frames = [video_frame(path, i) for path in ("a/clip.mp4", "b/clip.mp4", "a/clip.mkv") for i in range(2)]
    for folder in ("train/01", "test/01"):
        path, home = f"/data/{folder}/0.png", f"/data/{folder}"
        frames.append(Candidate(f"{folder}/0.png", path, "image", folder, time_s=0.0, home=home))
    plans = plan_reels(frames, PrepConfig())
    assert [plan.name for plan in plans] == ["a_clip", "a_clip_2", "b_clip", "test_01", "train_01"]
    assert Counter(len(plan.rows) for plan in plans) == {2: 3, 1: 2}


@pytest.mark.parametrize(
    ("reel", "name"),
    [("../../etc", "_.._etc"), ("..", "reel"), ("", "reel"), (".hidden", "hidden"), ("a b/c:d", "a_b_c_d")],
)
def test_reel_names_are_plain_folder_names(reel, name):
    (plan,) = plan_reels([replace(fits_frame(0), reel=reel)], PrepConfig())
    assert plan.name == name


def test_long_names_leave_room_for_suffixes():
    (plan,) = plan_reels([replace(fits_frame(0), reel="x" * 300)], PrepConfig())
    assert len(plan.name) == 120


def test_unreadable_frames_are_counted_once_beside_their_neighbours():
    lost = {"kind": "fits", "reel": UNKNOWN, "reason": "file is truncated", "is_counts": True}
    places = [{"path": f"/data/{folder}/x.fits", "home": f"/data/{folder}"} for folder in "bc"]
    frames = [fits_frame(12 * i, 171, source=f"a/{i}.fits") for i in range(3)]
    frames += [fits_frame(12 * i, 193, source=f"b/{i}.fits") for i in range(2)]
    frames += [Candidate("b/x.fits", **lost, **places[0]), Candidate("c/x.fits", **lost, **places[1])]
    plans = {plan.name: plan for plan in plan_reels(frames, PrepConfig())}
    assert [frame.candidate.source for frame in plans["aia_193"].rejected] == ["b/x.fits"]
    assert [frame.candidate.source for frame in plans["aia_171"].rejected] == ["c/x.fits"]  # where most frames are
    assert set(plans) == {"aia_171", "aia_193"}
    (stacked,) = plan_reels(frames, STACK)
    assert {f.candidate.source for f in stacked.rejected if f.reason == "file is truncated"} == {"b/x.fits", "c/x.fits"}


def test_unreadable_frames_alone_are_still_a_plan():
    (plan,) = plan_reels([Candidate("x.fits", "/data/x.fits", "fits", UNKNOWN, reason="empty")], PrepConfig())
    assert (plan.name, plan.rows, len(plan.rejected)) == (UNKNOWN, (), 1)


# Wavelengths as channels


def test_stack_matches_the_nearest_frames():
    frames = [fits_frame(t, 171) for t in (0, 12, 24, 36)]
    frames += [fits_frame(t, 94) for t in (1, 14, 30, 100)]
    frames += [fits_frame(t, 1600) for t in (-2, 11, 13, 36)]
    (plan,) = plan_reels(frames, STACK)
    assert (plan.name, plan.channels) == ("aia_94_aia_171_aia_1600", ("94", "171", "1600"))
    assert sources_of(plan) == [
        ["in/94_1.fits", "in/171_0.fits", "in/1600_-2.fits"],
        ["in/94_14.fits", "in/171_12.fits", "in/1600_13.fits"],
    ]
    reasons = {frame.candidate.source: frame.reason for frame in plan.rejected}
    assert reasons["in/94_30.fits"] == "no aia_171, aia_1600 within 5 s"
    assert reasons["in/94_100.fits"] == "no aia_171, aia_1600 within 5 s"
    incomplete = "not in a complete set of channels within 5 s"
    assert {s for s, r in reasons.items() if r == incomplete} == {
        *("in/171_24.fits", "in/171_36.fits", "in/1600_11.fits", "in/1600_36.fits")
    }


def test_stack_keeps_what_is_rejected_of_every_wavelength():
    frames = [fits_frame(0, 171), fits_frame(0, 193), fits_frame(0, 304, reason="wavelength 304 is not asked for")]
    (plan,) = plan_reels(frames, STACK)
    assert plan.channels == ("171", "193")
    assert [c.reason for c in plan.rejected] == ["wavelength 304 is not asked for"]
    (nothing,) = plan_reels(frames[2:], STACK)
    assert nothing.rows == ()
    assert len(nothing.rejected) == 1


def test_stack_leaves_videos_alone():
    frames = [fits_frame(0, 171), fits_frame(0, 193), *(video_frame("clip.mp4", i) for i in range(2))]
    assert [plan.name for plan in plan_reels(frames, STACK)] == ["aia_171_aia_193", "clip"]


def best_by_trying_all(a, b, tolerance_s):
    """Pairs taken closest first, from all pairs there are: {position in a: position in b}."""
    near = [(round(1000 * abs(x - y)), i, j) for i, x in enumerate(a) for j, y in enumerate(b)]
    near = sorted(pair for pair in near if pair[0] <= 1000 * tolerance_s)
    taken = {}
    for _, i, j in near:
        if i not in taken and j not in taken.values():
            taken[i] = j
    return taken


times = st.lists(st.integers(0, 60), unique=True, min_size=1, max_size=12).map(sorted)


@settings(max_examples=80, deadline=None)
@given(times, times, st.integers(0, 12))
def test_stack_equals_trying_all_pairs(a, b, tolerance_s):
    frames = [fits_frame(t, 171) for t in a] + [fits_frame(t, 193) for t in b]
    (plan,) = plan_reels(frames, replace(STACK, match_tolerance_sec=float(tolerance_s)))
    expected = best_by_trying_all(a, b, tolerance_s)
    assert sources_of(plan) == [[f"in/171_{a[i]}.fits", f"in/193_{b[expected[i]]}.fits"] for i in sorted(expected)]
    met = [frame.candidate.source for frame in itertools.chain(*plan.rows, plan.rejected)]
    assert sorted(met) == sorted(c.source for c in frames)


# Every frame has its row or its reason, whatever order the workers report in


some_facts = st.tuples(st.integers(0, 8), st.sampled_from([171, 193]), st.sampled_from(["", "QUALITY bit 9"]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(some_facts, max_size=15),
    st.sampled_from(["separate", "stack"]),
    st.randoms(use_true_random=False),
)
def test_each_frame_is_met_once_and_the_order_of_arrival_does_not_matter(facts, channels, chance):
    prep = PrepConfig(channels=channels)
    frames = [fits_frame(t, w, source=f"{i}.fits", reason=r) for i, (t, w, r) in enumerate(facts)]
    plans = plan_reels(frames, prep)
    met = [f.candidate for plan in plans for f in itertools.chain(*plan.rows, plan.rejected)]
    assert sorted(c.source for c in met) == sorted(c.source for c in frames)
    assert all(c.reason for plan in plans for c in plan.rejected)
    shuffled = random.Random(chance.random()).sample(frames, len(frames))
    again = plan_reels(shuffled, prep)
    assert alike(again, plans)
    assert [p.identity(prep) for p in again] == [p.identity(prep) for p in plans]


def test_identity_tells_frames_and_settings_apart_and_nothing_else():
    def identity(prep=None, given=None, **facts):
        frames = [fits_frame(0), fits_frame(12, **facts)]
        return plan_reels(frames, PrepConfig())[0].identity(PrepConfig(**prep or {}), given)

    same = identity()
    assert identity(path="/moved/elsewhere.fits") == same
    for prep in ({"clip_length": 8}, {"stride": 1}, {"movie_only": True}):
        assert identity(prep) == same
    for prep in ({"resize": (56, 56)}, {"mask": ((0, 0, 2, 2),)}, {"precision": "float16"}, {"gap_threshold": 2.0}):
        assert identity(prep) != same
    assert identity(given={"stretches": {"171": 1}}) != same
    for facts in ({"exptime_s": 1.0}, {"size": 7}, {"quality": 1}, {"source": "in/other.fits"}):
        assert identity(**facts) != same
