"""Tables whose columns are times and whose rows are variables, as statistics are published: turned."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.base import TableError
from data.sources.tables.text_table import TextTable, unlike_names
from data.sources.times.cells import times_of
from data.sources.times.texts import MONTH_OF_YEAR, looks_like_time

FEWEST_TIMES = 8
# Also as the World Bank has it, 1960 [YR1960], and behind a word for it: year_1960.
_YEAR = re.compile(r"(?:(?:years?|yr|fy)[ _.]?)?((?:1[6-9]|20)\d\d)(?: \[YR\1\])?", re.IGNORECASE)


def by_time(read: TextTable, prep: PrepConfig) -> TextTable:
    """A table with a row for each time where its columns are rising times, or years, and a variable for each of its
    rows, called as its other cells are; else the same.
    """
    table = read.table
    if prep.time_column or prep.value_columns or table.shape[1] < FEWEST_TIMES or not len(table):
        return read
    heads = [str(name) for name in table.columns]
    if heads[0] == "column_0":  # a line of times was taken for a row
        heads, table = ["" if pd.isna(cell) else str(cell) for cell in table.iloc[0]], table.iloc[1:]
    places = _times_in(heads)
    if len(places) < max(FEWEST_TIMES, len(heads) / 2) or not len(table):
        return read
    above = [heads[place] for place in places]
    years = [year[1] for head in above if (year := _YEAR.fullmatch(head.strip()))]
    found = pd.to_datetime(years, format="%Y") if len(years) == len(above) else _moments(above, prep)
    if found is None or np.isnat(found).any() or not (np.diff(found) > np.timedelta64(0, "ms")).all():
        return read
    others = table.iloc[:, [place for place in range(len(heads)) if place not in places]]
    named = [" ".join(str(cell) for cell in row if not pd.isna(cell)) for row in others.to_numpy(object)]
    names = unlike_names([name or f"row {number + 1}" for number, name in enumerate(named)])
    values = table.iloc[:, places].to_numpy(object).T
    turned = pd.DataFrame(values, columns=names).apply(_numbers_if_all)
    turned.insert(0, "time", found)
    return replace(read, table=turned, told=(*read.told, f"its {len(above)} columns, as {above[0]}, are times: turned"))


def _numbers_if_all(cells: pd.Series) -> pd.Series:
    """Cells as numbers where all are some; else as they are, as 12.3 p of Eurostat is read later."""
    numbers = pd.to_numeric(cells, errors="coerce")
    return numbers if numbers.notna().sum() == cells.notna().sum() else cells


def _times_in(heads: list[str]) -> list[int]:
    """The places of the heads that are times, or years where these are all but a few."""
    are_times = [at for at, head in enumerate(heads) if looks_like_time(head) or MONTH_OF_YEAR.match(head)]
    return are_times or [at for at, head in enumerate(heads) if _YEAR.fullmatch(head.strip())]


def _moments(above: list[str], prep: PrepConfig) -> np.ndarray | None:
    try:
        return times_of(pd.Series(above, dtype=object), prep).utc
    except TableError:
        return None
