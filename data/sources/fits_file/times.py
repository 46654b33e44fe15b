"""When a frame was taken, by its FITS header: the standard's times and time systems, and the usages before it.

Of several times the one that a frame's coordinates hold for is taken, in sunpy's order of preference.
"""

import re
from collections.abc import Mapping

import numpy as np

from data.sources.base import FrameError
from data.sources.times.utc import iso_ms

# Of FITS' names (standard 4.0, table 30) those that differ from astropy's; GPS runs 19 s behind TAI.
SCALES = {"UT": "utc", "GMT": "utc", "IAT": "tai", "TDT": "tt", "ET": "tt", "LOCAL": "utc"}
KNOWN = ("utc", "tai", "tt", "tdb", "tcg", "tcb", "ut1", "gps")
GPS_BEHIND_TAI_S = 19
# Instruments of which sunpy takes T_OBS, the middle of the exposure, for the time of the coordinates.
_BY_T_OBS = re.compile("AIA|HMI|SUIT")
_CLOCKS = ("TIME-OBS", "TIME_OBS", "UTC-OBS", "UTSTART", "UTC", "UT", "TIME")
YEARS = ("1840", "2199")  # the first photograph of the Sun is of 1845
_MJD = ("MJD-AVG", "MJD-OBS", "MJD-BEG", "MJD-END")
_OLD_DATE = re.compile(r"^(\d\d)/(\d\d)/(\d\d)(?=$|[T ,])")  # dd/mm/yy, of 1900 to 1999 by the standard
_MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"
_MONTH_NAME = re.compile(
    r"^(\d{1,2})-(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)-(\d{4}|\d\d)(?!\d)", re.IGNORECASE
)
_SEPARATOR = re.compile(r"^(\d{4}-\d\d-\d\d)[T ,_]+(?=\d)")
_SCALED = re.compile(r"^(.*\d)[ _]?(TAI|TT|UTC|UT|GPS|TDB|Z)$", re.IGNORECASE)
_JSOC = re.compile(r"^(\d{4})[./](\d\d)[./](\d\d)[_T ](\d\d:\d\d)")
_OFFSET = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d*)?)?) ?([+-])(\d\d):?(\d\d)?$")  # is of UTC
_PLAIN = re.compile(r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d*)?)?)?$")
NO_TIME = (
    "header has neither T_OBS nor DATE-OBS, nor another of the standard's times (DATE-AVG, DATE-BEG, MJD-OBS), and the "
    "file's name no date and clock as sun_20120719_073001.fits"
)


def time_of(header: Mapping) -> str:
    """UTC of a frame with milliseconds. Raises FrameError where the header has no time that can be read."""
    scale, problem = _time_system(header), FrameError(NO_TIME)
    for text in _texts(header):
        try:
            return _in_reach(to_utc(text, scale))
        except FrameError as error:
            problem = error
    for name in _MJD:
        day = header.get(name)
        if isinstance(day, int | float) and not isinstance(day, bool):
            return _in_reach(_by_astropy(f"{name} {day}", float(day), scale, "mjd"))
    raise problem


def _in_reach(time_utc: str) -> str:
    """A time, which cards that were never filled in do not hold. Raises FrameError for what no frame can have."""
    if not YEARS[0] <= time_utc[:4] <= YEARS[1] or time_utc[4] != "-":
        raise FrameError(f"time {time_utc} is impossible: frames are of {YEARS[0]} to {YEARS[1]}")
    return time_utc


def _texts(header: Mapping) -> list[str]:
    """The times that a header names, the best first; of a date without a clock that with one comes first."""
    dated = [_with_clock(header, name) for name in ("DATE-OBS", "DATE_OBS")]
    dated.sort(key=lambda text: ":" not in text)
    first = "T_OBS" if _BY_T_OBS.match(_text(header, "INSTRUME") or _text(header, "PNAME")) else "DATE-AVG"
    others = (_text(header, name) for name in ("DATE-BEG", "DATE-END", "T_OBS"))
    return [text for text in (_text(header, first), _text(header, "DATE-AVG"), *dated, *others) if text]


def _text(header: Mapping, name: str) -> str:
    return str(header.get(name) or "").strip()


def _with_clock(header: Mapping, name: str) -> str:
    """A date, with its clock where that is in a keyword of its own."""
    date = _text(header, name)
    if date and ":" not in date:
        clock = next((text for text in (_text(header, clock) for clock in _CLOCKS) if ":" in text), "")
        return f"{date}T{clock}" if clock else date
    return date


def _time_system(header: Mapping) -> str:
    """The scale of a header's times by TIMESYS; UTC where that says nothing that is known, as sunpy reads RHESSI."""
    if _text(header, "TELESCOP").endswith("GONG") and header.get("IMTYPE") == "MAGNETIC" and "DTYPE" in header:
        return "gps"  # its magnetograms' clocks, says sunpy's map of them
    name = re.split(r"[ (]", _text(header, "TIMESYS").upper(), maxsplit=1)[0]
    scale = SCALES.get(name, name.lower())
    return scale if scale in KNOWN else "utc"


def to_utc(text: str, scale: str = "utc") -> str:
    """A header's time as ISO UTC with milliseconds. scale: of a text that names none. Raises FrameError for no time."""
    plain = _OLD_DATE.sub(r"19\3-\2-\1", text.strip())
    plain = _JSOC.sub(r"\1-\2-\3T\4", _MONTH_NAME.sub(_iso_date, plain))
    if named := _SCALED.match(plain):
        plain, suffix = named[1].rstrip("_ "), named[2].upper()
        scale = "utc" if suffix == "Z" else SCALES.get(suffix, suffix.lower())
    plain = _SEPARATOR.sub(r"\1T", plain)
    if ahead := _OFFSET.match(plain):
        try:
            return iso_ms(np.datetime64(ahead[1], "us") - _minutes(*ahead.groups()[1:]))
        except ValueError as error:
            raise FrameError(f"time {text!r} is not readable: {error}") from None
    if not _PLAIN.match(plain):
        return _by_astropy(text, plain, scale, by_sunpy=True)
    if scale != "utc" or ":60" in plain:
        return _by_astropy(text, plain, scale)
    try:
        return iso_ms(np.datetime64(plain, "us"))
    except ValueError as error:
        raise FrameError(f"time {text!r} is not readable: {error}") from None


def _minutes(sign: str, hours: str, minutes: str) -> np.timedelta64:
    """How far a clock is ahead of UTC."""
    return np.timedelta64((60 * int(hours) + int(minutes or 0)) * (-1 if sign == "-" else 1), "m")


def _iso_date(match: re.Match) -> str:
    """30-JAN-01 and 1-Feb-1997 as ISO; two digits of a year are those of a solar archive, from 1970 on."""
    day, month, year = match.groups()
    number = _MONTHS.find(month.lower()) // 3 + 1
    if len(year) == 2:
        year = f"{'20' if int(year) < 70 else '19'}{year}"
    return f"{year}-{number:02d}-{int(day):02d}"


def _by_astropy(text: str, value: str | float, scale: str, form: str | None = None, by_sunpy: bool = False) -> str:
    from astropy.time import Time, TimeDelta  # late: a header in UTC does not need them

    try:
        read = Time
        if by_sunpy:
            from sunpy.time import parse_time as read
        time = read(value, format=form, scale="tai" if scale == "gps" else scale)
        if scale == "gps":
            time += TimeDelta(GPS_BEHIND_TAI_S, format="sec")
        # No leap second in NumPy's days.
        return iso_ms(np.datetime64(re.sub(r":60(\.\d+)?$", ":59.999", time.utc.isot)))
    except Exception as error:  # astropy's parsers raise many kinds
        reason = str(error).split("\n")[0]
        raise FrameError(f"time {text!r} is not readable: {reason}") from None
