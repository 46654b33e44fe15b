"""Days and years of calendars as times: Julian dates, those of spreadsheets and MATLAB, days in a year."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times.cells import times_of
from data.sources.times.column import time_column

MOMENT = "2012-07-19T07:30:00.000"
DAY = 0.3125


def utc_of(table, **settings):
    column, _ = time_column(pd.DataFrame(table), PrepConfig(**settings))
    assert column is not None
    times = times_of(column, PrepConfig(**settings))
    assert times.utc is not None
    return [str(time) for time in times.utc]


@pytest.mark.parametrize(
    ("table", "moments"),
    [
        ({"Date": [41109 + DAY, 41110.0]}, [MOMENT, "2012-07-20T00:00:00.000"]),
        ({"datetime": [41109 + DAY, 41110.0]}, None),
        ({"date": [735069 + DAY, 735070.0]}, [MOMENT, "2012-07-20T00:00:00.000"]),
        ({"Datenum": [735069 + DAY, 735070.0]}, [MOMENT, "2012-07-20T00:00:00.000"]),
        ({"date": [2456127.8125, 2456128.5]}, [MOMENT, "2012-07-20T00:00:00.000"]),
        ({"date_obs": [56127 + DAY, 56128.0]}, [MOMENT, "2012-07-20T00:00:00.000"]),
        ({"MJD": [56127 + DAY, 56128.0]}, [MOMENT, "2012-07-20T00:00:00.000"]),
        ({"Julian_Day": [2456127.8125, 2456128.5]}, [MOMENT, "2012-07-20T00:00:00.000"]),
        ({"decimal_year": [2012.0, 2012.5]}, ["2012-01-01T00:00:00.000", "2012-07-02T00:00:00.000"]),
        ({"Year": [2011, 2012], "v": [1, 2]}, ["2011-01-01T00:00:00.000", "2012-01-01T00:00:00.000"]),
        ({"year": [2012, 2012], "doy": [201, 202]}, ["2012-07-19T00:00:00.000", "2012-07-20T00:00:00.000"]),
        ({"year": [2012], "DOY": [201], "hour": [7], "minute": [30]}, [MOMENT]),
        ({"t": ["2012-201T07:30:00", "2012-366T00:00:00Z"]}, [MOMENT, "2012-12-31T00:00:00.000"]),
        ({"t": ["2012:201:07:30:00.000"]}, [MOMENT]),
        ({"t": ["Thu Jul 19 07:30:00 2012", "Thu Jul  5 07:30:00 2012"]}, [MOMENT, "2012-07-05T07:30:00.000"]),
        ({"t": ["Thu Jul 19 07:30:00 UTC 2012"]}, [MOMENT]),
    ],
)
def test_each_count_is_its_moment(table, moments):
    assert utc_of(table) == (moments or [MOMENT, "2012-07-20T00:00:00.000"])


@given(st.floats(30000, 88000))
def test_julian_dates_are_those_of_astropy(mjd):
    (found,) = utc_of({"mjd": [mjd]})
    expected = Time(mjd, format="mjd", scale="tai").isot  # whose days are all of one length
    assert abs(np.datetime64(found, "ms") - np.datetime64(expected, "ms")) <= np.timedelta64(2, "ms")


AT_1970 = {"Excel": 25569.0, "MATLAB": 719529.0, "Julian": 2440587.5}


@given(
    st.datetimes(datetime(1999, 1, 1), datetime(2030, 1, 1)).map(lambda t: t.replace(microsecond=0)),
    st.sampled_from([1, 5, 10, 60, 80, 600, 900, 3600]),
    st.sampled_from(sorted(AT_1970)),
    st.sampled_from(["Timestamp", "time stamp", "Time"]),
)
def test_days_that_go_on_by_seconds_are_told_without_a_date_in_the_name(start, step_s, program, name):
    """What spreadsheets and MATLAB write of times, to their 9 digits behind the point; small ones by short steps."""
    moments = np.datetime64(start, "ms") + np.arange(30) * np.timedelta64(step_s, "s")
    cells = np.round(moments.astype(float) / 86_400_000 + AT_1970[program], 9)
    found = times_of(pd.Series(cells, name=name), PrepConfig())
    if name == "Time" and program == "Excel" and step_s > 86:
        assert found.utc is None
        assert "prep.time_unit=d" in found.doubt
        return
    assert found.utc is not None
    assert np.abs(found.utc - moments).max() <= np.timedelta64(1, "ms")


@given(
    st.floats(29221, 2.48e6).map(lambda x: round(x, 3)),
    st.sampled_from([24, 25, 29.97, 30, 50, 60, 100, 120, 250, 1000, 2000, 0.5, 1, 4]),
)
def test_seconds_at_a_usual_rate_are_no_days(start_s, rate_hz):
    found = times_of(pd.Series(start_s + np.arange(40) / rate_hz, name="time"), PrepConfig())
    large_as_days = start_s > 700_000 and rate_hz in (24, 120)  # of a clock that runs for a week, may be either
    assert found.utc is None or large_as_days


@pytest.mark.parametrize("cell", ["2011-366T00:00:00", "2012-000", "2012-900 07:30"])
def test_a_day_that_a_year_has_not_is_no_time(cell):
    with pytest.raises(TableError, match="no readable time"):
        times_of(pd.Series([cell], name="t"), PrepConfig())


def test_clocks_without_a_date_go_on_from_the_day_that_is_given():
    column = pd.Series(["23:30", "11:45 PM", None, "00:00:00.5", "junk", "12:00", "23:59", "00:10"], name="time")
    found = times_of(column, PrepConfig(start_utc="2012-07-19"))
    assert found.utc is not None
    first = ["19T23:30:00.000", "19T23:45:00.000", "NaT", "20T00:00:00.500"]
    later = ["NaT", "20T12:00:00.000", "20T23:59:00.000", "21T00:10:00.000"]
    assert [str(t)[-15:] for t in found.utc] == first + later
    with pytest.raises(TableError, match=r"clocks without a date, as '23:30'; prep\.start_utc"):
        times_of(column.drop([4]), PrepConfig())
    with pytest.raises(TableError, match="has no year"):
        times_of(column, PrepConfig(time_format="%H:%M"))


def test_what_may_be_days_is_told_and_years_that_fall_are_none():
    days = times_of(pd.Series(41109 + np.arange(20) / 24, name="time"), PrepConfig())
    assert "prep.time_unit=d" in days.doubt
    assert times_of(pd.Series(np.arange(20) / 24, name="time"), PrepConfig()).doubt == ""
    assert time_column(pd.DataFrame({"year": [2012, 2012], "v": [1, 2]}), PrepConfig()) == (None, {})


@given(
    st.sampled_from(["1970-01-01", "1980-01-06", "1904-01-01", "2000-01-01"]), st.integers(1, 9), st.integers(0, 80_000)
)
def test_a_clock_that_runs_before_it_is_set_tells_no_time(zero, count, uptime_s):
    """A logger without a battery counts from its zero on until the network tells it the time."""
    moments = pd.Timestamp(zero) + pd.to_timedelta(uptime_s + 60 * np.arange(count), unit="s")
    later = pd.Timestamp("2012-07-19T07:30") + pd.to_timedelta(60 * np.arange(20), unit="s")
    times = times_of(pd.Series([*moments, *later], name="time").astype(str), PrepConfig())
    assert times.utc is not None
    assert np.isnat(times.utc).tolist() == [True] * count + [False] * 20
    assert "never set" in times.reasons[0]


@pytest.mark.parametrize("odd", ["0001-01-01", "1970-01-01 00:00:00", "9999-12-31T23:59:59.999"])
def test_a_clock_that_was_never_set_tells_no_time(odd):
    column = pd.Series([odd, *(f"2012-07-19 07:30:{i:02d}" for i in range(20))], name="time")
    times = times_of(column, PrepConfig())
    assert times.utc is not None
    assert np.isnat(times.utc[0])
    assert "never set" in times.reasons[0]
    assert not any(times.reasons[1:])
    alone = times_of(pd.Series([odd, odd.replace("01-01", "01-02")], name="time"), PrepConfig())
    assert alone.utc is not None
    assert not np.isnat(alone.utc).any()


@pytest.mark.parametrize(
    ("name", "offset"),
    [
        *[("HJD", 0), ("bjd_tdb", 0), ("time_bjd", 0), ("BTJD", 2457000), ("BKJD", 2454833), ("HJD-2450000", 2450000)],
        *[("JD (-2400000.5)", 2400000.5), ("hmjd", 2400000.5), ("BJD - 2457000", 2457000), ("RJD", 2400000)],
    ],
)
def test_julian_dates_are_known_by_their_other_names(name, offset):
    """Light curves' HJD and BTJD were variables, and rows 1 s apart."""
    days = Time(MOMENT).jd + np.arange(20) / 1440
    column, _ = time_column(pd.DataFrame({"flux": np.sin(np.arange(20)), name: days - offset}), PrepConfig())
    assert column is not None
    found = times_of(column, PrepConfig()).utc
    np.testing.assert_allclose((found - np.datetime64(MOMENT)).astype(float), 60_000 * np.arange(20), atol=50)


def test_days_that_are_none_of_their_name_are_no_years_of_before():
    """Modified days in a column JD were of the year -4547."""
    found = times_of(pd.Series(60374.5 + np.arange(20) / 1440, name="JD"), PrepConfig())
    assert found.how == "modified Julian days"
    found = times_of(pd.Series(60374.5 + 0.01 * np.arange(20), name="JD"), PrepConfig())
    assert found.utc is None
    assert "prep.time_unit=d" in found.doubt
