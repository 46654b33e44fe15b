"""Named places of a scene, polygons in source pixels: where events are looked for, and what they are called by."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from config.sections.eval import Zone
from data.reel.contract import Watched
from inference.units import HOUR_S

STEP_PX = 0.5  # from point to point of an outline that is drawn, px of the reel


def check_zones(zones: Sequence[Zone], reel: Watched, are_promised: bool) -> None:
    """Raise ValueError for zones of a series, which has no places, and for rates where thresholds are no promise."""
    if zones and reel.is_series:
        raise ValueError(
            f"eval.zones are places in pictures, and {', '.join(zone.name for zone in zones)} would be one of a "
            "series; leave them out, or watch some of its variables alone (prep.value_columns)"
        )
    if (own := with_own_rate(zones)) and not are_promised:
        raise ValueError(
            f"eval.zones: false_alarms_per_hour of {', '.join(zone.name for zone in own)} asks for a promise, and the "
            "thresholds of this model are none: its scores say by themselves what counts; leave it out, or train "
            "another model"
        )


def watched_places(zones: Sequence[Zone], reel: Watched) -> np.ndarray | None:
    """The pixels (H, W) of a reel where events are looked for: in zones that are the only ones, and in none that is
    ignored; None: all of them.

    Raises ValueError where that is no pixel at all.
    """
    if reel.is_series or all(zone.kind == "named" for zone in zones):
        return None
    inside = pixels_of(zones, reel)
    only = [inside[zone.name] for zone in zones if zone.kind == "only"]
    watched = np.logical_or.reduce(only) if only else np.ones(reel.shape[2:], bool)
    for zone in zones:
        if zone.kind == "ignore":
            watched &= ~inside[zone.name]
    if not watched.any():
        height, width = reel.meta["source_shape"]
        raise ValueError(
            "eval.zones leave no pixel to look at; polygons are corners [x, y] in source pixels, of which there are "
            f"{width} x {height}"
        )
    return watched


def pixels_of(zones: Sequence[Zone], reel: Watched) -> dict[str, np.ndarray]:
    """By its name the pixels (H, W) of a reel that lie in each zone."""
    x, y = np.meshgrid(np.arange(reel.shape[3]), np.arange(reel.shape[2]))
    points = to_source(reel, x.ravel(), y.ravel()).T
    return {zone.name: _inside(zone, points).reshape(x.shape) for zone in zones}


def with_own_rate(zones: Sequence[Zone]) -> list[Zone]:
    """Those that have a rate of false alarms of their own."""
    return [zone for zone in zones if zone.false_alarms_per_hour is not None]


def own_places(zones: Sequence[Zone], reel: Watched) -> list[np.ndarray]:
    """The pixels (H, W) of each zone `with_own_rate` where events are looked for, of none that comes before it.

    Raises ValueError where that is no pixel at all.
    """
    if reel.is_series:
        return []
    watched, found = watched_places(zones, reel), []
    left = np.ones(reel.shape[2:], bool) if watched is None else watched.copy()
    for zone in with_own_rate(zones):
        found.append(pixels_of([zone], reel)[zone.name] & left)
        left &= ~found[-1]
        if not found[-1].any():
            raise ValueError(
                f"eval.zones: no pixel of {zone.name} is left for its false_alarms_per_hour: it is ignored, covered by "
                "zones that come before it with rates of their own, or beyond the picture"
            )
    return found


def named_zones(zones: Sequence[Zone], table: pd.DataFrame) -> list[str]:
    """The zones, joined by "; ", that each event of a table is in by its place at the peak."""
    inside = inside_of(zones, table)
    return [
        "; ".join(zone.name for zone, within in zip(zones, inside, strict=True) if within[i]) for i in range(len(table))
    ]


def inside_of(zones: Sequence[Zone], table: pd.DataFrame) -> list[np.ndarray]:
    """For each zone, which events (N,) of a table are in it by their place at the peak."""
    columns = ("source_x", "source_y") if "source_x" in table else ("x", "y")
    points = table[list(columns)].to_numpy(float)
    return [_inside(zone, points) for zone in zones]


def _inside(zone: Zone, points: np.ndarray) -> np.ndarray:
    """Which points (N, 2) lie in a zone: (N,)."""
    from matplotlib.path import Path  # here, because few have zones

    return Path(zone.polygon).contains_points(points)


def rates_of(zones: Sequence[Zone], table: pd.DataFrame, watched_s: float) -> dict[str, dict[str, float]]:
    """By the name of each zone where events are looked for: how many of a table are in it, and so many an hour."""
    counts = {zone.name: int(of.sum()) for zone, of in zip(zones, inside_of(zones, table), strict=True)}
    return {
        zone.name: {"events": counts[zone.name], "events_per_hour": counts[zone.name] * HOUR_S / watched_s}
        for zone in zones
        if zone.kind != "ignore"
    }


def outlines(zones: Sequence[Zone], reel: Watched) -> np.ndarray:
    """Points (N, 2) x, y in pixels of the reel along all polygons."""
    maps = reel.to_source
    found = []
    for zone in zones:
        corners = np.array([*zone.polygon, zone.polygon[0]], float)
        if maps is not None:
            corners = (np.linalg.inv(maps[0][:, :2]) @ (corners - maps[0][:, 2]).T).T
        for start, end in itertools.pairwise(corners):
            count = max(2, int(np.hypot(*(end - start)) / STEP_PX))
            found.append(start + np.linspace(0, 1, count)[:, None] * (end - start))
    return np.concatenate(found)


def to_source(reel: Watched, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Source pixels (2, N) of pixels of a reel; the same where that does not know its source."""
    if reel.to_source is None:
        return np.stack([x, y]).astype(float)
    each = reel.to_source[0]
    return each[:, :2] @ np.stack([x, y]).astype(float) + each[:, 2:]
