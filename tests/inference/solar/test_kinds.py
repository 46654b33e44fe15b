"""Happenings planted into quiet frames: each of its kind, at its speed, and since when its light left the noise."""

from dataclasses import replace
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.events.course import Course
from inference.events.events import Event
from inference.events.facts import IDENTITY_COLUMNS
from inference.events.joining.grouping import grouped
from inference.events.sky import Sky
from inference.events.tables import events_table, in_order
from inference.solar.columns import COURSE_COLUMNS, SOLAR_COLUMNS, measured, with_solar_columns
from inference.solar.kinds import (
    ALONE,
    AWAY,
    BIPOLE,
    DARKENING,
    DIMMING,
    EMERGENCE,
    FADING,
    FRONT,
    NEARER,
    OF_FIELD,
    RECOVERY,
    kind_of,
    with_bipoles,
)
from tests.support.sun_events import HAPPENINGS, ONSET, dimming, front, quiet_sun, solar_reel, spot, tracks_of

CADENCE_S, PIXEL_ARCSEC, KM_PER_ARCSEC = 24.0, 3.0, 725.3
ON_DISC, OFF_DISC = (100.0, -200.0), (1010.0, 200.0)
OUT = {False: np.array([0.6, 0.8]), True: np.array([0.2, 0.98])}


def found(tmp_path, plant, off_disc=False, cadence_s=CADENCE_S, seed=0, frames=72, arcsec=PIXEL_ARCSEC):
    """Tracks with kinds, and the reel."""
    flux = plant(quiet_sun(frames, 64, seed), 32, 32, arcsec * KM_PER_ARCSEC, cadence_s, OUT[off_disc])
    reel = solar_reel(tmp_path / "sun", flux, cadence_s, arcsec, OFF_DISC if off_disc else ON_DISC)
    return measured(tracks_of(flux, reel), reel, Sky(reel)), reel


def strongest(events):
    return max(events, key=lambda e: e.peak_score)


@pytest.mark.parametrize("planted", HAPPENINGS, ids=lambda p: p.name)
def test_a_planted_happening_is_of_its_kind_and_starts_when_it_did(planted, tmp_path):
    event = strongest(found(tmp_path, planted.plant, planted.off_disc)[0])
    assert event.kind == planted.kind
    assert event.course is not None
    assert ONSET - 2 <= event.course.onset <= event.frame_start


def test_a_front_has_its_speed(tmp_path):
    course = strongest(found(tmp_path, front)[0]).course
    assert course is not None
    assert course.front_km_s == pytest.approx(400, rel=0.1)


@given(
    away=st.integers(4, 8),
    angle=st.floats(0, 6.28),
    later=st.integers(3, 10),
    strength=st.floats(2.0, 6.0),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_loops_that_light_up_one_behind_the_other_are_no_front(tmp_path, away, angle, later, strength):
    def flare(flux, y, x, *scale):
        core = spot(flux, y, x, *scale, rise=5, wide=1.3)
        loop = spot(flux, y + away * np.sin(angle), x + away * np.cos(angle), *scale, 5, 25, strength, 1.3) - flux
        return core + np.concatenate([np.zeros_like(flux[:later]), loop[:-later]])

    events = found(tmp_path / str(uuid4()), flare, frames=48, arcsec=9.6)[0]
    assert FRONT not in {event.kind for event in events}


def test_at_a_coarse_cadence_a_front_is_no_front_and_one_dark_frame_no_dimming(tmp_path):
    assert FRONT not in {e.kind for e in found(tmp_path / "a", front, cadence_s=900.0)[0]}
    brief = Course(onset=3, relative_change=-0.6, lasts_s=900.0, lasts_frames=2)
    dark = strongest(found(tmp_path / "b", dimming)[0])
    assert [kind_of(dark, c, 0.2) for c in (brief, dark.course)] == [DARKENING, DIMMING]


@pytest.mark.parametrize("strength", [0.0, 3.0, 300.0])
def test_a_dimming_is_one_also_where_its_box_holds_a_flare_that_fades(tmp_path, strength):
    """At three minutes a frame: what changed most in the box was the flare, which became only what it was before."""
    flux = dimming(quiet_sun(48, 64, 0), 32, 42, 1.0, 180.0, OUT[False])
    flux = spot(flux, 32, 24, 1.0, 180.0, OUT[False], rise=1, strength=strength)
    reel = solar_reel(tmp_path / "sun", flux, 180.0, PIXEL_ARCSEC, ON_DISC)
    dark = Event(1, ONSET + 4, ONSET + 8, 40, 20, 42.0, 32.0, 20, 24, 50, 40, 110, 40.0, 9.0, "high", change="darker")
    (found,) = measured([dark], reel, Sky(reel))
    assert found.kind == DIMMING


def test_a_slow_rise_is_found_late_and_back_dated(tmp_path):
    def slow(flux, *place):
        return spot(flux, *place, rise=25, strength=3.0, wide=4.0)

    tracks, reel = found(tmp_path, slow)
    events = in_order(grouped(tracks, 6, 20, ALONE))
    identity = dict.fromkeys(IDENTITY_COLUMNS, "x")
    table = events_table(events, reel.times_s, reel.times_utc).assign(**identity, instrument="")
    table.loc[0, "instrument"] = "cosmic ray"
    solar = with_solar_columns(table, events, reel)
    assert set(solar.columns) - set(table.columns) == {*SOLAR_COLUMNS, *COURSE_COLUMNS}
    first = solar.iloc[0]
    assert table["frame_start"][0] == first["frame_detected"] > first["frame_start"]
    assert abs(first["frame_start"] - ONSET) <= 1
    assert first["t_detected"] == table["t_start"][0]
    assert pd.Timestamp(first["t_detected"]) - pd.Timestamp(first["t_start"]) == pd.Timedelta(
        seconds=CADENCE_S * (first["frame_detected"] - first["frame_start"])
    )
    assert first["start_resolution_s"] == CADENCE_S
    assert first["kind"] == "cosmic ray"  # what is the camera's is of the camera's kind


def test_a_dimming_beside_its_flare_stays_an_event_of_its_own(tmp_path):
    def both(flux, y, x, *scale):
        return spot(dimming(flux, y, x - 14, *scale), y, x + 6, *scale)

    tracks, _ = found(tmp_path, both)
    assert len(tracks) == 2
    assert sorted(e.kind for e in grouped(tracks, 20, 20, ALONE)) == ["brightening", "dimming"]
    assert len(grouped(tracks, 20, 20)) == 1


def test_what_becomes_again_what_it_was_is_a_recovery(tmp_path):
    """As a detector sees it that compares with frames of the short darkness."""

    def short(flux, *place):
        return dimming(flux, *place, rise=1, lasts=6)

    tracks, reel = found(tmp_path, short)
    back = replace(
        strongest(tracks), change="brighter", frame_start=ONSET + 6, frame_peak=ONSET + 6, frame_end=ONSET + 8
    )
    assert [event.kind for event in measured([back], reel, Sky(reel))] == [RECOVERY]


def test_without_frames_before_sign_and_place_decide(tmp_path):
    flux = spot(quiet_sun(72, 64), 32, 32, KM_PER_ARCSEC * PIXEL_ARCSEC, CADENCE_S, None)
    reel = solar_reel(tmp_path / "sun", flux, CADENCE_S, PIXEL_ARCSEC)
    early = solar_reel(tmp_path / "early", flux[ONSET - 2 :], CADENCE_S, PIXEL_ARCSEC)
    (event,) = tracks_of(flux, reel)
    (seen,) = measured([replace(event, frame_start=2, frame_peak=4)], early, Sky(early))
    assert (seen.course, seen.kind) == (None, "brightening")


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("before_g", "after_g", "kind"), [(0, 300, EMERGENCE), (100, 400, EMERGENCE), (400, 60, FADING)]
)
def test_a_field_that_grows_emerges_and_one_that_weakens_fades_whatever_its_sign(
    tmp_path, sign, before_g, after_g, kind
):
    noise = np.random.default_rng(3).normal(0, 6, (48, 32, 32))
    grown = np.clip((np.arange(48) - ONSET + 1) / 4, 0, 1)[:, None, None]
    rows, columns = np.mgrid[:32, :32]
    patch = np.exp(-((rows - 16) ** 2 + (columns - 16) ** 2) / 8)
    field = noise + sign * patch * (before_g + (after_g - before_g) * grown)
    reel = solar_reel(tmp_path / "field", field, 720.0, 16.0, unit="G")
    event = strongest(measured(tracks_of(field, reel), reel, Sky(reel)))
    assert event.kind == kind
    assert event.change == ("brighter" if (after_g > before_g) == (sign > 0) else "darker")
    early = strongest(measured([replace(event, frame_start=2, frame_peak=3)], reel, Sky(reel)))
    assert early.kind == OF_FIELD


@pytest.mark.parametrize("background_m_s", [-800, 0, 800])
@pytest.mark.parametrize(("change_m_s", "kind"), [(400, AWAY), (-400, NEARER)])
def test_a_velocity_that_changes_is_a_shift_to_red_or_blue_whatever_it_was(tmp_path, background_m_s, change_m_s, kind):
    """A place that moves nearer and then stands still has neither dimmed nor brightened."""
    noise = np.random.default_rng(3).normal(0, 20, (48, 32, 32))
    grown = np.clip((np.arange(48) - ONSET + 1) / 4, 0, 1)[:, None, None]
    rows, columns = np.mgrid[:32, :32]
    patch = np.exp(-((rows - 16) ** 2 + (columns - 16) ** 2) / 8)
    velocity = noise + background_m_s + change_m_s * patch * grown
    reel = solar_reel(tmp_path / "velocity", velocity, 45.0, 16.0, unit="m/s")
    event = strongest(measured(tracks_of(velocity, reel), reel, Sky(reel)))
    assert event.kind == kind
    early = strongest(measured([replace(event, frame_start=2, frame_peak=3)], reel, Sky(reel)))
    assert early.kind == kind


emerging = st.lists(
    st.tuples(st.sampled_from(["brighter", "darker"]), st.sampled_from([EMERGENCE, FADING, RECOVERY])),
    min_size=1,
    max_size=5,
)


@given(emerging)
def test_flux_that_emerges_with_both_signs_is_a_bipole(parts):
    frames, place = (0, 1, 2, 3), (1.0, 1.0, 0, 0, 3, 3, 9)
    tracks = [
        Event(k, *frames, *place, 9.0 - k, 1.0, "high", change=change, tracks=(k,), kind=kind)
        for k, (change, kind) in enumerate(parts)
    ]
    whole = replace(tracks[0], tracks=tuple(range(len(tracks))))
    (found,) = with_bipoles([whole], tracks)
    signs = {change for change, kind in parts if kind == EMERGENCE}
    is_bipole = parts[0][1] == EMERGENCE and len(signs) == 2
    assert found == (replace(whole, kind=BIPOLE) if is_bipole else whole)


@pytest.mark.parametrize(("fades", "strength", "loss"), [(5, 8.0, 0.0), (9, 4.0, 0.0), (5, 8.0, 0.5)])
def test_behind_a_flare_only_what_is_darker_than_before_it_is_dark(tmp_path, fades, strength, loss):
    """A slow decay was told again as a darkening, once only the flare's tail was left in the half hour before."""
    first, last, place = ONSET + 40, ONSET + 60, (32, 32, PIXEL_ARCSEC * KM_PER_ARCSEC, 60.0, None)
    flux = quiet_sun(last + 2, 64, 0)
    flux = spot(dimming(flux, *place, loss=loss, wide=2.5) if loss else flux, *place, fade=fades, strength=strength)
    reel = solar_reel(tmp_path / "sun", flux, 60.0, PIXEL_ARCSEC, ON_DISC)
    box = {"x": 32.0, "y": 32.0, "x0": 26, "y0": 26, "x1": 39, "y1": 39, "change": "darker"}
    frames = {"frame_start": first, "frame_peak": last - 4, "frame_end": last}
    facts = {"event": 0, "n_frames": last - first, "area_px": 40, "peak_score": 20.0, "mean_score": 9.0}
    facts |= {"level": "high", "reasons": (), "unexplained": ()}
    (event,) = measured([Event(**facts, **box, **frames)], reel, Sky(reel))
    assert (event.kind == RECOVERY) == (not loss)
