"""Clocks that begin again: loggers that were restarted, runs that were written one after the other."""

import numpy as np

FEWEST = 4  # rows of a part
MOST_RESTARTS = 0.1  # of the rows; where time goes back more often, rows are in another order


def in_parts(seconds: np.ndarray, gap_threshold: float) -> tuple[np.ndarray, int]:
    """Seconds (N,) of a clock that counts from a start, NaN unknown, and how often it began again.

    Where it falls back by many steps, and goes on rising from there, a part begins: a gap, of unknown length, after the
    one before.
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
    shift[falls + 1] = (gap_threshold + 1) * step_s - steps[falls]
    found = seconds.copy()
    found[known] += np.cumsum(shift)
    return found, len(falls)
