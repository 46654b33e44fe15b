"""Times that are divided among the columns of their parts: year, month and day, year and week, years alone."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from data.sources.times.counts.day_counts import of_day_in_year, of_weeks
from data.sources.times.texts import month_of

PART_NAMES = {
    "year": ("year", "yyyy", "yr", "yy"),
    "month": ("month", "mo", "mon", "mm"),
    "quarter": ("quarter", "qtr", "qrt", "quartal"),
    "day in it": ("doy", "dayofyear", "day_of_year", "day of year", "yday"),
    "day": ("da", "dd", "dy", "day", "dom", "mday", "day_of_month", "dayofmonth"),
    "clock": ("hhmm", "hrmn"),
    "hour": ("hour", "hr", "hh", "hours"),
    "minute": ("minute", "min", "mi", "mn", "minutes", "mm"),
    "second": ("second", "sec", "ss", "seconds"),
}
# What the first columns of a table without names may be: of several that fit, the first.
UNNAMED = (
    ("year", "month", "day", "hour", "minute", "second"),
    ("year", "month", "day", "hour", "minute"),
    ("year", "month", "day", "hour"),  # of clocks as 730 nearly all are beyond 24
    ("year", "month", "day", "clock"),
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
LIMITS |= {"quarter": (1, 4)}
FEWEST_ROWS = 8
NO_YEAR = "seconds since the first row [s]"  # of times without a year; prep.start_utc gives its day
_QUARTER = re.compile(
    r"\s*(?:q(?:tr|uarter)?\.?\s*([1-4])|([1-4])(?:\.?\s*q(?:tr|uarter|uartal)?\.?|st|nd|rd|th))\s*", re.IGNORECASE
)
_TWO_YEARS = re.compile(r"\s*(?:FY\s*)?(\d{4})\s*[-/–]\s*(\d{2}|\d{4})\s*")  # 1920-21: a season, a fiscal year
_CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?")
_FISCAL_YEAR = re.compile(r"\s*FY\s*(\d{4})\s*", re.IGNORECASE)


def numbers_of(column: pd.Series, part: str) -> pd.Series:
    """The numbers of a part of times, float64: also of named months, quarters as `Q1`, years as `1920-21`; else NaN."""
    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    reader = {"month": month_of, "quarter": _quarter_of, "year": _year_of}.get(part)
    if reader is None or column.dtype.kind in "biufcmM" or numbers.notna().any():
        return numbers
    words = column.dropna().astype(str)
    return words.map({word: reader(word) for word in words.unique()}).reindex(column.index).astype(np.float64)


def _quarter_of(word: str) -> float:
    found = _QUARTER.fullmatch(word)
    return float(found[1] or found[2]) if found else np.nan


def _year_of(word: str) -> float:
    """The first year of a season as 1920-21 or 1920/1921, or a fiscal one as FY2020."""
    if fiscal := _FISCAL_YEAR.fullmatch(word):
        return float(fiscal[1])
    found = _TWO_YEARS.fullmatch(word)
    is_next = found and (int(found[1]) + 1) % 10 ** len(found[2]) == int(found[2])
    return float(found[1]) if found and is_next else np.nan


def of_parts(table: pd.DataFrame) -> tuple[pd.Series | None, dict[str, str]]:
    """Times of columns year, month and day (or year and the day in it), and as many of hour, minute and second as there
    are, by any of their names; or of years, years and months or quarters that go one way; or of the first columns of a
    table without names.
    """
    parts = _named_parts(list(table.columns))
    if "year" in parts and "day in it" in parts and "month" not in parts:
        parts.pop("day", None)
    elif not {"year", "month", "day"} <= parts.keys():
        found = _of_unnamed(table) or _of_weeks(table, parts)
        return found or (of_no_year(table, parts) if "year" not in parts else of_parts_of_years(table, parts))
    parts = _with_fitting_clock(table, {part: parts[part] for part in parts if _is_of(part, parts)})
    return _told(_moments(table, parts), parts)


def of_no_year(table: pd.DataFrame, parts: dict[str, str]) -> tuple[pd.Series | None, dict[str, str]]:
    """Seconds since the first row of columns month, day and hour (and minute ...) without a year, which go on, over the
    turn of a year too; None where they don't.
    """
    parts = _with_fitting_clock(table, {part: parts[part] for part in parts if _is_of(part, parts)})
    if not {"month", "day"} <= parts.keys() or not ({"hour", "clock"} & parts.keys()):
        return None, {}
    months, days = (numbers_of(table[parts[part]], part) for part in ("month", "day"))
    turns = np.cumsum(np.diff(months, prepend=months[:1]) <= -11)  # of the year
    leap = np.flatnonzero((months == 2) & (days == 29))
    year = pd.Series(turns + (2000 - turns[leap[0]] if len(leap) else 2001), table.index)
    moments = _moments(table.assign(**{NO_YEAR: year}), {"year": NO_YEAR} | parts)
    if moments.isna().any() or not (np.diff(moments.to_numpy()) > np.timedelta64(0, "ns")).all():
        return None, {}
    seconds = (moments - moments.iloc[0]).dt.total_seconds().rename(NO_YEAR)
    dated = "without a year: prep.start_utc is that of the first row"
    return seconds, {name: f"time, the {part} {dated}" for part, name in parts.items()}


def _is_of(part: str, parts: dict[str, str]) -> bool:
    """Whether a part tells of a date what the others don't."""
    return part != "quarter" and not (part == "day in it" and "month" in parts)


def _told(moments: pd.Series, parts: dict[str, str]) -> tuple[pd.Series, dict[str, str]]:
    notes = {name: f"time, the {part}" for part, name in parts.items()}
    return moments.rename("year ... " + list(parts.values())[-1]), notes


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
    numbers = {part: numbers_of(table[name], part) for part, name in parts.items()}
    if "quarter" in numbers:
        numbers["month"] = 3 * numbers["quarter"] - 2
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
    if (dated := _of_date_and_clock(table, columns)) is not None:
        return dated
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


def _of_date_and_clock(table: pd.DataFrame, columns: list[str]) -> tuple[pd.Series, dict[str, str]] | None:
    """Times of a year, month and day in the first columns, and a clock as 7:30 in the fourth; None of others."""
    parts: dict[str, str] = dict(zip(("year", "month", "day"), columns, strict=False))
    clock = table[columns[3]] if len(columns) > 4 else pd.Series(dtype=object)
    is_clock = clock.dtype.kind not in "biufcmM" and clock.astype("string").str.fullmatch(_CLOCK).all()
    if not is_clock or not len(clock) or not all(_is_whole_from(table[name], *LIMITS[p]) for p, name in parts.items()):
        return None
    passed = pd.to_timedelta(clock.astype("string").str.replace(r"^(\d+:\d+)$", r"\1:00", regex=True), errors="coerce")
    found = _moments(table, parts) + passed
    notes = {name: f"time, the {part}" for part, name in parts.items()} | {columns[3]: "time, the clock"}
    return (found.rename("year ... " + columns[3]), notes) if found.notna().all() else None


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


def of_panel(table: pd.DataFrame) -> tuple[pd.Series | None, dict[str, str]]:
    """Times of years, of years and months or quarters, that come again and again, as in tables of many countries."""
    return of_parts_of_years(table, _named_parts(list(table.columns)), _come_again)


def _come_again(times: pd.Series) -> bool:
    is_year = times.dtype.kind == "M" or _is_all_within(times, *LIMITS["year"])
    return is_year and bool(times.notna().all()) and 1 < times.nunique() < len(times)


def of_parts_of_years(
    table: pd.DataFrame, parts: dict[str, str], check: Callable[[pd.Series], bool] | None = None
) -> tuple[pd.Series | None, dict[str, str]]:
    """The times of columns of years and months, of years and quarters, or of years alone, and what is made of which
    column; None where there are none.

    check: of the times; without one they must go one way, later or earlier, from each row to the next.
    """
    check = check or _go_one_way
    for part in ("month", "quarter"):
        own = {name: parts[name] for name in ("year", part) if name in parts}
        if len(own) < 2 or not all(_is_all_within(numbers_of(table[name], p), *LIMITS[p]) for p, name in own.items()):
            continue
        if check(moments := _moments(table, own)):
            return _told(moments, own)
    name = parts.get("year")
    if name is None or len(table) < 2 or not check(years := numbers_of(table[name], "year")):
        return None, {}
    return years, {name: "time"}


def _go_one_way(times: pd.Series) -> bool:
    steps = np.diff(times.to_numpy())
    nothing = np.zeros(1, steps.dtype)
    return bool(len(steps) and ((steps > nothing).all() or (steps < nothing).all()))


def _is_all_within(numbers: pd.Series, least: float, most: float) -> bool:
    return bool(len(numbers) and (numbers % 1 == 0).all() and numbers.between(least, most).all())
