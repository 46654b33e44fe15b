"""Whether the level of a variable wanders: then new data lie where quiet ones never were, and a level says nothing.

A price, what has a trend, or half a year of temperatures: what comes next lies beyond what was seen, and would be one
event to the end. Such a variable is judged by how it moves.
"""

import numpy as np

PARTS = 5  # of the quiet samples, in the order of time
SHARE = 0.4  # of the variance of a variable that lies between the parts; chosen on made-up series
TAIL = 0.01  # of the samples on either side, which have no say beyond what the others reach


def wanders(values: np.ndarray) -> np.ndarray:
    """Which variables of quiet samples (N, C), NaN unknown, wander: (C,) bool.

    Those whose parts' means hold more than SHARE of the variance of all (the correlation ratio, Fisher 1925): next to
    none of what is steady, and most of a trend or a random walk.
    """
    return np.array([_between(column[np.isfinite(column)]) > SHARE for column in values.T], bool)


def _between(known: np.ndarray) -> float:
    """The share of the variance of values (N,) that lies between PARTS parts of them; 0 of a constant."""
    if len(known) < 2 * PARTS:
        return 0.0
    off = np.clip(known, *np.quantile(known, [TAIL, 1 - TAIL])).astype(np.float64)
    off -= off.mean()
    total = np.square(off).sum()
    between = sum(len(part) * part.mean() ** 2 for part in np.array_split(off, PARTS))
    return float(between / total) if total > 0 else 0.0
