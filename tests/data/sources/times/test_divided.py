"""Times that are divided among columns mean what the same times mean in one."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.table import TableSource
from data.sources.times.cells import times_of
from data.sources.times.column import time_column


def hour_before(t):
    return t - pd.Timedelta("1h")


DIVIDED = {
    "whole hours": lambda t: {"date": t.strftime("%Y-%m-%d"), "Hour": t.hour},
    "hours to 24": lambda t: {"date": hour_before(t).strftime("%d.%m.%Y"), "Hour Ending": (t.hour - 1) % 24 + 1},
    "texts to 24:00": lambda t: {
        "date": hour_before(t).strftime("%Y-%m-%d"),
        "clock": [f"{(hour - 1) % 24 + 1:02d}:00" for hour in t.hour],
    },
    "hours and minutes": lambda t: {"date": t.strftime("%d.%m.%Y"), "hour": t.hour, "minute": t.minute},
    "digits": lambda t: {"UTC_DATE": t.strftime("%Y%m%d").astype(int), "UTC_TIME": 100 * t.hour + t.minute},
    "more digits": lambda t: {"date": t.strftime("%Y-%m-%d"), "time": 10000 * t.hour + 100 * t.minute},
    "words in brackets": lambda t: {"<DATE>": t.strftime("%Y%m%d").astype(int), "<TIME>": 10000 * t.hour + 100},
    "parts of hours": lambda t: {"date": t.strftime("%Y-%m-%d"), "hour": t.hour + 1 / 60},
    "halves of days": lambda t: {"Date": t.strftime("%d.%m.%Y"), "Time": t.strftime("%I:%M %p").str[:-1]},
    "days of their own type": lambda t: {"day": t.normalize(), "hr": t.hour.astype(float)},
}  # fmt: skip

starts = st.datetimes(datetime(1980, 1, 1), datetime(2090, 1, 1)).map(
    lambda t: t.replace(minute=0, second=0, microsecond=0)
)


def utc_of(table: pd.DataFrame):
    column, notes = time_column(table.assign(value=np.arange(len(table)) / 7), PrepConfig())
    assert column is not None
    return times_of(column, PrepConfig()), notes


@given(st.sampled_from(list(DIVIDED)), starts, st.integers(30, 60), st.booleans())
def test_date_and_clock_in_columns_of_their_own(form, start, count, newest_first):
    times = pd.date_range(start, periods=count, freq="h")[:: -1 if newest_first else 1]
    found, notes = utc_of(pd.DataFrame(DIVIDED[form](times)))
    if form in ("words in brackets", "parts of hours"):
        times += pd.Timedelta("1min")
    np.testing.assert_array_equal(found.utc, times.to_numpy().astype("datetime64[ms]"))
    assert set(found.reasons) == {""}
    assert len(notes) > 1


@pytest.mark.parametrize(
    "numbers",
    [np.arange(120), np.tile(np.arange(5, 65), 2), np.tile(np.arange(0, 6000, 100), 2), np.repeat([700.5, 800.5], 60)],
)
def test_numbers_that_are_no_clock_stay_what_they_were(numbers):
    """Seconds from the first one on, and what ends in 60 to 99."""
    dates = np.repeat(["2012-07-19", "2012-07-20"], 60)
    column, notes = time_column(pd.DataFrame({"date": dates, "time": numbers}), PrepConfig())
    assert notes == {"time": "time"}
    assert column is not None
    assert column.tolist() == numbers.tolist()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2012-12-31T24:00", "2013-01-01T00:00:00.000"),
        ("2012-02-28 24:00:00", "2012-02-29T00:00:00.000"),
        ("2012-06-30T23:59:60Z", "2012-07-01T00:00:00.000"),
        ("2012-07-01T24:00:00+02:00", "2012-07-01T22:00:00.000"),
        ("2012-7-1 4:05", "2012-07-01T04:05:00.000"),
    ],
)
def test_clocks_that_iso_does_not_know_among_those_that_it_does(cell, expected):
    times = times_of(pd.Series(["2012-07-01T00:00:00Z", cell, "2012-07-02T00:00:00Z"]), PrepConfig())
    assert times.utc is not None
    assert str(times.utc[1]) == expected


@given(
    st.sampled_from(["millis", "Elapsed Time", "sample_time [ms]", "ms", "Uhrzeit", "uptime", "Time since start (s)"]),
    st.lists(st.integers(1, 10**6), min_size=5, max_size=30),
    st.booleans(),
)
def test_a_clock_that_runs_is_found_by_its_name_wherever_it_stands(name, steps, is_last):
    table = pd.DataFrame({"a": np.sin(np.arange(len(steps))), name: np.cumsum(steps)})
    column, notes = time_column(table if is_last else table[[name, "a"]], PrepConfig())
    assert notes == {name: "time"}
    assert column is not None
    per_second = 1000 if "ms" in name or name == "millis" else 1
    np.testing.assert_allclose(times_of(column, PrepConfig()).seconds, np.cumsum(steps) / per_second)


@pytest.mark.parametrize("numbers", [[20.1, 19.7, 20.4, 20.1] * 5, np.sin(np.arange(30.0))])
def test_a_temperature_t_is_no_time(numbers):
    """It was, beside a column of dates whose name is not known, or alone."""
    days = pd.date_range("2012-07-19", periods=len(numbers)).strftime("%d.%m.%Y")
    column, _ = time_column(pd.DataFrame({"Datum": days, "T": numbers}), PrepConfig())
    assert column is not None
    assert column.name == "Datum"
    assert time_column(pd.DataFrame({"T": numbers, "p": 1.5}), PrepConfig())[0] is None
    for rows in (
        np.arange(20),
        np.arange(20)[::-1],
        np.repeat(np.arange(9), 3),
        np.random.default_rng(0).permutation(30),
    ):
        column, _ = time_column(pd.DataFrame({"t": rows, "p": 1.5}), PrepConfig())
        assert column is not None


@pytest.mark.parametrize(("name", "numbers"), [("response_time", [3, 1, 2, 5]), ("total", [1, 2, 3, 5])])
def test_other_columns_are_no_clock(name, numbers):
    assert time_column(pd.DataFrame({"a": [1.5, 2, 1, 3], name: numbers}), PrepConfig()) == (None, {})


@pytest.mark.parametrize("first", [1749, 1818, 2020])
def test_years_and_months_without_names_are_times_from_1700_on(tmp_path, first):
    """SILSO's sunspot numbers from 1749 on were a series of twelve rows for each year, 1 s apart."""
    months = np.arange(40)
    rows = [f"{first + m // 12};{m % 12 + 1:02d};{first + (m + 0.5) / 12:.3f};{90 + m % 7}.5;-1.0" for m in months]
    (tmp_path / "SN_m_tot.csv").write_text("\n".join(rows) + "\n")
    (series,) = TableSource().read_series(tmp_path / "SN_m_tot.csv", PrepConfig())
    assert series.times_utc is not None
    expected = (np.datetime64(f"{first}-01", "M") + months).astype("datetime64[ms]")
    np.testing.assert_array_equal(series.times_utc, expected)


def test_dates_in_digits_and_clocks_without_names_are_times(tmp_path):
    """PVOutput's rows were 1 s apart, and their dates a variable; a date beside other times was one too."""
    rows = [f"20240305,{10 + m // 60:02d}:{m % 60:02d},{100 + m % 7}.5,18.5" for m in range(90)]
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    (series,) = TableSource().read_series(tmp_path / "a.csv", PrepConfig())
    assert series.channels == ("column_2", "column_3")
    assert series.times_utc is not None
    assert (np.diff(series.times_utc) == np.timedelta64(1, "m")).all()
    rows = [f"2024-03-{5 + h // 24:02d} {h % 24:02d}:00,202403{5 + h // 24:02d},{h % 7}" for h in range(60)]
    (tmp_path / "b.csv").write_text("\n".join(["time,fluxdate,v", *rows]) + "\n")
    (series,) = TableSource().read_series(tmp_path / "b.csv", PrepConfig())
    assert series.channels == ("v",)
