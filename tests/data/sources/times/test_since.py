"""Numbers that count from the moment in their unit, as CF has them, beside cftime-free arithmetic of Python."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.sources.times.counts.since import since_its_unit

STEPS = {"seconds": 1, "sec": 1, "minutes": 60, "hours": 3600, "h": 3600, "days": 86400}
moments = st.datetimes(datetime(1858, 11, 17), datetime(2100, 1, 1)).map(lambda t: t.replace(microsecond=0))


@given(moments, st.integers(-(10**6), 10**6), st.sampled_from(sorted(STEPS)), st.integers(-14, 14), st.booleans())
def test_a_count_is_its_moment(start, count, unit, zone_h, is_float):
    """In any unit, from any moment, of a clock in any zone."""
    count = count if STEPS[unit] < 86400 else count % 30000
    numbers = np.array([count, count + 1]).astype(float if is_float else "i4")
    found = since_its_unit(numbers, f"{unit} since {start:%Y-%m-%d %H:%M:%S} {zone_h:+03d}:00")
    expected = start - timedelta(hours=zone_h) + timedelta(seconds=count * STEPS[unit])
    assert found is not None
    assert found[0] == np.datetime64(expected, "us")
    assert found[1] - found[0] == np.timedelta64(STEPS[unit], "s")


@pytest.mark.parametrize(
    ("unit", "calendar"),
    [
        ("kelvin", ""),
        ("days since launch", ""),
        ("months since 2012-01-01", ""),
        ("days since 2012-02-30", ""),
        ("days since 2012-01-01", "noleap"),
    ],
)
def test_what_names_no_moment_is_no_time(unit, calendar):
    assert since_its_unit(np.arange(3.0), unit, calendar) is None


def test_what_is_missing_has_no_time():
    found = since_its_unit(np.array([0.5, np.nan, 1e30]), "days since 1900-1-1 00:00:0.0")
    assert found is not None
    assert [str(t) for t in found] == ["1900-01-01T12:00:00.000000", "NaT", "NaT"]
