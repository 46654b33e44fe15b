"""Lists of events on the Sun as they are published, brought to the rows that a CSV would have.

JSON: an answer of the HEK, or SWPC's X-ray flares (`xray-flares-7-day.json`) and edited events
(`edited_events.json`, without places). Text: SWPC's edited events of a day
(`20120719events.txt`), one or several behind each other, whose X-ray flares (XRA) get the place of the optical flare
(FLA) of the same event. Sources: Hurlburt et al. (2012, Solar Physics 275, 67); SWPC, README of indices/events.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data.labels.intervals import text_of

Rows = list[dict[str, str]]

MOST_BYTES = 2**26
_DATE = re.compile(r"^:Date: *(\d{4}) +(\d{1,2}) +(\d{1,2})")
_EVENT = re.compile(r"^(\d+)\s+\+?\s+(.+)$")
_TIME = re.compile(r"^[ABU]?(\d{2})(\d{2})$")  # after, before, uncertain: the time as it stands
_PLACE = re.compile(r"^([NS])(\d{1,2})([EW])(\d{1,3})$")
BEGIN, PEAK, END, TYPE, PLACE, CLASS = 0, 1, 2, 5, 6, 7  # words of a line, behind the number of its event


class FormError(ValueError):
    """A list that is damaged; the message says where, not in which file."""


def published_rows(path: Path) -> Rows | None:
    """The rows of a published list by column names in lower case, "" for what is not known; None of any other file.

    Raises FormError, OSError.
    """
    if (size := path.stat().st_size) > MOST_BYTES:
        raise FormError(f"has {size} bytes; a list of events has at most {MOST_BYTES}")
    text = text_of(path)
    if text.lstrip().startswith(("{", "[")):
        return [cells_of(event) for event in objects_of(text) if isinstance(event, dict)]
    if any(map(_DATE.match, text.splitlines())):
        return list(_with_places(list(_lines(text))))
    return None


def objects_of(text: str) -> list:
    """The events of a JSON text: a list, or the HEK's {"result": [...]}. Raises FormError."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormError(f"is not valid JSON: {error}") from None
    some = value.get("result") if isinstance(value, dict) else value
    if not isinstance(some, list):
        raise FormError('is JSON, but no list of events, nor one under "result", as of the HEK')
    return some


def cells_of(event: dict) -> dict[str, str]:
    """An object of JSON as the cells of a row; those of SWPC's edited events by the names that others have.

    These tell no number of an event, so that no place of an optical flare is that of one in X-rays.
    """
    cells = {str(name).lower(): "" if value is None else str(value).strip() for name, value in event.items()}
    if cells.get("type") != "XRA" or "begin_datetime" not in cells:
        return cells
    times = {name: cells.get(f"{name}_datetime", "") for name in ("begin", "max", "end")}
    return times | {"class": cells.get("particulars1", ""), "type": "flare"}


def _lines(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Date, number and words of every event of SWPC's lists."""
    date = ""
    for line in map(str.strip, text.splitlines()):
        if found := _DATE.match(line):
            date = f"{found[1]}-{int(found[2]):02d}-{int(found[3]):02d}"
        elif date and (found := _EVENT.match(line)) and len(words := found[2].split()) > CLASS:
            yield date, found[1], words


def _with_places(events: list[tuple[str, str, list[str]]]) -> Iterator[dict[str, str]]:
    """A row for each flare in X-rays, at the place of the first optical one of its number."""
    places: dict[tuple[str, str], str] = {}
    for date, number, words in events:
        if words[TYPE] == "FLA" and _PLACE.match(words[PLACE]):
            places.setdefault((date, number), words[PLACE])
    for date, number, words in events:
        if words[TYPE] != "XRA":
            continue
        start, peak, end = (_time(date, words[i]) for i in (BEGIN, PEAK, END))
        x, y = seen_from_earth(places.get((date, number), ""), start)
        name = f"SWPC {date} {number}"
        row = {"id": name, "start": start, "peak": peak, "end": end, "class": words[CLASS], "x": x, "y": y}
        yield row | {"type": "flare"}


def _time(date: str, word: str) -> str:
    """A time of day as UTC, "" where it is missing: ////."""
    found = _TIME.match(word)
    return f"{date}T{found[1]}:{found[2]}:00" if found else ""


def seen_from_earth(place: str, time: str) -> tuple[str, str]:
    """Helioprojective arcsec of a place as N17W66 on the photosphere, "" where it or the time is not told."""
    found = _PLACE.match(place)
    if not found or not time:
        return "", ""
    # Imported late: it costs a second, and only lists with places need it.
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from sunpy.coordinates import HeliographicStonyhurst, Helioprojective

    lat = int(found[2]) * (1 if found[1] == "N" else -1)
    lon = int(found[4]) * (1 if found[3] == "W" else -1)
    frame = HeliographicStonyhurst(obstime=time)
    there = SkyCoord(lon * u.deg, lat * u.deg, frame=frame).transform_to(
        Helioprojective(obstime=time, observer="earth")
    )
    x, y = (np.round(v.to_value(u.arcsec), 1) for v in (there.Tx, there.Ty))
    return f"{x:g}", f"{y:g}"
