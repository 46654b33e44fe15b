"""Events matched with flares: in time, in place, and the summary of both."""

import json
import math
from itertools import combinations

import astropy.units as u
import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from sunpy.coordinates import Helioprojective, get_earth
from sunpy.physics.differential_rotation import solar_rotate_coordinate

from data.labels.sun.catalog import flux_of_class, read_catalog
from inference.events.matching import BOX, MATCH_COLUMNS, Observed, catalog_summary, concordance_index, match_flares
from inference.events.sky import rotated_from_earth
from inference.events.tables import events_table
from tests.support.flares import FOLDER, MINUTE, NOON, at, events_at, flares_at, match, needs_shared, watched

FLARE = (0, 10, 20, "M1.0", math.nan, math.nan)


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [(-30, -15, True), (-30, -15.001, False), (35, 60, True), (35.001, 60, False), (5, 6, True), (-100, 100, True)],
)
def test_time_tolerance_is_closed(start, end, found):
    matches, flares_of = match(events_at((start, start, end, 1.0)), flares_at(FLARE))
    assert matches["status"].tolist() == ["found" if found else "missed"]
    assert [bool(f) for f in flares_of] == [found]


minutes = st.tuples(st.integers(-60, 60), st.integers(0, 30), st.integers(0, 30))


@given(events=st.lists(minutes, max_size=5), flares=st.lists(minutes, max_size=5), tolerance=st.integers(0, 20))
def test_matching_in_time_equals_looking_at_every_pair(events, flares, tolerance):
    def whole(rows, *rest):
        return [(start, start + rise, start + rise + decay, *rest) for start, rise, decay in rows]

    events, flares = whole(events, 1.0), whole(flares, "C1", math.nan, math.nan)
    pairs = {
        (f, e)
        for f, flare in enumerate(flares)
        for e, event in enumerate(events)
        if max(flare[0] - tolerance, event[0]) <= min(flare[2] + tolerance, event[2])
    }
    matches, flares_of = match(events_at(*events), flares_at(*flares), tolerance_min=tolerance)
    assert list(matches.columns) == list(MATCH_COLUMNS)
    assert matches["n_events"].tolist() == [sum(f == i for f, _ in pairs) for i in range(len(flares))]
    assert [bool(f) for f in flares_of] == [any(e == i for _, e in pairs) for i in range(len(events))]
    best = [max((min(flare[2], events[e][2]) - max(flare[0], events[e][0]) for i, e in pairs if i == f), default=None)
            for f, flare in enumerate(flares)]  # fmt: skip
    for flare, number, common in zip(flares, matches["event"], best, strict=True):
        assert pd.isna(number) == (common is None)
        if common is not None:
            event = events[number - 1]
            assert min(flare[2], event[2]) - max(flare[0], event[0]) == common


def test_a_flare_is_matched_where_rotation_carried_it():
    flare = (0, 0, 720, "M1.0", 0.0, 0.0)  # at disc centre at noon, about 110 arcsec west of it at midnight
    events = events_at(
        (715, 720, 725, 9.0), (715, 720, 725, 1.0), hpc_x_arcsec=[0.0, 110.0], hpc_y_arcsec=[0.0, 0.0]
    )  # fmt: skip
    matches, flares_of = match(events, flares_at(flare), watched(-60, 760), distance_arcsec=50)
    assert matches["event"].tolist() == [2]
    assert [bool(f) for f in flares_of] == [False, True]
    assert matches["distance_arcsec"][0] < 5


def test_rotation_of_many_equals_one_at_a_time():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-600, 600, (2, 6))
    before, after = at(rng.uniform(-600, 600, 6)), at(rng.uniform(-3000, 3000, 6))
    new = np.stack(rotated_from_earth(x, y, before, after), axis=1)
    # sunpy follows the Earth's own motion, which is up to 2 e = 3.4 % faster or slower than its mean of 0.9856 deg a
    # day; a degree at the centre of the disc is 17 arcsec.
    bound_arcsec = 17 * 0.034 * 0.9856 * np.abs(after - before) / np.timedelta64(1, "D")
    for i in range(6):
        frame = Helioprojective(observer="earth", obstime=str(before[i]))
        place = SkyCoord(x[i] * u.arcsec, y[i] * u.arcsec, frame=frame)
        one = solar_rotate_coordinate(place, observer=get_earth(str(after[i])))
        away = np.hypot(*(new[i] - [one.Tx.to_value("arcsec"), one.Ty.to_value("arcsec")]))
        assert away < bound_arcsec[i]
    assert np.hypot(*(new - np.stack([x, y], axis=1)).T).min() > 1


def test_places_off_and_behind_the_limb_stay():
    x, y = np.array([1000.0, 919.2, 0.0]), np.array([0.0, -214.3, 0.0])
    new_x, new_y = rotated_from_earth(x, y, at([0, 0, 0]), at([600, 4320, 60]))
    assert (new_x[:2].tolist(), new_y[:2].tolist()) == (x[:2].tolist(), y[:2].tolist())
    assert 8 < new_x[2] < 11


def test_unknown_places_leave_the_decision_to_time():
    far = events_at((0, 10, 20, 1.0), hpc_x_arcsec=[-900.0], hpc_y_arcsec=[0.0])
    place, no_place = (*FLARE[:4], 900.0, 0.0), FLARE
    matches, _ = match(far, flares_at(place, no_place))
    assert matches["status"].tolist() == ["missed", "found"]
    assert matches["distance_arcsec"].isna().all()
    nowhere = far.assign(hpc_x_arcsec=math.nan)
    without_wcs = far.drop(columns=["hpc_x_arcsec", "hpc_y_arcsec"])
    for events in (nowhere, without_wcs):
        assert match(events, flares_at(place, no_place))[0]["status"].tolist() == ["found", "found"]


def test_distance_is_to_the_box_where_there_is_one():
    # An arcade: its centroid is 300 arcsec from the flare, its box reaches to within 30 west and 40 north of it.
    events = events_at((0, 10, 20, 1.0), hpc_x_arcsec=[300.0], hpc_y_arcsec=[0.0])
    box = dict(zip(BOX, (30.0, 40.0, 600.0, 90.0), strict=True))
    flares = flares_at((*FLARE[:4], 0.0, 0.0))

    def distance(events, limit):
        return match(events, flares, distance_arcsec=limit)[0]["distance_arcsec"][0]

    boxed = events.assign(**box)
    assert distance(boxed, 50.1) == pytest.approx(50, abs=0.01)
    assert math.isnan(distance(boxed, 49.9))
    for centroid_only in (events, boxed.assign(hpc_x0_arcsec=math.nan)):
        assert distance(centroid_only, 300.1) == pytest.approx(300, abs=0.01)
        assert math.isnan(distance(centroid_only, 299.9))
    assert distance(boxed.assign(hpc_x0_arcsec=-10.0, hpc_y0_arcsec=-10.0), 1) == 0


def test_the_best_event_of_a_flare():
    times = [(-9, 0, -1, 99.0), (5, 6, 7, 9.0), (5, 10, 15, 1.0), (5, 12, 15, 2.0), (5, 10, 15, 2.0)]
    events = events_at(*times, hpc_x_arcsec=[0.0, 0.0, 0.0, 200.0, 100.0], hpc_y_arcsec=0.0)
    flares = flares_at((*FLARE[:4], 0.0, 0.0))
    # Longest common time, then peak score, then distance, in this order.
    for dropped, best in [((), 5), ((5,), 4), ((5, 4), 3), ((5, 4, 3), 2), ((5, 4, 3, 2), 1)]:
        some = events[~events["event"].isin(dropped)]
        matches, flares_of = match(some, flares)
        assert (matches["event"].tolist(), matches["n_events"].tolist()) == ([best], [len(some)])
        assert all(flares_of)
    only = match(events[events["event"] == 2], flares)[0].iloc[0]
    assert (only["lead_start_s"], only["lead_peak_s"], only["peak_score"]) == (300, -300, 9.0)


def test_only_flares_in_observed_time_count():
    # Frames every 10 min, a gap between 60 and 120 min; an interval reaches half a cadence beyond its frames.
    observed = Observed.of(at([*range(0, 61, 10), *range(120, 181, 10)]), 600, 3.0)
    assert observed.days == pytest.approx(14 * 10 / 1440)
    times = [-10, -5, 1, 9, 65, 66, 90, 115, 185, 186]
    rows = [(t - 1, t, t + 1, "C1", math.nan, math.nan) for t in (-30, *times, 250)]
    matches, _ = match(events_at((92, 93, 94, 1.0)), flares_at(*rows), observed, tolerance_min=14)
    assert matches["peak"].tolist() == at(times).astype(str).tolist()
    assert matches.loc[matches["observed"], "peak"].tolist() == at([-5, 1, 9, 65, 115, 185]).astype(str).tolist()
    assert matches["n_frames"].tolist() == [0, 0, 1, 1, 0, 0, 0, 0, 0, 0]  # at its start, at its end
    status = dict(zip(times, matches["status"], strict=True))
    assert (status[-10], status[9], status[66], status[90]) == ("not observed", "missed", "not observed", "found")


@pytest.mark.parametrize("times", [[], [NOON, NOON - MINUTE], [NOON, np.datetime64("NaT", "ms")]])
def test_observed_time_needs_times(times):
    with pytest.raises(ValueError, match="known UTC times in order"):
        Observed.of(np.array(times, "datetime64[ms]"), 60, 3.0)


def test_summary_by_hand():
    flares = flares_at(
        (-300, -290, -280, "C1.0", math.nan, math.nan),
        (-200, -190, -180, "C2.0", math.nan, math.nan),
        (-100, -90, -80, "M1.0", math.nan, math.nan),
        (0, 10, 20, "X1.0", math.nan, math.nan),
        (601, 605, 610, "X2.0", math.nan, math.nan),  # after the last frame
        (99.2, 99.5, 99.8, "B1.0", math.nan, math.nan),  # between two frames
    )
    events = events_at((-201, -190, -180, 5.0), (-95, -90, -80, 4.0), (2, 10, 20, 9.0), (300, 310, 320, 7.0))
    observed = watched()
    matches, flares_of = match(events, flares, observed)
    assert catalog_summary(matches, events, flares_of, observed) == {
        "observed": 5,
        "found": 3,
        "missed": 2,
        "recall": 0.6,
        "flares_not_observed": 1,
        "flares_without_frame": 1,
        "by_class": {
            "B": {"observed": 1, "found": 0, "missed": 1, "recall": 0.0},
            "C": {"observed": 2, "found": 1, "missed": 1, "recall": 0.5},
            "M": {"observed": 1, "found": 1, "missed": 0, "recall": 1.0},
            "X": {"observed": 1, "found": 1, "missed": 0, "recall": 1.0},
        },
        "events_confirmed": 3,
        "events_unconfirmed": 1,
        "observed_days": round(1201 / 1440, 4),
        "events_unconfirmed_per_day": round(1440 / 1201, 4),
        "median_lead_start_s": 120.0,  # of -60, 300, 120
        "median_lead_peak_s": -480.0,  # of -660, -300, -480
        "concordance": pytest.approx(2 / 3),
        "concordance_pairs": 3,
        "flares_by_event": {"1": ["F1"], "2": ["F2"], "3": ["F3"]},
        "unconfirmed_events": [4],
    }


def test_summary_of_nothing_is_strict_json():
    observed = watched(0, 10)
    events = events_table([], np.arange(11.0), at(np.arange(11)))
    matches, flares_of = match(events, flares_at(), observed)
    summary = json.loads(json.dumps(catalog_summary(matches, events, flares_of, observed), allow_nan=False))
    assert summary["recall"] is summary["median_lead_start_s"] is summary["concordance"] is None
    assert (summary["observed"], summary["by_class"], summary["events_unconfirmed"]) == (0, {}, 0)
    missed, flares_of = match(events, flares_at(FLARE), watched())
    assert missed["status"].tolist() == ["missed"]
    json.dumps(catalog_summary(missed, events, flares_of, watched()), allow_nan=False)


def naive_concordance(severity, flux):
    pairs = [(i, j) for i, j in combinations(range(len(flux)), 2) if flux[i] != flux[j]]
    right = sum(
        0.5 if severity[i] == severity[j] else float((severity[i] > severity[j]) == (flux[i] > flux[j]))
        for i, j in pairs
    )
    return right / len(pairs) if len(pairs) >= 2 else None


@given(pairs=st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["B5", "C1.9", "C2", "M1", "X1"])), max_size=25))
def test_concordance_equals_its_definition(pairs):
    severity = np.array([s for s, _ in pairs], float)
    flux = np.array([flux_of_class(c) for _, c in pairs])
    assert concordance_index(severity, flux) == naive_concordance(severity, flux)
    if len(pairs):
        assert concordance_index(severity, np.log10(flux)) == concordance_index(severity, flux)


def test_concordance_by_hand():
    flux = np.array([1e-6, 1e-5, 1e-4])
    assert concordance_index(np.array([1.0, 2.0, 3.0]), flux) == 1
    assert concordance_index(np.array([3.0, 2.0, 1.0]), flux) == 0
    assert concordance_index(np.array([2.0, 2.0, 2.0]), flux) == 0.5
    assert concordance_index(np.array([1.0, 2.0]), flux[:2]) is None


@needs_shared
def test_the_m77_flare_is_matched_by_its_arcade():
    times = pd.read_csv(FOLDER / "aia_193_frame_times.csv")["date_obs"].to_numpy("datetime64[ms]")
    observed = Observed.of(times, 900, 3.0)
    events = pd.DataFrame(
        {"event": [1, 2], "t_start": times[[20, 20]].astype(str), "t_peak": times[[23, 23]].astype(str)}
    )
    events = events.assign(t_end=times[[40, 40]].astype(str), peak_score=[50.0, 5.0])
    events = events.assign(hpc_x_arcsec=[1050.0, -900.0], hpc_y_arcsec=[-290.0, 300.0])
    matches, flares_of = match_flares(events, read_catalog(FOLDER / "flares_2012-07.csv"), observed, 15, 250)
    found = matches[matches["status"] == "found"]
    assert found[["goes_class", "event", "n_events"]].to_numpy().tolist() == [["M7.7", 1, 1]]
    assert found["distance_arcsec"].iloc[0] == pytest.approx(math.hypot(1050 - 919.2, -290 + 214.3), abs=3)
    assert matches["goes_class"].tolist() == ["C2.4", "C1.3", "M7.7", "C1.5", "C1.1"]
    assert [bool(f) for f in flares_of] == [True, False]
