"""The period of a series, by its autocorrelation. Rows are series of one variable in scaled units, (n, L) float32."""

import numpy as np
from scipy.ndimage import maximum_filter1d

from data.series.robust import LINEAR_TO

OFF_LEVEL, OFF_REACH = 3.5, 32  # compressed, and samples either way: where most are beyond, another level holds
UNUSUAL = 12.0  # compressed, some 40 spreads: no part of a cycle
SHORTEST_PERIOD = 4
LEAST_CYCLES = 3
LEAST_ACF, LEAST_RISE = 0.35, 0.25
NOISE_SIGMAS = 4.0  # of the autocorrelation of white noise, which a period must exceed
NEARLY_BEST = 0.9
AROUND = 0.8, 1.25  # times the first lag that nearly reaches the best one: peaks there are one
TREND_DEGREE = 3


def periods_of(rows: np.ndarray, known: np.ndarray, context: int | None = None) -> np.ndarray:
    """The period (n,) in samples of every finite row (n, L) in scaled units, 0 for an aperiodic one.

    Values are cut off at 4 spreads, so that no spike decides. What is very far out, or long on another level, counts as
    unknown: it has no period, and would drown what has. Lags from 4 to a third of the context count. Of the local
    maxima of the autocorrelation that lie at least 0.25 above a dip before them, the first counts that nearly reaches
    the best one: so neither noise on the slope from lag 0 nor a multiple of the period is taken for it. It is accepted
    from 0.35, or four sigmas of white noise if that is more, and if twice the lag, where a random walk has lost its
    likeness, still has half the correlation.
    """
    rows, known = rows[:, :context], known[:, :context]
    longest = rows.shape[1] // LEAST_CYCLES
    if longest < SHORTEST_PERIOD or not len(rows):
        return np.zeros(len(rows), np.int64)
    known = known & ~off_level(rows) & (np.abs(rows) < UNUSUAL)
    rows = np.where(known, np.clip(rows, -LINEAR_TO, LINEAR_TO), np.float32(0))
    acf, pairs = autocorrelation(detrended(rows, known), known)
    lags = np.arange(longest + 1)
    # An odd multiple may lie a sample or two away.
    twice = maximum_filter1d(acf, 5, axis=1, mode="constant", cval=-np.inf)[:, 2 * lags]
    acf, pairs = acf[:, : longest + 2], pairs[:, : longest + 1]
    is_peak = (acf[:, 1:-1] >= acf[:, :-2]) & (acf[:, 1:-1] > acf[:, 2:])
    acf = acf[:, :-1]
    rise = acf - np.minimum.accumulate(acf, axis=1)
    least = np.maximum(NOISE_SIGMAS / np.sqrt(np.maximum(pairs, 1)), LEAST_ACF)
    eligible = np.pad(is_peak, ((0, 0), (1, 0))) & (rise >= LEAST_RISE) & (acf >= least) & (twice >= acf / 2)
    return first_of(np.where(eligible & (lags >= SHORTEST_PERIOD), acf, np.float32(0)))


def first_of(peaks: np.ndarray) -> np.ndarray:
    """The lag (n,) of the first peak that nearly reaches the best one, of correlations (n, lags), 0 where none is."""
    lags, best = np.arange(peaks.shape[1]), peaks.max(1, keepdims=True)
    first = (peaks >= NEARLY_BEST * best).argmax(1)[:, None].astype(np.float32)
    # Noise makes several peaks of a broad one: its highest counts.
    around = (lags >= np.float32(AROUND[0]) * first) & (lags <= np.float32(AROUND[1]) * first)
    return np.where(best[:, 0] > 0, np.where(around, peaks, np.float32(0)).argmax(1), 0)


def off_level(rows: np.ndarray) -> np.ndarray:
    """Where most samples around those of finite rows (n, L) in scaled units are far from the center, (n, L) bool."""
    far = (np.abs(rows) > OFF_LEVEL).astype(rows.dtype)
    return moving_average(far, np.full(len(rows), OFF_REACH)) > 0.5


def detrended(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Rows (n, L) without the cubic that fits their known samples best; 0 where unknown."""
    t = np.linspace(-1, 1, rows.shape[1])
    basis = t[:, None] ** np.arange(TREND_DEGREE + 1)  # (L, degree + 1)
    weighted = known[:, :, None] * basis  # (n, L, degree + 1)
    normal = weighted.swapaxes(1, 2) @ weighted + 1e-4 * np.eye(TREND_DEGREE + 1)
    fit = np.linalg.solve(normal, weighted.swapaxes(1, 2) @ rows[:, :, None])
    return ((rows - (basis @ fit)[:, :, 0]) * known).astype(rows.dtype)


def autocorrelation(rows: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlation (n, L) of rows, 0 where unknown, with themselves at every lag, and the pairs that it is from.

    Over the pairs of which both samples are known, in units of the energy of just these: within -1 to 1.
    """
    L, precision = rows.shape[1], rows.dtype
    # A transform rounds in units of the whole energy, of which few pairs hold a small part.
    rows = rows.astype(np.float64)
    of_rows, of_squares, of_weights = np.fft.rfft(np.stack([rows, np.square(rows), known.astype(np.float64)]), 2 * L)

    def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.fft.irfft(a.conj() * b, 2 * L)[:, :L]

    pairs = np.rint(correlation(of_weights, of_weights))
    before, after = (np.maximum(correlation(*v), 0) for v in ((of_squares, of_weights), (of_weights, of_squares)))
    energy = np.sqrt(before * after)
    total = np.square(rows).sum(1, keepdims=True)
    # The transform's rounding is no correlation: where hardly any energy is left, there is none.
    acf = np.where(energy > 1e-4 * total, correlation(of_rows, of_rows) / np.maximum(energy, 1e-30), 0.0)
    return acf.astype(precision), pairs.astype(precision)


def moving_average(rows: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """The mean of the samples of rows (n, L) within `reach` (n,) of every one; at the ends, of those that there are."""
    L = rows.shape[1]
    sums = np.pad(np.cumsum(rows, axis=1, dtype=np.float64).astype(rows.dtype), ((0, 0), (1, 0)))
    at = np.arange(L)
    first, end = np.maximum(at - reach[:, None], 0), np.minimum(at + reach[:, None] + 1, L)
    total = np.take_along_axis(sums, end, 1) - np.take_along_axis(sums, first, 1)
    return total / (end - first).astype(rows.dtype)
