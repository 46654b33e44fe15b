"""How unlike the rest of its series a stretch is: the distance to the nearest stretch elsewhere in it.

A net sees a chunk of a series at a time. What is like nothing in 100,000 samples can be quite usual beside its
neighbours, and only a look at the whole series tells. Such a stretch is called a discord: Keogh, Lin and Fu 2005 (HOT
SAX), and all distances together a matrix profile: Yeh et al. 2016. Here a bounded number of stretches is compared, as
means over equal parts, so that time and memory end somewhere, and with their amplitude, which is part of their shape.
"""

import numpy as np

from data.series.periods import periods_of
from data.series.robust import MAD_TO_STD, interpolated, rescaled

LENGTHS = (0.5, 1.0, 2.0)  # of the stretches, in periods
APERIODIC = 64  # samples that are taken for a period where there is none
SHORTEST, LEAST_STRETCHES = 8, 6  # samples of a stretch, and how many of them a series has
POINTS = 32  # means that a longer stretch is known by
MOST, OVERLAP = 4096, 16  # stretches that are compared, and how many begin within one at most
QUERIES = 1024  # at a time
LEAST_KNOWN = 0.5  # of the samples of a stretch
USUAL_SHARE = 0.75  # of the samples of a row, whose evidence is usual in it
LEAST_DISTANCE = 0.05  # spreads of the series: what differs less is alike
MEDIAN_SHARE = 0.05  # of the usual distance, which its own spread is at least


def unlikeness(rows: np.ndarray) -> np.ndarray:
    """Evidence (n, L) float32 of rows (n, L) in spreads from their centers, NaN unknown.

    log(1 + z), z by how many spreads of all distances one is above their median; the mean over stretches of three
    lengths, each at its middle; less what a quarter of the row reaches, for there are series in which much is unlike
    the rest. Unknown samples have the lowest there can be.
    """
    known = np.isfinite(rows)
    whole = interpolated(rows.astype(np.float64), known)
    signal = rescaled(whole, np.zeros(1), np.ones(1)).astype(np.float32)
    periods = periods_of(signal, known).tolist()
    found = [of_row(*each) for each in zip(whole, known, (period or APERIODIC for period in periods), strict=True)]
    evidence = np.where(known, np.stack(found), np.nan)
    usual = [np.quantile(e[np.isfinite(e)], USUAL_SHARE) if np.isfinite(e).any() else 0.0 for e in evidence]
    return (np.nan_to_num(evidence) - np.array(usual)[:, None]).astype(np.float32)


def of_row(row: np.ndarray, known: np.ndarray, period: int) -> np.ndarray:
    """The mean evidence (L,) of the lengths that fit into a row (L,); zeros where none does."""
    longest = len(row) // LEAST_STRETCHES
    if longest < SHORTEST:
        return np.zeros(len(row))
    lengths = (int(min(max(round(share * period), SHORTEST), longest)) for share in LENGTHS)
    return np.mean([of_length(row, known, length) for length in lengths], axis=0)


def of_length(row: np.ndarray, known: np.ndarray, length: int) -> np.ndarray:
    """The evidence (L,) of stretches of so many samples."""
    starts, count = starts_of(len(row), length), np.pad(known.cumsum(), (1, 0))
    starts = starts[count[starts + length] - count[starts] >= LEAST_KNOWN * length]
    if not len(starts):
        return np.zeros(len(row))
    distance = nearest(shapes(row, starts, length), starts, length)
    middles = starts + (length - 1) / 2
    return np.interp(np.arange(len(row)), middles, np.log1p(above_usual(distance)))


def starts_of(samples: int, length: int) -> np.ndarray:
    """Where the stretches of a series begin, evenly, (k,) with k at most MOST."""
    return np.arange(0, samples - length + 1, max(1, length // OVERLAP, -(-(samples - length + 1) // MOST)))


def above_usual(distance: np.ndarray) -> np.ndarray:
    """By how many spreads distances (k,) are above their median, 0 and more; NaN, of what has no other, is 0."""
    some = distance[np.isfinite(distance)]
    if not len(some):
        return np.zeros(len(distance))
    usual = np.median(some)
    spread = MAD_TO_STD * np.median(np.abs(some - usual))
    return np.maximum(np.nan_to_num(distance - usual), 0) / (spread + MEDIAN_SHARE * usual + LEAST_DISTANCE)


def shapes(row: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Stretches of a row (L,) from starts (k,) on, each less its mean: (k, POINTS) float32, of short ones (k, length).

    Scaled so that the distance of two is the RMS of what they differ by.
    """
    parts = min(POINTS, length)
    edges = np.linspace(0, length, parts + 1).round().astype(np.int64)
    sums = np.pad(np.cumsum(row - row.mean()), (1, 0))
    means = np.diff(sums[starts[:, None] + edges], axis=1) / np.diff(edges)
    return ((means - means.mean(1, keepdims=True)) / parts**0.5).astype(np.float32)


def nearest(shapes: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """The distance (k,) of shapes (k, P) to the nearest of those that share no sample with them; NaN for none."""
    squares, found = np.square(shapes).sum(1), []
    for begin in range(0, len(shapes), QUERIES):
        some = slice(begin, begin + QUERIES)
        half = squares / 2 - shapes[some] @ shapes.T  # of the squared distance, but for the query's own square
        half[np.abs(starts[some, None] - starts) < length] = np.inf
        found.append(2 * half.min(1) + squares[some])
    distance = np.sqrt(np.maximum(np.concatenate(found), 0))
    return np.where(np.isinf(distance), np.float32(np.nan), distance)
