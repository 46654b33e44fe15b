"""Known anomalies, as users write them down for evaluation: UTC intervals, of clips too, or times on their clocks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from config import PrepConfig
from data.labels.intervals import anomalous, bounds_of, intervals_of, read_cells
from data.labels.point_labels import PointLabels, point_labels
from data.reel.reel import Reel

CLIPS = ("clip", "file", "filename", "file_name", "video", "reel", "series")
LATEST_S = 1e8  # on the clock of a clip: later ones are UNIX times
CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Anomalies:
    """utc: closed intervals, of whatever has UTC times; None where they are of clips: name -> closed intervals, s on
    their own clock, or UTC as ISO 8601."""

    utc: tuple[tuple[str, str], ...] | None
    clips: dict[str, tuple[tuple[float, float], ...] | tuple[tuple[str, str], ...]]

    def of(self, name: str, table: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame] | None:
        """The labels of the rows of a reel's frames.csv, 0, 1 or NaN, and the intervals that they are from.

        A frame stands for the time until the next one, for what is over by then. None of a clip that is not named, and
        of one that has no UTC times where the intervals have: nothing is known of it.
        """
        if self.utc is not None:
            found = _of_utc(table, self.utc)
            return None if found is None else (found, pd.DataFrame(self.utc, columns=["start", "end"]))
        clip = next((clip for clip in self.clips if is_named(clip, name)), None)
        if clip is None:
            return None
        intervals = self.clips[clip]
        rows = pd.DataFrame([(clip, *interval) for interval in intervals], columns=["clip", "start", "end"])
        if utc := _of_texts(intervals):
            found = _of_utc(table, utc)
            return None if found is None else (found, rows)
        clock_s = table["clock_s"] if "clock_s" in table else table["time_s"]
        return _labels(table, clock_s.astype(float), np.array(intervals, float).reshape(-1, 2)), rows

    def not_in(self, names: Sequence[str]) -> list[str]:
        """The clips that no reel of these names is of."""
        return [clip for clip in self.clips if not any(is_named(clip, name) for name in names)]

    def unmatched(self, reels: Sequence[Path]) -> list[str]:
        """What to say of UTC intervals that lie in none of the reels, and of reels that have no such times."""
        given = self.utc or [utc for intervals in self.clips.values() for utc in _of_texts(intervals)]
        if not given:
            return []
        named = [path for path in reels if self.utc is not None or any(is_named(c, path.name) for c in self.clips)]
        times = {path.name: Reel(path).times_utc for path in named}
        lacking = [name for name, utc in times.items() if utc is None or not len(utc)]
        known = [utc for utc in times.values() if utc is not None and len(utc)]
        told = [f"{name} has no UTC times, so nothing is known of it; see prep.start_utc" for name in lacking[:5]]
        bounds = [tuple(np.datetime64(text.replace(" ", "T")) for text in interval) for interval in given]
        out = [(a, b) for a, b in bounds if not any(utc[0] <= b and a <= utc[-1] for utc in known)]
        if out and known:
            span = f"{min(utc[0] for utc in known)} .. {max(utc[-1] for utc in known)}"
            told.append(f"{len(out)} of {len(given)} intervals, as {out[0][0]} .. {out[0][1]}, are of no reel ({span})")
        return told


def _of_texts(intervals: Sequence) -> list[tuple[str, str]]:
    """Those of UTC times."""
    return [(str(first), str(last)) for first, last in intervals if isinstance(first, str)]


def _of_utc(table: pd.DataFrame, intervals: Sequence[tuple[str, str]]) -> pd.Series | None:
    """None where no row has a UTC time."""
    if table["time_utc"].isna().all():
        return None
    texts = [[text.replace(" ", "T") for text in interval] for interval in intervals]
    bounds = np.array(texts, "datetime64[ms]").reshape(-1, 2).astype(float)
    times = table["time_utc"].to_numpy(dtype="datetime64[ms]")
    return _labels(table, pd.Series(np.where(np.isnat(times), np.nan, times.astype(float)), table.index), bounds)


def _labels(table: pd.DataFrame, times: pd.Series, bounds: np.ndarray) -> pd.Series:
    """Labels as they are where nothing is known, else 1 inside bounds (N, 2) and 0 outside."""
    labels, known = table["label"].astype(float), times.notna()
    labels[known] = _inside(times[known].to_numpy(), bounds).astype(float)
    return labels


def _inside(times: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Which times (T,) lie in any of the bounds (N, 2): bool. Of bounds between two times it is the one before."""
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    first, last = np.searchsorted(ordered, bounds[:, 0]), np.searchsorted(ordered, bounds[:, 1], "right")
    step = np.median(np.diff(np.unique(times))) if len(np.unique(times)) > 1 else 0.0
    before = ordered[np.maximum(first - 1, 0)] if len(times) else bounds[:, 0]
    between = (first == last) & (first > 0) & (bounds[:, 0] - before < step)
    first = np.where(between, np.searchsorted(ordered, before), first)
    change = np.zeros(len(times) + 1, int)
    np.add.at(change, first, 1)
    np.add.at(change, np.maximum(last, first), -1)
    found = np.zeros(len(times), bool)
    found[order] = np.cumsum(change)[:-1] > 0
    return found


def is_named(clip: str, name: str) -> bool:
    """Whether what a table calls a clip is the reel of this name: by that, or by the name of its file."""
    return name in (clip, Path(clip).stem)


def read_anomalies(path: str, setting: str, prep: PrepConfig | None = None) -> Anomalies | PointLabels:
    """From a CSV as `intervals_of` reads it; or with a column `clip` (`file`, `video`, ...), the name of a file or of
    its reel, and UTC times or those of its own clock, as a player shows them: 12.5, 1:02.5 or 0:01:02. A clip without
    anything unusual has a row without times. Or one of 0 and 1 for each sample, and nothing else.

    Raises ValueError that names the `setting` which asked for the file, and what the file needs.
    """
    if (alone := point_labels(path)) is not None:
        return alone
    table = read_cells(path)
    column = next((name for name in CLIPS if name in table), None)
    if column is None:
        return Anomalies(intervals_of(table, path, setting, prep), {})
    start, end, _ = bounds_of(table, path, setting, f"{column},")
    times = table[[name for name in (start, end) if name]]
    if (unnamed := table[column].isna() & times.notna().any(axis=1)).any():
        raise ValueError(f"{setting} {path}: the row {','.join(times[unnamed].iloc[0].fillna(''))} names no clip")
    is_clock = _are_clocks(times.to_numpy(object).ravel())
    if is_clock and not end:
        raise ValueError(f"{setting} {path} needs the columns {column},start,end; it has {list(table.columns)}")
    clips: dict = {}
    for clip, rows in table[table[column].notna()].groupby(column, sort=False):
        own = _on_clock(rows[anomalous(rows)], start, end, path, setting) if is_clock else None
        clips[str(clip)] = intervals_of(rows, path, setting, prep) if own is None else own
    return Anomalies(None, clips)


def _are_clocks(cells: np.ndarray) -> bool:
    """Whether times are those of clips' own clocks: all but UNIX times, and what has a date."""
    texts = [cell.strip() for cell in cells if isinstance(cell, str) and cell.strip()]
    clocks = [text for text in texts if CLOCK.fullmatch(text) and (":" in text or float(text) < LATEST_S)]
    return bool(clocks) or not any(re.search(r"\d\D\d|\d{9}", text) for text in texts)


def _on_clock(rows: pd.DataFrame, start: str, end: str, path: str, setting: str) -> tuple[tuple[float, float], ...]:
    found = []
    for first, last in rows[[start, end]].fillna("").itertuples(index=False, name=None):
        if not (first or last):
            continue
        interval = clock_s(first, path, setting), clock_s(last, path, setting)
        if interval[1] < interval[0]:
            clip = rows.iloc[0][next(name for name in CLIPS if name in rows)]
            raise ValueError(f"{setting} {path}: {clip} has an anomaly from {first} to {last}, which is earlier")
        found.append(interval)
    return tuple(found)


def clock_s(text: str, path: str, setting: str) -> float:
    """Seconds of a time on a clip's clock."""
    if not (match := CLOCK.fullmatch(text.strip())):
        raise ValueError(
            f"{setting} {path}: {text!r} is no time on a clip's clock; give seconds or h:mm:ss, as 12.5, 1:02.5 or "
            "0:01:02, or all times in UTC with their dates"
        )
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds
