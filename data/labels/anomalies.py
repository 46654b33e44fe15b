"""Known anomalies, as users write them down for evaluation: UTC intervals, of clips too, or times on their clocks."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from config import PrepConfig
from data.labels.by_frame.benchmark_lists import of_json, of_lines, of_matlab
from data.labels.by_frame.boxes import of_boxes
from data.labels.by_frame.clips import clip_of, source_in
from data.labels.by_frame.frame_labels import FrameLabels, PictureLabels
from data.labels.by_frame.frame_tables import of_frames
from data.labels.by_frame.label_arrays import of_arrays, of_packed
from data.labels.by_frame.row_tables import of_rows
from data.labels.intervals import anomalous, bounds_of, intervals_of, later_s, read_cells
from data.labels.label_tables import BINARY
from data.labels.label_text import text_of
from data.labels.point_labels import PointLabels, point_labels
from data.reel.reel import Reel
from data.sources.base import TableError
from data.sources.times.numbers import PER_SECOND, unit_of

CLIPS = ("clip", "file", "filename", "file_name", "video", "reel", "series", "video_name", "videoname", "video_id")
CLIPS += ("chan_id", "clip_name", "clip_id", "video_file", "filepath", "file_path", "video_path", "path", "sequence")
CLIPS += ("media_file", "media_file_name", "media_file_path")  # BORIS
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
        clip = clip_of(self.clips, name, source_in(table))
        if clip is None:
            return None
        intervals = self.clips[clip]
        rows = pd.DataFrame([(clip, *interval) for interval in intervals], columns=["clip", "start", "end"])
        if utc := _of_texts(intervals):
            found = _of_utc(table, utc)
            return None if found is None else (found, rows)
        clock_s = table["clock_s"] if "clock_s" in table else table["time_s"]
        return _labels(table, clock_s.astype(float), np.array(intervals, float).reshape(-1, 2)), rows

    def not_in(self, reels: Mapping[str, str]) -> list[str]:
        """The clips that none of the reels is; reels: their names, and where a frame of each is from."""
        found = {clip_of(self.clips, name, source) for name, source in reels.items()}
        return [clip for clip in self.clips if clip not in found]

    def unmatched(self, reels: Sequence[Path]) -> list[str]:
        """What to say of intervals that lie in none of the reels, and of reels that have no UTC times."""
        given = self.utc or [utc for intervals in self.clips.values() for utc in _of_texts(intervals)]
        if not given:
            return [told for path in reels if (told := self._behind(path))]
        sources = {path: source_in(Reel(path).candidates) for path in reels}
        named = [path for path in reels if self.utc is not None or clip_of(self.clips, path.name, sources[path])]
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

    def _behind(self, path: Path) -> str:
        """What to say of intervals on a clip's clock that begin when it is over; "" where none does."""
        table = Reel(path).candidates
        clip = clip_of(self.clips, path.name, source_in(table))
        last_s = (table["clock_s"] if "clock_s" in table else table["time_s"]).astype(float).max()
        behind = [span for span in self.clips[clip] if float(span[0]) > last_s] if clip else []
        if not behind:
            return ""
        told = f"{len(behind)} of the times of {clip}, as {behind[0][0]:g} s, are behind its end ({last_s:g} s)"
        return f"{told}; numbers of frames need the columns clip,start_frame,end_frame"


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


Known = Anomalies | PointLabels | FrameLabels | PictureLabels


def read_anomalies(path: str, setting: str, prep: PrepConfig | None = None) -> Known:
    """From a CSV as `intervals_of` reads it; or with a column `clip` (`file`, `video`, ...), the name of a file or of
    its reel, and UTC times or those of its own clock, as a player shows them: 12.5, 1:02.5 or 0:01:02, or numbers of
    frames or rows (`start_frame,end_frame`, `start_row,end_row`, or `frame,label`). A clip without anything unusual has
    a row without times. Or one of 0 and 1 for each sample, and nothing else, or a label for each picture by its name; a
    folder of arrays; and as `benchmark_lists` has them.

    Raises ValueError that names the `setting` which asked for the file, and what the file needs.
    """
    if (other := _of_other_forms(path, setting)) is not None:
        return Anomalies(None, {**other}) if isinstance(other, dict) else other
    table = read_cells(path)
    column = next((name for name in CLIPS if name in table), None)
    normal = prep.label_normal if prep else ()
    try:
        by_number = of_frames(table, column, path, normal) or of_rows(table, column, path, normal)
    except TableError as error:
        raise ValueError(f"{setting} {path}: {error}") from None
    if by_number is not None:
        return by_number
    if column is None:
        return Anomalies(intervals_of(table, path, setting, prep), {})
    bounds = start, end, _ = bounds_of(table, path, setting, f"{column},")
    times = table[[name for name in (start, end) if name]]
    if (unnamed := table[column].isna() & times.notna().any(axis=1)).any():
        raise ValueError(f"{setting} {path}: the row {','.join(times[unnamed].iloc[0].fillna(''))} names no clip")
    is_clock = _are_clocks(times.to_numpy(object).ravel())
    clips: dict = {}
    for clip, rows in table[table[column].notna()].groupby(column, sort=False):
        own = _on_clock(str(clip), rows[anomalous(rows, normal)], bounds, path, setting) if is_clock else None
        clips[str(clip)] = intervals_of(rows, path, setting, prep) if own is None else own
    return Anomalies(None, clips)


def _of_other_forms(path: str, setting: str) -> PointLabels | FrameLabels | PictureLabels | dict | None:
    """The labels of files that are no tables with names above; None of tables."""
    if Path(path).is_dir():
        return of_arrays(Path(path))
    if path.lower().endswith(".npz"):
        return of_packed(Path(path))
    if (alone := point_labels(path)) is not None or path.lower().endswith(BINARY):
        return alone
    text = text_of(Path(path))
    try:
        if (boxes := of_boxes(text, Path(path))) is not None:
            return boxes
    except ValueError as error:
        raise ValueError(f"{setting} {error}") from None
    forms = (of_json,) if text.lstrip().startswith(("{", "[")) else (of_matlab, of_lines)
    return next((found for form in forms if (found := form(text)) is not None), None)


def _are_clocks(cells: np.ndarray) -> bool:
    """Whether times are those of clips' own clocks: all but UNIX times, and what has a date."""
    texts = [_plain(cell) for cell in cells if isinstance(cell, str) and cell.strip()]
    clocks = [text for text in texts if CLOCK.fullmatch(text) and (":" in text or float(text) < LATEST_S)]
    return bool(clocks) or not any(re.search(r"\d\D\d|\d{9}", text) for text in texts)


def _on_clock(
    clip: str, rows: pd.DataFrame, bounds: tuple[str, str, str], path: str, setting: str
) -> tuple[tuple[float, float], ...]:
    """The intervals of a clip on its clock, s; bounds: the columns of starts, ends and durations, "" where none is."""
    start, end, duration = bounds
    found = []
    for first, last in rows[[start, end or start]].fillna("").itertuples(index=False, name=None):
        if not (first or last):
            continue
        interval = _clock_in(start, first, path, setting), _clock_in(end or start, last, path, setting)
        if interval[1] < interval[0]:
            raise ValueError(f"{setting} {path}: {clip} has an anomaly from {first} to {last}, which is earlier")
        found.append(interval)
    if duration:
        try:
            lasting_s = later_s(rows[duration][rows[start].notna()])
        except TableError as error:
            raise ValueError(f"{setting} {path}: {error}") from None
        found = [(first, first + seconds) for (first, _), seconds in zip(found, lasting_s, strict=True)]
    return tuple(found)


def _clock_in(column: str, text: str, path: str, setting: str) -> float:
    """Seconds of a time in a column, which may be called by another unit."""
    seconds = clock_s(text, path, setting)
    unit = unit_of(column.replace("_", " ")) or "s"
    return seconds if ":" in text else seconds / PER_SECOND[unit]


def _plain(text: str) -> str:
    """A time on a clip's clock without its unit, and with a decimal point: 2,5 s."""
    text = text.strip()
    return re.sub(r"\s?s$", "", text.replace(",", ".") if re.fullmatch(r"[\d:]+,\d+\s?s?", text) else text)


def clock_s(text: str, path: str, setting: str) -> float:
    """Seconds of a time on a clip's clock."""
    if not (match := CLOCK.fullmatch(_plain(text))):
        raise ValueError(
            f"{setting} {path}: {text!r} is no time on a clip's clock; give seconds or h:mm:ss, as 12.5, 1:02.5 or "
            "0:01:02, or all times in UTC with their dates"
        )
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds
