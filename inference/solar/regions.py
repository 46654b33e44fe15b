"""Which of NOAA's active regions an event lies in, or nearest to."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from inference.events.matching import times_of

REGION_COLUMNS = ("noaa_region", "noaa_distance_deg")
NEAR_DEG = 12.0  # from a region's centre; large ones reach over 20 degrees of longitude
LONGEST_DAYS = 3.0  # from the time of a list's place: spots move and die


def check_regions(regions: pd.DataFrame, times: np.ndarray, source: str) -> None:
    """Raise ValueError where a list holds nothing of the time of a reel, (T,) datetime64 UTC."""
    margin = np.timedelta64(round(LONGEST_DAYS * 24), "h")
    first, last = regions["time"].min().to_datetime64(), regions["time"].max().to_datetime64()
    if last < times.min() - margin or first > times.max() + margin:
        raise ValueError(
            f"eval.regions {source} has places of {str(first)[:16]} .. {str(last)[:16]} UTC, the reel is of "
            f"{str(times.min())[:16]} .. {str(times.max())[:16]}; allowed are those within {LONGEST_DAYS:g} days"
        )


Places = Callable[[pd.DataFrame], tuple[np.ndarray, np.ndarray]]


def with_regions(events: pd.DataFrame, regions: pd.DataFrame, to_hgs: Places) -> pd.DataFrame:
    """The table of events with REGION_COLUMNS; empty of the camera's, and of what is farther than NEAR_DEG from all.

    Each region is taken from its place nearest in time, at most LONGEST_DAYS away, and carried by differential rotation
    to the event's peak. to_hgs: maps rows of the table to Stonyhurst degrees, of off-limb ones those of the limb below.
    """
    numbers, distances = [""] * len(events), np.full(len(events), np.nan)
    chosen = np.flatnonzero(events["instrument"].to_numpy() == "")
    if len(chosen):
        some = events.iloc[chosen]
        apart = distances_deg(*to_hgs(some), times_of(some["t_peak"]), regions)  # (N, R)
        best = np.argmin(np.where(np.isnan(apart), np.inf, apart), axis=1)
        nearest = apart[np.arange(len(some)), best]
        near = nearest <= NEAR_DEG
        for row, region in zip(chosen[near].tolist(), best[near].tolist(), strict=True):
            numbers[row] = str(regions["number"].iloc[region])
        distances[chosen[near]] = np.round(nearest[near], 2)
    return events.assign(noaa_region=np.array(numbers, object), noaa_distance_deg=distances)


def distances_deg(lon: np.ndarray, lat: np.ndarray, times: np.ndarray, regions: pd.DataFrame) -> np.ndarray:
    """Great-circle degrees (N, R) from places to the rows of a list, NaN for all but a region's nearest in time."""
    # Imported late: it costs a second, and only a list of regions needs it.
    from astropy import units as u
    from sunpy.sun.models import differential_rotation

    days = (times[:, None] - regions["time"].to_numpy("datetime64[ms]")) / np.timedelta64(1, "D")  # (N, R)
    region_lat = regions["lat_deg"].to_numpy(float)
    turned = differential_rotation(days * u.day, np.broadcast_to(region_lat, days.shape) * u.deg, frame_time="synodic")
    there = regions["lon_deg"].to_numpy(float) + turned.to_value(u.deg)
    apart = _great_circle(lon[:, None], lat[:, None], there, region_lat)
    away = np.abs(days)
    for number in regions["number"].unique():
        same = regions["number"].to_numpy() == number
        latest = away[:, same].min(axis=1, keepdims=True)
        apart[:, same] = np.where(away[:, same] > latest, np.nan, apart[:, same])
    return np.where(away <= LONGEST_DAYS, apart, np.nan)


def _great_circle(lon, lat, other_lon, other_lat) -> np.ndarray:
    """Degrees between places on a sphere, by the haversine formula: sound for near ones."""
    lon, lat, other_lon, other_lat = (np.radians(v) for v in (lon, lat, other_lon, other_lat))
    half = np.sin((lat - other_lat) / 2) ** 2
    half = half + np.cos(lat) * np.cos(other_lat) * np.sin((lon - other_lon) / 2) ** 2
    return np.degrees(2 * np.arcsin(np.sqrt(np.clip(half, 0, 1))))
