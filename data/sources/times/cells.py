"""Times as people write them, in the cells of a table, the rows of a times CSV or the names of files -> UTC.

All of them come through `times_of`, so that one text means one time wherever it is met. What can't be told from the
cells is asked for by name (prep.time_format, time_zone, time_unit, unix_time), never guessed.
"""

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times.counts.day_counts import of_year_and_part, perhaps_years, since_1970_s
from data.sources.times.counts.elapsed import elapsed_s
from data.sources.times.counts.other_zeros import (
    are_half_days,
    of_ticks,
    other_calendar,
    other_zero,
    perhaps_gps,
    perhaps_of_2000,
    perhaps_scale,
    perhaps_since_1970,
)
from data.sources.times.mended.exchanged import PUT_BACK, put_back
from data.sources.times.mended.wild import FAR_OFF, NEVER_SET, far_off, never_set
from data.sources.times.other_forms import rewritten
from data.sources.times.texts import LOOKED_AT, are_plain, ascii_digits, formatted, of_texts, of_type
from data.sources.times.zones.long_days import by_clocks, counted_hours
from data.sources.times.zones.scales import says_zone, scale_in_name, utc_of
from data.sources.times.zones.zone_beside import LOCAL, says_local, zoned

SINCE_FIRST = "kept as seconds since"
NO_TIME = "time is missing or not readable"
CLOCK_SET_FORWARD = "no such time in prep.time_zone: the clock was set forward"
CLOCK_SET_BACK = "this time comes twice in prep.time_zone: the clock was set back"

TAKEN_AS_YEARS = "taken as years; prep.time_unit=s if they are seconds"
PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9, "min": 1 / 60, "h": 1 / 3600, "d": 1 / 86400}
EPOCH_UNITS = ("s", "ms", "us", "ns")
EPOCH_S = (3.15e8, 4.1e9)  # 1980 to 2099: numbers of this size count from 1970, in whatever unit
FROM_2000_S = 946684800
DAYS_OF_A_CALENDAR = 20000  # in 2024 all usual counts of days are beyond
MIXED_SPAN_S = 3.2e8  # ten years: what is farther apart in changing units was no UNIX time
DAY_S = 86400
LATEST_S = 1e11  # what is beyond is no time, and would overflow
# A column of times by its own name: `Time (ms)`, `timestamp_ns`, `elapsed [s]`.
UNIT_IN_NAME = re.compile(
    r"(?:^|[\s_.(\[-])(ns|nanos(?:ec|econds?)?|us|µs|micros(?:ec|econds?)?|ms|msec|millis(?:ec|econds?)?|s|sec|secs|seconds"
    r"|min|minutes|h|hours|d|days)[)\]]?$"
)
_BEGINS = {"n": "ns", "us": "us", "µ": "us", "mic": "us", "ms": "ms", "mil": "ms", "s": "s", "min": "min"}
_BEGINS |= {"h": "h", "d": "d"}
FORTRAN = r"(?<=[\d.])[dD](?=[-+]?\d+$)"  # its exponents
DURATION = r"-?\d+ days?(?:,? [+-]?\d+:\d\d:\d\d(?:\.\d+)?)?"  # as pandas and Python write them, and ISO 8601
DURATION += r"|-?P(?!$)(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?"
_COMPACT = {
    7: "%Y%j",
    8: "%Y%m%d",
    10: "%Y%m%d%H",
    12: "%Y%m%d%H%M",
    14: "%Y%m%d%H%M%S",
}  # digits of a date and clock without separators

_NAME_OF_HOURS = re.compile("date|datum|fecha|mmddhh")  # 2024030510 is UNIX time of 2034 otherwise
_NAME_OF_DAYS = re.compile("date|day|doy|ddd|datum|fecha")


@dataclass(frozen=True)
class Times:
    """Times of N cells.

    utc: (N,) datetime64[ms], NaT unknown; None where only relative times are known. seconds: (N,) float64, NaN unknown
    or known as UTC. reasons: (N,) text, why a time is unknown, else "". how: what they were taken for, for people.
    doubt: what else they may be, or "". order: of day and month in dates of numbers alone, as prep.time_format has it.
    """

    utc: np.ndarray | None
    seconds: np.ndarray
    reasons: np.ndarray
    how: str
    doubt: str = ""
    order: str = ""

    @property
    def known(self) -> np.ndarray:
        """Which cells tell a time: (N,) bool."""
        return np.isfinite(self.seconds) if self.utc is None else ~np.isnat(self.utc)


def times_of(column: pd.Series, prep: PrepConfig) -> Times:
    """Times of the cells of a column, of numbers or texts.

    Raises TableError when none is readable, or what they mean can't be told; the message names the way out.
    """
    if column.dtype.kind not in "biufcmM":
        column = ascii_digits(column)
        some = column.dropna().iloc[:: max(1, len(column) // LOOKED_AT)]
        if some.str.fullmatch(DURATION).sum() > 0.5 * len(some):
            column = pd.to_timedelta(column, errors="coerce")
        elif "%" not in (prep.time_format or ""):
            passed = elapsed_s(column.str.strip(), str(column.name or ""), prep.start_utc is not None)
            if passed is not None:
                return _relative(passed, prep.start_utc, "passed since a start")
    if column.dtype.kind not in "biufcmM" and "%" not in (prep.time_format or "") and not are_plain(column):
        column = rewritten(column)
    if prep.time_zone and column.dtype.kind not in "biufcmM" and (long := counted_hours(column)) is not None:
        days = of_texts(long["day"].rename(str(column.name)), replace(prep, time_zone=None)).utc.astype(
            "datetime64[ms]"
        )
        column = pd.Series(by_clocks(days, long["hour"].to_numpy(), prep.time_zone), column.index, name=column.name)
    local = says_local(str(column.name or "")) and prep.time_zone is None
    column, prep, zone = zoned(column, prep)
    times = _of_cells(column, prep)
    scale = "" if zone or prep.time_zone else scale_in_name(str(column.name or ""))
    if times.utc is None or column.dtype.kind in "biufcm":
        return replace(times, doubt=perhaps_scale(scale)) if scale and times.utc is not None else times
    if scale and not any(map(says_zone, column.dropna().astype(str).iloc[:LOOKED_AT])):
        utc = utc_of(times.utc, scale).astype("datetime64[ms]")
        return replace(times, utc=utc, how=f"{scale.upper()}, as the name of their column says, made UTC")
    if zone:
        return replace(times, how=f"in {zone}, as is told beside them")
    doubt = times.doubt or other_calendar(times.utc) or (LOCAL if local else "")
    return replace(times, doubt=doubt)


def _of_cells(column: pd.Series, prep: PrepConfig) -> Times:
    """Times of cells with all that is known of their zone behind them, or in the settings."""
    cells = column.dropna()
    if column.dtype.kind == "m":
        return _relative(column.dt.total_seconds().to_numpy(np.float64), prep.start_utc, "durations")
    if column.dtype.kind == "M":
        return _utc_times(*of_type(column), prep, "UTC")
    if prep.time_format and "%" in prep.time_format:
        return _utc_times(*formatted(column, prep.time_format), prep, f"as {prep.time_format}")
    is_text = column.dtype.kind not in "biufc"
    if is_text and are_plain(column):
        return _utc_times(*of_texts(column, prep)[:2], prep, "UTC")
    plain = column
    if is_text:
        plain = column.astype("string").str.replace(r"^(\d+),(\d+)$", r"\1.\2", regex=True)
        if plain.iloc[:LOOKED_AT].str.contains(FORTRAN).any():
            plain = plain.str.replace(FORTRAN, "e", regex=True)
    numbers = pd.to_numeric(plain, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    if len(cells) and np.isfinite(numbers).sum() > 0.5 * len(cells):
        return _of_numbers(numbers, str(column.name or ""), prep)
    texts = of_texts(column, prep)
    utc, count = put_back(column, texts.utc)
    doubt = PUT_BACK.format(count) if count else ""
    return replace(_utc_times(utc, texts.zoned, prep, "UTC"), doubt=doubt, order=texts.order)


def even_times(count: int, prep: PrepConfig) -> Times:
    """Times of samples without any, one cadence apart."""
    return _relative(np.arange(count) * (prep.sample_interval_sec or 1.0), prep.start_utc, "counted")


def unit_of(name: str) -> str:
    """The unit of time that the name of a column ends with, a key of PER_SECOND; "" where it has none."""
    found = UNIT_IN_NAME.search(name.strip().lower())
    return next(sign for begin, sign in _BEGINS.items() if found[1].startswith(begin)) if found else ""


def epoch_unit(numbers: np.ndarray) -> str:
    """The unit in which nearly all of the numbers lie between 1980 and 2099 when they count from 1970, or ""."""
    known = numbers[np.isfinite(numbers)]
    low, high = EPOCH_S
    shares = {u: np.mean((known > low * PER_SECOND[u]) & (known < high * PER_SECOND[u])) for u in EPOCH_UNITS}
    unit = max(shares, key=lambda u: shares[u])
    return unit if len(known) and shares[unit] > 0.9 else ""


def since_1970_in(numbers: np.ndarray, name: str) -> str:
    """As `epoch_unit`, of the numbers of a column of a name: where that tells another unit, in which they count from no
    known day, they are UNIX times only from 2000 on, as names are wrong at times. 328551511918592 ns have passed since
    a phone was started; as us since 1970 they would be of 1980.
    """
    unit, own = epoch_unit(numbers), unit_of(name)
    known = numbers[np.isfinite(numbers)]
    return "" if unit and own and own != unit and np.median(known) < FROM_2000_S * PER_SECOND[unit] else unit


# Numbers


def _of_numbers(numbers: np.ndarray, name: str, prep: PrepConfig) -> Times:
    """UTC of numbers that count from 1970 by their size, or are dates without separators; else relative times."""
    if not prep.unix_time and not prep.time_unit and (ticks := of_ticks(numbers)):
        return _since_1970(*ticks, prep)
    may_be_hours = not prep.unix_time and not prep.time_unit and _NAME_OF_HOURS.search(name.lower())
    if may_be_hours and (hours := _compact(numbers, name, 10)) is not None:
        return _utc_times(hours, np.zeros(len(numbers), bool), prep, "dates and hours without separators")
    unit = "" if prep.unix_time is False else since_1970_in(numbers, name) or _unit_once_set(numbers)
    if unit == "s" and not prep.unix_time and (reason := other_zero(numbers)):
        raise TableError(f"its time column {name!r} {reason}")
    if unit:
        low, high = (bound * PER_SECOND[unit] for bound in EPOCH_S)
        far = np.isfinite(numbers) & ~((numbers > low) & (numbers < high)) & ~_of_first_day(numbers, unit)
        times = _since_1970(np.where(far, np.nan, numbers / PER_SECOND[unit]), f"UNIX time in {unit}", prep)
        doubt = perhaps_gps(name) if unit == "s" else perhaps_of_2000(times.utc, unit)
        return replace(times, doubt="" if prep.unix_time else doubt)
    mixed = None if prep.unix_time is False or prep.time_unit else _of_mixed_units(numbers)
    if mixed is not None:
        return _since_1970(*mixed, prep)
    months = None if prep.unix_time or prep.time_unit else of_year_and_part(numbers, name)
    compact = None if prep.unix_time else _compact(numbers, name) if months is None else months
    if compact is not None:
        return _utc_times(compact, np.zeros(len(numbers), bool), prep, "dates without separators")
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
    return _relative(seconds, prep.start_utc, given or "s", "" if given else _perhaps_other(numbers, name))


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
    return _utc_times(utc, np.ones(len(seconds), bool), prep, how)


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
    if typical > 1000:  # of microseconds each step is a bit off; of seconds most are whole minutes
        is_off = np.mean(steps % 60 != 0) > 0.5 and (steps != typical).any() and high - low < 0.2 * typical
        return f"{taken}; prep.time_unit=us if they are microseconds" if is_off else ""
    if high - low < 0.2 * typical:
        return ""
    return f"{taken}; prep.time_unit=ms if they are milliseconds"


def _perhaps_days(numbers: np.ndarray) -> str:
    """What to say of numbers as large as days of a calendar that go on by parts of a day."""
    known = numbers[np.isfinite(numbers)]
    step = np.median(np.diff(known)) if len(known) > 1 else 0.0
    if not (0 < step < 1 and known.min() > DAYS_OF_A_CALENDAR):
        return ""
    return f"taken as seconds, {step:.3g} from one to the next; prep.time_unit=d with prep.start_utc, if they are days"


def _relative(seconds: np.ndarray, start_utc: str | None, how: str, doubt: str = "") -> Times:
    known = np.isfinite(seconds) & (np.abs(seconds) < LATEST_S)
    seconds = np.where(known, seconds, np.nan)
    reasons = np.where(known, "", NO_TIME).astype(object)
    if start_utc is None:
        return Times(None, seconds, reasons, how, doubt)
    utc = np.full(len(seconds), np.datetime64("NaT", "ms"))
    since = np.round(1000 * seconds[known]).astype(np.int64).astype("timedelta64[ms]")
    utc[known] = np.datetime64(start_utc.replace(" ", "T"), "ms") + since
    return Times(utc, seconds, reasons, f"{how} since prep.start_utc", doubt)


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


# What all readers end with


def _utc_times(found: np.ndarray, zoned: np.ndarray, prep: PrepConfig, how: str) -> Times:
    """Times (N,) datetime64[us] as UTC: those that do not say their zone are local in prep.time_zone.

    Where steps are shorter than the milliseconds that UTC is kept in, the times become relative to the first.
    """
    reasons = np.where(np.isnat(found), NO_TIME, "").astype(object)
    for is_wild, reason in ((never_set, NEVER_SET), (far_off, FAR_OFF)):
        wild = is_wild(found)
        reasons[wild], found = reason, np.where(wild, np.datetime64("NaT", "us"), found)
    if not zoned.all() and are_half_days(found):
        raise TableError(
            "its clocks go from 12 to 1 within a day, as those of 12 hours do, and none says am or pm: "
            "write them with 24 hours, or with am and pm"
        )
    if prep.time_zone and not zoned.all():
        found, how = _from_local(found, zoned, prep.time_zone, reasons), f"local time of {prep.time_zone}"
    known = np.sort(found[~np.isnat(found)])
    steps = np.diff(known)
    steps = steps[steps > np.timedelta64(0, "us")]
    if len(steps) and np.median(steps) < np.timedelta64(1, "ms"):
        seconds = np.where(np.isnat(found), np.nan, (found - known[0]).astype(np.int64) / 1e6)
        return Times(None, seconds, reasons, f"{how}, {SINCE_FIRST} {known[0]}, as steps are below 1 ms")
    nearest = (found + np.timedelta64(500, "us")).astype("datetime64[ms]")  # parts of days are rarely whole ones
    return Times(nearest, np.full(len(found), np.nan), reasons, how)


def _from_local(found: np.ndarray, zoned: np.ndarray, zone: str, reasons: np.ndarray) -> np.ndarray:
    """UTC of local times; what the change of the clock leaves open gets its reason in `reasons` and no time.

    The hour that comes twice is told apart by the order of the cells, where both are there.
    """
    local = pd.DatetimeIndex(np.where(zoned, np.datetime64("NaT", "us"), found))
    try:
        utc = local.tz_localize(zone, ambiguous="infer", nonexistent="NaT")
    except ValueError:  # pandas can't infer it
        utc = local.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    lost = np.logical_and(utc.isna(), local.notna())
    in_gap = local.tz_localize(zone, ambiguous=np.ones(len(local), bool), nonexistent="NaT").isna()
    reasons[lost] = np.where(in_gap[lost], CLOCK_SET_FORWARD, CLOCK_SET_BACK)
    return np.where(zoned, found, utc.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]"))
