"""Rows with more or fewer cells than there are names, open quotes: no value stands below the name of another."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.table import TableSource

N = 60
TIMES = pd.date_range("2024-03-05T10:00", periods=N, freq="min").strftime("%Y-%m-%dT%H:%M:%S")


def read(folder, lines, name="a.csv", **settings):
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (series,) = TableSource().read_series(path, PrepConfig(**settings))
    return series


@pytest.mark.parametrize("first", [0, 5])
def test_commas_in_the_last_text_cost_no_row(tmp_path, first):
    rows = [f"{t},{i},{'ATIS X, RWY 25' if i % 4 == first % 4 else 'AUTO'}" for i, t in enumerate(TIMES)]
    series = read(tmp_path, ["time,temp,remarks", *rows])
    assert series.channels == ("temp",)
    np.testing.assert_array_equal(series.values[:, 0], np.arange(N))
    assert any("separators in its texts in 15 rows" in remark for remark in series.told)


@settings(max_examples=15)
@given(wide=st.sets(st.integers(0, N - 1), min_size=1, max_size=40))
def test_rows_of_more_cells_are_lost_and_no_value_is_shifted(tmp_path_factory, wide):
    rows = [f"{t},{i},{'7,5' if i in wide else 1000 + i}" for i, t in enumerate(TIMES)]
    series = read(tmp_path_factory.mktemp("wide"), ["time,a,b", *rows])
    kept = [i for i in range(N) if i not in wide]
    assert series.values.tolist() == [[i, 1000 + i] for i in kept]
    assert len(series.lost) == len(wide)
    assert "decimal comma" in series.lost[0][1]


def test_a_decimal_comma_in_all_rows_is_refused_in_words(tmp_path):
    rows = [f"{t},{i},5,{i}" + (",5" if i % 3 else "") for i, t in enumerate(TIMES)]
    with pytest.raises(TableError, match="more cells than its first line has names"):
        read(tmp_path, ["time,a,b", *rows])


def test_a_name_with_a_comma_is_said(tmp_path, caplog):
    read(tmp_path, ["time,Torque, Request,b", *(f"{t},{i},{2 * i}" for i, t in enumerate(TIMES))])
    assert "4 names, and each of its rows 3 cells" in caplog.text


@pytest.mark.parametrize("end", ["", "5"])
def test_rows_of_as_many_cells_as_names_are_not(tmp_path, caplog, end):
    rows = [f"{t},{i},{end if i % 2 else 5}" for i, t in enumerate(TIMES)]
    series = read(tmp_path, ["time,a,b", *rows])
    assert len(series.values) == N
    assert "names, and each of its rows" not in caplog.text


@settings(max_examples=15)
@given(empty=st.sets(st.tuples(st.integers(0, N - 1), st.integers(0, 2)), max_size=30))
def test_an_empty_cell_between_blanks_shifts_nothing(tmp_path_factory, empty):
    cells = [[f"{100 * k + 10 + i % 7}" for k in range(3)] for i in range(N)]
    rows = [
        f"{t} " + " ".join("" if (i, k) in empty else cell for k, cell in enumerate(row))
        for i, (t, row) in enumerate(zip(TIMES, cells, strict=True))
    ]
    series = read(tmp_path_factory.mktemp("blanks"), ["time a b c", *rows], "a.txt")
    whole = [i for i in range(N) if not {(i, 0), (i, 1), (i, 2)} & empty]
    np.testing.assert_array_equal(series.values, np.array([cells[i] for i in whole], float))
    assert len(series.lost) == N - len(whole)


@pytest.mark.parametrize("closed_at", [None, 40])
def test_an_open_quote_takes_no_rows_along(tmp_path, closed_at):
    notes = {20: '"12 inch', closed_at: 'pipe"'}
    rows = [f"{t},{i},{2 * i},{notes.get(i, '')}" for i, t in enumerate(TIMES)]
    series = read(tmp_path, ["time,a,b,note", *rows])
    assert series.values.tolist() == [[i, 2 * i] for i in range(N)]
    assert any("never closed" in remark for remark in series.told)


def test_a_note_of_several_lines_is_one_cell(tmp_path):
    rows = [
        f"{t},{i},{2 * i},{chr(34) + 'first' + chr(10) + 'second, third' + chr(34) if i == 9 else ''}"
        for i, t in enumerate(TIMES)
    ]
    series = read(tmp_path, ["time,a,b,note", *rows])
    assert series.values.tolist() == [[i, 2 * i] for i in range(N)]
    assert not any("never closed" in remark for remark in series.told)


def test_rows_that_begin_with_a_separator_keep_their_values(tmp_path):
    """A cell more than names, empty in each row: `'float' object has no attribute 'strip'`."""
    series = read(tmp_path, ["time,temp", *(f",{t},{i}" for i, t in enumerate(TIMES))])
    assert (series.channels, series.values[:, 0].tolist()) == (("temp",), list(range(N)))


@pytest.mark.parametrize(("interval", "step_s"), [("2 msec/sample", 0.002), ("0.5 sec/sample", 0.5), ("50 Hz", 1.0)])
@pytest.mark.parametrize("count", [N, N + 1])
def test_a_count_of_rows_above_them_is_none_and_an_interval_counts(tmp_path, interval, step_s, count):
    """AcqKnowledge's: the number of samples was the first of them, and they were 1 s apart."""
    heads = ["a.acq", interval, "2 channels", "CH1\tCH2\t", f"{count}\t{count}\t"]
    series = read(tmp_path, [*heads, *(f"{i * 37 % 11}.5\t{i * 7 % 5}\t" for i in range(N))], "a.txt")
    assert len(series.values) == N + (count != N)
    assert series.values[-1].tolist() == [(N - 1) * 37 % 11 + 0.5, (N - 1) * 7 % 5]
    assert np.diff(series.times_s)[0] == pytest.approx(step_s)


@pytest.mark.parametrize("glued", ["0.0NaN", "12.5 20.1", "7"])
def test_two_cells_without_a_separator_between_them_are_told(tmp_path, caplog, glued):
    """THREDDS wrote `0.0NaN`: each second row had one cell less, and its maximum stood below the minimum."""
    rows = [f"{t},2.0,{i},{i + 9}" if i % 2 else f"{t},{glued},{i + 9}" for i, t in enumerate(TIMES)]
    read(tmp_path, ["time,level,low,high", *rows])
    assert ("where a separator is missing" in caplog.text) == (glued != "7")
