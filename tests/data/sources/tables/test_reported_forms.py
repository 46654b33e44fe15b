"""Forms of tables that people reported: names of rows, a row a day, numbers as spreadsheets and shops write them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources import SOURCES
from data.sources.base import Series, TableError
from data.sources.table import TableSource
from data.sources.tables.values.cells import numbers_of

N = 40
TIMES = pd.date_range("2012-07-19T07:30", periods=N, freq="min")


def read(path, text, **settings) -> Series:
    path.write_text(text, encoding="utf-8")
    (series,) = TableSource().read_series(path, PrepConfig(**settings))
    return series


def grouped_as_in_india(number: int) -> str:
    whole, last = divmod(number, 1000)
    head = ",".join([str(whole)[max(0, i - 2) : i] for i in range(len(str(whole)), 0, -2)][::-1])
    return f"{head},{last:03d}" if whole else str(last)


@given(st.lists(st.integers(100_000, 10**9), min_size=1, max_size=20), st.sampled_from(["", ".50"]))
def test_lakhs_are_numbers(numbers, parts):
    cells = pd.Series([grouped_as_in_india(number) + parts for number in numbers])
    np.testing.assert_allclose(numbers_of(cells).values, np.array(numbers) + float(parts or 0))


@given(
    st.lists(st.decimals(0, 10**6, places=2), min_size=2, max_size=20),
    st.sampled_from(['="{}"', "'{}", "EUR {}", "₹{}", "{}±0.1", "Rs. {}"]),
)
def test_numbers_with_what_spreadsheets_and_shops_put_around_them(numbers, form):
    cells = pd.Series([form.format(number) for number in numbers], dtype="string")
    np.testing.assert_allclose(numbers_of(cells).values, [float(number) for number in numbers])


def test_a_minus_behind_a_number_makes_it_negative():
    assert numbers_of(pd.Series(["20.5-", "3.25", "1-"])).values.tolist() == [-20.5, 3.25, -1.0]


def test_states_that_are_not_known_are_missing():
    values = numbers_of(pd.Series(["unavailable", "on", "off", "unknown"])).values
    np.testing.assert_array_equal(values, [np.nan, 1, 0, np.nan])


@pytest.mark.parametrize("is_count", [True, False])
def test_names_of_rows_have_no_name_themselves(tmp_path, is_count):
    """As R's write.table and write.csv leave the first cell of the first line out."""
    rows = [f'"{time}",{i},{i / 4}' for i, time in enumerate(TIMES)]
    if is_count:
        rows = [f'"{i + 1}",{row}' for i, row in enumerate(rows)]
    series = read(tmp_path / "x.csv", "\n".join(['"time","a","b"' if is_count else '"a","b"', *rows]))
    assert series.channels == ("a", "b")
    np.testing.assert_array_equal(series.times_utc, TIMES.to_numpy().astype("datetime64[ms]"))
    np.testing.assert_allclose(series.values, np.stack([np.arange(N), np.arange(N) / 4], axis=1))


def test_a_first_line_that_lacks_another_name_is_refused(tmp_path):
    text = "\n".join(["time,a", *(f"{time},{i},{i / 4}" for i, time in enumerate(TIMES))])
    with pytest.raises(TableError, match="more cells than its first line has names"):
        read(tmp_path / "x.csv", text)


CLOCKS = [f"{h:02d}:{m:02d}" for h in range(24) for m in (0, 30)]


@pytest.mark.parametrize(
    ("names", "first_min"),
    [(CLOCKS, 0), ([*CLOCKS[1:], "00:00"], 30), ([*CLOCKS[1:], "24:00"], 30), ([f"hh_{i}" for i in range(48)], 0)],
)
def test_a_row_a_day_becomes_a_row_for_each_of_its_clocks(tmp_path, names, first_min):
    values = np.arange(10 * 48).reshape(10, 48) / 8
    table = pd.DataFrame(values, columns=names)
    table.insert(0, "date", pd.date_range("2012-07-19", periods=10).strftime("%Y-%m-%d"))
    if first_min:
        table["date"] = pd.date_range("2012-07-19", periods=10).strftime("%d.%m.%Y")
    series = read(tmp_path / "meter.csv", table.to_csv(index=False))
    begin = np.datetime64("2012-07-19T00:00", "ms") + np.timedelta64(first_min, "m")
    assert series.times_utc is not None
    np.testing.assert_array_equal(series.times_utc, begin + np.arange(480) * np.timedelta64(30, "m"))
    np.testing.assert_allclose(series.values[:, 0], values.ravel())


MONTHS = [np.datetime64(f"2000-{month:02d}", "D").astype(object).strftime("%b") for month in range(1, 13)]


@pytest.mark.parametrize("form", ["printed", "csv", "with sums"])
@pytest.mark.parametrize(("parts", "months"), [(MONTHS, 1), (["Qtr1", "Qtr2", "Qtr3", "Qtr4"], 3)])
@settings(max_examples=4, deadline=None)
@given(late=st.integers(0, 3), ends_early=st.integers(0, 3))
def test_a_row_a_year_becomes_a_row_for_each_of_its_parts(tmp_path_factory, form, parts, months, late, ends_early):
    n = len(parts)
    values = np.arange(8 * n) / 8
    rows = np.where((np.arange(8 * n) >= late) & (np.arange(8 * n) < 8 * n - ends_early), values, np.nan).reshape(8, n)
    cells = [[f"{1990 + i}", *(f"{v:g}" if v == v else "" for v in row)] for i, row in enumerate(rows)]
    if form == "printed":
        text = "\n".join(["     " + " ".join(parts), *(" ".join(filter(None, row)) for row in cells)]) + "\n"
    else:
        more = ["Annual"] * (form == "with sums")
        text = "\n".join(
            ",".join(row) for row in [["Year", *parts, *more], *([*row, *("7" for _ in more)] for row in cells)]
        )
    series = read(tmp_path_factory.mktemp("t") / "x.txt", text)
    first = np.datetime64("1990-01") + np.timedelta64(months * late, "M")
    steps = np.arange(8 * n - late - ends_early) * np.timedelta64(months, "M")
    np.testing.assert_array_equal(series.times_utc, (first + steps).astype("datetime64[ms]"))
    np.testing.assert_array_equal(series.values[:, 0], values[late : len(values) - ends_early])


@pytest.mark.parametrize(("beside", "is_time"), [("sy", False), ("volt", True)])
def test_shares_of_a_processor_are_no_microseconds(tmp_path, beside, is_time):
    table = pd.DataFrame({"us": 10 + np.arange(N), beside: np.arange(N) % 7, "id": 80 - np.arange(N)})
    assert ("us" not in read(tmp_path / "x.csv", table.to_csv(index=False)).channels) == is_time


def test_numbered_sensors_beside_a_date_stay_variables(tmp_path):
    table = pd.DataFrame(np.random.default_rng(0).random((10, 24)), columns=[f"sensor_{i}" for i in range(24)])
    table.insert(0, "date", pd.date_range("2012-07-19", periods=10).strftime("%Y-%m-%d"))
    assert len(read(tmp_path / "x.csv", table.to_csv(index=False)).channels) == 24


def test_a_number_that_the_file_names_for_missing_values_is_one_even_where_it_comes_once(tmp_path):
    rows = [f"{time},{-1 if i == 3 else i + 5}" for i, time in enumerate(TIMES)]
    head = ["# Missing data: -1.00e+00", "# Units: 2", "time,a"]
    series = read(tmp_path / "x.csv", "\n".join([*head, *rows]))
    assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == [3]
    kept = read(tmp_path / "x.csv", "\n".join([*head, *rows]), missing_values=())
    assert np.isfinite(kept.values).all()


def test_texts_that_may_be_times_are_said(tmp_path, caplog):
    read(tmp_path / "x.csv", "\n".join(["when,a", *(f"day {i} of run 2024,{i % 7}" for i in range(N))]))
    assert "when, as 'day 0 of run 2024', is not understood" in caplog.text


@pytest.mark.parametrize("later", ["", ",9"])
def test_rows_with_a_cell_less_or_more_are_no_reason_to_divide_times_at_their_blanks(tmp_path, later):
    rows = [f"{time},{i},{i / 4}" for i, time in enumerate(TIMES)]
    odd = [row + later if later else row.rpartition(",")[0] for row in rows[20:28]]
    series = read(tmp_path / "x.csv", "\n".join(["time,a,b", *rows[:20], *odd, *rows[28:]]))
    assert series.channels == ("a", "b")
    assert len(series.values) + len(series.lost) == N
    assert series.times_utc is not None
    assert series.times_utc[-1] == TIMES[-1].to_numpy().astype("datetime64[ms]")


@pytest.mark.parametrize("suffix", [".log", ".psv", ".ssv", ".prn", ".tbl", ".min", ".rdb"])
def test_other_names_of_text_are_taken_where_their_lines_are_rows_of_numbers(tmp_path, suffix):
    path, words = tmp_path / f"pump{suffix}", tmp_path / f"words{suffix}"
    assert read(path, "\n".join(f"{time}|{i}|{i / 4}" for i, time in enumerate(TIMES))).name == "pump"
    words.write_text("started\nall is well\nit took 3 s\n")
    assert SOURCES["table"].takes(path)
    assert not SOURCES["table"].takes(words)


@pytest.mark.parametrize(
    ("words", "is_variable"),
    [
        (["No Data"], True),
        (["Bad", "I/O Timeout", "Comm Fail"], True),
        (["A12", "B7"], False),
        ([f"note {chr(97 + i)}" for i in range(20)], False),
    ],
)
def test_words_that_say_why_most_numbers_are_missing(words, is_variable, tmp_path):
    cells = [f"{i / 7:.3f}" if i % 4 == 0 else words[i % len(words)] for i in range(120)]
    times = pd.date_range("2012-07-19T07:30", periods=120, freq="min")
    lines = [f"{time},{cell},{i % 9}.5" for i, (time, cell) in enumerate(zip(times, cells, strict=True))]
    found = read(tmp_path / "a.csv", "\n".join(["time,flow,temp", *lines]))
    assert ("flow" in found.channels) == is_variable
    if is_variable:
        np.testing.assert_allclose(found.values[::4, 0], np.round(np.arange(0, 120, 4) / 7, 3))
        assert np.isfinite(found.values[:, 0]).sum() == 30


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M", "%m/%d/%y", "%Y", "%Y-%m"])
def test_times_above_the_columns(tmp_path, form):
    """Each time was a variable, and each variable a sample, 1 s after the other."""
    step = {"%Y": "YS", "%Y-%m": "MS"}.get(form, "D")
    times = pd.date_range("2012-01-01", periods=30, freq=step)
    rows = "".join(f"c{k},{k}0," + ",".join(str(i + k / 4) for i in range(30)) + "\n" for k in range(3))
    (tmp_path / "t.csv").write_text("Name,Code," + ",".join(times.strftime(form)) + "\n" + rows)
    (series,) = TableSource().read_series(tmp_path / "t.csv", PrepConfig())
    assert series.times_utc is not None
    np.testing.assert_array_equal(series.times_utc, times.to_numpy().astype("datetime64[ms]"))
    assert [name.split()[0] for name in series.channels] == ["c0", "c1", "c2"]
    np.testing.assert_array_equal(series.values[:, 1], np.arange(30) + 0.25)
