"""Who else saw an event on the Sun: a catalogue of flares and CMEs, and the GOES X-ray flux of the same time."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.sky.goes import class_of
from inference.events.matching import OBSERVER, Observed, catalog_summary, match_flares, times_of
from inference.events.sky import Sky
from inference.events.tables import iso_utc
from inference.solar.kinds import DIMMING, ERUPTION, FRONT, WITH_DIMMING

CLASS_COLUMNS = ("xrs_class", "xrs_class_low")
CME_KINDS = (DIMMING, FRONT, ERUPTION, *WITH_DIMMING.values())
R_SUN_KM = 6.957e5
SEEN_WITHIN_RSUN = 3.0  # above the surface, a CME is seen in C2 (2 to 6 solar radii from the centre) the first time
MEAN_KM_S = 475.0  # where none is told: the mean of LASCO's CMEs (Yashiro et al. 2004, JGR 109, A07105)
ANGLE_DEG = 30.0  # that a trace on the disc may lie beside the CME's edges
NEAR_CENTRE_RSUN = 0.5  # where the position angle of a trace says little
AU_M, LIGHT_M_S = 1.495978707e11, 299_792_458.0
ELSEWHERE_DEG, EARTHLY_S = 1.0, 20.0  # of longitude, and of light: an observer beyond is not on Earth


@dataclass(frozen=True)
class Known:
    """What events are compared with, each None where it was not given: flares as `read_catalog` gives them, CMEs as
    `read_cmes` and flares of the X-ray flux as `flares_of_xrs` do."""

    flares: pd.DataFrame | None = None
    cmes: pd.DataFrame | None = None
    xrs: pd.DataFrame | None = None


def by_xrs(events: pd.DataFrame, xrs: pd.DataFrame, observed: Observed, tolerance_min: float) -> pd.DataFrame:
    """matches.csv of the flares of the X-ray flux: an event that brightens is confirmed when the flux rises then.

    The flux is the whole Sun's and says no place: of several events in a rise, from its start to its peak, the one of
    the longest common time, and then the strongest, is taken for its source.
    """
    brighter = events[events["change"] != "darker"]
    rising = brighter.assign(t_end=brighter["t_peak"])
    matches, _ = match_flares(rising, xrs.assign(end=xrs["peak"]), observed, tolerance_min, np.inf)
    ends = dict(zip(xrs["id"], np.datetime_as_string(xrs["end"].to_numpy("datetime64[ms]"), unit="ms"), strict=True))
    return matches.assign(end=matches["flare"].map(ends))


def cmes_of(events: pd.DataFrame, cmes: pd.DataFrame, tolerance_min: float) -> list[list[str]]:
    """The ids of the CMEs that each event may be a trace of, by time and position angle.

    A dimming, front or eruption whose rise [t_start, t_peak] touches the time from when the CME may have left the
    surface to when the coronagraph saw it, both widened by the tolerance; and which lies within ANGLE_DEG of its edges.
    """
    if "kind" not in events:
        return [[] for _ in range(len(events))]
    start, peak = (times_of(events[name]) for name in ("t_start", "t_peak"))
    tolerance = np.timedelta64(round(60_000 * tolerance_min), "ms")
    way_s = SEEN_WITHIN_RSUN * R_SUN_KM / cmes["speed_km_s"].fillna(MEAN_KM_S).to_numpy()
    seen = cmes["first_seen"].to_numpy("datetime64[ms]")
    left = seen - np.round(1000 * way_s).astype("timedelta64[ms]")
    in_time = (start[:, None] <= seen + tolerance) & (peak[:, None] >= left - tolerance)
    angles = events["position_angle_deg"].to_numpy()[:, None] - cmes["position_angle_deg"].to_numpy()
    apart = np.abs((angles + 180) % 360 - 180)
    half = cmes["width_deg"].fillna(0).to_numpy() / 2 + ANGLE_DEG
    in_place = ~(apart > half) | (events["radius_rsun"].to_numpy()[:, None] < NEAR_CENTRE_RSUN)
    fits = in_time & in_place & events["kind"].isin(CME_KINDS).to_numpy()[:, None]
    return [cmes["id"][row].tolist() for row in fits]


@dataclass(frozen=True)
class Comparison:
    """matches.csv, the table of events with what confirms them, and what both come to, for summary.json."""

    matches: pd.DataFrame
    events: pd.DataFrame
    summary: dict


def compare(
    events: pd.DataFrame,
    known: Known,
    observed: Observed,
    tolerance_min: float,
    distance_arcsec: float,
    sky: Sky | None = None,
) -> Comparison:
    """Events with all that is known, and a column confirmed_by, empty for those of the camera; with an X-ray flux also
    CLASS_COLUMNS. Without a catalogue of flares those of the X-ray flux take its place.

    sky: of the reel. What is known is seen from Earth: another observer's events are compared as of when their light
    comes by there, and where the observer sees what Earth sees.
    """
    scene = events[events["instrument"] == ""]
    if sky is not None:
        later_s = light_s(sky)
        scene, observed = as_by_earth(scene, sky, later_s), observed.later(later_s)
    numbers = scene["event"].tolist()
    by: dict[int, list[str]] = {number: [] for number in numbers}
    if known.xrs is not None:
        matches = by_xrs(scene, known.xrs, observed, tolerance_min)
        flares_of = [matches["flare"][(matches["event"] == number).fillna(False)].tolist() for number in numbers]
        events = with_classes(events, matches, known.xrs)
        _add(by, "XRS", matches, flares_of)
    if known.flares is not None:
        matches, flares_of = match_flares(scene, known.flares, observed, tolerance_min, distance_arcsec)
        _add(by, "flare", matches, flares_of)
    cmes_by = [[] for _ in numbers] if known.cmes is None else cmes_of(scene, known.cmes, tolerance_min)
    for number, cmes in zip(numbers, cmes_by, strict=True):
        by[number] += cmes
    found = catalog_summary(matches, scene, flares_of, observed, [bool(some) for some in by.values()])
    if known.cmes is not None:
        found["cmes_by_event"] = {str(number): some for number, some in zip(numbers, cmes_by, strict=True) if some}
    confirmed_by = ["; ".join(by.get(number, [])) for number in events["event"]]
    return Comparison(matches, events.assign(confirmed_by=confirmed_by), found)


def light_s(sky: Sky) -> float:
    """How much later the Sun's light comes by Earth (at its mean distance) than by the observer of a reel; 0 for those
    on or near Earth."""
    later_s = (AU_M - float(np.median(sky.wcs["dsun_m"]))) / LIGHT_M_S
    return later_s if abs(later_s) > EARTHLY_S else 0.0


def as_by_earth(events: pd.DataFrame, sky: Sky, later_s: float) -> pd.DataFrame:
    """Events with times of when their light is seen on Earth; of observers elsewhere with OBSERVER, and without the
    position angle, which is another one from there."""
    names = [name for name in ("t_start", "t_peak", "t_end", "t_detected") if later_s and name in events]
    by = np.timedelta64(round(1000 * later_s), "ms")
    events = events.assign(**{name: iso_utc(times_of(events[name]) + by) for name in names})
    if abs(float(np.median(sky.wcs["hgln_deg"]))) < ELSEWHERE_DEG or "frame_peak" not in events:
        return events
    observer = sky.observer(events["frame_peak"].to_numpy(np.int64))
    columns = dict(zip(OBSERVER, (observer.hgln_deg, observer.hglt_deg, observer.dsun_m), strict=True))
    return events.assign(**columns, position_angle_deg=np.nan)


def _add(by: dict[int, list[str]], source: str, matches: pd.DataFrame, flares_of: list[list[str]]) -> None:
    """Name the classes of an event's flares among what confirms it."""
    classes = dict(zip(matches["flare"], matches["goes_class"], strict=True))
    for names, flares in zip(by.values(), flares_of, strict=True):
        names += [f"{source} {classes[flare]}" for flare in flares]


def with_classes(events: pd.DataFrame, risen: pd.DataFrame, xrs: pd.DataFrame) -> pd.DataFrame:
    """The table with CLASS_COLUMNS: the GOES class of the rise that an event is the source of, as an interval.

    The upper end is the class by definition, of the whole Sun's flux at the peak; the lower one is that of the flux
    less what it was at the start.
    """
    background = dict(zip(xrs["id"], xrs["background_w_m2"], strict=True))
    best = risen[risen["event"].notna()].sort_values("flux_w_m2")  # of several rises the largest stays
    added = best["flux_w_m2"] - best["flare"].map(background).astype(np.float64)
    highest = dict(zip(best["event"], best["goes_class"], strict=True))
    lowest = dict(zip(best["event"], map(class_of, added), strict=True))
    ends = {
        name: [known.get(event, "") for event in events["event"]]
        for name, known in zip(CLASS_COLUMNS, (highest, lowest), strict=True)
    }
    return events.assign(**ends)
