"""Catalogues of flares: files in the forms that people have, and the HEK."""

import http.server
import json
import math
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sunpy.net.hek import HEKClient

from data.labels.sun.catalog import COLUMNS, CatalogError, flux_of_class, read_catalog
from data.labels.sun.hek import fetch_hek, load_catalog
from tests.support.flares import FOLDER, MINUTE, NOON, events_at, match, needs_shared

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
        ("class", "strength", "no column for the flares' class; name one of class, goes_class, max_class, "),
        ("M7.7", "Q7.7", "data row 1: column class: class 'Q7.7'; allowed is A, B, C, M or X and a number above 0"),
        ("M7.7", "M0", "class 'M0'; allowed"),
        ("M7.7", "", "holds no flare with start, peak, end and class (1 without class)"),
        ("2012-07-19T05:58:00", "noon", "data row 1: column peak: 'noon'; allowed is a UTC time"),
        ("2012-07-19T05:58:00", "", "holds no flare with start, peak, end and class (1 without peak)"),
        ("919.2", "-99999.5", "column x: '-99999.5'; allowed is a number of arcsec"),
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
