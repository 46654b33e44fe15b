"""Time that has passed since a start, as stopwatches and spreadsheets write it: 25:00:00, 1.02:00:00, 03:07.5, 5 ms."""

import re

import numpy as np
import pandas as pd

from data.units import UNITS

_FORM = re.compile(
    r"^(?P<sign>-)?(?:(?P<day>\d+)(?:\.|\s*d(?:ays?)?,?\s*\+?))?(?:(?P<hour>\d+):)?(?P<minute>\d+):"
    r"(?P<second>\d\d(?:[.,]\d+)?)$"
)
_NAMES = re.compile(
    r"elapsed|duration|since|runtime|run[ _]time|stopwatch|dauer|laufzeit|lap[ _]?time|t\+", re.IGNORECASE
)
# Names of what lasts, and is no time of a row.
LASTS = re.compile(
    r"delta|duration|elapsed|dauer|durée|pace|\blap|split|uptime|runtime|run[ _]time|latency|moving[ _]time|zeitdauer"
    r"|cycle[ _]time|response[ _]time",
    re.IGNORECASE,
)
_PARTS_S = {"day": 86400.0, "hour": 3600.0, "minute": 60.0, "second": 1.0}
_WITH_UNIT = re.compile(r"\s*([-+]?\d+(?:[.,]\d+)?)\s*([a-zµμ]+)\s*", re.IGNORECASE)  # 0.5 sec
LOOKED_AT, DAY_S = 1000, 86400.0


def elapsed_s(text: pd.Series, name: str, has_day: bool) -> np.ndarray | None:
    """Seconds (N,), NaN unreadable, of cells that are times passed and no clocks of a day; None where they may be such.

    They are where an hour is beyond 24, days stand before it, or minutes with parts of a second have no hour; where the
    column is called so; or where the first one is 0 and no day is given (has_day), so that they count from there
    whatever they are.
    """
    known = text.dropna()
    some = known.iloc[:: max(1, len(known) // LOOKED_AT)]
    if len(known) and some.str.fullmatch(_WITH_UNIT).mean() > 0.9 and (counted := _counted_s(text)) is not None:
        return counted
    if not len(known) or some.str.match(_FORM).mean() <= 0.9:
        return None
    parts = text.str.extract(_FORM)
    day, hour, minute, second = (
        pd.to_numeric(parts[part].str.replace(",", ".", regex=False)).to_numpy(np.float64, na_value=np.nan)
        for part in ("day", "hour", "minute", "second")
    )
    is_read, has_day_or_hour = np.isfinite(second), np.isfinite(day) | np.isfinite(hour)
    if not has_day_or_hour.any() and not parts["second"].str.len().gt(2).any():
        return None  # 10:30 is rather a clock
    seconds = 60 * minute + second + 3600 * np.nan_to_num(hour) + DAY_S * np.nan_to_num(day)
    seconds = np.where(parts["sign"].notna(), -seconds, seconds)
    is_beyond = np.isfinite(day) | (np.nan_to_num(seconds) > DAY_S)
    starts_at_0 = seconds[is_read][0] == 0 and not has_day
    is_passed = is_beyond.any() or not has_day_or_hour.any() or starts_at_0 or _NAMES.search(name)
    return seconds if is_passed else None


def lasted_s(column: pd.Series) -> np.ndarray | None:
    """Seconds (N,), NaN unreadable, of a column that is called something that lasts, as `pace`, and holds 4:05 or
    1:02:03; None of others.
    """
    if not LASTS.search(str(column.name or "")):
        return None
    text = column.astype("string").str.strip()
    seconds = _in_minutes_s(text)
    is_read = np.isfinite(seconds).sum() > 0.5 * text.notna().sum()
    return seconds if is_read else None


def stopped_s(column: pd.Series) -> np.ndarray | None:
    """Seconds (N,), NaN missing, of a column of seconds below 60, and minutes with them from there on, as stopwatches
    write 59.9 and 1:00.1; None of others.
    """
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan).copy()
    others = column.notna().to_numpy() & ~np.isfinite(numbers)
    if not others.any() or not np.isfinite(numbers).any() or not 0 <= np.nanmin(numbers) <= np.nanmax(numbers) < 60:
        return None
    longer = _in_minutes_s(column[others].astype("string").str.strip())
    if not (longer >= 60).all():
        return None
    numbers[others] = longer
    return numbers


def _in_minutes_s(text: pd.Series) -> np.ndarray:
    """Seconds (N,) of 4:05 or 1:02:03, NaN of what is otherwise."""
    parts = text.str.extract(_FORM)
    numbers = {part: pd.to_numeric(parts[part].str.replace(",", ".", regex=False)) for part in _PARTS_S}
    seconds = sum((numbers[part].fillna(0) * factor for part, factor in _PARTS_S.items()), pd.Series(0.0, text.index))
    seconds = seconds.where(parts["second"].notna()) * np.where(parts["sign"].notna(), -1, 1)
    return seconds.to_numpy(np.float64, na_value=np.nan)


def _counted_s(text: pd.Series) -> np.ndarray | None:
    """Seconds (N,) of numbers with a unit of time behind each; None where one is none."""
    parts = text.str.extract(rf"^{_WITH_UNIT.pattern}$", flags=re.IGNORECASE)
    factors = {unit: factor for unit, (kind, factor) in UNITS.items() if kind == "s"}
    if not parts[1].dropna().isin(factors.keys()).all():
        return None
    numbers = pd.to_numeric(parts[0].str.replace(",", ".", regex=False), errors="coerce")
    return (numbers * parts[1].map(factors)).to_numpy(np.float64, na_value=np.nan)
