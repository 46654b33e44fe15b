"""Counts of time that begin elsewhere than in 1970: ticks of .NET and Windows, seconds of LabVIEW, NTP and GPS."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

# Ticks of 100 ns: the first and the last that are taken for them (2000 to 2050), and what 1970 is among them. As ns
# since 1970 those of .NET would be of the first months of 1990.
_TICKS = {
    ".NET's ticks": (630_822_816_000_000_000, 646_602_048_000_000_000, 621_355_968_000_000_000),
    "Windows' file times": (125_911_584_000_000_000, 141_690_816_000_000_000, 116_444_736_000_000_000),
}
TICKS_PER_S = 10_000_000
# Other units than those of UNIX times, how many of them are a second, and what a name has to say.
_PARTS = (("tenths of a second", 10.0, ()), ("hundredths of a second", 100.0, ()), ("minutes", 1 / 60, ()))
_PARTS += (("hours", 1 / 3600, ("hour", "date")), ("days", 1 / 86400, ("day", "date")))
FROM_S, UNTIL_S = 9.46e8, 2.55e9  # 2000 to 2050
LONGEST_S = 4.1e9  # 130 years
# How far the years of other calendars are ahead of ours, and which of ours a table is of.
CALENDARS = {"Buddhist": 543, "Persian": -621, "Islamic": -579}
FROM_YEAR, UNTIL_YEAR = 1950, 2060
SINCE_FIT = "time, in seconds since 1989-12-31"
AT_FIT_S = 631_065_600  # 1989-12-31, as UNIX time
FROM_FIT_S, FIRST_FIT_S = 2**28, 1.4e9  # what is less has passed since a device was started; until 2034
FIRST_OF_OTHERS_S = 2.87e9  # as UNIX time of December 2060; as of 1904 of December 1994


def of_ticks(numbers: np.ndarray) -> tuple[np.ndarray, str] | None:
    """Seconds since 1970 (N,) of ticks, and whose they are; None where they are none."""
    known = numbers[np.isfinite(numbers)]
    for what, (first, last, at_1970) in _TICKS.items() if len(known) else ():
        if np.mean((known > first) & (known < last)) > 0.9:
            return (numbers - at_1970) / TICKS_PER_S, what
    return None


def other_zero(numbers: np.ndarray) -> str:
    """Why seconds are no UNIX time: they would lie decades ahead, and count from 1904 or 1900 as well; else ""."""
    known = numbers[np.isfinite(numbers)]
    if np.median(known) < FIRST_OF_OTHERS_S:
        return ""
    year = int(known.astype("datetime64[s]")[0].astype("datetime64[Y]").astype(int)) + 1970
    return (
        f"holds {known[0]:.10g}, which as UNIX time is of {year}; with prep.unix_time=false seconds count from "
        "prep.start_utc: 1904-01-01 of LabVIEW and old Macs, 1900-01-01 of NTP; prep.unix_time=true takes it as that"
    )


def of_garmin(names: Iterable[object], column: pd.Series) -> tuple[pd.Series, str]:
    """The numbers of a column as UNIX times where they are seconds since 1989-12-31, as FIT has them, and what to say
    of it; in tables with angles in its own unit alone, as a UNIX time of 2004 is one too.
    """
    if column.dtype.kind not in "iuf" or not any("semicircle" in str(name).lower() for name in names):
        return column, ""
    known = column.dropna()
    is_such = len(known) and known.between(FROM_FIT_S, FIRST_FIT_S).all()
    return (column + AT_FIT_S, SINCE_FIT) if is_such else (column, "")


def perhaps_since_1970(numbers: np.ndarray, name: str) -> str:
    """What to say of relative times that are too large for such, or of this century in other units; else ""."""
    known = numbers[np.isfinite(numbers)]
    for what, per_second, told in _PARTS:
        is_told = not told or any(word in name.lower() for word in told)
        if len(known) and is_told and known.min() > FROM_S * per_second and known.max() < UNTIL_S * per_second:
            day = (known[:1] / per_second).astype(np.int64).astype("datetime64[s]").astype("datetime64[D]")[0]
            return (
                f"taken as seconds from the first; as {what} since 1970 they would begin on {day}: then write UNIX time"
            )
    if len(known) and known.min() > LONGEST_S:
        return f"taken as seconds, at first {known[0] / 3.156e7:.0f} years; prep.time_unit says what they count"
    if "date" in name.lower():
        return (
            "taken as seconds, though its name says date: its numbers are no dates that are known; see prep.time_format"
        )
    return ""


def perhaps_gps(name: str) -> str:
    """What to say of a column whose name says GPS; else ""."""
    if "gps" not in name.lower():
        return ""
    return (
        "taken as UNIX time; if they count GPS's seconds: prep.unix_time=false with prep.start_utc=1980-01-06, which "
        "leaves its leap seconds (18 since 2017) in"
    )


def perhaps_of_2000(utc: np.ndarray | None, unit: str) -> str:
    """What to say of UNIX times (N,) in parts of a second that end before 2000, when hardly a program counted so."""
    known = utc[~np.isnat(utc)] if utc is not None else np.empty(0, "datetime64[ms]")
    if not len(known) or known.max() >= np.datetime64("2000-01-01"):
        return ""
    return (
        f"taken as UNIX time in {unit}, of {str(known[0])[:10]}; if they count from another day, as Polar's from 2000: "
        f"prep.unix_time=false with prep.time_unit={unit} and prep.start_utc=2000-01-01"
    )


def perhaps_scale(scale: str) -> str:
    """What to say of seconds whose column names a scale without leap seconds."""
    return (
        f"taken as UNIX time, though their name says {scale.upper()}; seconds of that are counted from prep.start_utc "
        "with prep.unix_time=false (1958-01-01 of TAI), which leaves its leap seconds (37 since 2017) in"
    )


def other_calendar(utc: np.ndarray) -> str:
    """What to say of times (N,) datetime64, NaT unknown, most of whose years are rather those of another calendar."""
    known = np.sort(utc[~np.isnat(utc)])
    year = int(known[len(known) // 2].astype("datetime64[Y]").astype(int)) + 1970 if len(known) else FROM_YEAR
    names = [name for name, ahead in CALENDARS.items() if FROM_YEAR <= year - ahead <= UNTIL_YEAR]
    if FROM_YEAR <= year <= UNTIL_YEAR or not names:
        return ""
    return f"of {year}, as years of the {names[0]} calendar are; if they are such, write them in the Gregorian one"


def are_half_days(utc: np.ndarray) -> bool:
    """Whether times (N,) datetime64[us] are of clocks of 12 hours without am or pm: none before 1:00 or from 13:00 on,
    and one or more that fall from 12 to 1 within a day.
    """
    hours = utc[~np.isnat(utc)].astype("datetime64[h]").astype(np.int64)
    of_day = hours % 24
    if not len(hours) or of_day.min() < 1 or of_day.max() != 12:
        return False
    return bool(((of_day[:-1] == 12) & (np.diff(hours) == -11)).any())
