"""Lists of events on the Sun as they are published, brought to the rows that a CSV would have.

JSON: an answer of the HEK, or SWPC's X-ray flares (`xray-flares-7-day.json`) and edited events
(`edited_events.json`, without places). Text: SWPC's edited events of a day
(`20120719events.txt`), one or several behind each other, whose X-ray flares (XRA) get the place of the optical flare
(FLA) of the same event; NOAA's GOES XRS reports of a year. Tables with a head of their own: ECSV, VOTable. Sources:
Hurlburt et al. (2012, Solar Physics 275, 67); SWPC, README of indices/events; NGDC, format of goes-xrs-report.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data.labels.label_text import text_of

Rows = list[dict[str, str]]

MOST_BYTES = 2**26
SELF_TOLD = {"# %ECSV": "ascii.ecsv", "<VOTABLE": "votable"}
_DATE = re.compile(r"^:Date: *(\d{4}) +(\d{1,2}) +(\d{1,2})")
_EVENT = re.compile(r"^(\d+)\s+\+?\s+(.+)$")
_TIME = re.compile(r"^[ABU]?(\d{2})(\d{2})$")  # after, before, uncertain: the time as it stands
_PLACE = re.compile(r"^([NS])(\d{1,2})([EW])(\d{1,3})$")
_REPORT = re.compile(  # its times are start, end, peak
    r"^31777(\d\d)(\d\d)(\d\d)\D*(\d{4})\D*? +(\d{4})\D*? +(\d{4})\D*? +(?:([NS]\d\d[EW]\d\d)\b)?.*?([ABCMX]) *(\d+)\b"
)
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
    if kind := next((kind for mark, kind in SELF_TOLD.items() if mark in text[:2000].upper()), None):
        return _self_told(path, kind)
    if text.lstrip().startswith(("{", "[")):
        return [cells_of(event) for event in objects_of(text) if isinstance(event, dict)]
    if any(map(_DATE.match, text.splitlines())):
        return list(_with_places(list(_lines(text))))
    if rows := [_of_report(found) for line in text.splitlines() if (found := _REPORT.match(line))]:
        return rows
    return None


def _self_told(path: Path, kind: str) -> Rows:
    """The rows of a table that tells how it is read."""
    from astropy.table import Table  # imported late: it costs a second

    try:
        table = Table.read(path, format=kind)
    except Exception as error:  # of many kinds
        raise FormError(f"is no {kind} that astropy reads: {error}") from None
    plain = Table({name: [str(cell) for cell in table[name]] for name in table.colnames})
    return [cells_of(dict(zip(plain.colnames, row, strict=True))) for row in plain.iterrows()]


def _of_report(found: re.Match) -> dict[str, str]:
    year, month, day, start, end, peak, place, letter, tenths = found.groups()
    date = f"{'19' if year >= '70' else '20'}{year}-{month}-{day}"
    times = {name: _time(date, word) for name, word in (("start", start), ("peak", peak), ("end", end))}
    return times | {"class": f"{letter}{int(tenths) / 10:g}", "location": place or "", "type": "flare"}


def plain_name(name: object) -> str:
    """A column's name in small letters, with _ for blanks and signs."""
    return re.sub(r"\W+", "_", str(name).strip().lower()).strip("_")


def objects_of(text: str) -> list:
    """The events of a JSON text: a list, or the HEK's {"result": [...]}. Raises FormError."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if (lines := _of_lines(text)) is not None:
            return lines
        raise FormError(f"is not valid JSON: {error}") from None
    some = (
        value.get("result") or _of_columns(value) or ([value] if "start" in value else None)
        if isinstance(value, dict)
        else value
    )
    if not isinstance(some, list):
        raise FormError('is JSON, but no list of events, nor one under "result", as of the HEK')
    return some


def _of_lines(text: str) -> list | None:
    """The objects of JSON lines; None where one of them is none."""
    try:
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return None
    return found if all(isinstance(one, dict) for one in found) else None


def _of_columns(value: dict) -> list | None:
    """The rows of columns by their names; None of another object."""
    columns = [list(cells.values()) if isinstance(cells, dict) else cells for cells in value.values()]
    if not all(isinstance(cells, list) and len(cells) == len(columns[0]) for cells in columns):
        return None
    return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]


def cells_of(event: dict) -> dict[str, str]:
    """An object of JSON as the cells of a row; those of SWPC's edited events by the names that others have.

    These tell no number of an event, so that no place of an optical flare is that of one in X-rays.
    """
    cells = {plain_name(name): "" if value is None else str(value).strip() for name, value in event.items()}
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
    """Helioprojective arcsec of a place as N17W66 (n17 w66, (N17W66)) on the photosphere, "" where it or the time is
    not told.
    """
    found = _PLACE.match(re.sub(r"[\s(),°]+", "", place).upper())
    if not found or not time:
        return "", ""
    lat = int(found[2]) * (1 if found[1] == "N" else -1)
    lon = int(found[4]) * (1 if found[3] == "W" else -1)
    return arcsec_of(lat, lon, time)


def arcsec_of(lat_deg: float, lon_deg: float, time: str) -> tuple[str, str]:
    """Helioprojective arcsec of Stonyhurst's degrees, as seen from Earth."""
    # Imported late: it costs a second, and only lists with places need it.
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from sunpy.coordinates import HeliographicStonyhurst, Helioprojective

    frame = HeliographicStonyhurst(obstime=time)
    there = SkyCoord(lon_deg * u.deg, lat_deg * u.deg, frame=frame).transform_to(
        Helioprojective(obstime=time, observer="earth")
    )
    x, y = (np.round(v.to_value(u.arcsec), 1) for v in (there.Tx, there.Ty))
    return f"{x:g}", f"{y:g}"
