"""Forms of tables met in packages that carry data: first rows, settings in comments, clocks that are none of a row."""

import datetime

import numpy as np
import pytest

from config import PrepConfig
from data.sources.table import TableSource


def _series(tmp_path, text: str, name: str = "t.csv", **settings):
    path = tmp_path / name
    path.write_text(text)
    return TableSource().read_series(path, PrepConfig(**settings))[0]


COUNTIES = "CN010010,01,003,Autauga,2009,23288,21025,9.7\nPA011000,01,001,Baldwin,2009,81706,74238,9.1\n"
COUNTIES += "CN010050,01,007,Barbour,2009,9703,8401,13.4\nCN010070,01,005,Bibb,2009,8475,7453,12.1\n"


def test_a_first_row_of_numbers_and_words_is_none_of_names(tmp_path):
    """It was lost, and its numbers were the names."""
    series = _series(tmp_path, COUNTIES)
    assert series.values.shape[0] == 4
    assert series.channels[0] == "column_1"


@pytest.mark.parametrize("names", ["sensor,773869,767541,767542", "depth,0.5,1.0,1.5", "site,2001,2002,2003"])
def test_names_that_are_numbers_stay_names(tmp_path, names):
    rows = "".join(f"s{i},{60.1 + i},{55.2 - i},{i * 7 % 5}\n" for i in range(30))
    assert names.split(",")[1] in " ".join(_series(tmp_path, f"{names}\n{rows}").channels)


@pytest.mark.parametrize(
    "head", ["#DELTA: 0.0133\n#STATION: MBGA\n#START: 01-JAN-1997_06:32:40.000\n", "# dt = 0.0133\n"]
)
def test_a_setting_in_the_last_comment_names_no_column(tmp_path, head):
    """It was the name of the only variable, and rows 1 s apart."""
    series = _series(tmp_path, head + "".join(f"{i * 37 % 11}.5\n" for i in range(40)), "MBGA_E.ASC")
    assert (series.channels, series.times_s[1]) == (("column_0",), 0.0133)


@pytest.mark.parametrize("suffix", [".ascii", ".slist", ".txt"])
@pytest.mark.parametrize("kind", ["INTEGER, Counts", "INT32, Counts", "FLOAT32, Counts", ""])
def test_samples_of_seismology_by_other_suffixes_and_kinds(tmp_path, suffix, kind):
    """Kinds with their bits were six variables of a row a second."""
    head = f"TIMESERIES XX_TEST__BHZ_R, 12 samples, 40 sps, 2008-01-15T00:00:00.025000, SLIST, {kind}\n"
    path = tmp_path / f"a{suffix}"
    path.write_text(head + "185 181 185 189 194 205\n209 214 222 225 226 219\n")
    assert TableSource().takes(path)
    (series,) = TableSource().read_series(path, PrepConfig())
    assert series.values[:, 0].tolist() == [185, 181, 185, 189, 194, 205, 209, 214, 222, 225, 226, 219]


def test_numbers_of_things_beside_a_state_are_no_sensors(tmp_path):
    """Each quantity was a variable of words."""
    rows = "".join(f"KS,5/{13 + i // 4}/2006 0:00:00,{i % 3},{i * 2.5}\n" for i in range(40))
    series = _series(tmp_path, "state,ship_date,quantity,cost\n" + rows)
    assert series.channels == ("quantity", "cost")


@pytest.mark.parametrize("other", ["timedelta", "Duration", "sunrise"])
def test_what_lasts_is_no_clock_of_a_date(tmp_path, other):
    rows = "".join(f"2015-11-{i + 1:02d},0:04:{i:02d},{i % 4}\n" for i in range(20))
    series = _series(tmp_path, f"date,{other},a\n{rows}")
    assert series.times_utc is not None
    assert str(series.times_utc[2]) == "2015-11-03T00:00:00.000"


def test_a_whole_time_counts_before_the_date_beside_it(tmp_path):
    rows = "".join(f"2015-11-{i // 8 + 1:02d},2015-11-{i // 8 + 1:02d}T{i % 8:02d}:30:00,{i % 4}\n" for i in range(40))
    series = _series(tmp_path, f"date,datetime,a\n{rows}")
    assert series.times_utc is not None
    assert [str(time)[8:16] for time in series.times_utc[[0, 9]]] == ["01T00:30", "02T01:30"]


@pytest.mark.parametrize("form", ["{:%b-%d-%Y}", "{:%b/%d/%Y}", "{:%B-%d-%Y}"])
def test_months_by_name_before_the_day(tmp_path, form):
    days = [datetime.date(1995, 1, 1) + datetime.timedelta(days=30 * i) for i in range(30)]
    series = _series(tmp_path, "DATE,a\n" + "".join(f"{form.format(day)},{day.day}\n" for day in days))
    assert series.times_utc is not None
    assert [str(time)[:10] for time in series.times_utc] == [day.isoformat() for day in days]


@pytest.mark.parametrize(
    "form", ["W{week:02d} {year}", "W{week}-{year}", "{year} W{week:02d}", "Week {week}, {year}", "KW{week:02d}/{year}"]
)
def test_weeks_before_and_behind_their_year(tmp_path, form):
    days = [datetime.date.fromisocalendar(2020, 40, 1) + datetime.timedelta(weeks=i) for i in range(30)]
    cells = [form.format(year=day.isocalendar()[0], week=day.isocalendar()[1]) for day in days]
    series = _series(tmp_path, "week;a\n" + "".join(f"{cell};{i % 7}\n" for i, cell in enumerate(cells)))
    assert series.times_utc is not None
    assert [str(time)[:10] for time in series.times_utc] == [day.isoformat() for day in days]


@pytest.mark.parametrize("form", ["{:%Y %b}", "{:%Y, %B}", "{:%Y-%b}", "{:%B %Y}", "{:%Y/%b}"])
def test_years_before_the_names_of_months(tmp_path, form):
    days = [datetime.date(1999 + i // 12, i % 12 + 1, 1) for i in range(30)]
    series = _series(tmp_path, "date;a\n" + "".join(f"{form.format(day)};{day.month}\n" for day in days))
    assert series.times_utc is not None
    assert [str(time)[:10] for time in series.times_utc] == [day.isoformat() for day in days]


@pytest.mark.parametrize("form", ["{}", "year_{}", "YR{}", "{0} [YR{0}]", "Year {}"])
def test_years_above_columns(tmp_path, form):
    heads = ",".join(form.format(year) for year in range(1960, 1990))
    rows = "".join(f"{name},{','.join(str(i * k % 7) for i in range(30))}\n" for k, name in enumerate("abc", start=2))
    series = _series(tmp_path, f"country,{heads}\n{rows}")
    assert (series.channels, len(series.values)) == (("a", "b", "c"), 30)
    assert series.times_utc is not None
    assert str(series.times_utc[-1])[:4] == "1989"


def _part(names: str, hour: int) -> str:
    width = len(names.split(",")) - 1
    rows = (f"2024-03-01 {hour:02d}:{i:02d}:00,{','.join([f'{hour}.{i:02d}'] * width)}\n" for i in range(40))
    return f"{names}\n{''.join(rows)}"


def test_another_table_below_the_first_is_left_out_and_told(tmp_path):
    """Its values were those of the first one's variables."""
    series = _series(tmp_path, _part("time,a,b", 1) + "\n" + _part("time,c,d", 2))
    assert np.nanmax(series.values) < 2
    assert "columns have other names, as c, d: left out" in " ".join(series.told)
    series = _series(tmp_path, _part("time,a,b", 1) + _part("time,a,b", 2))
    assert np.nanmax(series.values) > 2


@pytest.mark.parametrize("other", ["time,c", "time,c,d,e"])
@pytest.mark.parametrize("title", ["Table {}\n", ""])
def test_tables_of_unlike_widths_below_each_other(tmp_path, other, title):
    """They were divided at the blank inside their times, and refused without a word of why."""
    text = title.format(1) + _part("time,a,b", 1) + "\n" + title.format(2) + _part(other, 2)
    series = _series(tmp_path, text)
    left_out = len(series.lost) + int(np.isnan(series.values).all(axis=1).sum())
    assert np.isin(np.floor(series.values[np.isfinite(series.values)]), [1, 2]).all()
    known = series.values[np.isfinite(series.values).all(axis=1)]
    assert len(np.unique(np.floor(known))) == 1
    assert left_out >= 40
