"""Dates that may be day or month first: what tells them apart, and what does not."""

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times.cells import times_of

FORMS = ("%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p", "%d-%m-%y %H:%M:%S", "%m/%d/%y %H:%M", "%y/%m/%d %H:%M")


def utc_of(times: pd.DatetimeIndex, form: str, name: str = "time") -> pd.DatetimeIndex:
    return pd.DatetimeIndex(times_of(pd.Series(times.strftime(form), name=name, dtype="string"), PrepConfig()).utc)


@settings(max_examples=12)
@given(
    st.sampled_from(FORMS),
    st.dates(pd.Timestamp("2013-01-01").date(), pd.Timestamp("2031-12-28").date()),
    st.integers(45, 600),
    st.booleans(),
)
def test_times_that_go_on_over_midnight_tell_the_order_of_their_dates(form, day, step_min, falls):
    times = pd.date_range(
        pd.Timestamp(day) + pd.Timedelta(hours=1), periods=2 * 1440 // step_min + 2, freq=f"{step_min}min"
    )
    times = times[::-1] if falls else times
    assert (utc_of(times, form) == times).all()


@settings(max_examples=20)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 50))
def test_one_day_alone_is_asked_for(day, month, count):
    assume(day != month)
    times = pd.date_range(pd.Timestamp(2024, month, day, 1), periods=count, freq="5min")
    with pytest.raises(TableError, match="can be read in several ways"):
        utc_of(times, "%d/%m/%Y %H:%M")


def test_dates_without_clocks_and_one_day_a_month_are_asked_for():
    with pytest.raises(TableError, match="can be read in several ways"):
        utc_of(pd.date_range("2024-03-01", periods=8), "%d/%m/%Y")
    noons = pd.DatetimeIndex(
        [time for month in range(1, 9) for time in pd.date_range(f"2024-{month:02d}-05 10:00", periods=9, freq="h")]
    )
    with pytest.raises(TableError, match="can be read in several ways"):
        utc_of(noons, "%d/%m/%Y %H:%M")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("Time(DD/MM/YYYY h:mm:ss A)", "%d/%m/%Y %I:%M:%S %p"),
        ("DATE (MM/DD/YYYY)", "%m/%d/%Y"),
        ("date [dd-mm-yy]", "%d-%m-%y"),
        ("yy/mm/dd", "%y/%m/%d"),
    ],
)
def test_the_order_that_the_name_of_a_column_has_counts(name, form):
    times = pd.date_range("2024-03-05", periods=7)
    assert (utc_of(times, form, name) == times).all()


def test_a_name_whose_order_does_not_fit_the_cells_has_no_say():
    times = pd.date_range("2024-03-20", periods=7)
    assert (utc_of(times, "%d/%m/%Y", "Time (MM/DD/YYYY)") == times).all()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 86399), min_size=1, max_size=20))
def test_clocks_without_their_zeros_are_read(seconds):
    clocks = [divmod(s, 3600) for s in seconds]
    cells = [f"2024-03-05 {hour}:{rest // 60}:{rest % 60}.250" for hour, rest in clocks]
    cells = pd.Series([cell.replace("2024-03-05", "5.3.2024") for cell in cells], dtype="string")
    found = pd.DatetimeIndex(times_of(cells, PrepConfig()).utc)
    assert [(t - pd.Timestamp("2024-03-05")).total_seconds() for t in found] == [s + 0.25 for s in seconds]
