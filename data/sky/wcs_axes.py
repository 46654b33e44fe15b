"""Axes of headers that do not name them (no CTYPE1), where other cards say that they are solar x and y in arcsec."""

from collections.abc import Mapping
from copy import copy
from typing import Any

from data.sky.wcs_disc import DISC, NO_WCS
from data.sky.wcs_spelling import number_of

# What SolarSoft's maps call the middle of their field, in arcsec from the Sun's centre.
CENTRE = ("XCEN", "YCEN")
_PIXEL, _VALUE = ("CRPIX1", "CRPIX2"), ("CRVAL1", "CRVAL2")
# Cards of an observer of the Sun, which none but its pictures have.
OF_THE_SUN = ("DSUN_OBS", "HGLN_OBS", "HGLT_OBS", "CRLN_OBS", "CRLT_OBS", "SOLAR_B0")
_OTHERS = ("CTYPE1", "CTYPE2", *DISC[:2])


def with_axes(header: Mapping, shape: tuple[int, int]) -> tuple[Mapping, str]:
    """The header of a frame (H, W) with its axes named, and a flag that says by what; as it is where nothing tells.

    Where XCEN and YCEN are there, the axes are the Sun's, as SolarSoft has them: in the middle of the field where no
    reference pixel is told. Where CUNIT tells arcsec, they are in a header that is one of the Sun.
    """
    has = {name for name in (*CENTRE, *_PIXEL, *_VALUE, "CDELT1", "CDELT2") if _has_number(header, name)}
    if any(name in header for name in _OTHERS) or not has >= {"CDELT1", "CDELT2"}:
        return header, ""
    by_pixel, of_sun = has >= {*_PIXEL, *_VALUE}, next((name for name in OF_THE_SUN if name in header), "")
    in_arcsec = {str(header.get(f"CUNIT{axis}", "")).strip().lower().rstrip("s") for axis in (1, 2)} == {"arcsec"}
    found: dict[str, Any] = {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec", "CUNIT2": "arcsec"}
    if has >= set(CENTRE):
        if not by_pixel:
            found |= {_PIXEL[i]: (shape[1 - i] + 1) / 2 for i in (0, 1)}
            found |= {_VALUE[i]: number_of(header, CENTRE[i]) for i in (0, 1)}
        flag = f"{NO_WCS}: axes taken as solar x and y in arcsec by XCEN, YCEN"
    elif by_pixel and in_arcsec and of_sun:
        flag = f"{NO_WCS}: axes taken as solar x and y by CUNIT1 arcsec and {of_sun}"
    else:
        return header, ""
    named: Any = copy(header)
    for name, value in found.items():
        named[name] = value
    return named, flag


def _has_number(header: Mapping, name: str) -> bool:
    try:
        number_of(header, name)
    except KeyError:
        return False
    return True
