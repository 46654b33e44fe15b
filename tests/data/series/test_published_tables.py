"""Tables as instruments and services write them: LabVIEW, NOAA, OMNI, USGS, InfluxDB."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources import SOURCES
from data.sources.base import TableError
from data.sources.table import TableSource
from data.sources.tables.values.cells import numbers_of
from data.sources.times.column import time_column

N = 40
VALUES = np.round(20 + np.sin(np.arange(N) / 5), 3)
OTHERS = np.round(400 + np.cos(np.arange(N) / 3), 1)


def times(step: str = "1h", start: str = "2024-03-05T10:00") -> pd.DatetimeIndex:
    return pd.date_range(start, periods=N, freq=step)


def read(tmp_path, name: str, text: str, **given_settings):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert SOURCES["table"].takes(path)
    (series,) = TableSource().read_series(path, PrepConfig(**given_settings))
    return series


def test_labview_by_its_own_header(tmp_path):
    head = "LabVIEW Measurement\t\nSeparator\tTab\nDecimal_Separator\t{0}\nX_Columns\t{1}\nDate\t2024/03/05\n"
    head += "Time\t10:00:00{0}5\n***End_of_Header***\t\n\t\n"
    segment = "Channels\t2\t\t\nSamples\t20\t20\t\nDate\t{date}\t{date}\t\nTime\t10:00:00{0}5\t10:00:00{0}5\t\n"
    segment += "X0\t0{0}0E+0\t0\t\nDelta_X\t0{0}25\t0{0}25\t\n***End_of_Header***\t\t\t\nX_Value\tU\tI\tComment\n"
    for mark, columns, name in ((".", "One", "a.lvm"), (",", "One", "b.lvm"), (".", "No", "c.txt")):
        text = head.format(mark, columns)
        for part, date in enumerate(("2024/03/05", "2024/03/06")):
            rows = range(20 * part, 20 * part + 20)
            x = [f"{0.25 * (row % 20):.6f}" if columns == "One" else "" for row in rows]
            cells = [f"{x[row % 20]}\t{VALUES[row]:.3f}\t{OTHERS[row]:.1f}\t" for row in rows]
            text += segment.format(mark, date=date) + "\n".join(cells).replace(".", mark) + "\n\n"
        series = read(tmp_path, name, text)
        assert series.channels == ("U", "I")
        np.testing.assert_allclose(series.values, np.stack([VALUES, OTHERS], axis=1))
        begin = np.array(["2024-03-05T10:00:00.500", "2024-03-06T10:00:00.500"], "datetime64[ms]").repeat(20)
        expected = begin + (250 * (np.arange(N) % 20)).astype("timedelta64[ms]")
        np.testing.assert_array_equal(series.times_utc, expected)


def test_labview_counts_absolute_times_from_1904(tmp_path):
    head = "LabVIEW Measurement\t\nSeparator\tTab\nTime_Pref\tAbsolute\n***End_of_Header***\t\n\t\n"
    head += "Channels\t1\t\nDate\t2024/03/05\t\nTime\t11:00:00\t\n***End_of_Header***\t\t\nX_Value\tU\tComment\n"
    since = (times("1s") - pd.Timestamp("1904-01-01")).total_seconds()
    series = read(tmp_path, "a.lvm", head + "".join(f"{s:.6f}\t{v}\t\n" for s, v in zip(since, VALUES, strict=True)))
    np.testing.assert_array_equal(series.times_utc, times("1s").to_numpy().astype("datetime64[ms]"))
    with pytest.raises(TableError, match="no row"):
        read(tmp_path, "b.lvm", head)


NOAA = """:Data_list: 20240305_ace_swepam_1m.txt
:Created: 2024 Mar 05 1105 UT
# Units: Proton density p/cc
#
#                ACE Solar Wind
# UT Date   Time  ----  Solar Wind  ----
# YR MO DA  HHMM    S    Density    Speed
#--------------------------------------------
"""
NDBC = "#YY  MM DD hh mm WDIR WSPD\n#yr  mo dy hr mn degT m/s\n"


@pytest.mark.parametrize(
    ("name", "head", "form", "step"),
    [
        ("ace.txt", NOAA, "%Y %m %d  %H%M  0", "1min"),
        ("buoy.txt", NDBC, "%Y %m %d %H %M", "10min"),
        ("omni.lst", "", "%Y %j %H", "1h"),
        ("omni.txt", "YEAR DOY HR B V\n", "%Y %j %H", "1h"),
        ("plain.dat", "", "%Y %m %d %H %M %S", "30s"),
        ("plain.csv", "yr,mo,da,hhmm,a,b\n", "%y,%m,%d,%H%M", "7min"),
    ],
)
def test_times_in_parts_by_the_names_of_their_columns_or_their_values(tmp_path, name, head, form, step):
    sign = "," if "," in form else "  "
    rows = [f"{t:{form}}{sign}{a}{sign}{b}\n" for t, a, b in zip(times(step), VALUES, OTHERS, strict=True)]
    series = read(tmp_path, name, head + "".join(rows))
    np.testing.assert_array_equal(series.times_utc, times(step).to_numpy().astype("datetime64[ms]"))
    np.testing.assert_allclose(series.values[:, -2:], np.stack([VALUES, OTHERS], axis=1))
    if name == "buoy.txt":
        assert series.channels == ("WDIR", "WSPD")


@settings(max_examples=5)
@given(st.integers(1, 12), st.integers(1, 28), st.integers(30, 86400), st.integers(8, 40))
def test_numbers_without_names_are_times_only_where_they_rise(month, day, step_s, count):
    moments = pd.date_range(f"2023-{month}-{day}", periods=count, freq=f"{step_s}s")
    parts = [moments.year, moments.month, moments.day, moments.hour, moments.minute, moments.second]
    table = pd.DataFrame({f"column_{i}": np.asarray(part, np.int64) for i, part in enumerate([*parts, moments.second])})
    found, notes = time_column(table, PrepConfig())
    assert found is not None
    assert len(notes) == 6
    np.testing.assert_array_equal(found.to_numpy(), moments.to_numpy())
    backwards = table.iloc[::-1].reset_index(drop=True)
    assert time_column(backwards, PrepConfig())[0] is None


def test_a_lowest_value_is_no_minute(tmp_path):
    rows = "".join(f"{t:%Y,%m,%d},{v},{o}\n" for t, v, o in zip(times("1D"), VALUES, OTHERS, strict=True))
    assert read(tmp_path, "a.csv", "Year,Month,Day,Min,Max\n" + rows).channels == ("Min", "Max")


def test_usgs_with_its_zones_and_row_of_widths(tmp_path):
    head = "# USGS\nagency_cd\tsite_no\tdatetime\ttz_cd\t1_00060\t1_00060_cd\n5s\t15s\t20d\t6s\t14n\t10s\n"
    rows = [f"USGS\t01646500\t{t:%Y-%m-%d %H:%M}\tEST\t{v}\tP\n" for t, v in zip(times("15min"), VALUES, strict=True)]
    series = read(tmp_path, "dv.txt", head + "".join(rows), time_zone="America/New_York")
    known = series.time_reasons == ""
    assert known.sum() == N
    assert series.times_utc is not None
    np.testing.assert_array_equal(series.times_utc[known], times("15min", "2024-03-05T15:00").to_numpy())
    np.testing.assert_allclose(series.values[known, series.channels.index("1_00060")], VALUES)


def test_influx_writes_a_table_for_each_type(tmp_path):
    head = (
        "#group,false,false,true,false,true\n#datatype,string,long,dateTime:RFC3339,{},string\n#default,_result,,,,\n"
    )
    head += ",result,table,_time,_value,_field\n"
    text = "".join(
        head.format(kind)
        + "".join(f",,{i},{t:%Y-%m-%dT%H:%M:%SZ},{v},{field}\n" for t, v in zip(times(), values, strict=True))
        + "\n"
        for i, (kind, field, values) in enumerate([("double", "user", VALUES), ("long", "count", range(N))])
    )
    series = read(tmp_path, "a.csv", text)
    assert series.channels == ("user", "count")
    known = series.time_reasons == ""
    np.testing.assert_allclose(series.values[known], np.stack([VALUES, range(N)], axis=1))


@given(
    st.lists(st.integers(-999, 999), min_size=6, max_size=20),
    st.sampled_from([("A", "P"), ("e", ""), ("A", "A:e", "P"), ("b", "u", "")]),
    st.sampled_from(["", " "]),
)
def test_letters_of_quality_change_no_number(numbers, flags, blank):
    cells = [f"{n / 8}{blank if flags[i % len(flags)] else ''}{flags[i % len(flags)]}" for i, n in enumerate(numbers)]
    assume(len(flags) > 1)
    values, told, _ = numbers_of(pd.Series(cells, dtype=object))
    np.testing.assert_array_equal(values, np.array(numbers) / 8)
    assert "taken for a flag" in told


@pytest.mark.parametrize("units", [("C", "F"), ("A", "V"), (" k", " M"), ("mbar", "hPa")])
def test_units_of_unlike_kinds_are_no_flags(units):
    cells = pd.Series([f"{n}{units[n % 2]}" for n in range(8)], dtype=object)
    assert np.isnan(numbers_of(cells)[0]).all()
