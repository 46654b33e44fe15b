"""One time of a FITS header, a text or a number, as UTC: the standard's time systems, and the usages before it."""

import re

import numpy as np

from data.sources.base import FrameError
from data.sources.times.utc import SEVERAL, as_in_tables, iso_ms

# Of FITS' names (standard 4.0, table 30) those that differ from astropy's; GPS runs 19 s behind TAI.
SCALES = {"UT": "utc", "GMT": "utc", "IAT": "tai", "TDT": "tt", "ET": "tt"}
KNOWN = ("utc", "tai", "tt", "tdb", "tcg", "tcb", "ut1", "gps")
GPS_BEHIND_TAI_S = 19
_OLD_DATE = re.compile(r"^(\d\d)/(\d\d)/(\d\d)(?=$|[T ,])")  # dd/mm/yy
_SMALL = re.compile(r"(?<=\d)[tz](?=\d|$)")  # RFC 3339 allows both
_LAST_DAY = 31  # two digits beyond it are a year
_END_OF_DAY = re.compile(r"^(\d{4}-\d\d-\d\d)T24(:00(?::00(?:\.0*)?)?)$")
_MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"
_MONTH_NAME = re.compile(
    r"^(\d{1,2})-(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)-(\d{4}|\d\d)(?!\d)", re.IGNORECASE
)
_SEPARATOR = re.compile(r"^(\d{4}-\d\d-\d\d)[T ,_]+(?=\d)")
_SCALED = re.compile(r"^(.*\d)[ _]?(TAI|TT|UTC|UT|GPS|TDB|Z)$", re.IGNORECASE)
_JSOC = re.compile(r"^(\d{4})[./](\d\d)[./](\d\d)[_T ](\d\d:\d\d)")
_DAY_OF_YEAR = re.compile(
    r"^(\d{4})(\d{3})[T_ ]?(\d\d)(\d\d)(\d\d(?:\.\d*)?)$"
)  # sunpy takes 2012201... for 1 February
_OFFSET = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d*)?)?) ?([+-])(\d\d):?(\d\d)?$")  # is of UTC
_PLAIN = re.compile(r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d*)?)?)?$")


def to_utc(text: str, scale: str = "utc", order: str = "") -> str:
    """A header's time as ISO UTC with milliseconds.

    scale: of a text that names none. order: "day first", "month first" or "", of dates as 07/08/2012. Raises FrameError
    for no time, and for a date that may be of two days.
    """
    plain = _OLD_DATE.sub(_of_two_digits, _SMALL.sub(lambda found: found[0].upper(), text.strip()))
    plain = _DAY_OF_YEAR.sub(r"\1:\2:\3:\4:\5", plain)
    plain = _JSOC.sub(r"\1-\2-\3T\4", _MONTH_NAME.sub(_iso_date, plain))
    if named := _SCALED.match(plain):
        plain, suffix = named[1].rstrip("_ "), named[2].upper()
        scale = "utc" if suffix == "Z" else SCALES.get(suffix, suffix.lower())
    plain = _END_OF_DAY.sub(_next_day, _SEPARATOR.sub(r"\1T", plain))
    if ahead := _OFFSET.match(plain):
        try:
            return iso_ms(np.datetime64(ahead[1], "us") - _minutes(*ahead.groups()[1:]))
        except ValueError as error:
            raise FrameError(f"time {text!r} is not readable: {error}") from None
    if not _PLAIN.match(plain):
        return _of_any_form(text, plain, scale, order)
    if scale != "utc" or ":60" in plain:
        return by_astropy(text, plain, scale)
    try:
        return iso_ms(np.datetime64(plain, "us"))
    except ValueError as error:
        raise FrameError(f"time {text!r} is not readable: {error}") from None


def _of_any_form(text: str, plain: str, scale: str, order: str) -> str:
    """A time of a form that sunpy knows, else of one that a table may have: 19/07/2012, 19 Jul 2012, July 19, 2012."""
    try:
        return by_astropy(text, plain, scale, by_sunpy=True)
    except FrameError as error:
        try:
            found = as_in_tables(plain, order)
        except FrameError as unclear:
            way_out = "; prep.time_format says which: 'day first' or 'month first'" if str(unclear) == SEVERAL else ""
            raise FrameError(f"time {text!r} is not readable: {unclear}{way_out}") from None
        if not found:
            raise FrameError(f"time {text!r} is not readable: it is of no form that is known") from error
    return found if scale == "utc" else by_astropy(text, found, scale)


def _minutes(sign: str, hours: str, minutes: str) -> np.timedelta64:
    """How far a clock is ahead of UTC."""
    return np.timedelta64((60 * int(hours) + int(minutes or 0)) * (-1 if sign == "-" else 1), "m")


def doubt_of(text: str) -> str:
    """What is to be said of a time whose year has two digits: by the standard all are of 1900 to 1999, and many
    observatories went on to write so."""
    found = _OLD_DATE.match(text.strip())
    return f"two digits of a year in {text.strip()!r}: taken as {_of_two_digits(found)}" if found else ""


def _of_two_digits(match: re.Match) -> str:
    """19/07/97 as ISO, or 97/07/19 where the first can be no day."""
    day, month, year = match.groups()
    day, year = (year, day) if int(day) > _LAST_DAY else (day, year)
    return f"{_whole_year(year)}-{month}-{day}"


def _next_day(match: re.Match) -> str:
    """The end of a day as ISO 8601 may write it, as the beginning of the next one."""
    try:
        return f"{np.datetime64(match[1], 'D') + np.timedelta64(1, 'D')}T00{match[2]}"
    except ValueError:  # no day, which is told as it is written
        return match[0]


def _iso_date(match: re.Match) -> str:
    """30-JAN-01 and 1-Feb-1997 as ISO."""
    day, month, year = match.groups()
    number = _MONTHS.find(month.lower()) // 3 + 1
    return f"{_whole_year(year)}-{number:02d}-{int(day):02d}"


def _whole_year(year: str) -> str:
    """Two digits of a year are those of a solar archive, from 1970 on."""
    return f"{'20' if int(year) < 70 else '19'}{year}" if len(year) == 2 else year


def by_astropy(
    text: str, value: str | float, scale: str, form: str | None = None, by_sunpy: bool = False, later_d: float = 0.0
) -> str:
    """A time of one of astropy's formats as ISO UTC. text: for people. later_d: days to add, in that scale.

    Raises FrameError where it can't be read.
    """
    from astropy.time import Time, TimeDelta  # late: a header in UTC does not need them

    try:
        read = Time
        if by_sunpy:
            from sunpy.time import parse_time as read
        time = read(value, format=form, scale="tai" if scale == "gps" else scale)
        if later_d:
            time += TimeDelta(later_d, format="jd")
        if scale == "gps":
            time += TimeDelta(GPS_BEHIND_TAI_S, format="sec")
        # No leap second in NumPy's days.
        return iso_ms(np.datetime64(re.sub(r":60(\.\d+)?$", ":59.999", time.utc.isot)))
    except Exception as error:  # astropy's parsers raise many kinds
        reason = str(error).split("\n")[0]
        raise FrameError(f"time {text!r} is not readable: {reason}") from None
