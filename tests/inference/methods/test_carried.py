"""What a place does now and then is known where the Sun has carried it to, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import EvalConfig
from data.reel.reel import Reel
from inference.calibration.quiet.ranges import QuietRange
from inference.events.sky import Sky
from inference.methods.excess import Excess, ExcessConfig
from inference.methods.flux.carried import (
    LONGEST_S,
    Carried,
    Moment,
    moments_of,
    moved,
    places_of,
)
from inference.methods.flux.spreads import strangeness
from tests.support.reels import make_reel
from tests.support.sun_events import solar_reel

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
CADENCE_S, PIXEL_ARCSEC, SIDE, FRAMES = 900.0, 9.6, 64, 97  # a day
WHOLE = np.array([32.5, 32.5, 36.0, 36.0, 0, 0, 0, 959.6, 0, 0, 1.496e11])  # the disc has a radius of 26.6 px


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> Reel:
    flux = np.full((FRAMES, SIDE, SIDE), 100.0)
    return solar_reel(tmp_path_factory.mktemp("day") / "day", flux, CADENCE_S, PIXEL_ARCSEC)


def where(reel: Reel, frames: np.ndarray, y: float = 30.0, x: float = 12.0) -> np.ndarray:
    """Where (n, 2) a place of the first frame, y and x, is in others."""
    zeros = np.zeros(len(frames), int)
    found = Sky(reel).carried(zeros, frames, np.full(len(frames), x), np.full(len(frames), y))
    return np.stack(found[::-1], axis=1)


def flickering(count: int, at: np.ndarray, size: float, seed: int = 0) -> np.ndarray:
    """Quiet flux (T, H, W) with a place at (T, 2) that flares up in one frame of four."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices((SIDE, SIDE))
    flux = 100 * (1 + 0.02 * random.standard_normal((count, SIDE, SIDE)))
    is_on = (random.random(count) < 0.25)[:, None, None]
    distance2 = np.stack([(rows - y) ** 2 + (columns - x) ** 2 for y, x in at])
    return flux + size * is_on * np.exp(-distance2 / (2 * 1.5**2))


def test_a_pixel_is_from_where_rotation_has_brought_it_from(day):
    """Places are those of `Sky.carried`, the other way round."""
    then, now = moments_of(day, 0, 1) + moments_of(day, FRAMES - 1, FRAMES)
    assert then is not None
    assert now is not None
    places = places_of(now, then, (SIDE, SIDE))
    (y, x), middle = where(day, np.array([FRAMES - 1]))[0], np.array([30.0, 12.0])
    assert abs(x - middle[1]) > 10
    ramps = np.indices((SIDE, SIDE), np.float32)
    assert places is not None
    found = moved(ramps, places)[:, round(y), round(x)]
    np.testing.assert_allclose(found + np.array([y - round(y), x - round(x)]), middle, atol=0.05)


@given(st.floats(-LONGEST_S * 2, LONGEST_S * 2))
def test_a_place_is_known_for_as_long_as_it_lasts(seconds):
    maps = np.ones((2, SIDE, SIDE), np.float32)
    found = Carried(Moment(WHOLE, 0.0), maps).at(Moment(WHOLE, seconds))
    assert np.isfinite(found[:, SIDE // 2, SIDE // 2]).all() == (abs(seconds) <= LONGEST_S)
    assert np.isfinite(found).any() == (abs(seconds) <= LONGEST_S)


def test_what_has_come_over_the_limb_and_into_view_is_strange():
    places = places_of(Moment(WHOLE, 1.5 * 86400), Moment(WHOLE, 0.0), (SIDE, SIDE))
    assert places is not None
    row = places.in_view[32]
    assert not row[5:7].any()  # the eastern limb, which is on the left
    assert row[:4].all()  # beside it
    assert row[8:58].all()
    aside = WHOLE.copy()
    aside[0] += 10  # the camera points 10 px to the left: what it saw is 10 px farther right
    places = places_of(Moment(aside, 0.0), Moment(WHOLE, 0.0), (SIDE, SIDE))
    assert places is not None
    assert not places.in_view[:, :10].any()
    assert places.in_view[:, 10:].all()


def test_a_frame_without_place_or_time_has_no_moment(tmp_path, day):
    flux = np.full((4, 1, SIDE, SIDE), 1.0)
    assert moments_of(make_reel(tmp_path / "no_place", flux), 0, 4) == [None] * 4
    assert moments_of(make_reel(tmp_path / "no_time", flux, start_utc=None), 1, 3) == [None] * 2
    assert [m.at_s for m in moments_of(day, 3, 5) if m] == pytest.approx([1342656000 + 3 * 900, 1342656000 + 4 * 900])


def test_a_place_that_flickers_is_no_news_after_the_sun_has_turned(tmp_path, day):
    """It flickers 12 px farther in the evening than in the morning, when it was learnt."""
    at, size = where(day, np.arange(FRAMES)), 150.0
    flux = flickering(FRAMES, at, size)
    reel = solar_reel(tmp_path / "turning", flux, CADENCE_S, PIXEL_ARCSEC)
    staying = flickering(FRAMES, np.repeat(at[:1], FRAMES, axis=0), size)
    still = solar_reel(tmp_path / "still", staying, CADENCE_S, PIXEL_ARCSEC)
    evening = {}
    for name, of in (("turning", reel), ("still", still)):
        method = Excess(ExcessConfig("excess"), {}, dict(zip(of.channels, of.stretches, strict=True)), 8)
        method.fit([QuietRange(of, 0, 40, "train")], seed=0)
        maps = np.stack([f.residual for f in method.frames(of, 80, FRAMES, RAW)])
        evening[name] = maps
    assert evening["turning"].max() < 0.5 * evening["still"].max()


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 5))
def test_strange_places_are_as_wide_as_what_is_rare_there_asks_for(seed, factor):
    known = np.random.default_rng(seed).exponential(size=(3, 20)) + 1
    found = strangeness(known, factor * known)
    np.testing.assert_allclose(found, max(factor, 1), rtol=1e-5)
    assert (strangeness(np.zeros((3, 20)), known) == 1).all()


@given(st.floats(-40, 40).filter(lambda hours: abs(hours) > 0.2), st.floats(-5, 5), st.booleans())
def test_off_the_limb_what_was_hidden_is_strange_on_the_side_that_comes_in(hours, roll_deg, turned):
    """In the east and, earlier, in the west, wherever these are in the picture: the lower, the sooner."""
    wcs = WHOLE.copy()
    wcs[6] = roll_deg + 180 * turned
    found = Carried(Moment(wcs, 0.0), np.ones((1, SIDE, SIDE), np.float32)).at(Moment(wcs, 3600.0 * hours))[0]
    rows, columns = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    roll = np.radians(wcs[6])
    west, north = columns * np.cos(roll) - rows * np.sin(roll), columns * np.sin(roll) + rows * np.cos(roll)
    radius = np.hypot(rows, columns) * 36 / 959.6
    equator = (abs(north) < 3) & (radius > 1)
    comes_in, deg = west * hours < 0, 13.2 / 24 * abs(hours)
    low, high = (radius * np.cos(np.radians(deg)) < edge for edge in (0.99, 1.01))
    assert np.isnan(found[equator & comes_in & low]).all()
    assert np.isfinite(found[equator & comes_in & ~high]).all()
    assert np.isfinite(found[equator & ~comes_in]).all()


def test_a_region_that_turns_to_the_western_limb_brings_what_is_known_of_it_over_the_limb():
    """Its loops reach over; far along the limb, and farther out, nothing is known of it."""
    maps = np.ones((1, SIDE, SIDE), np.float32)
    maps[0, 28:36, 50:59] = 9.0  # at 0.69 to 1.02 radii
    found = Carried(Moment(WHOLE, 0.0), maps).at(Moment(WHOLE, 16 * 3600.0))[0]
    assert found[32, 59] > 5  # at 1.03 radii
    assert found[32, 63] < 1.01
    assert found[10, 49] < 1.01


@given(st.floats(-16, 16), st.floats(0.02, 0.2))
def test_off_the_limb_nothing_ends_at_once(hours, height):
    """The shine of a region fades outwards, and so does what is known of it, wherever it has turned to."""
    wcs = WHOLE.copy()
    wcs[2:4] = 60.0  # out to twice the Sun's radius
    rows, columns = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    radius = np.hypot(rows, columns) * 60 / 959.6
    known = np.exp(-np.maximum(radius - 1, 0) / height).astype(np.float32)[None]
    found = Carried(Moment(wcs, 0.0), known).at(Moment(wcs, 3600.0 * hours))[0, SIDE // 2]
    for outward in (found[50:], found[13::-1]):  # from 1.1 radii on
        assert (outward[1:] >= np.exp(-1.05 * 60 / 959.6 / height) * outward[:-1] - 1e-6).all()


@given(st.floats(-40, 40), st.integers(0, 2**32 - 1))
def test_backward_in_time_the_limbs_change_roles(hours, seed):
    """A Sun in a mirror turns as one backward in time does: so is what is known of both, strange places too."""
    maps = np.random.default_rng(seed).lognormal(size=(1, SIDE, SIDE)).astype(np.float32)
    then, now, before = (Moment(WHOLE, at_s) for at_s in (0.0, 3600.0 * hours, -3600.0 * hours))
    found = Carried(then, maps).at(now)
    mirrored = Carried(then, maps[..., ::-1].copy()).at(before)[..., ::-1]
    np.testing.assert_allclose(found, mirrored, rtol=2e-3, atol=1e-3)


def test_off_the_limb_where_others_come_into_view_places_are_strange(tmp_path):
    """A calm limb tells nothing of the regions that turn up there, the next morning; where they leave, it does."""
    random = np.random.default_rng(0)
    flux = 100 * (1 + 0.02 * random.standard_normal((33, SIDE, SIDE)))
    reel = solar_reel(tmp_path / "whole", flux, CADENCE_S, 36.0)
    method = Excess(ExcessConfig("excess"), {}, dict(zip(reel.channels, reel.stretches, strict=True)), 8)
    method.fit([QuietRange(reel, 0, len(reel), "train")], seed=0)
    method.arrays["strange"] = np.full_like(method.arrays["strange"], 4.0)
    method.open(reel, 0, len(reel))
    by_brightness = method.arrays["typical"] * np.ones((1, 1, SIDE, SIDE), np.float32)
    (morning,) = moments_of(reel, 0, 1)
    assert morning is not None
    method._moment = morning._replace(at_s=morning.at_s + 40 * 3600)
    ratio = (method._spreads(by_brightness) / by_brightness)[0, 0, 32]  # over the nearest background
    east, west = ratio[4:6], ratio[-6:-4]  # at 1.07 and 1.03 radii
    assert east.min() >= 3.99
    assert west.max() < 3
