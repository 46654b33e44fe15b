"""Times of the rows of a FITS table: counted from a reference (MJDREF, JDREF, DATEREF), days of astronomers, texts."""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.base import FrameError, TableError
from data.sources.fits_file.cards import number, text
from data.sources.fits_file.times.counted_times import DAY_S
from data.sources.fits_file.times.time_texts import GPS_BEHIND_TAI_S, KNOWN, SCALES, to_utc
from data.sources.fits_file.times.time_units import seconds_of
from data.sources.times.cells import times_of
from data.sources.times.counts.day_counts import DAYS_AT_1970

TIME_COLUMNS = (
    "TIME",
    "BARYTIME",
    "TIME_UTC",
    "UTC",
    "ISOT",
    "DATE_OBS",
    "DATE-OBS",
    "MJD",
    "BJD",
    "HJD",
    "JD",
    "BTJD",
)
TIME_COLUMNS += ("TIME_CENTER", "TSTART", "T_OBS", "TAI")
DAY_PARTS = ("YEAR", "DOY", "SOD")  # the day in the year from 1 on, the second of the day
# As Kepler, TESS and observers of variable stars write the unit: BJD - 2454833, days.
_SINCE_JD = re.compile(r"\b[BH]?(M?JD)\b(?:\s*-\s*(\d+(?:\.\d*)?))?", re.IGNORECASE)
_TAI_SINCE = {"TAI": -4383.0}  # days of 1958 before 1970, by column; counted in seconds
_BEFORE_START_S, _AFTER_START_S = 86400.0, 400 * 86400.0  # of DATE-OBS, that seconds without a reference may lie
_JD_AT_MJD_0 = 2400000.5
_LEAST_MJD = 15020.0  # in 1900


def time_name(columns: Sequence[str]) -> str | None:
    """The column that holds a table's times, by its name."""
    names = {name.upper(): name for name in reversed(columns)}
    return next((names[known] for known in TIME_COLUMNS if known in names), None)


def day_parts(columns: Sequence[str]) -> list[str]:
    """The columns of year, day and second of the day, [] where one is missing."""
    names = {name.upper(): name for name in columns}
    return [names[part] for part in DAY_PARTS] if names.keys() >= {*DAY_PARTS} else []


def of_day_parts(year: np.ndarray, day: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """As `utc_of`, of the columns of a day's parts."""
    begin = (year.astype(np.int64) - 1970).astype("datetime64[Y]").astype("datetime64[us]")
    since = DAY_S * (day.astype(np.float64) - 1) + second.astype(np.float64)
    return _later(begin, since), since, "year, day of year and second of the day"


def utc_of(cells: np.ndarray, name: str, unit: str, header: Mapping) -> tuple[np.ndarray | None, np.ndarray, str]:
    """Times of rows: UTC (N,) datetime64[us] with NaT or None, relative seconds (N,), and what they were taken for.

    Raises TableError for texts that are none.
    """
    if cells.dtype.kind in "SU":
        return _of_texts(cells, name), np.full(len(cells), np.nan), f"{name} as text"
    scale, numbers = _scale(header), cells.astype(np.float64)
    mjd, how = _reference(header, name, unit, numbers)
    per_row_s, doubt = _seconds_a_count(unit, header, is_in_days="JD" in how)
    offset = number(header, "TIMEZERO", "TIMEOFFS")
    offset_s = 0.0 if math.isnan(offset) else offset * seconds_of(text(header, "TIMEUNIT"), 1.0)
    seconds = numbers * per_row_s + offset_s
    if not math.isnan(mjd):
        return _utc(mjd, seconds, scale), seconds, f"{how}, {scale.upper()}{doubt}"
    start = text(header, "DATE-OBS") or text(header, "DATE_OBS")
    clock = text(header, "TIME-OBS") or text(header, "TIME_OBS")
    known = seconds[np.isfinite(seconds)]
    if start and len(known) and known.min() > -_BEFORE_START_S and known.max() < _AFTER_START_S:
        begin = start if not clock or ":" in start else f"{start}T{clock}"
        try:
            at = np.datetime64(to_utc(begin, scale), "us")
        except FrameError as error:
            raise TableError(str(error)) from None
        return _later(at, seconds), seconds, f"seconds since DATE-OBS {begin}{doubt}"
    return None, seconds, f"no reference of its times is told (MJDREF, JDREF or DATEREF){doubt}"


def _seconds_a_count(unit: str, header: Mapping, is_in_days: bool) -> tuple[float, str]:
    """Seconds that one more in a column of times is, and what is to be said where its unit is not known."""
    told = "d" if _SINCE_JD.search(unit) else unit.strip() or text(header, "TIMEUNIT")  # BJD - 2454833, days
    usual_s = DAY_S if is_in_days else 1.0
    if not told or not math.isnan(seconds_of(told)):
        return seconds_of(told) if told else usual_s, ""
    return usual_s, f"; {told!r} is no unit of time: counted as {'days' if is_in_days else 'seconds'}"


def _scale(header: Mapping) -> str:
    name = re.split(r"[ (]", text(header, "TIMESYS").upper(), maxsplit=1)[0]
    scale = SCALES.get(name, name.lower())
    return scale if scale in KNOWN else "utc"


def _reference(header: Mapping, name: str, unit: str, numbers: np.ndarray) -> tuple[float, str]:
    """The modified Julian day that the numbers of a column count from, NaN where none is told, and what tells it."""
    if (found := _SINCE_JD.search(unit)) and found[2]:
        day = float(found[2])
        return (day if found[1].upper() == "MJD" else day - _JD_AT_MJD_0), unit
    for card, less in (("MJDREF", 0.0), ("JDREF", _JD_AT_MJD_0), ("BJDREF", _JD_AT_MJD_0)):
        whole, rest = number(header, card, f"{card}I"), number(header, f"{card}F")
        if not math.isnan(whole):
            rest = rest if card not in header and not math.isnan(rest) else 0.0
            return whole - less + rest, f"since {card} {whole + rest:g}"
    if date := text(header, "DATEREF"):
        try:
            day = np.datetime64(to_utc(date), "ms").astype(np.int64) / (1000 * DAY_S) + DAYS_AT_1970["mjd"]
        except FrameError as error:
            raise TableError(str(error)) from None
        return float(day), f"since DATEREF {date}"
    known = numbers[np.isfinite(numbers)]
    if name.upper() in _TAI_SINCE:
        return DAYS_AT_1970["mjd"] + _TAI_SINCE[name.upper()], "TAI seconds since 1958"
    if len(known) and (found or "JD" in name.upper()):
        if known.min() > _JD_AT_MJD_0 - 1e6:
            return -_JD_AT_MJD_0, "JD"
        return (0.0, "MJD") if known.min() > _LEAST_MJD and known.max() < 1e5 else (math.nan, "")
    return math.nan, ""


def _utc(mjd: float, seconds: np.ndarray, scale: str) -> np.ndarray:
    """UTC (N,) datetime64[us] of seconds after a modified Julian day, both in a scale."""
    from astropy.time import Time  # late: it costs a second

    utc = np.full(len(seconds), np.datetime64("NaT", "us"))
    known = np.isfinite(seconds)
    later = seconds[known] + (GPS_BEHIND_TAI_S if scale == "gps" else 0.0)
    if not known.any():
        return utc
    if scale == "utc":
        days, rest = np.divmod(seconds, DAY_S)
        whole = mjd - DAYS_AT_1970["mjd"] + days
        return _later(np.datetime64("1970-01-01", "us"), whole * DAY_S + rest)
    days, rest = np.divmod(later, DAY_S)
    times = Time(mjd + days, rest / DAY_S, format="mjd", scale="tai" if scale == "gps" else scale)
    utc[known] = times.utc.to_value("datetime64").astype("datetime64[us]")
    return utc


def _later(begin: np.datetime64 | np.ndarray, seconds: np.ndarray) -> np.ndarray:
    known = np.isfinite(seconds) & (np.abs(seconds) < 1e11)
    utc = np.where(known, np.broadcast_to(begin, known.shape), np.datetime64("NaT", "us"))
    utc[known] += np.round(1e6 * seconds[known]).astype(np.int64).astype("timedelta64[us]")
    return utc


def _of_texts(cells: np.ndarray, name: str) -> np.ndarray:
    texts = pd.Series(cells.astype(str), name=name, dtype="string").str.strip()
    times = times_of(texts.where(texts != ""), PrepConfig())
    if times.utc is None:
        raise TableError(f"its times in {name}, as {texts.iloc[0]!r}, are not readable")
    return times.utc.astype("datetime64[us]")
