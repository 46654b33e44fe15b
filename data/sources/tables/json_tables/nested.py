"""Tables somewhere inside JSON: records, columns or pairs, one for each series, below what a service puts around."""

import json
import re
from ast import literal_eval
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import pandas as pd

from data.sources.base import TableError
from data.sources.times.numbers import epoch_unit
from data.sources.times.texts import looks_like_time

FEWEST_ROWS = 2
FEWEST_UNNAMED = 8  # rows of numbers without names or times, which a place or a box has too
MOST_RECORDS = 8  # in a cell, each of which is a sensor of its own
MOST_PARTS = 64  # of one cell, each of which becomes a column
DEEPEST = 12
LOOKED_AT = 50
_PRINTED = re.compile(r"\s*\[\s*[-+\d.enai]+(?:\s+[-+\d.enai]+)*\s*\]\s*")  # as NumPy has it: [1.  2.5]
# Two numbers or more in a cell, as the axes of a sensor; each has its fraction, as parts of dates and groups have none.
_FRACTION = re.compile(r"[-+]?\d+\.\d+(?:[eE][-+]?\d+)?")
_AXES = re.compile(rf"{_FRACTION.pattern}(?:(?:\s*[,;/|:]\s*|\s+){_FRACTION.pattern})+")
# 12MiB / 1.9GiB, of containers; blanks around the sign tell it from a date.
_WITH_UNIT = r"[-+]?\d+(?:\.\d+)?\s?[A-Za-zµ°%]{0,8}(?:/s)?"
_OF = re.compile(rf"{_WITH_UNIT}(?: / {_WITH_UNIT})+")
_NAMES = ("name", "target", "label", "metric", "id", "item_id", "key", "title", "variablename")
_TIMES = ("time", "timestamp", "date", "ts", "t", "datetime", "@timestamp", "timestamps", "times", "x")

Tables = list[tuple[str, pd.DataFrame]]


def table_within(value: Any) -> pd.DataFrame | None:
    """The table in a value: the one that is there, or those of several series below each other; None without any.

    Raises TableError for several that can't be put together.
    """
    found = list(_tables(value, "", DEEPEST))
    if any(map(_is_series, found)):  # what else is there, as the ranges of axes, is about them
        found = [one for one in found if _is_series(one)]
    if len(found) < 2:
        return found[0][1] if found else None
    names = ", ".join(name or "without a name" for name, _ in found[:4])
    if len({tuple(table.columns) for _, table in found}) > 1:
        raise TableError(f"its JSON holds {len(found)} tables of unlike columns ({names}); write one of them alone")
    if not any(map(_is_called_time, found[0][1].columns)):
        raise TableError(f"its JSON holds {len(found)} series without times ({names}); write a row for each sample")
    labels = [name or str(number) for number, (name, _) in enumerate(found)]
    if len(set(labels)) < len(labels):
        labels = [f"{name} {number}" for number, name in enumerate(labels)]
    return pd.concat([table.assign(series=label) for label, (_, table) in zip(labels, found, strict=True)])


def _is_series(found: tuple[str, pd.DataFrame]) -> bool:
    return len(found[1]) >= FEWEST_UNNAMED and any(_is_called_time(name) for name in found[1].columns)


def _is_called_time(name: object) -> bool:
    return str(name).lower().rsplit(".", 1)[-1] in _TIMES


def tell_rows(names: dict) -> bool:
    """Whether names are those of rows: times, or numbers."""
    return len(names) >= FEWEST_ROWS and all(name.lstrip("-").isdecimal() or looks_like_time(name) for name in names)


def holds_times_as_names(row: dict) -> bool:
    """Whether a part of a record has times as its names, with a value for each."""
    return any(isinstance(part, dict) and tell_rows(part) for part in row.values())


def with_numbered_parts(table: pd.DataFrame) -> pd.DataFrame:
    """A table of records with times whose cells are lists of a few records, as many in each row: the values of each by
    their place, as `conditions[0].temp`; others as they are.
    """
    has_times = any(_is_called_time(name) and _are_times(table[name]) for name in table.columns)
    if not has_times or len(table) < FEWEST_UNNAMED:
        return table
    for name in [name for name in table.columns if table[name].dtype == object]:
        counts = {len(cell) if _are_records(cell) else 0 for cell in table[name]}
        if len(counts) == 1 and 0 < (count := counts.pop()) <= MOST_RECORDS:
            parts = [pd.json_normalize([cell[n] for cell in table[name]]) for n in range(count)]
            parts = [part.add_prefix(f"{name}[{n}].").set_index(table.index) for n, part in enumerate(parts)]
            table = pd.concat([table.drop(columns=name), *parts], axis=1)
    return table


def _are_records(cell: Any) -> bool:
    return isinstance(cell, list) and all(isinstance(row, dict) for row in cell)


def with_plain_cells(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose cells are no lists: of equally many numbers as a column each, others as text.

    Raises TableError where each holds more numbers than the table has rows.
    """
    columns: dict[str, Any] = {}
    for name in table.columns:
        cells = table[name]
        if cells.dtype != object or not cells.map(_holds_more).any():
            columns[name] = cells
            continue
        known = [list(cell) if _holds_more(cell) and not isinstance(cell, dict) else None for cell in cells]
        widths = {len(cell) for cell in known if cell is not None}
        if (
            len(widths) == 1
            and 0 < (width := widths.pop()) <= MOST_PARTS
            and all(map(_are_numbers, filter(None, known)))
        ):
            if width > len(table):
                raise TableError(
                    f"cells of {name!r} hold {width} numbers each, a whole series; write a row for each sample"
                )
            rows = [cell or [None] * width for cell in known]
            columns |= {f"{name}[{n}]": pd.Series([row[n] for row in rows], table.index) for n in range(width)}
        else:
            columns[name] = cells.map(lambda cell: str(cell) if _holds_more(cell) else cell)
    return pd.DataFrame(columns, index=table.index)


def with_parsed_cells(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose texts that are JSON, or as Python and NumPy print such, are columns: of lists of equally many
    numbers one each, of records one for each name. Columns with other texts among them are as they were.
    """
    texts = [name for name, kind in table.dtypes.items() if kind.kind not in "biufcmM"]
    found = {name: parsed for name in texts if (parsed := _parsed(table[name])) is not None}
    columns: dict[str, Any] = {}
    table = _with_parts_of(table, [name for name in texts if name not in found])
    for name in table.columns if found else ():
        if (parsed := found.get(name)) is None:
            columns[name] = table[name]
        elif isinstance(parsed[0], dict):
            records = pd.json_normalize(parsed).set_index(table.index)
            columns |= {f"{name}.{key}": records[key] for key in records.columns}
        else:
            columns[name] = pd.Series([cell or None for cell in parsed], table.index, object)
    is_more = found and len(columns) <= table.shape[1] + MOST_PARTS
    return with_plain_cells(pd.DataFrame(columns, index=table.index)) if is_more else table


def _parsed(column: pd.Series) -> list | None:
    """The lists or records in the cells of a column, empty where these are; None of another one."""
    known = column.dropna()
    first = str(known.iloc[0]).lstrip()[:1] if len(known) else ""
    if _AXES.fullmatch(str(known.iloc[0]) if len(known) else ""):
        return _axes(column)
    kind = {"[": list, "{": dict}.get(first)
    if kind is None or not known.map(lambda cell: isinstance(cell, str)).all():
        return None
    values = [value_in(cell) if isinstance(cell, str) else kind() for cell in column]
    return values if all(isinstance(value, kind) for value in values) else None


def _with_parts_of(table: pd.DataFrame, texts: Sequence[Hashable]) -> pd.DataFrame:
    """A table whose texts as `12MiB / 1.9GiB` are a column for each of their parts, which keep their units."""
    columns: dict[str, Any] = {}
    for name in table.columns:
        cells = table[name].astype("string").str.strip() if name in texts else table[name]
        is_such = name in texts and cells.notna().any() and cells.dropna().str.fullmatch(_OF).all()
        counts = cells.dropna().str.count(" / ").unique() if is_such else []
        if len(counts) != 1:
            columns[name] = table[name]
            continue
        parts = cells.str.split(" / ", expand=True)
        columns |= {f"{name}[{n}]": parts[n] for n in range(parts.shape[1])}
    return pd.DataFrame(columns, index=table.index) if len(columns) > table.shape[1] else table


def _axes(column: pd.Series) -> list[list[float]] | None:
    """The numbers in cells that hold as many each, parted by one sign; None of others."""
    texts = column.astype("string").str.strip()
    are_such = texts.str.fullmatch(_AXES).fillna(True)
    counts = texts.dropna().str.count(_FRACTION.pattern)
    if not are_such.all() or counts.nunique() != 1:
        return None
    return [[float(part) for part in _FRACTION.findall(cell)] if isinstance(cell, str) else [] for cell in column]


def value_in(text: str) -> Any:
    """What a text is in JSON, or as Python or NumPy print it; None where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return [float(part) for part in text.strip()[1:-1].split()] if _PRINTED.fullmatch(text) else literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def holds_lists(table: pd.DataFrame) -> bool:
    """Whether cells of a table hold tables themselves: lists of records or rows, or longer than the table."""
    some, longest = table.head(LOOKED_AT), min(MOST_PARTS, len(table))
    return any(
        some[name].dtype == object
        and some[name].map(lambda cell: isinstance(cell, dict) or _is_long(cell, longest)).any()
        for name in some.columns
    )


def _is_long(cells: Any, longest: int) -> bool:
    return isinstance(cells, list) and (len(cells) > longest or (len(cells) > 0 and isinstance(cells[0], dict | list)))


def _tables(value: Any, name: str, depth: int) -> Iterator[tuple[str, pd.DataFrame]]:
    if depth == 0:
        return
    if isinstance(value, dict):
        if tell_rows(value) and all(map(_is_number, value.values())):
            yield name, pd.DataFrame({"time": [*value], "value": [*value.values()]})
            return
        columns = _columns(value)
        if columns is not None:
            yield _name_of(value) or name, columns
            return
        for key, part in value.items():
            yield from _tables(part, _name_of(value) or (name if _is_wrapper(str(key)) else str(key)), depth - 1)
    elif isinstance(value, list) and value:
        table = _of_rows(value)
        if table is not None:
            yield name, table
            return
        for part in value:
            yield from _tables(part, name, depth - 1)


def _is_wrapper(key: str) -> bool:
    """Whether a name says nothing of what is below it, as `data` does."""
    return key.lower() in (
        "data",
        "values",
        "value",
        "datapoints",
        "results",
        "result",
        "series",
        "timeseries",
        "frames",
    )


def _of_rows(value: list) -> pd.DataFrame | None:
    """Records of plain values, or rows of equally many; None for others."""
    if len(value) < FEWEST_ROWS:
        return None
    if all(isinstance(row, dict) for row in value):
        if all(map(holds_times_as_names, value)):
            return None
        table = pd.json_normalize(value)
        is_table = not holds_lists(table) and any(_is_number(cell) for row in value[:3] for cell in _leaves(row))
        return table if is_table else None
    if not all(isinstance(row, list) and len(row) == len(value[0]) >= 2 for row in value):
        return None
    if not all(cell is None or isinstance(cell, int | float | str) for row in value[:LOOKED_AT] for cell in row):
        return None
    table = pd.DataFrame(value)
    if len(value) < len(value[0]) and any(_are_times(pd.Series(row)) for row in value):
        table = pd.DataFrame(dict(enumerate(value)))  # columns one after the other
    elif not any(_is_number(cell) for cell in value[-1]):
        return None
    time = next((n for n in table.columns if _are_times(table[n])), None)
    if time is None and len(table) < FEWEST_UNNAMED:
        return None
    if table.shape[1] == 2 and time is not None:
        return table.set_axis(["time", "value"] if time == 0 else ["value", "time"], axis=1)
    return table.rename(columns=lambda n: "time" if n == time else f"column_{n}")


def _columns(value: dict) -> pd.DataFrame | None:
    """Columns by name, or of a list without names, of plain values and one length; None without any."""
    lists = {key: cells for key, cells in value.items() if isinstance(cells, list) and len(cells) >= FEWEST_ROWS}
    plain = {key: cells for key, cells in lists.items() if all(not isinstance(c, dict | list) for c in cells)}
    if plain and len({len(cells) for cells in plain.values()}) == 1 and any(map(_are_numbers, plain.values())):
        if len(plain) == 2 and any(key.lower() in _TIMES for key in plain):
            plain = {"time" if key.lower() in _TIMES else "value": cells for key, cells in plain.items()}
        return pd.DataFrame(plain)
    return None


def _name_of(value: dict) -> str:
    inner = {key: next(iter(p.values())) if isinstance(p, dict) and len(p) == 1 else p for key, p in value.items()}
    texts = {str(key).lower(): part for key, part in inner.items() if isinstance(part, str)}
    return next((texts[name] for name in _NAMES if texts.get(name)), "")


def _leaves(row: dict) -> Iterator[Any]:
    for cell in row.values():
        yield from _leaves(cell) if isinstance(cell, dict) else [cell]


def _is_number(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell.strip().replace(".", "", 1).removeprefix("-").isdecimal()
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _are_numbers(cells: list) -> bool:
    return all(cell is None or (isinstance(cell, int | float) or hasattr(cell, "dtype")) for cell in cells)


def _are_times(cells: pd.Series) -> bool:
    if cells.dtype.kind in "iuf":
        return bool(epoch_unit(cells.to_numpy("float64")))
    return bool(cells.dropna().astype(str).head(LOOKED_AT).map(looks_like_time).all())


def _holds_more(cell: Any) -> bool:
    return isinstance(cell, list | dict | tuple) or (hasattr(cell, "shape") and getattr(cell, "ndim", 0) > 0)
