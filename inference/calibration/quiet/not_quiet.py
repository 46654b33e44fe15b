"""Quiet frames that stand out: listed in the run, told, and offered to `review`.

Users exclude hours by hand and forget a flare. Its frames are left out of the thresholds, and of the next training when
they are rejected: `review` does so for the windows that hold them when it is given the run. A method for series, or one
of speeds, is fitted again without them at once (`set_apart`), for what it was fitted on is usual to it.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from data.disk.files import write_csv
from data.messages import logger
from data.review_processed_data import NOT_QUIET, listed_episodes, not_quiet_frames
from inference.calibration.quiet.ranges import QuietRange

log = logger(__name__)

COLUMNS = ("reel", "frame_start", "frame_peak", "frame_end", "time_utc", "time_s", "score", "x", "y")
COLUMNS += ("start_utc", "end_utc")
TOLD = 3
LEAST_LEFT = 0.5  # of the quiet frames: where more would be set apart, it is not clear what is usual
# Of the number of a quiet frame: the range that it is from, its index there, and x, y of its highest score.
WhereOf = Callable[[int], tuple[QuietRange, int, float, float]]


def episodes(left_out: np.ndarray, levels: np.ndarray, where_of: WhereOf) -> pd.DataFrame:
    """One row an episode, strongest first, with COLUMNS: frames of the reel that was trained on, pixels of its frames.

    left_out: (M,) numbers of quiet frames; levels: (N,) of all quiet frames. x and y are NaN for a series.
    """
    rows = []
    for numbers in _runs(left_out, where_of):
        peak = int(numbers[levels[numbers].argmax()])
        found, index, x, y = where_of(peak)
        ends = [where_of(int(number))[:2] for number in (numbers[0], numbers[-1])]
        first, last = (of_range.offset + i for of_range, i in ends)
        when = _utc(found, index), float(found.reel.times_s[index])
        span = (_utc(*end) for end in ends)
        rows.append((found.source, first, found.offset + index, last, *when, float(levels[peak]), x, y, *span))
    return by_score(pd.DataFrame(rows, columns=COLUMNS))


def _utc(found: QuietRange, index: int) -> str:
    utc = found.reel.times_utc
    return "" if utc is None else str(utc[index])


def _runs(left_out: np.ndarray, where_of: WhereOf) -> Iterator[np.ndarray]:
    """Numbers (m,) of frames that follow each other, in one range or from one into another that goes on there."""

    def end_in_range(run: np.ndarray, first: int) -> int:
        here = where_of(int(run[first]))[0]
        place = here.source, here.offset, here.begin

        def is_elsewhere(number: int) -> bool:
            found = where_of(int(number))[0]
            return (found.source, found.offset, found.begin) != place

        return bisect_left(run, True, lo=first, key=is_elsewhere)

    for run in np.split(left_out, np.flatnonzero(np.diff(left_out) > 1) + 1) if len(left_out) else []:
        while len(run):
            stop = end_in_range(run, 0)
            while stop < len(run) and _goes_on(where_of(int(run[stop - 1]))[0], where_of(int(run[stop]))[0]):
                stop = end_in_range(run, stop)
            yield run[:stop]
            run = run[stop:]


def _goes_on(before: QuietRange, after: QuietRange) -> bool:
    """Whether the second range begins where the first one ends."""
    return before.source == after.source and before.offset + before.end == after.offset + after.begin


def set_apart(run: Path, quiet: Sequence[QuietRange], clip_length: int) -> bool:
    """Take what the run's calibration found to stand out for what is not quiet, from now on; whether there was any.

    quiet: what was quiet at first. Nothing is set apart where less than LEAST_LEFT would be left of what is fitted on,
    or of what thresholds are from.
    """
    found, before = not_quiet_frames(str(run)), set_apart_in(run)
    still, total = _by_side(still_quiet(found, quiet, clip_length)), _by_side(quiet)
    if len(found) == len(before) or any(still[side] < LEAST_LEFT * count for side, count in total.items()):
        return False
    write_csv(run / NOT_QUIET, by_score(found)[list(COLUMNS)])
    gone = total.total() - still.total()
    what = "samples" if quiet[0].reel.is_series else "frames"
    log.info(f"fitted again without {gone} of {total.total()} {what}, which stand out: {run / NOT_QUIET}")
    return True


def _by_side(quiet: Sequence[QuietRange]) -> Counter[str]:
    """Frames of each side of the training."""
    counts: Counter[str] = Counter()
    for r in quiet:
        counts[r.side] += len(r)
    return counts


def set_apart_in(run: Path) -> pd.DataFrame:
    """What `set_apart` took for not quiet, a row an episode."""
    return listed_episodes([*run.glob(NOT_QUIET)])


def times_apart(table: pd.DataFrame) -> int:
    """How many episodes a table of COLUMNS has: rows that follow each other are one, found in several rounds."""
    times = 0
    for _, rows in table.groupby("reel"):  # an empty one may have no other column
        rows = rows.sort_values("frame_start")
        last = rows["frame_end"].cummax().to_numpy()
        times += 1 + int((rows["frame_start"].to_numpy()[1:] > last[:-1] + 1).sum())
    return times


def still_quiet(apart: pd.DataFrame, quiet: Sequence[QuietRange], clip_length: int) -> list[QuietRange]:
    """Ranges without the episodes of a table of COLUMNS, as far as `clip_length` frames or more are left in a row."""
    for row in apart.to_dict("records"):
        quiet = [part for r in quiet for part in (_without(r, row) if r.source == row["reel"] else [r])]
    return [r for r in quiet if len(r) >= clip_length] if len(apart) else list(quiet)


def _without(r: QuietRange, row: dict) -> list[QuietRange]:
    """What lies before and behind an episode in a range."""
    first, stop = row["frame_start"] - r.offset, row["frame_end"] - r.offset + 1
    if stop <= r.begin or first >= r.end:
        return [r]
    return [replace(r, end=max(first, r.begin)), replace(r, begin=min(stop, r.end))]


def by_score(*tables: pd.DataFrame) -> pd.DataFrame:
    """The rows of all tables, strongest first."""
    some = [table for table in tables if len(table)] or list(tables[:1])
    return pd.concat(some, ignore_index=True).sort_values("score", ascending=False, kind="stable")


def tell(path: Path, table: pd.DataFrame) -> None:
    """Write the episodes to `path` and say so; nothing without any."""
    path.unlink(missing_ok=True)
    if table.empty:
        return
    write_csv(path, table)
    shown = "; ".join(
        f"{row.reel} {row.time_utc or f'frame {row.frame_peak}'} (score {row.score:.3g})"
        for row in table.head(TOLD).itertuples()
    )
    run = path.parent.parent  # the file itself is merged into another where a method is fitted again
    more = f" and {len(table) - TOLD} more" if len(table) > TOLD else ""
    log.warning(
        f"some quiet data stand out and are left out of the thresholds: {shown}{more}; {run} lists them, in files "
        f"whose names end in {NOT_QUIET}. If they are not quiet, -m review with --model-path {run} rejects their "
        f"windows for the next training, and train.exclude_flares={run}, which takes episodes of any kind, leaves "
        "their hours out of it and of the scaling"
    )
