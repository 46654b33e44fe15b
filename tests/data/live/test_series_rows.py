"""Rows of a table that grows: their times are found as those of the whole table are."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.live.series_rows import JsonRows, RowForm, TextRows
from data.sources.base import TableError

PREP = PrepConfig()


@given(st.lists(st.integers(-5, 9), min_size=1, max_size=12), st.integers(1, 12))
def test_a_variable_that_rises_for_a_few_rows_is_no_clock(steps, new):
    """Whatever its name is, and however few rows there are: the run knows its variables."""
    table = pd.DataFrame({"response_time": np.cumsum(steps), "v": np.arange(len(steps)) % 3})
    new = min(new, len(steps))
    form = RowForm(("response_time", "v"), False, {}, PREP)
    rows = form.rows(table, [f"row {i}" for i in range(new)], 100)
    np.testing.assert_array_equal(rows.times, np.arange(100 - new, 100))
    np.testing.assert_array_equal(rows.values[:, 0], np.cumsum(steps)[-new:])


@given(st.lists(st.integers(1, 10**5), min_size=1, max_size=12))
def test_a_clock_is_one_from_the_first_row_on(steps):
    table = pd.DataFrame({"millis": np.cumsum(steps), "v": np.arange(len(steps)) % 3})
    rows = RowForm(("v",), False, {}, PREP).rows(table, ["here"] * len(steps), len(steps))
    np.testing.assert_allclose(rows.times, np.cumsum(steps) / 1000)


@pytest.mark.parametrize("devices", [["north", "south"], ["north"]])
def test_rows_of_several_devices_are_no_samples_of_one_series(devices):
    """As lines of a table and as JSON; rows of one device are read."""
    form = RowForm(("flow",), True, {}, PrepConfig())
    rows = [
        {"ts": f"2024-03-01T00:{minute:02d}:00Z", "device": device, "flow": f"{1 + minute * 0.1:.1f}"}
        for minute in range(20)
        for device in devices
    ]
    lines = ["ts,device,flow", *(",".join(row.values()) for row in rows)]
    ways = (lambda: TextRows.of(form, lines), lambda: JsonRows(form).read([json.dumps(row) for row in rows]))
    for read in ways:
        if len(devices) == 1:
            assert read() is not None
            continue
        with pytest.raises(TableError, match=r"several devices \(device: north, south\); follow the rows of one"):
            read()
