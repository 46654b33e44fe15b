import http.server
import json
import math
import threading
from itertools import combinations

import astropy.units as u
import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from sunpy.coordinates import Helioprojective, get_earth
from sunpy.net.hek import HEKClient
from sunpy.physics.differential_rotation import solar_rotate_coordinate

from data.labels.catalog import COLUMNS, CatalogError, fetch_hek, flux_of_class, load_catalog, read_catalog
from inference.events.events import events_table
from inference.events.matching import (
    BOX,
    MATCH_COLUMNS,
    Observed,
    catalog_summary,
    concordance_index,
    match_flares,
)
from inference.events.sky import rotated_from_earth
from tests.support.paths import SHARED

FOLDER = SHARED / "data/solar/2012-07-19"
needs_shared = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the catalogue of July 2012 is not in {FOLDER}")
MINUTE = np.timedelta64(60_000, "ms")
NOON = np.datetime64("2012-07-19T12:00:00.000")

GENERAL = "start,peak,end,class,x,y\n2012-07-19T04:17:00,2012-07-19T05:58:00,2012-07-19T06:56:00,M7.7,919.2,-214.3\n"
GOES_LIST = (
    "event_starttime,event_peaktime,event_endtime,goes_class_ind,goes_class,noaa_ar,hpc_x,hpc_y\n"
    "2012-07-19 04:17:00,2012-07-19 05:58:00,2012-07-19 06:56:00,M,M7.7,11520,919.2,-214.3\n"
)
DAY_LIST = (
    "start,peak,end,type,class,noaa_ar,hpc_x_arcsec,hpc_y_arcsec\n"
    "2012-07-19T05:24:05,,,CME (halo),Halo,11520,,\n"
    "2012-07-19T04:17:00,2012-07-19T05:58:00,2012-07-19T06:56:00,flare,M7.7,11520,919.2,-214.3\n"
)


def at(minutes):
    """UTC so many minutes after NOON."""
    return NOON + np.round(60_000 * np.asarray(minutes)).astype("timedelta64[ms]")


def flares_at(*rows):
    """Flares of (start, peak, end in minutes, class, x, y)."""
    table = pd.DataFrame(rows, columns=["start", "peak", "end", "goes_class", "x_arcsec", "y_arcsec"])
    for name in ("start", "peak", "end"):
        table[name] = at(table[name].to_numpy(float))
    table["flux_w_m2"] = [flux_of_class(c) for c in table["goes_class"]]
    table["id"] = [f"F{i}" for i in range(len(table))]
    return table[list(COLUMNS)]


def events_at(*rows, **columns):
    """Events of (start, peak, end in minutes, peak_score), and more columns."""
    table = pd.DataFrame(rows, columns=["t_start", "t_peak", "t_end", "peak_score"])
    for name in ("t_start", "t_peak", "t_end"):
        table[name] = at(table[name].to_numpy(float)).astype(str)
    table.insert(0, "event", np.arange(1, len(table) + 1))
    return table.assign(**columns)


def watched(first=-600, last=600, cadence=1.0):
    return Observed.of(at(np.arange(first, last + cadence / 2, cadence)), 60 * cadence, 3.0)


def match(events, flares, observed=None, tolerance_min=15.0, distance_arcsec=250.0):
    return match_flares(events, flares, observed or watched(), tolerance_min, distance_arcsec)


def written(folder, text):
    path = folder / "flares.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("text", [GENERAL, GOES_LIST, DAY_LIST, "\ufeff" + GENERAL, "# a comment\n" + GENERAL])
def test_every_form_gives_the_same_flare(tmp_path, text):
    flares = read_catalog(written(tmp_path, text))
    assert list(flares.columns) == list(COLUMNS)
    assert flares.drop(columns="flux_w_m2").iloc[0].tolist() == [
        "SOL2012-07-19T04:17:00",
        *(pd.Timestamp(f"2012-07-19T{time}") for time in ("04:17", "05:58", "06:56")),
        "M7.7",
        919.2,
        -214.3,
    ]
    assert len(flares) == 1
    assert flares["flux_w_m2"][0] == pytest.approx(7.7e-5)
    assert {str(flares[name].dtype) for name in ("start", "peak", "end")} == {"datetime64[ms]"}


def test_optional_columns(tmp_path):
    head, row = "id,start,peak,end,class", "2012-07-19T04:17:00Z,2012-07-19T05:58:00.5,2012-07-19 06:56:00,c1"
    flares = read_catalog(written(tmp_path, f"{head}\nmine,{row}\n,{row}\n"))
    assert flares["id"].tolist() == ["mine", "SOL2012-07-19T04:17:00"]
    assert flares[["x_arcsec", "y_arcsec"]].isna().all(axis=None)
    assert flares["goes_class"].tolist() == ["C1", "C1"]
    assert flares["peak"][0] == pd.Timestamp("2012-07-19T05:58:00.5")


def test_a_catalogue_may_hold_no_flare(tmp_path):
    flares = read_catalog(written(tmp_path, GENERAL.splitlines()[0]))
    assert len(flares) == 0
    matches, flares_of = match(events_at((0, 1, 2, 1.0)), flares)
    assert (len(matches), flares_of) == (0, [[]])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class", "strength", "no column for the flares' class; name one of class, goes_class, fl_goescls"),
        ("M7.7", "Q7.7", "data row 1: column class: class 'Q7.7'; allowed is A, B, C, M or X and a number above 0"),
        ("M7.7", "M0", "class 'M0'; allowed"),
        ("M7.7", "", "class ''; allowed"),
        ("2012-07-19T05:58:00", "noon", "data row 1: column peak: 'noon'; allowed is a UTC time"),
        ("2012-07-19T05:58:00", "", "column peak: ''; allowed is a UTC time"),
        ("919.2", "west", "data row 1: column x: 'west'; allowed is a number of arcsec, or nothing"),
        ("919.2", "inf", "column x: 'inf'; allowed"),
        ("919.2", "", "x nan, y -214.3 arcsec; allowed are both or none"),
        ("T05:58", "T07:58", "end 2012-07-19T06:56:00.000; allowed are times in this order"),
        ("T05:58", "T04:10", "peak 2012-07-19T04:10:00.000, end"),  # 24 h after the start is no flare past midnight
        (",-214.3", "", "data row 1: 5 cells, the header has 6"),
        (GENERAL, "", "is empty; it needs the columns start, peak, end, class, x, y"),
        ("919.2", '"919.2', "is not readable as CSV"),
    ],
)
def test_errors_name_file_row_column_and_what_is_allowed(tmp_path, old, new, message):
    path = written(tmp_path, GENERAL.replace(old, new))
    with pytest.raises(CatalogError) as error:
        read_catalog(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_a_missing_catalogue_is_named(tmp_path):
    with pytest.raises(CatalogError, match=r"none\.csv is not readable as CSV"):
        load_catalog(str(tmp_path / "none.csv"), NOON, NOON, tmp_path / "cache.csv")


def test_flares_past_midnight_under_one_date(tmp_path):
    row = "{0} 23:56:00,{0} 00:09:00,{0} 00:16:00,C8.4,,\n".format("2012-07-07")
    flare = read_catalog(written(tmp_path, GENERAL.splitlines()[0] + "\n" + row)).iloc[0]
    assert [str(flare[name]) for name in ("start", "peak", "end")] == [
        "2012-07-07 23:56:00",
        "2012-07-08 00:09:00",
        "2012-07-08 00:16:00",
    ]


@given(letter=st.sampled_from("ABCMX"), tenths=st.integers(1, 300))
def test_flux_of_class(letter, tenths):
    expected = {"A": 1e-8, "B": 1e-7, "C": 1e-6, "M": 1e-5, "X": 1e-4}[letter] * tenths / 10
    assert flux_of_class(f"{letter}{tenths / 10}") == pytest.approx(expected)


@needs_shared
def test_the_month_of_the_m77_flare():
    path = FOLDER / "flares_2012-07.csv"
    flares, table = read_catalog(path), pd.read_csv(path)
    assert len(flares) == len(table) == 250
    assert sorted(flares["flux_w_m2"]) == pytest.approx(sorted(table["goes_class_val"]))
    assert flares["x_arcsec"].isna().sum() == 1
    assert ((flares["end"] - flares["start"]) < pd.Timedelta(hours=8)).all()
    day = read_catalog(FOLDER / "events.csv")
    same = flares[flares["start"].between("2012-07-19", "2012-07-19T23:59")].reset_index(drop=True)
    pd.testing.assert_frame_equal(day, same, rtol=0, atol=0.06)


def hek_row(start, peak, end, goes_class, place=(-560.5, -319.3), hgs=(-38.0, -16.0), number=1):
    """A row of a HEK response, as documented in https://www.lmsal.com/hek/VOEvent_Spec.html."""
    times = {"event_starttime": start, "event_peaktime": peak, "event_endtime": end}
    coord = {"event_coordsys": "UTC-HGS-TOPO", "event_coordunit": "degrees", "event_coord3": None}
    coord |= dict(
        zip(("event_coord1", "event_coord2", "hgs_x", "hgs_y", "hpc_x", "hpc_y"), 2 * hgs + place, strict=True)
    )
    names = {"event_type": "FL", "obs_observatory": "GOES", "frm_name": "SWPC", "kb_archivid": f"ivo://x/FL_{number}"}
    return times | coord | names | {"fl_goescls": goes_class}


HEK_PAGES = [
    [
        hek_row("2012-07-19T04:17:00", "2012-07-19T05:58:00", "2012-07-19T06:56:00", "M7.7", (919.2, -214.3), number=3),
        hek_row("2012-07-19T00:00:00", "2012-07-19T00:09:00", "2012-07-19T00:14:00", "C2.4", (0, -83.0), (0, 0), 1),
        hek_row("2012-07-19T00:00:00", "2012-07-19T00:09:00", "2012-07-19T00:14:00", "C2.4", number=2),
    ],
    [
        hek_row("2012-07-19T18:32:00", "2012-07-19T18:36:00", "2012-07-19T18:38:00", "C1.5", (0, -83.0), (0, 0), 4),
        hek_row("2012-07-19T20:00:00", "2012-07-19T20:06:00", "2012-07-19T20:08:00", "", number=5),
        hek_row("2012-07-19T21:00:00", None, "2012-07-19T21:08:00", "C9.9", number=6),
    ],
]


@pytest.fixture
def hek(monkeypatch):
    """What was asked of a HEK on loopback, where Fido now sends its queries; HEK_PAGES is its answer to each."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            page = int(self.path.rsplit("page=", 1)[1])
            body = json.dumps({"result": HEK_PAGES[page - 1], "overmax": page < len(HEK_PAGES)}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(HEKClient.__init__, "__defaults__", (f"http://127.0.0.1:{server.server_port}/?",))
        yield asked
        server.shutdown()


def test_hek_is_asked_once(tmp_path, hek, capsys):
    cache = tmp_path / "results/hek.csv"
    first, last = np.datetime64("2012-07-19T00:00:55"), np.datetime64("2012-07-19T23:45:07.123")
    flares = fetch_hek(first, last, cache)
    # One of two equal flares, with its place; unknown places; what has no class or no peak is no flare.
    assert flares["goes_class"].tolist() == ["C2.4", "M7.7", "C1.5"]
    assert flares["id"].tolist() == ["ivo://x/FL_2", "ivo://x/FL_3", "ivo://x/FL_4"]
    assert flares["x_arcsec"].tolist()[:2] == [-560.5, 919.2]
    assert math.isnan(flares["x_arcsec"][2])
    assert "HEK: 2 of 6 rows lack a class or ordered times" in capsys.readouterr().err
    assert len(hek) == 2
    for wanted in ("event_type=FL", "OBS_Observatory", "GOES", "event_starttime=2012-07-19T00%3A00%3A55"):
        assert wanted in hek[0]

    again = load_catalog("hek", first + np.timedelta64(1, "h"), last, cache)  # covered: not asked
    pd.testing.assert_frame_equal(again, flares)
    fetch_hek(first, last + np.timedelta64(40, "D"), cache)  # not covered: asked again, in two parts
    assert len(hek) == 6
    for part, (start, end) in {2: ("07-19T00%3A00%3A55", "08-18T00%3A00%3A55"), 4: ("08-18", "08-28")}.items():
        assert f"event_starttime=2012-{start}" in hek[part]
        assert f"event_endtime=2012-{end}" in hek[part]


def test_a_quiet_day_in_the_hek(tmp_path, hek, monkeypatch):
    monkeypatch.setitem(globals(), "HEK_PAGES", [[]])
    for _ in range(2):
        assert len(fetch_hek(NOON, NOON + 60 * MINUTE, tmp_path / "hek.csv")) == 0
    assert len(hek) == 1


def test_hek_without_network_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def offline(*attributes):
        return HEKClient("http://127.0.0.1:1/?").search(*attributes)

    with pytest.raises(
        ConnectionError, match=r"flares of 2012-07-19T12:00:00 .*run once with a network.*eval\.catalog"
    ):
        fetch_hek(NOON, NOON + 60 * MINUTE, tmp_path / "hek.csv", offline)
    assert list(tmp_path.iterdir()) == []


def test_another_file_in_the_caches_place_is_not_overwritten(tmp_path):
    with pytest.raises(CatalogError, match="no answer of the HEK"):
        fetch_hek(NOON, NOON, written(tmp_path, GENERAL))


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
