"""Rows of a table that grows: their times are found as those of the whole table are."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.live.series.json_rows import JsonRows
from data.live.series.row_form import RowForm
from data.live.series.row_sources import GrowingTable
from data.live.series.text_rows import TextRows, line_of
from data.sources.base import TableError
from data.sources.table import TableSource
from data.sources.tables.text_table import read_text

PREP = PrepConfig()
MINUTE = "2012-07-19T07:{:02d}:00"


@given(st.lists(st.integers(-5, 9), min_size=1, max_size=12), st.integers(1, 12))
def test_a_variable_that_rises_for_a_few_rows_is_no_clock(steps, new):
    """Whatever its name is, and however few rows there are: the run knows its variables."""
    table = pd.DataFrame({"response_time": np.cumsum(steps), "v": np.arange(len(steps)) % 3})
    new = min(new, len(steps))
    form = RowForm(("response_time", "v"), False, {}, PREP, {})
    rows = form.rows(table, [f"row {i}" for i in range(new)], 100)
    np.testing.assert_array_equal(rows.times, np.arange(100 - new, 100))
    np.testing.assert_array_equal(rows.values[:, 0], np.cumsum(steps)[-new:])


@given(st.lists(st.integers(1, 10**5), min_size=1, max_size=12))
def test_a_clock_is_one_from_the_first_row_on(steps):
    table = pd.DataFrame({"millis": np.cumsum(steps), "v": np.arange(len(steps)) % 3})
    rows = RowForm(("v",), False, {}, PREP, {}).rows(table, ["here"] * len(steps), len(steps))
    np.testing.assert_allclose(rows.times, np.cumsum(steps) / 1000)


@pytest.mark.parametrize("devices", [["north", "south"], ["north"]])
def test_rows_of_several_devices_are_no_samples_of_one_series(devices):
    """As lines of a table and as JSON; rows of one device are read."""
    form = RowForm(("flow",), True, {}, PrepConfig(), {})
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


@given(
    st.lists(st.tuples(st.permutations(["time", "a", "b, c"]), st.integers(1, 9)), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t"]),
)
def test_names_that_come_again_in_another_order_say_what_the_rows_below_are(tmp_path_factory, parts, sign):
    """A logger writes its names at each start; rows are read by those above them, by prep and as the table grows."""
    lines, expected, number = [], [], 0
    for names, count in parts:
        lines.append(line_of(names, sign))
        for _ in range(count):
            number += 1
            row = {"time": f"2012-07-19T07:{number:02d}:00", "a": str(number), "b, c": f"-{number}.5"}
            lines.append(line_of([row[name] for name in names], sign))
            expected.append((number, -number - 0.5))
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_text("\n".join(lines) + "\n")
    read = read_text(path, PREP)
    ((_, series),) = [("", s) for s in TableSource().read_series(path, PREP)]
    known = ~np.isnat(series.times_utc)
    values = {name: series.values[known, i] for i, name in enumerate(series.channels)}
    np.testing.assert_array_equal(np.stack([values["a"], values["b, c"]], axis=1), expected)
    moved = {names != parts[0][0] for names, _ in parts}
    assert any("in another order" in told for told in read.told) == (True in moved)
    found = TextRows.of(RowForm(("a", "b, c"), True, {}, PREP, {}), lines)
    assert found is not None
    rows = found[0].read(found[1])
    np.testing.assert_array_equal(rows.values[rows.reasons == ""], expected)


def test_rows_around_names_that_come_again_are_read_together(monkeypatch):
    """One by one they took 7 ms each, so a logger that starts anew was read slower than it writes."""
    counts, rows = [], RowForm.rows

    def counted(form, table, where, *more):
        counts.append(len(where))
        return rows(form, table, where, *more)

    monkeypatch.setattr(RowForm, "rows", counted)
    lines = ["time,a", *(f"{MINUTE.format(i)},{i}" for i in range(40))]
    lines[30:30] = ["time,a", "", "a,time", "time,a"]
    text, rest = TextRows.of(RowForm(("a",), True, {}, PREP, {}), lines)
    counts.clear()
    assert np.isnan(text.read(rest).values[:, 0]).sum() == 3
    assert counts == [29, 11]


def test_rows_below_other_names_are_left_out_and_told(tmp_path):
    rows = [f"2012-07-19T07:{minute:02d}:00,{minute}" for minute in range(40)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["time,flow", *rows[:30], "time,pressure", *rows[30:]]) + "\n")
    (series,) = TableSource().read_series(path, PREP)
    assert (~np.isnat(series.times_utc)).sum() == 30
    assert any("from row 31 on its columns have other names, as pressure" in told for told in series.told)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_table_that_grows_has_the_names_that_prep_read(tmp_path, encoding):
    """`Temp °C` in the encoding of a spreadsheet is the variable of that name."""
    text = "time,Temp °C\r\n" + "".join(f"2012-07-19T07:{i:02d}:00,{i}\r\n" for i in range(30))
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(encoding))
    (series,) = TableSource().read_series(path, PREP)
    table = GrowingTable(path, RowForm(series.channels, True, {}, PREP, {}), 0.1, False)
    rows = table.poll()
    table.close()
    assert rows is not None
    np.testing.assert_array_equal(rows.values, series.values)
    np.testing.assert_array_equal(rows.times, series.times_utc)


def test_objects_in_objects_have_the_names_of_prep(tmp_path):
    """As they come from a broker: a run on data.temp could not be followed."""
    lines = [json.dumps({"time": MINUTE.format(i), "data": {"temp": i % 5, "more": {"p": i % 4}}}) for i in range(20)]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(lines) + "\n")
    (series,) = TableSource().read_series(path, PREP)
    assert series.channels == ("data.temp", "data.more.p")
    rows = JsonRows(RowForm(series.channels, True, {}, PREP, {})).read(lines)
    np.testing.assert_array_equal(rows.values, series.values)
    np.testing.assert_array_equal(rows.times, series.times_utc)
