"""Whether the level of a variable wanders: then new data lie where quiet ones never were, and a level says nothing.

A price, what has a trend, or half a year of temperatures: what comes next lies beyond what was seen, and would be one
event to the end. Such a variable is judged by how it moves.
"""

import numpy as np

PARTS, LEVELS = 5, 8  # of the quiet samples, in the order of time; and of each, by their medians
SHARE = 0.5  # of the variance of levels that lies between the parts
OUTSIDE = 0.25  # of the levels of a part, beyond all that the other parts have; both chosen on made-up series
LEAST_OUTSIDE = 2  # parts; what happened in one alone, as a sensor that was off for hours, may be a fault
SLOW, SLOWEST = 0.5, 2  # share of the variance of levels in so many of their slowest cosines; chosen on made-up ones
MOST_LEAPT = 0.6  # of the squares of steps from level to level in the largest two, as of what was off, or moved once
BLOCK = 32  # samples, and more, of which a level and a change are told
LEAST_BLOCKS, MOST_BLOCKS = 8, 40  # that tell how they go together
LEAST_GROWTH = 0.5  # between the logarithms of the lowest and the highest level
LEAST_POWER, LEAST_CORRELATION = 0.65, 0.6  # of changes, with the level


def wanders(values: np.ndarray) -> np.ndarray:
    """Which variables of quiet samples (N, C), NaN unknown, wander: (C,) bool.

    Those whose parts hold more than SHARE of the variance of their levels between them (the correlation ratio, Fisher
    1925), as slow rhythms do, too; and of whose parts two or more leave the range of all others, as those of these do
    not: where a trend begins and where it ends. And those that went and came back, as a price does half of the time.
    """
    known = (column[np.isfinite(column)] for column in values.T)
    levels = (_levels(k) if len(k) >= PARTS * LEVELS else None for k in known)
    return np.array([of_one is not None and (_leaves(of_one) or _roams(of_one)) for of_one in levels], bool)


def _levels(known: np.ndarray) -> np.ndarray:
    """Medians (PARTS, LEVELS) of values (N,) in the order of time."""
    pieces = np.array_split(known.astype(np.float64), PARTS * LEVELS)
    return np.array([np.median(piece) for piece in pieces]).reshape(PARTS, LEVELS)


def _leaves(levels: np.ndarray) -> bool:
    off = levels - levels.mean()
    if LEVELS * np.square(off.mean(axis=1)).sum() <= SHARE * np.square(off).sum():
        return False
    others = [np.delete(levels, part, axis=0) for part in range(PARTS)]
    beyond = [(own < other.min()) | (own > other.max()) for own, other in zip(levels, others, strict=True)]
    return bool(np.count_nonzero(np.mean(beyond, axis=1) >= OUTSIDE) >= LEAST_OUTSIDE)


def _roams(levels: np.ndarray) -> bool:
    """Whether levels go on as a walk does: most of their variance is in half a turn and a whole one over all of them
    (of a walk 1 / k^2 is in k halves, of what returns within an eighth of them little), and not in one or two leaps.
    """
    from scipy.fft import dct  # late, as below

    in_order = levels.ravel()
    variance, leaps = np.square(dct(in_order, norm="ortho")[1:]), np.sort(np.square(np.diff(in_order)))
    is_slow = variance[:SLOWEST].sum() > SLOW * variance.sum()
    return bool(is_slow and leaps[-2:].sum() < MOST_LEAPT * leaps.sum())


def grows(values: np.ndarray) -> bool:
    """Whether a variable that wanders moves the more the higher it is: samples (N,), in the order of time, NaN unknown.

    None of them is negative, and what they change by from sample to sample goes with their level, as of prices and of
    counts that multiply: by more than LEAST_POWER of it (its root is that of counts by chance alone), in blocks of
    BLOCK samples and more whose levels differ enough to tell.
    """
    known = values[np.isfinite(values)].astype(np.float64)
    if len(known) < LEAST_BLOCKS * BLOCK or known.min() < 0 or not wanders(known[:, None])[0]:
        return False
    size = max(BLOCK, len(known) // MOST_BLOCKS)
    blocks = known[: len(known) // size * size].reshape(-1, size)
    level, change = np.median(blocks, axis=1), np.abs(np.diff(blocks, axis=1)).mean(axis=1)
    told = (level > 0) & (change > 0)
    if np.count_nonzero(told) < LEAST_BLOCKS:
        return False
    level, change = np.log(level[told]), np.log(change[told])
    if np.ptp(level) < LEAST_GROWTH:
        return False
    from scipy.stats import theilslopes  # late: it takes longer to load than all that reads settings

    slope, _, _, _ = theilslopes(change, level)
    return bool(slope > LEAST_POWER and np.corrcoef(level, change)[0, 1] > LEAST_CORRELATION)
