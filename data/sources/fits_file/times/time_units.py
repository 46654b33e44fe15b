"""Units of time as headers of FITS files write them, in seconds."""

import math
from functools import lru_cache

_PLAIN_S = {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0, "hr": 3600.0, "d": 86400.0}
_PLAIN_S |= {"a": 31557600.0, "day": 86400.0, "days": 86400.0, "minute": 60.0, "minutes": 60.0}
_PLAIN_S |= {"hour": 3600.0, "hours": 3600.0, "hrs": 3600.0}
_SECONDS_S = {"sec": 1.0, "msec": 1e-3, "millisec": 1e-3, "usec": 1e-6, "microsec": 1e-6}
_PLAIN_S |= {name + end: seconds for name, seconds in _SECONDS_S.items() for end in ("", "s", "ond", "onds")}


@lru_cache(maxsize=256)
def seconds_of(unit: str, unknown: float = math.nan) -> float:
    """How many seconds one is; a unit that is not told ("") is seconds, `unknown` of what is no unit of time.

    In any case of letters, and, as the FITS standard writes units, with prefixes (cs, STIX' hundredths).
    """
    plain = unit.strip()
    if plain.lower() in _PLAIN_S:
        return _PLAIN_S[plain.lower()]
    import astropy.units as u  # late: few units are unusual

    try:
        return float(u.Unit(plain).to(u.s))
    except (ValueError, TypeError, u.UnitConversionError):
        return unknown
