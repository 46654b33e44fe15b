"""Cards of a WCS in the ways that archives write them beside the standard's, as the standard has them."""

import re
from collections.abc import Mapping
from copy import copy
from typing import Any

AU_M = 1.495978707e11
KM_M = 1e3
_MATRIX = re.compile(r"(PC|CD)00([12])00([12])")  # before FITS 3.0
_CTYPE = re.compile(r"hpl[nt]-[a-z]{3}", re.IGNORECASE)
# As sunpy knows them. Nobeyama's radioheliograph has its axes by where they point, in arcsec, which no card tells.
_AXES = {"SOLARX": "solar_x", "SOLARY": "solar_y", "SOLAR-WEST": "solar_x", "SOLAR-NORTH": "solar_y"}
_UNITS = (
    (re.compile(r"(arc[- ]?sec(ond)?s?|seconds? of arc|asec|\")", re.IGNORECASE), "arcsec"),
    (re.compile(r"deg(ree)?s?", re.IGNORECASE), "deg"),
    (re.compile(r"rad(ian)?s?", re.IGNORECASE), "rad"),
)
# Distances of observers: in AU those of all spacecraft, in km those which no metre can be, being inside the Sun.
_AS_AU, _AS_KM = (0.01, 100.0), (1e6, 6.957e8)


def as_the_standard(header: Mapping) -> tuple[Mapping, str]:
    """A header whose cards of the WCS are spelt as FITS and Thompson (2006) do, and a flag about what was assumed."""
    found = {name: value for name, value in _texts(header).items() if value != header.get(name)}
    if "PC001001" in header or "CD001001" in header:
        found |= {_MATRIX.sub(r"\1\2_\3", name): header[name] for name in header if _MATRIX.fullmatch(name)}
    distance, flag = _distance(header)
    found |= distance
    if not found:
        return header, ""
    spelt: Any = copy(header)
    for name, value in found.items():
        spelt[name] = value
    return spelt, flag


def _texts(header: Mapping) -> dict[str, str]:
    """The names of axes and units that are written in a way that is known, as they should be."""
    found = {}
    for axis in (1, 2):
        name, unit = (str(header.get(f"{card}{axis}", "")).strip() for card in ("CTYPE", "CUNIT"))
        if name != name.upper() and _CTYPE.fullmatch(name):
            found[f"CTYPE{axis}"] = name.upper()
        if standard := _AXES.get(name):
            found[f"CTYPE{axis}"] = standard
            if not unit:
                found[f"CUNIT{axis}"] = "arcsec"
        if standard := next((standard for form, standard in _UNITS if form.fullmatch(unit)), ""):
            found[f"CUNIT{axis}"] = standard
    return found


def _distance(header: Mapping) -> tuple[dict[str, float], str]:
    """DSUN_OBS in metres where it is in astronomical units or kilometres."""
    told = header.get("DSUN_OBS")
    if not isinstance(told, int | float) or isinstance(told, bool):
        return {}, ""
    for (least, most), name, metres in ((_AS_AU, "AU", AU_M), (_AS_KM, "km", KM_M)):
        if least <= told <= most:
            return {"DSUN_OBS": told * metres}, f"DSUN_OBS {told:g} is no distance in m: taken as {name}"
    return {}, ""
