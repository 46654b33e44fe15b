"""`prep` of time series: the samples of one -> a reel of frames of one pixel, whose channels are the variables.

All rows are handled at once as arrays: a series of a million samples must not become a million objects.
"""

import hashlib
import json
import platform
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from config import Config, PrepConfig
from data.disk.files import write_csv, write_meta
from data.frames.assemble import Given, finish, making_folder, stored_in, write_index
from data.frames.frame_table import FRAME_COLUMNS, add_labels, rejected_path, tell_rejected, told_reasons
from data.messages import amount, logger
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from data.series.crossing import cross_anew
from data.series.scaling import examine, scaling_of
from data.series.totals import running_totals, told_totals
from data.sources.base import Series
from data.sources.table import SAME_TIME

log = logger(__name__)

# The settings that decide the samples; the others are about pictures.
_IDENTITY = (
    *("precision", "sample_interval_sec", "gap_threshold", "min_coverage", "fit_exclude_utc", "start_utc"),
    *("time_column", "value_columns", "label_column"),
)
# These count only where they are set, so that reels from before they existed stay valid.
_LATER = (
    "fit_fraction",
    "time_unit",
    "time_format",
    "time_zone",
    "decimal",
    "encoding",
    "missing_values",
    "resample_sec",
)
NOTHING = np.array(None)  # an empty cell, for np.where: its types know no bare None
UNEVEN = 0.1  # of its steps, from which a series is said to be so
FAST_S = 0.01  # between samples; microseconds are too coarse for steps below
MOST_NOTED = 8  # columns of one sort that are named on the screen; reel.json has all


def identity_of(series: Series, given: Given, prep: PrepConfig) -> str:
    """SHA-256 of everything that decides the samples: the file, the settings, and what the settings name."""
    settings = {name: getattr(prep, name) for name in _IDENTITY} | {"unix_time": bool(prep.unix_time)}
    settings |= {name: getattr(prep, name) for name in _LATER if getattr(prep, name) is not None}
    settings |= {"label_normal": prep.label_normal} if prep.label_normal else {}
    facts = [settings, asdict(given), series.sha256, series.channels]
    facts += [series.part] if series.part else []
    facts += [series.told] if series.told else []
    facts += [series.units] if series.units else []
    facts += [series.scaling] if series.scaled_with else []  # other files take part in it
    return hashlib.sha256(json.dumps(facts, default=str, sort_keys=True).encode()).hexdigest()


def assemble_series(series: Series, given: Given, final: Path, config: Config, with_page: bool = True) -> Path | None:
    """Make all of the reel `final` of a series but its name, which `take_names` gives to the returned folder.

    None when none of its samples can be used, with a table that says why.

    Without a page (summary.png) there is no report on the screen either, unless samples were rejected or interpolated.
    Raises ValueError when the scaling can't be fitted.
    """
    prep, (order, reasons) = config.prep, examine(series, config.prep)
    kept = order[reasons[order] == ""]
    frames_table = _frame_table(series, order, reasons, kept)
    if not len(kept):
        write_csv(rejected_path(final), frames_table)
        told = f"{told_reasons(frames_table)} (all in {rejected_path(final)})"
        log.warning(f"{final.name}: none of {len(order)} samples can be used: {told}")
        return None
    scaling = scaling_of(series, kept, given.stretches, prep)
    making = making_folder(final)
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    add_labels(frames_table, given.anomalies, final.name, making)
    frames, masks, filled = _frames(series, kept, scaling, np.dtype(prep.float_type))
    np.save(making / "frames.npy", frames)
    np.save(making / "masks.npy", masks)
    if filled.any():
        np.save(making / "missing.npy", filled)
    frames_table.loc[frames_table["accepted"], "flags"] = _flags(filled, series.channels)
    write_csv(making / "frames.csv", frames_table)
    identity = identity_of(series, given, prep)
    meta = _meta(series, frames_table, scaling, identity, prep) | {"name": final.name} | series.facts
    times_s = frames_table.loc[frames_table["accepted"], "time_s"].to_numpy(np.float64)
    write_meta(making, cross_anew(meta, times_s, prep.clip_length) | stored_in(making, prep))
    complete(making, config, with_page, frames_table)
    if with_page or not frames_table["accepted"].all() or filled.any():
        _tell(final.name, series, frames_table, meta)
        if totals := running_totals(series.values[kept], series.channels):
            log.warning(f"{final.name}: {told_totals(totals)}")
    return making


def complete(folder: Path, config: Config, with_page: bool = True, table: pd.DataFrame | None = None) -> None:
    """Window index and page of a series' folder, as far as they are missing or asked for.

    table: what frames.csv holds, where it was just made; else prep may have another length of windows now.
    """
    if table is None:
        _cross_anew(folder, config.prep.clip_length)
    if with_page:
        finish(folder, config)
    elif not config.prep.movie_only:
        reel = Reel(folder)
        if table is not None:
            reel.candidates = table  # reading it again would take a third of a short series' time
        write_index(reel, config.prep)


def _cross_anew(folder: Path, length: int) -> None:
    reel = Reel(folder)
    meta = cross_anew(reel.meta, reel.times_s, length)
    if meta != reel.meta:
        write_meta(folder, meta)


def _frame_table(series: Series, order: np.ndarray, reasons: np.ndarray, kept: np.ndarray) -> pd.DataFrame:
    """frames.csv of the samples in time order, then of the rows that could not be read."""
    accepted = reasons[order] == ""
    count, lost = len(order), len(series.lost)
    utc = np.full(count, None) if series.times_utc is None else _iso(series.times_utc[order])
    rejected = np.append(~accepted, np.ones(lost, bool))
    where, why = zip(*series.lost, strict=True) if lost else ((), ())
    channel = "+".join(series.channels) if len(series.channels) <= 8 else f"{len(series.channels)} variables"
    nothing, nan = np.full(lost, None), np.full(lost, np.nan)
    # Made at once of whole columns: setting them one by one takes longer than all the rest of a short series.
    columns = {
        "index": pd.arrays.IntegerArray(np.cumsum(~rejected) - 1, rejected),
        "time_utc": np.append(utc, nothing),
        "time_s": np.append(_seconds(series, order, kept), nan),
        "channel": np.full(count + lost, channel, object),
        "coverage": np.append(np.isfinite(series.values[order]).mean(axis=1).round(6), nan),
        "flags": np.full(count + lost, None),
        "accepted": np.append(accepted, np.zeros(lost, bool)),
        "reason": np.append(np.where(accepted, NOTHING, reasons[order]), np.array(why, object)),
        "label": np.append(series.labels[order], nan),
        "source": np.append(series.rows[order].astype(object), np.array(where, object)),
    }
    unknown = np.full(count + lost, np.nan)
    return pd.DataFrame({name: columns.get(name, unknown) for name in FRAME_COLUMNS})


def _iso(times_utc: np.ndarray) -> np.ndarray:
    """Times (N,) as text with milliseconds, None unknown."""
    return np.where(np.isnat(times_utc), NOTHING, np.datetime_as_string(times_utc, unit="ms").astype(object))


def _seconds(series: Series, order: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Seconds since the first stored sample, NaN unknown."""
    if series.times_utc is None:
        return series.times_s[order] - (series.times_s[kept[0]] if len(kept) else 0.0)
    first = series.times_utc[kept[0]] if len(kept) else np.datetime64("1970-01-01", "ms")
    since = series.times_utc[order] - first
    return np.where(np.isnat(since), np.nan, since.astype(np.int64) / 1000)


def _frames(series: Series, kept: np.ndarray, scaling: list[Stretch], dtype: np.dtype):
    """Stretched frames (T, C, 1, 1), mask bits (T, 1, 1), and which values were missing and interpolated (T, C).

    A mask hides a whole sample from loss and score, so the missing values of a sample that has others are interpolated
    between their neighbours in time: a straight line is what a model calls normal.
    """
    with np.errstate(all="ignore"):
        scaled = np.stack([s.forward(v) for s, v in zip(scaling, series.values[kept].T, strict=True)], axis=1)
        missing = ~np.isfinite(scaled.astype(dtype))  # also what a stretch throws beyond the number format
    times = series.times_s[kept] if series.times_utc is None else series.times_utc[kept].astype(np.float64)
    for column, gone in zip(scaled.T, missing.T, strict=True):
        if gone.any() and not gone.all():
            column[gone] = np.interp(times[gone], times[~gone], column[~gone])
    scaled[:, missing.all(axis=0)] = 0
    masks = np.where(missing.all(axis=1), np.uint8(INVALID), np.uint8(0))
    scaled[masks > 0] = 0
    return scaled.astype(dtype)[:, :, None, None], masks[:, None, None], missing


def _flags(filled: np.ndarray, channels: tuple[str, ...]) -> np.ndarray:
    """What frames.csv notes of the interpolated values (T, C): None, or the names of their variables."""
    flags = np.full(len(filled), None, object)
    for pattern in np.unique(filled[filled.any(axis=1)], axis=0):
        names = ", ".join(name for name, is_filled in zip(channels, pattern, strict=True) if is_filled)
        flags[(filled == pattern).all(axis=1)] = f"interpolated: {names}"
    return flags


def rounded(cadence_s: float) -> float:
    """To a microsecond, or of fast series to six digits: 97,656 samples a second are not 100,000."""
    return round(cadence_s, 6) if cadence_s >= FAST_S else float(f"{cadence_s:.6g}")


def _meta(series: Series, frames: pd.DataFrame, scaling: list[Stretch], identity: str, prep: PrepConfig) -> dict:
    times_s = frames.loc[frames["accepted"], "time_s"].to_numpy(np.float64)
    steps = np.diff(times_s)
    median_s = float(np.median(steps)) if len(steps) else 1.0
    cadence_s = prep.sample_interval_sec or rounded(median_s)
    return {
        "kind": "series",
        "shape": [len(times_s), len(series.channels), 1, 1],
        "dtype": prep.float_type,
        "source_shape": [1, 1],
        "channels": list(series.channels),
        "cadence_s": cadence_s,
        "irregular_steps": int((np.abs(steps - cadence_s) > 0.1 * cadence_s).sum()),
        "gap_threshold": prep.gap_threshold,
        "origin": "upper",
        "unit": series.unit,
        "stretch": [s.as_dict() for s in scaling],
        "calibration": [],
        "columns": series.notes,
        **({"read_as": list(series.told)} if series.told else {}),
        "source": f"{series.path.name}#{series.part}" if series.part else series.path.name,
        "source_sha256": series.sha256,
        "identity": identity,
        "versions": {"python": platform.python_version()} | {m.__name__: m.__version__ for m in (np, pd)},
    }


def _tell(name: str, series: Series, frames: pd.DataFrame, meta: dict) -> None:
    """Print what was made of the table."""
    columns: dict[str, list[str]] = {}
    for column, what in series.notes.items():
        columns.setdefault(what, []).append(column)
    notes = "; ".join(f"{_listed(names)} ({what})" for what, names in columns.items())
    read_as = f"; {'; '.join(series.told)}" if series.told else ""
    rejected, filled = int((~frames["accepted"]).sum()), int(frames["flags"].notna().sum())
    steps = max(1, meta["shape"][0] - 1)
    if meta["irregular_steps"] > UNEVEN * steps:
        log.warning(
            f"{name}: {meta['irregular_steps']} of {steps} steps differ from its cadence of {meta['cadence_s']:g} s by "
            f"more than a tenth; prep.resample_sec={meta['cadence_s']:g} makes them even"
        )
    tell_rejected(name, frames[frames["reason"] != SAME_TIME], "samples")
    again = int((frames["reason"] == SAME_TIME).sum())
    if again > UNEVEN * len(frames):
        log.warning(
            f"{name}: {again} of {len(frames)} samples have the time of another one, of which the first is kept; are "
            "their times written too coarsely? Then give them as seconds, or in a column of their own"
        )
    uneven, left_out = amount(meta["irregular_steps"], "irregular step"), amount(rejected, "sample")
    log.info(
        f"{name}: series of {meta['shape'][0]} samples, cadence {meta['cadence_s']:g} s, {uneven}, {left_out} rejected"
        f", {filled} with interpolated values; columns: {notes}{read_as}"
    )


def _listed(names: list[str]) -> str:
    """Names for people, the first and the last of many."""
    if len(names) <= MOST_NOTED:
        return ", ".join(names)
    return f"{', '.join(names[:3])} ... {names[-1]}, {len(names)} in all"
