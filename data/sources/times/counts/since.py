"""Numbers that count from a moment which their unit names, as CF has it: days since 2012-07-19 07:30:00."""

import re

import numpy as np
import pandas as pd

DAY_S = 86400
_UNIT_US = {"microsecond": 1, "millisecond": 1_000, "second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000}
_UNIT_US |= {"day": 86_400_000_000}
_SHORT = {"us": "microsecond", "microsec": "microsecond", "ms": "millisecond", "msec": "millisecond", "s": "second"}
_SHORT |= {"sec": "second", "min": "minute", "h": "hour", "hr": "hour", "d": "day", "millisec": "millisecond"}
_SINCE = re.compile(
    r"^\s*(?P<unit>[A-Za-z]+)\s+since\s+(?P<year>\d{1,4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:[T\s]+(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}(?:\.\d*)?))?)?"
    r"\s*(?P<zone>Z|UTC|GMT|0{1,2}:00|(?P<sign>[+-])(?P<zone_h>\d{1,2}):?(?P<zone_min>\d{2})?)?\s*$"
)
_DAY_AS = re.compile(r"\s*day as %Y%m%d(?:\.%f)?\s*$")  # of CDO: 20240305.5 is noon
CALENDARS = ("", "standard", "gregorian", "proleptic_gregorian")  # alike since 1582
LATEST_US = 2**62


def since_its_unit(numbers: np.ndarray, unit: str, calendar: str = "") -> np.ndarray | None:
    """UTC (N,) datetime64[us], NaT unknown, of numbers (N,) that count from the moment in their unit; None without one.

    calendar: by CF; times of years without leap days are no UTC, and so none.
    """
    if _DAY_AS.match(unit):
        return _of_dates(numbers)
    found = _SINCE.match(unit)
    if not found or calendar.lower() not in CALENDARS:
        return None
    name = found["unit"].lower()
    unit_us = _UNIT_US.get(_SHORT.get(name, name.removesuffix("s")))
    moment = _moment(found)
    if unit_us is None or np.isnat(moment):
        return None
    whole, known = numbers.astype(np.float64), np.isfinite(numbers)
    known &= np.abs(np.where(known, whole, 0)) * unit_us < LATEST_US
    utc = np.full(len(numbers), np.datetime64("NaT", "us"))
    if numbers.dtype.kind in "iu":  # exact, where a float is not
        later_us = numbers[known].astype(np.int64) * unit_us
    else:
        later_us = np.rint(whole[known] * unit_us).astype(np.int64)
    utc[known] = moment + later_us.astype("timedelta64[us]")
    return utc


def _of_dates(numbers: np.ndarray) -> np.ndarray:
    """UTC (N,) datetime64[us], NaT unknown, of dates in digits with the part of their day behind the point."""
    known, utc = np.isfinite(numbers), np.full(len(numbers), np.datetime64("NaT", "us"))
    days = pd.to_datetime(pd.Series(numbers[known] // 1).astype("int64").astype(str), format="%Y%m%d", errors="coerce")
    passed = np.rint(numbers[known] % 1 * DAY_S).astype("int64").astype("timedelta64[s]")
    utc[known] = days.to_numpy().astype("datetime64[us]") + passed
    return utc


def _moment(found: re.Match) -> np.datetime64:
    """The moment that is counted from, NaT where there is no such day or clock."""
    try:
        date = np.datetime64(f"{int(found['year']):04d}-{int(found['month']):02d}-{int(found['day']):02d}", "us")
    except ValueError:
        return np.datetime64("NaT", "us")
    minutes = 60 * int(found["hour"] or 0) + int(found["minute"] or 0)
    ahead = (60 * int(found["zone_h"] or 0) + int(found["zone_min"] or 0)) * (-1 if found["sign"] == "-" else 1)
    microseconds = round(float(found["second"] or 0) * 1e6)
    return date + np.timedelta64(minutes - ahead, "m") + np.timedelta64(microseconds, "us")
