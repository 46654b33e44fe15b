"""What made files of services and devices showed: arrays in records, weekdays in any language, what has passed beside
dates, units beside numbers of any name, settings above names.
"""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.table import TableSource
from data.sources.tables.json_tables.forms import table_of
from data.sources.tables.lines.heads import heads_above
from data.sources.times.other_forms import other_form

N = 40
TIMES = pd.date_range("2024-03-15T10:00", periods=N, freq="min")
VALUES = np.round(20 + 5 * np.sin(np.arange(N) / 7), 2)


def read(path, text):
    path.write_text(text)
    (series,) = TableSource().read_series(path, PrepConfig())
    return series


def test_arrays_that_stand_in_a_record_each_are_columns():
    """Strava's streams were refused."""
    value = {name: {"data": [*range(3)], "original_size": 3, "resolution": "high"} for name in ("time", "watts")}
    assert table_of(value).to_dict("list") == {"time": [0, 1, 2], "watts": [0, 1, 2]}


@pytest.mark.parametrize(
    ("day", "rest"),
    [("mié", "06 mar 2024 10:00"), ("Mi", "06.03.2024 10:00"), ("Wed", "2024-03-06 10:00"), ("ср", "06.03.2024 10:00")],
)
@pytest.mark.parametrize("sign", [", ", " ", ". "])
def test_days_of_the_week_before_a_date_tell_nothing_more(day, sign, rest):
    assert other_form(day + sign + rest) == other_form(rest)


@given(st.dates(), st.sampled_from(["{:%d %b %Y}", "{:%b %d %Y}", "{:%Y-%m-%d}"]))
def test_dates_without_a_day_of_the_week_stay(date, form):
    assert other_form(form.format(date)).lower() == form.format(date).lower()


def test_what_has_passed_since_a_start_is_no_variable_as_text(tmp_path):
    lines = [
        f"{time},{k // 60}:{k % 60:02d}:00,{value}" for k, (time, value) in enumerate(zip(TIMES, VALUES, strict=True))
    ]
    assert read(tmp_path / "a.csv", "\n".join(["time,Elapsed Time,t", *lines]) + "\n").channels == ("t",)
    lines = [f"{time},0:00:{k % 7:02d},{value}" for k, (time, value) in enumerate(zip(TIMES, VALUES, strict=True))]
    assert read(tmp_path / "b.csv", "\n".join(["time,lap time,t", *lines]) + "\n").channels == ("lap time", "t")


def test_units_of_the_only_numbers_of_a_row(tmp_path):
    """1.2 kW and 900 W were 1.2 and 900."""
    watts = np.round(1000 + 600 * np.sin(np.arange(N) / 7))
    cells = [f"{w / 1000:.3f},kW" if w >= 1000 else f"{w:.0f},W" for w in watts]
    lines = [f"{time},{cell}" for time, cell in zip(TIMES, cells, strict=True)]
    series = read(tmp_path / "a.csv", "\n".join(["time,power,unit", *lines]) + "\n")
    assert np.allclose(series.values[:, 0], watts / 1000)
    assert series.units == ("kW",)


def test_a_setting_that_is_a_date_is_no_row():
    rows = [
        ["Datum:", "2024-03-05 00:00:00"],
        ["Uhrzeit", "Temperatur"],
        *([f"10:0{k}:00", f"2{k}.5"] for k in range(6)),
    ]
    found = heads_above([*enumerate(rows)], 2)
    assert found is not None
    assert (found.at, found.names) == (1, ["Uhrzeit", "Temperatur"])


def test_streams_are_read_as_seconds(tmp_path):
    streams = {"time": [*range(N)], "heartrate": [*range(100, 100 + N)]}
    series = read(tmp_path / "a.json", json.dumps({name: {"data": array} for name, array in streams.items()}))
    assert series.channels == ("heartrate",)
    assert series.times_s.tolist() == streams["time"]


@pytest.mark.parametrize("zone", ["US/Eastern", "Europe/Zurich", "no zone"])
def test_a_zone_that_is_told_once_beside_records_is_theirs(tmp_path, zone):
    """Alpha Vantage's prices were hours off."""
    rows = {f"{t:%Y-%m-%d %H:%M:%S}": {"open": str(v), "volume": "7"} for t, v in zip(TIMES, VALUES, strict=True)}
    value = {"Meta Data": {"1. Symbol": "A", "6. Time Zone": zone}, "Time Series (1min)": rows}
    series = read(tmp_path / "a.json", json.dumps(value))
    local = TIMES if zone == "no zone" else TIMES.tz_localize(zone).tz_convert("UTC").tz_localize(None)
    assert (series.times_utc == local.to_numpy()).all()
    assert series.channels == ("open", "volume")


def test_parts_with_units_around_a_slash_are_a_variable_each(tmp_path):
    text = "time,mem,blood\n" + "".join(
        f"2024-03-15 10:{i:02d},{500 + i}MiB / 1.9GiB,{120 + i % 5} / {80 + i % 3}\n" for i in range(N)
    )
    series = read(tmp_path / "a.csv", text)
    assert series.channels == ("mem[0]", "mem[1]", "blood[0]", "blood[1]")
    assert series.units[:2] == ("MiB", "GiB")
    assert np.array_equal(series.values[:, 0], 500 + np.arange(N))


@pytest.mark.parametrize("form", ["$-{}", "-${}", "€ -{}"])
def test_money_below_nothing_is_read(tmp_path, form):
    text = "time,cost\n" + "".join(f"2024-03-15 10:{i:02d},{form.format(0.25 + i)}\n" for i in range(N))
    assert np.array_equal(read(tmp_path / "a.csv", text).values[:, 0], -0.25 - np.arange(N))


def test_records_below_a_word_for_what_was_found_are_a_table(tmp_path):
    """Zabbix' history was of unknown kind."""
    records = [{"itemid": "23", "clock": str(1710496800 + 60 * i), "value": f"{v}"} for i, v in enumerate(VALUES)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"jsonrpc": "2.0", "result": records, "id": 1}))
    assert TableSource().takes(path)
    (series,) = TableSource().read_series(path, PrepConfig())
    np.testing.assert_array_equal(series.times_utc, TIMES.to_numpy().astype("datetime64[ms]"))
    np.testing.assert_array_equal(series.values[:, series.channels.index("value")], VALUES)
