"""Tables of a row a day, whose columns are the clocks of its day, as those of smart meters: a row for each clock. A row
a year with its months likewise.
"""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.tables.forms.years import by_month
from data.sources.tables.text_table import TextTable
from data.sources.times.cells import times_of
from data.sources.times.column import is_text
from data.sources.times.divided import days_of
from data.sources.times.zones.long_days import on_long_days

PER_DAY = (24, 48, 96, 144, 288, 1440)
DAY_MIN = 1440
FEWEST_CLOCKS = 12
_CLOCK = re.compile(r"\D{0,6}?(\d{1,2})[:h](\d\d)(?::00)?\D{0,3}")
_CLOCK_IN_DIGITS = re.compile(r"(\d\d)(\d\d)")  # 0015 ... 2400
_PARTS = ("h", "hh", "hr", "hour", "hours", "he", "halfhour", "qh", "slot", "period", "interval", "stunde", "kw", "kwh")
_NUMBERED = re.compile(r"(\D*?)0*(\d+)")


def by_clock(read: TextTable, prep: PrepConfig) -> TextTable:
    """A table with a row for each clock of a day, or month of a year, where its columns are these; else the same.

    Clocks stand in the names (00:00, 00:30, ...), or the columns are numbered and divide the day (hh_0 ... hh_47).
    """
    table = read.table
    if prep.value_columns or prep.time_column:
        return read
    if of_year := by_month(table):
        return replace(read, table=of_year[0], told=(*read.told, of_year[1]))
    if table.shape[1] <= FEWEST_CLOCKS:
        return read
    minutes, told = _minutes_of(list(map(str, table.columns)))
    date = next((name for name in table.columns if name not in minutes and days_of(table[name]) is not None), None)
    if not minutes or date is None or not all(_may_be_value(table[name]) for name in minutes):
        return read
    others = [name for name in table.columns if name not in minutes and name != date]
    days = times_of(table[date], replace(prep, time_zone=None)).utc  # as they are written: the zone is looked at later
    if days is None:
        return read
    count = len(minutes)
    columns = {name: np.repeat(table[name].to_numpy(object), count) for name in others}
    passed = np.tile(np.array(list(minutes.values()), "timedelta64[m]"), len(table))
    values = table[list(minutes)].to_numpy(object).ravel()
    times, found = np.repeat(days, count) + passed, {**columns, "value": values}
    # Columns of the day with 25 hours, which are empty on all others.
    if count % 25 == 0 and count - count // 25 in PER_DAY:
        times, told = on_long_days(np.repeat(days, count), passed, prep.time_zone), f"{told}, 25 hours a day at most"
        is_there = pd.notna(values) | (passed < np.timedelta64(DAY_MIN - 60, "m"))
        times, found = times[is_there], {name: cells[is_there] for name, cells in found.items()}
    return replace(read, table=pd.DataFrame({"time": times, **found}).infer_objects(), told=(*read.told, told))


def _minutes_of(names: list[str]) -> tuple[dict[str, int], str]:
    """The minute of the day that each column of a clock begins at, and what was made of them; {} without any."""
    form = _CLOCK if sum(map(bool, map(_CLOCK.fullmatch, names))) >= FEWEST_CLOCKS else _CLOCK_IN_DIGITS
    clocks = {name: 60 * int(m[1]) + int(m[2]) for name in names if (m := form.fullmatch(name)) and int(m[2]) < 60}
    if len(clocks) >= FEWEST_CLOCKS:
        minutes = list(clocks.values())
        if minutes[-1] == 0 < minutes[0]:
            minutes[-1] = DAY_MIN  # 00:30 ... 23:30, 00:00: each is the end of its part
        is_day = form is _CLOCK or len(clocks) * (minutes[1] - minutes[0]) == DAY_MIN  # else years, names of sensors
        if is_day and len(set(np.diff(minutes))) == 1 and minutes[0] < minutes[1] and minutes[-1] <= DAY_MIN:
            return dict(zip(clocks, minutes, strict=True)), f"the day's {len(clocks)} columns, as {names[-1]}, as rows"
    numbered = [(name, m[1].lower(), int(m[2])) for name in names if (m := _NUMBERED.fullmatch(name))]
    for stem in dict.fromkeys(stem for _, stem, _ in numbered):
        columns = [(name, number) for name, own, number in numbered if own == stem and stem.strip("_ -.") in _PARTS]
        numbers = [number for _, number in columns]
        per_day = next((n for n in PER_DAY if len(columns) in (n, n + n // 24)), 0)
        if per_day and numbers[0] in (0, 1) and set(np.diff(numbers)) == {1}:
            step = DAY_MIN // per_day
            told = f"the day's {len(columns)} columns as rows, {columns[0][0]} from 00:00 on"
            return {name: i * step for i, (name, _) in enumerate(columns)}, told
    return {}, ""


def _may_be_value(cells: pd.Series) -> bool:
    return cells.dtype.kind in "iuf" or (is_text(cells) and bool(cells.astype("string").str.contains(r"\d").any()))
