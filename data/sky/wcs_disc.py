"""The place of a frame whose header tells the Sun's disc in pixels and no WCS, as ground stations and
spectroheliographs write it: Kanzelhoehe's, Meudon's, Sol'Ex with INTI.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

DISC = ("CENTER_X", "CENTER_Y", "SOLAR_R")  # px
LEAST_RADIUS_PX = 8.0
UNFIT = 0.03  # of a radius by CDELT1 against the Sun's: they are fitted to limbs
NO_WCS = "header has no CTYPE1"
BY_DISC = f"{NO_WCS}: placed by {', '.join(DISC)}, observer taken as Earth"
# Kanzelhoehe's ANGLE turns against CROTA2, as those who lay its images over others found (sunpy, issue 1615). What the
# card means elsewhere is not known.
_WITH_ANGLE = re.compile(r"kanz|\bkhpi\b|\bkso\b", re.IGNORECASE)
_STATIONS = ("ORIGIN", "OBSVTRY", "TELESCOP", "INSTRUME")


def projection_by_disc(
    header: Mapping, shape: tuple[int, int], rsun_arcsec: Callable[[], float]
) -> tuple[dict[str, Any], str]:
    """The projection that a frame's (H, W) disc tells, as cards, and a flag. The centre counts from 1, as CRPIX does.

    North is up but for Kanzelhoehe's ANGLE. rsun_arcsec: what gives the Sun's apparent radius. Raises ValueError where
    there is no disc, or an impossible one.
    """
    told: list[Any] = [value for value in map(header.get, DISC) if _is_number(value)]
    if len(told) < len(DISC):
        raise ValueError(NO_WCS)
    x, y, radius_px = map(float, told)
    if not _is_in(shape, x, y, radius_px):
        raise ValueError(f"{NO_WCS}, and a disc of {radius_px:g} px around {x:g}, {y:g} is none of this frame")
    scale = rsun_arcsec() / radius_px
    by_card, unit = header.get("CDELT1"), str(header.get("CUNIT1", "arcsec")).strip().lower()
    if isinstance(by_card, int | float) and unit == "arcsec" and abs(by_card / scale - 1) > UNFIT:
        raise ValueError(f"{NO_WCS}, and SOLAR_R {radius_px:g} px of CDELT1 {by_card:g} arcsec is not the Sun's radius")
    axes = {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec", "CUNIT2": "arcsec"}
    axes |= {"CROTA2": -_angle(header)}
    axes |= {"CRPIX1": x, "CRPIX2": y, "CRVAL1": 0.0, "CRVAL2": 0.0, "CDELT1": scale, "CDELT2": scale}
    return axes, f"{BY_DISC}, {'turned by ANGLE' if axes['CROTA2'] else 'north taken as up'}"


def _angle(header: Mapping) -> float:
    """By how much north is turned, degrees clockwise, of stations whose ANGLE says so; 0 of others."""
    angle: Any = header.get("ANGLE")
    is_theirs = any(_WITH_ANGLE.search(str(header.get(name, ""))) for name in _STATIONS)
    return float(angle) if is_theirs and _is_number(angle) and abs(angle) <= 360 else 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_in(shape: Sequence[int], x: float, y: float, radius_px: float) -> bool:
    """Whether a disc may be what a frame (H, W) shows: limbs of close-ups lie in it, and their centre does not."""
    height, width = shape
    within = all(math.isfinite(v) and -radius_px <= v <= size + radius_px for v, size in ((x, width), (y, height)))
    return within and LEAST_RADIUS_PX <= radius_px <= 10 * max(shape)
