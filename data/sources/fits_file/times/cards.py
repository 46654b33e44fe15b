"""When a frame was taken, by its FITS header: which of its cards tell it.

Of several times the one that a frame's coordinates hold for is taken, in sunpy's order of preference; and what tells a
clock before what tells the day alone.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from data.sources.base import FrameError
from data.sources.fits_file.cards import text
from data.sources.fits_file.times.counted_times import (
    barycentric_time,
    clock_of_number,
    counted_time,
    unclear_clock,
)
from data.sources.fits_file.times.other_cards import clocks, dates, like_times
from data.sources.fits_file.times.time_texts import KNOWN, SCALES, doubt_of, to_utc

# Instruments of which sunpy takes T_OBS, the middle of the exposure, for the time of the coordinates.
_BY_T_OBS = re.compile("AIA|HMI|SUIT")
_CLOCKS = ("TIME-OBS", "TIME_OBS", "UTC-OBS", "UTSTART", "UTC", "UT", "TIME")
# In a text that has one behind its date, or counts the seconds since 1970.
_CLOCK = re.compile(r":|^\d{9,10}(?:\.\d*)?$|(?<=\d{8})[T_ ]?\d{4,6}|(?<=\d)[T_ ]+(?:\d{1,2}h\d|\d{4})")
_MIDNIGHT = re.compile(r"^(\d{4}[-/]\d\d[-/]\d\d)[T ]00:00(?::00(?:\.0*)?)?Z?$")  # of a date that was filled up
_DAY_BEGINS = "T00:00:00.000"
_HAS_ZONE = re.compile(r":\d\d(?:\.\d*)? ?(?:Z|UTC?|[+-]\d\d:?\d\d)$")
_ZONES = "IST|JST|KST|CET|CEST|EST|EDT|CST|CDT|MST|MDT|PST|PDT|AEST|AEDT"
_LOCAL = re.compile(rf"(?i:\blocal\b|\b(?:standard|daylight|summer) time\b)|\b(?:{_ZONES})\b")
_UNIVERSAL = re.compile(r"\b(?:UTC?|GMT)\b")
# The standard's, then what archives have besides: JSOC's nominal time, IRIS' start of an observation.
_BEGINS = ("DATE-BEG", "DATE_BEG")
_FALLBACKS = ("DATE-END", "DATE_END", "T_OBS", "T_REC", "STARTOBS")
YEARS = ("1840", "2199")  # the first photograph of the Sun is of 1845
# Where clocks begin (MJD, TAI, Unix, GPS): what a card holds to the second that was never filled in.
EPOCHS = ("1858-11-17", "1958-01-01", "1970-01-01", "1980-01-06")
NO_TIME = (
    "header has neither T_OBS nor DATE-OBS, nor another of the standard's times (DATE-AVG, DATE-BEG, MJD-OBS), and the "
    "file's name no date and clock as sun_20120719_073001.fits; prep.sample_interval_sec takes such files in the order "
    "of their names, prep.times_csv by a table"
)


@dataclass(frozen=True)
class Moment:
    """When a frame was taken, ISO UTC with milliseconds, and whether the header tells its clock or the day alone."""

    utc: str
    has_clock: bool
    flag: str = ""  # what is odd about it


def time_of(header: Mapping, order: str = "") -> Moment:
    """When a frame was taken. order: of dates that may be read in two ways, "day first" or "month first".

    Raises FrameError where the header has no time that can be read.
    """
    scale, problem = _time_system(header), FrameError(NO_TIME)
    texts = []
    for told in _texts(header):  # of most headers the first one
        texts.append(told)
        if not _CLOCK.search(told):
            continue
        try:
            return Moment(_in_reach(to_utc(told, scale, order)), True, doubt_of(told))
        except FrameError as error:
            problem = error
    try:
        if counted := counted_time(header, scale, order):
            clock = _beside(header) if counted.endswith(_DAY_BEGINS) else ""  # a whole day, as MJD-OBS 56127
            return Moment(_in_reach(to_utc(f"{counted[:10]}T{clock}", scale, order) if clock else counted), True)
    except FrameError as error:
        if not texts:
            raise
        problem = error
    if texts and (unclear := unclear_clock(header, _CLOCKS)):
        raise FrameError(unclear)
    barycentric, flag = barycentric_time(header)
    if barycentric:
        return Moment(_in_reach(barycentric), True, flag)
    for told in (told for told in texts if not _CLOCK.search(told)):
        try:
            return Moment(_in_reach(to_utc(told, scale, order)), False, doubt_of(told))
        except FrameError as error:
            problem = error
    unknown = like_times(header) if str(problem) == NO_TIME else ""
    raise FrameError(f"{NO_TIME}; {unknown} may hold times, and are no cards that are known") if unknown else problem


def _in_reach(time_utc: str) -> str:
    """A time, which cards that were never filled in do not hold. Raises FrameError for what no frame can have."""
    if not YEARS[0] <= time_utc[:4] <= YEARS[1] or time_utc[4] != "-":
        raise FrameError(f"time {time_utc} is impossible: frames are of {YEARS[0]} to {YEARS[1]}")
    if time_utc[:10] in EPOCHS and time_utc[11:] == "00:00:00.000":
        raise FrameError(f"time {time_utc} is where clocks begin to count: its card was never filled in")
    return time_utc


def _texts(header: Mapping) -> Iterator[str]:
    """The times that a header names, the best first; each is looked for when it is asked for."""
    first = "T_OBS" if _BY_T_OBS.match(text(header, "INSTRUME") or text(header, "PNAME")) else "DATE-AVG"
    ways = [(text, (first, "DATE-AVG")), (_with_clock, ("DATE-OBS", "DATE_OBS", *_BEGINS)), (text, _FALLBACKS)]
    yield from filter(None, (read(header, name) for read, names in ways for name in names))
    yield from _of_other_cards(header)


def _of_other_cards(header: Mapping) -> list[str]:
    """Dates in cards that the standard does not know, with the clocks beside them."""
    clock = next(iter(clocks(header)), "")
    return [f"{date}T{clock}" if clock and not _CLOCK.search(date) else date for date in dates(header)]


def _with_clock(header: Mapping, name: str) -> str:
    """A date, with its clock where that is in a keyword of its own."""
    date = text(header, name)
    filled_up = _MIDNIGHT.match(date)
    if date and (filled_up or not _CLOCK.search(date)):
        clock = _beside(header)
        return f"{filled_up[1] if filled_up else date}T{clock}" if clock else date
    return date


def _beside(header: Mapping) -> str:
    """The first clock that a header has in a card of its own; "" where there is none."""
    return next(filter(None, [*(_clock(header, card) for card in _CLOCKS), *clocks(header)]), "")


def _clock(header: Mapping, card: str) -> str:
    """The clock in a card, written or counted from midnight; "" where it is none."""
    told = text(header, card)
    return told if ":" in told else clock_of_number(header, card)


def local_by(header: Mapping) -> str:
    """What says that a header's times are of a clock that is not UTC, and not of a scale that is known; "" mostly."""
    told = text(header, "TIMESYS")
    if any(_HAS_ZONE.search(text(header, name)) for name in ("DATE-OBS", "DATE_OBS")):
        return ""
    if re.fullmatch(r"(?:UTC?|GMT)?[+-]\d{1,2}(?::?\d\d)?", told) and int(re.sub(r"\D", "", told)):
        return f"TIMESYS {told}"
    if re.fullmatch(r"[A-Za-z]{2,5}", told) and SCALES.get(told.upper(), told.lower()) not in KNOWN:
        return f"TIMESYS {told}"
    comments = getattr(header, "comments", {})
    card = next((name for name in ("DATE-OBS", "DATE_OBS") if name in header and comments), "")
    comment = str(comments[card]) if card else ""
    is_local = _LOCAL.search(comment) and ("local" in comment.lower() or not _UNIVERSAL.search(comment))
    return f"the comment of {card}" if is_local else ""


def _time_system(header: Mapping) -> str:
    """The scale of a header's times by TIMESYS; UTC where that says nothing that is known, as sunpy reads RHESSI."""
    is_gong = text(header, "TELESCOP").endswith("GONG") and header.get("IMTYPE") == "MAGNETIC" and "DTYPE" in header
    if is_gong and "TIME-OBS" in header:
        return "gps"  # its magnetograms' clocks in a card of their own, says sunpy's map of them
    name = re.split(r"[ (]", text(header, "TIMESYS").upper(), maxsplit=1)[0]
    scale = SCALES.get(name, name.lower())
    return scale if scale in KNOWN else "utc"
