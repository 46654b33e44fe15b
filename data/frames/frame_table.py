"""frames.csv: one row a frame that was met, accepted or rejected, with the reason."""

import math
from pathlib import Path

import pandas as pd

from config import PrepConfig
from data.disk.files import write_csv
from data.frames.grid.common_shape import SCALED
from data.frames.grid.letterbox import on_grid
from data.frames.grid.placement import Placed
from data.frames.plan import ReelPlan
from data.labels.anomalies import Known
from data.messages import logger
from data.reel import source_pixels
from data.sky.wcs import as_columns

log = logger(__name__)

FRAME_COLUMNS = (
    "index", "time_utc", "time_s", "channel", "exptime_s", "quality", "coverage", "saturated", "flags", "accepted",
    "reason", "label", "source", "sha256",
)  # fmt: skip
MOST_REASONS = 5  # in one message
MANY_REJECTED = 0.1  # of a reel's frames, from which it is a warning
REPEATS = "repeats the frame before it"


def frame_table(plan: ReelPlan, facts: dict, good: list[int], prep: PrepConfig | None = None) -> pd.DataFrame:
    """frames.csv: one row a candidate frame, stored ones first in time order, with the reason of every rejection.

    A stored frame of several channels has one row, with the facts of the first channel, and the other channels' under
    `<column>_<channel>`. `index` is its row in frames.npy. Where a frame has a WCS, all have its columns, for the
    grid that `prep` gives the reel and the first channel; where one was registered, all have those of its map to the
    source. `clock_s`, of videos, is the time in the file itself.
    """
    position = {row: i for i, row in enumerate(good)}
    has_wcs = any(frames[0].wcs for frames in plan.rows)
    rows = []
    for row, frames in enumerate(plan.rows):
        record = _record(frames[0], facts[row, 0], plan.channels[0])
        for channel, frame in list(enumerate(frames))[1:]:
            other = _record(frame, facts[row, channel], plan.channels[channel])
            names = ("time_utc", "exptime_s", "quality", "coverage", "saturated", "source", "sha256")
            record |= {f"{name}_{plan.channels[channel]}": other[name] for name in names}
            record["reason"] = record["reason"] or other["reason"]
        if prep is not None and has_wcs:
            wcs = frames[0].sky
            grid = plan.stored_shape(prep)[2:]
            record |= as_columns(wcs and on_grid(wcs, plan.cropped_shape(prep), grid, plan.inner_shape(prep)))
        if prep is not None and plan.is_moved:
            record |= source_pixels.as_columns(plan.to_source(prep, frames[0]))
        rows.append(record | {"index": position.get(row), "accepted": row in position})
    out = {"index": None, "accepted": False}
    rows += [_record(f, {"reason": f.reason, "flags": f.flags}, f.channel) | out for f in plan.rejected]
    table = pd.DataFrame(rows)
    table["index"] = table["index"].astype("Int64")
    table["time_s"] = _seconds(table)
    others = [c for c in table.columns if c not in FRAME_COLUMNS]
    table = table.sort_values(["time_utc", "time_s", "source"], na_position="last", kind="stable")
    return table[[*FRAME_COLUMNS, *others]].reset_index(drop=True)


def _record(frame: Placed, fact: dict, channel: str) -> dict:
    candidate = frame.candidate
    return {
        "time_utc": candidate.time_utc or None,
        "time_s": candidate.time_s,
        "channel": channel,
        "exptime_s": candidate.exptime_s,
        "quality": candidate.quality,
        "coverage": fact.get("coverage"),
        "saturated": fact.get("saturated"),
        "flags": fact.get("flags") or None,
        "reason": fact["reason"] or None,
        "label": candidate.label,
        "source": candidate.source,
        "sha256": fact.get("sha256"),
    } | ({} if math.isnan(candidate.clock_s) else {"clock_s": round(candidate.clock_s, 6)})


def _seconds(table: pd.DataFrame) -> pd.Series:
    """Seconds since the first stored frame: from UTC where known, else as the source counts them."""
    stored = table["accepted"]
    if not table.loc[stored, "time_utc"].isna().any() and stored.any():
        utc = pd.to_datetime(table["time_utc"])
        return (utc - utc[stored].min()).dt.total_seconds().round(3)
    first = table.loc[stored, "time_s"].min() if stored.any() else 0.0
    return (table["time_s"] - first).round(6)


def rejected_path(final: Path) -> Path:
    """The table of a reel that came to nothing."""
    return final.with_name(f"{final.name}.rejected.csv")


def write_rejected(plan: ReelPlan, final: Path, table: pd.DataFrame | None = None) -> None:
    """Record why a plan gives no reel: the rows that frames.csv would have."""
    table = frame_table(plan, {}, []) if table is None else table
    write_csv(rejected_path(final), table)
    log.warning(
        f"{plan.name}: none of {len(table)} frames can be used: {told_reasons(table)} (all in {rejected_path(final)})"
    )


def tell_rejected(name: str, table: pd.DataFrame, what: str = "frames") -> None:
    """Say how many frames of a reel are rejected, and why: louder where they are many. Repeats are told elsewhere."""
    rejected = table[~table["accepted"] & ~table["reason"].fillna("").str.startswith(REPEATS)]
    if rejected.empty:
        return
    tell = log.warning if len(rejected) > MANY_REJECTED * len(table) else log.info
    tell(f"{name}: {len(rejected)} of {len(table)} {what} are rejected: {told_reasons(rejected)} (in frames.csv)")


def tell_scaled(name: str, table: pd.DataFrame) -> None:
    """Say how many frames of a reel are of another size than the others."""
    sizes = table.loc[table["accepted"], "flags"].fillna("").str.extract(rf"(\d+x\d+), {SCALED}", expand=False).dropna()
    if not sizes.empty:
        told = ", ".join(f"{count} of {size}" for size, count in sizes.value_counts().items())
        log.warning(f"{name}: {len(sizes)} of {len(table)} frames are {SCALED} ({told})")


def told_reasons(table: pd.DataFrame) -> str:
    """The commonest reasons of a table of rejected frames, each with the number of frames that it holds for."""
    kinds = table["reason"].str.replace(r"^same time as .*", "same time as another", regex=True)
    shares = kinds.str.extract(r"^coverage ([\d.]+) is", expand=False).dropna()
    if shares.nunique() > 1:
        span = f"coverage {shares.min()} to {shares.max()} is"  # two decimals each: their order is that of the text
        kinds = kinds.str.replace(r"^coverage [\d.]+ is", span, regex=True)
    counts = kinds.value_counts()
    told = [f"{count} x {reason}" for reason, count in counts.head(MOST_REASONS).items()]
    left = len(counts) - len(told)
    return "; ".join(told + ([f"{left} other reasons"] if left else []))


def why_nothing_is_made(root: Path, tables: list[Path]) -> str:
    """What stood against every frame or sample that was met, from the tables of the reels that came to nothing."""
    if not tables:
        return f"none of the 0 frames in {root} can be used: no file there holds any"
    met = pd.concat([pd.read_csv(path, usecols=["reason"]) for path in tables])
    places = ", ".join(map(str, tables[:3])) + (" ..." if len(tables) > 3 else "")
    return f"none of the {len(met)} frames in {root} can be used: {told_reasons(met)} (frame by frame in {places})"


def add_labels(table: pd.DataFrame, anomalies: Known | None, name: str, folder: Path) -> None:
    """Frame labels of the reel of a name from known anomalies: 1 inside any of them, 0 outside; kept as labels.csv."""
    if anomalies is None or (known := anomalies.of(name, table)) is None:
        return
    table["label"], intervals = known
    write_csv(folder / "labels.csv", intervals)
