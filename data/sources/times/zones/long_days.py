"""Days whose hours are counted by their ends, 1 to 24, and as they pass: the one with 25, when clocks are set back, and
the one with 23.
"""

import re

import numpy as np
import pandas as pd

HOUR = np.timedelta64(3600, "s")
ODD = (23, 25)  # hours of a day
_COUNTED = re.compile(r"^(?P<day>.*\d)\s+(?P<hour>\d{1,2}):00(?::00)?$")


def counted_hours(column: pd.Series) -> pd.DataFrame | None:
    """The `day` of texts as `2023-10-29 24:00` and the `hour` of it that ends then, on days with 23 and 25 of them as
    they pass: 25 is written so, or one before it comes twice. None of columns that have neither, and of others.
    """
    text = column.astype("string").str.strip()
    if not text.str.contains(r"\s2[45]:00(?::00)?$", na=False).any():
        return None
    found = text.str.extract(_COUNTED)
    if found["hour"].isna().any() or not (hours := found["hour"].astype(int)).between(1, 25).all():
        return None
    by_day = hours.groupby(found["day"])
    counts, firsts, lasts = (by_day.transform(what) for what in ("size", "first", "last"))
    is_odd = counts.isin(ODD) & (firsts == 1) & (lasts >= 23)
    return found.assign(hour=hours.mask(is_odd, by_day.cumcount() + 1)) if is_odd.any() else None


def by_clocks(days: np.ndarray, hours: np.ndarray, zone: str) -> np.ndarray:
    """Local times (N,) of hours (N,) of days (N,) datetime64[ms]: those of days with 25 or 23 of them as they pass."""
    most = pd.Series(hours).groupby(days).transform("max").to_numpy()
    passed = hours * HOUR
    return np.where(np.isin(most, ODD), on_long_days(days, passed, zone), days + passed)


def on_long_days(days: np.ndarray, passed: np.ndarray, zone: str | None) -> np.ndarray:
    """Local times (N,) datetime64[ms] of what has passed since midnights (N,), by the clocks of a zone: the hour that
    comes twice is there twice. Without a zone clocks go on all the time, and what is beyond 24 h has no time.
    """
    if zone is None:
        return np.where(passed < 24 * HOUR, days + passed, np.datetime64("NaT", "ms"))
    is_first = np.ones(len(days), bool)
    midnights = pd.DatetimeIndex(days).tz_localize(zone, ambiguous=is_first, nonexistent="shift_forward")
    return (midnights + pd.TimedeltaIndex(passed)).tz_localize(None).to_numpy().astype("datetime64[ms]")
