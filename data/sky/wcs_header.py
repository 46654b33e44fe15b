"""The WCS of a solar frame from its FITS header, in plain arithmetic: pass 1 of prep reads thousands of headers.

What this does not read, sunpy does; a test compares both for the instruments whose headers sunpy has.
"""

import math
from collections.abc import Mapping
from copy import copy
from dataclasses import astuple, replace
from functools import lru_cache
from typing import Any

import numpy as np

from data.sky.wcs import FrameWcs
from data.sky.wcs_axes import with_axes
from data.sky.wcs_disc import projection_by_disc
from data.sky.wcs_skew import ARCSEC, MATRICES, SKEW_LIMIT, without_skew
from data.sky.wcs_spelling import AU_M, OBSERVER, as_the_standard, number_of
from data.sky.wcs_sunpy import ON_EARTH, read_by_sunpy

R_SUN_M = 6.957e8  # nominal solar radius, IAU 2015 resolution B3
CARRINGTON_MINUTES = 27.2753 * 1440  # mean synodic rotation
LARGEST = (1e6, 1e6, 1e3, 1e3, 1e5, 1e5, 360.0, 1e5, 360.0, 90.0, 1e14)  # of each field; beyond is no solar frame
UNFIT = 0.05  # of an apparent radius; distances are known to 0.001, radii of the Sun differ by 0.0005
LARGEST_OFFSET_ARCSEC = 3e5  # of the first pixel from the reference
SMALL_FIELD_DEG = (
    1.0  # from the reference point, within which all zenithal projections are one: r^3 / 3 = 0.4 arcsec at its edge
)
ZENITHAL = ("TAN", "ARC", "SIN", "STG", "ZEA")
# Cards of which sunpy's maps make more than plain arithmetic: SECCHI's RSUN, orbits of SUVI, EUI, EIT and others.
SUNPY_KNOWS_MORE = ("OBSGEO-X", "HCIX_OBS", "HEC_X", "HAEX_OBS", "RSUN", "FNDLMBMI")

NEAR_EARTH = 0.03  # of an au: Earth's own distance, and L1's, differ by less
# Cards of spacecraft that are not near Earth, and of their orbits.
ELSEWHERE = ("HGLN_OBS", "CRLN_OBS", "HCIX_OBS", "HEC_X", "HAEX_OBS", "HEEX_OBS", "HEQX_OBS")


def apparent_radius_arcsec(dsun_m: float) -> float:
    """Apparent solar radius from a distance to the Sun's centre in metres."""
    return math.degrees(math.asin(R_SUN_M / dsun_m)) * 3600


def place(header: Mapping, shape: tuple[int, int], time_utc: str) -> tuple[FrameWcs | None, str, str]:
    """Where a frame (H, W) lies on the sky, or why that is not known, and a flag about what was assumed."""
    header, named = with_axes(header, shape)
    if "CTYPE1" not in header:
        return _by_disc(header, shape, time_utc)
    header, assumed = as_the_standard(header, shape)
    header, turned = _with_turn(header)
    header, skewed = without_skew(header, shape)
    flag, wcs = "", from_header(header, time_utc) if _is_plain(header) else None
    try:
        if wcs is None:
            cards, flag = read_by_sunpy(header, shape)
            if flag and not _is_near_earth(header):
                raise ValueError(f"header does not tell where its observer is, {header['DSUN_OBS']} m from the Sun")
            _check_projection(cards, shape)
            wcs = _possible(FrameWcs(*_projection(cards), *_observer(cards, time_utc)))
    except (KeyError, ValueError, OverflowError, ZeroDivisionError) as error:
        wcs, flag = _without_sunpy(header, time_utc, str(error))
        if wcs is None:
            return None, str(error), ""
    wcs, unfit = _of_one_radius(wcs, has_observer=not flag, is_named="RSUN_OBS" in header)
    return wcs, "", "; ".join(filter(None, (named, assumed, turned, skewed, flag, unfit)))


def _without_sunpy(header: Mapping, time_utc: str, why: str) -> tuple[FrameWcs | None, str]:
    """The WCS that the plain cards of a header tell where sunpy's map of its instrument asks for others, as EIT's for
    SOLAR_R, and flags. Where it has no observer either that is Earth, but for spacecraft, which tell where they are.
    """
    cards = dict(header) | _as_tangent(header)
    wcs, assumed = from_header(cards, time_utc), ""
    if wcs is None and _is_near_earth(header) and not any(name in header for name in ELSEWHERE):
        radius = {"RSUN_OBS": header["RSUN_OBS"]} if "RSUN_OBS" in header else {}
        projection = {name: value for name, value in cards.items() if name not in OBSERVER}
        wcs = from_header(projection | radius | _of_earth(time_utc), time_utc)
        assumed = f"; {ON_EARTH}"
    return wcs, f"placed by its plain cards: {why}{assumed}" if wcs else ""


def _is_near_earth(header: Mapping) -> bool:
    """Whether a header tells no distance from the Sun that is not Earth's."""
    return abs(number_of(header, "DSUN_OBS", AU_M) / AU_M - 1) < NEAR_EARTH


def _as_tangent(header: Mapping) -> dict[str, str]:
    """Solar X and Y, in arcsec, are the angles of a tangent plane (Thompson 2006, section 3.1)."""
    axes = [str(header.get(f"CTYPE{axis}", "")).strip().lower().replace("-", "_") for axis in (1, 2)]
    if axes != ["solar_x", "solar_y"]:
        return {}
    units = {f"CUNIT{axis}": str(header.get(f"CUNIT{axis}", "")).strip() or "arcsec" for axis in (1, 2)}
    return {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", **units}


def _by_disc(header: Mapping, shape: tuple[int, int], time_utc: str) -> tuple[FrameWcs | None, str, str]:
    """`place` of a header without a WCS, which may tell the disc."""
    try:
        cards, flag = projection_by_disc(header, shape, lambda: apparent_radius_arcsec(_of_earth(time_utc)["DSUN_OBS"]))
        cards |= _of_earth(time_utc)
        return _possible(FrameWcs(*_projection(cards), *_observer(cards, time_utc))), "", flag
    except ValueError as error:
        return None, str(error), ""


def _of_one_radius(wcs: FrameWcs, has_observer: bool, is_named: bool) -> tuple[FrameWcs, str]:
    """A WCS whose apparent radius of the Sun is that of its distance, and a flag where the header's was another: it may
    be in pixels, as SOLAR_R and R_SUN of many are. RSUN_OBS stays where an observer is not told but assumed.
    """
    by_distance = apparent_radius_arcsec(wcs.dsun_m)
    if abs(wcs.rsun_arcsec / by_distance - 1) < UNFIT:
        return wcs, ""
    told = f"solar radius {wcs.rsun_arcsec:.4g} arcsec does not fit its distance"
    if is_named and not has_observer:
        return wcs, f"{told}: the observer is not where it was taken to be"
    return replace(wcs, rsun_arcsec=by_distance), f"{told}: taken as {by_distance:.4g}"


def _with_turn(header: Mapping) -> tuple[Mapping, str]:
    """A header with its roll in CROTA2, and a flag where other cards tell it: LASCO's CROTA1, and EIT's SC_ROLL.

    SOHO flies upside down half of the time, and EIT's files show what its camera saw. Of rolls that are no half turn
    the sign of SC_ROLL is not documented, and they are within a degree: left out, as sunpy does.
    """
    if any(name in header for name in (*MATRICES, "CROTA2")):
        return header, ""
    card = next((name for name in ("CROTA1", "CROTA") if number_of(header, name, 0.0)), "")
    if not card and _is_of_eit(header) and abs(number_of(header, "SC_ROLL", 0.0)) > 90:
        card = "SC_ROLL"
    if not card:
        return header, ""
    turned: Any = copy(header)
    turned["CROTA2"] = number_of(header, card)
    return turned, f"roll by {card}, for the header has no CROTA2"


def _is_of_eit(header: Mapping) -> bool:
    return "EIT" in (str(header.get("INSTRUME", "")).strip(), str(header.get("TELESCOP", ""))[-4:-1])


def from_header(header: Mapping, time_utc: str) -> FrameWcs | None:
    """The helioprojective WCS that a header holds, or None when it is incomplete, no TAN projection or impossible.

    Reads CRPIX, CRVAL, CUNIT, CDELT with PC or CROTA2, or CD, DSUN_OBS, RSUN_OBS (else from DSUN_OBS), and the observer
    from HGLN_OBS, HGLT_OBS or CRLN_OBS, CRLT_OBS. AIA has HAE coordinates besides, which sunpy prefers; they differ
    from HGLN_OBS by 0.01 deg. Keywords: Thompson (2006), sections 2, 8 and 9.
    """
    try:
        return _possible(FrameWcs(*_projection(header), *_observer(header, time_utc)))
    except (KeyError, ValueError, OverflowError, ZeroDivisionError):
        return None


def _possible(wcs: FrameWcs) -> FrameWcs:
    """The same. Raises ValueError for what no solar frame has."""
    values = astuple(wcs)
    possible = all(math.isfinite(v) and abs(v) <= most for v, most in zip(values, LARGEST, strict=True))
    possible &= max(abs(wcs.crpix1 * wcs.cdelt1), abs(wcs.crpix2 * wcs.cdelt2)) < LARGEST_OFFSET_ARCSEC
    if not (possible and wcs.rsun_arcsec > 0 and wcs.dsun_m > R_SUN_M and wcs.scale_arcsec > 1e-3):
        raise ValueError("its WCS is impossible")
    return wcs


def _is_plain(header: Mapping) -> bool:
    """Whether sunpy reads nothing else from a header than `from_header` does; AIA's orbit apart, see there."""
    if str(header.get("INSTRUME", "")).startswith(("AIA", "HMI")):
        return True
    return not any(name in header for name in SUNPY_KNOWS_MORE)


def _check_projection(cards: dict, shape: tuple[int, int]) -> None:
    """Let another projection pass for a tangent plane where the field is so small that it is one.

    Raises ValueError for others.
    """
    name = cards["CTYPE1"][-3:]
    corners = np.array([[x, y] for x in (0, shape[1]) for y in (0, shape[0])]) - [cards["CRPIX1"], cards["CRPIX2"]]
    matrix = np.array([[cards[f"CD{i}_{j}"] for j in (1, 2)] for i in (1, 2)])
    reach_deg = float(np.hypot(*(matrix @ corners.T)).max())
    if name == "TAN":
        return
    if name not in ZENITHAL or reach_deg > SMALL_FIELD_DEG:
        raise ValueError(f"projection {name}, {reach_deg:.3g} degrees from its reference, is no tangent plane")
    cards |= {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN"}


def _projection(header: Mapping) -> tuple[float, float, float, float, float, float, float]:
    """CRPIX1, CRPIX2, CDELT1, CDELT2 and CRVAL1, CRVAL2 in arcsec, CROTA2 in degrees."""
    if [header.get("CTYPE1"), header.get("CTYPE2")] != ["HPLN-TAN", "HPLT-TAN"]:
        raise ValueError("not helioprojective")
    unit, other = (ARCSEC[str(header.get(f"CUNIT{i}", "")).strip().lower()] for i in (1, 2))
    if unit != other:
        raise ValueError("axes in different units")
    cdelt1, cdelt2, crota2 = _scales_and_turn(header)
    crpix1, crpix2, crval1, crval2 = (number_of(header, f"{name}{i}") for name in ("CRPIX", "CRVAL") for i in (1, 2))
    return crpix1, crpix2, cdelt1 * unit, cdelt2 * unit, unit * crval1, unit * crval2, crota2


def _scales_and_turn(header: Mapping) -> tuple[float, float, float]:
    """CDELT1, CDELT2 and CROTA2 in degrees; from the CD or PC matrix where there is one. Raises ValueError for skew."""
    index = ((1, 1), (1, 2), (2, 1), (2, 2))
    if any(f"CD{i}_{j}" in header for i, j in index):
        cd = [number_of(header, f"CD{i}_{j}", 0.0) for i, j in index]
    else:
        steps = {i: number_of(header, f"CDELT{i}") for i in (1, 2)}
        if not any(f"PC{i}_{j}" in header for i, j in index):
            return steps[1], steps[2], number_of(header, "CROTA2", 0.0)
        cd = [number_of(header, f"PC{i}_{j}", float(i == j)) * steps[i] for i, j in index]
    turn = math.atan2(cd[2], cd[0])
    cdelt1, cdelt2 = math.hypot(cd[0], cd[2]), math.copysign(math.hypot(cd[1], cd[3]), cd[0] * cd[3] - cd[1] * cd[2])
    skew = math.hypot(cd[1] + cdelt2 * math.sin(turn), cd[3] - cdelt2 * math.cos(turn))
    if skew > SKEW_LIMIT * abs(cdelt2):
        raise ValueError("skewed axes")
    return cdelt1, cdelt2, math.degrees(turn)


def _observer(header: Mapping, time_utc: str) -> tuple[float, float, float, float]:
    """Apparent solar radius in arcsec, Stonyhurst longitude and latitude in degrees, distance in metres."""
    dsun_m = number_of(header, "DSUN_OBS")
    rsun_arcsec = number_of(header, "RSUN_OBS", apparent_radius_arcsec(dsun_m))
    if header.get("HGLN_OBS") is not None:
        return rsun_arcsec, number_of(header, "HGLN_OBS"), number_of(header, "HGLT_OBS"), dsun_m
    from_earth = number_of(header, "CRLN_OBS") - _earth_carrington_deg(time_utc)
    return rsun_arcsec, (from_earth + 180) % 360 - 180, number_of(header, "CRLT_OBS"), dsun_m


def _of_earth(time_utc: str) -> dict[str, float]:
    """Cards of an observer on Earth, to 0.005 degrees."""
    latitude_deg, dsun_m = _hour_of_earth(f"{time_utc[:13]}:30")
    return {"HGLN_OBS": 0.0, "HGLT_OBS": latitude_deg, "DSUN_OBS": dsun_m}


@lru_cache(maxsize=64)
def _hour_of_earth(time_utc: str) -> tuple[float, float]:
    from sunpy.coordinates.sun import B0, earth_distance  # late: it costs seconds

    return float(B0(time_utc).deg), float(earth_distance(time_utc).to_value("m"))


def _earth_carrington_deg(time_utc: str) -> float:
    """Carrington longitude of Earth, to 0.001 deg."""
    minutes = (np.datetime64(time_utc) - np.datetime64(f"{time_utc[:13]}:30")) / np.timedelta64(1, "m")
    return _hour_carrington_deg(f"{time_utc[:13]}:30") - minutes * 360 / CARRINGTON_MINUTES


@lru_cache(maxsize=64)
def _hour_carrington_deg(time_utc: str) -> float:
    """Once an hour of frames: it takes 17 ms."""
    from sunpy.coordinates.sun import L0  # late: it costs seconds, and only HMI and the like need it

    return float(L0(time_utc).deg)
