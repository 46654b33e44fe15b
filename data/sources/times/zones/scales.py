"""Times in scales without leap seconds (TAI, TT, GPS's), as UTC."""

import re

import numpy as np

# How far each runs ahead of TAI, in microseconds; TDB is TT to two milliseconds.
AHEAD_US = {"tai": 0, "gps": -19_000_000, "tt": 32_184_000, "tdt": 32_184_000, "tdb": 32_184_000}
_IN_NAME = re.compile(r"[\s_.(\[](tai|tt|tdt|tdb)[)\]]?$", re.IGNORECASE)
_SAYS_ZONE = re.compile(r"(?:Z|UTC|GMT|[+-]\d\d:?\d\d)$", re.IGNORECASE)


def scale_in_name(name: str) -> str:
    """The scale that the name of a column of times ends with, as `time_tai` and `Time (TT)`; "" without one."""
    found = _IN_NAME.search(name.strip())
    return found[1].lower() if found else ""


def says_zone(cell: str) -> bool:
    """Whether a time says itself how far it is from UTC, whatever its column is called."""
    return bool(_SAYS_ZONE.search(cell.strip()))


def utc_of(times: np.ndarray, scale: str) -> np.ndarray:
    """UTC (N,) datetime64[us], NaT unknown, of times (N,) in a scale of AHEAD_US, by astropy's table of leap seconds.

    A leap second is the second behind it. Before 1972, where UTC had no whole ones, its first difference is taken.
    """
    import erfa  # late: hardly any table needs it

    table = erfa.leap_seconds.get()
    table = table[table["year"] >= 1972]
    since = [
        np.datetime64(f"{year:04d}-{month:02d}", "us")
        for year, month in zip(table["year"], table["month"], strict=True)
    ]
    behind = np.rint(1e6 * table["tai_utc"]).astype(np.int64).astype("timedelta64[us]")
    tai = times.astype("datetime64[us]") - np.timedelta64(AHEAD_US[scale], "us")
    place = np.searchsorted(np.array(since) + behind, tai, side="right") - 1
    return tai - behind[np.clip(place, 0, len(behind) - 1)]
