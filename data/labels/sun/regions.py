"""Active regions that NOAA has numbered: the HEK's list of them (JSON or CSV), or SWPC's Solar Region Summary (SRS).

A row that tells no number or no place is passed over, and counted with the reason: the HEK holds regions of other
finders without NOAA's number, and a summary names those that are due to return.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from data.labels.sun.catalog import CatalogError, read_rows, time_of
from data.labels.sun.published import FormError, objects_of
from data.messages import logger
from data.sources.base import FrameError
from data.sources.times.utc import parse_utc

log = logger(__name__)

COLUMNS = ("number", "time", "lon_deg", "lat_deg")
MOST_BYTES = 2**26
# Numbers passed 9999 on 2002-06-14; SWPC goes on writing the last four digits.
RENUMBERED, WRAP = np.datetime64("2002-06-01"), 10_000
LAST_UNWRAPPED = 9_000  # of those written in the first year after: still without the fifth digit
NUMBER, LON, LAT = "ar_noaanum", "hgs_x", "hgs_y"
TIMES = ("event_starttime", "start")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISSUED = re.compile(r":Issued: +(\d{4}) +([A-Za-z]{3})[a-z]* +(\d{1,2})", re.IGNORECASE)
_NUMBERED = re.compile(r"Issued at +\d{4}Z +on +(\d{1,2}) +([A-Za-z]{3})[a-z]* +(\d{4})", re.IGNORECASE)
_VALID = re.compile(r"Locations Valid at +(\d{1,2})/(\d{2})(\d{2})Z", re.IGNORECASE)
_PLACE = re.compile(r"^([NS])(\d{1,2})([EW])(\d{1,3})\*?$", re.IGNORECASE)
_SECTION = re.compile(r"^(I|IA|II)\.\s")


class Skip(ValueError):
    """Why a row says nothing of a numbered region."""


def read_regions(path: str | Path) -> pd.DataFrame:
    """Places of numbered regions with COLUMNS, in the order of their times; several of one region are several rows.

    time: datetime64[ms] UTC, when it was there. lon_deg, lat_deg: Stonyhurst, west is positive.
    Raises CatalogError where no row can be used, OSError where there is no such file.
    """
    path = Path(path)
    if (size := path.stat().st_size) > MOST_BYTES:
        raise CatalogError(f"{path} has {size} bytes; a list of regions has at most {MOST_BYTES}")
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    form, rows = _form_of(path, text)
    found, skipped = [], Counter()
    for take in rows:
        try:
            found.append(take())
        except Skip as reason:
            skipped[str(reason)] += 1
    told = ", ".join(f"{count} {reason}" for reason, count in skipped.most_common())
    if not found:
        raise CatalogError(
            f"eval.regions {path}, read as {form}, names no region with a number and a place"
            f"{told and f' (passed over: {told})'}; allowed are a list of the HEK (JSON or CSV with {NUMBER}, {LON}, "
            f"{LAT}, {TIMES[0]}) and SWPC's Solar Region Summary (SRS)"
        )
    if skipped:
        log.info(f"{path}: {sum(skipped.values())} of {len(found) + sum(skipped.values())} rows passed over: {told}")
    table = pd.DataFrame(found, columns=list(COLUMNS)).astype({"time": "datetime64[ms]"})
    return table.drop_duplicates().sort_values(["time", "number"], kind="stable").reset_index(drop=True)


Row = tuple[int, np.datetime64, float, float]


def _form_of(path: Path, text: str) -> tuple[str, Iterator[Callable[[], Row]]]:
    """What a file is, and its rows, each of which gives a region or raises Skip."""
    if text.lstrip().startswith(("{", "[")):
        return "JSON of the HEK", ((lambda cells=cells: _of_hek(cells)) for cells in _objects(path, text))
    if _ISSUED.search(text) or _NUMBERED.search(text) or "Regions with Sunspots" in text:
        return "a Solar Region Summary", _of_summary(path, text)
    names, rows = read_rows(path)
    if NUMBER not in names:
        raise CatalogError(
            f"eval.regions {path} is neither JSON nor a Solar Region Summary; as a CSV it lacks the column {NUMBER} "
            f"(it has {', '.join(names[:8])}); name a list of the HEK, or SWPC's SRS"
        )
    return "CSV of the HEK", ((lambda cells=cells: _of_hek(cells)) for cells in rows)


def _objects(path: Path, text: str) -> list:
    """The events of an answer of the HEK."""
    try:
        return objects_of(text)
    except FormError as error:
        raise CatalogError(f"eval.regions {path} {error}") from None


def _of_hek(cells: object) -> Row:
    """A region of one event of the HEK."""
    if not isinstance(cells, dict):
        raise Skip("no event")
    cells = {str(name).lower(): value for name, value in cells.items()}
    kind = str(cells.get("event_type") or "AR")
    if kind.split(":")[0].strip().upper() not in ("AR", "ACTIVE REGION"):
        raise Skip("of another type than AR")
    number = _number(cells.get(NUMBER))
    if not number >= 1 or number != int(number):
        raise Skip("without a NOAA number")
    lon, lat = _number(cells.get(LON)), _number(cells.get(LAT))
    name = next((name for name in TIMES if cells.get(name)), TIMES[0])
    try:
        time = time_of(name, str(cells.get(name) or ""))
    except ValueError:
        raise Skip("without a time") from None
    return _checked(int(number), time, lon, lat)


def _number(value: object) -> float:
    try:
        return float(str(value).strip() or "nan")
    except ValueError:
        return math.nan


def _checked(number: int, time: np.datetime64, lon: float, lat: float) -> Row:
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        raise Skip("without a place")
    return whole_number(number, time), time, lon, lat


def whole_number(number: int, time: np.datetime64) -> int:
    """A region's number with its fifth digit, which lists leave out: 1520 of 2012 is 11520."""
    is_before = time < RENUMBERED or (time < RENUMBERED + np.timedelta64(365, "D") and number >= LAST_UNWRAPPED)
    return number if number >= WRAP or is_before else number + WRAP


def _of_summary(path: Path, text: str) -> Iterator[Callable[[], Row]]:
    """Rows of one summary or of several behind each other, each with the time for which its places are valid."""
    issued, valid, section = None, None, ""
    for line in map(str.strip, text.splitlines()):
        issued = _issued(line) or issued
        if head := _SECTION.match(line):
            section = head[1]
            valid = _valid(line, issued) if section != "II" else None
        elif section and (words := line.split()) and words[0].isdigit():
            if issued is None:
                raise CatalogError(
                    f"eval.regions {path} looks like a Solar Region Summary, but has no line of when it was issued "
                    '(":Issued: 2012 Jul 19 0030 UTC"); take the file as SWPC publishes it'
                )
            yield lambda words=words, valid=valid: _of_line(words, valid)


def _issued(line: str) -> np.datetime64 | None:
    """The day on which a summary was issued, where a line tells it."""
    if found := _ISSUED.search(line):
        year, month, day = found[1], found[2], found[3]
    elif found := _NUMBERED.search(line):
        day, month, year = found[1], found[2], found[3]
    else:
        return None
    try:
        return np.datetime64(parse_utc(f"{year}-{MONTHS.index(month.lower()) + 1:02d}-{int(day):02d}"), "D")
    except (ValueError, FrameError):
        return None


def _valid(line: str, issued: np.datetime64 | None) -> np.datetime64 | None:
    """The time of the places under a heading, as 18/2400Z: of that day of the month, the latest not after the issue."""
    found = _VALID.search(line)
    if issued is None or found is None:
        return issued
    days = issued - np.arange(0, 32).astype("timedelta64[D]")
    day = next((d for d in days if int(str(d)[8:10]) == int(found[1])), issued)
    return day + np.timedelta64(60 * int(found[2]) + int(found[3]), "m")


def _of_line(words: list[str], valid: np.datetime64 | None) -> Row:
    """A region of a line as `1520 S17W89 085 ...`."""
    if valid is None:
        raise Skip("due to return, without a longitude on the disc")
    place = _PLACE.match(words[1]) if len(words) > 1 else None
    if place is None:
        raise Skip("without a place")
    lat = int(place[2]) * (1 if place[1].upper() == "N" else -1)
    lon = int(place[4]) * (1 if place[3].upper() == "W" else -1)
    return _checked(int(words[0]), valid.astype("datetime64[ms]"), lon, lat)
