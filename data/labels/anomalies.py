"""Known anomalies, as users write them down for evaluation: UTC intervals, or times on the clocks of clips."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data.labels.intervals import COLUMNS, read_cells, read_intervals
from data.reel.reel import inside

CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Anomalies:
    """utc: closed intervals, of whatever has UTC times; None where they are of clips: name -> closed intervals, s."""

    utc: tuple[tuple[str, str], ...] | None
    clips: dict[str, tuple[tuple[float, float], ...]]

    def of(self, name: str, table: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame] | None:
        """The labels of the rows of a reel's frames.csv, 0, 1 or NaN, and the intervals that they are from.

        None of a clip that is not named: nothing is known of it.
        """
        if self.utc is not None:
            known = table["time_utc"].notna()
            found = inside(table.loc[known, "time_utc"].to_numpy(dtype="datetime64[ms]"), self.utc)
            return _labels(table, known, found), pd.DataFrame(self.utc, columns=["start", "end"])
        clip = next((clip for clip in self.clips if is_named(clip, name)), None)
        if clip is None:
            return None
        clock_s = table["clock_s"] if "clock_s" in table else table["time_s"]
        known = clock_s.notna()
        seconds = clock_s[known].to_numpy(float)
        found = np.zeros(len(seconds), bool)
        for first, last in self.clips[clip]:
            found |= (first <= seconds) & (seconds <= last)
        rows = [(clip, *interval) for interval in self.clips[clip]]
        return _labels(table, known, found), pd.DataFrame(rows, columns=["clip", "start", "end"])

    def not_in(self, names: Sequence[str]) -> list[str]:
        """The clips that no reel of these names is of."""
        return [clip for clip in self.clips if not any(is_named(clip, name) for name in names)]


def _labels(table: pd.DataFrame, known: pd.Series, found: np.ndarray) -> pd.Series:
    """As they are where nothing is known."""
    labels = table["label"].astype(float)
    labels[known] = found.astype(float)
    return labels


def is_named(clip: str, name: str) -> bool:
    """Whether what a table calls a clip is the reel of this name: by that, or by the name of its file."""
    return name in (clip, Path(clip).stem)


def read_anomalies(path: str, setting: str) -> Anomalies:
    """From a CSV with the columns `start,end` (or `start_utc,end_utc`) in UTC; or with a column `clip`, the name of a
    file or of its reel, and times on its own clock, as a player shows them: 12.5, 1:02.5 or 0:01:02. A clip without
    anything unusual has a row without times.

    Raises ValueError that names the `setting` which asked for the file, and what the file needs.
    """
    table = read_cells(path)
    if "clip" not in table:
        return Anomalies(read_intervals(path, setting), {})
    columns = next((names for names in COLUMNS if set(names) <= set(table.columns)), None)
    if columns is None:
        raise ValueError(f"{setting} {path} needs the columns clip,start,end; it has {list(table.columns)}")
    clips: dict[str, tuple[tuple[float, float], ...]] = {}
    for clip, start, end in table[["clip", *columns]].fillna("").itertuples(index=False, name=None):
        if not clip:
            raise ValueError(f"{setting} {path}: the row {start!r},{end!r} names no clip")
        intervals = ((clock_s(start, path, setting), clock_s(end, path, setting)),) if start or end else ()
        if any(last < first for first, last in intervals):
            raise ValueError(f"{setting} {path}: {clip} has an anomaly from {start} to {end}, which is earlier")
        clips[clip] = (*clips.get(clip, ()), *intervals)
    return Anomalies(None, clips)


def clock_s(text: str, path: str, setting: str) -> float:
    """Seconds of a time on a clip's clock."""
    if not (match := CLOCK.fullmatch(text.strip())):
        raise ValueError(
            f"{setting} {path}: {text!r} is no time on a clip's clock; give seconds or h:mm:ss, as 12.5, 1:02.5 or "
            "0:01:02, or leave out the column clip and give UTC times"
        )
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds
