"""Which columns of a table hold its times: by name, by what their cells look like, or divided among several."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times.cells import UNIT_IN_NAME, epoch_unit
from data.sources.times.day_counts import DAYS_AT_1970, YEARS, of_day_in_year
from data.sources.times.texts import CLOCK_ALONE, looks_like_time

TIME_COLUMNS = ("time_utc", "date_obs", "utc", "time", "timestamp", "date")
SERIES_TIME_COLUMNS = (
    *TIME_COLUMNS,
    "datetime",
    "date_time",
    "time_s",
    "seconds",
    "unix_time",
    "unixtime",
    "unix_timestamp",
    *DAYS_AT_1970,
    *YEARS[:-1],
    "x_value",
)
SERIES_TIME_COLUMNS += ("unix", "epoch", "ts", "t", "ds", "elapsed", "elapsed_time")
PARTS = ("year", "month", "day", "hour", "minute", "second")
DAYS_IN_YEAR = ("doy", "dayofyear", "day_of_year", "day of year", "yday")
LOOKED_AT = 200  # cells of a column, from everywhere in it


def time_column(table: pd.DataFrame, prep: PrepConfig) -> tuple[pd.Series | None, dict[str, str]]:
    """The cells of a table that hold its times, None where none do, and what was made of which column."""
    if prep.time_column is not None:
        name = chosen(table, prep.time_column, (), "prep.time_column")
        return table[name], {str(name): "time"}
    if not table.shape[1]:
        return None, {}
    name = known_column(table) or _by_type(table) or _by_cells(table)
    if name is None:
        return _of_parts(table)
    divided = _divided(table, name)
    return divided if divided else (table[name], {name: "time"})


def chosen(table: pd.DataFrame, given: str | None, known: Sequence[str], key: str) -> str | None:
    """The column that the settings name, else the first of the known names in any case, else None."""
    if given is not None:
        plain = {" ".join(str(name).split()): name for name in reversed(table.columns)}
        if given not in table.columns and " ".join(given.split()) not in plain:
            raise TableError(f"{key} {given!r} is not among its columns {list(table.columns)[:20]}")
        return given if given in table.columns else plain[" ".join(given.split())]
    lower = {str(name).lower(): name for name in reversed(table.columns)}
    return next((lower[name] for name in known if name in lower), None)


def spread(column: pd.Series) -> list[str]:
    """Cells from everywhere in a column, as text, without the empty ones."""
    places = np.unique(np.linspace(0, len(column) - 1, min(LOOKED_AT, len(column))).astype(int))
    return [str(cell).strip() for cell in column.iloc[places].dropna()]


def is_text(column: pd.Series) -> bool:
    return column.dtype.kind not in "biufcmM"


def known_column(table: pd.DataFrame) -> str | None:
    """The column of a known name, with a unit behind it or without."""
    names = {str(name).lower().strip("_ "): name for name in reversed(table.columns)}
    plain = {UNIT_IN_NAME.sub("", name).strip(): column for name, column in names.items()} | names
    return next((plain[known] for known in SERIES_TIME_COLUMNS if known in plain), None)


def _by_type(table: pd.DataFrame) -> str | None:
    return next((name for name in table.columns if table[name].dtype.kind == "M"), None)


def _by_cells(table: pd.DataFrame) -> str | None:
    """The first column whose texts are times, or the first of all where its numbers count from 1970 and rise."""
    for name in table.columns:
        cells = spread(table[name]) if is_text(table[name]) else []
        if cells and sum(map(looks_like_time, cells)) > 0.9 * len(cells):
            return name
    first = table.columns[0]
    if table[first].dtype.kind in "iuf" and len(table) > 1:
        numbers = table[first].to_numpy(np.float64)
        if epoch_unit(numbers) and (np.diff(numbers) > 0).mean() > 0.9:
            return first
    return None


def _divided(table: pd.DataFrame, name: str) -> tuple[pd.Series, dict[str, str]] | None:
    """Date and clock of two columns as one, where `name` holds one of both and another column the other."""
    if not is_text(table[name]):
        return None
    others = [other for other in table.columns if other != name and is_text(table[other])]
    if _all(table[name], _is_clock):
        date, clock = next((other for other in others if _all(table[other], _is_date)), None), name
    elif _all(table[name], _is_date):
        date, clock = name, next((other for other in others if _all(table[other], _is_clock)), None)
    else:
        return None
    if date is None or clock is None:
        return None
    text = table[date].astype("string").str.strip() + " " + table[clock].astype("string").str.strip()
    return text.rename(f"{date} {clock}"), {date: "time, the date", clock: "time, the clock"}


def _all(column: pd.Series, check) -> bool:
    cells = spread(column)
    return bool(cells) and sum(map(check, cells)) > 0.9 * len(cells)


def _is_clock(cell: str) -> bool:
    return bool(CLOCK_ALONE.fullmatch(cell))


def _is_date(cell: str) -> bool:
    return ":" not in cell and looks_like_time(cell)


def _of_parts(table: pd.DataFrame) -> tuple[pd.Series | None, dict[str, str]]:
    """Times of columns year, month and day (or year and the day in it), and as many of hour, minute and second as there
    are; or of years alone that rise.
    """
    lower = {str(name).lower(): name for name in reversed(table.columns)}
    day_in_year = next((lower[name] for name in DAYS_IN_YEAR if name in lower), None)
    if "year" in lower and day_in_year is not None and "month" not in lower:
        date = of_day_in_year(table[lower["year"]], table[day_in_year])
        cells = {"year": date.dt.year, "month": date.dt.month, "day": date.dt.day}
        parts = {"year": lower["year"], "day in it": day_in_year}
    elif {"year", "month", "day"} <= lower.keys():
        cells, parts = {}, {part: lower[part] for part in PARTS[:3]}
    else:
        return _of_years(table, lower.get("year"))
    clock = {part: lower[part] for part in PARTS[3:] if part in lower}
    cells = {part: table[name] for part, name in (parts | clock).items() if part in PARTS} | cells
    parts |= clock
    found = pd.to_datetime(pd.DataFrame(cells), errors="coerce")
    return found.rename("year ... " + list(parts.values())[-1]), {
        name: f"time, the {part}" for part, name in parts.items()
    }


def _of_years(table: pd.DataFrame, name: str | None) -> tuple[pd.Series | None, dict[str, str]]:
    """The times of a column of years, where these rise from row to row."""
    years = pd.to_numeric(table[name], errors="coerce") if name is not None else pd.Series(dtype=float)
    if name is None or len(years) < 2 or not (years.diff().iloc[1:] > 0).all():
        return None, {}
    return years, {name: "time"}
