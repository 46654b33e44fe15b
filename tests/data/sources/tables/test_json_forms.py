"""JSON as services answer with it."""

import json

import numpy as np
import pandas as pd
import pytest

from config import PrepConfig
from data.sources import SOURCES
from data.sources.base import TableError
from data.sources.table import TableSource
from data.sources.tables.json_forms import table_of

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
