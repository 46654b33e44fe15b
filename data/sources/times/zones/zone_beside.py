"""Zones that are told beside times: in the name of their column, as `Date Time, GMT-05:00`, in a column of their own,
or as a place behind each cell (`2024-03-05T10:00+01:00[Europe/Berlin]`)."""

import re
from dataclasses import replace
from functools import cache
from zoneinfo import available_timezones

import pandas as pd

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times.zones.zone_names import known_names

# Columns whose words may be zones, as `tz_cd` and `Cycle timezone`, and whose numbers may be hours, minutes or seconds.
_COLUMNS = re.compile(r"(?:^|[^a-z])(?:tz|zone|tzinfo|offset)(?:[^a-z]|$)|time[ _]?zone|(?:utc|gmt|tz)offset")
_OFFSETS = re.compile(r"(?:utc|gmt|tz|timezone|time[ _]zone)[ _.]?offset|offset[ _.](?:utc|gmt)")
LOOKED_AT = 1000  # cells of a column
MOST_ODD = 0.02  # of the cells of a column of zones that are none
LONGEST_H = (-12, 14)  # of all zones
_OFFSET = r"[+-]\d{1,2}(?::?\d\d)?"
_NAMED_OFFSET = re.compile(rf"(?:UTC|GMT)\s*({_OFFSET})\b", re.IGNORECASE)
_PDH = re.compile(r"\(PDH-[CT]SV \d\.\d\) \(.*\)\((-?\d{1,3})\)$")  # Windows: minutes behind UTC
_SHORT = re.compile(r"(?:^|[\s,;_(\[/])([A-Z]{3,5})[)\]]?$")
_PLACE = re.compile(r"\s*[(\[]?\b([A-Z][A-Za-z]+/[A-Za-z_]+(?:/[A-Za-z_]+)?)[)\]]?$")
_MAY_BE_PLACE = re.compile(r"[A-Za-z]/[A-Z][A-Za-z_]+[)\]]?$")
_LOCAL = re.compile(r"(?:^|[^a-z])(?:local|ortszeit|lokalzeit|lt|lst)(?:[^a-z]|$)|localtime", re.IGNORECASE)
_SAYS_ZONE = re.compile(r":\d\d(?:\.\d+)?\s*(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)$|\dZ$")
LOCAL = "taken as UTC, and its name says local time; prep.time_zone says of where, e.g. Europe/Zurich"


def zone_in_name(name: str) -> str:
    """The zone that the name of a column tells: an offset as -05:00, a short name as CET, a place; "" where none."""
    if found := _PDH.match(name):
        ahead = -int(found[1])
        return f"{'+' if ahead >= 0 else '-'}{abs(ahead) // 60:02d}:{abs(ahead) % 60:02d}"
    if found := _NAMED_OFFSET.search(name):
        return offset_text(found[1])
    if (found := _PLACE.search(name)) and found[1] in _places():
        return found[1]
    found = _SHORT.search(name)
    return found[1] if found and found[1] in known_names() else ""


def says_local(name: str) -> bool:
    """Whether the name of a column tells that its times are local ones."""
    return bool(_LOCAL.search(name))


def offset_text(text: str) -> str:
    """An offset as +HH:MM: of +2, -0530, +05:30."""
    sign, digits = text[0], text[1:].replace(":", "")
    hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "00")
    return f"{sign}{int(hours):02d}:{minutes}"


def zoned(column: pd.Series, prep: PrepConfig) -> tuple[pd.Series, PrepConfig, str]:
    """Cells with the zone that stands beside them, the settings with its place, and which zone that is, "" none.

    Cells that say their zone themselves stay as they are. Raises TableError where cells are of several places.
    """
    if column.dtype.kind in "biufcm" or getattr(column.dtype, "tz", None) is not None:
        return column, prep, ""
    if column.dtype.kind != "M":
        some = column.dropna().iloc[:: max(1, len(column) // LOOKED_AT)].astype("string").str.strip()
        own = some.str.contains(_SAYS_ZONE).any()
        if some.str.contains(_MAY_BE_PLACE).any():
            text, places = _without_places(column.astype("string").str.strip())
            if places:
                own = text.dropna().str.contains(_SAYS_ZONE).all()
                return text, prep if own else _at(places, prep), "" if own else places[0]
        if own:
            return column, prep, ""
    zone = zone_in_name(str(column.name or ""))
    if "/" in zone:
        return column, _at([zone], prep), "" if prep.time_zone else zone
    if not zone or (zone[0] not in "+-" and prep.time_zone):
        return column, prep, ""
    text = column.astype("string").str.strip()
    if column.dtype.kind == "M":
        text = column.dt.strftime("%Y-%m-%dT%H:%M:%S.%f").astype("string")
    return with_zone(text, zone if zone[0] in "+-" else f" {zone}"), prep, f"UTC{zone}" if zone[0] in "+-" else zone


def with_zone(text: pd.Series, zone: str | pd.Series) -> pd.Series:
    """Texts with a zone behind those that have a clock."""
    return text.where(~text.str.contains(":", na=False), text + zone)


def zone_column(table: pd.DataFrame, time: pd.Series) -> tuple[str, pd.Series] | None:
    """The column that tells the zones of times, and what is to stand behind each of them; None without one."""
    if time.dtype.kind in "biufcm" or getattr(time.dtype, "tz", None) is not None:
        return None
    for name in table.columns:
        plain = str(name).lower().strip("_ ")
        if name == time.name or not (_COLUMNS.search(plain) or _OFFSETS.search(plain)):
            continue
        cells = table[name]
        is_offset = cells.dtype.kind in "iuf" and _OFFSETS.search(plain)
        found = _of_numbers(cells) if is_offset else _of_texts(cells)
        if found is not None:
            return str(name), found
    return None


def beside(table: pd.DataFrame, time: pd.Series) -> tuple[pd.Series, dict[str, str]]:
    """Times with the zones of the column that tells them, and what to say of that column."""
    found = zone_column(table, time)
    if found is None:
        return time, {}
    name, zones = found
    is_typed = time.dtype.kind == "M"
    text = time.dt.strftime("%Y-%m-%dT%H:%M:%S.%f") if is_typed else time
    text = text.astype("string").str.strip()
    if text.str.contains(_SAYS_ZONE, na=False).any():
        return time, {name: "time, the zone"}
    return with_zone(text, zones), {name: "time, the zone"}


def _of_numbers(cells: pd.Series) -> pd.Series | None:
    """Offsets in hours, in minutes or in seconds, as text."""
    known = cells.dropna()
    units = (per_h for per_h in (1, 60, 3600) if (known / per_h).between(*LONGEST_H).all())
    per_h = next((per_h for per_h in units if not (known / per_h * 4 % 1).any()), None)
    if not len(known) or per_h is None:
        return None
    hours = cells / per_h
    minutes = (hours.abs() * 60).round()
    texts = [
        f"{'-' if hour < 0 else '+'}{int(m // 60):02d}:{int(m % 60):02d}" if m == m else ""
        for hour, m in zip(hours, minutes, strict=True)
    ]
    return pd.Series(texts, cells.index, dtype="string")


def _of_texts(cells: pd.Series) -> pd.Series | None:
    """Zones in words as they stand behind times."""
    if cells.dtype.kind in "biufcmM":
        return None
    text = cells.astype("string").str.strip().fillna("")
    kinds = {word: _behind(word) for word in text.unique()}
    odd = text[text != ""].isin([word for word, kind in kinds.items() if not kind])
    if not any(kinds.values()) or odd.sum() > max(1, MOST_ODD * len(odd)):  # a row of units may be among them
        return None
    return text.map(kinds).astype("string")


def _behind(word: str) -> str:
    """What stands behind a time for a zone; "" where it is none."""
    if word in ("Z", "UTC", "GMT", "UT"):
        return "Z"
    if found := re.fullmatch(rf"(?:UTC|GMT)?\s*({_OFFSET})", word):
        return offset_text(found[1])
    return f" {word}" if word in known_names() or word in _places() else ""


def _without_places(text: pd.Series) -> tuple[pd.Series, list[str]]:
    """Texts without the places behind them, and which these are."""
    found = text.str.extract(_PLACE)[0]
    places = sorted(found.dropna().unique())
    if not places or not set(places) <= _places():
        return text, []
    return text.str.replace(_PLACE, "", regex=True), places


def _at(places: list[str], prep: PrepConfig) -> PrepConfig:
    if len(places) > 1:
        raise TableError(
            f"its times are in several zones, {' and '.join(places[:3])}; write them with +02:00, or in UTC"
        )
    return prep if prep.time_zone else replace(prep, time_zone=places[0])


@cache
def _places() -> frozenset[str]:
    return frozenset(available_timezones())
