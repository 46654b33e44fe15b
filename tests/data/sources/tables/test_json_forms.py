"""JSON as services answer with it."""

import json

import numpy as np
import pandas as pd
import pytest

from config import PrepConfig
from data.sources import SOURCES
from data.sources.base import TableError
from data.sources.table import TableSource
from data.sources.tables.json_tables.forms import table_of

N = 30
TIMES = pd.date_range("2024-03-05T10:00", periods=N, freq="1min")
SECONDS = (TIMES - pd.Timestamp(0)).total_seconds().astype(int)
A, B = np.round(20 + np.sin(np.arange(N)), 3), np.round(5 + np.cos(np.arange(N)), 3)


def prometheus(kind: str = "matrix"):
    result = [
        {"metric": {"__name__": "up", "job": "x", "instance": name}, "values": [[int(s), str(v)] for s, v in rows]}
        for name, rows in (("a", zip(SECONDS, A, strict=True)), ("b", zip(SECONDS, B, strict=True)))
    ]
    return {"status": "success", "data": {"resultType": kind, "result": result}}


def home_assistant():
    return [
        [
            ({"entity_id": name} if i == 0 else {}) | {"state": str(v), "last_changed": f"{t.isoformat()}+00:00"}
            for i, (t, v) in enumerate(zip(TIMES, values, strict=True))
        ]
        for name, values in (("sensor.a", A), ("sensor.b", B))
    ]


def influx():
    rows = [[f"{t.isoformat()}Z", a, b] for t, a, b in zip(TIMES, A, B, strict=True)]
    return {"results": [{"statement_id": 0, "series": [{"name": "m", "columns": ["time", "a", "b"], "values": rows}]}]}


def influx_by_tag():
    series = [
        {"name": "m", "tags": {"host": host}, "columns": ["time", "v"], "values": [[int(s), v] for s, v in rows]}
        for host, rows in (("a", zip(SECONDS, A, strict=True)), ("b", zip(SECONDS, B, strict=True)))
    ]
    return {"results": [{"series": series}]}


def swpc():
    rows = [[f"{t:%Y-%m-%d %H:%M:%S}.000", str(a), str(b)] for t, a, b in zip(TIMES, A, B, strict=True)]
    return [["time_tag", "density", "speed"], *rows]


def open_meteo(offset_s: int = 3600):
    local = (TIMES + pd.Timedelta(seconds=offset_s)).strftime("%Y-%m-%dT%H:%M").tolist()
    about = {"latitude": 47.4, "utc_offset_seconds": offset_s, "hourly_units": {"time": "iso8601", "a": "C"}}
    return about | {"hourly": {"time": local, "a": A.tolist(), "b": B.tolist()}}


@pytest.mark.parametrize("answer", [prometheus, home_assistant, influx, influx_by_tag, swpc, open_meteo])
def test_what_services_answer_is_a_series_of_both_variables(tmp_path, answer):
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(answer()), encoding="utf-8")
    assert SOURCES["table"].takes(path)
    (series,) = TableSource().read_series(path, PrepConfig())
    assert len(series.channels) == 2
    np.testing.assert_array_equal(series.times_utc, TIMES.to_numpy().astype("datetime64[ms]"))
    np.testing.assert_allclose(series.values, np.stack([A, B], axis=1))


def test_names_of_metrics_are_those_that_follow_knows(tmp_path):
    found = set(table_of(prometheus())["metric"])
    assert found == {'up{instance="a",job="x"}', 'up{instance="b",job="x"}'}


@pytest.mark.parametrize("value", [3, "text", {}, {"a": 1}, [[1, 2], [3, 4]], [["a", "b"], [1]], {"results": [{}]}])
def test_other_json_is_refused(value):
    with pytest.raises(TableError):
        table_of(value)
    with pytest.raises(TableError, match="query_range"):
        table_of(prometheus("vector"))


EPOCH_MS = (TIMES.to_numpy().astype("datetime64[ms]").astype(int)).tolist()
ISO = [f"{time:%Y-%m-%dT%H:%M:%S}Z" for time in TIMES]


def pairs(values):
    return [[float(value), time] for value, time in zip(values, EPOCH_MS, strict=True)]


def records(values, time="ts", value="value"):
    return [{time: when, value: float(v)} for when, v in zip(EPOCH_MS, values, strict=True)]


# As Grafana (twice), ThingsBoard, CloudWatch (twice), Azure, USGS, Elasticsearch and GeoJSON have it.
NESTED = {
    "grafana": lambda: [{"target": name, "datapoints": pairs(v)} for name, v in (("a", A), ("b", B))],
    "grafana frames": lambda: {
        "results": {"A": {"frames": [{"data": {"values": [EPOCH_MS, A.tolist(), B.tolist()]}}]}}
    },
    "thingsboard": lambda: {"a": records(A), "b": records(B)},
    "cloudwatch": lambda: {
        "Label": "CPU",
        "Datapoints": [{"Timestamp": t, "a": a, "b": b} for t, a, b in zip(ISO, A, B, strict=True)],
    },
    "cloudwatch data": lambda: {
        "MetricDataResults": [{"Label": n, "Timestamps": ISO, "Values": v.tolist()} for n, v in (("a", A), ("b", B))]
    },
    "azure": lambda: {
        "timespan": "x",
        "value": [
            {"name": {"value": n}, "timeseries": [{"data": records(v, "timeStamp", "average")}]}
            for n, v in (("a", A), ("b", B))
        ],
    },
    "usgs": lambda: {
        "value": {
            "timeSeries": [{"name": n, "values": [{"value": records(v, "dateTime")}]} for n, v in (("a", A), ("b", B))]
        }
    },
    "elasticsearch": lambda: {
        "hits": {
            "total": 9,
            "hits": [{"_source": {"@timestamp": t, "a": a, "b": b}} for t, a, b in zip(ISO, A, B, strict=True)],
        }
    },
    "geojson": lambda: {
        "type": "FeatureCollection",
        "features": [{"properties": {"time": t, "a": a, "b": b}} for t, a, b in zip(EPOCH_MS, A, B, strict=True)],
    },
    "rows": lambda: [list(row) for row in zip(EPOCH_MS, A.tolist(), B.tolist(), strict=True)],
    "by time": lambda: {str(t): {"a": a, "b": b} for t, a, b in zip(EPOCH_MS, A, B, strict=True)},
    "lists in cells": lambda: [{"time": t, "ab": [a, b]} for t, a, b in zip(ISO, A, B, strict=True)],
}


@pytest.mark.parametrize("service", sorted(NESTED))
def test_tables_inside_are_found_whatever_is_around_them(tmp_path, service):
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(NESTED[service](), default=float), encoding="utf-8")
    assert SOURCES["table"].takes(path)
    (series,) = TableSource().read_series(path, PrepConfig())
    assert len(series.channels) == 2
    np.testing.assert_array_equal(series.times_utc, TIMES.to_numpy().astype("datetime64[ms]"))
    np.testing.assert_allclose(series.values, np.stack([A, B], axis=1))


def test_records_behind_each_other_are_rows_and_broken_ones_are_counted(tmp_path):
    lines = [json.dumps({"time": when, "a": float(a)}) for when, a in zip(ISO, A, strict=True)]
    for name, text in (
        ("x.json", "\n".join(lines)),
        ("x.jsonl", "\n".join([*lines[:2], "reboot", *lines[2:-1], lines[-1][:9]])),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert SOURCES["table"].takes(tmp_path / name)
        (series,) = TableSource().read_series(tmp_path / name, PrepConfig())
        assert len(series.values) + len(series.lost) == len(lines) + name.endswith("jsonl")
    assert [where for where, _ in series.lost] == ["line 3", f"line {len(lines) + 1}"]
    (tmp_path / "y.json").write_text(
        "\n".join(json.dumps(json.loads(line), indent=1) for line in lines), encoding="utf-8"
    )
    assert len(TableSource().read_series(tmp_path / "y.json", PrepConfig())[0].values) == len(lines)
    (tmp_path / "z.jsonl").write_text("no\nyes\n" + lines[0], encoding="utf-8")
    with pytest.raises(TableError, match="2 of its 3 lines are no records; line 1"):
        TableSource().read_series(tmp_path / "z.jsonl", PrepConfig())


@pytest.mark.parametrize(
    "value",
    [
        [{"start": "2012-07-19", "target": [1.0] * 60, "item_id": n} for n in "ab"],  # whole series in a cell
        {"a": {"v": [1, 2, 3, 4, 5]}, "b": {"w": [1, 2, 3, 4, 5], "x": [1, 2, 3, 4, 5]}},
    ],
)
def test_several_series_that_do_not_go_together_are_refused(value, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(TableError, match=r"whole series|unlike columns|without times"):
        TableSource().read_series(path, PrepConfig())
