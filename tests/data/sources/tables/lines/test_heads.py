"""Which line holds the names: whatever stands above it, they are the ones right above the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.table import TableSource
from data.sources.tables.lines.heads import heads_above

WORDS = st.text("abcXYZ :/.-", min_size=1, max_size=12).map(str.strip).filter(lambda word: word.strip(":/.- "))
TIME_NAMES = st.sampled_from(["Time", "Date/Time", "Zeitstempel", "DATUM:", "dd/MM/yyyy HH:mm:ss", "created_time"])
ROWS = [[f"2024-03-05 10:{i:02}:00", f"{20 + i % 7}.5", f"{40 + i % 5}"] for i in range(20)]


def read(tmp_path, lines, name="a.csv"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    (series,) = TableSource().read_series(path, PrepConfig())
    return series


@given(st.lists(st.lists(WORDS | st.just(""), max_size=5), max_size=8), TIME_NAMES, st.sampled_from(";\t,"))
@settings(max_examples=40, deadline=None)
def test_no_line_above_the_names_is_taken_for_them(tmp_path_factory, above, time, sign):
    """Lines of as many words as there are columns were (Mitsubishi's, Ahlborn's and SMA's loggers)."""
    above = [cells for cells in above if not (len(cells) == 3 and not cells[0] and any(cells))]  # names in two lines
    lines = [sign.join(cells) for cells in [*above, [time, "Pressure A", "Flow B"], *ROWS]]
    series = read(tmp_path_factory.mktemp("heads"), lines)
    assert series.channels == ("Pressure A", "Flow B")
    assert series.values[0].tolist() == [20.5, 40]
    assert len(series.values) == len(ROWS)


def test_kinds_above_the_names_are_none(tmp_path):
    head = ["[LOGGING],LJ71_1,2", "DATETIME[YYYY/MM/DD hh:mm:ss],SHORT[DEC.0],FLOAT[2]", "TIME,D0,D100"]
    assert read(tmp_path, [*head, *map(",".join, ROWS)]).channels == ("D0", "D100")


def test_names_in_lines_above_their_units(tmp_path):
    """Sunny Explorer's: the serial numbers, alike, were the names, and the form of the times a row."""
    head = [";SN: 21;SN: 21", ";SB 2100;SB 2100", ";Yield;Power", ";Counter;Analog", "yyyy-MM-dd HH:mm:ss;kWh;kW"]
    lines = ["sep=;", "Version CSV1|Tool SE", "", *head, ";".join(ROWS[0][:2]), *map(";".join, ROWS[1:])]
    series = read(tmp_path, lines)
    assert series.channels == ("Yield Counter [kWh]", "Power Analog [kW]")
    assert len(series.values) == len(ROWS)
    assert series.values[1].tolist() == [21.5, 41]


@pytest.mark.parametrize("sign", ",;\t")
def test_rows_that_end_in_a_separator_below_names_that_do_not(tmp_path, sign):
    """Samsung Health's: a line above of the program's name, and each row with an empty cell more than names."""
    rows = [sign.join(row) + sign for row in ROWS]
    series = read(tmp_path, [sign.join(["tracker", "622310"]), sign.join(["start_time", "rate", "max"]), *rows])
    assert series.channels == ("rate", "max")
    assert series.values[0].tolist() == [20.5, 40]


def test_rows_that_end_in_a_separator_below_names_and_units_that_do_not(tmp_path):
    lines = ["Logger;7", "Datum/Uhrzeit;Drehzahl;Druck", ";rpm;degC", *(";".join(row) + ";" for row in ROWS)]
    series = read(tmp_path, lines)
    assert series.channels == ("Drehzahl", "Druck [degC]")
    assert len(series.values) == len(ROWS)


def test_names_in_two_lines_stay_joined(tmp_path):
    series = read(tmp_path, [",North,South", "Time,Temp,Hum", *map(",".join, ROWS)])
    assert series.channels == ("North Temp", "South Hum")


def test_names_over_two_columns_that_are_letters(tmp_path):
    """A and B were taken for units, and the second column had no name."""
    rows = [f"2024-03-05 10:{i:02}:00\t{i * 7 % 5}\t{i * 3 % 7}\t{i % 3}" for i in range(20)]
    series = read(tmp_path, ["Time\tTemp\t\tFlow", "\tA\tB\tA", *rows])
    assert series.channels == ("Temp A", "Temp B", "Flow A")


def test_nothing_is_told_of_rows_without_times_or_names():
    numbers = [(i, ["1.5", str(i)]) for i in range(9)]
    assert heads_above([(0, ["a", "b"]), *numbers], 2) is None
    assert heads_above([(i, row) for i, row in enumerate(ROWS)], 3) is None
    assert heads_above([], 3) is None


@pytest.mark.parametrize("sign", "\t;")
def test_decimal_commas_in_the_first_row_are_numbers_and_no_names(tmp_path, sign):
    """LabVIEW's spreadsheets: `0,000000` was the name of the times."""
    lines = [f"{i / 10:.6f}{sign}{i * 37 % 11 + 0.5:.6f}".replace(".", ",") for i in range(40)]
    series = read(tmp_path, lines, "a.txt")
    assert len(series.values) == len(lines)


ABOUT_ITSELF = ["Logger;V1.0;rev B", "Upper limit;85.0;"]  # of as many cells as the rows


@pytest.mark.parametrize(
    ("begin", "step"),
    [(1_410_804_900, 1), (1_410_804_900_000, 50), (1_410_804_900 * 10**9, 10**9), (20_150_304_101_500, 1)],
)
@pytest.mark.parametrize("time", ["Log Time", "ts", ""])
def test_names_above_times_in_numbers(tmp_path, begin, step, time):
    """The logger's words were names, as UNIX times and dates in digits were no times there."""
    names = [";Sensor A;Sensor A", f"{time};Temp;Flow"]
    rows = [f"{begin + i * step};{row[1]};{row[2]}" for i, row in enumerate(ROWS)]
    series = read(tmp_path, [*ABOUT_ITSELF, "", *names, *rows])
    assert series.channels == ("Sensor A Temp", "Sensor A Flow") or series.channels == ("Temp", "Flow")
    assert series.values[0].tolist() == [20.5, 40]
    assert series.times_utc is not None


@pytest.mark.parametrize("units", [[], [";m/s;l/min"], [";degC;kW"]])
@pytest.mark.parametrize("names", ["# Time;Temp;Flow", '"# Time";Temp;Flow', "#Time;Temp;Flow", ";Temp;Flow"])
def test_names_that_begin_with_a_mark_or_without_a_time_below_a_preamble(tmp_path, names, units):
    series = read(tmp_path, [*ABOUT_ITSELF, names, *units, *map(";".join, ROWS)])
    assert series.channels == ("Temp", "Flow")
    assert len(series.values[np.isfinite(series.values[:, 0])]) == len(ROWS)


def test_units_in_a_comment_below_names_in_one(tmp_path):
    series = read(tmp_path, [*ABOUT_ITSELF, "# Time;Temp;Flow", "# s;degC;kW", *map(";".join, ROWS)])
    assert series.channels == ("Temp [degC]", "Flow [kW]")
    series = read(tmp_path, ["# of V1;a;b", "Time;Temp;Flow", "# by A;b;c", *map(";".join, ROWS)], "b.csv")
    assert series.channels == ("Temp", "Flow")


@pytest.mark.parametrize("first", ["#", "No.", ""])
@pytest.mark.parametrize("end", ["", ","])
def test_names_above_units_where_rows_end_in_a_separator_and_are_counted(tmp_path, first, end):
    """`#` is the name of a count here, and no mark of a comment: names were `column_2`, or the units."""
    rows = [f"{i + 1},{1710496800 + i},{20 + i / 4},{3.5 - i}," for i in range(12)]
    series = read(tmp_path, [f"{first},Time,Temp,Flow{end}", f",,degC,kW{end}", *rows])
    assert series.channels == ("Temp", "Flow") or series.channels == ("Temp [degC]", "Flow [kW]")
    assert (len(series.values), str(series.times_utc[0])) == (12, "2024-03-15T10:00:00.000")


PASSED = st.sampled_from(["Zeit", "Trial time", "Time (Seconds)", "TIME", "Elapsed_time", "Stamp"])


@given(
    st.lists(st.lists(WORDS, max_size=2), max_size=4),
    PASSED,
    st.sampled_from([[], ["s", "cm", "cm²"], ["", "mm", "°C"]]),
    st.booleans(),
    st.sampled_from(";\t,"),
    st.integers(0, 2),
)
@settings(max_examples=40, deadline=None)
def test_names_above_relative_times(tmp_path_factory, above, time, units, is_open, sign, gap):
    """Below a preamble, above units, with a cell less than rows that end in a separator: columns had no names, and of
    Kostal's inverters, EthoVision and VCDS the times were not found."""
    rows = [[f"{i / 4:.2f}", "-" if i == gap else f"{20 + i % 7}.5", f"{40 + i * 3 % 5}"] for i in range(20)]
    heads = [*above, [time, "X center", "Area"], *([units] if units else [])]
    lines = [sign.join(cells) for cells in heads] + [sign.join(row) + is_open * sign for row in rows]
    series = read(tmp_path_factory.mktemp("passed"), lines)
    assert [name.split(" [")[0] for name in series.channels] == ["X center", "Area"]
    assert np.diff(series.times_s[np.isfinite(series.values[:, 1])]).tolist() == [0.25] * 19


@pytest.mark.parametrize("of_each", [",Name,hip,hip,knee,knee", ",,hip,,knee,"])
def test_names_that_come_again_are_told_apart_by_a_line_above(tmp_path, of_each):
    """OptiTrack's: the markers' kinds and names were the names, and their numbers a row, 1 s apart."""
    above = ["Version,1.23,Take,walk,Rate,120", "", ",Type,Marker,Marker,Marker,Marker", of_each, ",ID,1,1,2,2"]
    rows = [f"{i},{i / 128},{i * 7 % 11},{i * 3 % 5}.5,{i * 5 % 13},{i % 2}" for i in range(20)]
    series = read(tmp_path, [*above, ",,Position,Position,Position,Position", "Frame,Time (Seconds),X,Y,X,Y", *rows])
    assert series.channels == ("hip X", "hip Y", "knee X", "knee Y")
    assert series.times_s[-1] == 19 / 128


def test_units_below_names_one_of_which_is_a_unit_too(tmp_path):
    """Graphtec's: `ms` is the name of a column, and names were the units."""
    rows = [f"{i + 1},2024-03-05 10:00:{i // 2:02},{i % 2 * 500},+{20 + i % 7}.5,{40 + i % 5}" for i in range(20)]
    series = read(tmp_path, ["Number,Date&Time,ms,CH1,CH2", "NO.,Time,ms,degC,V", *rows])
    assert series.channels == ("CH1", "CH2")
    assert len(series.values) == len(rows)


def test_names_behind_a_setting(tmp_path):
    """LabChart's: settings were rows, rows 1 s apart, and `Interval=` a variable."""
    above = ["Interval=\t0.002 s", "ExcelDateTime=\t4.5e+04\t5/1/2023 12:00:00.000000 PM", "TimeFormat=\tStartOfBlock"]
    above += ["DateFormat=\tM/d/yyyy", "ChannelTitle=\tCO2\tBelt", "Range=\t10.000 V\t50.0 mV"]
    rows = [f"{i * 0.002:.4g}\t{i * 37 % 11}.5\t{i * 7 % 5}" for i in range(40)]
    series = read(tmp_path, [*above, *rows[:30], rows[30] + "\t#* start", *rows[31:]], "scan.txt")
    assert series.channels == ("CO2", "Belt")
    np.testing.assert_allclose(series.times_s, [i * 0.002 for i in range(40) if i != 30])
    assert len(series.lost) == 1
