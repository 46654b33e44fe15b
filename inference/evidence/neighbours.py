"""How far every window of a series is from the nearest of the others, at five lengths, in units of what is usual there.

`likeness.py` tells shapes by where their energy is, so that a small change of a large cycle is nothing. Here principal
components weigh by the root of their spread: between that and the full whitening of `rare_windows.py`, which tells how
far a window is from all others but not that it is like one of them. As cycles differ more in some places than in
others, a distance is told in units of what the nearest window itself has to its own nearest one.

It is for long series alone: of a few hundred windows the strangest is by chance far above all but a hundredth, and one
that holds something large would hide what is small.
"""

import numpy as np
from scipy.ndimage import uniform_filter1d

from data.drawn import one_of_each
from data.series.periods import periods_of
from data.series.robust import interpolated, rescaled
from inference.evidence.likeness import APERIODIC, LEAST_STRETCHES, SHORTEST, shapes

LENGTHS, PERIODS = (16, 32, 64), (0.5, 1.0)  # of the windows, in samples and in periods
OVERLAP = 8  # windows that begin within one
OTHERS, SAMPLE = 2048, 8192  # windows, evenly, that all are compared with, and that tell the components
COMPONENTS, LEAST_VARIANCE = 16, 1e-9  # of the largest one's
MEDIAN_SHARE = 0.3  # of the median of all distances, which is added to the unit of each
RARE_SHARE = 0.99  # of a series, beyond which a distance is rare
BY_CHANCE = 0.15  # of a logarithm, the mean over lengths: what clean series exceed hardly more often for it
SHORT, LONG = 8192, 16384  # samples of a series: up to where this says nothing, and from where on all
BRIDGED = 8  # a gap of up to one such part of a window is filled, one that is longer leaves the window unknown
BLOCK = 1024  # windows at a time


def strangeness(rows: np.ndarray) -> np.ndarray:
    """Evidence (n, L) float32 of rows (n, L) in spreads from their centers, NaN unknown.

    The logarithm of by how much the distances of a sample's windows, in the mean, are beyond those of all but a
    hundredth, the mean over the lengths, less what is so by chance; 0 for these, for unknown samples, and in rows that
    are short.
    """
    share = weight_of(rows.shape[1])
    if not share:
        return np.zeros(rows.shape, np.float32)
    known = np.isfinite(rows)
    whole = interpolated(rows.astype(np.float64), known)
    periods = periods_of(rescaled(whole, np.zeros(1), np.ones(1)).astype(np.float32), known).tolist()
    found = [of_row(*each) for each in zip(whole, known, (period or APERIODIC for period in periods), strict=True)]
    return np.where(known, share * np.maximum(np.stack(found) - BY_CHANCE, 0), 0).astype(np.float32)


def weight_of(samples: int) -> float:
    """How much the evidence of a series of so many samples counts, 0 to 1."""
    return float(np.clip(np.log(max(samples, 1) / SHORT) / np.log(LONG / SHORT), 0, 1))


def of_row(row: np.ndarray, known: np.ndarray, period: int) -> np.ndarray:
    """The mean of the logarithms (L,) of a row (L,) with its gaps filled."""
    longest = len(row) // LEAST_STRETCHES
    wanted = (*LENGTHS, *(round(share * period) for share in PERIODS))
    lengths = {min(max(length, SHORTEST), longest) for length in wanted}
    return np.mean([of_length(row, known, length) for length in sorted(lengths)], axis=0)


def of_length(row: np.ndarray, known: np.ndarray, length: int) -> np.ndarray:
    """The evidence (L,) of windows of so many samples."""
    starts = np.arange(0, len(row) - length + 1, max(1, length // OVERLAP))
    gaps = np.pad(np.cumsum(in_long_gap(known, length // BRIDGED)), (1, 0))
    starts = starts[gaps[starts + length] == gaps[starts]]
    if len(starts) < LEAST_STRETCHES * OVERLAP:
        return np.zeros(len(row))
    distances = relative_distances(codes_of(row, starts, length), starts, length)
    each = np.interp(np.arange(len(row)), starts + (length - 1) / 2, distances)
    means = uniform_filter1d(each, length, mode="nearest")  # of the windows that cover a sample
    return np.log(np.maximum(means / max(np.quantile(means, RARE_SHARE), 1e-9), 1.0))


def in_long_gap(known: np.ndarray, longest: int) -> np.ndarray:
    """Which samples (L,) lie in a gap of more than `longest` samples."""
    edges = np.flatnonzero(np.diff(np.pad(~known, 1).astype(np.int8)))
    found = np.zeros(len(known), bool)
    for begin, end in edges.reshape(-1, 2):
        found[begin:end] = end - begin > longest
    return found


def codes_of(row: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Windows of a row (L,) from starts (k,) on by their largest components, each by the root of its spread:
    (k, P) float32."""
    some = shapes(row, starts[one_of_each(len(starts), SAMPLE)], length)
    variances, directions = np.linalg.eigh(np.atleast_2d(np.cov(some.T)))
    largest = np.argsort(-variances)[:COMPONENTS]
    spreads = np.sqrt(np.maximum(variances[largest], LEAST_VARIANCE * max(float(variances.max()), LEAST_VARIANCE)))
    weights = (directions[:, largest] / np.sqrt(spreads)).astype(np.float32)
    blocks = range(0, len(starts), SAMPLE)
    return np.concatenate([shapes(row, starts[first : first + SAMPLE], length) @ weights for first in blocks])


def relative_distances(codes: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """How far each of codes (k, P) is from the nearest of OTHERS that shares no sample with it, in units (k,) of that
    one's own distance and a part of the median."""
    some = one_of_each(len(starts), OTHERS)
    others, begins = codes[some], starts[some]
    own = nearest(others, begins, others, begins, length)[0]
    distances, which = nearest(codes, starts, others, begins, length)
    return distances / np.maximum(own[which] + MEDIAN_SHARE * np.median(distances), 1e-9)


def nearest(
    codes: np.ndarray, starts: np.ndarray, others: np.ndarray, begins: np.ndarray, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Of each code (k, P) of a window from starts (k,) on: the distance (k,) to the nearest of others (m, P), which
    begin at (m,), that shares no sample with it, and its number (k,)."""
    squares, distances, numbers = np.square(others).sum(1) / 2, [], []
    for first in range(0, len(codes), BLOCK):
        some, at = codes[first : first + BLOCK], starts[first : first + BLOCK]
        half = squares - some @ others.T  # of the squared distance, but for the window's own square
        around = slice(*np.searchsorted(begins, [at[0] - length, at[-1] + length + 1]))
        half[:, around][np.abs(at[:, None] - begins[around]) < length] = np.inf
        number = half.argmin(1)
        distances.append(2 * np.take_along_axis(half, number[:, None], 1)[:, 0] + np.square(some).sum(1))
        numbers.append(number)
    return np.sqrt(np.maximum(np.concatenate(distances), 0)), np.concatenate(numbers)
