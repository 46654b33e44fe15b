"""Weeks and months in numbers, clocks of files of a day, and numbers that are no times: read, asked for or said."""

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import Series, TableError
from data.sources.table import TableSource
from data.sources.times.counts.day_counts import of_weeks
from data.sources.times.in_names.names import day_in_name

ROWS = 40


def read(tmp_path, head: str, cells, name: str = "t.csv", **settings) -> Series:
    path = tmp_path / name
    path.write_text(f"{head},a\n" + "".join(f"{cell},{i % 7 + 0.5}\n" for i, cell in enumerate(cells)))
    (series,) = TableSource().read_series(path, PrepConfig(**settings))
    return series


def days(series: Series) -> list[str]:
    assert series.times_utc is not None
    return [str(time)[:10] for time in series.times_utc]


@given(st.integers(1900, 2100), st.integers(0, 54))
def test_weeks_are_those_of_iso_8601(year, week):
    (found,) = of_weeks(np.array([year]), np.array([week]))
    try:
        expected = datetime.date.fromisocalendar(year, week, 1)
    except ValueError:
        assert np.isnat(found)
        return
    assert found.astype(datetime.date) == expected


WEEKS = [datetime.date.fromisocalendar(2020, 40, 1) + datetime.timedelta(weeks=i) for i in range(ROWS)]
MONTHS = [(2021 + i // 12, 1 + i % 12) for i in range(ROWS)]


@pytest.mark.parametrize("head", ["year,week", "Year,ISO_week"])
def test_years_and_weeks(tmp_path, head):
    """They were two variables, one second apart. 2020 has 53 weeks."""
    series = read(tmp_path, head, ["{},{}".format(*day.isocalendar()[:2]) for day in WEEKS])
    assert (series.channels, days(series)) == (("a",), [day.isoformat() for day in WEEKS])


def test_years_weeks_and_their_days(tmp_path):
    own = [WEEKS[0] + datetime.timedelta(days=i) for i in range(ROWS)]
    series = read(tmp_path, "year,week,weekday", ["{},{},{}".format(*day.isocalendar()) for day in own])
    assert (series.channels, days(series)) == (("a",), [day.isoformat() for day in own])


@pytest.mark.parametrize("name", ["yearweek", "week"])
def test_weeks_without_separators(tmp_path, name):
    cells = ["{}{:02d}".format(*day.isocalendar()[:2]) for day in WEEKS]
    if name == "yearweek":
        assert days(read(tmp_path, name, cells)) == [day.isoformat() for day in WEEKS]
    assert days(read(tmp_path, name, cells, time_column=name)) == [day.isoformat() for day in WEEKS]


@pytest.mark.parametrize("name", ["yyyymm", "date", "month"])
@pytest.mark.parametrize("step", [1, -1])
def test_months_without_separators(tmp_path, name, step):
    """As seconds 201812 and 201901 lie 89 s apart."""
    cells = [f"{year}{month:02d}" for year, month in MONTHS][::step]
    series = read(tmp_path, name, cells, time_column=name)
    assert days(series) == [f"{year}-{month:02d}-01" for year, month in MONTHS][::step]


@pytest.mark.parametrize(
    ("name", "first", "step", "said"),
    [
        ("time", 17_096_328_000, 600, "tenths of a second since 1970 they would begin on 2024-03-05"),
        ("time", 28_493_880, 1, "minutes since 1970 they would begin on 2024-03-05"),
        ("date_hour", 474_898, 1, "hours since 1970 they would begin on 2024-03-05"),
        ("date", 19_787, 1, "days since 1970 they would begin on 2024-03-05"),
        ("time", 86_000_000_000, 10, "years; prep.time_unit says what they count"),
        ("date", 123, 1, "though its name says date"),
    ],
)
def test_numbers_that_may_be_other_times_are_said(tmp_path, caplog, name, first, step, said):
    read(tmp_path, name, first + step * np.arange(ROWS), time_column=name)
    assert said in caplog.text


@pytest.mark.parametrize(("name", "first"), [("time", 0), ("time", 474_898), ("t", 19_787), ("seconds", 1e7)])
def test_plain_seconds_are_said_to_be_nothing_else(tmp_path, caplog, name, first):
    read(tmp_path, name, first + 5 * np.arange(ROWS))
    assert "the times in" not in caplog.text


def test_numbers_too_large_for_any_time_are_refused_with_the_way_out(tmp_path):
    """Every row was rejected as "missing or not readable"."""
    cells = 170_963_280_000_000 + 6_000_000 * np.arange(ROWS)
    with pytest.raises(TableError, match=r"holds 1\.7096328e\+14, which is no time in s .*prep\.time_unit"):
        read(tmp_path, "time", cells)
    assert read(tmp_path, "time", cells, time_unit="us", unix_time=False).times_s[1] - 170_963_280 == pytest.approx(6)


CLOCKS = [f"{(20 + i // 10) % 24:02d}:{i % 10 * 6:02d}:00" for i in range(ROWS + 10)]


@pytest.mark.parametrize(("name", "first"), [("log_2024-03-05.csv", 0), ("20240305_a.csv", 0), ("2024_03_05.csv", 40)])
def test_clocks_are_of_the_day_in_the_files_name(tmp_path, name, first):
    """From 0:00 on they were times passed since a start; else the file was refused."""
    series = read(tmp_path, "time", CLOCKS[first:], name)
    assert series.times_utc is not None
    assert str(series.times_utc[0])[:16] == f"2024-03-05T{CLOCKS[first][:5]}"
    assert np.all(np.diff(series.times_utc) == np.timedelta64(360, "s"))
    assert any("as its name says" in told for told in series.told)


def test_what_is_no_clock_stays_relative(tmp_path):
    passed = [f"00:{i:02d}:00" for i in range(ROWS)]
    assert read(tmp_path, "Elapsed", passed, "2024-03-05.csv").times_utc is None
    assert read(tmp_path, "time", passed, "t_2024.csv").times_utc is None
    assert [day_in_name(name) for name in ("2024-03-05_2024-03-06.csv", "12024-03-05.csv", "2024-13-05")] == [""] * 3


def test_a_small_z_and_dates_in_other_words(tmp_path):
    assert days(read(tmp_path, "time", [f"2024-03-05T{clock}z" for clock in CLOCKS]))[0] == "2024-03-05"
    assert days(read(tmp_path, "Datum", 45356 + np.arange(ROWS) / 4, time_column="Datum"))[4] == "2024-03-06"
