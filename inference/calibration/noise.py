"""What quiet looks like: each pixel's own residual noise, and the levels that quiet frames reach.

The limb, the rim of bright loops and a busy road always reconstruct worse than the rest. Dividing by each pixel's own
quiet spread makes one threshold mean the same everywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from inference.events.boxes import find_boxes

# A pixel's variance from few frames is itself uncertain; the typical variance joins in with this weight, in frames.
PRIOR_FRAMES = 8
NEIGHBOURHOOD_PX = 2
SERIES_FLOOR = 0.05


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
    count, mean, squares = 0, np.zeros(()), np.zeros(())
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
    return NoiseModel(_widened(mean), _widened(spread))


def fit_series_noise(residuals: np.ndarray) -> NoiseModel:
    """Fit a noise model to quiet residuals (N, K, 1) of the variables of a series.

    They are no neighbours and have little in common, so each has its own spread, at least SERIES_FLOOR of the typical.
    Raises ValueError without at least two samples.
    """
    if len(residuals) < 2:
        raise ValueError(f"{len(residuals)} quiet samples are too few to fit a noise model; use more windows")
    spread = residuals.std(axis=0, dtype=np.float64)
    typical = max(float(np.quantile(spread, 0.75)), 1e-6)
    return NoiseModel(residuals.mean(axis=0), np.maximum(spread, SERIES_FLOOR * typical).astype(np.float32))


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
