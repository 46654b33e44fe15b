"""Columns that tell the time of their rows once more, as year, hour or another clock: they are no variables."""

import re

import numpy as np
import pandas as pd

from data.sources.times.counts.day_counts import DAY_S, DAYS_OF_1970, are_years, seconds_of_years
from data.sources.times.counts.elapsed import elapsed_s
from data.sources.times.divided import is_text
from data.sources.times.numbers import PER_SECOND, epoch_unit
from data.sources.times.parts import PART_NAMES, WEEKDAYS

HOURS_OFF = range(-14, 15)  # of any zone
MOST_APART_S, MONTH_S = 86400.0, 31 * 86400.0  # of two clocks of one row; of decimal years, which may be of its middle
FEWEST_UNLIKE = 4  # numbers of another clock; a few may lie near the times by chance
FIRST_DATE, LAST_DATE = 16780101, 22610101
MOST_ROUNDED_S, ROUNDED, MOST_DRIFT = 1.0, 0.02, 1e-3  # of whole seconds beside fractions; of what passed in all
_NAMES_TIME = re.compile(
    r"time|elapsed|duration|clock|uptime|(?:^|[^a-z])(?:s|ms|us|secs?|seconds?|min|minutes?|hours?|days?)(?:[^a-z]|$)",
    re.IGNORECASE,
)
_MILLISECONDS = re.compile(r"ms|msec|milli(?:s|tm|seconds?)?", re.IGNORECASE)
_PART_OF_SECOND = re.compile(r"^(.*?)[._ ]?(?:nsecs?|nanosecs?|nanoseconds?)$", re.IGNORECASE)
_PARTS = {
    word: part for part, words in PART_NAMES.items() for word in words if word not in ("mm", "mi", "mn", "da", "mo")
}
_PARTS |= dict.fromkeys(WEEKDAYS, "weekday")


def clocks_again(table: pd.DataFrame, known: dict[str, str], utc: np.ndarray | None) -> dict[str, str]:
    """Columns whose numbers follow from the times (N,) of their rows, with what they are, but the known ones."""
    if utc is None or np.isnat(utc).all():
        return {}
    times, found = pd.DatetimeIndex(utc), {}
    for name in table.columns:
        if name not in known and _NAMES_TIME.search(str(name)) and is_text(table[name]):
            passed = elapsed_s(table[name].astype("string").str.strip(), str(name).lower(), True)
            if passed is not None and _passes_with(passed, times):
                found[name] = "left out: what has passed since a start"
        if name in known or table[name].dtype.kind not in "iuf" or not table[name].notna().any():
            continue
        part = _PARTS.get(str(name).lower().strip("_ "))
        if part and _is_part(table[name], times, part):
            found[name] = f"left out: the {part.replace(' in it', ' of the year')} of its times"
        elif _is_clock(table[name].to_numpy(np.float64), times):
            found[name] = "left out: another clock of its rows"
        elif _NAMES_TIME.search(str(name)) and _passes_with(table[name].to_numpy(np.float64), times):
            found[name] = "left out: what has passed since a start"
        elif _MILLISECONDS.fullmatch(str(name)) and (table[name].dropna() == 0).all():
            found[name] = "left out: parts of a second, all 0"
    clocks = {re.sub(r"[._ ]?(?:secs?|seconds?)$", "", str(name), flags=re.IGNORECASE) for name in found}
    for name in table.columns:
        if name not in known and (part := _PART_OF_SECOND.match(str(name))) and part[1] in clocks:
            found[name] = "left out: parts of a second of another clock"
    return found


def _is_part(column: pd.Series, times: pd.DatetimeIndex, part: str) -> bool:
    """Whether numbers are the year, hour ... of the times, in any zone."""
    numbers, known = column.to_numpy(np.float64), times.notna() & column.notna().to_numpy()
    numbers = numbers[known]
    for hours in HOURS_OFF if len(numbers) > 1 else ():
        local = times[known] + pd.Timedelta(hours=hours)
        if part == "clock":
            own = local.hour * 100 + local.minute
        elif part == "weekday":
            own = local.day_of_week
            if len(set(((numbers - own) % 7).tolist())) == 1:
                return True
        else:
            own = getattr(local, {"day in it": "day_of_year"}.get(part, part))
        if (own == numbers).all():
            return True
    return False


def _is_clock(numbers: np.ndarray, times: pd.DatetimeIndex) -> bool:
    """Whether numbers count from 1970, or are dates as 20240305, days or years of a calendar, as the times do."""
    seconds = np.where(times.notna(), times.as_unit("ms").asi8 / 1000, np.nan)
    if unit := epoch_unit(numbers):
        return _are_near(numbers / PER_SECOND[unit], seconds, MOST_APART_S)
    return _are_dates(numbers, times) or _are_of_calendar(numbers, seconds)


def _passes_with(numbers: np.ndarray, times: pd.DatetimeIndex) -> bool:
    """Whether numbers count what has passed between the times since a start, in one of the units of time."""
    known = np.isfinite(numbers) & times.notna()
    if known.sum() < FEWEST_UNLIKE:
        return False
    passed, own = times[known].as_unit("ms").asi8 / 1000, numbers[known]
    span = np.ptp(passed)
    most = max(min(MOST_ROUNDED_S, ROUNDED * span), MOST_DRIFT * span)
    return bool(span) and any(np.ptp(own / per_s - passed) <= most for per_s in PER_SECOND.values())


def _are_of_calendar(numbers: np.ndarray, seconds: np.ndarray) -> bool:
    """Whether numbers (N,) are decimal years, or days as Excel, MATLAB or astronomers count them, of their rows' times
    in seconds since 1970.
    """
    known = numbers[np.isfinite(numbers)]
    if len(np.unique(known)) < FEWEST_UNLIKE:
        return False
    if are_years(known):
        return bool((known % 1).any()) and _are_near(seconds_of_years(numbers), seconds, MONTH_S)
    return any(_are_near((numbers - day) * DAY_S, seconds, MOST_APART_S) for day in DAYS_OF_1970)


def _are_near(found: np.ndarray, seconds: np.ndarray, most_s: float) -> bool:
    apart = np.abs(found - seconds)
    return bool((apart[np.isfinite(apart)] <= most_s).all())


def _are_dates(numbers: np.ndarray, times: pd.DatetimeIndex) -> bool:
    known = np.isfinite(numbers) & times.notna()
    found = numbers[known]
    if len(found) and found.min() > FIRST_DATE * 10**4:  # with hours and minutes, or seconds too
        found = found // (10**6 if found.min() > FIRST_DATE * 10**6 else 10**4)
    if not len(found) or (found % 1).any() or found.min() < FIRST_DATE or found.max() > LAST_DATE:
        return False
    dates = pd.to_datetime(pd.Series(found.astype(np.int64)).astype(str), format="%Y%m%d", errors="coerce")
    apart = np.abs(dates.to_numpy() - times[known].normalize().to_numpy())
    return bool(dates.notna().all() and (apart <= np.timedelta64(1, "D")).all())
