"""From a series to an image and back: strip, fold, unfold. What `vetime` is given of series, in NumPy.

A strip is the scaled signal, its trend, the residual and what of it is known. Folded by the period its rows are cycles
and its columns phase; unfolding is the exact inverse. After VETime (Yang et al. 2026, arXiv 2602.16681), which
stretches its image and shuffles its colours at random; nothing here is random and no sample is resampled.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from data.series.periods import moving_average, periods_of
from data.series.robust import interpolated, rescaled, robust_scale

TOKEN = 4  # samples
APERIODIC_WINDOW = 25
ABSENT = -20.0  # the logit of a channel that is not there


class Rows(NamedTuple):
    """The channels that are there: scaled signals without gaps and what of them is known, (n, L); periods (n,) in
    samples; center and spread (n, 1); and of which series of the batch, and channel of it, each is, (n,).

    Arrays, or of a net in PyTorch tensors.
    """

    signal: Any
    known: Any
    periods: Any
    center: Any
    spread: Any
    series: Any
    channel: Any


def rows_of(values: np.ndarray, context: int | None = None) -> tuple[Rows, np.ndarray]:
    """The present channels of series (B, C, L) float32, NaN unknown, and which samples of these are known, (B, C, L).

    context: the first samples, which alone decide scaling and period; None: all. A channel of which they know nothing
    is absent.
    """
    known = np.isfinite(values)
    present = np.logical_or.reduce(known[..., :context], axis=2)  # (B, C)
    of_rows = known[present]
    rows = np.where(of_rows, values[present], np.float32(np.nan))
    center, spread = robust_scale(rows, context)
    signal = rescaled(np.where(of_rows, rows, center), center, spread)
    periods = periods_of(signal, of_rows, context)
    found = Rows(interpolated(signal, of_rows), of_rows, periods, center, spread, *present.nonzero())
    return found, known & present[..., None]


def images(signal: np.ndarray, known: np.ndarray, periods: np.ndarray) -> Iterator[tuple[np.ndarray, int, np.ndarray]]:
    """Rows (n, L) by the widths that they are folded at: which ones (k,), the width P, and images (k, 4, R, P) float32.

    An aperiodic row of L samples is folded at sqrt(L). Images have zeros behind the width, up to a multiple of TOKEN.
    """
    strips, L = strip_of(signal, known, periods), signal.shape[1]
    widths = np.where(periods > 0, periods, round(L**0.5))
    for width in np.unique(widths).tolist():
        group = np.flatnonzero(widths == width)
        beyond = [(0, 0)] * 3 + [(0, -width % TOKEN)]
        yield group, width, np.pad(fold(strips[group], width), beyond)


def tokens_of(places: Any, period: int, L: int) -> Any:
    """Features (k, D / 4, R, P or more) of every sample of images -> tokens (k, L / 4, D); arrays, or tensors.

    A sample has D / 4 features, so every one gets its own back, wherever a token's four lie in their cycles.
    """
    samples = unfold(places[..., :period], L)  # (k, D / 4, L)
    k, features = samples.shape[:2]
    parts = samples.reshape(k, features, L // TOKEN, TOKEN).swapaxes(1, 2)  # (k, N, D / 4, 4)
    return parts.reshape(k, L // TOKEN, features * TOKEN)


def strip_of(signal: np.ndarray, known: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Finite rows (n, L) -> (n, 4, L): the signal, its moving average over a period (made odd), the rest, the mask.

    An aperiodic row is averaged over 25 samples.
    """
    window = np.where(periods > 0, periods, APERIODIC_WINDOW)
    trend = moving_average(signal, window // 2)
    return np.stack([signal, trend, signal - trend, known.astype(signal.dtype)], 1)


def fold(strip: np.ndarray, period: int) -> np.ndarray:
    """(..., L) -> (..., R, period): rows are cycles, columns phase; the last row is filled with zeros."""
    *shape, L = strip.shape
    rest = [(0, 0)] * len(shape) + [(0, -L % period)]
    return np.pad(strip, rest).reshape(*shape, -(-L // period), period)


def unfold(image: Any, L: int) -> Any:
    """The inverse of `fold`: (..., R, period) -> (..., L); of an array or a tensor."""
    *shape, R, period = image.shape
    return image.reshape(*shape, R * period)[..., :L]
