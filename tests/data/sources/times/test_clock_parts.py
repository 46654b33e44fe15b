"""Clocks that begin again, and single times that are far off: no sample gets into another part of a series."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.table import TableSource
from data.sources.times.cells import times_of
from data.sources.times.clock_parts import WRAPS_S, in_parts
from data.sources.times.column import time_column
from data.sources.times.mended.wild import FAR_OFF

lengths = st.lists(st.integers(12, 40), min_size=1, max_size=5)


@given(lengths, st.floats(0.01, 100), st.integers(0, 3), st.booleans())
def test_parts_follow_each_other_with_a_gap(lengths, step_s, first, with_unknown):
    # A part as long as what a counter counts to may as well be one that came to its end.
    assume(not any(n - 1.1 < wrap / step_s < n + 2.1 for n in lengths[:-1] for wrap in WRAPS_S))
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


@given(
    st.integers(0, 23),
    st.integers(2, 60),
    st.sampled_from([10, 15, 60]),
    st.sampled_from(["%H:%M", "%I:%M", "%I:%M %p"]),
)
def test_clocks_of_half_a_day_are_never_taken_for_others(first, count, step_min, form):
    """Without am or pm, the afternoon was sorted in before the morning."""
    true = pd.date_range("2024-03-05", periods=first + 1, freq="h")[-1] + pd.to_timedelta(
        step_min * np.arange(count), "min"
    )
    cells = pd.Series(true.strftime(f"%Y-%m-%d {form}"), name="time")
    falls = ((true.hour[:-1] == 12) & (true.hour[1:] == 13)).any()
    is_half = form == "%I:%M" and falls and (step_min == 60 or count > 1)
    if is_half and true.hour.isin([0]).sum() == 0:
        with pytest.raises(TableError, match="am or pm"):
            times_of(cells, PrepConfig())
    elif form != "%I:%M":
        np.testing.assert_array_equal(times_of(cells, PrepConfig()).utc, true.to_numpy().astype("datetime64[ms]"))


@pytest.mark.parametrize("name", ["timestamps", "start_ts", "created_at", "device_ts", "event.time"])
def test_times_are_known_by_the_last_word_of_their_name(name):
    """Home Assistant's statistics (`start_ts`) and asammdf's `timestamps` were variables, and rows 1 s apart."""
    table = pd.DataFrame(
        {"id": np.arange(20) + 7, name: 1709632800 + 60 * np.arange(20), "mean": np.sin(np.arange(20))}
    )
    column, notes = time_column(table, PrepConfig())
    assert column is not None
    assert notes == {name: "time"}


def test_rows_without_times_are_told(tmp_path):
    (tmp_path / "a.csv").write_text("no,v\n" + "".join(f"{i},{i % 3}\n" for i in range(20)))
    (series,) = TableSource().read_series(tmp_path / "a.csv", PrepConfig())
    assert any("rows 1 s apart" in told for told in series.told)
    (series,) = TableSource().read_series(tmp_path / "a.csv", PrepConfig(sample_interval_sec=0.5))
    assert not any("rows 1 s apart" in told for told in series.told)
