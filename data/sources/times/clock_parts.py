"""Clocks that begin again: loggers that were restarted, runs that were written one after the other."""

import numpy as np

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
    shift[falls + 1] = [_shift_s(-step, step_s, gap_threshold) for step in steps[falls]]
    found = seconds.copy()
    found[known] += np.cumsum(shift)
    return found, len(falls)


def _shift_s(fall_s: float, step_s: float, gap_threshold: float) -> float:
    """How much later the rows behind a fall are than their clock says."""
    wrapped = (wrap for wrap in WRAPS_S if 0 < wrap - fall_s <= gap_threshold * step_s and wrap > FEWEST * step_s)
    return next(wrapped, fall_s + (gap_threshold + 1) * step_s)
