"""Tables whose times count from elsewhere, or stand in parts, and lists of instruments, as reports tell of them."""

import numpy as np
import pandas as pd
import pytest

from config import PrepConfig
from data.sources.base import Series, TableError
from data.sources.table import TableSource

FIRST = 1_342_681_200  # 2012-07-19T07:00:00
MINUTES = FIRST + 60 * np.arange(30)


def read(tmp_path, text: str, name: str = "t.csv", **settings):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return TableSource().read_series(path, PrepConfig(**settings))


def utc_of(series: Series) -> np.ndarray:
    assert series.times_utc is not None
    return series.times_utc


def table(name: str, cells) -> str:
    return f"{name},a\n" + "".join(f"{cell},{i % 7 + 0.5}\n" for i, cell in enumerate(cells))


@pytest.mark.parametrize("name", ["ticks", "Timestamp", "time"])
@pytest.mark.parametrize("at_1970", [621_355_968_000_000_000, 116_444_736_000_000_000])
def test_ticks_are_those_of_net_and_windows(tmp_path, name, at_1970):
    """As ns since 1970 those of .NET would be of 1990."""
    (series,) = read(tmp_path, table(name, 10_000_000 * MINUTES + at_1970))
    assert utc_of(series).astype("datetime64[s]").astype(int).tolist() == MINUTES.tolist()
    assert any("times:" in told for told in series.told)


@pytest.mark.parametrize(("start", "at_1970"), [("1904-01-01", 2_082_844_800), ("1900-01-01", 2_208_988_800)])
def test_seconds_since_1904_and_1900_are_asked_for(tmp_path, start, at_1970):
    text = table("Timestamp", MINUTES + at_1970)
    with pytest.raises(
        TableError, match=r"as UNIX time is of 20[78]\d; with prep\.unix_time=false .* 1904-01-01 of Lab"
    ):
        read(tmp_path, text)
    (series,) = read(tmp_path, text, unix_time=False, start_utc=start)
    assert utc_of(series).astype("datetime64[s]").astype(int).tolist() == MINUTES.tolist()
    (series,) = read(tmp_path, text, unix_time=True)
    assert str(utc_of(series)[0])[:3] in ("207", "208")


def test_seconds_of_gps_are_taken_with_a_word(tmp_path, caplog):
    read(tmp_path, table("gps_time", MINUTES - 315_964_800 + 15))
    assert "the times in gps_time are taken as UNIX time; if they count GPS's seconds" in caplog.text


def test_parts_of_years(tmp_path, caplog):
    years = [f"{2012 + i / 12:.6f}" for i in range(24)]
    (series,) = read(tmp_path, table("date", years))
    assert [str(utc_of(series)[i])[:10] for i in (0, 12)] == ["2012-01-01", "2013-01-01"]
    (series,) = read(tmp_path, table("time", years))  # as R writes them
    assert [str(utc_of(series)[i])[:10] for i in (0, 12)] == ["2012-01-01", "2013-01-01"]
    assert "taken as years; prep.time_unit=s if they are seconds" in caplog.text
    (series,) = read(tmp_path, table("time", [f"{2012 + i / 10:.6f}" for i in range(24)]))  # no usual part of a year
    assert series.times_utc is None
    assert "a column called decimal_year is read as years" in caplog.text


def test_a_year_and_its_month(tmp_path):
    months = [(2010 + i // 12, i % 12 + 1) for i in range(36)]
    for head in ("", "year;month;a\n"):
        text = head + "".join(f"{year};{month:02d};{60 + month}.5\n" for year, month in months)
        (series,) = read(tmp_path, text)
        assert [str(time)[:7] for time in utc_of(series)] == [f"{year}-{month:02d}" for year, month in months]


def test_the_first_days_of_a_year_are_no_months(tmp_path):
    (series,) = read(tmp_path, "".join(f"2012 {day} {day % 5}.5\n" for day in range(1, 31)), "t.txt")
    assert str(utc_of(series)[29])[:10] == "2012-01-30"


@pytest.mark.parametrize("last", ["11:00:00", "06:30:00"])
def test_a_date_in_the_first_row_of_a_day_is_that_of_all_its_rows(tmp_path, last):
    clocks = [f"{7 + i // 6:02d}:{i % 6}0:00" for i in range(23)]
    clocks = [*clocks, *clocks, last]
    dates = ["2012-07-19", *[""] * 22, "2012-07-20", *[""] * 23]
    text = "date,time,a\n" + "".join(f"{d},{c},{i % 5}\n" for i, (d, c) in enumerate(zip(dates, clocks, strict=True)))
    (series,) = read(tmp_path, text)
    known = utc_of(series)[~np.isnat(utc_of(series))]
    if last == "11:00:00":
        assert [str(time) for time in known[[0, 22, 23, 46]]] == [
            *("2012-07-19T07:00:00.000", "2012-07-19T10:40:00.000"),
            *("2012-07-20T07:00:00.000", "2012-07-20T11:00:00.000"),
        ]
    else:  # a day that nobody wrote began there, and no date is made up
        assert len(known) == 2


@pytest.mark.parametrize("names", ["unit,cycle,s1,s2\n", ""])
def test_each_engine_is_a_series(tmp_path, names):
    rows = [(unit, cycle) for unit in (1, 2, 3) for cycle in range(1, 31 + unit)]
    text = names + "".join(f"{unit},{cycle},{641 + cycle % 4},{unit}\n" for unit, cycle in rows)
    found = read(tmp_path, text)
    assert [(series.name, len(series.values)) for series in found] == [("t_1", 31), ("t_2", 32), ("t_3", 33)]
    assert [series.values[:, 1].mean() for series in found] == [1, 2, 3]


def test_hours_of_days_are_no_engines(tmp_path):
    rows = [(day, hour) for day in (1, 2, 3) for hour in range(24)]
    (series,) = read(tmp_path, "day,slot,s1\n" + "".join(f"{day},{hour},{hour % 5}\n" for day, hour in rows))
    assert len(series.values) == 72


def test_a_line_drawn_below_the_names_is_no_row(tmp_path):
    rows = "".join(f"{time} {i % 5} {i}\n" for i, time in enumerate(MINUTES))
    (series,) = read(tmp_path, f"time a b\n---------- --- ---\n{rows}", "t.txt")
    assert series.lost == (("line 1 below the names", "is a line drawn below the names"),)
    assert (len(series.values), str(utc_of(series)[0])[:16]) == (30, "2012-07-19T07:00")


def test_a_row_of_a_word_and_equal_numbers_is_no_row_of_names(tmp_path):
    (series,) = read(tmp_path, "".join(f"d{i} 0 {i % 5} 0 {i}\n" for i in range(30)), "t.txt")
    assert len(series.values) == 30
    (series,) = read(tmp_path, "sensor,2010,2011,2012\n" + "".join(f"s{i},{i},{i % 4},3\n" for i in range(30)))
    assert series.channels == ("2010", "2011", "2012")


def test_magnetometers_of_iaga(tmp_path):
    head = " Format                 IAGA-2002                |\n IAGA CODE              BOU                      |\n"
    head += "DATE       TIME         DOY     BOUH      BOUF   |\n"
    total = [99999 if i % 9 == 3 else 52500 + i for i in range(40)]
    rows = [f"2012-07-19 07:{i:02d}:00.000 201  {20872 + i % 7}.10 {total[i]}.00" for i in range(40)]
    (series,) = read(tmp_path, head + "\n".join(rows) + "\n", "bou.txt")
    assert series.channels[-2:] == ("BOUH", "BOUF")
    assert np.isnan(series.values[:, -1]).sum() == 5


@pytest.mark.parametrize("fill", [-9999.9, -99999.0, 999999.0])
@pytest.mark.parametrize("distinct", [1, 2, 5])
def test_a_fill_among_few_other_values_is_missing(tmp_path, fill, distinct):
    values = [fill if i in (3, 9, 10) else 4.5 + i % distinct for i in range(60)]
    (series,) = read(tmp_path, "time,a\n" + "".join(f"{FIRST + 60 * i},{v}\n" for i, v in enumerate(values)))
    assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == [3, 9, 10]


def test_states_of_large_numbers_are_kept(tmp_path):
    values = [999 if i % 9 == 0 else 100 * (i % 3) for i in range(60)]
    (series,) = read(tmp_path, "time,a\n" + "".join(f"{FIRST + 60 * i},{v}\n" for i, v in enumerate(values)))
    assert not np.isnan(series.values).any()


def test_fills_that_a_comment_names_for_each_variable(tmp_path):
    head = "# Missing data values: Density and Speed = -9999.9, Temp. = -1.00e+05\n"
    frame = pd.DataFrame({"time": MINUTES, "n": 4.5, "T": 5e4 + np.arange(30)})
    frame.loc[3, ["n", "T"]] = [-9999.9, -1e5]
    (series,) = read(tmp_path, head + frame.to_csv(index=False))
    assert np.argwhere(np.isnan(series.values)).tolist() == [[3, 0], [3, 1]]
