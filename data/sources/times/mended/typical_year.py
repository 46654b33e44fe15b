"""Typical years, whose months are of many: TMY, EPW and the like. Put in order of time they would be torn apart."""

import numpy as np

DAY_S, YEAR_S = 86400.0, 365.25 * 86400
MOST_PARTS = 14  # months, of which a first and a last row may be of other years
LEAP_S, LATE_S = 300 * DAY_S, 1.6 * DAY_S  # from the end of a month on; a leap day and a zone off whole years
FEWEST = 300  # rows
A_TYPICAL_YEAR = "a typical year"


def as_one_year(utc: np.ndarray) -> tuple[np.ndarray, str] | None:
    """Times (N,) datetime64[ms] of months of several years as those of one, each behind the one before it, and what to
    say of it; None of others.

    Each month has to begin a step behind the end of the last but for whole years, at least one of them backwards.
    """
    known = np.flatnonzero(~np.isnat(utc))
    if len(known) < FEWEST:
        return None
    seconds = utc[known].astype("datetime64[ms]").astype(np.int64) / 1000
    steps = np.diff(seconds)
    step, leaps = float(np.median(steps)), np.flatnonzero(np.abs(steps) > LEAP_S)
    is_one = len(known) * step < (1 + 1.5 / 365) * YEAR_S  # two years in the wrong order are none
    if not (is_one and 0 < step <= DAY_S and 1 <= len(leaps) < MOST_PARTS and (steps[leaps] < 0).any()):
        return None
    off = steps[leaps] - step
    if (np.abs(off - YEAR_S * np.round(off / YEAR_S)) > LATE_S).any():
        return None
    others = np.delete(steps, leaps)
    if not np.allclose(others, step):
        return None
    begins = seconds[np.r_[0, leaps + 1]]
    year = _plain_year(begins.astype("datetime64[s]"), len(known) * step)
    first = _in_year(seconds[0], year)
    found = utc.copy()
    found[known] = np.round(1000 * (first + step * np.arange(len(known)))).astype(np.int64).astype("datetime64[ms]")
    years = len(set(begins.astype("datetime64[s]").astype("datetime64[Y]").tolist()))
    return found, f"{A_TYPICAL_YEAR}: its months are of {years} years, and are taken as one of {year}"


def _plain_year(begins: np.ndarray, span_s: float) -> int:
    """The first of the years that has as many days as there are, by a day or less."""
    years = begins.astype("datetime64[Y]").astype(int) + 1970
    is_long = span_s > 365.5 * DAY_S
    fits = [int(year) for year in years if _is_leap(int(year)) == is_long]
    return fits[0] if fits else 2000 if is_long else 2001


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _in_year(seconds: float, year: int) -> float:
    """The same day and clock of another year, as seconds since 1970."""
    moment = np.datetime64(round(1000 * seconds), "ms")
    own = moment.astype("datetime64[Y]")
    begin = np.datetime64(year - 1970, "Y")
    return float((begin.astype("datetime64[ms]") + (moment - own.astype("datetime64[ms]"))).astype(np.int64)) / 1000
