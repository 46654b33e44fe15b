"""Times in two columns of counts are those of one: seconds and the part of one, weeks of GPS and the time in each."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.live.series.row_form import RowForm
from data.sources.times.cells import times_of
from data.sources.times.column import time_column

N = 24
TIMES = pd.date_range("2012-07-19T23:59:57", periods=N, freq="250ms")
WHOLE = TIMES.floor("s")
VALUE = np.sin(np.arange(N))
PART = {"Millitm": 1_000, "ms": 1_000, "usec": 1_000_000, "nanoseconds": 1_000_000_000, "stamp.nsecs": 1_000_000_000}
SECONDS = {
    "time": WHOLE.strftime("%Y-%m-%d %H:%M:%S"),
    "timestamp": WHOLE,
    "utc": WHOLE.tz_localize("UTC").tz_convert("Asia/Tokyo"),
    "sec": WHOLE.to_numpy().astype("datetime64[s]").astype(np.int64),
}


def utc_of(table, **told):
    column, notes = time_column(table, PrepConfig(), **told)
    return (None if column is None else times_of(column, PrepConfig()).utc), notes


def table_of(seconds: str, part: str) -> pd.DataFrame:
    fraction = (TIMES - WHOLE).total_seconds().to_numpy()
    cells = {seconds: SECONDS[seconds], part: np.rint(PART[part] * fraction).astype(int)}
    return pd.DataFrame(cells | {"v": VALUE})


@pytest.mark.parametrize("seconds", SECONDS)
@pytest.mark.parametrize("part", PART)
def test_the_part_of_a_second_stands_beside_it(seconds, part):
    table = table_of(seconds, part)
    found, notes = utc_of(table)
    np.testing.assert_array_equal(found, TIMES.to_numpy().astype("datetime64[ms]"))
    assert set(notes) == {seconds, part}
    for number in range(0, N, 5):  # as they come: no two of a second
        rows = RowForm(("v",), True, {}, PrepConfig(), {}).rows(table.iloc[number : number + 1], ["here"], number)
        assert rows.times[0] == TIMES[number].to_datetime64().astype("datetime64[ms]")


@given(st.lists(st.integers(0, 999), min_size=N, max_size=N))
def test_what_a_request_took_is_no_part_of_a_second(took):
    """Its time stands once, or it puts no times in order."""
    once = pd.DataFrame({"time": TIMES.floor("s").unique(), "ms": took[:6] + [0] * (len(WHOLE.unique()) - 6)})
    assert "ms" not in utc_of(once.assign(v=1.5))[1]
    falls = pd.DataFrame({"time": WHOLE, "ms": sorted(took, reverse=True)})
    assert "ms" not in utc_of(falls.assign(v=VALUE))[1]


@pytest.mark.parametrize(
    ("names", "per_second"), [(("gps_week", "tow"), 1), (("GPSWeek", "GMS"), 1000), (("week", "iTOW (ms)"), 1000)]
)
@pytest.mark.parametrize(("day", "leap_s"), [("2012-07-19", 16), ("2012-06-30T23:59:58", 15), ("2024-03-01", 18)])
def test_weeks_of_gps_are_utc_without_its_leap_seconds(names, per_second, day, leap_s):
    since = (np.datetime64(day, "s") - np.datetime64("1980-01-06", "s")).astype(int) + leap_s
    weeks, seconds = np.divmod(since, 604_800)
    table = pd.DataFrame({names[0]: weeks, names[1]: per_second * (seconds + np.arange(2)), "alt": [1.5, 2.5]})
    found, notes = utc_of(table)
    assert np.array(found).tolist() == (np.datetime64(day, "ms") + np.arange(2) * np.timedelta64(1, "s")).tolist()
    assert set(notes) == set(names)


def test_a_time_that_is_missing_is_no_whole_second():
    table = pd.DataFrame({"time": TIMES.to_series().where(np.arange(N) > 2), "ms": np.arange(N), "v": VALUE})
    assert "ms" not in utc_of(table)[1]


def test_weeks_that_have_gone_round_tell_no_date():
    table = pd.DataFrame({"gps_week": [245] * N, "tow": np.arange(N), "alt": VALUE})
    assert "gps_week" not in utc_of(table)[1]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("time_tai", "2012-07-19T07:30:35", "2012-07-19T07:30:00"),
        ("Time (TAI)", "2012-07-01T00:00:35", "2012-07-01T00:00:00"),
        ("Time (TAI)", "2012-07-01T00:00:33", "2012-06-30T23:59:59"),
        ("time [TT]", "2024-03-01T00:01:09.184", "2024-03-01T00:00:00"),
        ("time_tdb", "1975-01-01T00:00:46.184", "1975-01-01T00:00:00"),
        ("time_tai", "2012-07-19T07:30:35Z", "2012-07-19T07:30:35"),
        ("watt", "2012-07-19T07:30:35", "2012-07-19T07:30:35"),
    ],
)
def test_a_scale_in_the_name_is_made_utc(name, text, expected):
    found = times_of(pd.Series([text, text], name=name), PrepConfig())
    assert (found.utc == np.datetime64(expected, "ms")).all()


def test_seconds_of_a_scale_are_said_to_be_taken_as_unix_time():
    assert "TAI" in times_of(pd.Series([1721460635, 1721460636], name="time_tai"), PrepConfig()).doubt
