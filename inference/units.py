"""Units of time in seconds, and those of values that have two signs: a magnetic field, a velocity."""

from data.reel.contract import AnyReel

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86_400.0
MAGNETIC = ("G", "kG", "T", "mT")
VELOCITY = ("m/s", "km/s", "cm/s")


def is_magnetic(reel: AnyReel) -> bool:
    """Whether its values are a magnetic field, which has two signs."""
    return reel.meta.get("unit") in MAGNETIC


def is_velocity(reel: AnyReel) -> bool:
    """Whether its values are velocities along the line of sight, as a Dopplergram's: more is further away from the
    observer, as HMI's, MDI's and GONG's have it."""
    return reel.meta.get("unit") in VELOCITY
