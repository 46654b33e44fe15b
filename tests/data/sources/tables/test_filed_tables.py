"""Tables as bug reports of other programs describe them, of which a part was lost or read wrongly, without a word."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import Series, TableError
from data.sources.table import TableSource
from data.sources.tables.lines.layout import are_quoted_whole, unquoted
from data.sources.tables.values.cells import numbers_of
from data.sources.tables.values.going_round import turn_of
from data.sources.tables.values.missing import without_fills
from data.sources.times.cells import times_of
from data.sources.times.texts import looks_like_time

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


FORMS = ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d-%b-%Y %H:%M:%S", "%Y年%m月%d日 %H时%M分%S秒", "%b %d, %Y %H:%M"]


@given(st.lists(st.sampled_from(FORMS), min_size=4, max_size=30))
def test_times_of_several_forms_in_one_column_are_all_read(forms):
    days = pd.date_range("2024-03-05T10:00", periods=len(forms), freq="3h")
    cells = pd.Series([f"{time:{form}}" for time, form in zip(days, forms, strict=True)], dtype="string", name="time")
    np.testing.assert_array_equal(times_of(cells, PrepConfig()).utc, days.to_numpy().astype("datetime64[ms]"))


def test_cells_of_another_form_that_may_be_either_are_asked_for():
    days = pd.date_range("2024-03-05", periods=8, freq="D")
    cells = pd.Series([f"{day:%Y-%m-%d}" if i < 5 else f"{day:%d/%m/%Y}" for i, day in enumerate(days)], dtype="string")
    with pytest.raises(TableError, match="can be read in several ways"):
        times_of(cells, PrepConfig())
    assert not np.isnat(times_of(cells, PrepConfig(time_format="day first")).utc).any()


@given(st.dates(pd.Timestamp(2001, 1, 1).date(), pd.Timestamp(2030, 1, 1).date()), st.integers(60, 200))
def test_days_and_months_that_a_spreadsheet_exchanged_are_put_back(first, count):
    days = pd.date_range(first, periods=count)
    cells = [f"{t:%Y-%d-%m} 00:00:00" if t.day <= 12 else f"{t:%d/%m/%Y}" for t in days]
    times = times_of(pd.Series(cells, dtype="string", name="Date"), PrepConfig())
    np.testing.assert_array_equal(times.utc, days.to_numpy().astype("datetime64[ms]"))
    assert "exchanged back" in times.doubt


def test_dates_of_two_forms_that_nobody_exchanged_stay():
    days = pd.date_range("2024-03-01", periods=31)
    cells = pd.Series([f"{t:%Y-%m-%d}" if t.day <= 12 else f"{t:%d/%m/%Y}" for t in days], dtype="string", name="Date")
    times = times_of(cells, PrepConfig())
    np.testing.assert_array_equal(times.utc, days.to_numpy().astype("datetime64[ms]"))
    assert times.doubt == ""


@given(
    st.lists(st.integers(0, 10_000), min_size=2, max_size=20),
    st.sampled_from([("{} ms", 1e-3), ("{}s", 1.0), ("{} sec", 1.0), ("{} min", 60.0), ("{} h", 3600.0)]),
)
def test_numbers_with_a_unit_of_time_are_times(numbers, form):
    text, factor = form
    cells = pd.Series([text.format(n) for n in numbers], dtype="string", name="Time")
    np.testing.assert_allclose(times_of(cells, PrepConfig()).seconds, factor * np.array(numbers))


@pytest.mark.parametrize(
    "cell",
    [
        "10:00:00AM Mar 05 2024",
        "10:00:00 AM, 5 Mar 2024",
        "05.03.2024, 10:00 Uhr",
        "20240305:1000",
        "2024.065.10.00.00.000",
        "10:00 am 05.03.2024",
    ],
)
def test_times_as_devices_and_services_write_them(cell):
    assert looks_like_time(cell)
    times = times_of(pd.Series([cell], dtype="string", name="time"), PrepConfig())
    assert times.utc[0] == np.datetime64("2024-03-05T10:00")


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=4), min_size=4, max_size=9), st.integers(0, 2))
def test_lists_and_records_in_cells_are_variables(tmp_path_factory, rows, form):
    width = min(map(len, rows))
    rows = [row[:width] for row in rows]
    records = [{f"v{n}": value for n, value in enumerate(row)} for row in rows]
    cells = [[*map(json.dumps, rows)], [*map(str, records)], [" ".join(map(str, row)).join("[]") for row in rows]][form]
    lines = [f"{time};{cell}" for time, cell in zip(TIMES, cells, strict=False)]
    series = read(tmp_path_factory.mktemp("cells") / "a.csv", "\n".join(["time;acc", *lines]), missing_values=[])
    assert series.channels == tuple(f"acc.v{n}" if form == 1 else f"acc[{n}]" for n in range(width))
    np.testing.assert_allclose(series.values, np.array(rows))


def test_kinds_that_mongodb_writes_around_values(tmp_path):
    stamps = [{"$date": {"$numberLong": str(time.value // 10**6)}} for time in TIMES]
    records = [{"t": t, "v": {"$numberDouble": str(value)}} for t, value in zip(stamps, VALUES, strict=True)]
    series = read(tmp_path / "a.jsonl", "\n".join(map(json.dumps, records)))
    assert series.channels == ("v",)
    np.testing.assert_array_equal(series.times_utc, TIMES.to_numpy().astype("datetime64[ms]"))
    np.testing.assert_array_equal(series.values[:, 0], VALUES)


SHEETS = {
    "names alone": [["Time", "T", "P"]],
    "a title": [["Report", None, None], [None] * 3, ["Time", "T", "P"]],
    "merged": [["Time", "Line 1", None], [None, "T", "P"]],
    "units": [["Time", "T", "P"], [None, "degC", "bar"]],
    "further in": [[None] * 3, [None] * 3, ["Time", "T", "P"]],
    "none": [],
}


@pytest.mark.parametrize("name", SHEETS)
def test_names_of_a_sheet_are_found_as_those_of_texts(tmp_path, monkeypatch, name):
    rows = [*SHEETS[name], *([time.to_pydatetime(), v, v / 2] for time, v in zip(TIMES, VALUES, strict=True))]
    cells = pd.DataFrame([[None, None, *row] for row in rows], dtype=object)
    monkeypatch.setattr(pd, "read_excel", lambda *_, **__: {"Sheet": cells, "empty": pd.DataFrame()})
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04")
    (series,) = TableSource().read_series(tmp_path / "a.xlsx", PrepConfig())
    expected = {"merged": ("Line 1 T", "Line 1 P"), "none": ("column_1", "column_2")}
    assert series.channels == expected.get(name, ("T", "P"))
    np.testing.assert_array_equal(series.times_utc, TIMES.to_numpy().astype("datetime64[ms]"))
    np.testing.assert_array_equal(series.values[:, 0], VALUES)


def test_clocks_with_points_beside_dates(tmp_path):
    rows = [
        f"{time:%d/%m/%Y;%H.%M.%S};{value};;" for time, value in zip(TIMES + pd.Timedelta(days=20), VALUES, strict=True)
    ]
    series = read(tmp_path / "a.csv", "\n".join(["Date;Time;CO;;", *rows, ";;;;"]))
    assert series.channels == ("CO",)
    np.testing.assert_array_equal(
        series.times_utc[:-1], (TIMES + pd.Timedelta(days=20)).to_numpy().astype("datetime64[ms]")
    )


@pytest.mark.parametrize("form", ["%d%m%Y", "%m%d%Y"])
def test_dates_of_eight_digits_that_end_with_the_year(tmp_path, form):
    times = TIMES + pd.Timedelta(days=20)
    rows = [f"{time:{form}};{time:%H%M%S};{value}" for time, value in zip(times, VALUES, strict=True)]
    series = read(tmp_path / "a.csv", "\n".join(["Datum;Zeit;v", *rows]))
    np.testing.assert_array_equal(series.times_utc, times.to_numpy().astype("datetime64[ms]"))
    rows = [f"{time:{form}};{time:%H%M%S};{value}" for time, value in zip(TIMES, VALUES, strict=True)]
    with pytest.raises(TableError, match="can be read in several ways"):
        read(tmp_path / "b.csv", "\n".join(["Datum;Zeit;v", *rows]))


@pytest.mark.parametrize(
    ("name", "cells", "expected"),
    [
        ("Pace", ["4:05", "5:10", None], [245, 310, np.nan]),
        ("lap time", ["1:02.5", "59:59", "1:00:00"], [62.5, 3599, 3600]),
        ("uptime", ["0 days, 00:04:05", "2 days, 01:04:05", "x"], [245, 176645, np.nan]),
        ("sunset", ["18:05", "18:06", "18:07"], [np.nan] * 3),
    ],
)
def test_cells_of_what_lasts_are_seconds(name, cells, expected):
    values, told, unit = numbers_of(pd.Series(cells, dtype="string", name=name))
    np.testing.assert_allclose(values, expected)
    assert (told, unit) == (("durations in s", "s") if np.isfinite(expected[0]) else ("", ""))


def test_a_column_of_digits_that_is_left_out_is_said(tmp_path, caplog):
    rows = [
        f"{time},{120 + i % 9}/{80 + i % 5},host{i},{value}"
        for i, (time, value) in enumerate(zip(TIMES, VALUES, strict=True))
    ]
    read(tmp_path / "a.csv", "\n".join(["time,pressure,host,v", *rows]))
    assert "a.csv: pressure is left out: its cells, as '120/80', are no numbers" in caplog.text
    assert "host is left out" not in caplog.text


@given(st.lists(st.integers(-999, 999), min_size=2, max_size=9), st.integers(1, 4))
def test_blanks_behind_a_sign_change_no_number(numbers, blanks):
    cells = pd.Series([f"{n:+d}".replace(str(abs(n)), " " * blanks + str(abs(n))) for n in numbers])
    np.testing.assert_array_equal(numbers_of(cells).values, numbers)


def test_units_below_names_that_stand_there_too(tmp_path):
    rows = [f"{i + 1},{time},+  {value}" for i, (time, value) in enumerate(zip(TIMES, VALUES, strict=True))]
    series = read(tmp_path / "a.csv", "\n".join(["NO.,Time,CH1", "NO.,Time,degC", *rows]))
    assert series.channels == ("CH1",)
    np.testing.assert_array_equal(series.values[np.isfinite(series.values[:, 0]), 0], VALUES)


def test_quotes_around_the_cells_of_some_columns(tmp_path):
    rows = [f"'{time:%Y/%m/%d}','{time:%H:%M:%S}',{value}" for time, value in zip(TIMES, VALUES, strict=True)]
    series = read(tmp_path / "a.csv", "\n".join(["Date,Time,v", *rows]))
    np.testing.assert_array_equal(series.times_utc, TIMES.to_numpy().astype("datetime64[ms]"))


def test_flags_of_eurostat_cost_no_value(tmp_path):
    months = pd.period_range("2019-01", periods=N, freq="M")
    lines = ["geo\\TIME_PERIOD\t" + "\t".join(f"{month} " for month in months)]
    lines += [
        f"{geo}\t" + "\t".join(f"{v}{' p' if i > 30 else ' '}" for i, v in enumerate(VALUES)) for geo in ("DE", "FR")
    ]
    series = read(tmp_path / "a.tsv", "\n".join(lines))
    np.testing.assert_array_equal(series.values, np.array([VALUES, VALUES]).T)


def test_marks_of_wincc_are_no_sensor(tmp_path):
    rows = [f"Tag{k};{time:%d.%m.%Y %H:%M:%S};{i + k},5;{45356 + i},25" for i, time in enumerate(TIMES) for k in (1, 2)]
    text = "\n".join(["VarName;TimeString;VarValue;Time_ms", *rows, "$RT_OFF$;05.03.2024 12:00:00;0;45400,5"])
    series = read(tmp_path / "a.csv", text)
    assert series.channels == ("Tag1", "Tag2")
    assert series.lost == ((f"row {2 * N + 1}", "a mark of the program that wrote it"),)


@pytest.mark.parametrize(
    "cell", ["Mar 5, 2024 @ 10:00:00.000", "2024-W10-2T10:00:00", "2024W102 10:00", "2024-03-05 @ 10:00"]
)
def test_further_forms_of_times(cell):
    assert looks_like_time(cell)
    assert times_of(pd.Series([cell], dtype="string", name="time"), PrepConfig()).utc[0] == np.datetime64(
        "2024-03-05T10:00"
    )


def test_durations_of_iso_8601_are_passed():
    times = times_of(pd.Series(["PT0S", "PT1M30S", "P1DT1H"], dtype="string", name="t"), PrepConfig())
    assert times.seconds.tolist() == [0, 90, 90000]


def test_microseconds_of_a_machine_are_asked_for():
    numbers = pd.Series(12345678 + np.cumsum(4000 + np.arange(50) % 7), name="timestamp")
    assert "prep.time_unit=us" in times_of(numbers, PrepConfig()).doubt
    assert times_of(pd.Series(3600 * np.cumsum([1, 1, 2] * 20), name="timestamp"), PrepConfig()).doubt == ""


@pytest.mark.parametrize("first", [11_500_000, 358_424_871])
@pytest.mark.parametrize("steps_us", [[2000], [4000, 4003, 3991]])
def test_microseconds_since_a_start_are_asked_for_though_they_are_even_or_may_be_unix_times(first, steps_us):
    """Betaflight's 2000 were seconds, and an autopilot's, six minutes after its start, UNIX times of 1981."""
    numbers = pd.Series(first + np.cumsum(np.resize(steps_us, 60)), name="timestamp")
    assert "prep.time_unit=us" in times_of(numbers, PrepConfig()).doubt
    times = times_of(numbers, PrepConfig(time_unit="us"))
    assert (times.utc, times.doubt) == (None, "")
    np.testing.assert_allclose(np.diff(times.seconds)[:2], np.resize(steps_us, 3)[1:] / 1e6)


@pytest.mark.parametrize("step_s", [1800, 3600, 86_400, 2_629_800, 31_557_600])
def test_unix_times_of_the_eighties_by_hours_and_days_are_no_microseconds(step_s):
    assert times_of(pd.Series(3.2e8 + step_s * np.arange(20), name="time"), PrepConfig()).doubt == ""


@given(st.integers(70, 99), st.integers(4, 40))
def test_years_of_two_digits_go_on_through_1999(first, count):
    years = pd.Series([(first + i) % 100 for i in range(count)], name="year")
    expected = np.arange(1900 + first, 1900 + first + count) - 1970
    times = times_of(years, PrepConfig())
    np.testing.assert_array_equal(times.utc, expected.astype("datetime64[Y]").astype("datetime64[ms]"))
    assert times.how == "years of two digits"


@pytest.mark.parametrize("years", [[1, 2, 3, 4, 5], [70, 72, 71, 74, 75], [98, 99, 100, 101, 102]])
def test_other_small_years_are_no_years_of_two_digits(years):
    assert times_of(pd.Series(years, name="year"), PrepConfig()).utc is None


@given(st.sampled_from([360.0, 2 * np.pi, 256.0, 65536.0]), st.integers(0, 2**16), st.booleans())
def test_what_goes_round_is_told_and_what_does_not_is_not(turn, seed, is_signed):
    level = np.cumsum(np.random.default_rng(seed).uniform(0.02, 0.08, 200)) * turn
    around = (level % turn) - (turn / 2 if is_signed else 0)
    assert turn_of(around) == pytest.approx(turn)
    for other in (level, np.sin(level / turn * 6), np.where(np.arange(200) % 50 < 25, 0, turn * 0.99)):
        assert turn_of(other) == 0


def test_a_wrap_is_said_with_the_way_out(tmp_path, caplog):
    rows = [f"{time},{(25 * i) % 360},{value}" for i, (time, value) in enumerate(zip(TIMES, VALUES, strict=True))]
    read(tmp_path / "a.csv", "\n".join(["time,yaw,v", *rows]))
    assert "a.csv: yaw at 360 go round" in caplog.text


def test_hours_in_a_table_without_names_are_no_minutes_of_clocks(tmp_path):
    times = pd.date_range("2024-03-05T10:00", periods=N, freq="h")
    rows = [f"{t.year},{t.month},{t.day},{t.hour},{1200 + i % 7}" for i, t in enumerate(times)]
    series = read(tmp_path / "a.csv", "\n".join(rows))
    np.testing.assert_array_equal(series.times_utc, times.to_numpy().astype("datetime64[ms]"))


def test_of_intervals_the_begin_counts(tmp_path):
    steps = pd.Timedelta(minutes=15)
    times = pd.date_range("2024-03-25T10:00", periods=N, freq=steps)
    rows = [f"{t:%d/%m/%Y},{t:%H:%M} - {t + steps:%H:%M},{i % 7}" for i, t in enumerate(times)]
    named = read(tmp_path / "a.csv", "\n".join(["Date,Time,Total", *rows]))
    rows = [f"{t:%Y-%m-%dT%H:%M:%S}.0/{t + steps:%Y-%m-%dT%H:%M:%S}.0;{i % 7}.5" for i, t in enumerate(times)]
    nameless = read(tmp_path / "b.csv", "\n".join(["# Observation period;GHI", *rows]))
    for series in (named, nameless):
        np.testing.assert_array_equal(series.times_utc, times.to_numpy().astype("datetime64[ms]"))


def test_the_end_of_each_row_in_digits_is_no_variable(tmp_path):
    rows = [f"{t:%Y%m%d%H%M},{t + pd.Timedelta(minutes=30):%Y%m%d%H%M},{v}" for t, v in zip(TIMES, VALUES, strict=True)]
    series = read(tmp_path / "a.csv", "\n".join(["TIMESTAMP_START,TIMESTAMP_END,TA", *rows]))
    assert series.channels == ("TA",)


def test_the_fill_of_short_integers_is_missing():
    values = np.array([1200.0 + i % 17 for i in range(N)])
    values[::9] = -32767
    kept, counts = without_fills(values)
    assert counts == {-32767.0: 5}
    assert np.isnan(kept).sum() == 5
