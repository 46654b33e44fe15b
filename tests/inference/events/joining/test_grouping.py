"""One happening, one event: groups are those of an oracle, whatever the order, and lose neither time nor place."""

from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.events.course import Course
from inference.events.events import CAMERA, Event
from inference.events.joining.grouping import grouped


def event(number: int, first: int, last: int, x: int, y: int, side: int, peak: float, level: str = "low") -> Event:
    place = (x + side / 2, y + side / 2, x, y, x + side, y + side, side * side)
    return Event(number, first, (first + last) // 2, last, last - first + 1, *place, peak, peak / 2, level)


drawn = st.builds(
    lambda first, more, x, y, side, peak, level: event(0, first, first + more, x, y, side, peak, level),
    st.integers(0, 30), st.integers(0, 10), st.integers(0, 60), st.integers(0, 60), st.integers(1, 9),
    st.floats(1, 100), st.sampled_from(["low", "high", CAMERA]),
)  # fmt: skip


def are_near(a: Event, b: Event, distance: float, gap: int) -> bool:
    """By the pixels and the frames themselves."""
    frames = min(abs(s - t) for s in (a.frame_start, a.frame_end) for t in (b.frame_start, b.frame_end))
    overlap = a.frame_start <= b.frame_end and b.frame_start <= a.frame_end
    dx = max(a.x0 - b.x1, b.x0 - a.x1, 0)
    dy = max(a.y0 - b.y1, b.y0 - a.y1, 0)
    return (overlap or frames - 1 <= gap) and dx * dx + dy * dy <= distance * distance


def groups_of(events: list[Event], distance: float, gap: int) -> list[set[int]]:
    """Sets of positions, merged until nothing merges."""
    found = [{i} for i in range(len(events))]
    merged = True
    while merged:
        merged = False
        for a, b in combinations(found, 2):
            if any(are_near(events[i], events[j], distance, gap) for i in a for j in b):
                found = [g for g in found if g not in (a, b)] + [a | b]
                merged = True
                break
    return found


def test_what_days_without_frames_divide_are_two_events():
    """Frames 0 to 9, then a gap of two days, then more: one place, neighbouring frames."""
    times_s = 12.0 * np.arange(20)
    times_s[10:] += 2 * 86_400
    flares = [event(1, 7, 9, 5, 5, 4, 9.0), event(2, 10, 12, 5, 5, 4, 8.0), event(3, 11, 13, 6, 5, 4, 7.0)]
    assert [e.parts for e in grouped(flares, 6, 3)] == [3]
    assert sorted(e.parts for e in grouped(flares, 6, 3, time_of=times_s.item, max_gap_s=60)) == [1, 2]


@given(st.lists(drawn, max_size=8), st.floats(0.5, 20), st.integers(0, 5))
def test_groups_are_those_of_the_oracle(events, distance, gap):
    found = grouped(events, distance, gap)
    scene = [e for e in events if e.level != CAMERA]
    expected = groups_of(scene, distance, gap)
    assert sum(e.level == CAMERA for e in found) == len(events) - len(scene)
    told = sorted(
        (e.frame_start, e.frame_end, e.x0, e.y0, e.x1, e.y1, e.peak_score, e.parts) for e in found if e.level != CAMERA
    )
    members = [[scene[i] for i in group] for group in expected]
    assert told == sorted(
        (
            min(e.frame_start for e in some), max(e.frame_end for e in some), min(e.x0 for e in some),
            min(e.y0 for e in some), max(e.x1 for e in some), max(e.y1 for e in some),
            max(e.peak_score for e in some), len(some),
        )
        for some in members
    )  # fmt: skip


def test_the_order_of_events_does_not_matter_and_no_distance_groups_nothing():
    core, ribbon, far = (
        event(1, 5, 20, 10, 10, 5, 90.0, "high"),
        event(2, 8, 12, 18, 10, 4, 30.0),
        event(3, 5, 9, 60, 60, 4, 50.0),
    )
    for order in permutations([core, ribbon, far]):
        found = sorted(grouped(order, 6, 3), key=lambda e: e.frame_end)
        assert [(e.event, e.parts, e.level) for e in found] == [(3, 1, "low"), (1, 2, "high")]
        assert grouped(order, 0, 3) == list(order)
    assert found[1].n_frames == 16
    assert found[1].mean_score == pytest.approx((16 * 45 + 5 * 15) / 21)


DIMMING, DARKENING, FLARE, RECOVERY = "dimming", "darkening", "brightening", "recovery"


def of_kind(kind: str, *place) -> Event:
    return replace(event(*place), kind=kind)


def grouped_on_the_sun(events: list[Event]) -> list[Event]:
    return grouped(events, 6, 3, alone=(DIMMING,), ends=(RECOVERY,))


@pytest.mark.parametrize("kind", [DARKENING, DIMMING])
def test_what_becomes_again_what_it_was_is_the_end_of_what_was_dark(kind):
    """Though it stands out more: and it makes no flare of it."""
    dark, again = of_kind(kind, 1, 10, 20, 5, 5, 4, 9.0), of_kind(RECOVERY, 2, 22, 25, 6, 5, 4, 30.0)
    (found,) = grouped_on_the_sun([dark, again])
    assert (found.kind, found.frame_start, found.frame_end, found.parts) == (kind, 10, 25, 2)
    assert (found.frame_peak, found.peak_score) == (dark.frame_peak, dark.peak_score)
    (alone,) = grouped_on_the_sun([again])
    assert alone == again


def test_a_recovery_makes_no_dimming_of_a_flare():
    flare, dimming = of_kind(FLARE, 1, 5, 9, 5, 5, 4, 50.0), of_kind(DIMMING, 2, 8, 20, 9, 5, 4, 9.0)
    again = of_kind(RECOVERY, 3, 22, 25, 9, 5, 4, 12.0)
    assert sorted((e.kind, e.parts) for e in grouped_on_the_sun([flare, dimming, again])) == [
        (FLARE, 1), (DIMMING, 2),
    ]  # fmt: skip


kinds = st.sampled_from([DIMMING, DARKENING, FLARE, RECOVERY])


@given(st.lists(st.tuples(drawn, kinds), max_size=8))
def test_no_group_of_several_kinds_is_a_recovery_and_all_are_in_one(both):
    events = [replace(e, event=n, tracks=(n,), kind=kind) for n, (e, kind) in enumerate(both)]
    found = grouped_on_the_sun(events)
    assert sorted(track for e in found for track in e.tracks) == list(range(len(events)))
    for group in found:
        own = {events[track].kind for track in group.tracks}
        assert group.kind in own
        assert group.kind != RECOVERY or own == {RECOVERY}
        assert DIMMING not in own or own <= {DIMMING, RECOVERY}


@pytest.mark.parametrize("peaks", [(12.0, 90.0), (90.0, 12.0)], ids=["small before", "small behind"])
@pytest.mark.parametrize(("x", "lasts_frames"), [(16, 2), (16, 9), (10, 2)], ids=["over", "bright", "its own place"])
def test_what_was_over_beside_a_stronger_one_is_none_of_it(peaks, x, lasts_frames):
    """A small flare within the pixels and the frames that join: its start was that of the flare after it. What comes
    behind a flare, and what is of other kinds or was not measured, stays as it is."""
    courses = Course(3, 0.6, 0.0, lasts_frames), Course(10, 9.0, 0.0, 9)
    first, later = (
        replace(event(k + 1, course.onset, course.onset + 2, place, 10, 4, peak), kind="flare", course=course)
        for k, (course, place, peak) in enumerate(zip(courses, (x, 10), peaks, strict=True))
    )
    is_apart = lasts_frames == 2 and x == 16 and peaks[0] < peaks[1]
    assert len(grouped([first, later], 6, 20, anew=["flare"])) == 1 + is_apart
    assert len(grouped([replace(first, course=None), later], 6, 20, anew=["flare"])) == 1
    assert len(grouped([first, later], 6, 20)) == 1
