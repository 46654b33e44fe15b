"""What a gap is, for windows, scores, events and pictures alike: a step longer than `gap_threshold` cadences."""

import numpy as np


def longest_step_s(cadence_s: float, gap_threshold: float) -> float:
    """The longest time between two frames that is no gap."""
    return gap_threshold * cadence_s


def gaps_after(times_s: np.ndarray, cadence_s: float, gap_threshold: float) -> np.ndarray:
    """The frames that a gap follows, (N,) of times (T,)."""
    return np.flatnonzero(np.diff(times_s) > longest_step_s(cadence_s, gap_threshold))
