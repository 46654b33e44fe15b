"""Text tables as people have them, read as they were meant, or refused with the way out."""

import bz2
import gzip
import lzma

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.table import TableSource
from data.sources.tables.text_table import looks_like_table, read_text, unlike_names

PREP = PrepConfig()


def read(tmp_path, text: str | bytes, prep=PREP, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_text(path, prep)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("time,a b,c\n1,2,3\n4,5,6\n", ["time", "a b", "c"]),
        ("time;a b;c\n1;2;3\n4;5;6\n", ["time", "a b", "c"]),
        ("time\ta b\tc\n1\t2\t3\n4\t5\t6\n", ["time", "a b", "c"]),
        ("time|a b|c\n1|2|3\n4|5|6\n", ["time", "a b", "c"]),
        ("time  ab  c\n1   2 3\n4 5   6\n", ["time", "ab", "c"]),
        ('"time","a, b","c"\n1,2,3\n4,5,6\n', ["time", "a, b", "c"]),
        ('time,"a\n(m)",c\n1,2,3\n4,5,6\n', ["time", "a (m)", "c"]),
        ('time,"a\n(m)","c\n, d"\n1,"x\ny ""z"", 5",3\n4,"one\n\ntwo",6\n', ["time", "a (m)", "c , d"]),
        ('time,a,c\n1,5" pipe,3\n4,6" pipe,6\n', ["time", "a", "c"]),
        ("time, a ,a\n1,2,3\n4,5,6\n", ["time", "a", "a (2)"]),
        ("time,,a\n1,2,3\n4,5,6\n", ["time", "column_1", "a"]),
        ("sep=;\ntime;a;c\n1;2;3\n4;5;6\n", ["time", "a", "c"]),
        ("# made by hand\n# of it\ntime,a,c\n1,2,3\n4,5,6\n", ["time", "a", "c"]),
        ("# time a c\n1 2 3\n4 5 6\n", ["time", "a", "c"]),
        ("Report\nof yesterday\n\ntime,a,c\n1,2,3\n4,5,6\n7,8,9\n", ["time", "a", "c"]),
        ("time,a,a\n,x,y\n1,2,3\n4,5,6\n", ["time", "a x", "a y"]),
        (",a,\n,x,y\nt,,\n1,2,3\n4,5,6\n", ["t", "a x", "a y"]),
        ("time,a,a\ns,V,A\n1,2,3\n4,5,6\n", ["time s", "a V", "a A"]),
        ("1,2,3\n4,5,6\n", ["column_0", "column_1", "column_2"]),
        ("2012-07-19,x,3\n2012-07-20,y,6\n", ["column_0", "column_1", "column_2"]),
        ("time,a,c,\n1,2,3,\n4,5,6,\n", ["time", "a", "c", "column_3"]),
        ("time,a,c\n1,2,3,\n4,5,6,\n", ["time", "a", "c"]),
        ("time,a,c\r\n1,2,3\r\n4,5,6\r\n", ["time", "a", "c"]),
    ],
)
def test_separators_names_and_what_stands_before_them(tmp_path, text, names):
    table = read(tmp_path, text).table
    assert list(table.columns) == names
    assert table.shape[0] == (3 if "yesterday" in text else 2)
    assert str(table.iloc[1, 2]) == "6"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings_are_found(tmp_path, encoding):
    text = "time,Größe\n" + "".join(f"{i},{i}\n" for i in range(9))
    found = read(tmp_path, text.encode(encoding))
    assert list(found.table.columns) == ["time", "Größe"]
    assert any("cp1252" in told for told in found.told) == (encoding == "cp1252")


def test_text_that_turns_out_late_to_be_no_utf8_is_read_all_the_same(tmp_path):
    text = "time,a,note\n" + "1,2,good\n" * 60_000 + "1,2,schön\n"
    assert len(read(tmp_path, text.encode("latin-1")).table) == 60_001


def test_an_encoding_of_the_settings(tmp_path):
    text = "時間,値\n1,2\n3,4\n".encode("shift_jis")
    assert list(read(tmp_path, text, PrepConfig(encoding="shift_jis")).table.columns) == ["時間", "値"]
    with pytest.raises(TableError, match=r"prep\.encoding"):
        read(tmp_path, text, PrepConfig(encoding="utf-8"))


def test_a_decimal_comma_is_found_and_told_but_not_where_commas_separate(tmp_path):
    found = read(tmp_path, "t;a;b\n0,5;1;0,125\n1,0;2;3,5\n")
    np.testing.assert_allclose(found.table.to_numpy(np.float64), [[0.5, 1, 0.125], [1, 2, 3.5]])
    assert "decimal comma" in found.told
    assert read(tmp_path, "a,b\n1,5\n2,7\n").table.to_numpy().tolist() == [[1, 5], [2, 7]]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_text_is_read_by_its_content_and_only_up_to_the_limit(tmp_path, pack):
    text = "a,b\n" + "1,2\n" * 1000
    assert len(read(tmp_path, pack(text.encode()), name="t.csv").table) == 1000
    with pytest.raises(TableError, match=r"takes more than prep\.max_input_mb 0\.001 MB"):
        read(tmp_path, pack(text.encode()), PrepConfig(max_input_mb=0.001))


def test_one_line_of_many_numbers_is_one_variable(tmp_path):
    assert read(tmp_path, " ".join(map(str, range(80))), name="t.txt").table.shape == (80, 1)


@pytest.mark.parametrize(
    ("text", "is_table"),
    [
        ("1 2\n3 4\n5 6\n", True),
        ("0.1\n0.2\n0.3\n", True),
        ("time,a\n2012-07-19,1\n2012-07-20,2\n", True),
        ("# t a\n1 2\n3 4\n", True),
        ("Read this first.\nIt says what is\nin the folder.\n", False),
        ("", False),
        ("numpy>=2.0\npandas>=2.2\n", False),
    ],
)
def test_tables_among_text_files(tmp_path, text, is_table):
    (tmp_path / "t.txt").write_text(text)
    assert looks_like_table(tmp_path / "t.txt") == is_table


@given(st.lists(st.text(max_size=6), max_size=8))
def test_names_become_unlike_and_printable(names):
    found = unlike_names(names)
    assert len(set(found)) == len(found) == len(names)
    assert all(name.isprintable() and name.strip() == name != "" for name in found)
    assert unlike_names(found) == found


numbers = st.floats(-1e6, 1e6).map(lambda v: round(v, 3))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(numbers, numbers, numbers), min_size=3, max_size=30),
    st.sampled_from([",", ";", "\t", "|"]),
    st.booleans(),
)
def test_any_table_of_numbers_is_read_back(tmp_path_factory, rows, separator, has_names):
    path = tmp_path_factory.mktemp("any") / "t.csv"
    table = pd.DataFrame(rows, columns=["x", "y", "z"])
    table.to_csv(path, sep=separator, index=False, header=has_names)
    found = read_text(path, PREP).table
    np.testing.assert_array_equal(found.to_numpy(np.float64), table.to_numpy())


@pytest.mark.parametrize("rows", [3, 40])
@pytest.mark.parametrize("end", ["time,a,b,c\n", ""])
def test_rows_before_the_table_that_are_of_another_are_told(tmp_path, rows, end):
    """As of a logger that got a column more; remarks before a table are no rows."""
    before = "Logger 7\nbegun,2012-07-19\ntime,a,b\n" + "".join(f"2012-07-19T07:{i:02d},{i},2\n" for i in range(rows))
    found = read(
        tmp_path, before + end + "".join(f"2012-07-20T{i // 60:02d}:{i % 60:02d},{i},2,3\n" for i in range(150))
    )
    assert len(found.table) == 150
    assert found.table.shape[1] == 4
    assert [where for where, _ in found.lost] == [f"line {i + 4}" for i in range(rows)]
    assert {reason[:10] for _, reason in found.lost} == {"of 3 cells"}
    assert found.told == ("3 lines before the table left out",)


CELL = st.sampled_from(["Device", "XY-12", "Serial", "", "Roof", "2024-01-01", "17"])


@given(
    st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=6),
    st.sampled_from(["Time", "Date/Time", "Datum", "timestamp (UTC)"]),
    st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_what_a_logger_says_of_itself_is_no_name_of_a_column(tmp_path_factory, preamble, time, has_units):
    preamble[0] = ["Device", "XY", ""]
    below = [[time, "Temp", "Hum"], *([["", "degC", "%"]] if has_units else [])]
    rows = [[f"2024-01-01 00:{i:02}", f"{20 + i}.5", str(40 + i)] for i in range(30)]
    path = tmp_path_factory.mktemp("logger") / "a.csv"
    path.write_text("\n".join(";".join(cells) for cells in [*preamble, *below, *rows]) + "\n")
    (series,) = TableSource().read_series(path, PrepConfig())
    assert series.channels == ("Temp", "Hum")
    np.testing.assert_array_equal(series.values[np.isfinite(series.values).all(axis=1)][:, 1], 40 + np.arange(30))


@pytest.mark.parametrize("preamble", [[], ["Record Length,Analog:60", "Horizontal Units,s", "Source,CH1"]])
@pytest.mark.parametrize(("axis", "factor"), [("Second", 1.0), ("in s", 1.0), ("in ms", 1e-3), ("Seconds", 1.0)])
def test_the_axis_of_an_oscilloscope_is_time_below_what_it_says_of_itself(tmp_path, preamble, axis, factor):
    rows = [f"{-0.00014 + number * 2e-8:.11f},{number % 7}" for number in range(60)]
    (tmp_path / "a.csv").write_text("\n".join([*preamble, f"{axis},Value", *rows]) + "\n")
    (series,) = TableSource().read_series(tmp_path / "a.csv", PrepConfig())
    assert series.channels == ("Value",)
    np.testing.assert_allclose(np.diff(series.times_s), 2e-8 * factor, rtol=1e-3)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-32-be"])
def test_marks_of_every_width_tell_the_encoding(tmp_path, encoding):
    """That of UTF-32 begins as that of UTF-16 does, whose letters would stand apart."""
    mark = "\ufeff" if encoding.endswith("be") else ""
    text = mark + "Zeit,Größe\n" + "".join(f"2024-03-05T10:{i:02d}:00,{i}.5\n" for i in range(20))
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    assert list(read_text(tmp_path / "t.csv", PrepConfig()).table.columns) == ["Zeit", "Größe"]


WORDS = st.text("abcdefgh/", min_size=1, max_size=8)


@settings(max_examples=60)
@given(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=12), WORDS, st.sampled_from(",;\t"), st.booleans())
def test_a_first_row_with_words_that_come_again_is_no_row_of_names(tmp_path_factory, values, word, sign, has_comment):
    """Of logs without names (MQTT, `rostopic echo -p`) the first row was lost, and its numbers were the names."""
    word = f"a{word}z"  # no word for a missing number
    rows = [sign.join([str(1709632800 + i), word, f"{value:.3f}"]) for i, value in enumerate(values)]
    above = f"%{sign.join(['time', 'topic', 'x'])}\n" if has_comment else ""
    found = read(tmp_path_factory.mktemp("t"), above + "\n".join(rows) + "\n").table
    assert list(found.columns) == (["time", "topic", "x"] if has_comment else ["column_0", "sensor", "value"])
    np.testing.assert_allclose(found.iloc[:, 2], values, atol=1e-3)


def test_rows_of_a_log_without_names_are_of_their_sensors(tmp_path):
    """Values of all topics were one variable, and jumped from one to the other."""
    rows = [f"{1709632800 + i} room/{'temp' if i % 2 else 'hum'} {20 + i % 2 * 30}" for i in range(40)]
    (tmp_path / "t.log").write_text("\n".join(rows) + "\n")
    (series,) = TableSource().read_series(tmp_path / "t.log", PREP)
    assert series.channels == ("room/hum", "room/temp")
    assert [set(column[np.isfinite(column)]) for column in series.values.T] == [{20.0}, {50.0}]


def test_names_above_a_ruled_line_may_stand_between_blanks(tmp_path):
    """Of ngspice's tables the names were lost, so that its time was a variable and rows were 1 s apart."""
    rows = "".join(f"{i}\t{i}e-06\t{i % 3}\n" for i in range(9))
    found = read(tmp_path, f"Index   time            v(out)\n{'-' * 60}\n{rows}").table
    assert list(found.columns) == ["Index", "time", "v(out)"]
