"""Cards of a WCS in the ways that archives write them beside the standard's, as the standard has them."""

import math
import re
from collections.abc import Mapping
from copy import copy
from typing import Any

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
AU_M = 1.495978707e11
KM_M = 1e3
_MATRIX = re.compile(r"(PC|CD)00([12])00([12])")  # before FITS 3.0
_CTYPE = re.compile(r"hpl[nt]-[a-z]{3}", re.IGNORECASE)
# As sunpy knows them. Nobeyama's radioheliograph has its axes by where they point, in arcsec, which no card tells.
_AXES = {"SOLARX": "solar_x", "SOLARY": "solar_y", "SOLAR-WEST": "solar_x", "SOLAR-NORTH": "solar_y"}
_BY_UNIT = "ARCSEC"  # what GOES' SXI calls both of its axes
_HELIOPROJECTIVE = re.compile(r"HPL[NT]-[A-Z]{3}|SOLAR[-_][XY]", re.IGNORECASE)
_SCALE_UNIT = re.compile(r"\b(arc-?sec|deg)", re.IGNORECASE)  # in a comment of CDELT
# Fields of pictures of the Sun: no camera sees less, nor more but wider coronagraphs', which tell units.
LEAST_ARCSEC, MOST_DEG = 1.5, 20.0
COARSEST_DEG = 0.1  # a pixel: the Sun would be five pixels wide
_UNITS = (
    (re.compile(r"(arc[- ]?sec(ond)?s?|seconds? of arc|asec|\")", re.IGNORECASE), "arcsec"),
    (re.compile(r"deg(ree)?s?", re.IGNORECASE), "deg"),
    (re.compile(r"rad(ian)?s?", re.IGNORECASE), "rad"),
)
# Distances of observers: in AU those of all spacecraft, in km those which no metre can be, being inside the Sun.
_AS_AU, _AS_KM = (0.01, 100.0), (1e6, 6.957e8)
OBSERVER = ("HGLN_OBS", "HGLT_OBS", "CRLN_OBS", "CRLT_OBS", "DSUN_OBS", "RSUN_OBS")


def number_of(header: Mapping, name: str, default: float | None = None) -> float:
    """A card's number, which some write as text. Raises KeyError when it holds none and there is no default."""
    value = header.get(name)
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if default is None:
        raise KeyError(name)
    return default


def as_the_standard(header: Mapping, shape: tuple[int, int]) -> tuple[Mapping, str]:
    """The header of a frame (H, W) whose cards of the WCS are spelt as FITS and Thompson (2006) do, and a flag about
    what was assumed."""
    found = {name: value for name, value in _texts(header).items() if value != header.get(name)}
    if "PC001001" in header or "CD001001" in header:
        found |= {_MATRIX.sub(r"\1\2_\3", name): header[name] for name in header if _MATRIX.fullmatch(name)}
    (distance, flag), (units, unit_flag) = _distance(header), _missing_units(header, shape)
    found = units | found | distance
    unfilled = {name: str(header[name]) for name in OBSERVER if name in header and not _is_finite(header, name)}
    if not found and not unfilled:
        return header, ""
    spelt: Any = copy(header)
    for name in unfilled:
        del spelt[name]
    for name, value in found.items():
        spelt[name] = value
    told = ", ".join(f"{name} {value}".strip() for name, value in unfilled.items())
    return spelt, "; ".join(filter(None, (flag, unit_flag, told and f"{told}: no number, taken as not told")))


def _is_finite(header: Mapping, name: str) -> bool:
    return math.isfinite(number_of(header, name, math.nan))


def _texts(header: Mapping) -> dict[str, str]:
    """The names of axes and units that are written in a way that is known, as they should be."""
    found = {}
    for axis in (1, 2):
        name, unit = (str(header.get(f"{card}{axis}", "")).strip() for card in ("CTYPE", "CUNIT"))
        if name != name.upper() and _CTYPE.fullmatch(name):
            found[f"CTYPE{axis}"] = name.upper()
        if standard := f"solar_{'xy'[axis - 1]}" if name == _BY_UNIT else _AXES.get(name):
            found[f"CTYPE{axis}"] = standard
            if not unit:
                found[f"CUNIT{axis}"] = "arcsec"
        if standard := next((standard for form, standard in _UNITS if form.fullmatch(unit)), ""):
            found[f"CUNIT{axis}"] = standard
    return found


def _missing_units(header: Mapping, shape: tuple[int, int]) -> tuple[dict[str, str], str]:
    """The unit of helioprojective axes whose header tells none: by the comment of CDELT, as ISOON's, or the one of
    arcsec and degrees in which a frame (H, W) is a picture of the Sun; and a flag. Nothing where neither tells.

    Solar X and Y are in arcsec wherever they are written, and so not flagged.
    """
    names = [str(header.get(f"CTYPE{axis}", "")).strip() for axis in (1, 2)]
    told = any(str(header.get(f"CUNIT{axis}", "")).strip() for axis in (1, 2))
    unit = "" if told or not all(map(_HELIOPROJECTIVE.fullmatch, names)) else _unit_of_scale(header, shape)
    if not unit:
        return {}, ""
    is_usual = not names[0].upper().startswith("HPL") and unit == "arcsec"
    flag = "" if is_usual else f"no CUNIT1: CDELT1 {header.get('CDELT1')} taken as {unit}"
    return {"CUNIT1": unit, "CUNIT2": unit}, flag


def _unit_of_scale(header: Mapping, shape: tuple[int, int]) -> str:
    comments, scale = getattr(header, "comments", {}), header.get("CDELT1")
    if comments and scale is not None and (told := _SCALE_UNIT.search(str(comments["CDELT1"]))):
        return {"a": "arcsec", "d": "deg"}[told[1][0].lower()]
    if not isinstance(scale, int | float) or isinstance(scale, bool):
        return ""
    field = abs(scale) * max(shape)
    are_degrees = 0 < field <= MOST_DEG and abs(scale) < COARSEST_DEG
    possible = [unit for unit, may_be in (("arcsec", field >= LEAST_ARCSEC), ("deg", are_degrees)) if may_be]
    return possible[0] if len(possible) == 1 else ""


def _distance(header: Mapping) -> tuple[dict[str, float], str]:
    """DSUN_OBS in metres where it is in astronomical units or kilometres."""
    told = header.get("DSUN_OBS")
    if not isinstance(told, int | float) or isinstance(told, bool):
        return {}, ""
    for (least, most), name, metres in ((_AS_AU, "AU", AU_M), (_AS_KM, "km", KM_M)):
        if least <= told <= most:
            return {"DSUN_OBS": told * metres}, f"DSUN_OBS {told:g} is no distance in m: taken as {name}"
    return {}, ""
