"""Plain evidence of a series: a value, a spike, a step or a spread that may not be as in quiet data.

A net rebuilds a level that it never saw, windows that are normalised know no amplitude, and neighbours of windows none
of single samples. These four statistics look at what each of them can't; `surprise.py` says how rare they are.
"""

import numpy as np
from scipy.ndimage import maximum_filter1d, median_filter, uniform_filter1d

KINDS = ("value", "spike", "step", "spread")
NEIGHBOURS = 5  # samples of the running median that a spike is measured from
LEVEL = 33  # samples before and after a step, of which the medians differ
ONSET = 4  # samples of a step that count
STRETCH = 25  # samples of which the spread is taken
LEAST_SPREAD = 1e-3  # of the range of quiet values, about 1: below, a sensor stands still
ROUNDING = 1e-14  # of the largest square: a smaller variance is what sums of squares leave behind it
LEAST_KNOWN = 0.5  # of the samples around one
REACH = 2 * LEVEL + ONSET  # samples before and after one that its evidence looks at


def local_evidence(values: np.ndarray) -> np.ndarray:
    """Evidence (n, C, E) float32 of a series (n, C), E as KINDS; NaN unknown.

    The value itself; its distance from the running median; the height of a step where one is highest, else 0; the
    logarithm of the standard deviation around. Values in a model's scaling, in which most lie in 0..1.
    """
    found = np.full((*values.shape, len(KINDS)), np.nan, np.float32)
    for c, column in enumerate(values.T):
        if (known := np.isfinite(column)).any():
            whole = np.interp(np.arange(len(column)), np.flatnonzero(known), column[known])
            found[:, c] = np.stack([column, spikes(whole), steps(whole), np.log(spreads(whole) + LEAST_SPREAD)], 1)
            share = uniform_filter1d(known.astype(np.float64), LEVEL, mode="nearest")
            found[~known | (share < LEAST_KNOWN), c] = np.nan
    return found


def spikes(values: np.ndarray) -> np.ndarray:
    """How far values (n,) lie from the median of those around."""
    return np.abs(values - median_filter(values, NEIGHBOURS, mode="nearest"))


def steps(values: np.ndarray) -> np.ndarray:
    """Heights (n,) of changes of level at their onsets, 0 elsewhere: of those nearer than a level is long, the highest.

    A step is no event of as many samples as are looked at before and after it.
    """
    height = level_changes(values)
    is_highest = height == maximum_filter1d(height, 2 * LEVEL + 1, mode="nearest")
    is_onset = maximum_filter1d(is_highest.astype(np.uint8), ONSET, origin=-(ONSET // 2) + 1, mode="constant") > 0
    return np.where(is_onset, height, 0.0)


def level_changes(values: np.ndarray) -> np.ndarray:
    """By how much the medians of LEVEL values (n,) before a sample and from it on differ."""
    level = median_filter(np.pad(values, LEVEL, mode="symmetric"), LEVEL, mode="nearest")
    half = LEVEL // 2
    before, after = level[LEVEL - half - 1 :][: len(values)], level[LEVEL + half :][: len(values)]
    return np.abs(after - before)


def spreads(values: np.ndarray) -> np.ndarray:
    """Standard deviation (n,) of the values (n,) around each."""
    offset = values - values.mean()  # else the squares of a high level would lose the digits of its spread
    mean = uniform_filter1d(offset, STRETCH, mode="nearest")
    squares = offset * offset
    variance = uniform_filter1d(squares, STRETCH, mode="nearest") - mean * mean
    return np.sqrt(np.where(variance > ROUNDING * squares.max(), variance, 0.0))
