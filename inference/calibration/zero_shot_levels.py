"""Thresholds for scores of VETime: from clean synthetic series and from the quiet part of the series itself.

No label has a say. A series is not known to be quiet, so only the bulk of its own scores is looked at.
"""

import numpy as np

from config import EvalConfig
from inference.calibration.noise import NoiseModel
from inference.calibration.thresholds import Calibration, threshold_for
from inference.units import DAY_S

QUIET = (0.5, 0.9)  # quantiles of a series' own scores between which its tail is fitted: up to a tenth may be anomalous


class ZeroShotCalibration(Calibration):
    """Levels of clean synthetic series, and of the series itself (own)."""

    def __init__(self, levels: np.ndarray, cadence_s: float, own: np.ndarray):
        super().__init__(NoiseModel(np.zeros((1, 1)), np.ones((1, 1))), levels, cadence_s)
        self.own = own

    def thresholds(self, settings: EvalConfig, cadence_s: float) -> tuple[float, float]:
        """(low, high): the fixed ones, or what neither clean synthetic series nor the quiet part of this one exceed
        more often than is allowed, and a tenth of it."""
        if settings.fixed_thresholds:
            return settings.fixed_thresholds
        rates = (settings.allowed_per_day, settings.allowed_per_day / 10)
        low, high = (max(threshold_for(self.levels, cadence_s, r), own_level(self.own, cadence_s, r)) for r in rates)
        return low, max(low, high)


def own_level(scores: np.ndarray, cadence_s: float, false_alarms_per_day: float) -> float:
    """The level that the quiet part of scores (n,) exceeds so often, by the exponential tail between QUIET.

    Scores are softplus(logit), whose tail is as exponential as that of the logits.
    """
    low, high = np.quantile(scores, QUIET)
    share = min(false_alarms_per_day * cadence_s / DAY_S, 1 - QUIET[1])
    return float(high + (high - low) * np.log((1 - QUIET[1]) / share) / np.log((1 - QUIET[0]) / (1 - QUIET[1])))
