"""Intervals and catalogues as people write them: any usual form of time, separator and encoding, one meaning."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.labels.intervals import read_cells, read_intervals
from data.labels.sun.catalog import CatalogError, read_catalog
from data.sources.base import FrameError
from data.sources.times.utc import parse_utc

FORMS = {
    "%Y-%m-%dT%H:%M:%S": 0,
    "%Y-%m-%d %H:%M:%SZ": 0,
    "%Y-%m-%dT%H:%M:%S+02:00": 2,
    "%Y-%m-%d %H:%M:%S-0530": -5.5,
    "%d-%b-%Y %H:%M:%S": 0,
    "%b %d, %Y %I:%M:%S %p": 0,
    "%d.%m.%Y %H:%M:%S": 0,
    "%Y/%m/%d %H:%M:%S UTC": 0,
}
moments = st.datetimes(datetime(1996, 1, 1), datetime(2030, 1, 1)).map(lambda t: t.replace(microsecond=0))


@given(moments, st.sampled_from(sorted(FORMS)))
def test_a_time_means_the_same_in_any_form(moment, form):
    assert parse_utc(moment.strftime(form)) == (moment - timedelta(hours=FORMS[form])).isoformat(
        timespec="milliseconds"
    )


@pytest.mark.parametrize("text", ["07/08/2012 07:30", "2012-07-19 07:30 CEST", "07:30:00", "soon", "5"])
def test_what_tells_no_one_moment_is_refused(text):
    with pytest.raises(FrameError, match="is not readable"):
        parse_utc(text)


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_intervals_as_spreadsheets_write_them(tmp_path, sign, encoding):
    """Days before months are told by all rows together: 07/08 alone may be either way round."""
    rows = [("Start", "END", "Grund"), ("07/08/2012 07:30", "07/08/2012 08:00", "Prüfung"), ("", "", "?")]
    rows += [("19/07/2012 07:30", "19/07/2012 24:00", "")]
    (tmp_path / "l.csv").write_text("\r\n".join(map(sign.join, rows)), encoding=encoding)
    assert read_intervals(str(tmp_path / "l.csv"), "eval.labels") == (
        ("2012-08-07T07:30:00.000", "2012-08-07T08:00:00.000"),
        ("2012-07-19T07:30:00.000", "2012-07-20T00:00:00.000"),
    )


def test_an_interval_that_ends_before_it_begins_is_refused(tmp_path):
    (tmp_path / "l.csv").write_text("start,end\n2012-07-19T08:00:00,2012-07-19T07:30:00\n")
    with pytest.raises(ValueError, match=r"eval\.labels .*from 2012-07-19T08:00:00.000 to .*earlier"):
        read_intervals(str(tmp_path / "l.csv"), "eval.labels")


def test_a_catalogue_of_another_form_is_the_same(tmp_path):
    plain = "start,peak,end,class\n2012-07-19T04:17:00,2012-07-19T05:58:00,2012-07-19T06:56:00,M7.7\n"
    other = "\ufeffStart;Peak;End;Class\r\n19-Jul-2012 04:17;19-Jul-2012 05:58;2012-07-19T08:56+02:00;m7.7\r\n;;;\r\n"
    (tmp_path / "a.csv").write_text(plain)
    (tmp_path / "b.csv").write_text(other)
    assert read_catalog(tmp_path / "a.csv").equals(read_catalog(tmp_path / "b.csv"))
    (tmp_path / "c.csv").write_text(plain.replace("2012-07-19T05:58:00", "07/08/2012 05:58"))
    with pytest.raises(CatalogError, match=r"data row 1: column peak: '07/08/2012 05:58'.*either way round"):
        read_catalog(tmp_path / "c.csv")


@pytest.mark.parametrize("names", ["start,end", "start_time,end_time", "Begin,End", "from,to", "start_utc,end_utc"])
def test_bounds_by_their_usual_names(tmp_path, names):
    path = tmp_path / "labels.csv"
    path.write_text(f"{names},what\n2012-07-19T04:17,2012-07-19T05:58,x\n,,nothing\n", encoding="utf-8")
    assert read_intervals(str(path), "labels") == (("2012-07-19T04:17:00.000", "2012-07-19T05:58:00.000"),)


@pytest.mark.parametrize("row", ["2012-07-19T04:17,", ",2012-07-19T05:58"])
def test_half_an_interval_is_refused_and_not_left_out(tmp_path, row):
    path = tmp_path / "labels.csv"
    path.write_text(f"start,end\n2012-07-18,2012-07-19\n{row}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"labels .*labels\.csv: row 2 has (start|end) alone; give both, or none"):
        read_intervals(str(path), "labels")


FLARE = "2012-07-19T04:17,2012-07-19T05:58,2012-07-19T06:56"
ECSV = "# %ECSV 1.0\n# ---\n# datatype:\n" + "".join(
    f"# - {{name: {name}, datatype: string}}\n" for name in ("start", "peak", "end", "class")
)
VOTABLE = """<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>
{}<DATA><TABLEDATA><TR>{}</TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>""".format(
    "".join(f'<FIELD name="{name}" datatype="char" arraysize="*"/>' for name in ("start", "peak", "end", "class")),
    "".join(f"<TD>{cell}</TD>" for cell in f"{FLARE},M7.7".split(",")),
)
LISTS = {  # behind the names, as another program or place writes them
    "ecsv": f"{ECSV}start peak end class\n{FLARE.replace(',', ' ')} M7.7\n",
    "votable": VOTABLE,
    "white space": f"start  peak  end  class\n{FLARE.replace(',', '  ')}  M7.7\n",
    "json lines": "".join(
        f'{{"start": "2012-07-{day}T04:17Z", "peak": "2012-07-{day}T05:58Z", "end": {end}, "class": "M7.7"}}\n'
        for day, end in ((19, '"2012-07-19T06:56Z"'), (20, "null"))
    ),
    "columns": '{"start": [1342671420000], "peak": [1342677480000], "end": [1342680960000], "class": ["M7.7"]}',
    "report": "31777120719  0417 0656 0558 S13W88                         M 77    G15  1.9E-01 11520\n",
    "Julian": "start_jd,peak_jd,end_jd,class\n2456127.6784722,2456127.7486111,2456127.7888889,M7.7\n",
    "modified Julian": "start_mjd,peak_mjd,end_mjd,class\n56127.1784722,56127.2486111,56127.2888889,M7.7\n",
    "names": f"Start Time,Peak Time,End Time,GOES Class\n{FLARE},M7.7\n",
    "clocks": "date,start,peak,end,class\n20120719,417,558,656,M7.7\n",
    "again": f"start,peak,end,class\n{FLARE},M7.7\n{FLARE},M7.7\n,NaT,nan,\n",
    "slashes": "start,peak,end,class\n07/19/2012 04:17,07/19/2012 05:58,07/19/2012 06:56,M7.7\n",
}


@pytest.mark.parametrize("form", LISTS)
def test_flares_as_other_programs_write_them(tmp_path, form):
    path = tmp_path / "flares.txt"
    path.write_text(LISTS[form], encoding="utf-8")
    flares = read_catalog(path)
    times = [flares[name].dt.round("s").dt.strftime("%dT%H:%M").tolist() for name in ("start", "peak", "end")]
    assert times == [["19T04:17"], ["19T05:58"], ["19T06:56"]]
    assert flares["goes_class"].tolist() == ["M7.7"]
    assert flares["x_arcsec"].notna().tolist() == [form == "report"]


def test_day_and_month_of_flares_are_told_by_all_rows(tmp_path):
    rows = [FLARE.replace("2012-07-19T", f"07/{day}/2012 ") for day in ("08", "19")]
    path = tmp_path / "flares.csv"
    path.write_text("start,peak,end,class\n" + "".join(f"{row},M1\n" for row in rows), encoding="utf-8")
    assert read_catalog(path)["start"].dt.day.tolist() == [8, 19]


PLACES = {
    "location": ["S13W88", "s13w88", "S13 W88", "(S13W88)"],
    "hgs_x,hgs_y": ["88,-13"],
    "hgs_lat,hgs_lon": ["-13,88.0"],
}


@pytest.mark.parametrize(("names", "place"), [(names, place) for names, some in PLACES.items() for place in some])
def test_places_however_they_are_written(tmp_path, names, place):
    path = tmp_path / "flares.csv"
    path.write_text(f"start,peak,end,class,{names}\n{FLARE},M7.7,{place}\n", encoding="utf-8")
    assert read_catalog(path)[["x_arcsec", "y_arcsec"]].to_numpy() == pytest.approx(np.array([[919, -214]]), abs=2)


@pytest.mark.parametrize(
    "place", ["HGS_X,HGS_Y,HPC_X,HPC_Y\n{},0,0,0,0", "x,y\n{},-9999,-9999", "x,y\n{},nan,None", "location\n{},"]
)
def test_a_place_that_is_unknown_is_none(tmp_path, place):
    """The HEK's 0, 0 was the centre of the disc in a CSV, and -9999 a place."""
    path = tmp_path / "flares.csv"
    path.write_text("start,peak,end,class," + place.format(f"{FLARE},M7.7") + "\n", encoding="utf-8")
    assert read_catalog(path)[["x_arcsec", "y_arcsec"]].isna().all(axis=None)


CATALOGUES = {
    "start,peak,end,class": f"{FLARE},M 7.7",
    "start_time,peak_time,end_time,fl_class": f"{FLARE},m7.7",
    "DATE,START,MAX,END,CLASS": "2012-07-19,04:17,05:58,06:56,M7.7",
    "begin;maximum;end;goes_class": f"{FLARE.replace(',', ';')};M7,7",
}


@pytest.mark.parametrize("names", CATALOGUES)
def test_flares_under_other_names_and_forms(tmp_path, names):
    path = tmp_path / "flares.csv"
    path.write_text(f"{names}\n{CATALOGUES[names]}\n", encoding="utf-8")
    (flare,) = read_catalog(path).itertuples()
    assert (f"{flare.start}", f"{flare.peak}", f"{flare.end}") == (
        "2012-07-19 04:17:00",
        "2012-07-19 05:58:00",
        "2012-07-19 06:56:00",
    )
    assert flare.goes_class == "M7.7"
    assert flare.flux_w_m2 == pytest.approx(7.7e-5)


def test_a_place_on_the_sun_is_as_good_as_arcsec(tmp_path):
    path = tmp_path / "donki.json"
    times = '"beginTime": "2012-07-19T04:17Z", "peakTime": "2012-07-19T05:58Z", "endTime": "2012-07-19T06:56Z"'
    path.write_text(f'[{{"flrID": "a", {times}, "classType": "M7.7", "sourceLocation": "S13W88"}}]', encoding="utf-8")
    (flare,) = read_catalog(path).itertuples()
    assert (flare.id, flare.goes_class) == ("a", "M7.7")
    assert (flare.x_arcsec, flare.y_arcsec) == pytest.approx((919, -214), abs=2)  # the limb is at 944
    csv = tmp_path / "flares.csv"
    csv.write_text(f"start,peak,end,class,x,y\n{FLARE},X28+,900.1 arcsec,-200 arcsec\n", encoding="utf-8")
    (flare,) = read_catalog(csv).itertuples()
    assert (flare.x_arcsec, flare.y_arcsec, flare.flux_w_m2) == (900.1, -200.0, pytest.approx(2.8e-3))


BORIS = (
    "Observation id\tobs1\n\nMedia file(s)\n\nPlayer #1\t/home/me/{0}.mp4\n\n"
    "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus\n"
)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.integers(1, 9)),
        min_size=2,
        max_size=6,
        unique_by=lambda e: e[:2],
    ),
    st.sampled_from(["\t", ",", ";"]),
)
def test_events_of_boris_are_intervals_of_their_clips(tmp_path_factory, events, sign):
    """Its lines above the names ended prep in an error that nobody foresaw."""
    path = tmp_path_factory.mktemp("boris") / "events.tsv"
    events = [(clip, start, start + 0.1 * length) for clip, start, length in sorted(events)]
    changes = sorted(
        (time, clip, state) for clip, start, end in events for time, state in ((start, "START"), (end, "STOP"))
    )
    rows = [f"{time}\t/home/me/{clip}.mp4\t60\t10\tsubject\tfight\t\t\t{state}\n" for time, clip, state in changes]
    path.write_text((BORIS.format("a") + "".join(rows)).replace("\t", sign))
    cells = read_cells(str(path))
    found = {(row.media_file_path, float(row.start), float(row.end)) for row in cells.itertuples()}
    assert found == {(f"/home/me/{clip}.mp4", float(start), end) for clip, start, end in events}


def test_a_table_of_uneven_lines_is_refused_by_its_name(tmp_path):
    (tmp_path / "a.csv").write_text("title,\nstart,end,kind\n1,2,3,4\n5,6,7\n")
    with pytest.raises(ValueError, match=r"a\.csv is no table with as many cells in each line"):
        read_cells(str(tmp_path / "a.csv"))
