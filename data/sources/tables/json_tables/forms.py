"""Tables in the JSON that services answer with: Prometheus, Home Assistant, InfluxDB, SWPC, Open-Meteo, and plain ones.

Whatever the service, it is one of a few forms: rows as objects; rows as lists below one with names, or beside names of
columns; columns by name; a list of such for each series.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from zoneinfo import available_timezones

import pandas as pd

from data.sources.base import TableError
from data.sources.tables.json_tables.nested import (
    holds_lists,
    holds_times_as_names,
    table_within,
    tell_rows,
    with_numbered_parts,
)
from data.sources.tables.json_tables.senml import of_senml, packs_of
from data.sources.times.column import KNOWN_NAMES

NO_FORM = (
    "its JSON is neither a list of records, nor columns by their names, nor an answer of Prometheus, InfluxDB, "
    "Home Assistant, or SWPC that is known"
)
FEWEST_ROWS = 2
_NAMES_ZONE = re.compile(r"time[ _]?zone$", re.IGNORECASE)


def table_of(value: Any) -> pd.DataFrame:
    """Raises TableError for another form."""
    try:
        table = _of_known_form(value)
    except TableError as error:
        if str(error) != NO_FORM or (table := table_within(value)) is None:
            raise
        return _with_zone(table, value)
    inner = table_within(value) if holds_lists(table) else None
    return _with_zone(table if inner is None else inner, value)


def _with_zone(table: pd.DataFrame, value: Any) -> pd.DataFrame:
    """A table with a column of the zone that is told once beside it, or in a record of its own there, as a place."""
    parts = [value, *(part for part in value.values() if isinstance(part, dict))] if isinstance(value, dict) else []
    told = [zone for part in parts for name, zone in part.items() if _NAMES_ZONE.search(str(name))]
    zones = {zone for zone in told if isinstance(zone, str) and zone in available_timezones()}
    if len(zones) != 1 or any(_NAMES_ZONE.search(str(name)) or name == "utc_offset" for name in table.columns):
        return table
    return table.assign(timezone=zones.pop())


def _of_known_form(value: Any) -> pd.DataFrame:
    if records := packs_of(value):
        return of_senml(records)
    if isinstance(value, list):
        return _of_list(value)
    if not isinstance(value, dict):
        raise TableError(NO_FORM)
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        return _with_rows(pd.DataFrame(value["data"], columns=value["columns"], index=value.get("index")))
    if "status" in value and isinstance(value.get("data"), dict):
        return _of_prometheus(value["data"])
    if isinstance(value.get("results"), list):
        return _of_influx(value["results"])
    if (arrays := _arrays_by_name(value)) is not None:
        return arrays
    rows = [part for part in value.values() if isinstance(part, dict) and tell_rows(part)]
    if len(rows) == 1 and len(value) > 1 and all(isinstance(row, dict) for row in rows[0].values()):
        return _with_rows(pd.DataFrame.from_dict(rows[0], orient="index"))  # beside what is told of them
    if value and all(isinstance(column, dict) for column in value.values()):
        are_rows = tell_rows(value) and not any(map(tell_rows, value.values()))
        return _with_rows(pd.DataFrame.from_dict(value, orient="index") if are_rows else pd.DataFrame(value))
    return _of_columns(value)


def _of_list(value: list) -> pd.DataFrame:
    """Records; lists of records, one for each sensor; or rows below a row of names."""
    if value and all(isinstance(part, list) for part in value):
        if all(isinstance(row, dict) for part in value for row in part):
            return pd.json_normalize([row for part in _whole(value) for row in part])
        if len(value) > FEWEST_ROWS and all(isinstance(name, str) for name in value[0]):
            if any(len(row) != len(value[0]) for row in value):
                raise TableError("its JSON has rows of other lengths than the first, which holds the names")
            return pd.DataFrame(value[1:], columns=value[0])
        raise TableError(NO_FORM)
    if len(value) >= FEWEST_ROWS and all(isinstance(v, int | float) or v is None for v in value):
        return pd.DataFrame({"value": value})
    if not all(isinstance(row, dict) for row in value):
        raise TableError(NO_FORM)
    if value and all(map(holds_times_as_names, value)):
        raise TableError(NO_FORM)  # a series in each (OpenTSDB)
    return with_numbered_parts(pd.json_normalize(value))


def _whole(parts: list[list[dict]]) -> Iterator[list[dict]]:
    """The records of each sensor with its name, which Home Assistant may write into the first one alone."""
    for part in parts:
        known = {key: part[0][key] for key in ("entity_id",) if part and key in part[0]}
        yield [known | row for row in part]


def _of_prometheus(data: dict) -> pd.DataFrame:
    """Rows of time, metric and value of an answer to query_range. Raises TableError for one of a moment alone."""
    if data.get("resultType") != "matrix":
        kind = data.get("resultType")
        raise TableError(f"its answer of Prometheus is a {kind}, of one moment; ask query_range, whose is a matrix")
    rows = [
        {"time": time, "metric": metric_name(series.get("metric", {})), "value": number}
        for series in data.get("result", [])
        for time, number in series.get("values", [])
    ]
    if not rows:
        raise TableError("its answer of Prometheus holds no values")
    names = {row["metric"] for row in rows}
    if len(names) == 1:
        return pd.DataFrame([{"time": row["time"], row["metric"]: row["value"]} for row in rows])
    return pd.DataFrame(rows)


def metric_name(labels: dict[str, str]) -> str:
    """As a metric is written: name{a="x",b="y"}, labels in the order of the alphabet."""
    told = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()) if key != "__name__")
    return f"{labels.get('__name__', '')}{{{told}}}" if told else labels.get("__name__", "value")


def _of_influx(results: list) -> pd.DataFrame:
    """The columns of each series of answers of InfluxDB 1, told apart by its tags."""
    found = [series for result in results if isinstance(result, dict) for series in result.get("series", [])]
    if not found or any("columns" not in series or "values" not in series for series in found):
        raise TableError("its answer of InfluxDB holds no series")
    tables = [pd.DataFrame(series["values"], columns=series["columns"]) for series in found]
    if len(found) == 1:
        return tables[0]
    names = [metric_name({"__name__": series.get("name", "")} | series.get("tags", {})) for series in found]
    if len({tuple(table.columns) for table in tables}) == 1:
        rows = [table.assign(series=name) for table, name in zip(tables, names, strict=True)]
        return pd.concat(rows, ignore_index=True)
    raise TableError(
        f"its answer of InfluxDB holds series of other columns ({', '.join(names[:3])}); ask for one of them"
    )


def _of_columns(value: dict) -> pd.DataFrame:
    """Columns by name, here or in the one part of it that holds the longest, as hourly beside hourly_units."""
    parts = {"": value} | {name: part for name, part in value.items() if isinstance(part, dict)}
    lengths = {name: Counter(len(c) for c in part.values() if isinstance(c, list)) for name, part in parts.items()}
    lengths = {name: counts for name, counts in lengths.items() if counts}
    if not lengths:
        records = [part for part in value.values() if _is_records(part)]
        if len(records) == 1:
            return pd.json_normalize(records[0])
        raise TableError(NO_FORM)
    name = max(lengths, key=lambda part: max(n * count for n, count in lengths[part].items()))
    counts = lengths[name]
    longest = max(counts, key=lambda n: (counts[n], n))
    columns = {key: c for key, c in parts[name].items() if isinstance(c, list) and len(c) == longest}
    if len(columns) == 1 and _is_records(next(iter(columns.values()))):
        return pd.json_normalize(next(iter(columns.values())))
    return pd.DataFrame(columns | _offset(value, columns))


def _arrays_by_name(value: dict) -> pd.DataFrame | None:
    """Columns that stand in a record each, beside what is told of them, one of them the times (Strava's streams); None
    of others.
    """
    arrays = {name: part["data"] for name, part in value.items() if isinstance(part, dict) and "data" in part}
    are_lists = all(isinstance(array, list) and len(array) >= FEWEST_ROWS for array in arrays.values())
    if len(arrays) < 2 or not are_lists or len(set(map(len, arrays.values()))) > 1 or not {*arrays} & KNOWN_NAMES:
        return None
    return pd.DataFrame(arrays)


def _offset(value: dict, columns: dict[str, list]) -> dict[str, list]:
    """The column of the offset that local times as text have, where it is told once."""
    texts = [cells for name, cells in columns.items() if name == "time" and all(isinstance(c, str) for c in cells)]
    offset_s = value.get("utc_offset_seconds")
    return {"utc_offset": [offset_s] * len(texts[0])} if texts and isinstance(offset_s, int) else {}


def _is_records(part: Any) -> bool:
    return isinstance(part, list) and len(part) >= FEWEST_ROWS and all(isinstance(row, dict) for row in part)


def _with_rows(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose names of rows, which may be times, are its first column."""
    rows = pd.Series(table.index)
    numbers = pd.to_numeric(rows, errors="coerce")
    found = table.reset_index(drop=True)
    if "index" not in found:
        found.insert(0, "index", numbers if numbers.notna().all() else rows)
    return found
