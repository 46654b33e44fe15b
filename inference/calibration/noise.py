"""What quiet looks like: each pixel's own residual noise, and the level that a quiet frame reaches.

The limb, the rim of bright loops and a busy road always reconstruct worse than the rest. Dividing by each pixel's own
quiet spread makes one threshold mean the same everywhere. What users call quiet holds a forgotten flare now and then:
centre and spread are those of the bulk, so that it does not hide its own place.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from inference.events.boxes import find_boxes

MAD_TO_STD = 1.4826  # of a normal distribution
# A place where something passes now and then has a wide spread and a small MAD: the spread is at least this share of
# the standard deviation of all but the highest values.
TRIMMED, TRIMMED_SHARE = 0.05, 0.6
# A pixel's spread from few frames is itself uncertain; the typical variance joins in with this weight, in frames.
PRIOR_FRAMES = 8
LEAST_SPREAD = 1e-6  # of what is in no unit that is known
LEAST_FRAMES = 2  # quiet ones that tell of noise
NEIGHBOURHOOD_PX = 2
# A place that stands still beside others that don't (a screen, a printer's frame, a wall beside a road) says nothing of
# what it may show: below this share of the mean variance around it, over this share of the picture's shorter side, that
# is its typical one.
STILL, SURROUNDINGS = 1e-3, 1 / 8
SERIES_FLOOR, LEAST_TYPICAL = 0.05, 1e-3  # of the typical spread, which is at least this where hardly anything varies
ROWS_BYTES = 2**24  # of maps that are sorted at a time
NOISE_FRAMES, NOISE_BYTES = 400, 2**29  # at most, that each pixel's noise is from


@dataclass(frozen=True)
class NoiseModel:
    """Centre and spread `(H, W)` of the quiet residual of every pixel."""

    mean: np.ndarray
    spread: np.ndarray

    def standardise(self, residual: np.ndarray) -> np.ndarray:
        """Residual (..., H, W) -> how many quiet spreads it lies above the quiet centre; 0 below it."""
        return np.maximum(residual - self.mean, 0) / self.spread


def noise_step(total: int, shape: tuple[int, int]) -> int:
    """Every how many of `total` quiet frames of shape (H, W) are enough for the noise of every pixel."""
    most = max(8, min(NOISE_FRAMES, NOISE_BYTES // (4 * shape[0] * shape[1])))
    return max(1, -(-total // most))


def fit_noise(residuals: np.ndarray, least: float = LEAST_SPREAD) -> NoiseModel:
    """Fit a noise model to quiet residual maps (N, H, W): median and robust spread of every pixel, see `robust_spread`.

    Each pixel's variance is shrunk towards a typical one (the upper quartile, because half of a picture may be dark
    and still) with the weight of PRIOR_FRAMES frames. Its spread is at least half the typical one: pixels that never
    change in the quiet data would else turn any grey level into an event. Those that stand still beside others that
    don't have at least half the spread of these; that of the others is not touched by it. least: of the typical spread,
    see `Scorer.least_noise`.
    Raises ValueError without at least LEAST_FRAMES maps.
    """
    count = len(residuals)
    if count < LEAST_FRAMES:
        raise ValueError(
            f"{count} quiet frames with a score are too few to fit a noise model; train on more frames, or on longer "
            "stretches without a gap: the first frames of one may have no score"
        )
    centre, spread = bulk(residuals)
    variance = np.square(spread)
    typical = max(float(np.quantile(variance, 0.75)), least**2)
    shrunk = (count * variance + PRIOR_FRAMES * typical) / (count + PRIOR_FRAMES)
    spread = np.maximum(np.sqrt(shrunk), 0.5 * np.sqrt(typical))
    return NoiseModel(_widened(centre), np.maximum(_widened(spread), _lent(variance)))


def _lent(variance: np.ndarray) -> np.ndarray:
    """The least spread (H, W) float32 of places that stand still, from all variances (H, W): half of what is typical
    around them; 0 of the others."""
    around = ndimage.gaussian_filter(variance, SURROUNDINGS * min(variance.shape), mode="nearest")
    return np.where(variance < STILL * around, 0.5 * np.sqrt(around), 0).astype(np.float32)


def fit_series_noise(residuals: np.ndarray) -> NoiseModel:
    """Fit a noise model to quiet residuals (N, K, 1) of the variables of a series.

    They are no neighbours and have little in common, so each has its own spread, at least SERIES_FLOOR of the typical.
    Raises ValueError without at least two samples.
    """
    if len(residuals) < 2:
        raise ValueError(f"{len(residuals)} quiet samples are too few to fit a noise model; use more windows")
    centre, spread = bulk(residuals)
    typical = max(float(np.quantile(spread, 0.75)), LEAST_TYPICAL)
    return NoiseModel(centre, np.maximum(spread, SERIES_FLOOR * typical).astype(np.float32))


def bulk(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median and robust spread (H, W) float64 of maps (N, H, W), some rows at a time."""
    rows = max(1, ROWS_BYTES // max(maps[:, :1].nbytes, 1))
    parts = [_bulk(maps[:, first : first + rows]) for first in range(0, maps.shape[1], rows)]
    centre, spread = (np.concatenate(part) for part in zip(*parts, strict=True))
    return centre, spread


def _bulk(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1.4826 MAD, or where rare and usual things count more, that share of the deviation of all but the highest."""
    ordered = np.sort(maps, axis=0).astype(np.float64)
    centre = np.median(ordered, axis=0)
    kept = len(maps) - int(TRIMMED * len(maps))
    trimmed = ordered[:kept].std(axis=0, ddof=1)
    return centre, np.maximum(MAD_TO_STD * np.median(np.abs(ordered - centre), axis=0), TRIMMED_SHARE * trimmed)


def _widened(field: np.ndarray) -> np.ndarray:
    """The largest value within NEIGHBOURHOOD_PX: structures have moved by some pixels when the noise is used."""
    size = 2 * NEIGHBOURHOOD_PX + 1
    return ndimage.maximum_filter(field.astype(np.float32), size)


def detection_level(score: np.ndarray, min_area: int, iou_thresh: float, invalid: np.ndarray) -> float:
    """The highest threshold at which this score map (H, W) still gives a box, found by bisection over its values.

    So "how high do quiet frames reach" is asked of the very detector that is used, with its smallest area. It looks
    from the top, in steps that double: of a threshold far below there is much to be found, which takes long.
    """
    values = score[~invalid & np.isfinite(score)]
    if min_area == 1:  # as of a series: a lower threshold finds the highest pixel
        return float(np.max(values, initial=0.0))
    values = np.unique(values)
    high, step = len(values) - 1, min_area  # at values[high], the largest, nothing is above the threshold
    while (low := max(high - step, 0)) < high and not _detects(score, values[low], min_area, iou_thresh, invalid):
        high, step = low, 2 * step
    if high < 1:
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
