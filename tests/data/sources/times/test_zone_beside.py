"""Zones that stand beside times, not in them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times.cells import times_of
from data.sources.times.column import time_column
from data.sources.times.zones.zone_beside import LOCAL, zone_in_name

UTC = pd.date_range("2024-03-05T10:00", periods=5, freq="7min")


def utc_of(table: pd.DataFrame, **given_settings) -> list[str]:
    prep = PrepConfig(**given_settings)
    column, _ = time_column(table, prep)
    assert column is not None
    found = times_of(column, prep).utc
    assert found is not None
    return [str(time) for time in found.astype("datetime64[s]")]


def expected() -> list[str]:
    return [str(time) for time in UTC.to_numpy().astype("datetime64[s]")]


FORMS = ["%Y-%m-%d %H:%M:%S", "%m/%d/%y %I:%M:%S %p", "%d.%m.%Y %H:%M"]
NAMES = ["Date Time, GMT{}", "Timestamp (UTC{})", "time utc{}", "Zeit [GMT {}]"]


@settings(max_examples=8)
@given(quarters=st.integers(-48, 56), form=st.sampled_from(FORMS), name=st.sampled_from(NAMES))
def test_an_offset_in_the_name_of_the_column_is_that_of_its_cells(quarters, form, name):
    hours, minutes = divmod(abs(quarters) * 15, 60)
    offset = f"{'-' if quarters < 0 else '+'}{hours:02d}:{minutes:02d}"
    local = UTC + pd.Timedelta(minutes=15 * quarters)
    order = "month first" if "/" in form else None
    table = pd.DataFrame({name.format(offset): local.strftime(form), "v": range(len(UTC))})
    assert utc_of(table, time_format=order) == expected()


@pytest.mark.parametrize("zone", ["Europe/Zurich", "America/New_York", "Asia/Kolkata"])
def test_a_place_in_the_name_or_behind_the_cells_or_in_a_column_of_its_own_is_their_zone(zone):
    local = UTC.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    text = local.strftime("%Y-%m-%d %H:%M:%S")
    offsets = UTC.tz_localize("UTC").tz_convert(zone)
    assert utc_of(pd.DataFrame({f"time ({zone})": text, "v": 1.0})) == expected()
    assert utc_of(pd.DataFrame({f"time ({zone})": local, "v": 1.0})) == expected()
    assert utc_of(pd.DataFrame({"time": text + f" {zone}", "v": 1.0})) == expected()
    assert utc_of(pd.DataFrame({"time": [f"{t.isoformat()}[{zone}]" for t in offsets], "v": 1.0})) == expected()
    assert utc_of(pd.DataFrame({"time": text, "timezone": zone, "v": 1.0})) == expected()


ZONE_NAMES = ["Cycle timezone", "com.samsung.health.time_offset", "utcOffset", "sleep.tz", "Time Zone", "start_zone"]


@settings(max_examples=20)
@given(quarters=st.integers(-48, 56), name=st.sampled_from(ZONE_NAMES), sign=st.sampled_from(["", "UTC", "GMT"]))
def test_a_column_of_any_name_with_a_word_for_zones_tells_them_where_its_cells_are_such(quarters, name, sign):
    """Times beside `Cycle timezone` and `time_offset` were taken as UTC, and nothing said so."""
    hours, minutes = divmod(abs(quarters) * 15, 60)
    offset = f"{sign}{'-' if quarters < 0 else '+'}{hours:02d}{':' if quarters % 2 else ''}{minutes:02d}"
    local = (UTC + pd.Timedelta(minutes=15 * quarters)).strftime("%Y-%m-%d %H:%M:%S")
    assert utc_of(pd.DataFrame({"start": local, name: offset, "v": 1.0})) == expected()
    told = time_column(pd.DataFrame({"start": local, name: "north", "v": 1.0}), PrepConfig())[1]
    assert name not in told  # a zone of a hall


@pytest.mark.parametrize("zones", [[-5, -5, 1, 1, 5.5], [-18000, 3600, 3600, 0, 19800], [-300, 60, 60, 0, 330]])
def test_offsets_in_a_column_of_numbers_are_hours_or_minutes_or_seconds(zones):
    hours = [zone if abs(zone) < 15 else zone / (60 if abs(zone) < 900 else 3600) for zone in zones]
    local = [time + pd.Timedelta(hours=hour) for time, hour in zip(UTC, hours, strict=True)]
    table = pd.DataFrame({"time": [f"{time}" for time in local], "utc_offset": zones, "v": 1.0})
    assert utc_of(table) == expected()
    assert utc_of(table.assign(time=local)) == expected()


def test_a_short_name_beside_times_is_asked_for_as_one_behind_them_is():
    local = (UTC - pd.Timedelta(hours=5)).strftime("%Y-%m-%d %H:%M")
    for table in (pd.DataFrame({"Time (EST)": local}), pd.DataFrame({"time": local, "tz_cd": "EST", "v": 1.0})):
        with pytest.raises(TableError, match=r"EST, which may mean several zones; prep\.time_zone"):
            utc_of(table)
        assert utc_of(table, time_zone="America/New_York") == expected()


def test_what_says_its_zone_itself_stays_as_it_is():
    own = [f"{time.isoformat()}Z" for time in UTC]
    assert utc_of(pd.DataFrame({"time": own, "tz": "Europe/Zurich", "v": 1.0})) == expected()
    assert utc_of(pd.DataFrame({"Time (UTC+02:00)": own, "v": 1.0})) == expected()
    seconds = (UTC - pd.Timestamp(0)).total_seconds()
    assert utc_of(pd.DataFrame({"time": seconds, "utc_offset": 2, "v": 1.0})) == expected()


def test_a_column_that_tells_no_zones_stays_a_variable():
    table = pd.DataFrame({"time": UTC.strftime("%Y-%m-%d %H:%M:%S"), "zone": ["A", "B", "A", "B", "A"], "offset": 0.25})
    column, notes = time_column(table, PrepConfig())
    assert column is not None
    assert notes == {"time": "time"}


def test_local_time_by_its_name_is_doubted_and_not_by_others():
    prep = PrepConfig()
    text = UTC.strftime("%Y-%m-%d %H:%M:%S")
    assert times_of(pd.Series(text, name="Local Time"), prep).doubt == LOCAL
    assert not times_of(pd.Series(text, name="Local Time"), PrepConfig(time_zone="Europe/Zurich")).doubt
    assert not any(times_of(pd.Series(text, name=name), prep).doubt for name in ("time", "result", "location", "UTC"))


@pytest.mark.parametrize("name", ["time", "TIME_UTC", "Time (UTC)", "DATE", "Test Time", "delta-05", "run/Time", "T+1"])
def test_most_names_tell_no_zone(name):
    assert zone_in_name(name) == ""


def test_clocks_that_the_zone_does_not_have_keep_their_reason():
    table = pd.DataFrame({"time (Europe/Zurich)": ["2024-03-31 01:30", "2024-03-31 02:30", "2024-03-31 03:30"]})
    column, _ = time_column(table, PrepConfig())
    assert column is not None
    reasons = times_of(column, PrepConfig()).reasons
    assert "set forward" in reasons[1]
    assert np.all(reasons[[0, 2]] == "")


@pytest.mark.parametrize(("bias_min", "hour"), [(-60, 9), (0, 10), (300, 15), (-330, 4.5)])
def test_times_of_windows_performance_monitor_are_in_the_zone_of_their_name(bias_min, hour):
    """They were taken as UTC, though the name tells by how many minutes they are behind it."""
    name = f"(PDH-CSV 4.0) (W. Europe Standard Time)({bias_min})"
    found = times_of(pd.Series(["03/25/2024 10:00:00.000", "03/25/2024 10:00:01.000"], name=name), PrepConfig())
    assert found.utc is not None
    assert (found.utc[0] - np.datetime64("2024-03-25")) / np.timedelta64(1, "h") == hour


@pytest.mark.parametrize("named", ["{} Local,{} GMT", "local {},utc {}", "{} GMT,{} Local"])
@pytest.mark.parametrize("together", [False, True])
def test_times_in_utc_go_before_local_ones_beside_them(named, together):
    """EPA's hours: local dates and clocks, which come first, were taken as UTC, with a warning."""
    local = UTC - pd.Timedelta(hours=8)
    columns = {}
    for name in named.split(","):
        times = local if "ocal" in name else UTC
        parts = {"Time": "%Y-%m-%d %H:%M:%S"} if together else {"Date": "%Y-%m-%d", "Time": "%H:%M:%S"}
        columns |= {name.format(part): times.strftime(form) for part, form in parts.items()}
    assert utc_of(pd.DataFrame(columns | {"v": 1.0})) == expected()
