"""Times that are divided among the columns of their parts: year, month and day, year and week, years alone."""

import re

import numpy as np
import pandas as pd

from data.sources.times.counts.day_counts import of_day_in_year, of_weeks

PART_NAMES = {
    "year": ("year", "yyyy", "yr", "yy"),
    "month": ("month", "mo", "mon", "mm"),
    "day in it": ("doy", "dayofyear", "day_of_year", "day of year", "yday"),
    "day": ("da", "dd", "dy", "day", "dom", "mday"),
    "clock": ("hhmm", "hrmn"),
    "hour": ("hour", "hr", "hh", "hours"),
    "minute": ("minute", "min", "mi", "mn", "minutes", "mm"),
    "second": ("second", "sec", "ss", "seconds"),
}
# What the first columns of a table without names may be: of several that fit, the first.
UNNAMED = (
    ("year", "month", "day", "hour", "minute", "second"),
    ("year", "month", "day", "hour", "minute"),
    ("year", "month", "day", "clock"),
    ("year", "month", "day", "hour"),
    ("year", "day in it", "hour", "minute"),
    ("year", "day in it", "hour"),
    ("year", "month", "day"),
    ("year", "month"),
    ("year", "day in it"),
)
LIMITS = {"year": (1700, 2100), "month": (1, 12), "day in it": (1, 366), "day": (1, 31), "clock": (0, 2359)}
WEEKS = (
    "week",
    "weeknumber",
    "week_number",
    "week_no",
    "weeknr",
    "isoweek",
    "iso_week",
    "calendar_week",
    "kalenderwoche",
)
WEEKDAYS = ("weekday", "isoweekday", "day_of_week", "dayofweek", "dow")
LIMITS |= {"week": (1, 53)}
LIMITS |= {"hour": (0, 24), "minute": (0, 59), "second": (0, 60)}
FEWEST_ROWS = 8


def of_parts(table: pd.DataFrame) -> tuple[pd.Series | None, dict[str, str]]:
    """Times of columns year, month and day (or year and the day in it), and as many of hour, minute and second as there
    are, by any of their names; or of years alone that rise, of years and months; or of the first columns of a table
    without names.
    """
    parts = _named_parts(list(table.columns))
    if "year" in parts and "day in it" in parts and "month" not in parts:
        parts.pop("day", None)
    elif {"year", "month"} <= parts.keys() and "day" not in parts and _go_round(table[parts["month"]]):
        parts = {part: parts[part] for part in ("year", "month")}
    elif not {"year", "month", "day"} <= parts.keys():
        return _of_unnamed(table) or _of_weeks(table, parts) or _of_years(table, parts.get("year"))
    else:
        parts.pop("day in it", None)
    parts = _with_fitting_clock(table, parts)
    found = _moments(table, parts)
    notes = {name: f"time, the {part}" for part, name in parts.items()}
    return found.rename("year ... " + list(parts.values())[-1]), notes


def _named_parts(columns: list[str]) -> dict[str, str]:
    """The column of each part of a time, of several names that fit the first; MM may be months and then minutes."""
    left = [(re.sub(r"\s*[(\[].*", "", str(name).lower().strip("_ #")), name) for name in columns]
    parts = {}
    for part, known in PART_NAMES.items():
        found = next((pair for word in known for pair in left if pair[0] == word), None)
        if found is not None:
            parts[part] = found[1]
            left.remove(found)
    return parts


def _with_fitting_clock(table: pd.DataFrame, parts: dict[str, str]) -> dict[str, str]:
    """The parts without those of a clock that are none, as a lowest value is no minute."""
    if "clock" in parts and "hour" not in parts and _are_digits_of_clock(table[parts["clock"]]):
        return {part: name for part, name in parts.items() if part not in ("minute", "second")}
    parts = {part: name for part, name in parts.items() if part != "clock"}
    for before, part, most in (("day", "hour", 24), ("hour", "minute", 59), ("minute", "second", 60)):
        is_after = before in parts or (before == "day" and "day in it" in parts)
        if part in parts and not (is_after and _is_between(table[parts[part]], most)):
            del parts[part]
    return parts


def _is_between(column: pd.Series, most: int) -> bool:
    numbers = pd.to_numeric(column, errors="coerce").dropna()
    return bool(len(numbers) and numbers.between(0, most).all())


def _are_digits_of_clock(column: pd.Series) -> bool:
    numbers = pd.to_numeric(column, errors="coerce").dropna()
    return bool(
        len(numbers) and (numbers % 1 == 0).all() and numbers.between(0, 2400).all() and (numbers % 100 < 60).all()
    )


def _moments(table: pd.DataFrame, parts: dict[str, str]) -> pd.Series:
    """Times of the parts of a date and clock; hour 24 is the next day's 0."""
    numbers = {part: pd.to_numeric(table[name], errors="coerce") for part, name in parts.items()}
    year = numbers["year"]
    year = year.where(~year.between(0, 99), year + np.where(year < 70, 2000, 1900))
    if "day in it" in numbers:
        date = of_day_in_year(year, numbers["day in it"])
    else:
        date = pd.to_datetime(
            pd.DataFrame({"year": year, "month": numbers["month"], "day": numbers.get("day", 1)}), errors="coerce"
        )
    if "clock" in numbers:
        numbers |= {"hour": numbers["clock"] // 100, "minute": numbers["clock"] % 100}
    for part, seconds in (("hour", 3600), ("minute", 60), ("second", 1)):
        if part in numbers:
            date = date + pd.to_timedelta(numbers[part] * seconds, unit="s")
    return date


def _of_unnamed(table: pd.DataFrame) -> tuple[pd.Series, dict[str, str]] | None:
    """Times of the first columns of a table without names, where they can be the parts of rising times alone."""
    columns = list(table.columns)
    if len(table) < FEWEST_ROWS or columns[:2] != ["column_0", "column_1"]:
        return None
    for order in UNNAMED:
        parts = dict(zip(order, columns, strict=False))
        if len(parts) < len(order) or len(columns) <= len(order):
            continue
        if not all(_is_whole_from(table[name], *LIMITS[part]) for part, name in parts.items()):
            continue
        if order == ("year", "month") and not _go_round(table[parts["month"]]):
            continue
        found = _moments(table, parts)
        if found.notna().all() and (np.diff(found.to_numpy()) > np.timedelta64(0, "ns")).all():
            notes = {name: f"time, the {part}" for part, name in parts.items()}
            return found.rename("year ... " + list(parts.values())[-1]), notes
    return None


def _go_round(months: pd.Series) -> bool:
    """Whether months go on by one, from 12 to 1: days of a year end later."""
    steps = np.diff(pd.to_numeric(months, errors="coerce"))
    return bool(np.isin(steps, [1, -11]).all() and (steps == -11).any())


def _is_whole_from(column: pd.Series, least: int, most: int) -> bool:
    return column.dtype.kind in "iu" and bool(column.between(least, most).all())


def _of_weeks(table: pd.DataFrame, parts: dict[str, str]) -> tuple[pd.Series, dict[str, str]] | None:
    """The Mondays of rising columns of years and weeks of ISO 8601, or the days of the week of a column beside them."""
    names = {str(name).lower().strip("_ "): name for name in reversed(table.columns)}
    week, day = (next((names[known] for known in some if known in names), None) for some in (WEEKS, WEEKDAYS))
    year = parts.get("year")
    if (
        year is None
        or week is None
        or not all(_is_whole_from(table[name], *LIMITS[k]) for name, k in ((year, "year"), (week, "week")))
    ):
        return None
    dates = of_weeks(table[year].to_numpy(), table[week].to_numpy())
    notes = {year: "time, the year", week: "time, the week"}
    if day is not None and _is_whole_from(table[day], 1, 7):
        dates, notes = (
            dates + (table[day].to_numpy() - 1).astype("timedelta64[D]"),
            notes | {day: "time, the day of the week"},
        )
    if np.isnat(dates).any() or not (np.diff(dates) > np.timedelta64(0, "D")).all():
        return None
    return pd.Series(dates.astype("datetime64[us]"), table.index, name=f"{year} {week}"), notes


def _of_years(table: pd.DataFrame, name: str | None) -> tuple[pd.Series | None, dict[str, str]]:
    """The times of a column of years, where these rise from row to row."""
    years = pd.to_numeric(table[name], errors="coerce") if name is not None else pd.Series(dtype=float)
    if name is None or len(years) < 2 or not (years.diff().iloc[1:] > 0).all():
        return None, {}
    return years, {name: "time"}
