"""Times that a FITS header counts: days of astronomers, times from a reference (MJDREF), clocks as plain numbers."""

import math
import re
from collections.abc import Mapping, Sequence

from data.sources.fits_file.cards import number, text
from data.sources.fits_file.times.time_texts import by_astropy, to_utc
from data.sources.fits_file.times.time_units import seconds_of

# The standard's first; JD is what cameras' programs write.
_DAYS = dict.fromkeys(("MJD-AVG", "MJD-OBS", "MJD-BEG", "MJD-END", "MJD"), "mjd")
_DAYS |= dict.fromkeys(("JD-OBS", "JD_OBS", "JD", "JD_UTC"), "jd")
# Of the middle of the solar system, or the Sun, in whose frame light came up to 8.3 minutes sooner or later.
_BARYCENTRIC = ("BJD", "BJD_TDB", "BJD-OBS", "BJD_OBS", "BJDTDB", "HJD", "HJD_UTC", "HJD-OBS")
_EARLIEST_JD = 2.39e6  # in 1831; smaller ones are reduced in some way
DAY_S = 86400.0
_HOURS = re.compile(r"\b(?:h|hr|hrs|hours?)\b", re.IGNORECASE)
_SECONDS = re.compile(r"\b(?:s|sec|secs|seconds?)\b", re.IGNORECASE)
_CLOCK_DIGITS = re.compile(r"([01]\d|2[0-4])([0-5]\d)(?:([0-6]\d)(\.\d+)?)?")
_CLOCK_PARTS = re.compile(r"(\d{1,2})[ h]([0-5]?\d)[ m]([0-6]?\d(?:\.\d*)?)s?")
_NOT_OF_A_CLOCK = ("TIME",)  # may be anything that takes time: only with a unit of its own


def counted_time(header: Mapping, scale: str, order: str = "") -> str:
    """UTC of a header's days, or of its time from a reference; "" where it has neither. Raises FrameError."""
    for name, form in _DAYS.items():
        day = number(header, name)
        if not math.isnan(day) and (form == "mjd" or day > _EARLIEST_JD):
            return by_astropy(f"{name} {day}", day, "utc" if name.endswith("_UTC") else scale, form)
    return _from_reference(header, scale, order)


def barycentric_time(header: Mapping) -> tuple[str, str]:
    """UTC by a day that was counted as if seen from the middle of the solar system, and a flag that says so."""
    for name in _BARYCENTRIC:
        day = number(header, name)
        if day > _EARLIEST_JD:
            scale = "utc" if "UTC" in name else "tdb"
            flag = f"its only time is {name}, up to 8.3 min from that on the Earth"
            return by_astropy(f"{name} {day}", day, scale, "jd"), flag
    return "", ""


def _from_reference(header: Mapping, scale: str, order: str) -> str:
    """UTC of TSTART, or of TSTOP, after MJDREF, JDREF or DATEREF, whole or as integer and fraction (FITS 4.0, 9.2)."""
    since = number(header, "TSTART", "TSTOP")
    unit_s = seconds_of(text(header, "TIMEUNIT"))
    if math.isnan(since) or math.isnan(unit_s):
        return ""
    offset = number(header, "TIMEOFFS", "TIMEZERO")
    later_d = (since + (0.0 if math.isnan(offset) else offset)) * unit_s / DAY_S
    for name, form in (("MJDREF", "mjd"), ("JDREF", "jd")):
        whole, rest = number(header, name, f"{name}I"), number(header, f"{name}F")
        if not math.isnan(whole):
            rest = rest if name not in header and not math.isnan(rest) else 0.0
            return by_astropy(f"{name} {whole + rest} and {since}", whole, scale, form, later_d=rest + later_d)
    date = text(header, "DATEREF")
    return by_astropy(date, to_utc(date, order=order), scale, later_d=later_d) if date else ""


def clock_of_number(header: Mapping, card: str) -> str:
    """The clock of a card without colons: hours, seconds of the day, 073001 as text; "" where none can be told.

    Hours where the comment says so, or below 24 without a unit.
    """
    value = header.get(card)
    if isinstance(value, str):
        found = _CLOCK_DIGITS.fullmatch(value.strip()) or _CLOCK_PARTS.fullmatch(value.strip())
        return ":".join(filter(None, (*found.groups()[:2], "".join(filter(None, found.groups()[2:]))))) if found else ""
    count, comments = number(header, card), getattr(header, "comments", {})
    told = str(comments[card]) if comments and card in header else ""
    if _HOURS.search(told):
        return _clock_text(3600 * count)
    if _SECONDS.search(told):
        return _clock_text(count)
    return _clock_text(3600 * count) if 0 <= count < 24 and card not in _NOT_OF_A_CLOCK else ""


def _clock_text(seconds: float) -> str:
    """Seconds of a day as a clock with milliseconds, "" beyond it."""
    ms = round(1000 * seconds) if 0 <= seconds < DAY_S else -1
    if not 0 <= ms < 1000 * DAY_S:
        return ""
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def unclear_clock(header: Mapping, cards: Sequence[str]) -> str:
    """Why no clock is taken from cards that hold numbers of 24 and more; "" where there is none."""
    found = {card: number(header, card) for card in cards if card not in _NOT_OF_A_CLOCK}
    unclear = [f"{card} {count:g}" for card, count in found.items() if count >= 24]
    what = "may be seconds of the day, or a clock without colons: its comment names no unit"
    return f"{unclear[0]} {what}" if unclear else ""
