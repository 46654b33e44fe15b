"""The place of a frame on the sky as sunpy reads its header: the authority where plain arithmetic does not suffice.

sunpy knows what headers of its instruments leave out or write in their own way: EIT's Solar-X, GONG's disc centre and
radius, the orbit of Solar Orbiter, an observer on Earth where none is named.
"""

import logging
import math
import warnings
from collections.abc import Mapping
from copy import copy
from itertools import chain
from typing import Any

import numpy as np

from data.sky.wcs_skew import MATRICES
from data.sky.wcs_spelling import number_of

ON_THE_SUN = ("CRLN", "CRLT", "HGLN", "HGLT")  # axes of maps of its surface, whose units sunpy may not know
NEEDED = (("CRPIX1", "CRPIX2"), ("CRVAL1", "CRVAL2"))  # of a header that sunpy has no map class for
ON_EARTH = "observer taken as Earth, for the header has none"
SCALE, CD_MATRIX = ("CDELT1", "CDELT2"), ("CD1_1", "CD1_2", "CD2_1", "CD2_2")


def read_by_sunpy(header: Mapping, shape: tuple[int, int]) -> tuple[dict[str, Any], str]:
    """Cards of a plain helioprojective header (degrees, CD matrix, Stonyhurst observer, apparent radius), and a flag.

    Raises ValueError with the reason when sunpy can't place the frame, or places it elsewhere than in the sky.
    """
    axes = [str(header.get(f"CTYPE{axis}", "")).strip() for axis in (1, 2)]
    if any(name.startswith(ON_THE_SUN) for name in axes):
        raise ValueError(f"its axes are {', '.join(axes)}, not helioprojective: a map of longitudes and latitudes")
    header = _with_matrix(header)
    import sunpy.map  # late: it costs seconds, and AIA and HMI do not need it
    from sunpy.coordinates import Helioprojective

    log = logging.getLogger("sunpy")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            # The map has the frame's shape and none of its pixels.
            solar_map = sunpy.map.Map(np.broadcast_to(np.float32(1), shape), _with_comments(header))
            _refuse_guesses(header, solar_map)
            if not isinstance(solar_map.coordinate_frame, Helioprojective):
                raise ValueError(f"its axes are {', '.join(solar_map.coordinate_system)}, not helioprojective")
            cards = _cards(solar_map)
    except ValueError as error:
        raise ValueError(str(error).splitlines()[0]) from None
    except Exception as error:  # sunpy and astropy raise many kinds
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"sunpy can't place it: {why[:120]}") from None
    finally:
        log.setLevel(level)
    on_earth = any("Earth-based observer" in str(w.message) for w in caught)
    return cards, ON_EARTH if on_earth else ""


def _with_matrix(header: Mapping) -> Mapping:
    """A header of Solar Orbiter with its roll, CROTA2, as a matrix: sunpy's map of EUI fails on one without."""
    if "solar orbiter" not in str(header.get("OBSRVTRY", "")).lower() or any(name in header for name in MATRICES):
        return header
    try:
        roll, (across, up) = math.radians(number_of(header, "CROTA2", 0.0)), [number_of(header, name) for name in SCALE]
    except KeyError:
        return header
    turned: Any = copy(header)
    turned["PC1_1"] = turned["PC2_2"] = math.cos(roll)
    if across and up:
        turned["PC1_2"], turned["PC2_1"] = -up / across * math.sin(roll), across / up * math.sin(roll)
    return turned


def _with_comments(header: Mapping) -> Mapping:
    """The header with its comments where sunpy's own reader puts them: its map of RHESSI looks there."""
    from sunpy.util import MetaDict

    comments = getattr(header, "comments", None)
    if comments is None:
        return header
    names = [name for name in header if name not in ("", "COMMENT", "HISTORY")]
    return MetaDict(header) | {"keycomments": {name: comments[name] for name in names}}


def _refuse_guesses(header: Mapping, solar_map) -> None:
    """Raises ValueError where sunpy would take a default for the pointing of a header that it has no class for, or an
    arcsec for the scale of one whose class does not know it otherwise."""
    from sunpy.map import GenericMap

    kind = type(solar_map)
    needed = [*chain(*NEEDED)] if kind is GenericMap else []
    if kind.scale is GenericMap.scale and not any(name in header for name in CD_MATRIX):
        needed += SCALE
    missing = [name for name in needed if header.get(name) is None]
    if missing:
        raise ValueError(f"header has no {', '.join(missing)}")


def _cards(solar_map) -> dict[str, Any]:
    import astropy.units as u

    wcs, observer = solar_map.wcs, solar_map.observer_coordinate
    scale = [float(unit.to("deg")) for unit in wcs.wcs.cunit]
    matrix = np.array(wcs.wcs.get_pc()) * np.array(wcs.wcs.cdelt)[:, None] * np.array(scale)[:, None]
    cards = {f"CD{i + 1}_{j + 1}": float(matrix[i, j]) for i in range(2) for j in range(2)}
    for i in range(2):
        cards[f"CRPIX{i + 1}"] = float(wcs.wcs.crpix[i])
        cards[f"CRVAL{i + 1}"] = float(wcs.wcs.crval[i]) * scale[i]
    projection = {f"CTYPE{i + 1}": wcs.wcs.ctype[i] for i in range(2)} | {"CUNIT1": "deg", "CUNIT2": "deg"}
    place = {"HGLN_OBS": observer.lon.wrap_at(180 * u.deg).deg, "HGLT_OBS": observer.lat.deg}
    place |= {"DSUN_OBS": observer.radius.to_value(u.m), "RSUN_OBS": solar_map.rsun_obs.to_value(u.arcsec)}
    return cards | projection | {name: float(value) for name, value in place.items()}
