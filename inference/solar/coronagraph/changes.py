"""What a coronagraph's reel is said to show: its mass ejections, and other changes; no kinds of the disc.

The disc is hidden, so what lies before it is the occulter's, and rules on place or light of the surface say nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from data.reel.reel import Reel
from inference.events.events import CAMERA, Event
from inference.events.matching import times_of
from inference.events.sky import Sky
from inference.solar.coronagraph.cme import CLEAR, Cme, cmes_in
from inference.solar.kinds import CHANGE, EJECTION

CME_COLUMNS = ("cme_position_angle_deg", "cme_width_deg", "cme_speed_km_s", "cme_speed_low_km_s")
CME_COLUMNS += ("cme_speed_high_km_s", "cme_fastest_km_s", "cme_halo")
BESIDE_DEG = 10.0  # from the edges of an ejection: what changes there meanwhile is a part of it
MATCH_COLUMNS = ("cme", "first_seen", "position_angle_deg", "width_deg", "speed_km_s", "status", "event")
MATCH_COLUMNS += ("event_first_seen", "event_position_angle_deg", "event_width_deg", "event_speed_km_s")


@dataclass(frozen=True, slots=True)
class Outward:
    """What an event of kind "coronal mass ejection" tells in CME_COLUMNS; onset as of a Course."""

    onset: int
    cme_position_angle_deg: float
    cme_width_deg: float
    cme_speed_km_s: float
    cme_speed_low_km_s: float
    cme_speed_high_km_s: float
    cme_fastest_km_s: float
    cme_halo: str


def with_ejections(tracks: Sequence[Event], reel: Reel, sky: Sky, high: float) -> tuple[list[Event], list[Event]]:
    """The tracks of boxes that are no part of an ejection, as CHANGE, and the ejections with the tracks that are.

    high: the score that an ejection of the least strength has.
    """
    scene = [event for event in tracks if event.level != CAMERA]
    frame = np.array([event.frame_peak for event in scene], int)
    x, y = (np.array([getattr(event, axis) for event in scene], float) for axis in "xy")
    angles = sky.radius(frame, *sky.pixel_to_hpc(frame, x, y))[1]
    number = max((event.event for event in tracks), default=0)
    ejections, taken = [], set()
    for i, cme in enumerate(cmes_in(reel, sky), 1):
        mine = [e for e, angle in zip(scene, angles, strict=True) if e.event not in taken and is_part(e, angle, cme)]
        taken |= {event.event for event in mine}
        ejections.append(event_of(cme, number + i, mine, reel, sky, high))
    others = [event for event in tracks if event.event not in taken]
    return [e if e.level == CAMERA else replace(e, kind=CHANGE) for e in others], ejections


def is_part(event: Event, angle_deg: float, cme: Cme) -> bool:
    """Whether a track lies within an ejection, and its time."""
    apart = abs((angle_deg - cme.position_angle_deg + 180) % 360 - 180)
    in_time = event.frame_start <= cme.last and event.frame_end >= cme.first
    return in_time and apart <= cme.width_deg / 2 + BESIDE_DEG


def event_of(cme: Cme, number: int, tracks: Sequence[Event], reel: Reel, sky: Sky, high: float) -> Event:
    """An ejection as an event; its place is that of its front where and when it is brightest."""
    score = high * cme.strength / CLEAR
    arc = cme.position_angle_deg + np.linspace(-cme.width_deg / 2, cme.width_deg / 2, 73)
    x, y = at(cme.brightest, np.append(arc, cme.brightest_angle_deg), cme.height_rsun, reel, sky)
    height, width = reel.shape[2:]
    sun_px = float(sky.wcs["rsun_arcsec"][cme.brightest]) / sky.pixel_arcsec
    sector = np.pi * (cme.height_rsun * sun_px) ** 2 * cme.width_deg / 360
    facts = {name: getattr(cme, name.removeprefix("cme_")) for name in CME_COLUMNS}
    return Event(
        event=number,
        frame_start=cme.first,
        frame_peak=cme.brightest,
        frame_end=cme.last,
        n_frames=cme.last - cme.first + 1,
        x=float(np.clip(x[-1], 0, width - 1)),
        y=float(np.clip(y[-1], 0, height - 1)),
        x0=int(np.clip(np.floor(x.min()), 0, width - 1)),
        y0=int(np.clip(np.floor(y.min()), 0, height - 1)),
        x1=int(np.clip(np.ceil(x.max()) + 1, 1, width)),
        y1=int(np.clip(np.ceil(y.max()) + 1, 1, height)),
        area_px=int(np.clip(round(sector), 1, width * height)),
        peak_score=max([score, *(event.peak_score for event in tracks)]),
        mean_score=score,
        level="high",
        change="brighter",
        parts=max(len(tracks), 1),
        tracks=tuple(track for event in tracks for track in event.tracks),
        kind=EJECTION,
        course=Outward(onset=cme.first, **facts),  # type: ignore[arg-type]  it tells other columns
    )


def at(frame: int, angle_deg: np.ndarray, radius_rsun: float, reel: Reel, sky: Sky) -> tuple[np.ndarray, np.ndarray]:
    """Pixels x, y (N,) of a frame at position angles (N,)."""
    angle, arcsec = np.radians(angle_deg), radius_rsun * float(sky.wcs["rsun_arcsec"][frame])
    return sky.hpc_to_pixel(np.full(len(angle), frame), -arcsec * np.sin(angle), arcsec * np.cos(angle))


def with_cme_columns(table: pd.DataFrame, events: Sequence[Event]) -> pd.DataFrame:
    """The table of a coronagraph's events, in their order, with CME_COLUMNS; empty of what is no ejection."""
    known = {
        name: [getattr(event.course, name, "" if name == "cme_halo" else np.nan) for event in events]
        for name in CME_COLUMNS
    }
    last = [name for name in ("model", "reel", "config") if name in table]
    table = table.assign(**known).astype({"cme_halo": object})
    return table[[*table.columns.difference(last, sort=False), *last]]


def compare_ejections(events: pd.DataFrame, cmes: pd.DataFrame, tolerance_min: float) -> tuple[pd.DataFrame, dict]:
    """cme_matches.csv, one row an ejection of a catalogue with MATCH_COLUMNS, and what it comes to for summary.json.

    An ejection is found when one was first seen within the tolerance of it, and their position angles overlap; of
    several the nearest in time is taken.
    """
    ours = events[(events["kind"] == EJECTION) & (events["instrument"] == "")]
    rows, found = [], set()
    for cme in cmes.to_dict("records"):
        late_s = np.abs((times_of(ours["t_start"]) - np.datetime64(cme["first_seen"])) / np.timedelta64(1, "s"))
        apart = np.abs((ours["cme_position_angle_deg"].to_numpy() - cme["position_angle_deg"] + 180) % 360 - 180)
        reach = (ours["cme_width_deg"].to_numpy() + np.nan_to_num(cme["width_deg"])) / 2
        fits = (late_s <= 60 * tolerance_min) & ~(apart > reach)
        row = {"cme": cme["id"], "status": "missed"} | {name: cme[name] for name in MATCH_COLUMNS[1:5]}
        if fits.any():
            best = ours.iloc[int(np.where(fits, late_s, np.inf).argmin())]
            found.add(int(best["event"]))
            row |= {"status": "found", "event": int(best["event"]), "event_first_seen": best["t_start"]}
            row |= {f"event_{name}": best[f"cme_{name}"] for name in MATCH_COLUMNS[2:5]}
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(MATCH_COLUMNS)).astype({"event": "Int64"})
    counts = {"cmes": len(table), "found": int((table["status"] == "found").sum())}
    return table, counts | {"ejections": len(ours), "ejections_unconfirmed": len(ours) - len(found)}
