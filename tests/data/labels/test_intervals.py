"""Intervals and catalogues as people write them: any usual form of time, separator and encoding, one meaning."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.labels.catalog import CatalogError, read_catalog
from data.labels.intervals import read_intervals
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
