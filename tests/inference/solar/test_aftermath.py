"""A flare and what it leaves at its place are one event, whose kind names both; what lies elsewhere is none of it."""

import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.events.course import Course
from inference.events.events import CAMERA, Event
from inference.events.joining.grouping import near_each_other
from inference.solar.aftermath import begins, is_loop_of, with_aftermath
from inference.solar.confirm import CME_KINDS
from inference.solar.hek import TYPES
from inference.solar.kinds import BRIGHTENING, DARKENING, DIMMING, FRONT, LIMB, RECOVERY, WITH_DIMMING

REACH_PX, WITHIN_S = 6, 10.0


def event(number: int, first: int, lasts: int, x: int, peak: float, kind: str, level: str = "high") -> Event:
    frames = first, first + lasts // 2, first + lasts, lasts
    course = Course(max(first - 1, 0), 1.0, 600.0, 4)
    return Event(
        number, *frames, x + 2.0, 2.0, x, 0, x + 4, 4, 16, peak, 1.0, level, (), (), "", 1, (number,), kind, course
    )


def joined(*events: Event) -> list[Event]:
    return with_aftermath(events, REACH_PX, float, WITHIN_S)


flare = event(0, 10, 8, 20, 30.0, BRIGHTENING)


@pytest.mark.parametrize("kind", WITH_DIMMING)
def test_a_flare_that_leaves_a_dimming_is_one_event_of_both(kind):
    """Its place, peak and sign are the flare's, also where the dimming is the stronger one."""
    dimming = event(1, 14, 60, 25, 90.0, DIMMING)
    (found,) = joined(replace(flare, kind=kind), dimming)
    assert found.kind == WITH_DIMMING[kind]
    assert (found.x, found.peak_score, found.frame_peak) == (flare.x, flare.peak_score, flare.frame_peak)
    assert (found.frame_start, found.frame_end, found.tracks) == (10, 74, (0, 1))
    assert TYPES[found.kind] == "FL"
    assert found.kind in CME_KINDS


@pytest.mark.parametrize(
    "other",
    [
        event(1, 14, 60, 60, 9.0, DIMMING),  # elsewhere
        event(1, 40, 60, 20, 9.0, DIMMING),  # later
        event(1, 5, 60, 20, 9.0, DIMMING),  # dark before
        event(1, 14, 60, 20, 9.0, DARKENING),
        event(1, 14, 60, 20, 9.0, FRONT),
    ],
)
def test_what_is_none_of_a_flare_stays_an_event_of_its_own(other):
    assert joined(flare, other) == [flare, other]


def test_loops_that_light_up_while_it_dims_are_of_the_flare_and_another_flare_is_not():
    dimming, loops = event(1, 14, 60, 25, 9.0, DIMMING), event(2, 50, 11, 22, 12.0, BRIGHTENING)
    assert [found.tracks for found in joined(flare, dimming, loops)] == [(0, 1, 2)]
    for again in (replace(loops, peak_score=40.0), replace(loops, frame_peak=53)):
        assert sorted(len(found.tracks) for found in joined(flare, dimming, again)) == [1, 2]
    assert [len(found.tracks) for found in joined(flare, loops)] == [1, 1]  # nothing tells that it goes on


drawn = st.builds(
    event, st.just(0), st.integers(0, 40), st.integers(1, 30), st.integers(0, 60), st.integers(1, 99).map(float),
    st.sampled_from([BRIGHTENING, LIMB, DIMMING, DARKENING, FRONT]), st.sampled_from(["high", CAMERA]),
)  # fmt: skip


@given(st.lists(drawn, max_size=8))
def test_no_track_is_lost_and_whoever_has_joined_is_of_a_flare_before_it(events):
    events = [replace(e, event=k, tracks=(k,), kind="" if e.level == CAMERA else e.kind) for k, e in enumerate(events)]
    found = joined(*events)
    assert sorted(track for whole in found for track in whole.tracks) == list(range(len(events)))
    near = near_each_other(events, REACH_PX, sys.maxsize, float, WITHIN_S)
    for whole in found:
        first, *others = whole.tracks
        dims = [k for k in others if events[k].kind == DIMMING]
        assert bool(dims) == (whole.kind in WITH_DIMMING.values()) == bool(others)
        assert all(near[first, k] and begins(events[k]) >= begins(events[first]) for k in dims)
        for k in set(others) - set(dims):
            assert is_loop_of(events[first], events[k], float)
            assert near[[first, *dims], k].any()


@pytest.mark.parametrize(("kind", "change", "tracks"), [
    (RECOVERY, "darker", [(0, 1)]), (RECOVERY, "brighter", [(0,), (1,)]), (DARKENING, "darker", [(0,), (1,)]),
])  # fmt: skip
def test_what_is_only_as_dark_again_as_before_a_flare_is_its_end(kind, change, tracks):
    found = joined(flare, replace(event(1, 24, 6, 22, 90.0, kind), change=change))
    assert sorted(e.tracks for e in found) == tracks
    assert found[0].kind == BRIGHTENING
    assert found[0].peak_score == flare.peak_score
