"""Quiet frames that stand out: listed in the run, told, and offered to `review`.

Users exclude hours by hand and forget a flare. Its frames are left out of the thresholds, and of the next training when
they are rejected: `review` does so for the windows that hold them when it is given the run.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from data.disk.files import write_csv
from data.messages import logger
from inference.calibration.quiet import QuietRange

log = logger(__name__)

COLUMNS = ("reel", "frame_start", "frame_peak", "frame_end", "time_utc", "time_s", "score", "x", "y")
TOLD = 3
# Of the number of a quiet frame: the range that it is from, its index there, and x, y of its highest score.
WhereOf = Callable[[int], tuple[QuietRange, int, float, float]]


def episodes(left_out: np.ndarray, levels: np.ndarray, where_of: WhereOf) -> pd.DataFrame:
    """One row an episode, strongest first, with COLUMNS: frames of the reel that was trained on, pixels of its frames.

    left_out: (M,) numbers of quiet frames; levels: (N,) of all quiet frames. x and y are NaN for a series.
    """
    rows = []
    for numbers in np.split(left_out, np.flatnonzero(np.diff(left_out) > 1) + 1) if len(left_out) else []:
        peak = int(numbers[levels[numbers].argmax()])
        found, index, x, y = where_of(peak)
        first, last = (of_range.offset + i for of_range, i, *_ in map(where_of, (int(numbers[0]), int(numbers[-1]))))
        utc = found.reel.times_utc
        when = ("" if utc is None else str(utc[index]), float(found.reel.times_s[index]))
        rows.append((found.source, first, found.offset + index, last, *when, float(levels[peak]), x, y))
    return by_score(pd.DataFrame(rows, columns=COLUMNS))


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
    more = f" and {len(table) - TOLD} more" if len(table) > TOLD else ""
    log.warning(
        f"some quiet data stand out and are left out of the thresholds: {shown}{more}; see {path}. If they are not "
        f"quiet, -m review with --model-path {path.parent.parent} rejects their windows for the next training"
    )
