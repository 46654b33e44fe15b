"""Cells of times as people write them: what each means, and what is asked for instead of guessed."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times import texts
from data.sources.times.cells import times_of
from data.sources.times.found import CLOCK_SET_BACK, CLOCK_SET_FORWARD
from data.sources.times.numbers import EPOCH_UNITS, PER_SECOND, unit_of

MOMENT = "2012-07-19T07:30:01.000"


def utc_of(cells, name="time", **settings) -> list[str]:
    times = times_of(pd.Series(cells, name=name), PrepConfig(**settings))
    assert times.utc is not None
    return [str(time) for time in times.utc]


@pytest.mark.parametrize(
    "cell",
    [
        "2012-07-19T07:30:01", "2012-07-19 07:30:01.000", "2012-07-19T07:30:01Z", "2012-07-19T07:30:01 UTC",
        "20120719T073001", "2012/07/19 07:30:01", "2012:07:19 07:30:01", "2012.07.19 07:30:01", "2012-7-19 7:30:01",
        "19.07.2012 07:30:01", "19/07/2012 07:30:01", "07/19/2012 7:30:01 AM", "7/19/2012 7:30:01", "19.7.2012 7:30:01",
        "7/19/12 7:30:01", "19-Jul-2012 07:30:01", "19 July 2012 07:30:01", "Jul 19, 2012 07:30:01 AM",
        "19/Jul/2012:07:30:01 +0000", "Thu, 19 Jul 2012 07:30:01 GMT", "2012-07-19T09:30:01+02:00",
        "\u0662\u0660\u0661\u0662-\u0660\u0667-\u0661\u0669 \u0660\u0667:\u0663\u0660:\u0660\u0661",
        "2012-07-19 02:00:01 -0530", "19.07.2012 09:30:01+02", "2012-07-19 07:30:01,000",
        20120719073001, "20120719073001", 1342683001, 1342683001.0, "1342683001", 1342683001000, 1342683001000000,
        1342683001000000000,
    ],
)  # fmt: skip
def test_one_moment_in_every_usual_form(cell):
    assert utc_of([cell]) == [MOMENT]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2012-07-19 24:00:00", "2012-07-20T00:00:00.000"),
        ("12/19/2012 12:05 AM", "2012-12-19T00:05:00.000"),
        ("12/19/2012 12:05 PM", "2012-12-19T12:05:00.000"),
        ("19/07/2012", "2012-07-19T00:00:00.000"),
        ("19.07.1999 23:59:59,999", "1999-07-19T23:59:59.999"),
        (20120719, "2012-07-19T00:00:00.000"),
        (201207190730, "2012-07-19T07:30:00.000"),
    ],
)
def test_other_moments(cell, expected):
    assert utc_of([cell]) == [expected]


@pytest.mark.parametrize(
    ("cell", "zone", "expected"),
    [
        ("2012-07-19 09:30:01 CEST", "Europe/Paris", "2012-07-19T07:30:01.000"),
        ("19.01.2012 08:30:01 (CET)", "Europe/Berlin", "2012-01-19T07:30:01.000"),
        ("1/19/2012 2:30:01 AM EST", "America/New_York", "2012-01-19T07:30:01.000"),
        ("2012-01-19T02:30:01EST", "America/New_York", "2012-01-19T07:30:01.000"),
        ("Jul 19, 2012 16:30:01 JST", "Asia/Tokyo", "2012-07-19T07:30:01.000"),
    ],
)
def test_short_names_of_zones_are_those_of_the_zone_that_is_given(cell, zone, expected):
    assert utc_of([cell], time_zone=zone) == [expected]
    name = cell.strip("()").rpartition(" ")[2][-4:].strip("(1")
    with pytest.raises(TableError, match=f"{name}, which may mean several zones; prep.time_zone says which, e.g. "):
        utc_of([cell])
    with pytest.raises(TableError, match=r"prep.time_zone Australia/Sydney has AEDT and AEST"):
        utc_of([cell], time_zone="Australia/Sydney")


def test_names_that_change_in_a_column_are_one_zone():
    cells = ["2012-03-25 01:30 CET", "2012-03-25 03:30 CEST"]
    assert utc_of(cells, time_zone="Europe/Paris") == ["2012-03-25T00:30:00.000", "2012-03-25T01:30:00.000"]
    with pytest.raises(TableError, match=r"CEST and CET.*Europe/Paris"):
        utc_of(cells)


moments = st.datetimes(datetime(1981, 1, 1), datetime(2098, 1, 1)).map(lambda t: t.replace(microsecond=0))
FORMS = ("%Y-%m-%d %H:%M:%S", "%Y/%m/%dT%H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d %b %Y %H:%M:%S", "%b %d, %Y %I:%M:%S %p")


@given(st.lists(moments, min_size=1, max_size=5), st.sampled_from(FORMS), st.integers(-47, 47))
def test_any_moment_in_any_zone_is_read_back(times, form, quarters):
    zone = timezone(timedelta(minutes=15 * quarters))
    offset = times[0].replace(tzinfo=zone).strftime("%z")
    cells = [time.strftime(form) + offset for time in times]
    assert utc_of(cells) == [f"{time - zone.utcoffset(None):%Y-%m-%dT%H:%M:%S}.000" for time in times]


# As ns those of 1990 are .NET's ticks, and as seconds those from 2061 on may count from 1904 or 1900.
counted = st.datetimes(datetime(1991, 1, 1), datetime(2060, 1, 1)).map(lambda t: t.replace(microsecond=0))


@given(st.lists(counted, min_size=1, max_size=5), st.sampled_from(EPOCH_UNITS))
def test_numbers_since_1970_are_told_by_their_size(times, unit):
    numbers = [int(time.replace(tzinfo=UTC).timestamp()) * int(PER_SECOND[unit]) for time in times]
    assert utc_of(numbers) == [f"{time:%Y-%m-%dT%H:%M:%S}.000" for time in times]


@given(st.lists(moments, min_size=1, max_size=5))
def test_dates_that_could_be_of_two_months_are_never_guessed(times):
    cells = [f"{time:%d/%m/%Y}" for time in times]
    if any(time.day > 12 for time in times):
        assert utc_of(cells) == [f"{time:%Y-%m-%d}T00:00:00.000" for time in times]
        return
    assume(any(time.day != time.month for time in times))
    with pytest.raises(TableError, match=r"prep\.time_format says which: 'day first' or 'month first'"):
        utc_of(cells)
    assert utc_of(cells, time_format="day first") == [f"{time:%Y-%m-%d}T00:00:00.000" for time in times]
    assert utc_of(cells, time_format="month first") == [f"{time:%Y-%d-%m}T00:00:00.000" for time in times]


@pytest.mark.parametrize(
    ("cells", "settings", "message"),
    [
        (["07:30:01", "07:30:02"], {}, "clocks without a date"),
        (["soon"], {}, "no readable time; the first cell is 'soon'; name its form with prep.time_format"),
        (["12-07-19"], {}, "'day first' or 'month first' or 'year first'"),
        (["2012-07-19"], {"time_format": "%d/%m/%Y"}, "no time is of the form prep.time_format '%d/%m/%Y'"),
        ([None, None], {}, "the first cell is empty"),
    ],
)
def test_what_can_not_be_told_is_refused_with_the_way_out(cells, settings, message):
    with pytest.raises(TableError, match=message):
        utc_of(pd.Series(cells, dtype=object), **settings)


def test_a_format_of_the_settings_is_taken_for_texts_and_numbers():
    assert utc_of(["2012-201/07:30:01"], time_format="%Y-%j/%H:%M:%S") == [MOMENT]
    assert utc_of([2012201073001.0], time_format="%Y%j%H%M%S") == [MOMENT]


def test_cells_that_do_not_fit_get_a_reason_and_the_others_their_time():
    times = times_of(pd.Series(["19.07.2012 25:00", "19.07.2012 07:30", None, "later"]), PrepConfig())
    assert times.utc is not None
    assert np.isnat(times.utc).tolist() == [True, False, True, True]
    assert [bool(reason) for reason in times.reasons] == [True, False, True, True]


def test_local_time_and_what_the_change_of_the_clock_leaves_open():
    spring = pd.Series(["2024-03-31 01:30", "2024-03-31 02:30", "2024-03-31 03:30"])
    times = times_of(spring, PrepConfig(time_zone="Europe/Zurich"))
    assert times.utc is not None
    assert [str(time) for time in times.utc[[0, 2]]] == ["2024-03-31T00:30:00.000", "2024-03-31T01:30:00.000"]
    assert times.reasons.tolist() == ["", CLOCK_SET_FORWARD, ""]
    autumn = pd.Series(["2023-10-29 01:30", "2023-10-29 02:30", "2023-10-29 03:30"])
    assert times_of(autumn, PrepConfig(time_zone="Europe/Zurich")).reasons.tolist() == ["", CLOCK_SET_BACK, ""]


def test_an_hour_that_comes_twice_is_told_apart_by_the_order_of_its_rows():
    true = pd.date_range("2023-10-28T22:00", "2023-10-29T06:00", freq="20min")
    local = true.tz_localize("UTC").tz_convert("Europe/Zurich").tz_localize(None)
    assert utc_of(local.astype(str).tolist(), time_zone="Europe/Zurich") == [f"{t:%Y-%m-%dT%H:%M:%S}.000" for t in true]


def test_what_says_its_zone_is_not_local():
    cells = ["2012-07-19T07:30:01Z", "2012-07-19T09:30:01"]
    assert utc_of(cells, time_zone="Europe/Zurich") == [MOMENT, MOMENT]
    assert utc_of([1342683001], time_zone="Europe/Zurich") == [MOMENT]


def test_steps_below_a_millisecond_are_kept_as_relative_times():
    times = times_of(pd.Series(1342683001_000000 + 100 * np.arange(20)), PrepConfig())
    assert times.utc is None
    np.testing.assert_allclose(times.seconds, 1e-4 * np.arange(20), atol=1e-9)


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [("Time (ms)", {}, 0.016), ("t", {"time_unit": "ms"}, 0.016), ("elapsed_min", {}, 960), ("t", {}, 16)],
)
def test_relative_numbers_have_the_unit_of_their_name_or_of_the_settings(name, settings, expected):
    times = times_of(pd.Series([0, 16, 32], name=name), PrepConfig(**settings))
    assert times.utc is None
    assert times.seconds[1] == pytest.approx(expected)


@pytest.mark.parametrize(
    "cells",
    [
        pd.to_timedelta([0, 90_000.5], unit="s"),
        ["0 days 00:00:00", "1 days 01:00:00.500000"],
        ["0 days", "1 day, 1:00:00.5"],
        ["0.0D+00", "9.00005D+04"],
    ],
)
def test_durations_are_relative_times(cells):
    times = times_of(pd.Series(cells), PrepConfig())
    np.testing.assert_allclose(times.seconds, [0, 90_000.5])
    assert times_of(pd.Series(cells), PrepConfig(start_utc="2012-07-19")).utc[1].item().isoformat()[:19] == (
        "2012-07-20T01:00:00"
    )


def test_whole_numbers_of_an_uneven_clock_are_said_to_be_taken_as_seconds():
    steps = np.random.default_rng(0).integers(12, 22, 100)
    assert "prep.time_unit=ms" in times_of(pd.Series(np.cumsum(steps), name="Time"), PrepConfig()).doubt
    assert not times_of(pd.Series(60 * np.arange(100), name="Time"), PrepConfig()).doubt


@pytest.mark.parametrize(("name", "day"), [("MJD", 56127.0), ("jd", 2456127.5)])
def test_julian_dates_by_the_name_of_their_column(name, day):
    assert utc_of([day + 0.3125], name) == ["2012-07-19T07:30:00.000"]


def test_unix_time_can_be_forced_and_forbidden():
    assert times_of(pd.Series([1342683001.0]), PrepConfig(unix_time=False)).utc is None
    assert utc_of([86400.0], unix_time=True) == ["1970-01-02T00:00:00.000"]


@pytest.mark.parametrize(
    ("name", "unit"), [("times", ""), ("timestamp_ns", "ns"), ("elapsed [s]", "s"), ("Time.µs", "us")]
)
def test_units_in_names(name, unit):
    assert unit_of(name) == unit


@pytest.mark.parametrize("year", [1500, 2012, 2300, 9000])
def test_local_times_of_any_year_keep_their_date(year):
    """Nanoseconds would end in 2262."""
    times = times_of(pd.Series([f"{year}-01-02 03:04:05", f"{year}-01-02 03:05:05"], name="time"),
                     PrepConfig(time_zone="Asia/Tokyo"))  # fmt: skip
    assert str(times.utc[0]).startswith(f"{year}-01-01T1")
    assert times.utc[1] - times.utc[0] == np.timedelta64(60, "s")


CLOCKS = st.sampled_from(["", "T07:30", " 07:30:01", "T07:30:01.5", " 25:00:00", "T24:00", " 23:59:60"])
DAYS = st.builds(
    "{:04d}-{:02d}-{:02d}{}".format, st.integers(1900, 2099), st.integers(1, 13), st.integers(1, 31), CLOCKS
)


@given(st.lists(DAYS, min_size=1, max_size=8))
def test_what_is_written_plainly_is_read_as_the_rest_is(cells):
    """Days that no month has and clocks that no day has too."""

    def read() -> tuple | str:
        try:
            found = texts.of_texts(pd.Series(cells, dtype="string"), PrepConfig())
        except TableError as error:
            return str(error)
        return found.utc.tolist(), found.zoned.tolist(), found.order

    assert texts.are_plain(pd.Series(cells, dtype="string"))
    plainly = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "are_plain", lambda column: False)
        assert read() == plainly


@pytest.mark.parametrize("cells", [["2012-07-19", None], ["2012-07-19 ", "2012-07-20"], ["2012-07-19T07:30Z"], ["x"]])
def test_gaps_blanks_zones_and_other_forms_are_not_plain(cells):
    assert not texts.are_plain(pd.Series(cells, dtype="string"))


def test_unix_times_whose_unit_changes_are_told_one_by_one():
    seconds = 1342683001 + 60 * np.arange(40)
    mixed = np.where(np.arange(40) < 20, seconds, seconds * 1000)
    times = times_of(pd.Series(mixed, name="timestamp"), PrepConfig())
    assert times.utc is not None
    assert times.how == "UNIX time in s and ms"
    np.testing.assert_array_equal(times.utc.astype("datetime64[s]").astype(int), seconds)
