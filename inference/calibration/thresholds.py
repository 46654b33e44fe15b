"""From residuals to scores, and from the levels that quiet frames reach to thresholds.

A threshold is a promise about new data: so many false alarms a day.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.ndimage import uniform_filter1d

from config import EvalConfig
from inference.calibration.noise import NoiseModel
from inference.scorers.residual import Samples
from inference.units import DAY_S

PEAK_SHARE, LEAST_PEAKS = 0.1, 10
PRIOR_SHAPE, PRIOR_PEAKS = 0.1, 10
# How the scores (n, K) of a series' variables become one.
COMBINE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda parts: parts.mean(axis=1),
    "max": lambda parts: parts.max(axis=1),
    "rms": lambda parts: np.sqrt(np.square(parts).mean(axis=1)),
}


@dataclass(frozen=True)
class Calibration:
    """Quiet noise, the levels that quiet frames reach `(N,)`, and the cadence they were seen at."""

    noise: NoiseModel
    levels: np.ndarray
    cadence_s: float

    def score(self, residual: np.ndarray, settings: EvalConfig) -> np.ndarray:
        """The score map (H, W) of a residual map, or of every variable of a series, as settings.score asks."""
        return residual if settings.score in ("residual", "mix") else self.noise.standardise(residual)

    def sample_scores(self, samples: Samples, settings: EvalConfig) -> tuple[np.ndarray, np.ndarray]:
        """The scores (n,) of a stretch of a series, NaN unknown, and those of its variables (n, K).

        Smoothed are the scores, or where each variable has its own events, theirs.
        """
        parts = self.score(samples.residual, settings)[:, :, 0]
        if settings.combine == "each":
            parts = np.stack([smoothed(part, settings.smooth_samples) for part in parts.T], axis=1)
            return parts.max(axis=1), parts
        return smoothed(COMBINE[settings.combine](parts), settings.smooth_samples), parts

    def thresholds(self, settings: EvalConfig, cadence_s: float) -> tuple[float, float]:
        """(low, high): the fixed ones, or those with the allowed false alarms per day, and a tenth of them."""
        if settings.fixed_thresholds:
            return settings.fixed_thresholds
        rate = settings.allowed_per_day
        low, high = (threshold_for(self.levels, cadence_s, r) for r in (rate, rate / 10))
        return low, max(high, low)


def smoothed(scores: np.ndarray, samples: int) -> np.ndarray:
    """Running mean of scores (n,) over so many samples, shorter at the ends; NaN stays where it is."""
    if samples == 1:
        return scores
    known = np.isfinite(scores)
    total = uniform_filter1d(np.where(known, scores, 0.0), samples, mode="constant")
    share = uniform_filter1d(known.astype(np.float64), samples, mode="constant")
    return np.where(known, total / np.maximum(share, 1e-12), np.nan)


def threshold_for(levels: np.ndarray, cadence_s: float, false_alarms_per_day: float) -> float:
    """The threshold that quiet frames exceed `false_alarms_per_day` times a day, from their detection levels (N,).

    Where the quiet data are long enough, their empirical quantile; beyond, the generalised Pareto tail of their peaks
    over a high level, because N frames say nothing about rarer than one in N by themselves.
    """
    fraction = min(false_alarms_per_day * cadence_s / DAY_S, 0.5)
    if fraction * len(levels) >= 5:
        return float(np.quantile(levels, 1 - fraction))
    tail = fit_tail(levels)
    if tail is None:
        return float(np.max(levels))
    # At least the highest level that quiet data reached: a promise about rarer things can't lie below it.
    return max(tail.exceeded_by(fraction), float(np.max(levels)))


@dataclass(frozen=True)
class Tail:
    """Generalised Pareto tail: of all levels, the fraction `share` exceeds `start`, by `scale` and `shape` (xi)."""

    start: float
    share: float
    shape: float
    scale: float

    def exceeded_by(self, fraction: float) -> float:
        """The level that the given fraction of all exceeds."""
        return float(stats.genpareto.isf(min(fraction / self.share, 1.0), self.shape, self.start, self.scale))


def fit_tail(levels: np.ndarray) -> Tail | None:
    """Peaks over threshold: the highest tenth of the levels (N,), at least LEAST_PEAKS of them but at most half.

    Parameters from L-moments (Hosking & Wallis 1987), which bear few values. The shape of few peaks is uncertain, so a
    typical one (PRIOR_SHAPE) joins in with the weight of PRIOR_PEAKS peaks; it is kept from the exponential (0) to 0.5:
    that few values seem bounded is no promise. None for fewer than three peaks, and where all levels are equal.
    """
    ranked = np.sort(np.asarray(levels, np.float64))
    n = len(ranked)
    k = min(max(LEAST_PEAKS, round(PEAK_SHARE * n)), n // 2)
    if k < 3 or ranked[-1] - ranked[n - k - 1] <= 1e-9 * max(abs(ranked[-1]), 1.0):
        return None
    start = ranked[n - k - 1]
    peaks = ranked[n - k :] - start
    mean = peaks.mean()
    half_gini = 2 * np.mean(np.arange(k) / (k - 1) * peaks) - mean  # the second L-moment
    shape = 2 - mean / half_gini if half_gini > 0 else 0.0
    shape = float(np.clip((k * shape + PRIOR_PEAKS * PRIOR_SHAPE) / (k + PRIOR_PEAKS), 0, 0.5))
    return Tail(float(start), k / n, shape, float(mean * (1 - shape)))
