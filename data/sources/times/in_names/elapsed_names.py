"""Times since a start in the names of pictures: t0.040, 12.5s, 10min, 01d00h01m, 00-01-05.250; clocks without a day."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

UNITS_S = {"ms": 1e-3, "msec": 1e-3, "s": 1.0, "sec": 1.0, "seconds": 1.0, "min": 60.0, "h": 3600.0, "hr": 3600.0}
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?<!\d)(?:(?P<days>\d+)d)?(?P<hours>\d+)h(?P<minutes>[0-5]?\d)m(?:(?P<seconds>[0-5]?\d(?:[.,]\d+)?)s)?(?![A-Za-z\d])",
        r"(?<!\d)(?P<hours>\d\d)(?P<sign>[-_:.])(?P<minutes>[0-5]\d)(?P=sign)(?P<seconds>[0-5]\d[.,]\d{1,6})(?!\d)",
        rf"(?<![\d.])(?P<number>\d+(?:\.\d+)?)[ _]?(?P<unit>{'|'.join(UNITS_S)})(?![A-Za-z\d])",
        r"(?<![A-Za-z])t(?:ime)?[ =_-]?(?P<number>\d+\.\d+)(?!\d)",
    )
)
_HOUR = r"(?P<hour>[01]\d|2[0-3])"
_CLOCKS = tuple(
    re.compile(form)
    for form in (
        rf"(?<!\d)(?P<day>){_HOUR}(?P<sign>[-_:.h])(?P<minute>[0-5]\d)(?:(?P=sign)|m)(?P<second>[0-5]\d)(?!\d)",
        rf"(?<!\d)(?P<day>){_HOUR}(?P<minute>[0-5]\d)(?P<second>[0-5]\d)(?!\d)",
        r"(?<!\d)(?P<day>(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))[-_]?"
        rf"{_HOUR}(?P<minute>[0-5]\d)(?P<second>[0-5]\d)(?!\d)",
    )
)
EVEN = 0.6  # of the steps over the end of a minute, that are as long as the others, where numbers are clocks


def seconds_in_names(names: Sequence[str]) -> list[float]:
    """Seconds since a start of the files of a folder, in the order that they are given; [] where one tells none, or
    they do not rise from each to the next: then what looks so is something else, as an exposure or a view.
    """
    stems = [re.sub(r"\.[A-Za-z][A-Za-z0-9]*$", "", unicodedata.normalize("NFKC", Path(name).name)) for name in names]
    for form in _FORMS:
        found = [[_seconds(match) for match in form.finditer(stem)] for stem in stems]
        if len(names) > 1 and all(len(own) == 1 for own in found):
            seconds = [own[0] for own in found]
            return seconds if (np.diff(seconds) > 0).all() else []
    return seconds_of_clocks(stems)


def seconds_of_clocks(stems: Sequence[str]) -> list[float]:
    """Seconds since the first of names with clocks that have no date, or no year, as 0305095950; [] of others."""
    return next(filter(None, (_of_clocks(form, stems) for form in _CLOCKS)), [])


def _of_clocks(form: re.Pattern, stems: Sequence[str]) -> list[float]:
    """Seconds since the first of clocks without a date, as Jup_095950 and 09_59_50, or without a year, as 0305095950.

    [] of others: numbers are clocks where they go on over the end of a minute by the steps that they have within it.
    """
    found = [form.search(stem) for stem in stems]
    if len(stems) < 3 or None in found:
        return []
    fields = [match.groupdict() for match in found if match]
    try:  # of any leap year
        days = [datetime.strptime(f"2004{one['day'] or '0101'}", "%Y%m%d").toordinal() for one in fields]
    except ValueError:
        return []
    minutes = np.array([60 * int(one["hour"]) + int(one["minute"]) for one in fields]) + 1440 * np.array(days)
    seconds = 60 * minutes + [int(one["second"]) for one in fields]
    if not any(one["day"] for one in fields) and seconds[-1] < seconds[0]:  # one night: order.py puts them so
        is_next = np.r_[0, np.cumsum(np.diff(seconds) < 0)]
        seconds, minutes = seconds + 86_400 * is_next, minutes + 1440 * is_next
    steps, is_over = np.diff(seconds), np.diff(minutes) > 0
    if (steps <= 0).any() or not is_over.any():
        return []
    is_usual = np.abs(steps - np.median(steps)) <= 1
    return (seconds - seconds[0]).tolist() if is_usual[is_over].mean() >= EVEN else []


def _seconds(match: re.Match) -> float:
    fields = match.groupdict()
    if "number" in fields:
        return float(fields["number"]) * UNITS_S[fields.get("unit", "s").lower()]
    seconds = float((fields["seconds"] or "0").replace(",", "."))
    hours = 24 * int(fields.get("days") or 0) + int(fields["hours"])
    return 3600 * hours + 60 * int(fields["minutes"]) + seconds
