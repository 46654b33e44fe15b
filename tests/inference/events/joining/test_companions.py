"""What begins within minutes and tens of arcsec of a flare is of it, and never leads on to the next."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import EvalConfig
from inference.events.course import Course
from inference.events.events import CAMERA, Event
from inference.events.joining.companions import Reach, with_companions
from inference.events.joining.grouping import AT_PLACE_PX
from inference.events.sky import Sky
from inference.solar.kinds import BRIGHTENING, DARKENING, DIMMING, EMERGENCE, FADING, FRONT, LIMB, RECOVERY, TOGETHER
from tests.support.sun_events import solar_reel

PIXEL_ARCSEC, CADENCE_S, FRAMES, SIDE, WIDE = 10.0, 60.0, 60, 64, 4


@pytest.fixture(scope="module")
def sky(tmp_path_factory) -> Sky:
    return Sky(
        solar_reel(tmp_path_factory.mktemp("sky") / "sun", np.ones((FRAMES, SIDE, SIDE)), CADENCE_S, PIXEL_ARCSEC)
    )


def event(number: int, first: int, x: int, y: int, peak: float, kind: str = BRIGHTENING, level: str = "high") -> Event:
    place = (x + WIDE / 2, y + WIDE / 2, x, y, x + WIDE, y + WIDE, WIDE * WIDE)
    frames = first, first + 1, first + 3, 4
    return Event(number, *frames, *place, peak, peak / 2, level, tracks=(number,), kind=kind)


drawn = st.builds(
    lambda first, x, y, peak, kind, level: event(0, first, x, y, peak, kind, level),
    st.integers(0, FRAMES - 4), st.integers(0, SIDE - WIDE), st.integers(0, SIDE - WIDE), st.integers(1, 99),
    st.sampled_from([BRIGHTENING, LIMB, DIMMING, DARKENING, EMERGENCE, FADING, FRONT, RECOVERY, ""]),
    st.sampled_from(["high", CAMERA]),
)  # fmt: skip
numbered = st.lists(drawn, max_size=9).map(lambda some: [replace(e, event=k, tracks=(k,)) for k, e in enumerate(some)])


def may_join(part: Event, head: Event, reach: Reach) -> bool:
    dx, dy = max(part.x0 - head.x1, head.x0 - part.x1, 0), max(part.y0 - head.y1, head.y0 - part.y1, 0)
    apart = PIXEL_ARCSEC * np.hypot(dx, dy)  # so near to the middle of the field a pixel is one everywhere
    beside = [max(low - at, at - high, 0) for at, low, high in ((head.x, part.x0, part.x1), (head.y, part.y0, part.y1))]
    was_over = np.hypot(*beside) > AT_PLACE_PX and part.frame_end < head.frame_start
    begins_with_it = CADENCE_S * abs(part.frame_start - head.frame_start) <= reach.within_s
    return apart <= reach.arcsec and begins_with_it and not was_over


@given(numbered, st.sampled_from([35.0, 105.0, 305.0]), st.integers(0, 20))
def test_every_part_is_near_its_strongest_and_no_two_strongest_are_near_each_other(sky, events, arcsec, minutes):
    reach = Reach(arcsec, 60.0 * minutes)
    found = with_companions(events, sky, reach, TOGETHER)
    assert sorted(track for e in found for track in e.tracks) == list(range(len(events)))
    heads = [max((events[t] for t in e.tracks), key=lambda p: (p.peak_score, -p.event)) for e in found]
    for one, head in zip(found, heads, strict=True):
        parts = [events[t] for t in one.tracks]
        assert all(may_join(part, head, reach) for part in parts)
        assert len({TOGETHER.get(part.kind) for part in parts}) == 1
        assert len(parts) == 1 or (head.kind in TOGETHER and all(part.level != CAMERA for part in parts))
        assert (one.kind, one.frame_start) == (head.kind, min(part.frame_start for part in parts))
    some = [head for head in heads if head.kind in TOGETHER and head.level != CAMERA]
    by_strength = sorted(some, key=lambda e: (-e.peak_score, e.event))
    pairs = [(part, head) for k, head in enumerate(by_strength) for part in by_strength[k + 1 :]]
    assert not any(may_join(*pair, reach) and TOGETHER[pair[0].kind] == TOGETHER[pair[1].kind] for pair in pairs)


@given(numbered, st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter_and_no_distance_joins_nothing(sky, events, random):
    shuffled = random.sample(events, len(events))
    reach = Reach(100.0, 720.0)

    def members(some: list[Event]) -> list[list[int]]:
        return sorted(sorted(e.tracks) for e in with_companions(some, sky, reach, TOGETHER))

    assert members(shuffled) == members(events)
    assert with_companions(events, sky, reach._replace(arcsec=0.0), TOGETHER) == events


def test_no_chain_leads_from_one_region_to_the_next(sky):
    """Three in a row, 80 arcsec apart, the strongest at one end: the far one is by itself."""
    row = [event(k, 20, 4 + 12 * k, 30, peak) for k, peak in enumerate((90.0, 30.0, 60.0))]
    found = with_companions(row, sky, Reach(100.0, 720.0), TOGETHER)
    assert [e.tracks for e in found] == [(0, 1), (2,)]


def test_they_begin_together_by_when_their_light_left_the_noise(sky):
    core, other = event(1, 20, 10, 30, 90.0), event(2, 45, 20, 30, 30.0)
    assert len(with_companions([core, other], sky, Reach(100.0, 720.0), TOGETHER)) == 2
    slow = replace(other, course=Course(24, 1.0, 600.0, 10))
    (found,) = with_companions([core, slow], sky, Reach(100.0, 720.0), TOGETHER)
    assert (found.parts, found.frame_start, found.frame_end, found.x0, found.x1) == (2, 20, 48, 10, 24)


@pytest.mark.parametrize(
    ("x", "wide", "lasts_frames", "parts"),
    [(20, WIDE, 2, 1), (20, 20, 2, 1), (20, WIDE, 9, 2), (10, WIDE, 2, 2)],
    ids=["over", "within the box that the flare has later", "still bright", "its own place"],
)
def test_a_small_flare_that_was_over_is_none_of_a_later_one_beside_it(sky, x, wide, lasts_frames, parts):
    """Its start, minutes too early, was that of the flare; a precursor at the flare's own place is its start."""
    flare = replace(event(1, 20, 10, 30, 90.0), x1=10 + wide)
    small = replace(event(2, 14, x, 30, 12.0), course=Course(13, 0.6, 60.0 * lasts_frames, lasts_frames))
    found = with_companions([flare, small], sky, Reach(100.0, 720.0), TOGETHER)
    assert [e.frame_start for e in found] == ([20, 14] if parts == 1 else [14])


def test_the_strongest_is_what_adds_most_light_where_that_is_known(sky):
    """A spark in a dark place stands out more than the flare beside it, whose place and time are those of both."""
    spark = replace(event(1, 18, 20, 30, 90.0), course=Course(18, 6.0, 600.0, 10, added=50.0))
    flare = replace(event(2, 20, 10, 30, 70.0), course=Course(20, 4.0, 600.0, 10, added=900.0))
    (found,) = with_companions([spark, flare], sky, Reach(100.0, 720.0), TOGETHER)
    assert (found.event, found.x, found.frame_start, found.parts) == (2, flare.x, 18, 2)
    (found,) = with_companions([spark, replace(flare, course=None)], sky, Reach(100.0, 720.0), TOGETHER)
    assert found.event == 1


@pytest.mark.parametrize(("unit", "minutes"), [("DN/s", 13), ("G", 121)])
def test_a_field_emerges_within_hours(tmp_path, unit, minutes):
    reel = solar_reel(tmp_path / "sun", np.ones((2, 8, 8)), CADENCE_S, PIXEL_ARCSEC, unit=unit)
    assert Reach.of(EvalConfig(group_distance_arcsec=150.0), reel) == (150.0, 60.0 * minutes)
