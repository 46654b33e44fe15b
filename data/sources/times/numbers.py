"""Numbers as times: since 1970 in whatever unit, days, years, dates without separators, or what has passed."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times.counts.day_counts import of_year_and_part, perhaps_years, since_1970_s
from data.sources.times.counts.other_zeros import of_ticks, other_zero, perhaps_gps, perhaps_of_2000, perhaps_since_1970
from data.sources.times.found import LATEST_S, Times, relative, utc_times

TAKEN_AS_YEARS = "taken as years; prep.time_unit=s if they are seconds"
PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9, "min": 1 / 60, "h": 1 / 3600, "d": 1 / 86400}
EPOCH_UNITS = ("s", "ms", "us", "ns")
EPOCH_S = (3.15e8, 4.1e9)  # 1980 to 2099: numbers of this size count from 1970, in whatever unit
FROM_2000_S = 946684800
DAYS_OF_A_CALENDAR = 20000  # in 2024 all usual counts of days are beyond
MIXED_SPAN_S = 3.2e8  # ten years: what is farther apart in changing units was no UNIX time
DAY_S = 86400
LONGEST_US = 1e7  # steps that may be microseconds: ten seconds
IF_US = "prep.time_unit=us if they are microseconds"
# A column of times by its own name: `Time (ms)`, `timestamp_ns`, `elapsed [s]`.
UNIT_IN_NAME = re.compile(
    r"(?:^|[\s_.(\[-])(ns|nanos(?:ec|econds?)?|us|µs|micros(?:ec|econds?)?|ms|msec|millis(?:ec|econds?)?|s|sec|secs|seconds"
    r"|min|minutes|h|hours|d|days)[)\]]?$"
)
_BEGINS = {"n": "ns", "us": "us", "µ": "us", "mic": "us", "ms": "ms", "mil": "ms", "s": "s", "min": "min"}
_BEGINS |= {"h": "h", "d": "d"}
_COMPACT = {
    7: "%Y%j",
    8: "%Y%m%d",
    10: "%Y%m%d%H",
    12: "%Y%m%d%H%M",
    14: "%Y%m%d%H%M%S",
}  # digits of a date and clock without separators
_NAME_OF_HOURS = re.compile("date|datum|fecha|mmddhh")  # 2024030510 is UNIX time of 2034 otherwise
_NAME_OF_DAYS = re.compile("date|day|doy|ddd|datum|fecha")


def unit_of(name: str) -> str:
    """The unit of time that the name of a column ends with, a key of PER_SECOND; "" where it has none."""
    found = UNIT_IN_NAME.search(name.strip().lower())
    return next(sign for begin, sign in _BEGINS.items() if found[1].startswith(begin)) if found else ""


def epoch_unit(numbers: np.ndarray) -> str:
    """The unit in which nearly all of the numbers lie between 1980 and 2099 when they count from 1970, or ""."""
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return ""
    low, high = EPOCH_S
    shares = {u: np.mean((known > low * PER_SECOND[u]) & (known < high * PER_SECOND[u])) for u in EPOCH_UNITS}
    unit = max(shares, key=lambda u: shares[u])
    return unit if shares[unit] > 0.9 else ""


def since_1970_in(numbers: np.ndarray, name: str, told: str = "") -> str:
    """As `epoch_unit`, of the numbers of a column of a name: where that, or the settings (`told`), tell another unit,
    in which they count from no known day, they are UNIX times only from 2000 on, as names are wrong at times.
    328551511918592 ns have passed since a phone was started; as us since 1970 they would be of 1980.
    """
    unit, own = epoch_unit(numbers), told or unit_of(name)
    known = numbers[np.isfinite(numbers)]
    return "" if unit and own and own != unit and np.median(known) < FROM_2000_S * PER_SECOND[unit] else unit


def of_numbers(numbers: np.ndarray, name: str, prep: PrepConfig) -> Times:
    """UTC of numbers that count from 1970 by their size, or are dates without separators; else relative times."""
    if not prep.unix_time and not prep.time_unit and (ticks := of_ticks(numbers)):
        return _since_1970(*ticks, prep)
    may_be_hours = not prep.unix_time and not prep.time_unit and _NAME_OF_HOURS.search(name.lower())
    if may_be_hours and (hours := _compact(numbers, name, 10)) is not None:
        return utc_times(hours, np.zeros(len(numbers), bool), prep, "dates and hours without separators")
    unit = (
        "" if prep.unix_time is False else since_1970_in(numbers, name, prep.time_unit or "") or _unit_once_set(numbers)
    )
    if unit == "s" and not prep.unix_time and (reason := other_zero(numbers)):
        raise TableError(f"its time column {name!r} {reason}")
    if unit:
        low, high = (bound * PER_SECOND[unit] for bound in EPOCH_S)
        far = np.isfinite(numbers) & ~((numbers > low) & (numbers < high)) & ~_of_first_day(numbers, unit)
        times = _since_1970(np.where(far, np.nan, numbers / PER_SECOND[unit]), f"UNIX time in {unit}", prep)
        own = perhaps_gps(name) or _perhaps_since_a_start(numbers)
        doubt = own if unit == "s" else perhaps_of_2000(times.utc, unit)
        return replace(times, doubt="" if prep.unix_time else doubt)
    mixed = None if prep.unix_time is False or prep.time_unit else _of_mixed_units(numbers)
    if mixed is not None:
        return _since_1970(*mixed, prep)
    months = None if prep.unix_time or prep.time_unit else of_year_and_part(numbers, name)
    compact = None if prep.unix_time else _compact(numbers, name) if months is None else months
    if compact is not None:
        return utc_times(compact, np.zeros(len(numbers), bool), prep, "dates without separators")
    counted = None if prep.time_unit else since_1970_s(numbers, name)
    if counted is not None:
        doubt = TAKEN_AS_YEARS if counted[1] == "years" and "year" not in name.lower() else ""
        return replace(_since_1970(*counted, prep), doubt=doubt)
    given = prep.time_unit or unit_of(name)
    seconds = numbers / PER_SECOND[given or "s"]
    if prep.unix_time:
        return _since_1970(seconds, f"UNIX time in {given or 's'}", prep)
    if np.isfinite(seconds).any() and not (np.abs(seconds) < LATEST_S).any():
        first = numbers[np.isfinite(numbers)][0]
        raise TableError(
            f"its time column {name!r} holds {first:.10g}, which is no time in {given or 's'} nor since 1970 in s, ms, "
            "us or ns; prep.time_unit says what they count: s, ms, us, ns, min, h or d"
        )
    return relative(seconds, prep.start_utc, given or "s", "" if given else _perhaps_other(numbers, name))


def _unit_once_set(numbers: np.ndarray) -> str:
    """As `epoch_unit`, of clocks that ran from 1970 on in fewer than half of the rows, until they were set."""
    for unit in EPOCH_UNITS:
        early = _of_first_day(numbers, unit)
        if 0 < early.sum() < 0.5 * np.isfinite(numbers).sum() and epoch_unit(numbers[~early]) == unit:
            return unit
    return ""


def _of_first_day(numbers: np.ndarray, unit: str) -> np.ndarray:
    """Which numbers (N,) are of the first day of 1970."""
    return (numbers >= 0) & (numbers < DAY_S * PER_SECOND[unit])


def _of_mixed_units(numbers: np.ndarray) -> tuple[np.ndarray, str] | None:
    """Seconds since 1970 (N,) of numbers whose units change, each told by its size, and what they are; else None."""
    seconds, met = np.full(len(numbers), np.nan), []
    for unit in EPOCH_UNITS:
        low, high = (bound * PER_SECOND[unit] for bound in EPOCH_S)
        fits = (numbers > low) & (numbers < high)
        seconds[fits] = numbers[fits] / PER_SECOND[unit]
        met += [unit] if fits.any() else []
    known = np.isfinite(numbers).sum()
    if len(met) < 2 or np.isfinite(seconds).sum() <= 0.9 * known:
        return None
    span = np.ptp(seconds[np.isfinite(seconds)])
    return (seconds, f"UNIX time in {' and '.join(met)}") if span < MIXED_SPAN_S else None


def _since_1970(seconds: np.ndarray, how: str, prep: PrepConfig) -> Times:
    known = np.isfinite(seconds) & (np.abs(seconds) < LATEST_S)
    utc = np.full(len(seconds), np.datetime64("NaT", "us"))
    utc[known] = np.round(1e6 * seconds[known]).astype(np.int64).astype("datetime64[us]")
    return utc_times(utc, np.ones(len(seconds), bool), prep, how)


def _perhaps_other(numbers: np.ndarray, name: str) -> str:
    return (
        _perhaps_ms(numbers)
        or _perhaps_days(numbers)
        or perhaps_years(numbers, name)
        or perhaps_since_1970(numbers, name)
    )


def _perhaps_ms(numbers: np.ndarray) -> str:
    """What to say of whole numbers that go on unevenly by about 10 to 1000, or by thousands, each a bit off: machines
    count milliseconds and microseconds so.
    """
    steps = np.diff(numbers[np.isfinite(numbers)])
    steps = steps[steps > 0]
    if len(steps) < 10 or (steps % 1).any() or np.median(steps) < 5:
        return ""
    (low, high), typical = np.quantile(steps, [0.05, 0.95]), np.median(steps)
    taken = f"taken as seconds, {low:g} to {high:g} from one to the next"
    if typical > 1000:  # seconds go on by whole minutes then
        is_off = np.mean(steps % 60 != 0) > 0.5 and high - low < 0.2 * typical and typical <= LONGEST_US
        return f"{taken}; {IF_US}" if is_off else ""
    if high - low < 0.2 * typical:
        return ""
    return f"{taken}; prep.time_unit=ms if they are milliseconds"


def _perhaps_since_a_start(numbers: np.ndarray) -> str:
    """What to say of numbers as large as UNIX times of before 2000 that go on as microseconds do: autopilots count so
    from when they were switched on.
    """
    known = numbers[np.isfinite(numbers)]
    told = _perhaps_ms(known) if len(known) and np.median(known) < FROM_2000_S else ""
    if not told.endswith(IF_US):
        return ""
    return f"taken as UNIX time of {str(known[:1].astype(np.int64).astype('datetime64[s]')[0])[:10]}; {told}"


def _perhaps_days(numbers: np.ndarray) -> str:
    """What to say of numbers as large as days of a calendar that go on by parts of a day."""
    known = numbers[np.isfinite(numbers)]
    step = np.median(np.diff(known)) if len(known) > 1 else 0.0
    if not (0 < step < 1 and known.min() > DAYS_OF_A_CALENDAR):
        return ""
    return f"taken as seconds, {step:.3g} from one to the next; prep.time_unit=d with prep.start_utc, if they are days"


def _compact(numbers: np.ndarray, name: str, wanted: int = 0) -> np.ndarray | None:
    """Numbers as 20120719, 201207190730 or 20120719073001 as times, where all of them are such; 2012201, the day in a
    year, where the name of the column says date or day; 2012071907 where 10 digits are `wanted`.
    """
    known = numbers[np.isfinite(numbers)]
    digits = len(str(int(abs(known[0])))) if len(known) else 0
    is_other = (wanted or digits) != digits or (digits == 10 != wanted)
    is_no_day = digits == 7 and not _NAME_OF_DAYS.search(name.lower())
    if digits not in _COMPACT or is_other or is_no_day or (known % 1).any():
        return None
    utc = np.full(len(numbers), np.datetime64("NaT", "us"))
    text = pd.Series(known.astype(np.int64)).astype(str)
    found = pd.to_datetime(text, format=_COMPACT[digits], errors="coerce").to_numpy().astype("datetime64[us]")
    years = found.astype("datetime64[Y]").astype(int) + 1970
    if np.isnat(found).any() or years.min() < 1900 or years.max() > 2100:
        return None
    utc[np.isfinite(numbers)] = found
    return utc


def are_dates_with_clocks(numbers: np.ndarray) -> bool:
    """Whether all known numbers are as 201207190730 or 20120719073001."""
    known = numbers[np.isfinite(numbers)]
    return bool(len(known)) and known.min() > 10**11 and _compact(known, "") is not None
