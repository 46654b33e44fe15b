"""Variables with times of their own beside them never get the times of another one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.table import TableSource

NAMES = {
    "historian": ("T{} Time", "T{} Value"),
    "tag": ("TI10{} timestamp", "TI10{}"),
    "same": ("Time", "Value"),
    "german": ("Zeit", "Messwert {}"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clocks")


def read(folder, columns: list[tuple[str, list]]):
    longest = max(len(cells) for _, cells in columns)
    rows = [[cells[i] if i < len(cells) else "" for _, cells in columns] for i in range(longest)]
    lines = [",".join(name for name, _ in columns), *(",".join(map(str, row)) for row in rows)]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    return TableSource().read_series(folder / "t.csv", PrepConfig())


def times(count: int, step_s: int, text: bool) -> list:
    utc = np.datetime64("2024-03-05T10:00:00") + (step_s * np.arange(count)).astype("timedelta64[s]")
    return [str(time) for time in utc] if text else (step_s * np.arange(count) + 0.5).tolist()


@settings(max_examples=40)
@given(
    st.sampled_from(list(NAMES)),
    st.lists(st.tuples(st.integers(10, 30), st.integers(1, 90)), min_size=2, max_size=4),
    st.booleans(),
)
def test_each_variable_has_its_own_times(folder, form, variables, text):
    """The times of the first one were taken for all."""
    time_name, value_name = NAMES[form]
    columns = []
    for k, (count, step_s) in enumerate(variables, 1):
        columns.append((time_name.format(k), times(count, step_s, text)))
        columns.append((value_name.format(k), [10 * k + i % 7 + 0.25 for i in range(count)]))
    found = read(folder, columns)
    if all(cells == columns[0][1] for _, cells in columns[::2]):
        assert [len(found), len(found[0].channels)] == [1, len(variables)]
        return
    assert [len(series.channels) for series in found] == [1] * len(variables)
    for k, (series, (count, step_s)) in enumerate(zip(found, variables, strict=True), 1):
        assert series.values[:, 0].tolist() == [10 * k + i % 7 + 0.25 for i in range(count)]
        own = series.times_s if series.times_utc is None else series.times_utc.astype(float) / 1000
        np.testing.assert_allclose(np.diff(own), step_s)


@pytest.mark.parametrize("names", [("created", "updated"), ("start_time", "end_time"), ("time", "time_utc")])
def test_other_times_of_the_same_row_make_no_second_series(folder, names):
    columns = [(names[0], times(20, 60, True)), ("a", list(range(20))), (names[1], times(20, 61, True))]
    (series,) = read(folder, [*columns, ("b", [i % 5 for i in range(20)])])
    assert series.times_utc is not None
    assert len(series.values) == 20


def test_a_table_of_one_clock_is_as_it_was(folder):
    columns = [("time", times(20, 60, True)), ("a", list(range(20))), ("b", [i % 5 for i in range(20)])]
    (series,) = read(folder, [*columns, ("c", [i % 3 for i in range(20)])])
    assert series.channels == ("a", "b", "c")
    assert pd.Series(series.values[:, 1]).tolist() == [i % 5 for i in range(20)]
