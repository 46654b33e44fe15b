"""Reels of several wavelengths of one time together: what is seen in several of them is one event, events_joint.csv.

A fault of an instrument shows in one of them, a flare in most, and in which order they peak tells how it cools.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from config import load
from data.disk.damage import read_json, read_table
from data.disk.files import write_csv
from data.messages import logger
from data.reel.reel import Reel, find_reels
from data.sky.wcs import WCS_COLUMNS
from inference.events.matching import BOX, times_of
from inference.events.sky import Sky, rotated_from_earth
from inference.events.tables import iso_utc
from inference.solar.confirm import ELSEWHERE_DEG
from inference.solar.coronagraph.polar import occulted_rsun

log = logger(__name__)

NAME = "events_joint.csv"
APART_ARCSEC = 50.0  # most, between the boxes of one event: what wavelengths show of it lies at different heights
JOINT_COLUMNS = (
    *("event", "t_start", "t_peak", "t_end", "change", "kind", "hpc_x_arcsec", "hpc_y_arcsec", "n_channels"),
    *("channels", "peaks_after_s", "relative_changes", "not_seen_in", "events", "noaa_region"),
)
NEEDED = ("event", "t_start", "t_peak", "t_end", "change", "kind", "severity", "relative_change")
NEEDED += ("hpc_x_arcsec", "hpc_y_arcsec", *BOX, "noaa_region")


@dataclass(frozen=True)
class Channel:
    """One reel that was watched: its name, its times, its events of the Sun, and where it is found, itself."""

    name: str
    times: np.ndarray  # (T,) datetime64[ms]
    cadence_s: float
    events: pd.DataFrame
    reel: Reel | None = None

    def saw(self, first: np.datetime64, last: np.datetime64) -> bool:
        """Whether it has a frame in that time."""
        return bool(((self.times >= first) & (self.times <= last)).any())


def write_joint(
    folder: Path, reels: Iterable[Reel], results: Sequence[Path], beside: Sequence[Channel] = ()
) -> tuple[pd.DataFrame, list[Channel]] | None:
    """events_joint.csv of those of some evaluated reels that are of the Sun's disc, and of other runs' results; of
    fewer than two, or of several observers, none, nor an old one. Returns what it holds, and of which channels."""
    solar = [channel_of(reel, out) for reel, out in zip(reels, results, strict=True) if is_placed(reel)]
    names = [channel.name for channel in solar]
    channels = [*solar, *(channel for channel in beside if channel.name not in names)]
    (folder / NAME).unlink(missing_ok=True)
    if len(channels) < 2:
        return None
    if told := observers_apart(channels):
        log.warning(f"no {NAME}: {told}; evaluate reels of one observer together")
        return None
    joint = joint_events(channels)
    write_csv(folder / NAME, joint)
    return joint, channels


def observers_apart(channels: Sequence[Channel]) -> str:
    """In words, two reels that see the Sun from longitudes which are ELSEWHERE_DEG or more apart; "" where none do."""
    skies = {c.name: Sky.of(c.reel) for c in channels if c.reel}
    seen = {name: float(np.median(sky.wcs["hgln_deg"])) for name, sky in skies.items() if sky}
    for name, longitude in seen.items():
        first = next(iter(seen))
        apart_deg = abs((longitude - seen[first] + 180) % 360 - 180)
        if apart_deg >= ELSEWHERE_DEG:
            return f"{first} and {name} see the Sun from places that are {apart_deg:.3g} degrees of longitude apart"
    return ""


def is_placed(reel: Reel) -> bool:
    """Whether a reel has places on the Sun's disc, and times; a coronagraph sees no disc."""
    if reel.is_series:  # whose table, which may be long, is not read for it
        return False
    return set(WCS_COLUMNS) <= set(reel.table.columns) and reel.times_utc is not None and occulted_rsun(reel) is None


def channels_beside(folders: Sequence[str]) -> list[Channel]:
    """What other runs found, by their folders of results, RUN/eval/REEL. Raises ValueError, OSError, Damaged."""
    channels = [channel_from(Path(folder)) for folder in folders]
    names = [channel.name for channel in channels]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"eval.joint names two folders of results of the reel {twice}; allowed is one a reel")
    return channels


def channel_from(out: Path) -> Channel:
    """A reel by its results alone."""
    if not (out / "events.csv").is_file():
        raise FileNotFoundError(f"eval.joint: {out} holds no events.csv; name folders of results, as RUN/eval/REEL")
    name = str(read_json(out / "summary.json", "run eval again").get("reel", out.name))
    scores = read_table(out / "scores.csv", "run eval again", ("time_utc", "time_s"))
    events = pd.read_csv(out / "events.csv", keep_default_na=False, na_values=[""])
    if scores["time_utc"].isna().any() or not set(BOX) <= set(events.columns):
        raise ValueError(f"eval.joint: the results in {out} have no UTC times or no places on the Sun; leave them out")
    step_s = float(scores["time_s"].diff().median())
    return Channel(name, times_of(scores["time_utc"]), step_s, of_scene(events), reel_of(out, name))


def reel_of(out: Path, name: str) -> Reel | None:
    """The reel of a folder of results where it was then; None where it is there no more, or cannot be read."""
    try:
        return next((reel for reel in find_reels(load(out / "config.yaml").data_clips) if reel.name == name), None)
    except (OSError, ValueError):
        return None


def channel_of(reel: Reel, out: Path) -> Channel:
    """A reel with its results."""
    events = pd.read_csv(out / "events.csv", keep_default_na=False, na_values=[""])
    assert reel.times_utc is not None  # see `is_placed`
    return Channel(reel.name, reel.times_utc, reel.cadence_s, of_scene(events), reel)


def of_scene(events: pd.DataFrame) -> pd.DataFrame:
    """The events of the Sun with the columns NEEDED, of which results of an older version lack some."""
    return events[events["instrument"].isna()].reindex(columns=NEEDED).astype({"change": object}).fillna({"change": ""})


def joint_events(channels: Sequence[Channel]) -> pd.DataFrame:
    """One row an event with JOINT_COLUMNS, in the order of their starts.

    Events of different reels are one when both grow brighter, or both darker, at times that touch within the longer
    cadence, and their boxes, carried by solar rotation to one time, are at most APART_ARCSEC apart.
    The place, kind and sign are those of the most severe. peaks_after_s: by channel in the order of their peaks,
    seconds after the first. not_seen_in: channels that have frames of that time and no such event.
    """
    tables = [c.events.assign(channel=c.name, cadence_s=c.cadence_s) for c in channels]
    table = pd.concat(tables, ignore_index=True)
    if not len(table):
        return pd.DataFrame(columns=list(JOINT_COLUMNS))
    from scipy.sparse import coo_array  # late: only several wavelengths need it
    from scipy.sparse.csgraph import connected_components

    first, second = pairs(table)
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(len(table), len(table)))
    group = connected_components(graph, directed=False)[1]
    rows = [_row(table[group == g], channels) for g in range(group.max() + 1)]
    joint = pd.DataFrame(rows).sort_values("t_start", kind="stable")
    joint.insert(0, "event", np.arange(1, len(joint) + 1))
    return joint[list(JOINT_COLUMNS)]


def pairs(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Rows of events that are one."""
    start, end = (times_of(table[name]) for name in ("t_start", "t_end"))
    cadence = (1000 * np.maximum.outer(*[table["cadence_s"].to_numpy()] * 2)).astype("timedelta64[ms]")
    touch = start[:, None] <= end + cadence
    touch &= touch.T
    touch &= table["change"].to_numpy()[:, None] == table["change"].to_numpy()
    touch &= table["channel"].to_numpy()[:, None] != table["channel"].to_numpy()
    first, second = np.nonzero(np.triu(touch))
    near = apart_arcsec(table.iloc[first], table.iloc[second]) <= APART_ARCSEC
    return first[near], second[near]


def apart_arcsec(first: pd.DataFrame, second: pd.DataFrame) -> np.ndarray:
    """Distance (N,) between the boxes of events in the same row, the second carried to the time of the first's peak."""
    x, y = (second[name].to_numpy(float) for name in ("hpc_x_arcsec", "hpc_y_arcsec"))
    new_x, new_y = rotated_from_earth(x, y, times_of(second["t_peak"]), times_of(first["t_peak"]))
    ax0, ay0, ax1, ay1 = (first[name].to_numpy(float) for name in BOX)
    bx0, by0, bx1, by1 = (second[name].to_numpy(float) for name in BOX)
    dx, dy = new_x - x, new_y - y
    right = np.maximum(np.maximum(ax0 - bx1 - dx, bx0 + dx - ax1), 0)
    up = np.maximum(np.maximum(ay0 - by1 - dy, by0 + dy - ay1), 0)
    return np.hypot(right, up)


def _row(some: pd.DataFrame, channels: Sequence[Channel]) -> dict:
    main = some.sort_values("severity", ascending=False).iloc[0]
    start, end = times_of(some["t_start"]).min(), times_of(some["t_end"]).max()
    by_channel = some.sort_values("severity", ascending=False).drop_duplicates("channel").sort_values("t_peak")
    peaks = times_of(by_channel["t_peak"])
    after = (peaks - peaks[0]) / np.timedelta64(1, "s")
    names = by_channel["channel"].tolist()
    unseen = [c.name for c in channels if c.name not in names and c.saw(start, end)]
    return {
        "t_start": iso_utc(start),
        "t_peak": main["t_peak"],
        "t_end": iso_utc(end),
        **{name: main[name] for name in ("change", "kind", "hpc_x_arcsec", "hpc_y_arcsec")},
        "n_channels": len(names),
        "channels": " ".join(names),
        "peaks_after_s": " ".join(f"{name}:{seconds:g}" for name, seconds in zip(names, after, strict=True)),
        "relative_changes": " ".join(
            f"{name}:{change:.3g}" for name, change in zip(names, by_channel["relative_change"], strict=True)
        ),
        "not_seen_in": " ".join(unseen),
        "noaa_region": "" if pd.isna(main["noaa_region"]) else str(int(main["noaa_region"])),
        "events": " ".join(f"{reel}:{event}" for reel, event in zip(some["channel"], some["event"], strict=True)),
    }
