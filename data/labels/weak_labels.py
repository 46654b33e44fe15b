"""One label a window: 1 where something is known to have happened in it, though not when."""

from pathlib import Path

import numpy as np
import pandas as pd

from config import WeakConfig
from data.reel.reel import Reel, inside
from data.reel.windows import WindowSet, read_windows

KNOWN = "labels (of frames), review (its verdicts), windows (column label of windows.csv), or a CSV of intervals"


def weak_labels(reels: list[Reel], windows: WindowSet, settings: WeakConfig) -> np.ndarray:
    """The label (N,) of every window, 0 or 1 as float32, from what `settings.labels` names.

    labels: 1 where a frame of the window is labelled. review: 1 where the window was rejected. windows: the column
    label of windows.csv. Otherwise a CSV: a catalogue of flares (those of min_class and above), or intervals start, end
    in UTC; 1 where one of them overlaps the window. Raises ValueError where a reel has no such labels.
    """
    if settings.labels is None:
        raise ValueError(f"train.weak.labels is not set; this model learns from a label for each window: {KNOWN}")
    if settings.labels in SOURCES:
        found = [SOURCES[settings.labels](reel, windows.length) for reel in reels]
    else:
        intervals = intervals_of(settings.labels, settings.min_class)
        found = [windows_with(_frames_inside(reel, intervals), windows.length) for reel in reels]
    labels = np.zeros(len(windows), np.float32)
    for number, of_start in enumerate(found):
        mine = windows.reel == number
        labels[mine] = of_start[windows.start[mine]]
    return labels


def intervals_of(path: str, min_class: str | None) -> tuple[tuple[str, str], ...]:
    """UTC intervals of a catalogue's flares of `min_class` and above, or those of a CSV with start, end.

    Raises ValueError that names the file and what it needs.
    """
    from data.labels.intervals import read_cells, read_intervals  # late: readers of lists, which few trainings have
    from data.labels.sun.catalog import NAMES, flux_of_class, read_catalog
    from data.labels.sun.published import published_rows

    if not Path(path).is_file():
        raise ValueError(f"train.weak.labels {path!r} is neither a file nor one of {KNOWN}")
    columns = [] if (is_list := published_rows(Path(path)) is not None) else read_cells(path).columns
    if not is_list and not {name.lower() for name in columns} & set(NAMES["class"]):
        if min_class:
            raise ValueError(f"train.weak.min_class is set, but {path} has no column class; it has {list(columns)}")
        return read_intervals(path, "train.weak.labels")
    flares = read_catalog(path)
    least = flux_of_class(min_class) if min_class else 0.0
    chosen = flares[flares["flux_w_m2"] >= 0.999 * least]  # M1.0 is 1e-5 but for rounding
    return tuple((str(a), str(b)) for a, b in zip(chosen["start"], chosen["end"], strict=True))


def _of_labels(reel: Reel, length: int) -> np.ndarray:
    if reel.labels is None:
        raise ValueError(f"reel {reel.name} has no labels of frames for train.weak.labels labels; see prep.labels_csv")
    return windows_with(reel.labels == 1, length)


def _of_review(reel: Reel, length: int) -> np.ndarray:
    table = read_windows(reel)
    return _of_table(reel, table, table["verdict"] == "reject")


def _of_windows(reel: Reel, length: int) -> np.ndarray:
    table = read_windows(reel)
    if "label" not in table or not table["label"].isin([0, 1]).all():
        raise ValueError(f"{reel.path / 'windows.csv'} needs a column label of 0 and 1 for train.weak.labels windows")
    return _of_table(reel, table, table["label"])


SOURCES = {"labels": _of_labels, "review": _of_review, "windows": _of_windows}


def _of_table(reel: Reel, table: pd.DataFrame, labels: pd.Series) -> np.ndarray:
    """By the frame that a window starts at, (T,)."""
    of_start = np.zeros(len(reel), np.float32)
    of_start[table["start"]] = labels
    return of_start


def windows_with(is_odd: np.ndarray, length: int) -> np.ndarray:
    """1 for each frame (T,) at which a window of `length` frames would start that holds an odd one; float32."""
    total = np.concatenate([[0], np.cumsum(is_odd)])
    ends = np.minimum(np.arange(len(is_odd)) + length, len(is_odd))
    return (total[ends] > total[:-1]).astype(np.float32)


def _frames_inside(reel: Reel, intervals: tuple[tuple[str, str], ...]) -> np.ndarray:
    """Frames (T,) that an interval touches: a frame stands for the time until the next one."""
    if reel.times_utc is None:
        raise ValueError(f"reel {reel.name} has no UTC times for train.weak.labels; set prep.start_utc")
    until_next = np.timedelta64(max(round(1000 * reel.cadence_s) - 1, 0), "ms")
    begins = tuple((str(np.datetime64(a) - until_next), b) for a, b in intervals)
    return inside(reel.times_utc, begins)
