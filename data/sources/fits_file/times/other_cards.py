"""Cards that the standard does not know, and whose names and values say together that they hold when a frame began.

A value must be a clock or a date as ISO writes it, and the name be made of words for dates and clocks and for the
exposure's begin or middle: RA is written as a clock too, and what a file was made at is no time of its frame.
"""

import re
from collections.abc import Mapping

from data.sources.fits_file.cards import text

_CLOCK_WORDS = "TIME|TIM|UTC|UT|CLOCK"
_BEGINS = "OBS|START|STRT|STAR|STA|STR|BEGIN|BEG|EXPSTART|EXPSTRT|EXPBEG|ACQ|SHUTOPEN|AVG|MID|MIDDLE|STAMP|STMP"
_OF_CLOCKS = re.compile(rf"(?=.*(?:{_CLOCK_WORDS}))(?:(?:{_CLOCK_WORDS}|{_BEGINS})[-_ ]?){{1,4}}")
_OF_DATES = re.compile(
    rf"(?=.*(?:DATE|DAT|{_CLOCK_WORDS}))(?!DATE$|TIME$)(?:(?:DATE|DAT|{_CLOCK_WORDS}|{_BEGINS})[-_ ]?){{1,4}}"
)
_CLOCK = re.compile(r"[0-2]?\d:[0-5]\d:[0-6]\d(?:\.\d*)?Z?")
_DATE = re.compile(r"\d{4}[-/]\d\d[-/]\d\d(?:[T ]+[0-2]\d:[0-5]\d(?::[0-6]\d(?:\.\d*)?)?Z?)?")
_IN_NAME = re.compile(r"TIM|DAT|UT|JD", re.IGNORECASE)
_LOOKS_LIKE_A_TIME = re.compile(r"\d{4}-\d\d-\d\d|\d\d?:\d\d")
MOST_TOLD = 4  # cards in a reason


def clocks(header: Mapping) -> list[str]:
    """What cards as OBS-TIME and TIME-BEG hold, those of the middle of an exposure last."""
    return _values(header, _OF_CLOCKS, _CLOCK)


def dates(header: Mapping) -> list[str]:
    """What cards as DATE-STA and UT-START hold, those of the middle of an exposure last."""
    return _values(header, _OF_DATES, _DATE)


def _values(header: Mapping, names: re.Pattern, values: re.Pattern) -> list[str]:
    cards = [name for name in dict.fromkeys(map(str, header)) if names.fullmatch(name.upper())]
    cards.sort(key=lambda name: bool(re.search("AVG|MID", name.upper())))
    return [told for name in cards if values.fullmatch(told := text(header, name))]


def like_times(header: Mapping) -> str:
    """Names of cards that may hold times and are not taken for one of their frame; "" where there are none."""
    names = [name for name in dict.fromkeys(map(str, header)) if _IN_NAME.search(name)]
    return ", ".join([name for name in names if _LOOKS_LIKE_A_TIME.search(text(header, name))][:MOST_TOLD])
