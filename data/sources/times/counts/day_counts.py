"""Numbers that count days or years of a calendar: Julian dates, those of spreadsheets and MATLAB, decimal years.

They are told by the name of their column, and of dates by their size; the numbers alone may be anything.
"""

import re

import numpy as np
import pandas as pd

# What 1970 is in each count of days, by names of columns.
DAYS_AT_1970 = {"jd": 2440587.5, "mjd": 40587.0, "datenum": 719529.0}
DAYS_AT_1970 |= dict.fromkeys(("julian_date", "julian_day", "julian date", "julian day"), DAYS_AT_1970["jd"])
# Julian dates by other names, as of light curves: of the Sun's centre, less what Kepler, TESS or the name takes off.
_JULIAN = re.compile(
    r"(?:time[ _])?(?P<which>h?mjd|[bh]?jd|b[tk]jd|rjd)(?:[ _]?(?:utc|tdb|tt|tcb))?[ _]?"
    r"(?:[-(+\s]*(?P<offset>\d{5,7}(?:\.\d+)?)\)?)?"
)
_JULIAN_OFFSETS = {"btjd": 2457000.0, "bkjd": 2454833.0, "rjd": 2400000.0, "mjd": 2400000.5, "hmjd": 2400000.5}
_FROM_1900_TO_2100 = (-2208988800.0, 4102444800.0)
YEARS = ("decimal_year", "dec_year", "decimal year", "year_decimal", "fractional_year", "year")
# Of columns whose name says date: days, the first and the last that are taken for them, and what 1970 is among them.
# Days of Excel end in 2040 and modified Julian days begin in 1998: so they can't be taken for each other.
_OF_DATES = {
    "days of Excel": (29221.0, 51136.0, 25569.0),
    "modified Julian days": (51137.0, 88069.0, DAYS_AT_1970["mjd"]),
    "days of MATLAB": (723181.0, 767011.0, DAYS_AT_1970["datenum"]),
    "Julian days": (2444239.0, 2488070.0, DAYS_AT_1970["jd"]),
}
DAYS_OF_1970 = tuple(dict.fromkeys(at_1970 for _, _, at_1970 in _OF_DATES.values()))
_LARGE = ("days of MATLAB", "Julian days")  # no clock that starts at 0 comes so far at a rate of a film
RARELY_A_RATE = 1e-3  # days, 86 s; as seconds it would be 1 kHz, hours after the start
RATES_HZ = (30, 60)  # of films, whose steps would be 48 and 24 minutes as days
OFF_WHOLE_S = 0.1  # of steps, which cells of five decimals round by less on average
FEWEST_STEPS = 10
PARTS_OF_YEAR = (1, 2, 4, 12, 26, 52, 365)
_ANY_TIME = ("time", "times", "date", "t", "ds", "timestamp", "period")  # names that say no unit
FEWEST_PARTS, MONTHS, WEEKS = 4, 12, 53
FIRST_OF_1900 = 70  # years of two digits from here on are of that century, as in dates
_NAME_OF_PARTS = re.compile(r"date|month|week|yyyymm|period|datum|fecha", re.IGNORECASE)
_DATES = re.compile(r"date|datum|fecha|data$|jour|tarih")  # in other languages too
DAY_S = 86400.0


def since_1970_s(numbers: np.ndarray, name: str) -> tuple[np.ndarray, str] | None:
    """Seconds since 1970 (N,) of the numbers of a column, and what they count; None where it is none of these."""
    name = name.strip().lower()
    known = numbers[np.isfinite(numbers)]
    if (at_1970 := day_at_1970(name)) is not None:
        seconds = (known - at_1970) * DAY_S
        if len(known) and _FROM_1900_TO_2100[0] <= seconds.min() and seconds.max() <= _FROM_1900_TO_2100[1]:
            return (numbers - at_1970) * DAY_S, name.upper()
    is_called_so = name in YEARS or ("date" in name and (known % 1).any())
    if len(known) and are_years(known) and (is_called_so or (name in _ANY_TIME and _go_on_in_years(known))):
        return seconds_of_years(numbers), "years"
    if name in ("year", "yr", "yy") and _are_of_two_digits(known):
        return seconds_of_years(numbers + np.where(numbers < FIRST_OF_1900, 2000, 1900)), "years of two digits"
    for what, (first, last, at_1970) in _OF_DATES.items() if len(known) else ():
        if (
            first <= known.min()
            and known.max() <= last
            and (_DATES.search(name) or "julian" in name or _go_on_in_seconds(known, name, what))
        ):
            return (numbers - at_1970) * DAY_S, what
    return None


def day_at_1970(name: str) -> float | None:
    """What 1970 is in the days that a column of a name counts, as `jd`, `BJD_TDB`, `HJD - 2450000`; None of others."""
    name = name.strip().lower()
    if name in DAYS_AT_1970:
        return DAYS_AT_1970[name]
    if not (found := _JULIAN.fullmatch(name)):
        return None
    return DAYS_AT_1970["jd"] - float(found["offset"] or _JULIAN_OFFSETS.get(found["which"], 0.0))


def are_years(numbers: np.ndarray) -> bool:
    """Whether numbers (N,) are years of our calendar."""
    return bool(numbers.min() >= 1500 and numbers.max() < 2300)


def _are_of_two_digits(numbers: np.ndarray) -> bool:
    """Whether whole numbers (N,) below 100 go on by one from 70 or later, through 99 to 0: 1, 2, 3 may be any years."""
    if len(numbers) < FEWEST_PARTS or (numbers % 1).any() or numbers[0] < FIRST_OF_1900 or numbers.max() > 99:
        return False
    return bool((numbers >= 0).all() and (np.diff(numbers) % 100 == 1).all())


def _go_on_in_years(numbers: np.ndarray) -> bool:
    """Whether numbers (N,) go on by a year, or a half, quarter, twelfth ... of one from its begin on, as R has it."""
    steps = np.diff(numbers)
    if len(steps) < FEWEST_STEPS:
        return False
    parts = round(1 / np.median(np.abs(steps))) if np.median(np.abs(steps)) > 0 else 0
    off = np.abs(numbers * parts - np.round(numbers * parts)).max() if parts in PARTS_OF_YEAR else 1.0
    return bool(off < 0.02 and (np.round(steps * parts) == 1).all())


def perhaps_years(numbers: np.ndarray, name: str) -> str:
    """What to say of times that begin in the thousands and go on by a twelfth, a 365th or so: parts of years; and of
    those whose name says year.
    """
    known = numbers[np.isfinite(numbers)]
    steps = np.diff(known)
    if name.strip().lower() in YEARS:
        return (
            f"taken as seconds, though its name says year: {known[0]:g} is no year of our calendar"
            if len(known)
            else ""
        )
    if not (len(steps) >= FEWEST_STEPS and are_years(known) and (known % 1).any() and 1e-5 < np.median(steps) < 0.5):
        return ""
    return (
        f"taken as seconds, {np.median(steps):.3g} from one to the next; a column called decimal_year is read as years"
    )


def _go_on_in_seconds(numbers: np.ndarray, name: str, what: str) -> bool:
    """Whether numbers that may be days go on by whole seconds, as parts of days do and other numbers do not.

    1/24 may be an hour or a frame of a film: so steps up to RARELY_A_RATE are enough of small numbers, and of all that
    are called a stamp, longer ones. 0.25 may be both.
    """
    steps = np.diff(numbers)
    steps = steps[steps > 0]
    if len(steps) < FEWEST_STEPS:
        return False
    usual = steps[steps < 1.5 * np.median(steps)].mean()
    longest = 1.0 if "stamp" in name or what in _LARGE else RARELY_A_RATE
    seconds, hundredths = usual * DAY_S, usual * 100
    is_even = abs(hundredths - round(hundredths)) < 1e-3 and round(hundredths) > 0
    is_rate = any(abs(usual * rate - 1) < 1e-4 for rate in RATES_HZ)
    is_whole = abs(seconds - round(seconds)) < min(1e-3 * seconds, OFF_WHOLE_S)
    return bool(usual < longest and not is_even and not is_rate and seconds > 0.999 and is_whole)


def seconds_of_years(years: np.ndarray) -> np.ndarray:
    """Seconds since 1970 (N,) of years with a fraction of their own length."""
    whole = np.floor(np.nan_to_num(years, nan=1970.0)).astype(int)
    begin, end = ((whole + n - 1970).astype("datetime64[Y]").astype("datetime64[s]").astype(float) for n in (0, 1))
    return np.round(begin + (years - whole) * (end - begin), 3)


def of_year_and_part(numbers: np.ndarray, name: str) -> np.ndarray | None:
    """Numbers (N,) as 202401 as the begin of a month, where they go on by one month and their name says date or month,
    or of a week of ISO 8601, where it says week: datetime64[us]; None where they are none.
    """
    known = numbers[np.isfinite(numbers)]
    if len(known) < FEWEST_PARTS or (known % 1).any() or not (_NAME_OF_PARTS.search(name) and are_years(known // 100)):
        return None
    years, parts = known // 100 - 1970, known % 100
    is_week = "week" in name.lower()
    if parts.min() < 1 or parts.max() > (WEEKS if is_week else MONTHS):
        return None
    dates = of_weeks(known // 100, parts) if is_week else (12 * years + parts - 1).astype(int).astype("datetime64[M]")
    steps = np.diff(dates.astype("datetime64[D]").astype(int))
    if (
        np.isnat(dates).any()
        or not (is_week or np.abs(np.diff(12 * years + parts)).max() == 1)
        or not (steps != 0).all()
    ):
        return None
    found = np.full(len(numbers), np.datetime64("NaT", "us"))
    found[np.isfinite(numbers)] = dates.astype("datetime64[us]")
    return found


def of_weeks(years: np.ndarray, weeks: np.ndarray) -> np.ndarray:
    """The Monday of each week of ISO 8601 (N,) datetime64[D]; NaT where the year has no such week."""
    years = np.asarray(years, int)
    fourth = (years - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(int) + 3  # always in week 1
    monday = fourth - (fourth + 3) % 7 + 7 * (np.asarray(weeks, int) - 1)  # 1970-01-01 was a Thursday
    thursday = (monday + 3).astype("datetime64[D]")
    is_within = thursday.astype("datetime64[Y]").astype(int) + 1970 == years
    return np.where(is_within, monday.astype("datetime64[D]"), np.datetime64("NaT", "D"))


def of_day_in_year(year: pd.Series, day: pd.Series) -> pd.Series:
    """The date of each day of a year, counted from 1; NaT where it has no such day."""
    years = pd.to_numeric(year, errors="coerce").astype("Int64").astype("string")
    first = pd.to_datetime(years, format="%Y", errors="coerce")
    date = first + pd.to_timedelta(pd.to_numeric(day, errors="coerce") - 1, unit="D")
    return date.where(date.dt.year == first.dt.year)
