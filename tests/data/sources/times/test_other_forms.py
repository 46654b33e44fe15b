"""Times as other languages and programs write them are the times that they mean, whatever the day."""

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times.cells import times_of
from data.sources.times.column import time_column
from data.sources.times.mended.wild import NEVER_SET
from data.sources.times.other_forms import other_form
from data.sources.times.texts import looks_like_time

MONTHS = {
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "de short": "Jan. Feb. Mär. Apr. Mai Jun. Jul. Aug. Sep. Okt. Nov. Dez.",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "fr short": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "es short": "ene feb mar abr may jun jul ago sep oct nov dic",
    "it short": "gen feb mar apr mag giu lug ago set ott nov dic",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
}
MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2039, 12, 31)).map(lambda t: t.replace(microsecond=0))
# How programs write a moment of a zone two hours ahead of UTC.
WRITTEN = {
    "JavaScript": lambda t: f"{t:%a %b %d %Y %H:%M:%S} GMT+0200 (Central European Summer Time)",
    "Go": lambda t: f"{t:%Y-%m-%d %H:%M:%S}.000000001 +0200 UTC m=+12.5",
    "a server's log": lambda t: f"[{t:%d/%b/%Y:%H:%M:%S} +0200]",
}
# And one of UTC.
PLAIN = {
    "Oracle": lambda t: f"{t:%d-%b-%Y %I.%M.%S.000000 %p}".upper(),
    "with points": lambda t: f"{t:%Y.%m.%d %H.%M.%S}",
    "Chinese": lambda t: f"{t.year}年{t.month}月{t.day}日 {t.hour}时{t.minute}分{t.second}秒",
    "Chinese halves": lambda t: f"{t:%Y/%m/%d} {'上午' if t.hour < 12 else '下午'} {t:%I:%M:%S}",
    "Korean": lambda t: f"{t.year}년 {t.month}월 {t.day}일 {t:%H:%M:%S}",
    "digits": lambda t: f"{t:%Y%m%d_%H%M%S}",
    "JSON of Microsoft": lambda t: f"/Date({round(1000 * t.replace(tzinfo=UTC).timestamp())})/",
    "from, to": lambda t: f"{t:%Y-%m-%d %H:%M:%S} - {t + timedelta(hours=1):%Y-%m-%d %H:%M:%S}",
}
PLAIN |= {
    "era of Japan": lambda t: (
        f"{'R' if t.year > 2019 else 'H' if t.year > 1989 else 'S'}"
        f"{t.year - (2018 if t.year > 2019 else 1988 if t.year > 1989 else 1925)}.{t:%m.%d %H:%M:%S}"
    ),
    "Republic of China": lambda t: f"{t.year + 100 - 2011 if t.year > 2010 else t.year}/{t:%m/%d %H:%M:%S}",
    "clock first": lambda t: f"{t:%H:%M:%S.000 %Y/%m/%d}",
    "names of files": lambda t: f"{t:%Y-%m-%d-%H-%M-%S}",
    "names of files, with lines below": lambda t: f"{t:%Y_%m_%d_%H_%M_%S}Z",
    "DB2": lambda t: f"{t:%Y-%m-%d-%H.%M.%S}.000000",
    "PhysioNet": lambda t: f"[{t:%H:%M:%S.000 %d.%m.%Y}]",
}
PARTS_OF_TIMES = "0123456789 -/:.TZWQ年月日 MayPM"


def utc_of(cell, **settings):
    times = times_of(pd.Series([cell, cell], name="time"), PrepConfig(**settings))
    assert times.utc is not None
    return times.utc[0].astype(datetime)


@given(MOMENTS, st.sampled_from(sorted(MONTHS)))
def test_months_are_known_in_other_languages(moment, language):
    month = MONTHS[language].split()[moment.month - 1]
    of = " de " if language == "es" else " "
    cell = f"{moment.day}{of}{month}{of}{moment.year} {moment:%H:%M:%S}"
    assert looks_like_time(cell)
    assert utc_of(cell) == moment


@given(MOMENTS, st.sampled_from(sorted(WRITTEN)))
def test_programs_write_a_zone(moment, program):
    assert utc_of(WRITTEN[program](moment)) == moment - timedelta(hours=2)


@given(MOMENTS, st.sampled_from(sorted(PLAIN)))
def test_programs_write_no_zone(moment, program):
    cell = PLAIN[program](moment)
    assert looks_like_time(cell)
    assert utc_of(cell) == moment


@pytest.mark.parametrize("cell", ["R1.2.3", "S10.0.1", "100/200", "H2", "192.168.0.1", "R6.13.05"])
def test_versions_are_no_eras(cell):
    assert not looks_like_time(cell)


@given(MOMENTS)
def test_weeks_quarters_and_months_of_a_year(moment):
    year, week, day = moment.isocalendar()
    monday = datetime(moment.year, moment.month, moment.day) - timedelta(days=day - 1)
    for cell in (f"{year}-W{week:02d}", f"{year}W{week:02d}"):
        assert utc_of(cell) == monday
    assert utc_of(f"{year}-W{week:02d}-{day}") == monday + timedelta(days=day - 1)
    first = datetime(moment.year, moment.month - (moment.month - 1) % 3, 1)
    quarter = (moment.month + 2) // 3
    for cell in (f"{moment.year}Q{quarter}", f"{moment.year}-Q{quarter}", f"Q{quarter} {moment.year}"):
        assert utc_of(cell) == first
    for cell in (f"{moment:%YM%m}", f"{moment:%m/%Y}", f"{moment:%b %Y}", f"{moment:%B-%Y}"):
        assert utc_of(cell) == datetime(moment.year, moment.month, 1)


@given(st.text(max_size=30) | st.text(PARTS_OF_TIMES, max_size=30))
def test_whatever_stands_in_a_cell_is_rewritten_without_an_error_and_no_time_without_a_digit(cell):
    assert isinstance(other_form(cell), str)
    assert not looks_like_time(re.sub(r"\d", "", cell))


def test_a_year_has_no_week_53_that_it_has_not():
    assert other_form("2012-W53") == "2012-W53"
    assert other_form("2015-W53") == "2015-12-28"


def test_a_format_that_is_given_is_that_of_the_cells_themselves():
    assert utc_of("20120719_073000", time_format="%Y%m%d_%H%M%S") == datetime(2012, 7, 19, 7, 30)


def test_days_in_a_year_without_signs_are_dates_where_their_column_is_called_so():
    days = pd.Series([2012200, 2012201, 2012202])
    assert str(times_of(days.rename("date"), PrepConfig()).utc[1])[:10] == "2012-07-19"  # pyright: ignore
    assert times_of(days.rename("count"), PrepConfig()).utc is None


def test_days_around_1970_are_days_and_a_zero_among_others_is_none():
    days = np.arange("1969-12-01", "1970-02-01", dtype="datetime64[D]")
    assert (times_of(pd.Series(days.astype("datetime64[us]")), PrepConfig()).reasons == "").all()
    days = np.arange("2012-01-01", "2012-03-01", dtype="datetime64[D]").astype("datetime64[us]")
    days[7] = np.datetime64("1970-01-01")
    reasons = times_of(pd.Series(days), PrepConfig()).reasons
    assert (reasons == NEVER_SET).nonzero()[0].tolist() == [7]


def clocks(times, form="%Y%m%d", clock="%H%M%S"):
    days, seconds = ([int(f"{t:{part}}") for t in times] for part in (form, clock))
    return pd.DataFrame({"date": days, "time": seconds, "a": range(len(times))})


@pytest.mark.parametrize("clock", ["%H%M%S", "%H%M"])
def test_a_file_of_one_day_has_clocks_without_colons(clock):
    times = [datetime(2012, 7, 19, 7, 30) + timedelta(minutes=i) for i in range(90)]
    column, _ = time_column(clocks(times, clock=clock), PrepConfig())
    assert column is not None
    assert times_of(column, PrepConfig()).utc.tolist() == times  # pyright: ignore


@pytest.mark.parametrize("step_s", [1, 7, 10, 60])
def test_seconds_beside_one_date_are_no_clocks(step_s):
    table = pd.DataFrame({"date": 20120719, "time": step_s * np.arange(100)})
    column, _ = time_column(table, PrepConfig())
    assert column is not None
    assert times_of(column, PrepConfig()).seconds.tolist() == (step_s * np.arange(100)).tolist()


def test_six_digits_of_a_date_are_asked_for_or_told_by_all_rows():
    times = [datetime(2012, 7, 19, 7, 30) + timedelta(hours=i) for i in range(90)]
    table = clocks(times, "%y%m%d")
    with pytest.raises(TableError, match=r"as 120719, can be read in several ways; .*'year first' or 'day first'"):
        time_column(table, PrepConfig())
    for form, order in (("%y%m%d", "year first"), ("%d%m%y", "day first"), ("%m%d%y", "month first")):
        column, _ = time_column(clocks(times, form), PrepConfig(time_format=order))
        assert column is not None
        found = times_of(column, PrepConfig(time_format=order)).utc
        assert found is not None
        assert found.tolist() == times
    long = [datetime(1998, 1, 1) + timedelta(hours=12 * i) for i in range(100)]
    column, _ = time_column(clocks(long, "%y%m%d"), PrepConfig())
    assert column is not None
    assert times_of(column, PrepConfig()).utc.tolist() == long  # pyright: ignore


@pytest.mark.parametrize(
    ("year", "calendar"), [(2555, "Buddhist"), (1391, "Persian"), (2012, ""), (1850, ""), (2300, "")]
)
def test_years_of_another_calendar_are_said(year, calendar):
    cells = pd.Series([f"{year}-07-{day:02d} 07:30" for day in range(1, 9)] + [None], name="date")
    told = times_of(cells, PrepConfig()).doubt
    assert (calendar in told) if calendar else not told


@pytest.mark.parametrize("per_second", [1, 1000, 10**6, 10**9])
@given(early=st.integers(1, 19))
def test_unix_times_before_the_clock_was_set_are_rejected(per_second, early):
    seconds = np.append(5 + np.arange(early), 1342683000 + np.arange(40 - early)) * per_second
    found = times_of(pd.Series(seconds, name="timestamp"), PrepConfig())
    assert found.utc is not None
    assert (found.reasons[:early] == NEVER_SET).all()
    assert found.utc[early] == np.datetime64("2012-07-19T07:30:00", "ms")
    assert (found.reasons[early:] == "").all()
