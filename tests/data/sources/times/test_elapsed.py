"""Times that have passed since a start."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.tables.values.cells import numbers_of as numbers
from data.sources.times.cells import times_of
from data.sources.times.counts.elapsed import stopped_s


def clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def dotted(seconds: int) -> str:
    return f"{seconds // 86400}.{clock(seconds % 86400).zfill(8)}"


FORMS = [clock, lambda s: clock(s).zfill(8), lambda s: f"{clock(s)}.000", dotted, lambda s: str(timedelta(seconds=s))]


@settings(max_examples=40)
@given(step_s=st.integers(1, 7200), start_s=st.integers(0, 90000), form=st.sampled_from(FORMS))
def test_hours_beyond_a_day_have_passed(step_s, start_s, form):
    seconds = np.append(start_s + step_s * np.arange(9), start_s + 90000 + 8 * step_s)
    times = times_of(pd.Series([form(int(s)) for s in seconds], name="Time"), PrepConfig())
    assert times.utc is None
    assert (times.reasons == "").all()
    np.testing.assert_array_equal(times.seconds, seconds)


def test_the_start_is_added_with_its_clock():
    times = times_of(pd.Series(["23:00:00", "24:10:00", "25:20:00"]), PrepConfig(start_utc="2024-03-05T10:00:00"))
    assert times.utc is not None
    assert [str(t)[:19] for t in times.utc] == ["2024-03-06T09:00:00", "2024-03-06T10:10:00", "2024-03-06T11:20:00"]


def test_minutes_with_parts_of_a_second_have_no_hour():
    times = times_of(pd.Series(["58:59.5", "59:00,0", "60:00.5", "75:01.0"]), PrepConfig())
    np.testing.assert_allclose(times.seconds, [3539.5, 3540.0, 3600.5, 4501.0])


def test_a_column_that_is_called_so_has_passed_and_clocks_of_a_day_are_asked_for():
    cells = ["10:00:00", "10:00:30", "10:01:00"]
    assert times_of(pd.Series(cells, name="Elapsed"), PrepConfig()).seconds.tolist() == [36000, 36030, 36060]
    with pytest.raises(TableError, match="clocks without a date"):
        times_of(pd.Series(cells, name="Time"), PrepConfig())
    midnight = ["23:59:00", "24:00:00", "00:01:00"]  # 24:00 is a clock too
    times = times_of(pd.Series(midnight, name="Time"), PrepConfig(start_utc="2024-03-05"))
    assert times.utc is not None
    assert str(times.utc[-1])[:16] == "2024-03-06T00:01"


def test_what_counts_from_0_needs_no_date_and_goes_over_midnight_with_one():
    cells = pd.Series([clock(s % 86400) for s in range(0, 200000, 1000)], name="Time")
    assert times_of(cells, PrepConfig()).utc is None
    times = times_of(cells, PrepConfig(start_utc="2024-03-05"))
    assert times.utc is not None
    np.testing.assert_array_equal(np.diff(times.utc), np.timedelta64(1000, "s"))


@given(st.lists(st.floats(0, 59.99) | st.floats(60, 7000), min_size=2, max_size=30), st.sampled_from([None, ""]))
def test_seconds_below_60_beside_minutes_are_seconds(values, missing):
    """A stopwatch's 1:00.10 behind 59.90 was no number, and its row lost."""
    values = [*values, 0.5, 60.25]
    cells = [
        f"{int(v // 60)}:{v % 60:05.2f}" if v >= 60 else f"{v:.2f}" for v in np.floor(100 * np.array(values)) / 100
    ]
    found = numbers(pd.Series([*cells, missing], name="P.1", dtype="object").replace("", None))
    np.testing.assert_allclose(found.values, [*np.floor(100 * np.array(values)) / 100, np.nan], atol=0.006)


@pytest.mark.parametrize("cells", [["12.3", "75.0", "1:20.0"], ["12.3", "0:20.0"], ["12.3", "1:20.0", "x"]])
def test_minutes_beside_other_numbers_are_none(cells):
    assert stopped_s(pd.Series(cells)) is None
