"""Short names of time zones behind times, as CET and EST: what they may mean, and times without them.

A short name is none: CST is used in Chicago, Shanghai and Havana. So prep.time_zone says what is meant.
"""

import re
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

import pandas as pd

from config import PrepConfig
from data.sources.base import TableError

_NAMED = re.compile(r"^(.*\d(?:\s*[AaPp]\.?\s?[Mm]\.?)?)\s*\(?(?!(?:UTC|GMT)\)?$)([A-Z]{3,5})\)?$")
# One for each of the short names in wide use, the most likely first; which name each has is in the system's data.
_ZONES = (
    *("Europe/Paris", "Europe/London", "Europe/Athens", "Europe/Lisbon", "Europe/Moscow", "Europe/Dublin"),
    *("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Anchorage"),
    *("America/Halifax", "America/St_Johns", "Pacific/Honolulu", "Asia/Tokyo", "Asia/Seoul", "Asia/Shanghai"),
    *("Asia/Hong_Kong", "Asia/Manila", "Asia/Kolkata", "Asia/Karachi", "Asia/Jakarta", "Asia/Jerusalem"),
    *("Africa/Johannesburg", "Africa/Nairobi", "Africa/Lagos"),
    *("Australia/Sydney", "Australia/Adelaide", "Australia/Perth", "Pacific/Auckland"),
)


def without_zone_name(cell: str) -> str:
    """A time without the short name of a zone behind it."""
    found = _NAMED.match(cell)
    return found[1] if found else cell


def without_zone_names(text: pd.Series, prep: PrepConfig) -> pd.Series:
    """Texts without such names, as local times in prep.time_zone.

    Raises TableError where there are some and that is not given, or a zone of other names.
    """
    found = text.str.extract(_NAMED)
    names = sorted(found[1].dropna().unique())
    if not names:
        return text
    told = " and ".join(names[:3])
    if prep.time_zone is None:
        likely = [zone for zone in _ZONES if set(names) <= names_of(zone)][:3]
        example = f", e.g. {' or '.join(likely)}" if likely else ", as Europe/Paris or America/New_York"
        raise TableError(f"its times are in {told}, which may mean several zones; prep.time_zone says which{example}")
    if wrong := set(names) - names_of(prep.time_zone):
        own = " and ".join(sorted(names_of(prep.time_zone)))
        raise TableError(f"its times are in {sorted(wrong)[0]}, and prep.time_zone {prep.time_zone} has {own}")
    return found[0].where(found[1].notna(), text)


@cache
def known_names() -> frozenset[str]:
    """The short names in wide use, but for those of UTC."""
    return frozenset(name for zone in _ZONES for name in names_of(zone) if name.isalpha()) - {"GMT", "UTC"}


def names_of(zone: str) -> set[str]:
    """The short names that a zone has for its times in winter and summer."""
    return {datetime(2024, month, 1, tzinfo=ZoneInfo(zone)).tzname() or "" for month in (1, 7)}
