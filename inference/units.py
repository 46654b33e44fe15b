"""Units of time in seconds, and those of values that have two signs: a magnetic field, a velocity."""

from functools import lru_cache

from data.reel.contract import AnyReel
from data.sources.fits_file.units import OF_POLARISATION

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86_400.0


@lru_cache(maxsize=64)
def _is_like(unit: str, other: str) -> bool:
    """Whether a unit measures what another one does, as Mx/cm2 and G; False of what is no unit."""
    import astropy.units as u  # late: series without units need none

    told = u.Unit(unit, parse_strict="silent")
    return not isinstance(told, u.UnrecognizedUnit) and told.is_equivalent(other)


def is_magnetic(reel: AnyReel) -> bool:
    """Whether its values are a magnetic field or its flux density (Mx/cm2), which has two signs, or go with it as the
    share of circular polarisation does (V/I)."""
    unit = str(reel.meta.get("unit") or "")
    return unit == OF_POLARISATION or _is_like(unit, "G")


def is_velocity(reel: AnyReel) -> bool:
    """Whether its values are velocities along the line of sight, as a Dopplergram's: more is further away from the
    observer, as HMI's, MDI's and GONG's have it."""
    return _is_like(str(reel.meta.get("unit") or ""), "m/s")


def is_signed(reel: AnyReel) -> bool:
    """Whether its values have two signs that mean the same strength."""
    return is_magnetic(reel) or is_velocity(reel)
