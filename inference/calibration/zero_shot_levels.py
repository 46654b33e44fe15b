"""Thresholds for scores of VETime: from clean synthetic series and from the quiet part of the series itself.

No label has a say. A series is not known to be quiet, so only the bulk of its own scores is looked at.
"""

import numpy as np

from config import EvalConfig
from inference.calibration.noise import NoiseModel
from inference.calibration.tail import level_for
from inference.calibration.thresholds import EXTRAPOLATION, HIGH_SHARE, Calibration, Promise, poisson_interval
from inference.units import DAY_S

QUIET = (0.5, 0.9)  # quantiles of a series' own scores between which its tail is fitted: up to a tenth may be anomalous


class ZeroShotCalibration(Calibration):
    """Levels of clean synthetic series, and of the series itself (own)."""

    def __init__(self, levels: np.ndarray, cadence_s: float, own: np.ndarray):
        super().__init__(NoiseModel(np.zeros((1, 1)), np.ones((1, 1))), levels)
        self.own, self.cadence_s = own, cadence_s

    def promises(self, settings: EvalConfig) -> tuple[Promise, Promise] | None:
        """What neither clean synthetic series nor the quiet part of this one exceed more often than is allowed."""
        if settings.fixed_thresholds:
            return None
        allowed = settings.allowed_per_day
        return self._promised(allowed), self._promised(HIGH_SHARE * allowed)

    def _promised(self, per_day: float) -> Promise:
        days = len(self.levels) * self.cadence_s / DAY_S
        used = max(per_day, 1 / (EXTRAPOLATION * days))
        ranked = np.sort(self.levels)[::-1].astype(np.float64)
        threshold = max(level_for(ranked, used * days), own_level(self.own, self.cadence_s, used))
        low, high = poisson_interval(int((self.levels > threshold).sum()))
        return Promise(threshold, per_day, 1 / (EXTRAPOLATION * days), used, (low / days, high / days))


def own_level(scores: np.ndarray, cadence_s: float, false_alarms_per_day: float) -> float:
    """The level that the quiet part of scores (n,) exceeds so often, by the exponential tail between QUIET.

    Scores are softplus(logit), whose tail is as exponential as that of the logits.
    """
    low, high = np.quantile(scores, QUIET)
    share = min(false_alarms_per_day * cadence_s / DAY_S, 1 - QUIET[1])
    return float(high + (high - low) * np.log((1 - QUIET[1]) / share) / np.log((1 - QUIET[0]) / (1 - QUIET[1])))
