"""Windows: start indices into reels, never copies. Index, verdicts and splits.

windows.csv has one row a window: window, start, length, stretch, time_utc, five statistics (filled by review), verdict,
reason, by, at. A window straddles no gap but such as `data/reel/gaps.py` lets it cross; the last one of a stretch is
flush with its end.
"""

import fnmatch
import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from config import TrainConfig
from data.disk.damage import numbers, read_table, told, whole_numbers
from data.reel.contract import items_of
from data.reel.gaps import crossed, gaps_after
from data.reel.reel import Reel

STATISTICS = ("mean", "std", "p99", "change", "coverage")
COLUMNS = ("window", "start", "length", "stretch", "time_utc", *STATISTICS, "verdict", "reason", "by", "at")
WHOLE_COLUMNS = COLUMNS[:4]
STRIDES = 8  # the longest stride that advice on the length of windows is for
MOST_NAMED = 3  # reels, in an error
TEXT_COLUMNS = ("time_utc", "verdict", "reason", "by", "at")
VERDICTS = ("", "keep", "reject")
MEND = "mend it, or move it away and run prep again for one without verdicts"


def stretches(times_s: np.ndarray, cadence_s: float, gap_threshold: float) -> list[tuple[int, int]]:
    """Half-open index ranges without a gap."""
    edges = [0, *(gaps_after(times_s, cadence_s, gap_threshold) + 1).tolist(), len(times_s)]
    return [(a, b) for a, b in pairwise(edges) if b > a]


def window_starts(begin: int, end: int, length: int, stride: int) -> np.ndarray:
    """Starts of the windows in [begin, end): every `stride`, and one flush with the end; none in a short stretch."""
    if end - begin < length:
        return np.empty(0, np.int64)
    starts = np.arange(begin, end - length + 1, stride)
    return starts if starts[-1] == end - length else np.append(starts, end - length)


def ranges_of(reel: Reel) -> list[tuple[int, int]]:
    """The stretches of a reel without a gap that windows don't cross, as half-open index ranges."""
    return stretches(reel.times_s, reel.cadence_s, crossed(reel.meta))


def longest_to_train(reel: Reel, val_fraction: float) -> int:
    """A length of windows that leaves some on either side of the split by time, about the longest one; 0: none does.

    It does so for every stride up to STRIDES and for windows side by side.
    """
    ranges, length = ranges_of(reel), len(reel) // 3  # a window on either side, and a guard as long between them
    while length > 1:
        indices = (
            np.concatenate([window_starts(begin, end, length, stride) for begin, end in ranges])
            for stride in (*range(1, STRIDES + 1), length)
        )
        if all(len(split_by_time(starts, length, val_fraction)[0]) for starts in indices):
            return length
        length -= max(1, length // 50)
    return 0


def lengths_that_fit(reels: list[Reel], val_fraction: float = TrainConfig.val_fraction) -> str:
    """Which prep.clip_length leaves windows in the reel that allows the longest ones, as advice."""
    longest = max(end - begin for reel in reels for begin, end in ranges_of(reel))
    most = max(longest_to_train(reel, val_fraction) for reel in reels)
    to_train = f"at most {most} to train" if most else f"give more {items_of(reels[0])} to train"
    return f"the longest has {longest}: choose at most {longest} to evaluate, {to_train}"


def too_long_to_train(reel: Reel, windows: pd.DataFrame, length: int) -> str:
    """What to say of windows that leave none to train on beside those that validate, as by default; "" of others."""
    fraction = TrainConfig.val_fraction
    if len(split_by_time(windows["start"].to_numpy(), length, fraction)[0]):
        return ""
    most, items = longest_to_train(reel, fraction), items_of(reel)
    way_out = f"prep.clip_length of at most {most} would do" if most else "more would do"
    return (
        f"{len(reel)} {items} are too few to train on with windows of {length}: {way_out}; to evaluate they are enough"
    )


def index_windows(reel: Reel, length: int, stride: int) -> pd.DataFrame:
    """A fresh window index of a reel, without statistics and verdicts."""
    starts = [window_starts(begin, end, length, stride) for begin, end in ranges_of(reel)]
    start = np.concatenate([*starts, np.empty(0, np.int64)])
    times = reel.times_utc
    found = {"window": np.arange(len(start)), "start": start, "length": np.full(len(start), length, np.int64)}
    found["stretch"] = np.repeat(np.arange(len(starts)), list(map(len, starts)))
    found["time_utc"] = np.full(len(start), "", object) if times is None else times[start].astype(str).astype(object)
    # All at once: a column added by itself takes longer than the rows of a short reel.
    return pd.DataFrame(
        found | dict.fromkeys(STATISTICS, np.full(len(start), np.nan)) | dict.fromkeys(TEXT_COLUMNS[1:], ""),
        columns=COLUMNS,
    )


def read_windows(reel: Reel) -> pd.DataFrame:
    """The reel's windows.csv, which people edit too.

    Raises FileNotFoundError with the way out when prep ran with --movie_only, Damaged for one that can't be used.
    """
    path = reel.path / "windows.csv"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing (prep ran with --movie_only?); run: python main.py -m prep")
    with told(path, MEND):
        table = read_table(path, MEND, COLUMNS, dtype=dict.fromkeys(TEXT_COLUMNS, str))
        table[list(TEXT_COLUMNS)] = table[list(TEXT_COLUMNS)].fillna("")
        return checked(table, len(reel))


def checked(table: pd.DataFrame, frames: int) -> pd.DataFrame:
    """A window index of a reel of so many frames. Raises ValueError, which names the first row that can't be."""
    if table.empty:  # of a reel too short for a window
        return table.astype(dict.fromkeys(WHOLE_COLUMNS, np.int64) | dict.fromkeys(STATISTICS, np.float64))
    for name, least in zip(WHOLE_COLUMNS, (0, 0, 1, 0), strict=True):
        table[name] = whole_numbers(table, name, least, frames if name in ("start", "length") else 2**53)
    for name in STATISTICS:
        given = table[table[name].notna()]
        numbers(given, name)
        table[name] = table[name].astype(np.float64)
    wrong = {
        "start and length reach beyond the reel": table["start"] + table["length"] > frames,
        "a window that is there before": table["window"].duplicated(),
        f"the verdict is none of {', '.join(VERDICTS[1:])}": ~table["verdict"].isin(VERDICTS),
    }
    for fault, rows in wrong.items():
        if rows.any():
            raise ValueError(f"row {int(rows.to_numpy().argmax()) + 1}: {fault}")
    return table


def usable(table: pd.DataFrame) -> np.ndarray:
    """Which windows may be trained on: not rejected, and sharing no frame with a rejected one. (N,) bool."""
    starts, lengths = (table[name].to_numpy(np.int64) for name in ("start", "length"))
    return clear_of(starts, lengths, (table["verdict"] == "reject").to_numpy())


def clear_of(starts: np.ndarray, lengths: np.ndarray, rejected: np.ndarray) -> np.ndarray:
    """Which windows share no frame with a rejected one; all (N,)."""
    held = np.zeros(int((starts + lengths).max(initial=0)) + 1, np.int64)
    for start, length in zip(starts[rejected], lengths[rejected], strict=True):
        held[start : start + length] = 1
    total = np.concatenate([[0], np.cumsum(held)])
    return total[starts + lengths] == total[starts]


def split_by_time(starts: np.ndarray, length: int, val_fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation starts: the last `val_fraction` validates, with a guard of one window between.

    Guard: the last training frame and the first validation frame lie more than `length` frames apart.
    """
    starts = np.sort(starts)
    if len(starts) == 0:
        return starts, starts
    n_val = max(1, round(val_fraction * len(starts)))
    val = starts[-n_val:]
    return starts[starts + 2 * length <= val[0]], val


@dataclass(frozen=True)
class WindowSet:
    """Windows over several reels as two arrays, because an index of objects grows in every loader worker."""

    reel: np.ndarray  # (N,) which reel
    start: np.ndarray  # (N,) first frame
    length: int

    def __len__(self) -> int:
        return len(self.start)


def training_starts(reel: Reel, settings: TrainConfig) -> np.ndarray:
    """Starts of the usable windows of one reel that touch none of the excluded UTC intervals.

    Where the verdicts of review are the labels to learn from, rejected windows are as usable as others.
    """
    table = read_windows(reel)
    if settings.weak.labels != "review":
        table = table[usable(table)]
    start, length = table["start"].to_numpy(), table["length"].to_numpy()
    excluded = np.concatenate([[0], np.cumsum(reel.inside(settings.excluded_utc))])
    return start[excluded[start + length] == excluded[start]]


def validating(reels: list[Reel], settings: TrainConfig) -> np.ndarray | None:
    """Which reels validate as wholes, (N,) bool; None where each reel is split in time.

    Those that train.val_reels names; without it, where reels belong to classes, of each class evenly as many as
    val_fraction asks for, but never all. Raises ValueError for a name that fits no reel.
    """
    names = [reel.name for reel in reels]
    for pattern in settings.val_reels:
        if not fnmatch.filter(names, pattern):
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            raise ValueError(
                f"train.val_reels: no reel is called {pattern}; those there are: {', '.join(names[:MOST_NAMED])}{more}"
            )
    if settings.val_reels:
        return np.array([any(fnmatch.fnmatch(reel.name, p) for p in settings.val_reels) for reel in reels])
    if not any(reel.category for reel in reels):
        return None
    chosen, categories = np.zeros(len(reels), bool), np.array([reel.category or "" for reel in reels])
    for category in np.unique(categories):
        members = np.flatnonzero(categories == category)
        share = np.floor(np.arange(len(members) + 1) * settings.val_fraction)
        chosen[members[np.diff(share) > 0]] = True
    return chosen


def training_split(reels: list[Reel], settings: TrainConfig) -> tuple[WindowSet, WindowSet]:
    """Training and validation windows of all reels, split by time block inside every reel, or by reel.

    Raises ValueError when either side is empty or the reels hold windows of different lengths.
    """
    lengths = sorted({int(n) for reel in reels for n in read_windows(reel)["length"]})
    if not lengths:
        raise ValueError(
            f"{_listed(reels)}: no stretch without a gap holds a window of the prep.clip_length that it was prepared "
            f"with; {lengths_that_fit(reels, settings.val_fraction)}, then run prep again"
        )
    if len(lengths) != 1:
        raise ValueError(f"the reels hold windows of lengths {lengths}; prepare all with one prep.clip_length")
    sides: tuple[list, list] = ([], [])
    validates = validating(reels, settings)
    for number, reel in enumerate(reels):
        starts = training_starts(reel, settings)
        if validates is None:
            split = split_by_time(starts, lengths[0], settings.val_fraction)
        else:
            split = (starts[:0], starts) if validates[number] else (starts, starts[:0])
        for side, starts in zip(sides, split, strict=True):
            side.append((np.full(len(starts), number), starts))
    joined = (map(np.concatenate, zip(*side, strict=True)) for side in sides)
    train, val = (WindowSet(number, start, lengths[0]) for number, start in joined)
    if not len(train) or not len(val):
        most, items = max(longest_to_train(reel, settings.val_fraction) for reel in reels), items_of(reels[0])
        shorter = f" (at most {most} {items})" if 0 < most < lengths[0] else ""
        way_out = (
            f"use more {items}, a shorter prep.clip_length{shorter}, a smaller train.val_fraction or fewer rejections"
        )
        if settings.val_reels:
            way_out = "name other train.val_reels"
        elif validates is not None and not validates.any():
            fewest = math.ceil(1 / settings.val_fraction)
            way_out = f"give classes at least {fewest} reels, or choose a larger train.val_fraction"
        guard = f", with a guard of {lengths[0]} {items} between the two" if validates is None else ""
        raise ValueError(
            f"{len(train)} training and {len(val)} validation windows of {lengths[0]} {items} are left after the split"
            f"{guard}; {way_out}"
        )
    return train, val


def _listed(reels: list[Reel]) -> str:
    names = ", ".join(reel.name for reel in reels[:5])
    return names if len(reels) <= 5 else f"{names} and {len(reels) - 5} others"
