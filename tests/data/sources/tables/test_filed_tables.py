"""Tables as bug reports of other programs describe them, of which a part was lost or read wrongly, without a word."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import Series
from data.sources.table import TableSource
from data.sources.tables.layout import are_quoted_whole, unquoted
from data.sources.tables.values.cells import numbers_of

N = 40
TIMES = pd.date_range("2024-03-05T10:00", periods=N, freq="min")
DAYS = pd.date_range("2024-03-05", periods=N)
VALUES = [round(20 + 5 * np.sin(i / 7), 2) for i in range(N)]


def read(path, text: str, **settings) -> Series:
    path.write_text(text, encoding="utf-8")
    (series,) = TableSource().read_series(path, PrepConfig(**settings))
    return series


@given(st.lists(st.integers(1, 999), min_size=8, max_size=30), st.sampled_from(["s", " V", " °C", "F", " kPa", "g"]))
def test_a_letter_behind_a_few_numbers_does_not_cost_the_others(numbers, letter):
    cells = [f"{n}{letter}" if i % 4 == 3 else str(n) for i, n in enumerate(numbers)]
    np.testing.assert_array_equal(numbers_of(pd.Series(cells)).values, numbers)


@given(st.lists(st.integers(1, 999), min_size=8, max_size=30))
def test_of_numbers_with_several_units_among_plain_ones_only_these_are_known(numbers):
    cells = [f"{n} {'mV' if i % 8 == 3 else 'V'}" if i % 4 == 3 else str(n) for i, n in enumerate(numbers)]
    expected = np.array(numbers, float)
    expected[3::4] = np.nan if len(numbers) >= 8 else expected[3::4]
    np.testing.assert_array_equal(numbers_of(pd.Series(cells)).values, expected)


def test_what_counts_the_readings_is_no_variable(tmp_path):
    rows = [f"{time}Z,{7 + i},{value}" for i, (time, value) in enumerate(zip(TIMES, VALUES, strict=True))]
    series = read(tmp_path / "feed.csv", "\n".join(["created_at,entry_id,field1", *rows]))
    assert series.channels == ("field1",)
    assert series.notes["entry_id"] == "left out: row numbers"


def days_of_hours(hours: list[list[object]], date: str = "2024-10-%02d", first: int = 26) -> list[tuple[str, object]]:
    return [(date % (first + i), hour) for i, day in enumerate(hours) for hour in day]


@given(st.sampled_from(["Stunde", "hh", "Hour", "heure"]), st.sampled_from([0, 1]), st.integers(2, 4))
def test_hours_beside_dates_are_their_clocks(tmp_path_factory, name, first, days):
    rows = days_of_hours([[*range(first, first + 24)]] * days)
    text = "\n".join([f"Datum;{name};Preis", *(f"{date};{hour};{i + 0.5}" for i, (date, hour) in enumerate(rows))])
    series = read(tmp_path_factory.mktemp("hours") / "a.csv", text)
    expected = np.datetime64("2024-10-26T00", "ms") + np.arange(first, first + 24 * days) * np.timedelta64(1, "h")
    np.testing.assert_array_equal(series.times_utc, expected)
    assert series.channels == ("Preis",)


def test_the_day_of_25_hours_costs_no_other_one(tmp_path):
    long_day = ["1", "2", "3A", "3B", *map(str, range(4, 25))]
    for name, hours in (("letters", long_day), ("counted", [*range(1, 26)])):
        rows = days_of_hours([[*range(1, 25)], hours, [*range(1, 25)]])
        text = "\n".join(["Date,Hour,Price", *(f"{date},{hour},{i + 0.5}" for i, (date, hour) in enumerate(rows))])
        times = read(tmp_path / f"{name}.csv", text).times_utc
        assert len(np.unique(times[~np.isnat(times)])) == 72


@given(st.sampled_from([48, 96, 288]), st.sampled_from(["SETTLEMENT_PERIOD", "period", "interval"]))
def test_parts_of_a_day_are_counted_from_its_begin(tmp_path_factory, count, name):
    rows = days_of_hours([[*range(1, count + 1)]] * 2)
    text = "\n".join([f"SETTLEMENT_DATE,{name},MW", *(f"{date},{n},{i % 17}.5" for i, (date, n) in enumerate(rows))])
    series = read(tmp_path_factory.mktemp("parts") / "a.csv", text)
    np.testing.assert_array_equal(np.diff(series.times_utc), np.timedelta64(86_400_000 // count, "ms"))
    assert series.times_utc[0] == np.datetime64("2024-10-26")


def test_numbers_that_do_not_count_in_days_are_no_parts_of_them(tmp_path):
    rows = [f"2024-10-{26 + i // 48},{(7 * i) % 48 + 1},{i}.5" for i in range(96)]
    series = read(tmp_path / "a.csv", "\n".join(["date,interval,MW", *rows]))
    assert series.channels == ("interval", "MW")


def test_dates_and_hours_in_a_table_without_names(tmp_path):
    rows = days_of_hours([[*range(24)]] * 3)
    series = read(tmp_path / "a.csv", "\n".join(f"{date},{hour},{i % 11}.5" for i, (date, hour) in enumerate(rows)))
    assert set(np.diff(series.times_utc)) == {np.timedelta64(3600, "s")}
    rows = [f"USW1,{date:%Y%m%d},{name},{i + k},,,W" for i, date in enumerate(DAYS) for k, name in enumerate("AB")]
    series = read(tmp_path / "b.csv", "\n".join(rows))
    assert series.channels == ("A column_3", "B column_3")
    assert set(np.diff(series.times_utc)) == {np.timedelta64(86400, "s")}


def test_unix_times_below_other_columns_whose_rows_come_in_pairs(tmp_path):
    stamps = [1_709_632_800_000 + 60_000 * i for i in range(N)]
    rows = [f"line/{tag},{i + k}.5,{stamp}" for i, stamp in enumerate(stamps) for k, tag in enumerate("ab")]
    series = read(tmp_path / "a.csv", "\n".join(["path,number,t_stamp", *rows]))
    assert series.channels == ("line/a", "line/b")
    assert series.times_utc[0] == np.datetime64("2024-03-05T10:00")


def test_a_last_line_that_was_cut_costs_no_times(tmp_path):
    rows = [f"{500 * i},{value}" for i, value in enumerate(VALUES)]
    series = read(tmp_path / "a.csv", "\n".join(["ms,temp", *rows, "300"]))
    np.testing.assert_array_equal(series.times_s, 0.5 * np.arange(N))
    assert series.lost == ((f"row {N + 1}", "it ends within a row, as where the writer was stopped"),)
    whole = read(tmp_path / "b.csv", "\n".join(["ms,temp", *rows, "20000,"]))
    assert (len(whole.values), whole.lost) == (N + 1, ())


def test_names_below_rows_of_the_run_before(tmp_path):
    rows = [f"{time},{value},{value / 2:.2f}" for time, value in zip(TIMES, VALUES, strict=True)]
    series = read(tmp_path / "a.csv", "\n".join([*rows[:5], "Logging to:", "time,in,out", *rows[5:]]))
    assert series.channels == ("in", "out")
    np.testing.assert_array_equal(series.values[~np.isnat(series.times_utc), 0], VALUES)


@pytest.mark.parametrize("ruled", ["", "------------------- ----- -----\n"])
def test_a_date_and_a_clock_below_one_name(tmp_path, ruled):
    rows = [f"{time} {value} {value / 2:.2f}" for time, value in zip(TIMES, VALUES, strict=True)]
    series = read(tmp_path / "a.txt", f"ts in out\n{ruled}" + "\n".join(rows))
    assert series.channels == ("in", "out")
    np.testing.assert_array_equal(series.times_utc, TIMES.to_numpy().astype("datetime64[ms]"))
    np.testing.assert_array_equal(series.values[:, 0], VALUES)


@given(st.lists(st.tuples(st.integers(-999, 999), st.text('a"; ', max_size=3)), min_size=3, max_size=9))
def test_lines_that_were_quoted_whole_are_those_without(rows):
    lines = ["time,value,note", *(f'2024-03-05 10:{i:02d},{n},"{t}"' for i, (n, t) in enumerate(rows))]
    lines = [line.replace('""', "") for line in lines]
    quoted = ['"' + line.replace('"', '""') + '"' for line in lines]
    assert are_quoted_whole(quoted)
    assert [*map(unquoted, quoted)] == lines
    assert not are_quoted_whole(lines)


def test_cells_quoted_behind_a_blank(tmp_path):
    rows = [f'{time}, "{value}"' for time, value in zip(TIMES, VALUES, strict=True)]
    series = read(tmp_path / "a.csv", "\n".join(['time, "v"', *rows]))
    np.testing.assert_array_equal(series.values[:, 0], VALUES)


@pytest.mark.parametrize(
    ("encoding", "head", "form"),
    [
        ("gb18030", "时间,温度(℃)", "%Y年%m月%d日 %H时%M分%S秒"),
        ("cp932", "日時,温度", "%Y/%m/%d %H:%M:%S"),
        ("big5", "時間,溫度", "%Y/%m/%d %H:%M:%S"),
        ("cp949", "시간,온도", "%Y-%m-%d %H:%M:%S"),
        ("cp1251", "Дата,Температура", "%d.%m.%Y %H:%M:%S"),
        ("cp1252", "Zeit,Außentemperatur", "%d.%m.%Y %H:%M:%S"),
    ],
)
def test_a_word_for_time_tells_the_encoding(tmp_path, encoding, head, form):
    rows = [f"{time:{form}},{value}" for time, value in zip(TIMES, VALUES, strict=True)]
    (tmp_path / "a.csv").write_bytes("\n".join([head, *rows]).encode(encoding))
    (series,) = TableSource().read_series(tmp_path / "a.csv", PrepConfig())
    assert series.channels == (head.partition(",")[2],)
    assert series.times_utc is not None
    assert series.told == (f"it is not UTF-8 and read as {encoding}; prep.encoding names another",)
