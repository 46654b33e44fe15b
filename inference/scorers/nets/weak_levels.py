"""Thresholds of a model that learnt from one label a window: on windows, and on frames of positive windows.

They are chosen on validation windows and their labels.
"""

import numpy as np
from scipy.special import expit

from config import EvalConfig
from inference.calibration.noise import NoiseModel
from inference.calibration.thresholds import Calibration
from inference.metrics.frame import average_precision, frame_auc
from inference.metrics.series import point_f1

FRAME_LEVELS = expit(np.linspace(-8, 8, 161))
EQUAL_F1 = 0.999  # of the highest: no difference worth a level farther from 0.5


class WeakCalibration(Calibration):
    """Of a model with a segmentation of its own, whose scores say by themselves what is in a segment."""

    def __init__(self, watched: np.ndarray | None = None) -> None:
        super().__init__(NoiseModel(np.zeros((1, 1)), np.ones((1, 1))), watched=watched)

    def promises(self, settings: EvalConfig) -> None:
        """None: what is in a segment is no promise."""

    def thresholds(self, settings: EvalConfig) -> tuple[float, float]:
        """(low, high): the fixed ones, or 0.5, which parts what is in a segment from what is not."""
        return settings.fixed_thresholds or (0.5, 0.5)


def best_threshold(probability: np.ndarray, labels: np.ndarray) -> float:
    """The probability with the highest F1 of windows; half way to the next lower one."""
    from sklearn.metrics import precision_recall_curve  # loaded late, as few need it

    precision, recall, thresholds = precision_recall_curve(labels, probability)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    chosen = thresholds[f1[:-1].argmax()]
    below = probability[probability < chosen]
    return float((chosen + below.max()) / 2 if len(below) else chosen)


def best_frame_level(dense: np.ndarray, labels: np.ndarray) -> float:
    """The probability of frames (N, T) with the highest F1 that labels of windows (N,) let expect; 0.5 without both.

    Frames of windows labelled 0 are normal, so which share of normal frames passes a level is known. What frames of
    positive windows pass beyond it are anomalous ones. How many these are in all follows from the level below which
    positive windows have the fewest frames for those that normal ones have there: none of them is anomalous, it is
    assumed. Source: Blanchard, Lee & Scott 2010, Semi-supervised novelty detection (JMLR 11).
    """
    passing = [passed(dense[labels == label].ravel()) for label in (0, 1)]
    known = np.flatnonzero(passing[0] < 0.9)  # none without normal windows
    if not (len(known) and (labels == 1).any()):
        return 0.5
    normal, mixed = (share[known] for share in passing)
    anomalous = 1 - ((1 - mixed) / (1 - normal)).min()
    found = mixed - (1 - anomalous) * normal
    false = normal * (labels == 0).sum() / (labels == 1).sum()
    f1 = 2 * found / np.maximum(anomalous + mixed + false, 1e-12)
    best = FRAME_LEVELS[known[f1 >= EQUAL_F1 * f1.max()]]
    return float(best[np.abs(best - 0.5).argmin()])


def passed(probability: np.ndarray) -> np.ndarray:
    """Which share of probabilities (n,) reaches each of FRAME_LEVELS."""
    return 1 - np.searchsorted(np.sort(probability), FRAME_LEVELS) / max(len(probability), 1)


def window_metrics(probability: np.ndarray, labels: np.ndarray, threshold: float) -> dict[str, float | int | None]:
    """How well windows (N,) are told apart; AUC and AP are None where all have one label, F1 where none is positive."""
    return {
        "windows": len(labels),
        "positive": int(labels.sum()),
        "auc": frame_auc(probability, labels),
        "ap": average_precision(probability, labels),
        "f1": point_f1(probability >= threshold, labels),
    }
