"""Sensors of several axes, several sensors in a file, and how they are told apart."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.table import TableSource
from data.sources.tables.device_names import DEVICES
from data.sources.tables.json_tables.forms import table_of
from data.sources.tables.json_tables.nested import with_parsed_cells

N = 40
BEGIN_MS = 1709632800000
AXES = {
    key: [(round(9.8 + a, 3), round(np.sin(i / 5), 3), -a) for i, a in enumerate(0.25 * np.arange(N))]
    for key in ("acc", "gyro")
}


def read(path, text, **settings):
    path.write_text(text)
    return TableSource().read_series(path, PrepConfig(**settings))


@pytest.mark.parametrize("others", ["x,y,z", "value,min,max", "value,b_x,b_y"])
def test_each_number_of_a_row_of_a_long_table_is_a_variable_of_its_sensor(tmp_path, others):
    rows = [f"{BEGIN_MS + 20 * i},{key},{','.join(map(str, AXES[key][i]))}" for i in range(N) for key in AXES]
    (series,) = read(tmp_path / "a.csv", f"timestamp,sensor,{others}\n" + "\n".join(rows))
    assert series.channels == tuple(f"{key} {name}" for key in AXES for name in others.split(","))
    assert np.array_equal(series.values, np.hstack([AXES["acc"], AXES["gyro"]]))


def test_what_stays_the_same_of_each_sensor_is_none_of_its_values(tmp_path):
    rows = [f"{BEGIN_MS + 20 * i},{key},{AXES[key][i][1]},{len(key)}.5" for i in range(N) for key in AXES]
    (series,) = read(tmp_path / "a.csv", "timestamp,sensor,value,latitude\n" + "\n".join(rows))
    assert series.channels == ("acc", "gyro")
    assert any("without latitude" in told for told in series.told)


def test_words_that_take_turns_in_a_column_without_a_name_are_sensors_and_states_are_not(tmp_path):
    def lines(word):
        return "\n".join(f"{word(i)},{BEGIN_MS + 10 * i},{','.join(map(str, AXES['acc'][i]))}" for i in range(N))

    found = read(tmp_path / "a.csv", lines(lambda i: ("ACC", "GYR")[i % 2]))
    assert [series.values.tolist() for series in found] == [[list(row) for row in AXES["acc"][k::2]] for k in range(2)]
    (one,) = read(tmp_path / "b.csv", lines(lambda i: "idle" if i // 8 % 2 else "run"))
    assert len(one.values) == N


@given(
    st.lists(st.tuples(*[st.floats(-1e6, 1e6).map(lambda v: round(v, 3))] * 3), min_size=3, max_size=20),
    st.sampled_from([";", ",", " ", "|", "; ", "/"]),
)
def test_several_numbers_in_a_cell_are_a_column_each(rows, sign):
    table = pd.DataFrame({"acc": pd.Series([sign.join(f"{v:.3f}" for v in row) for row in rows], dtype="str")})
    found = with_parsed_cells(table)
    assert list(found) == ["acc[0]", "acc[1]", "acc[2]"]
    assert np.array_equal(found.to_numpy(float), np.array(rows, float))


@pytest.mark.parametrize(
    "cells",
    [["2024 03 05", "2024 03 06"], ["10 30 15", "10 30 16"], ["1,234", "2,345"], ["1.5;2.5", "1.5"], ["1.5 2.5", "no"]],
)
def test_parts_of_dates_and_cells_of_unlike_counts_stay_as_they_are(cells):
    table = pd.DataFrame({"a": pd.Series(cells, dtype="str")})
    assert with_parsed_cells(table).equals(table)


@given(
    st.sampled_from(sorted({*DEVICES} - {"id"})),
    st.sets(st.from_regex(r"[0-9]{1,3}|[1-9][0-9]?e[0-9]", fullmatch=True), min_size=2, max_size=5),
)
def test_devices_are_told_apart_as_they_are_written(tmp_path_factory, name, ids):
    if name in ("measurement", "quantity", "field", "series", "signal", "metric", "variable", "parameter"):
        return  # which may as well be values
    ids = ["007", "12e4", *sorted(ids - {"007", "12e4"})]
    rows = [f"2024-03-05 10:{i:02d},{key},{i + k}.5" for i in range(N) for k, key in enumerate(ids)]
    (series,) = read(tmp_path_factory.mktemp("ids") / "a.csv", f"time,{name},temp\n" + "\n".join(rows))
    assert series.channels == tuple(ids)
    assert np.array_equal(series.values, np.arange(N)[:, None] + np.arange(len(ids)) + 0.5)


def packs():
    return [
        [
            {"bn": f"dev{i % 2}/", "bt": BEGIN_MS // 1000 + 60 * i, "n": "temp", "v": 20.5 + i},
            {"n": "hum", "v": i, "t": 1},
        ]
        for i in range(N)
    ]


def senml_rows(value):
    table = table_of(value)
    return sorted(zip(table["time"], table["sensor"], table["value"], strict=True))


def test_packs_of_senml_are_one_table_in_whatever_they_stand(tmp_path):
    wanted = senml_rows([record for pack in packs() for record in pack])
    assert len(wanted) == 2 * N
    assert senml_rows(packs()) == wanted
    drafts = [{"bn": a["bn"], "bt": a["bt"], "e": [{"n": "temp", "v": a["v"]}, b]} for a, b in packs()]
    assert senml_rows(drafts) == wanted
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(pack) + "\n" for pack in packs()))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(pack) + "\n" for pack in drafts))
    (tmp_path / "c.json").write_text(
        json.dumps({"bt": 1709632800, "e": [{"n": "hum", "v": i, "t": i} for i in range(N)]})
    )
    for name, count in (("a.jsonl", 4), ("b.jsonl", 4), ("c.json", 1)):
        assert TableSource().takes(tmp_path / name)
        found = TableSource().read_series(tmp_path / name, PrepConfig())
        assert sum(len(series.channels) for series in found) == count


def test_no_base_of_a_pack_of_senml_counts_in_the_next():
    pack = [
        [{"bn": "a", "bt": 1.7e9, "bv": 100.0, "n": "x", "v": 1.0}],
        [{"bn": "a", "bt": 1.7e9 + 1, "n": "x", "v": 1.0}],
    ]
    assert table_of(pack)["ax"].tolist() == [101.0, 1.0]


def test_words_with_units_are_values_of_devices_and_tell_none_apart(tmp_path):
    rows = "".join(
        f"2024-03-05 10:00:{i:02d}, {card}, {50 + 7 * i % 3} %, {900 + i + card} MiB\n"
        for i in range(N)
        for card in (0, 1)
    )
    (series,) = read(tmp_path / "a.csv", "timestamp, index, utilization.gpu [%], memory.used [MiB]\n" + rows)
    assert series.channels == tuple(
        f"{c} {name}" for c in (0, 1) for name in ("utilization.gpu [%]", "memory.used [MiB]")
    )
    assert np.array_equal(series.values[:, 1], 900 + np.arange(N))
    assert np.array_equal(series.values[:, 2], 50 + 7 * np.arange(N) % 3)


@pytest.mark.parametrize(("cells", "count"), [((0, 1, 2), 3), ((1, 2, 3), 3), ((0, 1, 5), 1), ((10, 11, 12), 1)])
def test_whole_numbers_that_count_rows_of_a_time_are_devices_and_others_are_not(tmp_path, cells, count):
    rows = "".join(f"2024-03-05 10:{i:02d},{cell},{20 + i + cell}.5\n" for i in range(N) for cell in cells)
    (series,) = read(tmp_path / "a.csv", "time,core,load\n" + rows)
    assert len(series.channels) == (count if count > 1 else 2)


@pytest.mark.parametrize("n_sensors", [3, 4])
@pytest.mark.parametrize("apart_s", [0, 3])
def test_sensors_of_a_long_table_with_times_of_their_own_are_series_each(tmp_path, n_sensors, apart_s):
    """Side by side most of their cells would be empty, and the rows rejected."""
    rows = "".join(
        f"{36000 + 60 * i + apart_s * k};sensor {k};{i + 100 * k}.5;V\n" for i in range(N) for k in range(n_sensors)
    )
    found = read(tmp_path / "a.csv", "SECONDS;PID;VALUE;UNITS\n" + rows)
    assert len(found) == (n_sensors if apart_s else 1)
    if apart_s:
        assert [series.values[:, 0].tolist() for series in found] == [
            (np.arange(N) + 100 * k + 0.5).tolist() for k in range(n_sensors)
        ]
        (one,) = read(tmp_path / "a.csv", "SECONDS;PID;VALUE;UNITS\n" + rows, resample_sec=60)
        assert len(one.channels) == n_sensors


def test_tags_over_pairs_of_time_and_value_name_the_values(tmp_path):
    rows = "".join(f"05-Mar-24 10:{i:02d}:00,{i}.5,05-Mar-24 10:{i:02d}:07,{100 + i}.5\n" for i in range(N))
    first, second = read(tmp_path / "a.csv", "TI101.PV,,PI202.PV,\n" + rows)
    assert (first.channels, second.channels) == (("TI101.PV",), ("PI202.PV",))
    assert np.array_equal(second.values[:, 0], np.arange(N) + 100.5)
    assert (second.times_utc - first.times_utc == np.timedelta64(7, "s")).all()


@pytest.mark.parametrize("time", ["Clock", "Zeitpunkt", "Abtastung", "T"])
def test_units_below_names_are_none_whatever_the_time_is_called(tmp_path, time):
    rows = "".join(f"05.03.2024 10:{i:02d}:00\t{i}.5\t{100 + i}.5\n" for i in range(N))
    (series,) = read(tmp_path / "a.txt", f"{time}\tDrive Speed\tMotor Current\n \trpm\tA\n{rows}")
    assert series.channels == ("Drive Speed", "Motor Current")
    assert series.units == ("rpm", "A")


@pytest.mark.parametrize("midnight", ["2024-03-05 00:00:00", "2024-03-05T00:00:00.000", "3/5/2024 12:00:00 AM"])
def test_dates_kept_as_midnights_beside_clocks_are_dates(tmp_path, midnight):
    days = [midnight, midnight.replace("03-05", "03-15").replace("3/5", "3/15")]
    rows = "".join(f"{day},10:{i:02d},{i}.5\n" for day in days for i in range(N))
    (series,) = read(tmp_path / "a.csv", f"Date,Time,v\n{rows}a note below the table,,\n")
    assert series.times_utc[0] == np.datetime64("2024-03-05T10:00")
    assert series.times_utc[N + 3] == np.datetime64("2024-03-15T10:03")
