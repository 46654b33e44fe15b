"""Robust scales of series: their center and spread, whatever a few of their samples are; and values in such units.

Rows are series of one variable, (n, L) float; unknown samples are those that are not finite. Nothing of it is learnt,
and all of it is NumPy: a net's training, its scores and a bundle of it outside of PyTorch take the same.
"""

import numpy as np

MAD_TO_STD = 1.4826  # of a normal distribution
TAIL = 0.01  # share of the samples at either end that the floor of the spread leaves out
STD_SHARE = 0.5  # the spread is at least this share of their standard deviation
PARTS, SHORTEST_PART = 8, 128  # of a row; each of them as long
PART_TAIL = 0.05  # as TAIL, in a part
CAP = 3.0  # the spread is at most so many times that of a typical part
LEAST_KNOWN = 0.5  # of the samples of a part that counts
SMALLEST_SPREAD = 1e-6  # of what most values are: what varies less is constant, in single precision
MOST_UNUSUAL = 0.3  # share of the samples
LINEAR_TO = 4.0  # spreads: values beyond are compressed like a logarithm
FAR = 8.0  # spreads: what lies beyond also counts as if it lay there
LARGEST = 20.0  # of compressed values: beyond some 300 spreads all are alike


def robust_scale(rows: np.ndarray, context: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Center and spread (n, 1) float32 each of rows (n, L), from the known ones of their first `context` samples.

    The center is the median. The spread is 1.4826 MAD, but at least half the standard deviation of what lies between
    the outer percentiles, because of counts and duty cycles the MAD is nothing; and at most CAP times that of a typical
    part of the row: what lasts, or does not come back, must not hide itself and all else. The spread is never 0: of a
    constant it is a millionth of its value, or 1 if that is 0.
    """
    with np.errstate(over="ignore"):  # what is too large for single precision is infinite, and unknown
        rows = rows[:, :context].astype(np.float32)
        known = np.isfinite(rows)
        center, spread = spread_of(rows, known, TAIL)
        typical = typical_spread(rows, known)
        spread = np.where(typical > 0, np.minimum(spread, CAP * typical), spread)
        # Rounding is in units of what most samples are.
        size = quantiles(np.where(known, np.abs(rows), np.float32(0)), known, (1 - MOST_UNUSUAL,))
        spread = np.maximum(spread, SMALLEST_SPREAD * size)
    return center, np.where(spread > 0, spread, np.float32(1))


def spread_of(rows: np.ndarray, known: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """Median (n, 1) of rows (n, L), and 1.4826 MAD or more: half the standard deviation without the tails, or with
    them where the rest is constant."""
    center, low, high = np.split(quantiles(rows, known, (0.5, tail, 1 - tail)), 3, axis=1)
    values = np.where(known, rows, center)
    spread = MAD_TO_STD * quantiles(np.abs(values - center), known, (0.5,))
    spread = np.maximum(spread, STD_SHARE * masked_std(np.clip(values, low, high), known))
    # Nothing but rare spikes on a constant: then they are all there is to measure.
    return center, np.where(spread > 0, spread, STD_SHARE * masked_std(values, known))


def typical_spread(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The spread (n, 1) of the median part of rows (n, L) by itself, or if that is 0 the least there is; 0 for none."""
    n, L = rows.shape
    parts = max(1, min(PARTS, L // SHORTEST_PART))
    size = -(-L // parts)
    cut = np.pad(rows, ((0, 0), (0, parts * size - L)), constant_values=np.nan).reshape(n * parts, size)
    is_known = np.isfinite(cut)
    spread = spread_of(cut, is_known, PART_TAIL)[1].reshape(n, parts)
    counts = is_known.mean(1, dtype=np.float32).reshape(n, parts) >= LEAST_KNOWN
    typical = quantiles(spread, counts, (0.5,))
    least = np.where(spread > 0, spread, np.float32(np.inf)).min(1, keepdims=True)
    return np.where(typical > 0, typical, np.where(np.isfinite(least), least, np.float32(0)))


def rescaled(values: np.ndarray, center: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Values in spreads from the center, compressed beyond 4 of them: 4 asinh(z / 4), and no more than 20.

    No training has seen what lies further out; with one value for all of it a larger anomaly is never a stranger one.
    Shapes that broadcast; NaN stays NaN.
    """
    with np.errstate(over="ignore"):
        return np.clip(LINEAR_TO * np.arcsinh((values - center) / (LINEAR_TO * spread)), -LARGEST, LARGEST)


def cut_off(values: np.ndarray, center: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Values no farther than 8 spreads from the center. Shapes that broadcast; NaN stays NaN."""
    with np.errstate(over="ignore"):
        return np.minimum(np.maximum(values, center - FAR * spread), center + FAR * spread)


def quantiles(rows: np.ndarray, known: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """The lower quantiles (n, shares) of the known samples of rows (n, L); 0 of a row without any."""
    ordered = np.sort(np.where(known, rows, np.float32(np.inf)), axis=1)
    last = np.maximum(known.sum(1, keepdims=True) - 1, 0).astype(np.float32)
    at = np.floor(last * np.array(shares, np.float32)).astype(np.int64)
    return np.where(known.any(1, keepdims=True), np.take_along_axis(ordered, at, 1), np.float32(0))


def masked_std(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Standard deviation (n, 1) of the known samples of finite rows (n, L), in their precision; sums in double."""
    count = np.maximum(known.sum(1, keepdims=True), 1)
    mean = np.sum(rows, 1, np.float64, keepdims=True, where=known) / count
    squares = np.square(rows - mean)
    return np.sqrt(np.sum(squares, 1, keepdims=True, where=known) / count).astype(rows.dtype)


def interpolated(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Rows (n, L) with linear interpolation where they are unknown, in their precision; 0 where nothing is known."""
    at, whole = np.arange(rows.shape[1]), np.zeros_like(rows)
    for row, values, is_known in zip(whole, rows, known, strict=True):
        if is_known.all():
            row[:] = values
        elif is_known.any():
            row[:] = np.interp(at, at[is_known], values[is_known])
    return whole
