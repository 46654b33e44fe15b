"""Times of FITS headers: the standard's systems and keywords, and what was written before it."""

import contextlib
from datetime import datetime, timedelta

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from sunpy.time import parse_time

from config import PrepConfig
from data.sources.base import FrameError
from data.sources.fits_file.facts import CLOCK_IN_NAME, NO_CLOCK, facts_of
from data.sources.fits_file.times.cards import time_of
from data.sources.fits_file.times.time_texts import to_utc
from data.sources.times.in_names.names import time_in_name

SCALES = {"UTC": "utc", "TAI": "tai", "TT": "tt", "TDT": "tt", "ET": "tt", "IAT": "tai", "TDB": "tdb", "UT1": "ut1"}
TIME = "2012-07-19T07:30:01.000"
moments = st.datetimes(datetime(1975, 1, 1), datetime(2025, 1, 1)).map(lambda t: t.replace(microsecond=0))


@given(moments, st.sampled_from(sorted(SCALES)))
def test_time_systems_are_those_of_astropy(moment, system):
    expected = Time(moment.isoformat(), scale=SCALES[system]).utc.isot
    header = {"TIMESYS": system, "DATE-OBS": moment.isoformat()}
    difference = np.datetime64(time_of(header).utc) - np.datetime64(expected)
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
    assert time_of({"TIMESYS": timesys, "DATE-OBS": TIME}).utc == expected


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
    "%d %b %Y %H:%M:%S": 0,
    "%b %d, %Y %H:%M:%S": 0,
    "%A, %d %B %Y %H:%M:%S": 0,
}


@given(moments, st.sampled_from(sorted(FORMS)))
def test_a_time_in_any_form_is_the_same(moment, form):
    expected = moment + timedelta(milliseconds=500 if ".500" in form else 0)
    assert to_utc(moment.strftime(form)) == expected.isoformat(timespec="milliseconds")


@pytest.mark.parametrize("text", ["2012.07.19_07:30:36_TAI", "2012-07-19T07:30:36_TAI", "2012-07-19T07:30:36 TAI"])
def test_a_scale_in_the_text_counts_more_than_timesys(text):
    assert time_of({"TIMESYS": "TT", "T_OBS": text}).utc == TIME == parse_time("2012.07.19_07:30:36_TAI").utc.isot
    assert time_of({"TIMESYS": "TAI", "DATE-OBS": f"{TIME}Z"}).utc == TIME


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
        {"DATE-OBS": "19/07/1997", "TIME-OBS": "07:30:01"},
        {"DATE-OBS": "07/19/1997", "TIME-OBS": "07:30:01"},  # there is no 19th month
        {"DATE-OBS": "1997-07-19", "DATE-END": "1997-07-19T07:30:01"},  # what tells a clock comes first
        {"DATE-OBS": "1997-07-19", "MJD-OBS": float(Time("1997-07-19T07:30:01").mjd)},
        {"DATE-OBS": "1997-07-19", "TIME-OBS": "073001"},
        {"DATE-OBS": "1997-07-19", "UT": "07 30 01"},
        {"DATE-OBS": "1997-07-19", "UT": 7 + 1801 / 3600},
        {"DATE-OBS": "1997-07-19T00:00:00.000", "TIME-OBS": "07:30:01"},  # a date that a program filled up
        {"DATE-OBS": "1997-07-19T07h30m01s"},
        {"DATE-OBS": "97/07/19", "UT": "07:30:01"},  # 97 is no day
        {"T_REC": "1997.07.19_07:30:32_TAI"},
        {"STARTOBS": "1997-07-19T07:30:01"},
        {"DATE-OBS": "19970719T073001"},
        {"JD": float(Time("1997-07-19T07:30:01").jd)},
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
    assert time_of(cards).utc == "1997-07-19T07:30:01.000"


@pytest.mark.parametrize("cards", [{}, {"DATE-OBS": ""}, {"DATE-OBS": "yesterday"}, {"MJD-OBS": True}, {"DATE-OBS": 5}])
def test_no_time_is_an_error_that_names_it(cards):
    told = cards.get("DATE-OBS")
    with pytest.raises(FrameError, match=str(told) if told else "neither T_OBS nor DATE-OBS"):
        time_of(cards)


UNITS_S = {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0, "d": 86400.0}


@given(
    moments,
    st.integers(40000, 60000),
    st.integers(0, 10**9),
    st.sampled_from(sorted(SCALES)),
    st.sampled_from(sorted(UNITS_S)),
    st.sampled_from(["MJDREF", "MJDREFI", "JDREF", "DATEREF"]),
)
def test_times_from_a_reference_are_those_of_astropy(moment, day, fraction_nd, system, unit, card):
    """Read as the standard has it, from a reference in any of its three forms, in any unit and time system."""
    reference = Time(day, fraction_nd / 1e9 if card == "MJDREFI" else 0.0, format="mjd", scale=SCALES[system])
    time = Time(moment.isoformat(), scale=SCALES[system])
    told = {
        "MJDREF": {"MJDREF": float(day)},
        "MJDREFI": {"MJDREFI": day, "MJDREFF": fraction_nd / 1e9},
        "JDREF": {"JDREF": day + 2400000.5},
        "DATEREF": {"DATEREF": reference.isot},
    }[card]
    since_s = (time - reference).sec - 5.0
    since = {"TSTART": since_s / UNITS_S[unit], "TIMEOFFS": 5.0 / UNITS_S[unit], "TIMEUNIT": unit, "TIMESYS": system}
    found = time_of(told | since)
    assert found.has_clock
    assert abs(np.datetime64(found.utc) - np.datetime64(time.utc.isot)) <= np.timedelta64(1, "ms")


@given(st.integers(0, 86_399_000), st.sampled_from(["seconds after 0h UT", "[s] UT", "UT in hours", "hr"]))
def test_a_clock_that_is_counted_is_the_same(ms, comment):
    """A number of seconds or hours of the day, as the comment tells its unit."""
    count = ms / (1000 if "s" in comment.split()[0] else 3_600_000)
    header = fits.Header([("DATE-OBS", "2012-07-19"), ("UT", count, comment)])
    expected = np.datetime64("2012-07-19") + np.timedelta64(ms, "ms")
    assert np.datetime64(time_of(header).utc) == expected


def test_what_may_be_two_times_is_none():
    """Days that may be months, and numbers that may be seconds or digits of a clock, are refused with their reason."""
    with pytest.raises(FrameError, match=r"either way round; prep.time_format"):
        time_of({"DATE-OBS": "07/08/2012", "TIME-OBS": "07:30:01"})
    for order, day in (("day first", "2012-08-07"), ("month first", "2012-07-08")):
        assert time_of({"DATE-OBS": "07/08/2012", "TIME-OBS": "07:30:01"}, order).utc == f"{day}T07:30:01.000"
    with pytest.raises(FrameError, match="TIME-OBS 73001 may be seconds"):
        time_of({"DATE-OBS": "2012-07-19", "TIME-OBS": 73001})
    assert time_of({"DATE-OBS": TIME, "TIME-OBS": 73001}).utc == TIME


@pytest.mark.parametrize("name", ["sun_20120719_073001.fits", "sun_20120720_073001.fits", "sun_7.fits"])
def test_a_date_without_a_clock_is_flagged(name):
    """It means midnight, unless the name of the file tells a clock of the same day."""
    prep = PrepConfig()
    cards = {"DATE-OBS": "2012-07-19", "EXPTIME": 1.0, "BUNIT": "DN"}
    facts = facts_of(cards, (4, 4), prep, named_utc=lambda: time_in_name(name, prep))
    named = "0719" in name
    assert facts["time_utc"] == (TIME if named else "2012-07-19T00:00:00.000")
    assert (CLOCK_IN_NAME if named else NO_CLOCK) in facts["flags"]


@given(moments, st.sampled_from(["T24:00:00", "T24:00", "T24:00:00.000Z", " 24:00:00", "T24:00:00 TAI"]))
def test_the_end_of_a_day_is_the_beginning_of_the_next(moment, clock):
    following = (moment + timedelta(days=1)).date().isoformat()
    assert to_utc(f"{moment.date().isoformat()}{clock}") == to_utc(f"{following}{clock.replace('24', '00')}")


@pytest.mark.parametrize("text", ["2012-07-19T24:00:01", "2012-07-32T24:00:00", "2012-07-19T25:00:00"])
def test_a_clock_beyond_the_end_of_its_day_is_none(text):
    with pytest.raises(FrameError, match="is not readable"):
        to_utc(text)


@given(moments)
def test_two_digits_of_a_year_are_flagged(moment):
    """By the standard all are of the last century, and many went on: frames of 2012 were of 1912 without a word."""
    told = time_of({"DATE-OBS": moment.strftime("%d/%m/%y"), "UT": moment.strftime("%H:%M:%S")})
    assert told.utc == moment.isoformat(timespec="milliseconds")
    assert "two digits of a year" in told.flag


@pytest.mark.parametrize(
    "cards",
    [
        [("TIMESYS", "LOCAL")],
        [("TIMESYS", "CEST")],
        [("TIMESYS", "+05:30")],
        [("TIMESYS", "UTC+2")],
        [("DATE-OBS", TIME, "local time at start")],
        [("DATE-OBS", TIME, "IST")],
        [("DATE-OBS", TIME, "Japan Standard Time")],
    ],
    ids=str,
)
def test_a_local_time_is_flagged_or_of_the_zone_that_the_settings_tell(cards):
    header = fits.Header([("DATE-OBS", TIME), ("EXPTIME", 1.0)])
    header.update(cards)
    facts = facts_of(header, (4, 4), PrepConfig())
    assert facts["time_utc"] == TIME
    assert "local time by" in facts["flags"]
    facts = facts_of(header, (4, 4), PrepConfig(time_zone="Europe/Zurich"))
    assert facts["time_utc"] == "2012-07-19T05:30:01.000"
    header["DATE-OBS"] = "2012-07-19T09:30:01+02:00"  # says it itself
    assert facts_of(header, (4, 4), PrepConfig(time_zone="Asia/Tokyo"))["time_utc"] == TIME


@pytest.mark.parametrize("card", ["0001-01-01T00:00:00", "1601-01-01", "9999-12-31T23:59:59.999"])
def test_a_card_that_was_never_filled_in_is_no_time(card):
    with pytest.raises(FrameError, match="is impossible"):
        time_of({"DATE-OBS": card})
    assert time_of({"DATE-AVG": card, "DATE-OBS": "1845-04-02T12:00:00"}).utc == "1845-04-02T12:00:00.000"


@given(st.text(max_size=30), st.sampled_from(["", "TAI", "XYZ"]))
def test_any_text_is_a_time_or_an_error(text, timesys):
    with contextlib.suppress(FrameError):
        assert np.datetime64(time_of({"DATE-OBS": text, "TIMESYS": timesys}).utc)


@pytest.mark.parametrize("comment", ["UTC (IST = UTC + 5.5 h)", "start, estimated", "[UT] at the first pixel", ""])
@pytest.mark.parametrize("system", ["UTC", "UTC+0", "UT1"])
def test_a_time_of_utc_is_not_taken_for_a_local_one(comment, system):
    header = fits.Header([("DATE-OBS", "2012-07-19T07:30:01", comment), ("TIMESYS", system), ("EXPTIME", 1.0)])
    assert "local" not in facts_of(header, (4, 4), PrepConfig())["flags"]


@given(moments, st.sampled_from(["TIME-OBS", "UT", "UTC-OBS", "UTSTART", "OBS-TIME"]), st.booleans())
def test_a_whole_day_and_a_clock_are_one_time(moment, card, as_text):
    day = int(Time(moment, scale="utc").mjd)
    cards = {"MJD-OBS": str(day) if as_text else day, card: moment.strftime("%H:%M:%S")}
    told = time_of(fits.Header(cards))
    assert told.utc == moment.strftime("%Y-%m-%dT%H:%M:%S.000")
    assert told.has_clock


def test_seconds_since_1970_tell_a_clock():
    for value in (1342683001, 1342683001.0, "1342683001"):
        told = time_of(fits.Header({"DATE-OBS": value}))
        assert (told.utc, told.has_clock) == ("2012-07-19T07:30:01.000", True)


@pytest.mark.parametrize(
    "line", ["DATE-OBS= 2012-07-19T07:30:01.000 / no quotes", "DATE-OBS= '2012-07-19T07:30:01.000"]
)
def test_a_date_whose_card_is_damaged_counts_as_it_is_written(line):
    assert time_of(fits.Header.fromstring(line.ljust(80))).utc == "2012-07-19T07:30:01.000"
