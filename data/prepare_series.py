"""`prep` of time series: a table of samples -> a reel of frames of one pixel, whose channels are the variables.

All rows are handled at once as arrays: a series of a million samples must not become a million objects.
"""

import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd

from config import Config, PrepConfig
from data.assemble import Given, finish, making_folder
from data.files import write_csv, write_json
from data.frame_table import FRAME_COLUMNS, add_labels, rejected_path
from data.reel import INVALID, inside
from data.sources import table, xrs
from data.sources.table import NO_TIME, SAME_TIME, Series, TableError
from data.sources.times import TABLE_SUFFIXES, table_stem
from data.stretch import Stretch, fit_affine

# The settings that decide the samples; the others are about pictures.
_IDENTITY = (
    *("precision", "sample_interval_sec", "gap_threshold", "min_coverage", "fit_exclude_utc", "start_utc"),
    *("time_column", "value_columns", "label_column", "unix_time"),
)


def read_all(paths: Iterable[Path], root: Path, prep: PrepConfig) -> tuple[list[Series], list[str]]:
    """The series among tables, and why others are none.

    A table given directly is one; a table found in a folder must look like one. Each reason is printed too.
    """
    found, left_out = [], []
    for path in paths:
        try:
            found.append(_read(path, prep, smallest=0 if root.is_file() else 2 * prep.clip_length))
        except TableError as error:
            left_out.append(f"{path.name} is no series: {error}")
            print(left_out[-1])
    return found, left_out


def _read(path: Path, prep: PrepConfig, smallest: int) -> Series:
    if path.name.lower().endswith(TABLE_SUFFIXES):
        return table.read(path, prep, smallest)
    return xrs.read(path)


def names_for(found: list[Series], taken: Iterable[str]) -> list[str]:
    """A reel's name for each series: that of its file, numbered where it is taken."""
    used, names = set(taken), []
    for series in found:
        name = re.sub(r"[^\w.-]+", "_", table_stem(series.path)).lstrip(".")[:120] or "series"
        names.append(name if name not in used else next(n for n in (f"{name}_{i}" for i in count(2)) if n not in used))
        used.add(names[-1])
    return names


def identity_of(series: Series, given: Given, prep: PrepConfig) -> str:
    """SHA-256 of everything that decides the samples: the file, the settings, and what the settings name."""
    settings = {name: getattr(prep, name) for name in _IDENTITY}
    facts = [settings, asdict(given), series.sha256, series.channels]
    return hashlib.sha256(json.dumps(facts, default=str, sort_keys=True).encode()).hexdigest()


def assemble_series(series: Series, given: Given, final: Path, identity: str, config: Config) -> Path | None:
    """Make the reel `final` of a series; None when none of its samples can be used, with a table that says why.

    Raises ValueError when the scaling can't be fitted.
    """
    prep, (order, reasons) = config.prep, examine(series, config.prep)
    kept = order[reasons[order] == ""]
    frames_table = _frame_table(series, order, reasons, kept)
    if not len(kept):
        write_csv(rejected_path(final), frames_table)
        print(f"{final.name}: none of {len(order)} samples can be used (reasons in {rejected_path(final)})")
        return None
    making = making_folder(final)
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    add_labels(frames_table, given.anomalies, making)
    scaling = _scaling(series, kept, given, prep)
    frames, masks, filled = _frames(series, kept, scaling, np.dtype(prep.precision))
    np.save(making / "frames.npy", frames)
    np.save(making / "masks.npy", masks)
    frames_table.loc[frames_table["accepted"], "flags"] = _flags(filled, series.channels)
    write_csv(making / "frames.csv", frames_table)
    meta = _meta(series, frames_table, scaling, identity, prep) | {"name": final.name}
    write_json(making / "reel.json", meta)
    finish(making, config)
    rejected_path(final).unlink(missing_ok=True)
    os.replace(making, final)
    _tell(final.name, series, frames_table, meta)
    return final


def examine(series: Series, prep: PrepConfig) -> tuple[np.ndarray, np.ndarray]:
    """The order of the samples in time (N,), those without a time last, and why each can't be used, '' where it can.

    Of samples of one time the first in the table that can be used is.
    """
    coverage = np.isfinite(series.values).mean(axis=1)
    reasons = np.full(len(coverage), "", object)
    for value in np.unique(coverage[coverage < prep.min_coverage]):
        reasons[coverage == value] = f"coverage {value:.2f} is below prep.min_coverage {prep.min_coverage:g}"
    reasons[coverage == 0] = "no value"
    times = series.times_s if series.times_utc is None else series.times_utc
    reasons[np.isnan(times) if series.times_utc is None else np.isnat(times)] = NO_TIME
    order = np.argsort(times, kind="stable")  # NaN and NaT come last
    usable = order[reasons[order] == ""]
    for again in usable[1:][times[usable][1:] == times[usable][:-1]]:
        reasons[again] = SAME_TIME
    return order, reasons


def _frame_table(series: Series, order: np.ndarray, reasons: np.ndarray, kept: np.ndarray) -> pd.DataFrame:
    """frames.csv of the samples in time order, then of the rows that could not be read."""
    utc = None if series.times_utc is None else series.times_utc[order]
    accepted = reasons[order] == ""
    text = np.full(len(order), "", object) if utc is None else np.datetime_as_string(utc, unit="ms").astype(object)
    facts = pd.DataFrame({"time_utc": text, "accepted": accepted, "source": series.rows[order]})
    facts["time_utc"] = facts["time_utc"].mask(facts["time_utc"].isin(["", "NaT"]))
    facts["time_s"] = _seconds(series, order, kept)
    facts["index"] = pd.array(np.cumsum(accepted) - 1, dtype="Int64")
    facts.loc[~accepted, "index"] = pd.NA
    facts["coverage"] = np.isfinite(series.values[order]).mean(axis=1).round(6)
    facts["reason"] = np.where(accepted, None, reasons[order])
    facts["label"] = series.labels[order]
    lost = pd.DataFrame([{"accepted": False, "source": where, "reason": why} for where, why in series.lost])
    facts = pd.concat([facts, lost], ignore_index=True) if len(lost) else facts
    facts["accepted"] = facts["accepted"].astype(bool)
    facts["channel"] = "+".join(series.channels) if len(series.channels) <= 8 else f"{len(series.channels)} variables"
    return facts.reindex(columns=FRAME_COLUMNS).astype({"flags": object})


def _seconds(series: Series, order: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Seconds since the first stored sample, NaN unknown."""
    if series.times_utc is None:
        return series.times_s[order] - (series.times_s[kept[0]] if len(kept) else 0.0)
    first = series.times_utc[kept[0]] if len(kept) else np.datetime64("1970-01-01", "ms")
    since = series.times_utc[order] - first
    return np.where(np.isnat(since), np.nan, since.astype(np.int64) / 1000)


def _scaling(series: Series, kept: np.ndarray, given: Given, prep: PrepConfig) -> list[Stretch]:
    """The scaling of each variable: given, that of its physics, or fitted once outside prep.fit_exclude_utc."""
    rows = kept
    if prep.fit_exclude_utc:
        if series.times_utc is None:
            name = series.path.name
            raise ValueError(f"{name} has no UTC times to apply prep.fit_exclude_utc to; set prep.start_utc")
        rows = kept[~inside(series.times_utc[kept], prep.fit_exclude_utc)]
    chosen = []
    for name, column in zip(series.channels, series.values[rows].T, strict=True):
        known, fixed = column[np.isfinite(column)], given.stretches.get(name) or series.scaling
        if not (fixed or len(known)):
            raise ValueError(f"{series.path.name}, {name}: no value to fit the scaling on; see prep.fit_exclude_utc")
        chosen.append(fixed or fit_affine(known))
    return chosen


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


def _meta(series: Series, frames: pd.DataFrame, scaling: list[Stretch], identity: str, prep: PrepConfig) -> dict:
    times_s = frames.loc[frames["accepted"], "time_s"].to_numpy(np.float64)
    steps = np.diff(times_s)
    median_s = float(np.median(steps)) if len(steps) else 1.0
    cadence_s = prep.sample_interval_sec or round(median_s, 6) or median_s
    return {
        "kind": "series",
        "shape": [len(times_s), len(series.channels), 1, 1],
        "dtype": prep.precision,
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
        "source": series.path.name,
        "source_sha256": series.sha256,
        "identity": identity,
        "versions": {"python": platform.python_version()} | {m.__name__: m.__version__ for m in (np, pd)},
    }


def _tell(name: str, series: Series, frames: pd.DataFrame, meta: dict) -> None:
    """Print what was made of the table."""
    notes = ", ".join(f"{column} ({what})" for column, what in series.notes.items())
    rejected, filled = int((~frames["accepted"]).sum()), int(frames["flags"].notna().sum())
    print(
        f"{name}: series of {meta['shape'][0]} samples, cadence {meta['cadence_s']:g} s, {meta['irregular_steps']} "
        f"irregular steps, {rejected} samples rejected, {filled} with interpolated values; columns: {notes}"
    )
