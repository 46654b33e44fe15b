"""Times of FITS headers: the standard's systems and keywords, and what was written before it."""

import contextlib
from datetime import datetime, timedelta

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from sunpy.time import parse_time

from data.sources.base import FrameError
from data.sources.fits_file.times import time_of, to_utc

SCALES = {"UTC": "utc", "TAI": "tai", "TT": "tt", "TDT": "tt", "ET": "tt", "IAT": "tai", "TDB": "tdb", "UT1": "ut1"}
TIME = "2012-07-19T07:30:01.000"
moments = st.datetimes(datetime(1975, 1, 1), datetime(2025, 1, 1)).map(lambda t: t.replace(microsecond=0))


@given(moments, st.sampled_from(sorted(SCALES)))
def test_time_systems_are_those_of_astropy(moment, system):
    expected = Time(moment.isoformat(), scale=SCALES[system]).utc.isot
    header = {"TIMESYS": system, "DATE-OBS": moment.isoformat()}
    difference = np.datetime64(time_of(header)) - np.datetime64(expected)
    assert abs(difference) <= np.timedelta64(1, "ms")


@pytest.mark.parametrize(
    ("timesys", "expected"),
    [
        ("TAI", "2012-07-19T07:29:26.000"),
        ("tai", "2012-07-19T07:29:26.000"),
        ("TT(TAI)", "2012-07-19T07:28:53.816"),  # a realisation, in parentheses
        ("UTC (TBR)", TIME),  # as XRT writes it
        ("GPS", "2012-07-19T07:29:45.000"),
        ("2012-07-19T00:00:00", TIME),  # RHESSI's reference time; UTC is the default
        (None, TIME),
    ],
)
def test_timesys_as_it_is_written(timesys, expected):
    assert time_of({"TIMESYS": timesys, "DATE-OBS": TIME}) == expected


FORMS = {
    "%Y-%m-%dT%H:%M:%S": 0,
    "%Y-%m-%dT%H:%M:%S.500": 0,
    "%Y-%m-%d %H:%M:%SZ": 0,
    "%Y/%m/%d %H:%M:%S": 0,
    "%Y/%m/%dT%H:%M:%S": 0,
    "%Y.%m.%d_%H:%M:%S": 0,
    "%Y.%m.%d_%H:%M:%S_UTC": 0,
    "%d-%b-%Y %H:%M:%S": 0,
    "%d-%b-%y  %H:%M:%S": 0,
    "%Y%m%dT%H%M%S": 0,
    "%Y%m%d_%H%M%S": 0,
}


@given(moments, st.sampled_from(sorted(FORMS)))
def test_a_time_in_any_form_is_the_same(moment, form):
    expected = moment + timedelta(milliseconds=500 if ".500" in form else 0)
    assert to_utc(moment.strftime(form)) == expected.isoformat(timespec="milliseconds")


@pytest.mark.parametrize("text", ["2012.07.19_07:30:36_TAI", "2012-07-19T07:30:36_TAI", "2012-07-19T07:30:36 TAI"])
def test_a_scale_in_the_text_counts_more_than_timesys(text):
    assert time_of({"TIMESYS": "TT", "T_OBS": text}) == TIME == parse_time("2012.07.19_07:30:36_TAI").utc.isot
    assert time_of({"TIMESYS": "TAI", "DATE-OBS": f"{TIME}Z"}) == TIME


@pytest.mark.parametrize(
    "cards",
    [
        {"DATE-OBS": "19/07/97", "TIME-OBS": "07:30:01"},  # dd/mm/yy of the last century
        {"DATE-OBS": "19/07/97", "UT": "07:30:01.000"},
        {"DATE_OBS": "1997/07/19", "TIME_OBS": "07:30:01"},
        {"DATE-OBS": "19-JUL-97", "DATE_OBS": "1997-07-19T07:30:01.000Z"},  # EIT: one whole, one not
        {"DATE-OBS": "19-Jul-1997", "TIME-OBS": "07:30:01"},
        {"DATE-BEG": "1997-07-19T07:30:01", "DATE-END": "1997-07-19T07:30:09"},
        {"DATE-AVG": "1997-07-19T07:30:01", "DATE-BEG": "1997-07-19T07:29:59"},
        {"DATE-AVG": "1997-07-19T07:30:01", "DATE-OBS": "1997-07-19T07:29:59"},
        {"DATE-END": "1997-07-19T07:30:01"},
        {"MJD-OBS": float(Time("1997-07-19T07:30:01").mjd)},
        {"MJD-AVG": float(Time("1997-07-19T07:30:01", scale="utc").tai.mjd), "TIMESYS": "TAI"},
        {"T_OBS": "MISSING", "DATE-OBS": "1997-07-19T07:30:01"},
        {"INSTRUME": "AIA_3", "T_OBS": "1997-07-19T07:30:01Z", "DATE-OBS": "1997-07-19T07:30:00"},
        {"INSTRUME": "AIA_3", "T_OBS": "1997-07-19T09:30:01+02:00", "DATE-OBS": "1997-07-19T07:30:00"},
        {"INSTRUME": "AIA_3", "T_OBS": "1997.07.19_03:00:01.000 -0430", "DATE-OBS": "1997-07-19T07:30:00"},
        {"INSTRUME": "MDI", "T_OBS": "1997-07-19T07:40:01Z", "DATE-OBS": "1997-07-19T07:30:01"},  # as sunpy has it
    ],
    ids=str,
)
def test_every_keyword_of_a_time_counts(cards):
    assert time_of(cards) == "1997-07-19T07:30:01.000"


@pytest.mark.parametrize("cards", [{}, {"DATE-OBS": ""}, {"DATE-OBS": "yesterday"}, {"MJD-OBS": True}, {"DATE-OBS": 5}])
def test_no_time_is_an_error_that_names_it(cards):
    told = cards.get("DATE-OBS")
    with pytest.raises(FrameError, match=str(told) if told else "neither T_OBS nor DATE-OBS"):
        time_of(cards)


@pytest.mark.parametrize("card", ["0001-01-01T00:00:00", "1601-01-01", "9999-12-31T23:59:59.999"])
def test_a_card_that_was_never_filled_in_is_no_time(card):
    with pytest.raises(FrameError, match="is impossible"):
        time_of({"DATE-OBS": card})
    assert time_of({"DATE-AVG": card, "DATE-OBS": "1845-04-02T12:00:00"}) == "1845-04-02T12:00:00.000"


@given(st.text(max_size=30), st.sampled_from(["", "TAI", "XYZ"]))
def test_any_text_is_a_time_or_an_error(text, timesys):
    with contextlib.suppress(FrameError):
        assert np.datetime64(time_of({"DATE-OBS": text, "TIMESYS": timesys}))
