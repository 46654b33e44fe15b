"""Times of years with months or quarters, of years alone, and of tables whose years come again for each of many."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import Series
from data.sources.table import TableSource
from data.sources.times.parts import numbers_of, of_parts
from data.sources.times.texts import MONTH_NAMES, month_of

ENGLISH = ["January", "February", "March", "April", "May", "June", "July", "August"]
ENGLISH += ["September", "October", "November", "December"]
GERMAN = ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August"]
GERMAN += ["September", "Oktober", "November", "Dezember"]
MONTHS = [(2001 + i // 12, i % 12) for i in range(40)]
QUARTERS = [(2001 + i // 4, i % 4 + 1) for i in range(40)]


def read(tmp_path, head: str, rows, **settings) -> list[Series]:
    path = tmp_path / "t.csv"
    path.write_text(f"{head},a\n" + "".join(f"{row},{i * 37 % 11 + 0.5}\n" for i, row in enumerate(rows)))
    return TableSource().read_series(path, PrepConfig(**settings))


def months(series: Series) -> list[str]:
    assert series.times_utc is not None
    return [str(time)[:7] for time in series.times_utc]


@pytest.mark.parametrize(
    "words", [ENGLISH, GERMAN, [word[:3] for word in ENGLISH], [w[:3].upper() + "." for w in ENGLISH]]
)
@pytest.mark.parametrize("is_year_first", [True, False])
def test_years_and_months_in_words(tmp_path, words, is_year_first):
    """They were rows 1 s apart; with a day beside them all were rejected."""
    cells = [(str(year), words[month]) for year, month in MONTHS]
    rows = [",".join(pair if is_year_first else pair[::-1]) for pair in cells]
    (series,) = read(tmp_path, "Year,Month" if is_year_first else "Month,Year", rows)
    assert series.channels == ("a",)
    assert months(series) == [f"{year}-{month + 1:02d}" for year, month in MONTHS]


def test_days_of_months_in_words(tmp_path):
    days = pd.date_range("2001-01-20", periods=40)
    (series,) = read(tmp_path, "year,month,day", [f"{d.year},{d:%b},{d.day}" for d in days])
    assert series.times_utc is not None
    assert (series.times_utc == days.to_numpy().astype("datetime64[ms]")).all()


@pytest.mark.parametrize("form", ["{}", "Q{}", "{}Q", "Qtr {}", "q{}"])
def test_years_and_quarters(tmp_path, form):
    (series,) = read(tmp_path, "year,quarter", [f"{year},{form.format(quarter)}" for year, quarter in QUARTERS])
    assert series.channels == ("a",)
    assert months(series) == [f"{year}-{3 * quarter - 2:02d}" for year, quarter in QUARTERS]


@pytest.mark.parametrize("form", ["{0}-{2:02d}", "{0}/{1}", "FY{0}"])
def test_seasons_of_two_years(tmp_path, form):
    rows = [form.format(year, year + 1, (year + 1) % 100) for year in range(1981, 2011)]
    (series,) = read(tmp_path, "year", rows)
    assert months(series) == [f"{year}-01" for year in range(1981, 2011)]


def test_years_that_fall(tmp_path):
    (series,) = read(tmp_path, "year", range(2020, 1980, -1))
    assert months(series) == [f"{year}-01" for year in range(2020, 1980, -1)]


@given(st.integers(0, 11), st.text(max_size=8))
def test_only_names_of_months_are_months(number, rest):
    """Whatever stands behind the three letters of a month must go on as its name does."""
    word = MONTH_NAMES[number] + rest
    found = month_of(word)
    if ENGLISH[number].lower().startswith(word.lower()):
        assert found == number + 1
    elif np.isfinite(found):  # of another language
        assert found == number + 1
        assert rest.strip(" .").isalpha() or not rest.strip(" .")


@given(st.integers(1700, 2090), st.integers(0, 150))
def test_a_season_is_of_years_that_follow_each_other(year, other):
    (found,) = numbers_of(pd.Series([f"{year}-{other:02d}"], dtype=object), "year")
    assert (found == year) if (year + 1) % 100 == other else np.isnan(found)


def test_months_that_repeat_are_no_times():
    table = pd.DataFrame({"year": [2001] * 20, "month": [1, 1] * 10, "a": range(20)})
    assert of_parts(table)[0] is None


def test_a_count_beside_years_and_months_is_none(tmp_path):
    """Of R's `t` they were variables, and rows 1 s apart."""
    (series,) = read(
        tmp_path, "year,month,t", [f"{year},{month + 1},{i + 1}" for i, (year, month) in enumerate(MONTHS)]
    )
    assert (series.channels, months(series)[0]) == (("a",), "2001-01")
    (series,) = read(tmp_path, "t", range(1, 41))
    assert series.times_utc is None


@pytest.mark.parametrize("parts", [1, 4, 12, 52, 365])
@pytest.mark.parametrize("digits", [6, 12])
def test_times_that_go_on_in_years(tmp_path, parts, digits):
    """R's `time` of a series; they were seconds."""
    years = [1960 + i / parts for i in range(40)]
    (series,) = read(tmp_path, "time", [round(year, digits) for year in years])
    assert series.times_utc is not None
    firsts = pd.to_datetime([f"{int(year)}-01-01" for year in years])
    expected = firsts + pd.to_timedelta([365.25 * (year % 1) for year in years], unit="D")
    assert (np.abs(pd.DatetimeIndex(series.times_utc) - expected) < pd.Timedelta(days=2)).all()
    (series,) = read(tmp_path, "time", [round(year, digits) for year in years], time_unit="s")
    assert series.times_utc is None


@pytest.mark.parametrize(("first", "step"), [(1800.03, 1), (1700, 0.1), (1700, 5), (300, 1), (1950, 1 / 30)])
def test_times_that_are_no_years(tmp_path, first, step):
    (series,) = read(tmp_path, "time", [first + i * step for i in range(40)])
    assert series.times_utc is None


def test_years_far_apart_are_no_zero_of_a_clock(tmp_path):
    """1900 was taken for a clock that was never set."""
    (series,) = read(tmp_path, "year", [1800, 1850, 1900, 1950, 2000])
    assert months(series) == ["1800-01", "1850-01", "1900-01", "1950-01", "2000-01"]


@pytest.mark.parametrize("name", ["decimal date", "serial"])
def test_a_clock_of_a_calendar_beside_times_is_no_variable(tmp_path, name):
    months_ = [f"{year},{month + 1}" for year, month in MONTHS]
    dates = pd.to_datetime([f"{year}-{month + 1:02d}-15" for year, month in MONTHS])
    other = [f"{d.year + (d.month - 0.5) / 12:.4f}" if name != "serial" else "" for d in dates]
    if name == "serial":
        months_ = [f"{d.year},{d.month},{d.day}" for d in dates]
        other = [str((d - pd.Timestamp("1899-12-30")).days) for d in dates]
    head = "year,month," + ("day," if name == "serial" else "") + name
    (series,) = read(tmp_path, head, [f"{month},{cell}" for month, cell in zip(months_, other, strict=True)])
    assert series.channels == ("a",)


@pytest.mark.parametrize("key", ["country", "firm"])
@pytest.mark.parametrize("order", ["by key", "by year"])
def test_years_that_come_again_for_each_of_many(tmp_path, key, order):
    """Panels were rows 1 s apart, one country behind the other."""
    names = ["Austria", "Belgium", "Chile"] if key == "country" else [3, 5, 8]
    pairs = [(name, year) for name in names for year in range(1980, 2000)]
    pairs.sort(key=lambda pair: pair[1] if order == "by year" else 0)
    rows = [f"{i + 1},{name},{year}" for i, (name, year) in enumerate(pairs)]
    (series,) = read(tmp_path, f"rownames,{key},year", rows)
    assert series.channels == tuple(map(str, names))
    assert months(series) == [f"{year}-01" for year in range(1980, 2000)]
    own = [i * 37 % 11 + 0.5 for i, (name, _) in enumerate(pairs) if name == names[0]]
    assert (series.values[:, 0] == own).all()


def test_months_that_come_again_for_each_of_two_that_begin_apart(tmp_path):
    rows = [f"{name},{year},{month + 1}" for name, n in (("a", 30), ("b", 12)) for year, month in MONTHS[-n:]]
    found = read(tmp_path, "store,year,month", rows)
    assert [series.name for series in found] == ["t_a", "t_b"]
    assert [len(series.values) for series in found] == [30, 12]


def test_years_of_rows_without_a_key_are_none(tmp_path):
    (series,) = read(tmp_path, "year", [1990 + i // 20 for i in range(60)])
    assert series.times_utc is None


def test_several_columns_that_tell_devices_together(tmp_path):
    """All but one row in 8 were rejected."""
    days = pd.date_range("2020-01-01", periods=20)
    keys = [(a, b, c) for a in ("N", "S") for b in ("x", "y") for c in ("old", "new")]
    rows = [
        f"{i + 1},{','.join(key)},{day:%Y-%m-%d}" for i, (key, day) in enumerate((k, d) for k in keys for d in days)
    ]
    (series,) = read(tmp_path, "rownames,region,kind,age,date", rows)
    assert series.channels == tuple(" ".join(key) for key in keys)
    assert (len(series.values), series.lost) == (20, ())


def test_what_counts_rows_or_tells_their_times_is_no_variable_of_each_device(tmp_path):
    days = pd.date_range("2020-01-30", periods=20)
    pairs = [(name, day) for name in ("p1", "p2") for day in days]
    rows = [f"{i + 1},{name},{d:%Y-%m-%d},{d.year},{d.month},{d.day},{i % 5}" for i, (name, d) in enumerate(pairs)]
    (series,) = read(tmp_path, "rownames,pump,date,year,month,day_of_month,b", rows)
    assert series.channels == ("p1 b", "p1 a", "p2 b", "p2 a")


def test_so_many_devices_and_variables_that_they_are_no_columns(tmp_path):
    """162 countries of 120 variables would be 20,000 columns."""
    names = [f"v{i}" for i in range(39)]
    rows = [f"c{i // 6},{2001 + i % 6},{','.join(map(str, range(39)))}" for i in range(6 * 70)]
    (series,) = read(tmp_path, f"country,year,{','.join(names)}", rows)
    assert series.times_utc is None
    (series,) = read(tmp_path, "country,year", [",".join(row.split(",")[:2]) for row in rows])
    assert (series.times_utc is not None, series.values.shape) == (True, (6, 70))


@given(
    st.datetimes(pd.Timestamp("2023-01-01"), pd.Timestamp("2024-12-31")),
    st.sampled_from([15, 60, 360]),
    st.booleans(),
)
def test_months_days_and_hours_without_a_year_go_on_from_the_first_row(begin, step_min, hours_to_24):
    """Simulations of buildings write them so: rows were 1 s apart, and the parts variables."""
    times = pd.date_range(pd.Timestamp(begin).floor("h"), periods=400, freq=f"{step_min}min")
    before = times - pd.Timedelta(hours=1) if hours_to_24 else times
    parts = {"Month": before.month, "Day": before.day, "Hour": before.hour + hours_to_24, "Minute": times.minute}
    found, notes = of_parts(pd.DataFrame(parts | {"a": np.arange(400)}))
    assert found is not None
    assert list(notes) == ["Month", "Day", "Hour", "Minute"]
    assert (found.to_numpy() == (times - times[0]).total_seconds()).all()


def test_a_year_is_given_by_the_start(tmp_path):
    rows = [f"{1 + i // 24},{i % 24}" for i in range(60)]
    (series,) = read(tmp_path, "Month,Day,Hour", [f"3,{row}" for row in rows], start_utc="2024-03-01")
    assert series.channels == ("a",)
    assert str(series.times_utc[-1]) == "2024-03-03T11:00:00.000"


@pytest.mark.parametrize("name", ["Month", "Season"])
def test_parts_that_do_not_go_on_are_no_times(tmp_path, name):
    rows = [f"{1 + i * 7 % 12},{1 + i * 5 % 28},{i * 11 % 24}" for i in range(60)]
    (series,) = read(tmp_path, f"{name},Day,Hour", rows)
    assert name in series.channels


@pytest.mark.parametrize("late", [False, True])
def test_a_date_in_parts_and_a_clock_without_names(tmp_path, late):
    """The clock was left out as words, and rows 1 s apart; where midnights have the date before, as some loggers write
    24:00, they are of the day after."""
    times = pd.date_range("2023-05-01 00:10", periods=400, freq="10min")
    dated = [t - pd.Timedelta(days=int(late and t == t.normalize())) for t in times]
    lines = [f"{d:%Y %m %d} {t.hour}:{t:%M} {i * 37 % 11}.5" for i, (d, t) in enumerate(zip(dated, times, strict=True))]
    (tmp_path / "rain.txt").write_text("\n".join(lines) + "\n")
    (series,) = TableSource().read_series(tmp_path / "rain.txt", PrepConfig())
    np.testing.assert_array_equal(series.times_utc, times.to_numpy().astype("datetime64[ms]"))
    assert series.values.shape == (400, 1)
