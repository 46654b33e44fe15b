"""One series in whatever way loggers and spreadsheets write it is the same series, or it is said what to set."""

import logging
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.table import TableSource
from data.sources.times.column import time_column

N = 24
VALUES = {"Temp": [20.25 + 7 * i % 5 for i in range(N)], "Flow": [3.5 - 3 * i % 7 for i in range(N)]}


def since_1970(factor):
    return lambda t: [f"{round(t.replace(tzinfo=UTC).timestamp()) * factor}"]


TIMES = {  # the cells of a time
    "iso": lambda t: [f"{t:%Y-%m-%dT%H:%M:%SZ}"],
    "german": lambda t: [f"{t:%d.%m.%Y %H:%M:%S}"],
    "american": lambda t: [f"{t:%m/%d/%Y %I:%M:%S %p}"],
    "digits": lambda t: [f"{t:%Y%m%d%H%M%S}"],
    "apart": lambda t: [f"{t:%Y-%m-%d}", f"{t:%H:%M:%S}"],
    **{f"UNIX {factor}": since_1970(factor) for factor in (1, 10**3, 10**6, 10**9)},
}
TIME_NAMES = ["Time", "Zeitstempel", "Fecha y hora", "recorded_at", "Log Time", ""]
ABOVE = [
    "Logger Export",
    "",
    "Serial No{0}20334",
    "Firmware{0}V1.2{0}rev B",
    "Limit{0}85.0{0}Low{0}-3.0",
    "[Data]",
    "----",
]
ABOVE += ["Start{0}2024-03-05 10:00:00", '"Comment"{0}"first floor, left"', "Location{0}Hall 3{0}"]
DIALECT = st.fixed_dictionaries(
    {
        "signs": st.sampled_from([(",", "."), (";", ","), (";", "."), ("\t", "."), ("\t", ","), ("|", ".")]),
        "time": st.sampled_from(sorted(TIMES)),
        "time_name": st.sampled_from(TIME_NAMES),
        "step_s": st.sampled_from([1, 60, 86_400]),
        "above": st.lists(st.sampled_from(ABOVE), max_size=6),
        "units": st.sampled_from([None, "behind", ("degC", "kW"), ("m/s", "l/min"), ("bar", "l/h")]),
        "counter": st.sampled_from([None, None, "#", "No.", "Index", "n", ""]),
        "words": st.booleans(),
        "times_last": st.booleans(),
        "mark": st.sampled_from(["", "", "# "]),
        "quoted": st.booleans(),
        "ends": st.sampled_from(["", "rows", "all"]),  # in a separator
        "below": st.sampled_from([[], [""], ["Total"], ["// END"]]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    }
)


def columns_of(way):
    """Names, units and cells of the columns of a table that is written so, and the times (N,)."""
    times = [datetime(2024, 3, 15, 10) + timedelta(seconds=way["step_s"] * i) for i in range(N)]
    cells = list(zip(*map(TIMES[way["time"]], times), strict=True))
    time_names = [way["time_name"]] if len(cells) == 1 else ["Date", "Time"]
    clock = [(name, "", column) for name, column in zip(time_names, cells, strict=True)]
    units = way["units"] if isinstance(way["units"], tuple) else ("", "")
    behind = " [V]" if way["units"] == "behind" else ""
    values = [
        (name + behind, unit, [f"{value}".replace(".", way["signs"][1]) for value in column])
        for (name, column), unit in zip(VALUES.items(), units, strict=True)
    ]
    columns = values + clock if way["times_last"] else clock + values
    if way["counter"] is not None:
        columns.insert(0, (way["counter"], "", [f"{i + 1}" for i in range(N)]))
    return columns + ([("station", "", ["A12"] * N)] if way["words"] else []), times


def written(way):
    """The text of a table, and the times of its rows."""
    (names, units, cells), times = zip(*(found := columns_of(way))[0], strict=True), found[1]
    sign, end = way["signs"][0], way["signs"][0] if way["ends"] == "all" else ""

    def line(row):
        return sign.join(f'"{cell}"' if way["quoted"] or sign in cell else cell for cell in row)

    heads = [line([way["mark"] + names[0], *names[1:]]) + end, *([line(units) + end] if any(units) else [])]
    rows = [line(row) + (sign if way["ends"] else "") for row in zip(*cells, strict=True)]
    lines = [*(text.format(sign) for text in way["above"]), *heads, *rows, *way["below"]]
    return "\n".join(lines) + "\n", np.array(times, "datetime64[ms]")


@given(DIALECT)
@settings(max_examples=30, deadline=None)
def test_a_series_is_the_same_however_it_is_written(tmp_path_factory, way):
    text, times = written(way)
    path = tmp_path_factory.getbasetemp() / "dialect.csv"
    path.write_bytes(text.encode(way["encoding"]))
    told: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())
    logging.getLogger("reelwatch").addHandler(handler)
    try:
        found = TableSource().read_series(path, PrepConfig())
    except TableError as error:
        found, told = [], [str(error)]
    finally:
        logging.getLogger("reelwatch").removeHandler(handler)
    is_same = len(found) == 1 and is_right(found[0], times)
    assert is_same or any("prep." in line for line in told), (text, found, told)
    assert not (is_same and told), (text, told)


def is_right(series, times):
    if series.times_utc is None or series.values.shape[1] != len(VALUES):
        return False
    known = ~np.isnat(series.times_utc)
    names = all(name in channel for name, channel in zip(VALUES, series.channels, strict=True))
    same = np.array_equal(series.values[known], np.array(list(VALUES.values())).T)
    return names and same and np.array_equal(series.times_utc[known], times)


@pytest.mark.parametrize("name", ["Zeitstempel", "recorded", "x"])
@pytest.mark.parametrize("begin", [1_710_496_800, 20_240_315_100_000])
def test_the_only_column_that_counts_from_1970_is_the_time_by_any_name(name, begin):
    counts = [1_500_000_000 + 7 * i * i for i in range(N)]  # of bytes, which are as large
    times = [begin + i for i in range(N)]
    table = pd.DataFrame({"temp": [20.5, 21.5] * (N // 2), "bytes": counts, name: times})
    column, _ = time_column(table, PrepConfig())
    assert column is not None
    assert column.name == name
    assert time_column(table.assign(**{name: [*times[:-1], begin]}), PrepConfig())[0] is None
