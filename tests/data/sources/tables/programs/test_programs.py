"""Texts that programs write in forms of their own: nmon, CDS and IPAC, EnergyPlus, typical years, days of 25 hours."""

import io
import itertools

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.arrays.numpy_arrays import ArraySource
from data.sources.base import TableError
from data.sources.table import TableSource
from data.sources.tables.programs.nmon import read_nmon
from data.sources.tables.programs.readers import reader_of
from data.sources.tables.programs.weather_years import NAMES
from data.sources.times.mended.typical_year import as_one_year

N = 40
HOUR = np.timedelta64(1, "h")


def read(path, text, **settings):
    path.write_text(text)
    assert TableSource().takes(path)
    (series,) = TableSource().read_series(path, PrepConfig(**settings))
    return series


def nmon_lines(disks=("sda", "sdb")):
    yield from ("AAA,progname,nmon", "AAA,command,nmon -f -s 60", "AAA,date,05-MAR-2024", "BBBP,000,/etc/release,x")
    yield f"DISKBUSY,Disk %Busy srv1,{','.join(disks)}"
    yield "CPU_ALL,CPU Total srv1,User%,Busy,CPUs"
    for i in range(N):
        yield f"ZZZZ,T{i + 1:04d},10:{i:02d}:00,05-MAR-2024"
        yield f"CPU_ALL,T{i + 1:04d},{i + 0.5},,4"
        if i != 3:
            yield f"DISKBUSY,T{i + 1:04d},{','.join(str(i + k) for k, _ in enumerate(disks))}"
        yield f"TOP,00123,T{i + 1:04d},1.0,python"


@pytest.mark.parametrize("name", ["srv1.nmon", "srv1.csv", "srv1.log"])
def test_recordings_of_nmon(tmp_path, name):
    series = read(tmp_path / name, "\n".join(nmon_lines()) + "\n")
    assert series.channels == ("CPU_ALL User%", "CPU_ALL CPUs", "DISKBUSY sda", "DISKBUSY sdb")
    assert series.name == "srv1"
    assert series.times_utc[0] == np.datetime64("2024-03-05T10:00")
    assert np.array_equal(series.values[:, 0], np.arange(N) + 0.5)
    assert np.isnan(series.values[3, 2:]).all()
    assert np.isfinite(np.delete(series.values, 3, 0)).all()


def test_a_recording_of_nmon_that_was_stopped_at_once_is_told():
    with pytest.raises(TableError, match="no moment"):
        read_nmon("AAA,progname,nmon\nCPU_ALL,CPU Total,User%\n")


def light_curve():
    table = Table({"HJD": 2455000.5 + 0.02 * np.arange(N), "Vmag": 12 + 0.01 * np.arange(N), "Flag": ["a"] * N})
    table["HJD"].unit, table["Vmag"].unit = "d", "mag"
    return table


@pytest.mark.parametrize(("form", "name"), [("mrt", "t.mrt"), ("mrt", "t.dat"), ("ipac", "t.tbl"), ("ipac", "t.txt")])
def test_tables_of_astronomers_have_their_names_and_times(tmp_path, form, name):
    stream = io.StringIO()
    light_curve().write(stream, format=f"ascii.{form}")
    series = read(tmp_path / name, stream.getvalue())
    assert series.channels == ("Vmag",)
    assert series.name == "t"
    assert series.times_utc[0] == np.datetime64("2009-06-18T00:00")
    assert np.allclose(series.values[:, 0], 12 + 0.01 * np.arange(N))


@pytest.mark.parametrize("text", ["| a | b |\n|---|---|\n| 1 | 2 |\n", "a|b|\n1|2|\n", "time,Byte-by-byte\n1,2\n"])
def test_other_tables_with_such_signs_are_none_of_astronomers(text):
    assert reader_of(text) is None


def typical_hours(years, ends):
    """Local hours of each month of its year, by their begins or ends."""
    found = []
    for month, year in enumerate(years, start=1):
        begin = np.datetime64(f"{year}-{month:02d}-01T00", "h")
        days = pd.Period(f"2001-{month:02d}").days_in_month
        found.append(begin + (np.arange(24 * days) + int(ends)) * HOUR)
    return np.concatenate(found).astype("datetime64[ms]")


@given(st.lists(st.integers(1961, 2020), min_size=12, max_size=12), st.booleans(), st.integers(-12, 14))
def test_months_of_many_years_are_one_year(years, ends, zone_h):
    hours = typical_hours(years, ends)
    found = as_one_year(hours + zone_h * HOUR)
    if not (np.diff(years) < 0).any():
        assert found is None
        return
    times, told = found
    assert set(np.diff(times).tolist()) == {HOUR.astype("timedelta64[ms]").tolist()}
    year = int(told.rsplit(" ", 1)[1])
    own = typical_hours([year] * 12, ends) + zone_h * HOUR
    if hours.astype("datetime64[Y]")[0] == (hours + zone_h * HOUR).astype("datetime64[Y]")[0]:
        assert np.abs(times - own).max() <= 24 * HOUR


@given(st.lists(st.integers(301, 340), min_size=1, max_size=4), st.integers(0, 10**6))
def test_rows_that_leap_otherwise_are_no_typical_year(days, start_s):
    steps = np.full(2000, 3600)
    steps[100 : 100 + 300 * len(days) : 300] = [-86400 * day for day in days]
    seconds = 1.6e9 + start_s + np.cumsum(steps)
    assert as_one_year((1000 * seconds).astype(np.int64).astype("datetime64[ms]")) is None


@given(st.integers(1961, 2018), st.integers(1, 4))
def test_whole_years_in_the_wrong_order_are_no_typical_year(year, earlier):
    """They are put in the order of time, as any rows are."""
    own = [typical_hours([y] * 12, False) for y in (year, year - earlier)]
    assert as_one_year(np.concatenate(own)) is None


def epw_lines(years):
    yield "LOCATION,Chicago,IL,USA,TMY3,725300,41.98,-87.92,-6.0,201.0"
    yield from ("DESIGN CONDITIONS,0", "TYPICAL/EXTREME PERIODS,0", "GROUND TEMPERATURES,0", "HOLIDAYS,No,0,0,0")
    yield from ("COMMENTS 1,x", "COMMENTS 2,y", "DATA PERIODS,1,1,Data,Sunday, 1/ 1,12/31")
    for i, begin in enumerate(typical_hours(years, False).tolist()):
        cells = [begin.year, begin.month, begin.day, begin.hour + 1, 0, "?9?9", i % 30 + 0.5, 99.9, 60, 99300]
        yield ",".join(map(str, [*cells, *[0] * (len(NAMES) - len(cells))]))


@pytest.mark.parametrize("name", ["a.epw", "a.csv"])
def test_weather_of_energyplus_is_a_year_in_utc(tmp_path, name):
    years = [1988, 1996, 2003, 1981, 1999, 1990, 2001, 1985, 1987, 1993, 1994, 1982]
    series = read(tmp_path / name, "\n".join(epw_lines(years)) + "\n")
    assert series.channels[:3] == ("Dry bulb temperature [degC]", "Relative humidity [%]", "Pressure [Pa]")
    assert (np.diff(series.times_utc) == HOUR).all()
    assert np.array_equal(series.values[:, 0], np.arange(8760) % 30 + 0.5)


ZONES = [("Europe/Berlin", "2023-10-27", "2023-03-24"), ("America/Chicago", "2023-11-03", "2023-03-10")]
ZONES += [("Australia/Sydney", "2024-04-05", "2023-09-29")]


def hours_of_days(zone, begin, n_days=5):
    """The days, how many hours each has passed at each hour's end, and the UTC of these ends."""
    days = pd.date_range(begin, periods=n_days + 1, freq="D", tz=zone)
    ends = pd.date_range(days[0], days[-1], freq="h", inclusive="right")
    own = [day for day, later in itertools.pairwise(days) for end in ends if day < end <= later]
    passed = [int((end - day).total_seconds() // 3600) for day, end in zip(own, ends, strict=True)]
    return [f"{day:%Y-%m-%d}" for day in own], passed, ends.tz_convert("UTC").tz_localize(None).to_numpy()


def doubled(day_hours):
    """Hours 1 to 24 of a day, one of them twice or left out, as clocks have them: the third."""
    most = max(day_hours)
    return [h - (h > 3) if most == 25 else h + (h > 2) if most == 23 else h for h in day_hours]


@pytest.mark.parametrize(("zone", "autumn", "spring"), ZONES)
@pytest.mark.parametrize("form", ["counted", "twice", "A and B"])
def test_ends_of_hours_of_long_and_short_days_are_placed_by_the_zone(tmp_path, zone, autumn, spring, form):
    for begin in (autumn, spring):
        days, passed, utc = hours_of_days(zone, begin)
        assert len(days) != 5 * 24
        hours = pd.Series(passed).groupby(days).transform(doubled) if form != "counted" else pd.Series(passed)
        cells = hours.astype(str)
        if form == "A and B":
            again = pd.DataFrame({"d": days, "h": hours}).duplicated().to_numpy()
            cells = cells.where(~again, cells + "*")
        rows = "".join(f"{d},{c},{k + 0.5}\n" for k, (d, c) in enumerate(zip(days, cells, strict=True)))
        series = read(tmp_path / "a.csv", "date,hour,load\n" + rows, time_zone=zone)
        assert np.array_equal(series.times_utc, utc.astype("datetime64[ms]"))


@pytest.mark.parametrize(("zone", "autumn", "spring"), ZONES)
@pytest.mark.parametrize("name", ["H{}", "Hour {}", "he{:02d}"])
def test_a_row_a_day_with_25_hours_is_placed_by_the_zone(tmp_path, zone, autumn, spring, name):
    for begin in (autumn, spring):
        days, passed, utc = hours_of_days(zone, begin)
        table = pd.DataFrame({"d": days, "h": passed, "v": np.arange(len(days)) + 0.5}).pivot(
            index="d", columns="h", values="v"
        )
        table = table.reindex(columns=range(1, 26))
        text = table.rename(columns=name.format).rename_axis("Date").to_csv()
        series = read(tmp_path / "a.csv", text, time_zone=zone)
        assert np.array_equal(series.times_utc, utc.astype("datetime64[ms]") - HOUR)
        assert np.array_equal(series.values[:, 0], np.arange(len(days)) + 0.5)


def test_without_a_zone_the_25th_hour_has_no_time_and_all_others_have(tmp_path):
    days, passed, _ = hours_of_days("Europe/Berlin", "2023-10-27")
    table = pd.DataFrame({"d": days, "h": passed, "v": np.arange(len(days)) + 0.5}).pivot(
        index="d", columns="h", values="v"
    )
    series = read(tmp_path / "a.csv", table.rename(columns="H{}".format).rename_axis("Date").to_csv())
    assert np.isnat(series.times_utc).sum() == 1
    known = series.times_utc[~np.isnat(series.times_utc)]
    assert (np.diff(known) == HOUR).all()


def arff_text(quote):
    yield "% made\n@RELATION pump"
    yield f"@ATTRIBUTE {quote}log time{quote} date 'yyyy-MM-dd HH:mm:ss'"
    yield from ("@ATTRIBUTE temp NUMERIC", "@attribute flow real", "@attribute class {normal,anomaly}", "@DATA")
    for i in range(N):
        yield f"{quote}2024-03-05 10:{i:02d}:00{quote},{i}.5,{'?' if i == 3 else i + 100},normal"


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("name", ["a.arff", "a.txt"])
def test_arff_has_its_names_and_missing_values(tmp_path, quote, name):
    series = read(tmp_path / name, "\n".join(arff_text(quote)) + "\n", time_column="log time")
    assert series.channels == ("temp", "flow")
    assert series.times_utc[1] == np.datetime64("2024-03-05T10:01")
    assert np.isnan(series.values[3, 1])
    assert np.array_equal(series.values[:, 0], np.arange(N) + 0.5)


@pytest.mark.parametrize(
    ("rows", "told"),
    [("", "no row"), ("{0 1.5}\n", "sparse"), ("1,2\n", "rows of 2 values")],
)
def test_arff_of_other_rows_is_told(tmp_path, rows, told):
    (tmp_path / "a.arff").write_text(f"@relation a\n@attribute b numeric\n@data\n{rows}")
    with pytest.raises(TableError, match=told):
        TableSource().read_series(tmp_path / "a.arff", PrepConfig())


def test_text_under_the_suffix_of_stata_is_read_as_text(tmp_path):
    rows = "".join(f"\t{i}\t{0.5 * i:.5E}\t{0.1 + i:.5E}\t{1e-3:.5E}\n" for i in range(N))
    head = "EXPLAIN\nTAG\tCHRONOA\nDATE\tLABEL\t3/5/2024\tDate\nCURVE\tTABLE\t40\n\tPt\tT\tVf\tIm\n\t#\ts\tV\tA\n"
    series = read(tmp_path / "a.DTA", head + rows)
    assert "Vf" in series.channels
    assert np.allclose(np.diff(series.times_s), 0.5)
    pd.DataFrame({"time": pd.date_range("2024-03-05", periods=N), "v": np.arange(N) % 7}).to_stata(tmp_path / "b.dta")
    (other,) = TableSource().read_series(tmp_path / "b.dta", PrepConfig())
    assert "v" in other.channels


@pytest.mark.parametrize("name", ["names", "columns", "channel_names", "labels"])
def test_names_beside_an_array_are_those_of_its_columns(tmp_path, name):
    values = np.arange(3.0 * N).reshape(N, 3)
    np.savez(tmp_path / "a.npz", **{name: np.array(["temp", "flow", "load"]), "values": values, "time": np.arange(N)})
    (series,) = ArraySource().read_series(tmp_path / "a.npz", PrepConfig())
    assert series.channels == ("temp", "flow", "load")
    np.savez(tmp_path / "b.npz", **{name: np.array(["a", "a", "b"]), "values": values, "time": np.arange(N)})
    (other,) = ArraySource().read_series(tmp_path / "b.npz", PrepConfig())
    assert other.channels == ("values_0", "values_1", "values_2")
