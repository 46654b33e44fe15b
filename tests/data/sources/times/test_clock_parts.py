"""Clocks that begin again, and single times that are far off: no sample gets into another part of a series."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.table import TableSource
from data.sources.times.cells import FAR_OFF, times_of
from data.sources.times.clock_parts import in_parts
from data.sources.times.column import time_column

lengths = st.lists(st.integers(12, 40), min_size=1, max_size=5)


@given(lengths, st.floats(0.01, 100), st.integers(0, 3), st.booleans())
def test_parts_follow_each_other_with_a_gap(lengths, step_s, first, with_unknown):
    seconds = np.concatenate([step_s * (first + np.arange(n) + 0.01 * (k % 3)) for k, n in enumerate(lengths)])
    if with_unknown:
        seconds[1] = np.nan
    found, restarts = in_parts(seconds, 3.0)
    assert restarts == len(lengths) - 1
    known = found[np.isfinite(seconds)]
    assert (np.diff(known) > 0).all()
    assert (np.diff(known) > 3 * step_s).sum() == restarts
    bounds = np.cumsum(lengths)[:-1]
    for part, before in zip(np.split(found, bounds), np.split(seconds, bounds), strict=True):
        np.testing.assert_allclose(np.diff(part), np.diff(before), rtol=1e-6, atol=1e-6 * step_s)


@pytest.mark.parametrize(
    "seconds",
    [
        np.arange(40.0)[::-1],  # newest first
        np.random.default_rng(0).permutation(40).astype(float),
        np.where(np.arange(40) == 20, 18.5, np.arange(40.0)),  # one late row
        np.full(5, np.nan),
        np.zeros(40),
    ],
)
def test_rows_in_another_order_are_no_parts(seconds):
    found, restarts = in_parts(seconds, 3.0)
    assert restarts == 0
    np.testing.assert_array_equal(found, seconds)


@given(st.integers(100, 300), st.integers(1, 86400), st.integers(0, 99), st.sampled_from(["2199", "2042", "1997"]))
def test_a_time_years_away_from_all_others_is_none(count, step_s, odd, year):
    times = pd.date_range("2024-03-01", periods=count, freq=f"{step_s}s").strftime("%Y-%m-%dT%H:%M:%S").tolist()
    times[odd] = year + times[odd][4:]
    found = times_of(pd.Series(times), PrepConfig())
    is_far = abs(int(year) - 2024) * 365 > 20 * count * step_s / 86400 + 400
    if is_far:
        assert [i for i, reason in enumerate(found.reasons) if reason == FAR_OFF] == [odd]
    assert (found.reasons == "").sum() >= count - 1


@pytest.mark.parametrize("start", ["1949-01", "2001-12"])
def test_months_are_times(start):
    months = pd.period_range(start, periods=60, freq="M")
    column, notes = time_column(pd.DataFrame({"v": np.arange(60), "Month": months.astype(str)}), PrepConfig())
    assert notes == {"Month": "time"}
    assert column is not None
    found = times_of(column, PrepConfig())
    np.testing.assert_array_equal(found.utc, months.to_timestamp().to_numpy().astype("datetime64[ms]"))


@given(st.sampled_from([2**32, 2**16]), st.integers(1, 5000), st.integers(5, 30), st.integers(5, 30))
def test_a_counter_that_came_to_its_end_goes_on_without_a_gap(size, step, before, after):
    assume(size > step * max(before, after, 8))  # comes to its end once
    ticks = (size - step * before + step * np.arange(before + after)) % size
    for per_second in (1e3, 1e6) if size == 2**32 else (1.0, 1e3):
        found, restarts = in_parts(ticks / per_second, 3.0)
        assert restarts == 1
        np.testing.assert_allclose(np.diff(found), step / per_second, rtol=1e-6)


@pytest.mark.parametrize("start_utc", [None, "2024-03-05"])
def test_a_counter_of_milliseconds_is_told_by_its_name_though_it_wraps(tmp_path, start_utc):
    ticks = (2**32 - 30_000 + 1000 * np.arange(60)) % 2**32
    path = tmp_path / "a.csv"
    pd.DataFrame({"millis": ticks, "v": np.sin(np.arange(60))}).to_csv(path, index=False)
    (series,) = TableSource().read_series(path, PrepConfig(start_utc=start_utc))
    assert series.channels == ("v",)
    times = series.times_s if series.times_utc is None else series.times_utc.astype(float) / 1000
    np.testing.assert_allclose(np.diff(times), 1.0, rtol=1e-6)
