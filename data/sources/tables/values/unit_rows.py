"""Units that a table holds beside its numbers: in a row below the names, or in a column."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.tables.device_names import SENSOR_NAMES, plain_name
from data.sources.tables.forms.long_table import VALUE_NAMES
from data.sources.tables.lines.layout import MOST_HEADS, is_ruled
from data.sources.tables.text_table import TextTable
from data.sources.tables.values.cells import is_number, numbers_of
from data.sources.times.column import is_text, known_column
from data.sources.times.numbers import UNIT_IN_NAME
from data.sources.times.texts import looks_like_time
from data.units import in_unit, is_unit, may_be_unit, time_unit

UNIT_COLUMNS = ("unit", "units", "uom", "unit_of_measurement", "unit_of_measure", "engineering_units", "engunits")
UNIT_ROW = "holds the units of the columns, or words, and no value"
_IN_BRACKETS = re.compile(r"^[(\[]([^()\[\]]+)[)\]]$")  # as (ms)
RULED = "is a line drawn below the names"


def with_units(read: TextTable, prep: PrepConfig) -> TextTable:
    """A table whose units are known by its columns, or the sensors of its rows; rows of units are no rows of it."""
    return _of_a_column(_of_rows(read, prep), prep)


def unit_of(name: str, units: dict[str, str]) -> str:
    """The unit of a variable, of one device as `pump1 temp` too; "" of others."""
    return units.get(name) or next((unit for known, unit in units.items() if name.endswith(f" {known}")), "")


def _of_rows(read: TextTable, prep: PrepConfig) -> TextTable:
    """Without the rows right below its names that hold words alone, where one of them is a unit."""
    table = read.table
    if not any(is_text(table[name]) for name in table.columns):
        return read
    heads = []
    for row in table.head(MOST_HEADS).itertuples(index=False):
        cells = ["" if cell is None or cell is pd.NaT or cell != cell else str(cell).strip() for cell in row]
        if any(is_number(cell) or looks_like_time(cell) for cell in cells if cell):
            break
        heads.append([_IN_BRACKETS.sub(r"\1", cell) for cell in cells])
    known = [sum(map(may_be_unit, cells)) for cells in heads]
    if not any(known):
        heads = list(itertools.takewhile(is_ruled, heads))
    if not heads or len(heads) == len(table):
        return read
    row = dict(zip(table.columns, heads[int(np.argmax(known))], strict=True)) if any(known) else {}
    table = table.iloc[len(heads) :].reset_index(drop=True).apply(_as_numbers)
    time = known_column(table) or _first_rises_in_time(table, row)
    if row and time is not None and prep.time_column is None and not UNIT_IN_NAME.search(time.lower()):
        sign = time_unit(row[time])
        word = "" if known_column(table) else " time"
        table = table.rename(columns={time: f"{time}{word} ({sign})"} if sign else {})
    lost = tuple((f"line {number + 1} below the names", UNIT_ROW if row else RULED) for number in range(len(heads)))
    units = {name: unit for name, unit in row.items() if unit and name != time}
    return replace(read, table=table, lost=(*read.lost, *lost), units=units)


def _first_rises_in_time(table: pd.DataFrame, row: dict[str, str]) -> str | None:
    """The first column of a table, where its unit is one of time and its numbers always rise, as an axis of an
    oscilloscope does.
    """
    name = table.columns[0]
    rises = table[name].dtype.kind in "iuf" and (np.diff(table[name].dropna()) > 0).all()
    return str(name) if row and rises and time_unit(row[name]) else None


def _only_numbers(table: pd.DataFrame, unit: str | None) -> str | None:
    """The one column of numbers beside a column of units, and times by a known name, whatever it is called."""
    time = known_column(table) if unit else None
    numbers = [str(name) for name in table.columns if name != time and table[name].dtype.kind in "iuf"]
    return numbers[0] if time and len(numbers) == 1 else None


def _as_numbers(cells: pd.Series) -> pd.Series:
    """A column whose texts are all numbers, once the words above them are gone, as numbers."""
    cells = cells.infer_objects()
    if cells.dtype.kind in "mM":  # of a sheet; pandas would count their ticks
        return cells
    numbers = pd.to_numeric(cells, errors="coerce")
    return numbers if numbers.notna().sum() == cells.notna().sum() else cells


def _of_a_column(read: TextTable, prep: PrepConfig) -> TextTable:
    """With the values of every sensor in one unit, where a column says that of each row; that column is gone then.

    A sensor in units that have nothing in common is one of each. The first unit of a sensor decides, as tables that
    grow begin with the same rows.
    """
    table = read.table
    names = {plain_name(name): str(name) for name in reversed(table.columns)}
    unit, value, sensor = (
        next((names[known] for known in some if known in names), None)
        for some in (UNIT_COLUMNS, VALUE_NAMES, SENSOR_NAMES)
    )
    value = value or _only_numbers(table, unit)
    if unit is None or value is None or sensor == value or unit in prep.value_columns or not is_text(table[unit]):
        return read
    words = table[unit].astype("string").str.strip().fillna("")
    owners = table[sensor].astype("string") if sensor else pd.Series(value, table.index, dtype="string")
    met = pd.DataFrame({"owner": owners, "unit": words})[words != ""].drop_duplicates()
    if not any(map(is_unit, met["unit"])):
        return read
    first = met.drop_duplicates("owner").set_index("owner")["unit"]
    ways = {pair: in_unit(pair[1], first[pair[0]]) for pair in met.itertuples(index=False, name=None)}
    apart = {pair for pair, way in ways.items() if way is None}
    if apart and sensor is None:
        return read
    numbers = numbers_of(table[value], prep.decimal or read.decimal).values
    units = {str(owner): str(one) for owner, one in first.items()}
    told = []
    for owner, one in (pair for pair in ways if pair[1] != first[pair[0]]):
        rows = ((owners == owner) & (words == one)).fillna(False).to_numpy(bool)
        if (way := ways[owner, one]) is None:
            owners[rows], units[f"{owner} in {one}"] = f"{owner} in {one}", str(one)
            told.append(f"{owner} in {one} is a variable of its own")
        else:
            numbers[rows] = way[0] * numbers[rows] + way[1]
            told.append(f"{owner}: {rows.sum()} values in {one}, converted to {first[owner]}")
    changed = {value: numbers} if told else {}
    changed |= {sensor: owners} if apart and sensor else {}
    return replace(
        read,
        table=table.assign(**changed).drop(columns=unit),
        units={**read.units, **units},
        told=(*read.told, *told),
    )
