"""Tables as programs of others write them, which were read wrongly: their times, and what is a variable of them."""

import numpy as np
import pandas as pd
import pytest

from config import PrepConfig
from data.sources.base import TableError
from data.sources.table import TableSource

N = 40
TIMES = pd.date_range("2024-03-05 10:00", periods=N, freq="10min")
HOURS = pd.date_range("2024-03-05 00:00", periods=N, freq="h")
VALUES = np.round(20 + np.cumsum(np.random.default_rng(0).normal(0, 1, N)), 2)


def table_of(head: str, rows: list[str]) -> str:
    return "\n".join([head, *rows]) + "\n"


def numbered(form: str, times: pd.DatetimeIndex = TIMES) -> list[str]:
    """A row for each time t, with its number i, a value v, and that time in Tokyo, j."""
    hours = pd.Timedelta(hours=9)
    return [
        form.format(t=t, j=t + hours, s=int(t.timestamp()), v=v, i=i)
        for i, (t, v) in enumerate(zip(times, VALUES, strict=True))
    ]


LATER = TIMES + pd.Timedelta("500ms")
PARTS = "{t},{t.year},{t.month},{t.day},{t.day_of_year},{t.hour},{t.day_of_week},{v}"
FORMS = {
    "VarName;TimeString;VarValue;Time_ms": (
        "Temp;{t:%d.%m.%Y %H:%M:%S};{v};45356416666.{i}",
        TIMES,
        ["VarValue", "Time_ms"],
    ),
    "STATIONS_ID;MESS_DATUM;TT_TU;eor": ("  44;{t:%Y%m%d%H};{v:6.2f};eor", HOURS, ["STATIONS_ID", "TT_TU"]),
    "date,v": ("{s},{v}", TIMES, ["v"]),
    "日時,v": ("民國113年{t:%m}月{t:%d}日 {t:%H:%M},{v}", TIMES, ["v"]),
    "日付,v": ("令和6年{t.month}月{t.day}日 {t.hour}時{t:%M}分,{v}", TIMES, ["v"]),
    "time,year,month,day,doy,hour,weekday,v": (PARTS, TIMES, ["v"]),
    "time,hour,minute,v": ("{t}Z,{j.hour},{t.minute},{v}", TIMES, ["v"]),
    "time,hours,v": ("{t},10{i},{v}", TIMES, ["hours", "v"]),
    "Time,header.stamp.secs,header.stamp.nsecs,v": ("{s}.5,{s},5{i},{v}", LATER, ["v"]),
}


@pytest.mark.parametrize("names", list(FORMS))
def test_times_and_variables(tmp_path, names):
    form, times, variables = FORMS[names]
    text = table_of(names, numbered(form, times))
    path = tmp_path / "t.csv"
    path.write_text(text)
    (series,) = TableSource().read_series(path, PrepConfig())
    np.testing.assert_array_equal(series.times_utc, times.to_numpy().astype("datetime64[ms]"))
    assert list(series.channels) == variables
    (given,) = TableSource().read_series(path, PrepConfig(value_columns=("hour",))) if "hour," in text else (None,)
    assert given is None or given.channels == ("hour",)


def test_quality_behind_numbers_is_no_decimal(tmp_path):
    """NOAA's hourly data: +0201,1 is 20.1 °C of quality 1, and was 201.1."""
    path = tmp_path / "isd.csv"
    rows = numbered('{t:%Y-%m-%dT%H:%M:%S},"+0{i:03d},1"')
    path.write_text(table_of("DATE,TMP", [*rows, '2024-03-06T00:00:00,"+9999,9"']))
    (series,) = TableSource().read_series(path, PrepConfig())
    np.testing.assert_array_equal(series.values[:, 0], [*range(N), np.nan])
    assert any("quality behind them" in told for told in series.told)


def test_clocks_below_a_clock_ask_for_their_day(tmp_path):
    """sar writes the time at which it began where a name should be."""
    path = tmp_path / "sar.txt"
    path.write_text(table_of("09:50:01        CPU     %user", numbered("{t:%H:%M:%S}        all      {v}")))
    with pytest.raises(TableError, match=r"prep\.start_utc gives"):
        TableSource().read_series(path, PrepConfig())
    (series,) = TableSource().read_series(path, PrepConfig(start_utc="2024-03-05"))
    np.testing.assert_array_equal(series.times_utc, TIMES.to_numpy().astype("datetime64[ms]"))


def test_a_first_row_with_words_and_decimals_is_no_name(tmp_path):
    """`perf stat -I -x,` writes none."""
    path = tmp_path / "perf.csv"
    path.write_text("\n".join(numbered("{i}.000100,{i}00,,cycles,1000,100.00")) + "\n")
    (series,) = TableSource().read_series(path, PrepConfig())
    assert len(series.values) == N


SETTINGS = ["Record Length,2.5e+03,", "Sample Interval,4.0e-07,", "Source,CH1,"]
SAMPLES = [f"{-5e-4 + 4e-7 * i:.12f},{v}" for i, v in enumerate(VALUES)]
RIGOL = "X,CH1,Start,Increment,\nSequence,VOLT,-5.0e-04,4.0e-07\n"
OWON = "Channel :,CH1\nFrequency :,F=1.000kHz\nSampling:,2.5MS/s\nindex,CH1\n"
MSO = "Model,MSO54\n\nWaveform Type,ANALOG,\nHorizontal Units,s,\nVertical Scale,0.1,\n,\nLabel,,\nTIME,CH1,\n"
SCOPES = {
    "Tektronix": [f"{SETTINGS[i] if i < 3 else ',,'},{row}," for i, row in enumerate(SAMPLES)],
    "Tektronix MSO": [MSO + f"{SAMPLES[0]},", *(f"{row}," for row in SAMPLES[1:])],
    "Rigol DHO": ["CH1,t0 =-5.0e-04, tInc = 4.0e-07,\n" + f"{VALUES[0]},,,", *(f"{v},,," for v in VALUES[1:])],
    "rate above": [OWON + f"0,{VALUES[0]}", *(f"{i},{VALUES[i]}" for i in range(1, N))],
    "interval above": [f"#Time Interval=400nS\n#UNITS:V\nCH1\n{VALUES[0]}", *map(str, VALUES[1:])],
    "Rigol": [RIGOL + f"0,{VALUES[0]},,", *(f"{i},{VALUES[i]},," for i in range(1, N))],
}


@pytest.mark.parametrize("name", list(SCOPES))
def test_samples_of_oscilloscopes_have_their_times(tmp_path, name):
    """Settings stand beside the first samples, above them, or tell start and increment alone."""
    path = tmp_path / "scope.csv"
    path.write_text("\n".join(SCOPES[name]) + "\n")
    (series,) = TableSource().read_series(path, PrepConfig())
    assert series.channels == ("CH1",)
    np.testing.assert_allclose(series.times_s - series.times_s[0], 4e-7 * np.arange(N), atol=1e-12)
    np.testing.assert_array_equal(series.values[:, 0], VALUES)


STREAM = "TIMESERIES IU_ANMO_00_BHZ_R, {count} samples, 20 sps, 2010-02-27T06:30:{start:09.6f}, {form}, INTEGER, M/S\n"
HALF = N // 2


def stretch(form: str, begin: int, end: int) -> str:
    head = STREAM.format(count=end - begin, start=begin / 20, form=form)
    cells = [f"{v}" if form == "SLIST" else f"2010-02-27T06:30:{i / 20:09.6f}  {v}" for i, v in enumerate(VALUES)]
    per_row = 3 if form == "SLIST" else 1
    return head + "".join("\t".join(cells[i : min(i + per_row, end)]) + "\n" for i in range(begin, end, per_row))


@pytest.mark.parametrize("form", ["SLIST", "TSPAIR"])
def test_text_of_seismology_is_one_variable(tmp_path, form):
    path = tmp_path / "x.txt"
    path.write_text(stretch(form, 0, HALF) + stretch(form, HALF, N))
    (series,) = TableSource().read_series(path, PrepConfig())
    assert series.times_utc is not None
    start = np.datetime64("2010-02-27T06:30:00", "ms")
    np.testing.assert_array_equal(series.times_utc, start + np.arange(N) * np.timedelta64(50, "ms"))
    np.testing.assert_array_equal(series.values[:, 0], VALUES)


@pytest.mark.parametrize("others", [[], ["124,2024,{day},2400,1.5,2.5,3.5"], ["101,2024,{day},2400,1.5"]])
def test_arrays_of_a_logger_have_their_times(tmp_path, others):
    rows = []
    for i, value in enumerate(VALUES):
        day, hour = 10 + i // 24, i % 24 + 1
        rows += [f"110,2024,{day},{100 * hour},12.5,{value}"]
        rows += [row.format(day=day) for row in others if hour == 24]
    path = tmp_path / "cr10.dat"
    path.write_text("\n".join(rows) + "\n")
    (series,) = TableSource().read_series(path, PrepConfig())
    assert series.times_utc is not None
    start = np.datetime64("2024-01-10T01:00", "ms")
    np.testing.assert_array_equal(series.times_utc, start + np.arange(N) * np.timedelta64(1, "h"))
    np.testing.assert_array_equal(series.values[:, series.channels.index("column_5")], VALUES)


@pytest.mark.parametrize("century", [20, None])
def test_days_of_dst_are_hours(tmp_path, century):
    """Values run together, -100-120, and are told from a base in hundreds."""
    year = century or 19
    days = [
        f"DST2403*{day:02d}RRX0{century or '  '}   0"
        + "".join(f"{-100 - day - hour:4d}" for hour in range(23))
        + "9999 -99"
        for day in range(1, 32)
    ]
    path = tmp_path / "dst.dat"
    path.write_text("\n".join(days) + "\n")
    assert TableSource().takes(path)
    (series,) = TableSource().read_series(path, PrepConfig())
    assert series.times_utc is not None
    assert series.times_utc[25] == np.datetime64(f"{year}24-03-02T01:00", "ms")
    np.testing.assert_array_equal(series.values[[0, 22, 23, 25], 0], [-101, -123, np.nan, -103])
    assert series.channels == ("Dst [nT]",)
