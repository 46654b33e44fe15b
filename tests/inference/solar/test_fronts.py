"""A front that is seen as arcs of a ring is one event, and so is what lights up in it; its flare is another."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import EvalConfig
from inference.events.course import Course
from inference.events.events import CAMERA, Event
from inference.events.joining.companions import Reach
from inference.events.joining.grouping import as_one, grouped
from inference.events.sky import Sky
from inference.solar.columns import measured
from inference.solar.fronts import diameter_arcsec, with_pieces
from inference.solar.happenings import as_happenings
from inference.solar.kinds import ALONE, BRIGHTENING, DARKENING, DIMMING, ENDS, FRONT, LIMB
from tests.support.sun_events import ONSET, front, quiet_sun, solar_reel, spot, tracks_of

CADENCE_S, PIXEL_ARCSEC, KM_S = 24.0, 3.0, 250.0
KM_PER_PX = 725.3 * PIXEL_ARCSEC
GROUP_PX = 6


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    return Sky(solar_reel(tmp_path_factory.mktemp("sky"), quiet_sun(60, 96), CADENCE_S, PIXEL_ARCSEC))


def event(
    number: int, first: int, lasts: int, x: int, peak: float, kind: str, level: str = "high", side: int = 8
) -> Event:
    """In a row of boxes, whose light leaves the noise in its first frame."""
    way = -1.0 if kind in (DARKENING, DIMMING) else 1.0
    course = Course(first, way, 600.0, 4, 1.0, KM_S if kind == FRONT else 0.0)
    place = (x + side / 2, 40.0 + side / 2, x, 40, x + side, 40 + side, side * side)
    frames = (first, first + lasts // 2, first + lasts, lasts)
    return Event(number, *frames, *place, peak, 1.0, level, (), (), "", 1, (number,), kind, course)


def arcs(flux, y, x, scale_km, cadence_s, out):
    """A ring of which only four arcs are seen, as in a corona that is dark between."""
    ring = front(flux, y, x, scale_km, cadence_s, out, km_s=KM_S, strength=1.5) - flux
    rows, columns = np.mgrid[: flux.shape[1], : flux.shape[2]]
    return flux + ring * (np.abs(np.cos(2 * np.arctan2(rows - y, columns - x))) > 0.55)


def happenings_of(flux, path) -> tuple[list[Event], list[Event]]:
    """Tracks of the frames, and the events that they come to, as `eval` joins them."""
    reel = solar_reel(path / "sun", flux, CADENCE_S, PIXEL_ARCSEC)
    sky = Sky(reel)
    tracks = measured(tracks_of(flux, reel), reel, sky)
    settings = EvalConfig(group_distance_px=GROUP_PX, group_distance_arcsec=30)
    groups = grouped(tracks, GROUP_PX, 3, ALONE, reel.times_s.item, ends=ENDS)
    return tracks, as_happenings(groups, tracks, sky, Reach.of(settings, reel), GROUP_PX, reel.times_s.item)


@pytest.mark.parametrize("seed", range(2))
def test_the_arcs_of_a_ring_are_one_front_and_its_flare_stays_beside_it(seed, tmp_path):
    quiet = quiet_sun(ONSET + 24, 96, seed)
    ring = arcs(quiet, 48, 48, KM_PER_PX, CADENCE_S, (0, 1))
    tracks, found = happenings_of(ring, tmp_path / "ring")
    assert sum(track.kind == FRONT for track in tracks) >= 3
    assert [(e.kind, e.parts) for e in found] == [(FRONT, len(tracks))]

    flare = spot(quiet, 48, 48, KM_PER_PX, CADENCE_S, (0, 1), rise=3, fade=30, strength=30.0, wide=1.5) - quiet
    later = np.concatenate([quiet[:6], quiet[6:] + (ring - quiet)[:-6]])
    _, both = happenings_of(later + flare, tmp_path / "both")
    assert sorted(e.kind for e in both) == [BRIGHTENING, FRONT]


def test_two_fronts_that_are_farther_apart_than_one_could_have_come_are_two(sky):
    near, far = event(1, 12, 8, 20, 20.0, FRONT), event(2, 12, 8, 80, 10.0, FRONT)
    reach_px = diameter_arcsec(near, sky) / PIXEL_ARCSEC
    assert 40 < reach_px < 50
    assert len(with_pieces([near, far], sky)) == 2
    assert len(with_pieces([near, replace(far, x0=64, x1=72)], sky)) == 1
    later = replace(far, x0=64, x1=72, frame_start=21, frame_peak=24, frame_end=30, course=Course(21, 1.0, 1.0, 4))
    assert len(with_pieces([near, later], sky)) == 2


@pytest.mark.parametrize(
    ("other", "is_of_it"),
    [
        (event(2, 13, 5, 24, 9.0, BRIGHTENING), True),
        (event(2, 13, 5, 24, 9.0, LIMB), True),
        (event(2, 12, 5, 24, 9.0, BRIGHTENING), False),  # not behind its begin: its flare
        (event(2, 13, 9, 24, 9.0, BRIGHTENING), False),  # goes on behind it
        (event(2, 13, 5, 24, 30.0, BRIGHTENING), False),  # stronger
        (event(2, 13, 5, 34, 9.0, BRIGHTENING), False),  # beside it
        (event(2, 13, 5, 24, 9.0, DIMMING), False),
        (event(2, 13, 5, 24, 9.0, "", CAMERA), False),
    ],
)
def test_what_lights_up_within_a_front_is_of_it(other, is_of_it, sky):
    ring = event(1, 12, 8, 20, 20.0, FRONT)
    found = with_pieces([other, ring], sky)
    assert len(found) == (1 if is_of_it else 2)
    if is_of_it:
        assert (found[0].kind, found[0].peak_score, found[0].tracks) == (FRONT, 20.0, (1, 2))


drawn = st.builds(
    partial(event, 0), st.integers(0, 40), st.integers(1, 15), st.integers(0, 80), st.integers(1, 99).map(float),
    st.sampled_from([FRONT, BRIGHTENING, LIMB, DIMMING]), st.sampled_from(["high", CAMERA]),
)  # fmt: skip


@given(st.lists(drawn, max_size=8))
def test_no_track_is_lost_and_only_fronts_take_in_others(sky, events):
    events = [replace(e, event=k, tracks=(k,), kind="" if e.level == CAMERA else e.kind) for k, e in enumerate(events)]
    found = with_pieces(events, sky)
    assert sorted(track for whole in found for track in whole.tracks) == list(range(len(events)))
    for whole in found:
        assert len(whole.tracks) == 1 or whole.kind == FRONT
        strongest = max((events[track] for track in whole.tracks), key=lambda e: e.peak_score)
        assert whole.peak_score == strongest.peak_score


@given(st.integers(1, 9), st.integers(0, 6), st.sampled_from([BRIGHTENING, LIMB]))
def test_a_flare_does_not_begin_with_what_got_dark_before_it(lead, gap, kind):
    """A net that has a flare in its window expects some of it in the frames before, which are darker than that."""
    flare = event(1, 20, 6, 20, 50.0, kind)
    ghost = event(2, 20 - gap - lead, lead, 20, 9.0, DARKENING)
    found = as_one([ghost, flare])
    assert (found.frame_start, found.frame_end, found.tracks) == (20, 26, (2, 1))
    assert found.course is not None
    assert found.course.onset == 20
    precursor = replace(ghost, kind=BRIGHTENING, course=Course(ghost.frame_start, 0.1, 60.0, 2))
    assert as_one([precursor, flare]).frame_start == ghost.frame_start
