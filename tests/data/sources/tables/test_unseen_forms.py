"""Tables as devices and portals write them, which nobody had seen before: what was read wrongly, or refused."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.table import TableSource
from data.sources.tables.values.clock_again import clocks_again
from data.sources.tables.values.missing import without_fills
from data.sources.times.counts.since import since_its_unit

N = 60
TIMES = pd.date_range("2024-03-05T10:00", periods=N, freq="min")
VALUES = [round(20 + 5 * np.sin(i / 7), 2) for i in range(N)]


def read(path, text, **settings):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (series,) = TableSource().read_series(path, PrepConfig(**settings))
    return series


def rows(form):
    return "".join(form(i, time, value) + "\n" for i, (time, value) in enumerate(zip(TIMES, VALUES, strict=True)))


def test_the_time_of_each_step_beside_a_date_with_its_clock_is_no_time_of_rows(tmp_path):
    text = "Step Type,Time,Voltage(V),Date\n" + rows(
        lambda i, t, v: f"{'Rest' if i < 30 else 'Chg'},00:{i % 30:02d}:00,{v},{t:%Y-%m-%d %H:%M:%S}"
    )
    series = read(tmp_path / "a.csv", text)
    assert series.channels == ("Voltage(V)",)
    assert (series.times_utc == TIMES.to_numpy()).all()


@given(
    st.lists(st.integers(1, 500), min_size=8, max_size=30),
    st.sampled_from([("s", 1), ("ms", 1000), ("min", 1 / 60), ("h", 1 / 3600)]),
    st.floats(-1e4, 1e4),
)
def test_what_passed_between_the_times_is_no_variable_and_another_number_is(steps, unit, start):
    name, per_second = unit
    passed = np.cumsum(steps).astype(float)
    utc = np.datetime64("2024-03-05", "ms") + (1000 * passed).astype("timedelta64[ms]")
    other = np.random.default_rng(0).permutation(passed)
    table = pd.DataFrame({f"Elapsed ({name})": (passed + start) * per_second, "run time": other, "Power": passed})
    found = clocks_again(table, {}, utc)
    assert f"Elapsed ({name})" in found
    assert "Power" not in found
    assert ("run time" in found) == bool(np.array_equal(other, passed))


@given(st.lists(st.floats(-1e6, 1e6).filter(lambda v: v == 0 or abs(v) > 1e-3), min_size=12, max_size=30), st.data())
def test_what_no_instrument_measures_is_missing_beside_others_of_its_kind(values, data):
    beyond = st.sampled_from([9.91e37, -9.9e37, 1e30, 9.9e37, -1e25])
    stand_ins = data.draw(st.lists(beyond, min_size=1, max_size=8))
    found, counts = without_fills(np.array([*stand_ins, *values]))
    assert np.isnan(found[: len(stand_ins)]).all()
    assert sum(counts[value] for value in set(stand_ins)) == len(stand_ins)


@pytest.mark.parametrize("word", ["fault", "down", "stale", "disabled", "null", "fault,down"])
def test_values_that_a_station_calls_faulty_in_braces_are_missing(tmp_path, word):
    status = {7: word, 8: word, 20: "ok,alarm", 30: "overridden"}
    text = "Timestamp,Status,Value\n" + rows(
        lambda i, t, v: f"{t},'{{{status.get(i, 'ok')}}}',{0 if i in (7, 8) else v}".replace("'", '"')
    )
    series = read(tmp_path / "a.csv", text)
    assert series.channels == ("Value",)
    assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == [7, 8]


def test_flags_of_which_most_are_one_are_no_variable(tmp_path):
    text = "time,temp,temp_qc\n" + rows(lambda i, t, v: f"{t},{v},{9 if i in (3, 4) else 1}")
    series = read(tmp_path / "a.csv", text)
    assert series.channels == ("temp",)
    assert any("flags, not 1 in 2 rows" in remark for remark in series.told)


def test_a_number_in_one_row_alone_is_no_variable(tmp_path):
    text = "name,Time,Celsius,Serial Number\n" + rows(lambda i, t, v: f"{i + 1},{t},{v}" + ",10012345" * (i == 0))
    assert read(tmp_path / "a.txt", text).channels == ("Celsius",)


def test_the_fraction_of_a_second_beside_a_clock_is_part_of_it(tmp_path):
    text = "Reading,Date,Time,Fractional Seconds\n" + "".join(
        f"{v},03/14/2024,10:00:{i // 10:02d},{i % 10 / 10:.6E}\n" for i, v in enumerate(VALUES)
    )
    series = read(tmp_path / "a.csv", text)
    assert series.channels == ("Reading",)
    assert (np.diff(series.times_utc).astype(int) == 100).all()


@pytest.mark.parametrize("end", [" - 10:05:00 AM", " – 10:05", " to 11:59:00 pm"])
def test_of_a_range_that_ends_with_a_clock_the_begin_counts(tmp_path, end):
    text = "Date Time,v\n" + rows(lambda i, t, v: f"{t + pd.Timedelta(days=9):%m/%d/%Y %I:%M:%S %p}{end},{v}")
    series = read(tmp_path / "a.csv", text)
    assert (series.times_utc == (TIMES + pd.Timedelta(days=9)).to_numpy()).all()


def test_words_far_above_rows_without_names_are_none_of_theirs(tmp_path):
    above = "Data file for DataLogger.\n[Logger settings]\n" + "".join(
        f"  Setting {i}   =value {i} of\n" for i in range(6)
    )
    series = read(tmp_path / "a.txt", above + "[Data]\n60\n" + rows(lambda i, t, v: f"{t:%Y/%m/%d %H:%M:%S}  {v}  {i}"))
    assert series.channels == ("column_2", "column_3")
    assert len(series.values) == N


def test_key_and_value_above_wider_rows_without_names_are_no_names(tmp_path):
    above = "Device Type,GENE\nFrequency,100.0\nZone,GMT\n\n"
    series = read(tmp_path / "a.csv", above + rows(lambda i, t, v: f"{t:%Y-%m-%d %H:%M:%S}:500,{v},{i},0.5"))
    assert len(series.values) == N
    assert series.times_utc[0] == np.datetime64("2024-03-05T10:00:00.500")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "web page"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "HTML with a table"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", "Git LFS"),
        (b"SQLite format 3\0" + bytes(100), "SQLite"),
        (b"PK\x03\x04" + bytes(100), "workbook or an archive"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "old Excel"),
        (b"", "empty"),
    ],
)
def test_what_is_no_text_is_told_as_what_it_is(tmp_path, content, told):
    with pytest.raises(TableError, match=told):
        read(tmp_path / "a.csv", content)


def test_text_called_xls_is_read(tmp_path):
    text = "time\ta\n" + rows(lambda i, t, v: f"{t}\t{v}")
    assert read(tmp_path / "a.xls", text.encode("utf-16")).channels == ("a",)


@settings(max_examples=20)
@given(st.sampled_from(["\n", "", " ", "\r\n\r\n"]), st.booleans())
def test_objects_behind_each_other_are_rows(tmp_path_factory, between, is_nested):
    records = [{"dt": 1709632800 + 60 * i, "main": {"temp": v}} for i, v in enumerate(VALUES)]
    text = (
        json.dumps({"message": "ok", "cnt": N, "list": records})
        if is_nested
        else between.join(map(json.dumps, records))
    )
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(text, encoding="utf-8")
    assert TableSource().takes(path)
    (series,) = TableSource().read_series(path, PrepConfig())
    assert series.channels == ("main.temp",)
    assert series.values[:, 0].tolist() == VALUES


def test_a_zone_of_nothing_behind_the_moment_that_times_count_from():
    found = since_its_unit(np.array([0, 60]), "seconds since 2024-03-05 10:00:00 0:00")
    assert found is not None
    assert found.tolist() == TIMES[:2].to_pydatetime().tolist()


def test_hidden_sheets_are_left_out_and_said(tmp_path, caplog):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for sheet in (book.active, book.create_sheet("calc")):
        sheet.append(["time", "a"])
        for time, value in zip(TIMES, VALUES, strict=True):
            sheet.append([time.to_pydatetime(), value])
    book["calc"].sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    (series,) = TableSource().read_series(tmp_path / "a.xlsx", PrepConfig())
    assert series.name == "a"
    assert "hidden sheets are left out: calc" in caplog.text


def test_one_time_years_away_from_a_few_others_is_rejected(tmp_path):
    text = "time,a\n" + rows(lambda i, t, v: f"{'2036-02-07 06:28:16' if i == 20 else t},{v}")
    series = read(tmp_path / "a.csv", text)
    assert np.flatnonzero(np.isnat(series.times_utc)).tolist() == [20]


@pytest.mark.parametrize("form", ["%d-%m %H:%M:%S", "%b %d %H:%M:%S", "%m/%d %H:%M"])
def test_times_without_a_year_are_told(tmp_path, form):
    (tmp_path / "a.csv").write_text("when,usr\n" + rows(lambda i, t, v: f"{t:{form}},{v}"), encoding="utf-8")
    with pytest.raises(TableError, match=r"'when', as '.*', have no year"):
        TableSource().read_series(tmp_path / "a.csv", PrepConfig(), 32)


def test_a_cyclers_text_is_read(tmp_path):
    above = "EC-Lab ASCII FILE\nNb header lines : 4\n\n"
    names = "mode\ttime/s\tEwe/V\t<I>/mA\n"
    cells = rows(lambda i, t, v: f"1\t{10 * i:.6E}\t{v:.6E}\t{v / 2:.6E}".replace(".", ","))
    path = tmp_path / "a.mpt"
    path.write_text(above + names + cells, encoding="cp1252")
    assert TableSource().takes(path)
    (series,) = TableSource().read_series(path, PrepConfig())
    assert {"Ewe/V", "<I>/mA"} <= set(series.channels)
    np.testing.assert_allclose(np.diff(series.times_s), 10)


@pytest.mark.parametrize("count", [2, 9])
def test_text_with_decimal_commas_is_a_table(tmp_path, count):
    path = tmp_path / "a.txt"
    names = ";".join(["Zeit", *(f"v{k}" for k in range(count))])
    path.write_text(names + "\n" + rows(lambda i, t, v: f"{t:%d.%m.%Y %H:%M}" + f";{v}".replace(".", ",") * count))
    assert TableSource().takes(path)


@pytest.mark.parametrize("below", ["Averages (of 60 values)", "", "Sum"])
def test_what_has_numbers_in_sums_below_a_table_alone_is_no_variable(tmp_path, below):
    """As PRTG's downtime, of which no scaling could be told: the table was refused."""
    text = "Date Time,Traffic,Downtime (RAW)\n" + rows(lambda i, t, v: f"{t},{v},")
    series = read(tmp_path / "a.csv", f"{text}{below},20,0\n")
    assert series.channels == ("Traffic",)
    assert "rows without a time" in series.notes["Downtime (RAW)"]
    np.testing.assert_array_equal(series.values[:N, 0], VALUES)
