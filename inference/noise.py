"""What quiet looks like: each pixel's own residual noise, and the levels that quiet frames reach.

The limb, the rim of bright loops and a busy road always reconstruct worse than the rest. Dividing by each pixel's own
quiet spread makes one threshold mean the same everywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, stats
from scipy.special import gamma

from inference.boxes import find_boxes

# A pixel's variance from few frames is itself uncertain; the typical variance joins in with this weight, in frames.
PRIOR_FRAMES = 8
NEIGHBOURHOOD_PX = 2
DAY_S = 86_400.0


@dataclass(frozen=True)
class NoiseModel:
    """Mean and spread `(H, W)` of the quiet residual of every pixel."""

    mean: np.ndarray
    spread: np.ndarray

    def standardise(self, residual: np.ndarray) -> np.ndarray:
        """Residual (..., H, W) -> how many quiet spreads it lies above the quiet mean; 0 below the mean."""
        return np.maximum(residual - self.mean, 0) / self.spread


def fit_noise(residuals: Iterable[np.ndarray]) -> NoiseModel:
    """Fit a noise model to quiet residual maps (H, W), one pass, memory of a few maps (Welford 1962).

    Each pixel's variance is shrunk towards a typical one (the upper quartile, because half of a picture may be dark
    and still) with the weight of PRIOR_FRAMES frames. Its spread is at least half the typical one: pixels that never
    change in the quiet data would else turn any grey level into an event.
    Raises ValueError without at least two maps.
    """
    count, mean, squares = 0, 0.0, 0.0
    for residual in residuals:
        count += 1
        delta = residual.astype(np.float64) - mean
        mean = mean + delta / count
        squares = squares + delta * (residual - mean)
    if count < 2:
        raise ValueError(f"{count} quiet frames are too few to fit a noise model; use more validation windows")
    variance = squares / (count - 1)
    typical = max(float(np.quantile(variance, 0.75)), 1e-12)
    shrunk = (count * variance + PRIOR_FRAMES * typical) / (count + PRIOR_FRAMES)
    spread = np.maximum(np.sqrt(shrunk), 0.5 * np.sqrt(typical))
    return NoiseModel(*(_widened(field) for field in (mean, spread)))


def _widened(field: np.ndarray) -> np.ndarray:
    """The largest value within NEIGHBOURHOOD_PX: structures have moved by some pixels when the noise is used."""
    size = 2 * NEIGHBOURHOOD_PX + 1
    return ndimage.maximum_filter(field.astype(np.float32), size)


def detection_level(score: np.ndarray, min_area: int, iou_thresh: float, invalid: np.ndarray) -> float:
    """The highest threshold at which this score map (H, W) still gives a box, found by bisection over its values.

    So "how high do quiet frames reach" is asked of the very detector that is used, with its smallest area.
    """
    if score.size == 1:  # a sample of a series: a lower threshold finds it
        return 0.0 if invalid.all() else float(score[0, 0])
    values = np.unique(score[~invalid])
    low, high = 0, len(values) - 1  # at values[high], the largest, nothing is above the threshold
    if high < 1 or not _detects(score, values[0], min_area, iou_thresh, invalid):
        return 0.0
    while high - low > 1:
        middle = (low + high) // 2
        if _detects(score, values[middle], min_area, iou_thresh, invalid):
            low = middle
        else:
            high = middle
    return float(values[high])


def _detects(score, threshold, min_area: int, iou_thresh: float, invalid) -> bool:
    return bool(find_boxes(score, threshold, threshold, min_area, iou_thresh, invalid))


def threshold_for(levels: np.ndarray, cadence_s: float, false_alarms_per_day: float) -> float:
    """The threshold that quiet frames exceed `false_alarms_per_day` times a day, from their detection levels (N,).

    Where the quiet data are long enough, their empirical quantile; beyond, a generalised extreme value distribution
    fitted to the levels, the limit law of maxima, because N frames say nothing about rarer than one in N by themselves.
    """
    fraction = min(false_alarms_per_day * cadence_s / DAY_S, 0.5)
    if fraction * len(levels) >= 5:
        return float(np.quantile(levels, 1 - fraction))
    return float(max(stats.genextreme.isf(fraction, *fit_extremes(levels)), np.max(levels)))


def fit_extremes(levels: np.ndarray) -> tuple[float, float, float]:
    """Shape, location and scale, as scipy's genextreme has them, from L-moments (Hosking, Wallis & Wood 1985).

    L-moments bear few values; a maximum-likelihood Gumbel fit does not, and lies below a quiet Sun's largest levels.
    The shape is kept from Gumbel's (0) to a heavy tail (-0.5): that few values seem bounded is no promise.
    """
    ranked, n = np.sort(levels), len(levels)
    if n < 3 or ranked[0] == ranked[-1]:
        return 0.0, float(ranked[-1]), 1e-6
    i = np.arange(n)
    b0, b1, b2 = ranked.mean(), np.mean(i / (n - 1) * ranked), np.mean(i * (i - 1) / ((n - 1) * (n - 2)) * ranked)
    spread = 2 * b1 - b0
    skew = (6 * b2 - 6 * b1 + b0) / spread
    c = 2 / (3 + skew) - np.log(2) / np.log(3)
    shape = float(np.clip(7.8590 * c + 2.9554 * c**2, -0.5, 0))
    if shape > -1e-6:
        scale = spread / np.log(2)
        return 0.0, float(b0 - np.euler_gamma * scale), float(scale)
    g = gamma(1 + shape)
    scale = spread * shape / (g * (1 - 2**-shape))
    return shape, float(b0 - scale * (1 - g) / shape), float(scale)
