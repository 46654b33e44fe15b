"""Calibrations of made-up scores."""

import numpy as np

from inference.calibration.noise import NoiseModel
from inference.calibration.promise import promised
from inference.calibration.quiet.events import run_starts
from inference.calibration.thresholds import Calibration, counted

REACH = 16


def of_series(scores: np.ndarray, max_gap: int = 3, cadence_s: float = 60.0) -> Calibration:
    """A calibration of one stretch of scores."""
    scores = scores.astype(np.float32)

    def starts_at(threshold: float, levels: np.ndarray) -> np.ndarray:
        return run_starts(np.where(levels > 0, scores, 0), threshold, max_gap, 1)

    return counted(Calibration(NoiseModel(np.zeros((1, 1)), np.ones((1, 1)))), scores, starts_at, cadence_s, REACH)


def promised_at(made: Calibration, per_day: float) -> float:
    """The threshold for so many false events a day."""
    return promised(made.events, per_day).threshold
