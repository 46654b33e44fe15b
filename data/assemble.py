"""The end of prep: decoded rows -> the reel. Fits the scaling once, keeps the good rows, writes tables and pictures."""

import json
import os
import platform
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from config import Config, PrepConfig
from data import summary
from data.calibrate import steps
from data.files import write_csv, write_json
from data.plan import ReelPlan
from data.reel import INVALID, Reel, inside
from data.stretch import Stretch, fit_asinh
from data.windows import index_windows, read_windows

FRAME_COLUMNS = (
    "index", "time_utc", "time_s", "channel", "exptime_s", "quality", "coverage", "saturated", "flags", "accepted",
    "reason", "label", "source", "sha256",
)  # fmt: skip
FIT_FRAMES = 64  # enough for quantiles of the intensities, and bounded whatever T is


def read_journal(part: Path) -> dict[tuple[int, int], dict]:
    """Facts of decoded frames by (row, channel). A last line torn by a kill is cut off, so that the next starts clean."""
    path = part / "journal.jsonl"
    if not path.is_file():
        return {}
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        os.truncate(path, len(whole))
    return {(f["row"], f["channel"]): f for f in map(json.loads, whole.decode().splitlines())}


def assemble(plan: ReelPlan, part: Path, final: Path, identity: str, config: Config) -> Path | None:
    """Make the reel `final` from the decoded rows in `part`, or None when all of them failed."""
    facts = read_journal(part)
    good = [
        row
        for row in range(len(plan.rows))
        if not any(facts[row, channel]["reason"] for channel in range(len(plan.channels)))
    ]
    table = frame_table(plan, facts, good)
    if not good:
        reason = next(r for r in table["reason"] if r)
        print(f"{plan.name}: none of {len(table)} frames could be decoded, e.g. {reason}")
        return None
    making = final.with_name(f".{final.name}.final")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    _label(table, config.prep, making)
    write_csv(making / "frames.csv", table)
    decoded = np.load(part / "decoded.npy", mmap_mode="r", allow_pickle=False)
    bits = np.load(part / "bits.npy", mmap_mode="r", allow_pickle=False)
    scaling = choose_stretches(plan, decoded, bits, good, facts, config.prep)
    _write_arrays(making, decoded, bits, good, scaling, config.prep)
    write_json(making / "reel.json", _meta(plan, table, good, scaling, decoded.shape, identity, config.prep))
    finish(making, config)
    os.replace(making, final)
    shutil.rmtree(part)
    return final


def finish(folder: Path, config: Config) -> None:
    """Window index, preview movie and summary page of a reel folder; redone whenever their settings change."""
    reel = Reel(folder)
    if not config.prep.movie_only:
        _index(reel, config.prep)
    summary.write_preview(reel, config.eval.fps)
    summary.write_page(reel)


def _index(reel: Reel, prep: PrepConfig) -> None:
    """(Re)make windows.csv, unless the one there has the same windows: then its verdicts stay."""
    path, fresh = reel.path / "windows.csv", index_windows(reel, prep.clip_length, prep.stride)
    if path.is_file():
        old = read_windows(reel)
        if old[["start", "length"]].equals(fresh[["start", "length"]]):
            return
        backup = path.with_suffix(".csv.old")
        os.replace(path, backup)
        print(f"{reel.name}: window settings changed; the old index with its verdicts is kept as {backup.name}")
    write_csv(path, fresh)
    if fresh.empty:
        print(f"{reel.name}: no stretch without a gap holds prep.clip_length {prep.clip_length} frames")


def frame_table(plan: ReelPlan, facts: dict, good: list[int]) -> pd.DataFrame:
    """frames.csv: one row a candidate frame, stored ones first in time order, with the reason of every rejection.

    A stored frame of several channels has one row, with the facts of the first channel, and the other channels' under
    `<column>_<channel>`. `index` is its row in frames.npy.
    """
    position = {row: i for i, row in enumerate(good)}
    rows = []
    for row, candidates in enumerate(plan.rows):
        record = _record(candidates[0], facts[row, 0], plan.channels[0])
        for channel, candidate in list(enumerate(candidates))[1:]:
            other = _record(candidate, facts[row, channel], plan.channels[channel])
            names = ("time_utc", "exptime_s", "quality", "coverage", "saturated", "source", "sha256")
            record |= {f"{name}_{plan.channels[channel]}": other[name] for name in names}
            record["reason"] = record["reason"] or other["reason"]
        rows.append(record | {"index": position.get(row), "accepted": row in position})
    rows += [
        _record(c, {"reason": c.reason}, c.channel) | {"index": None, "accepted": False} for c in plan.rejected
    ]
    table = pd.DataFrame(rows)
    table["index"] = table["index"].astype("Int64")
    table["time_s"] = _seconds(table)
    others = [c for c in table.columns if c not in FRAME_COLUMNS]
    table = table.sort_values(["time_utc", "time_s", "source"], na_position="last", kind="stable")
    return table[[*FRAME_COLUMNS, *others]].reset_index(drop=True)


def _record(candidate, fact: dict, channel: str) -> dict:
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
    }


def _seconds(table: pd.DataFrame) -> pd.Series:
    """Seconds since the first stored frame: from UTC where known, else as the source counts them."""
    stored = table["accepted"]
    if not table.loc[stored, "time_utc"].isna().any() and stored.any():
        utc = pd.to_datetime(table["time_utc"])
        return (utc - utc[stored].min()).dt.total_seconds().round(3)
    first = table.loc[stored, "time_s"].min() if stored.any() else 0.0
    return (table["time_s"] - first).round(6)


def _label(table: pd.DataFrame, prep: PrepConfig, folder: Path) -> None:
    """Frame labels from prep.labels_csv: 1 inside any of its UTC intervals `start,end`, 0 outside; kept as labels.csv."""
    if not prep.labels_csv:
        return
    truth = pd.read_csv(prep.labels_csv, dtype=str)
    columns = next((c for c in (("start", "end"), ("start_utc", "end_utc")) if set(c) <= set(truth.columns)), None)
    if columns is None:
        raise ValueError(f"prep.labels_csv {prep.labels_csv} needs the columns start,end; it has {list(truth.columns)}")
    intervals = truth[list(columns)].dropna().set_axis(["start", "end"], axis=1)
    known = table["time_utc"].notna()
    times = table.loc[known, "time_utc"].to_numpy(dtype="datetime64[ms]")
    table.loc[known, "label"] = inside(times, tuple(intervals.itertuples(index=False, name=None))).astype(float)
    write_csv(folder / "labels.csv", intervals)


def choose_stretches(plan: ReelPlan, decoded, bits, good: list[int], facts: dict, prep: PrepConfig) -> list[Stretch]:
    """The scaling of each channel: given, taken from another reel, or fitted once outside prep.fit_exclude_utc."""
    known = _given_stretches(prep)
    fits_input = plan.rows[0][0].kind in ("fits", "tar", "tar.gz")
    chosen = []
    for channel, name in enumerate(plan.channels):
        if name in known:
            chosen.append(known[name])
        elif not fits_input and facts[good[0], channel].get("full_scale"):
            chosen.append(Stretch("linear", 1.0, max(facts[row, channel]["full_scale"] for row in good)))
        else:
            chosen.append(fit_asinh(_fit_sample(plan, decoded, bits, good, channel, prep)))
    return chosen


def _given_stretches(prep: PrepConfig) -> dict[str, Stretch]:
    known = {}
    if prep.stretch_from:
        other = Reel(prep.stretch_from)
        known = dict(zip(other.channels, other.stretches, strict=True))
    return known | {name: Stretch("asinh", x0, vmax) for name, (x0, vmax) in prep.stretch.items()}


def _fit_sample(plan: ReelPlan, decoded, bits, good: list[int], channel: int, prep: PrepConfig) -> np.ndarray:
    """Valid values of up to FIT_FRAMES frames, spread evenly over the frames that may be fitted on."""
    rows = np.array(good)
    if prep.fit_exclude_utc:
        times = np.array([plan.rows[row][0].time_utc for row in good], "datetime64[ms]")
        rows = rows[~inside(times, prep.fit_exclude_utc)]
        if not len(rows):
            raise ValueError(f"{plan.name}: prep.fit_exclude_utc {prep.fit_exclude_utc} leaves no frame to fit on")
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(FIT_FRAMES, len(rows))).astype(int))]
    return np.concatenate([decoded[r, channel][(bits[r, channel] & INVALID) == 0] for r in rows])


def _write_arrays(folder: Path, decoded, bits, good: list[int], scaling: list[Stretch], prep: PrepConfig) -> None:
    shape = (len(good), *decoded.shape[1:])
    frames = np.lib.format.open_memmap(folder / "frames.npy", mode="w+", dtype=prep.precision, shape=shape)
    masks = np.lib.format.open_memmap(
        folder / "masks.npy", mode="w+", dtype=np.uint8, shape=(shape[0], *shape[2:])
    )
    for i, row in enumerate(good):
        masks[i] = np.bitwise_or.reduce(bits[row], axis=0)
        for channel, stretch in enumerate(scaling):
            frames[i, channel] = stretch.forward(decoded[row, channel]) * ((masks[i] & INVALID) == 0)
    frames.flush()
    masks.flush()


def _meta(plan: ReelPlan, table, good: list[int], scaling, shape, identity: str, prep: PrepConfig) -> dict:
    is_fits = plan.rows[0][0].kind in ("fits", "tar", "tar.gz")
    times_s = table.loc[table["accepted"], "time_s"].to_numpy(np.float64)
    median_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 1.0
    return {
        "name": plan.name,
        "shape": [len(good), *shape[1:]],
        "dtype": prep.precision,
        "source_shape": list(plan.source_shape),
        "channels": list(plan.channels),
        "cadence_s": prep.sample_interval_sec or round(median_s, 3),
        "gap_threshold": prep.gap_threshold,
        "origin": "lower" if is_fits else "upper",
        "unit": ("DN/s" if prep.normalise_exposure else "DN") if is_fits else "level",
        "stretch": [s.as_dict() for s in scaling],
        "calibration": steps(prep, is_fits),
        "identity": identity,
        "versions": {"python": platform.python_version()} | {p: version(p) for p in ("numpy", "astropy", "opencv-python-headless", "av")},
    }


