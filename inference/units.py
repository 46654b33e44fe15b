"""Units of time in seconds, and those of a magnetic field."""

from data.reel.contract import AnyReel

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86_400.0
MAGNETIC = ("G", "kG", "T", "mT")


def is_magnetic(reel: AnyReel) -> bool:
    """Whether its values are a magnetic field, which has two signs."""
    return reel.meta.get("unit") in MAGNETIC
