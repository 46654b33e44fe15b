"""Which columns are times, where several may be, or none has a name."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.times.cells import times_of
from data.sources.times.column import time_column
from data.sources.times.numbers import since_1970_in

N = 60


@settings(max_examples=30)
@given(
    st.sampled_from([("ns", 1e9), ("nanosecond", 1e9), ("us", 1e6), ("ms", 1e3)]),
    st.floats(3.2e5, 9.4e5),
    st.sampled_from(["Timestamp[{}]", "time_{}", "t ({})"]),
)
def test_what_passed_since_a_start_in_the_unit_of_its_name_is_no_unix_time_in_another(unit, start_s, name):
    """328551511918592 ns were us since 1970, and steps of 5 ms were 5 s."""
    word, per_second = unit
    numbers = np.round((start_s + 0.005 * np.arange(N)) * per_second)
    assert since_1970_in(numbers, name.format(word)) == ""
    found = times_of(pd.Series(numbers, name=name.format(word)), PrepConfig())
    assert found.utc is None
    np.testing.assert_allclose(np.diff(found.seconds), 0.005, atol=1e-3)


def test_a_name_that_is_wrong_of_times_of_this_century_does_not_count():
    seconds = 1709632800 + np.arange(N)
    assert since_1970_in(seconds, "timestamp_ms") == "s"
    assert since_1970_in(seconds * 1000, "time (s)") == "ms"


def test_a_count_since_1970_beside_one_since_a_start_has_the_times():
    table = pd.DataFrame({"Timestamp[ns]": 328551511918592 + 5_000_000 * np.arange(N), "v": np.arange(N) % 7})
    table["Unix time[ns]"] = 1709632800_000_000_000 + 5_000_000 * np.arange(N)
    column, _ = time_column(table, PrepConfig())
    assert column is not None
    assert column.name == "Unix time[ns]"


@pytest.mark.parametrize("step", [0.1, 0.0125, 0.5])
def test_an_even_axis_without_a_name_has_the_times_and_a_measured_column_does_not(step):
    axis = np.round(3 + step * np.arange(N), 6)
    table = pd.DataFrame({"column_0": axis, "column_1": np.sin(axis)})
    column, notes = time_column(table, PrepConfig())
    assert column is not None
    assert notes == {"column_0": "time"}
    for other in (axis + 0.3 * step * (np.arange(N) % 2), np.arange(N, dtype=float), axis[::-1]):
        assert time_column(table.assign(column_0=other), PrepConfig())[0] is None


def test_clocks_by_a_name_of_time_are_of_the_day_given_and_in_their_own_zone():
    """`Start time` beside `End time` of a day's file was no time, and the zone of clocks was left out."""
    start = pd.date_range("2024-03-05", periods=N, freq="15min")
    table = pd.DataFrame({"Start time": start.strftime("%H:%M:%S.000+01:00"), "v": np.arange(N) % 7})
    table["End time"] = (start + pd.Timedelta("15min")).strftime("%H:%M:%S.000+01:00")
    column, _ = time_column(table, PrepConfig())
    assert column is not None
    found = times_of(column, PrepConfig(start_utc="2024-03-05"))
    assert found.utc is not None
    np.testing.assert_array_equal(found.utc, (start - pd.Timedelta("1h")).to_numpy().astype("datetime64[ms]"))
