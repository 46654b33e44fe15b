"""Clocks that begin again: loggers that were restarted, runs that were written one after the other, and each day."""

from dataclasses import replace

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.times.counts.elapsed import elapsed_s
from data.sources.times.divided import is_text, spread
from data.sources.times.in_names.names import day_in_name
from data.sources.times.texts import CLOCK_ALONE

FEWEST = 4  # rows of a part
# Where counters begin at 0 again, s: those of 32 and 16 bits of s, ms and us, of a day.
WRAPS_S = (2.0**32, 2.0**32 / 1e3, 2.0**32 / 1e6, 2.0**31 / 1e3, 2.0**16, 2.0**16 / 1e3, 86400.0)
MOST_RESTARTS = 0.1  # of the rows; where time goes back more often, rows are in another order


def in_parts(seconds: np.ndarray, gap_threshold: float) -> tuple[np.ndarray, int]:
    """Seconds (N,) of a clock that counts from a start, NaN unknown, and how often it began again.

    Where it falls back by many steps, and goes on rising from there, a part begins: a gap, of unknown length, after the
    one before. A counter that came to its end (WRAPS_S) goes on without a gap.
    """
    known = np.flatnonzero(np.isfinite(seconds))
    steps = np.diff(seconds[known])
    rises, falls = steps[steps > 0], np.flatnonzero(steps < 0)
    if not len(falls) or not len(rises) or len(falls) > MOST_RESTARTS * len(known):
        return seconds, 0
    step_s = float(np.median(rises))
    begins = np.array([0, *(falls + 1), len(known)])
    if np.diff(begins).min() < FEWEST or -steps[falls].max() < FEWEST * step_s:
        return seconds, 0
    shift = np.zeros(len(steps) + 1)
    shift[falls + 1] = [shift_s(-step, step_s, gap_threshold) for step in steps[falls]]
    found = seconds.copy()
    found[known] += np.cumsum(shift)
    return found, len(falls)


def shift_s(fall_s: float, step_s: float, gap_threshold: float) -> float:
    """How much later the rows behind a fall are than their clock says."""
    wrapped = (wrap for wrap in WRAPS_S if 0 < wrap - fall_s <= gap_threshold * step_s and wrap > FEWEST * step_s)
    return next(wrapped, fall_s + (gap_threshold + 1) * step_s)


def are_clocks(column: pd.Series) -> bool:
    """Whether cells are clocks of a day without a date, and not times that have passed."""
    if not is_text(column):
        return False
    cells = spread(column)
    if not cells or sum(bool(CLOCK_ALONE.fullmatch(cell)) for cell in cells) < 0.9 * len(cells):
        return False
    return elapsed_s(column.astype("string").str.strip(), str(column.name or ""), True) is None


def on_day_of_name(column: pd.Series | None, prep: PrepConfig, file: str) -> tuple[PrepConfig, tuple[str, ...]]:
    """The settings with the day in the name of a file as prep.start_utc, where its times are clocks of a day without a
    date, as those of a file a day; and what to say of it.
    """
    if column is None or prep.start_utc or prep.time_format or not are_clocks(column):
        return prep, ()
    day = day_in_name(file)
    return (replace(prep, start_utc=day), (f"its clocks are of {day}, as its name says",)) if day else (prep, ())
