"""Summaries of results against labels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import load
from inference.events.boxes import Box
from inference.events.facts import told_variables
from inference.events.tables import in_order
from inference.results.collected import NAMED_VARIABLES, shares_of
from inference.results.results import Results, told_comparisons, told_kind, told_sky
from tests.support.reels import drifting_blobs, make_reel
from tests.support.sun_events import solar_reel


def test_watched_are_frames_with_score_and_label_between_gaps(tmp_path):
    times_s = 10.0 * np.arange(12)
    times_s[6:] += 1000
    labels = [0.0] * 12
    labels[9] = np.nan
    reel = make_reel(tmp_path / "cam", drifting_blobs(12), 10.0, times_s=times_s, labels=labels)
    results = Results(reel, load(None).eval)
    for frame in (0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11):
        results.add(frame, np.zeros((24, 24)), [], 0.0)
    assert results.watched().tolist() == [[0, 30], [40, 60], [1060, 1090], [1100, 1120]]


def test_false_alarms_are_counted_by_the_hour_that_was_watched(tmp_path):
    labels = np.isin(np.arange(100), range(40, 50)).astype(float)
    reel = make_reel(tmp_path / "cam", drifting_blobs(100), 36.0, labels=labels)
    results = Results(reel, load(None).eval)
    for frame in range(100):
        results.add(frame, np.full((24, 24), frame % 7.0), [], 0.0)
    events = pd.DataFrame({"instrument": ["", "", "", "cosmic ray"], "frame": [5, 44, 80, 90]})
    events["time_start_s"] = events["time_end_s"] = 36.0 * events["frame"]
    found = results.metrics(events, low=3.0)["metrics"]
    # Watched: an hour. Not quiet: the labelled frames, from one cadence before the first to one behind the last.
    assert found["false_alarms_per_hour"] == pytest.approx(2 / (1 - 11 * 36 / 3600))


def test_every_box_names_its_event_and_its_track(tmp_path):
    def box(x, peak, y=2):
        return Box(x, y, x + 3, y + 3, x + 1.0, y + 1.0, peak, peak / 2, 9, "low")

    reel = make_reel(tmp_path / "cam", drifting_blobs(12), 10.0)
    changes = {"eval.group_distance_px": 4.0, "eval.min_frames": 2}
    results = Results(reel, load(None, changes).eval)
    ribbons, late, stray = [box(0, 9.0), box(5, 4.0)], [box(18, 7.0)], [box(12, 3.0, y=15)]
    for frame, boxes in enumerate([ribbons, ribbons[::-1], [], [], [], stray, [], [], [], late, late, []]):
        results.add(frame, np.zeros((24, 24)), boxes, 0.0)
    results.events = in_order(results.found())
    assert [(e.frame_start, e.parts) for e in results.events] == [(0, 2), (9, 1)]
    table = results.box_table()
    assert table["parent"].tolist() == [1, 1, 1, 1, pd.NA, 2, 2]
    parts = table["part"].tolist()
    assert parts[:2] == parts[3:1:-1]
    assert len(set(parts)) == 4


@pytest.mark.parametrize(
    ("arcsec", "within_min", "parts"), [(0.0, 12.0, [1, 1]), (100.0, 12.0, [2]), (100.0, 0.0, [1, 1])]
)
def test_on_the_sun_what_begins_with_a_flare_in_its_region_is_one_event_with_it(tmp_path, arcsec, within_min, parts):
    """Two places 90 arcsec apart that light up one after the other."""
    flux = np.full((20, 24, 24), 100.0)
    flux[8:14, 4:7, 2:5], flux[10:14, 4:7, 14:17] = 900.0, 500.0
    reel = solar_reel(tmp_path / "sun", flux, 60.0, 10.0)
    changes = {"eval.group_distance_arcsec": arcsec, "eval.group_within_min": within_min}
    results = Results(reel, load(None, changes).eval)
    for frame in range(20):
        boxes = [
            Box(x, 4, x + 3, 7, x + 1.0, 5.0, peak, peak / 2, 9, "high", change="brighter")
            for x, peak, first in ((2, 9.0, 8), (14, 5.0, 10))
            if first <= frame < 14
        ]
        results.add(frame, np.zeros((24, 24)), boxes, 0.0)
    assert [event.parts for event in in_order(results.found())] == parts


@given(
    st.lists(st.one_of(st.just(0.0), st.floats(1e-9, 1e30)), min_size=1, max_size=8), st.sampled_from([1e-6, 1.0, 1e6])
)
def test_shares_are_those_of_the_squares_whatever_the_unit(parts, unit):
    names, squares = [f"v{c}" for c in range(len(parts))], [part**2 for part in parts]
    found = shares_of(names, unit * np.array(parts))
    assert len(found) == min(NAMED_VARIABLES, sum(part * unit > 0 for part in parts))
    for variable, share in found:
        assert share == pytest.approx(squares[int(variable[1:])] / sum(squares), rel=1e-6, abs=1e-12)
    assert [n.share for n in found] == sorted((n.share for n in found), reverse=True)


def test_variables_are_told_with_their_shares_where_there_are_any():
    assert told_variables({"variables": "heat; flow", "shares": "0.71; 0.20"}) == "heat 71%, flow 20%"
    assert told_variables({"variables": "a; b", "shares": "1.00"}) == "a; b"  # a name with the separator in it
    assert told_variables({"variables": np.nan, "shares": np.nan}) == told_variables({}) == ""


@pytest.mark.parametrize(
    ("row", "kind", "place"),
    [
        ({"change": ""}, "", ""),
        ({"change": "stands for 14 s"}, "stands for 14 s", ""),
        (
            {"change": "brighter", "kind": "brightening", "x": -312.4, "y": 88.2, "lon": -19.4, "lat": 5.6},
            *("brightening", " (-312, 88 arcsec, N06E19)"),
        ),
        (
            {"change": "darker", "kind": "dimming", "x": 500.0, "y": -300.0, "lon": 31.0, "lat": -18.0},
            *("dimming", " (500, -300 arcsec, S18W31)"),
        ),
        (
            {"change": "", "kind": "eruption", "x": -1200.0, "y": 3.0, "lon": np.nan, "lat": np.nan},
            *("eruption", " (-1200, 3 arcsec)"),
        ),
        ({"change": "brighter", "kind": "", "x": np.nan, "y": np.nan, "lon": np.nan, "lat": np.nan}, "brighter", ""),
    ],
)
def test_the_console_tells_what_an_event_is_and_where_on_the_sun(row, kind, place):
    names = {"x": "hpc_x_arcsec", "y": "hpc_y_arcsec", "lon": "hgs_lon_deg", "lat": "hgs_lat_deg"}
    (event,) = pd.DataFrame([{names.get(name, name): value for name, value in row.items()}]).itertuples()
    assert (told_kind(event), told_sky(event)) == (kind, place)


@pytest.mark.parametrize(
    ("cadence_s", "per_day", "told"),
    [
        (3600.0, (1.0, 0.1), " (for 7 false alarms in 7 days, 0.7 high)"),
        (36.0, (24.0, 2.4), " (for 1.7 false alarms in 101 minutes, 0.17 high)"),
        (3600.0, (24.0, 2.4), " (for 168 false alarms in 7 days, 17 high)"),
    ],
)
def test_the_console_tells_how_many_false_alarms_the_thresholds_stand_for(tmp_path, cadence_s, per_day, told):
    reel = make_reel(tmp_path / "cam", drifting_blobs(4), cadence_s)
    promises = {level: {"used": rate} for level, rate in zip(("low", "high"), per_day, strict=True)}
    assert Results(reel, load(None).eval).allowed(168, promises) == told


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"events": 3}, []),
        (
            {"catalog": {"found": 1, "observed": 2, "events_confirmed": 3, "events_unconfirmed": 4}},
            ["catalogue: 1 of 2 flares found, 4 of 7 events without one"],
        ),
        (
            {"cmes": {"found": 1, "cmes": 1, "ejections": 2, "ejections_unconfirmed": 1}},
            ["catalogue: 1 of 1 CME found, 1 of 2 ejections without one"],
        ),
    ],
)
def test_what_a_catalogue_says_is_told(found, told):
    assert told_comparisons(found) == told


@pytest.mark.parametrize(
    ("labelled", "told"),
    [
        (range(40, 50), "1 of 1 labelled event found, 2 events where none is labelled; AUC of frames "),
        (
            [*range(40, 50), *range(60, 70)],
            "1 of 2 labelled events found, 2 events where none is labelled; AUC of frames ",
        ),
        ([], "labelled as quiet, 3 events where none is labelled"),
    ],
)
def test_what_labels_say_is_told(tmp_path, labelled, told):
    labels = np.isin(np.arange(100), list(labelled)).astype(float)
    results = Results(make_reel(tmp_path / "cam", drifting_blobs(100), 36.0, labels=labels), load(None).eval)
    for frame in range(100):
        results.add(frame, np.full((24, 24), frame % 7.0), [], 0.0)
    events = pd.DataFrame({"instrument": "", "frame": [5, 44, 80]})
    events["time_start_s"] = events["time_end_s"] = 36.0 * events["frame"]
    (line,) = told_comparisons(results.metrics(events, low=3.0))
    assert line.startswith(told)
    assert ("AUC" in line) == bool(labelled)
