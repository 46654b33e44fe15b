"""What another hundred made files of strangers showed: values, times and variables that were wrong in silence."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.arrays.hdf5_arrays import Hdf5Source
from data.sources.base import TableError
from data.sources.table import TableSource
from data.sources.tables.json_tables.forms import table_of
from data.sources.times.counts.since import since_its_unit

N = 60
TIMES = pd.date_range("2024-03-05T10:00", periods=N, freq="min")
UNIX = [int(time.timestamp()) for time in TIMES]
VALUES = [round(20 + 5 * np.sin(i / 7), 2) for i in range(N)]


def read(path, text):
    path.write_text(text)
    (series,) = TableSource().read_series(path, PrepConfig())
    return series


def times_are_right(series) -> bool:
    return bool((series.times_utc == TIMES.to_numpy().astype("datetime64[ms]")).all())


@given(st.lists(st.integers(-2_000_000, 2_000_000), min_size=6, max_size=30), st.sampled_from(";\t"))
@settings(max_examples=30, deadline=None)
def test_points_between_thousands_beside_numbers_below_them(tmp_path_factory, counts, sign):
    """1.031 pulses beside 987 were one pulse."""
    counts = [*counts, 987, 5, -12, 1031, 20_500, -3_000]
    lines = [f"{TIMES[i]}{sign}{count:,}{sign}{i % 5}.5".replace(",", ".") for i, count in enumerate(counts)]
    series = read(tmp_path_factory.mktemp("t") / "a.csv", "\n".join([f"time{sign}pulses{sign}level", *lines]) + "\n")
    assert series.values[:, 0].tolist() == counts
    assert series.values[:, 1].tolist() == [i % 5 + 0.5 for i in range(len(counts))]
    assert any("group thousands" in told for told in series.told)


@pytest.mark.parametrize("cells", [["1.031", "987.000", "2.125"], ["1.031", "2.125", "3.250"], ["0.031", "1", "2.125"]])
def test_three_decimals_stay_decimals(tmp_path, cells):
    lines = [f"{TIMES[i]};{cells[i % 3]}" for i in range(N)]
    series = read(tmp_path / "a.csv", "\n".join(["time;v", *lines]) + "\n")
    assert series.values[:3, 0].tolist() == [float(cell) for cell in cells]


@pytest.mark.parametrize("shape", [(N, 1, 1), (1, N, 1), (1, 1, 1, N)])
def test_a_variable_of_a_grid_at_one_point_is_a_series(tmp_path, shape):
    """ERA5's were left out, and a column of versions was the series."""
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["time"] = np.array(UNIX)
        file["time"].attrs["units"] = "seconds since 1970-01-01"
        file["t2m"] = np.reshape(VALUES, shape)
        file["expver"] = np.ones(N)
    (series,) = Hdf5Source().read_series(tmp_path / "a.nc", PrepConfig())
    assert set(series.channels) == {"t2m", "expver"}
    assert series.values[:, series.channels.index("t2m")].tolist() == VALUES


def test_a_variable_of_many_places_is_left_out_in_words(tmp_path, caplog):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["grid"] = np.array(VALUES), np.ones((N, 3, 3))
    Hdf5Source().read_series(tmp_path / "a.h5", PrepConfig())
    assert "grid (60, 3, 3) is left out" in caplog.text


def test_the_rate_beside_a_start_tells_the_step_of_a_series(tmp_path):
    """NWB's: rows were 1 s apart."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["pupil/data"], file["pupil/starting_time"] = np.array(VALUES), 0.0
        file["pupil/starting_time"].attrs["rate"] = 25.0
    (series,) = Hdf5Source().read_series(tmp_path / "a.h5", PrepConfig())
    assert series.times_s is not None
    np.testing.assert_allclose(np.diff(series.times_s), 0.04)


@given(st.lists(st.datetimes(pd.Timestamp(1980, 1, 1), pd.Timestamp(2100, 1, 1)), min_size=1, max_size=9))
def test_days_in_digits_with_their_part_are_times(moments):
    moments = [moment.replace(microsecond=0) for moment in moments]
    parts = [(3600 * m.hour + 60 * m.minute + m.second) / 86400 for m in moments]
    numbers = np.array([int(f"{m:%Y%m%d}") + part for m, part in zip(moments, parts, strict=True)] + [np.nan])
    found = since_its_unit(numbers, "day as %Y%m%d.%f")
    assert found is not None
    assert np.isnat(found[-1])
    assert found[:-1].astype("datetime64[s]").tolist() == moments


def test_senml_counts_from_its_bases():
    """RFC 8428: base times were left out, and times relative."""
    first = {"bn": "urn:dev:", "bt": 1709632800, "bv": 10, "n": "temp", "u": "Cel", "v": 1}
    table = table_of([first, *({"n": name, "t": 60 * i, "v": i} for i in range(1, 9) for name in ("temp", "hum"))])
    assert table["time"].tolist()[:3] == [1709632800, 1709632860, 1709632860]
    assert set(table["sensor"]) == {"urn:dev:temp", "urn:dev:hum"}
    assert table["value"].tolist()[:3] == [11, 11, 11]
    with pytest.raises(TableError, match="base time"):
        table_of([{"bn": "a", "v": 1}, *({"t": i, "v": 2} for i in range(5))])


@pytest.mark.parametrize("key", ["bt", "bv", "t", "v", "s"])
@pytest.mark.parametrize("word", ["now", None, True, [1]])
def test_senml_with_words_for_numbers_is_refused_by_its_record(key, word):
    """Such a file ended in an unexpected error."""
    records = [{"bn": "a", "bt": 1709632800, "v": 1}, *({"t": i, "v": i} for i in range(1, 6))]
    records[3][key] = word
    with pytest.raises(TableError, match=f"record 3 of its SenML holds {key} "):
        table_of(records)


def test_series_whose_times_are_names(tmp_path):
    """OpenTSDB's: each time was a column, and two rows too few."""
    answer = [
        {"metric": name, "tags": {}, "dps": {str(t): v + add for t, v in zip(UNIX, VALUES, strict=True)}}
        for name, add in (("cpu", 0), ("mem", 9))
    ]
    series = read(tmp_path / "a.json", json.dumps(answer))
    assert times_are_right(series)
    np.testing.assert_allclose(series.values, np.stack([VALUES, np.add(VALUES, 9)], axis=1))


def test_traces_of_a_picture_beside_its_axes(tmp_path):
    """Plotly's: the range of an axis was a third table, and all were refused."""
    traces = [{"name": name, "x": [f"{time:%Y-%m-%dT%H:%M}" for time in TIMES], "y": VALUES} for name in ("in", "out")]
    figure = {"data": traces, "layout": {"xaxis": {"range": [0, 1]}}}
    series = read(tmp_path / "a.json", json.dumps(figure))
    assert series.channels == ("in", "out")
    assert times_are_right(series)


def test_sensors_in_a_list_of_each_record(tmp_path):
    """WeatherLink Live's: each list was a series without times, and all were refused."""
    records = [
        {"data": {"ts": t, "conditions": [{"lsid": 1, "temp": v}, {"lsid": 2, "bar": v + 9}]}}
        for t, v in zip(UNIX, VALUES, strict=True)
    ]
    series = read(tmp_path / "a.jsonl", "\n".join(map(json.dumps, records)))
    assert times_are_right(series)
    temp = series.channels.index("data.conditions[0].temp")
    assert series.values[:, temp].tolist() == VALUES
    assert "data.conditions[1].bar" in series.channels


def test_a_row_a_day_whose_columns_are_ends_of_quarter_hours_in_digits(tmp_path):
    head = ",".join(f"{15 * (k + 1) // 60:02d}{15 * (k + 1) % 60:02d}" for k in range(96))
    lines = [f"2024-03-{day:02d}," + ",".join(f"{(day * 96 + k) % 37}.5" for k in range(96)) for day in range(5, 9)]
    series = read(tmp_path / "a.csv", "\n".join([f"Date,{head}", *lines]) + "\n")
    assert len(series.values) == 4 * 96
    assert (np.diff(series.times_utc) == np.timedelta64(15, "m")).all()


def test_nanoseconds_of_another_day_are_said(tmp_path, caplog):
    """Polar's count from 2000, and were of 1994."""
    lines = [json.dumps({"timeStamp": 763_034_400_000_000_000 + i * 7_692_307, "ecg": v}) for i, v in enumerate(VALUES)]
    read(tmp_path / "a.jsonl", "\n".join(lines))
    assert "count from another day, as Polar's from 2000" in caplog.text


@pytest.mark.parametrize("name", ["RECNBR", "nr", "Record No", "rec"])
def test_numbers_of_records_are_no_variable_wherever_they_stand(tmp_path, name):
    lines = [f"S1,{i + 113},{time},{v}" for i, (time, v) in enumerate(zip(TIMES, VALUES, strict=True))]
    series = read(tmp_path / "a.csv", "\n".join([f"sensor,{name},time,temp", *lines]) + "\n")
    assert series.channels == ("temp",)
