"""Which tracks are clouds: by their size, by what lies beside them in time, and never a flare well before them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.camera.watch import CLOUDS
from inference.events.events import Event
from inference.events.sky import Sky
from inference.solar.clouds import without_clouds
from tests.support.clouds import PIXEL_ARCSEC, SIDE, disc
from tests.support.sun_events import solar_reel

GAP, DISC_PX = 4, 5000


@pytest.fixture(scope="module")
def sun(tmp_path_factory):
    reel = solar_reel(tmp_path_factory.mktemp("s") / "s", disc(3), 6.0, PIXEL_ARCSEC)
    return reel, Sky.of(reel)


def track(number: int, first: int, last: int, change: str, area_px: int, score: float = 20.0) -> Event:
    middle = SIDE / 2
    return Event(
        number, first, first, last, last - first + 1, middle, middle, 40, 40, 50, 50, area_px, score, score, "high",
        change=change,
    )  # fmt: skip


def clouds_of(sun, *tracks: Event) -> list[int]:
    reel, sky = sun
    return [e.event for e in without_clouds(tracks, [], reel, sky, GAP) if CLOUDS in e.reasons]


@settings(max_examples=60, deadline=None)
@given(
    before=st.integers(GAP + 1, 200), lasts=st.integers(1, 200), goes_on=st.integers(0, 200),
    area_px=st.integers(3, DISC_PX // 5), score=st.floats(5, 500),
)  # fmt: skip
def test_a_flare_well_before_clouds_is_the_suns_however_large_and_long(sun, before, lasts, goes_on, area_px, score):
    bank = track(1, 300, 300 + lasts, "darker", DISC_PX, 100.0)
    flare = track(2, 300 - before, 300 - before + goes_on, "brighter", area_px, score)
    assert clouds_of(sun, bank, flare) == [1]


def test_the_edges_of_clouds_are_theirs_and_so_is_what_was_held_against_them(sun):
    bank = track(1, 300, 339, "darker", DISC_PX, 100.0)
    edge, clearing = track(2, 270, 310, "darker", 200), track(3, 370, 380, "brighter", 200)
    assert clouds_of(sun, bank, edge, clearing) == [1, 2, 3]
    assert clouds_of(sun, bank, track(2, 299, 320, "brighter", 200)) == [1, 2]
