"""Rows of a table that grows: their times are found as those of the whole table are."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.live.series_rows import RowForm

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
