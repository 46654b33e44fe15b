"""Gaps that belong to the rhythm of a series: nights, weekends, pauses between bursts, the uneven steps of what reports
on change. They leave no stretch that holds a window; then windows go across them, and see them as steps like others.
"""

from typing import Any

import numpy as np

from data.messages import logger
from data.reel.gaps import gaps_after

log = logger(__name__)

ENOUGH = 0.9  # of the samples, that stretches hold which are long enough for a window
SLACK = 1.5  # nights are longer in winter, and of uneven steps longer ones are to come


def windows_cross(times_s: np.ndarray, cadence_s: float, gap_threshold: float, length: int) -> float:
    """Cadences of the steps that windows of `length` samples go across; gap_threshold where that leaves ENOUGH samples.

    times_s: (T,), in order. Else it is SLACK times the smallest step by which ENOUGH samples lie in stretches that hold
    a window; a longer one, as of an outage, stays a gap. For a series that is shorter than a window none helps.
    """
    if len(times_s) < length or _held(times_s, cadence_s, gap_threshold, length) >= ENOUGH:
        return gap_threshold
    steps = np.diff(times_s) / cadence_s
    candidates = np.unique(steps[steps > gap_threshold])
    low, high = 0, len(candidates) - 1  # by the longest, all of them are one stretch
    while low < high:
        middle = (low + high) // 2
        is_enough = _held(times_s, cadence_s, candidates[middle] * (1 + 1e-9), length) >= ENOUGH
        low, high = (low, middle) if is_enough else (middle + 1, high)
    return float(f"{SLACK * candidates[low]:.6g}")


def _counts(times_s: np.ndarray, cadence_s: float, gap_threshold: float) -> np.ndarray:
    """How many samples each stretch has."""
    ends = gaps_after(times_s, cadence_s, gap_threshold) + 1
    return np.diff(np.concatenate([[0], ends, [len(times_s)]]))


def _held(times_s: np.ndarray, cadence_s: float, gap_threshold: float, length: int) -> float:
    """The share of the samples that lie in stretches of at least `length`."""
    counts = _counts(times_s, cadence_s, gap_threshold)
    return float(counts[counts >= length].sum() / len(times_s))


def crossing_of(name: str, times_s: np.ndarray, meta: dict[str, Any], length: int) -> dict[str, float]:
    """What reel.json holds of the steps that windows go across, which is told; nothing where these are no gaps."""
    cadence_s, gap_threshold = meta["cadence_s"], meta["gap_threshold"]
    across = windows_cross(times_s, cadence_s, gap_threshold, length)
    if across == gap_threshold:
        return {}
    counts = _counts(times_s, cadence_s, gap_threshold)
    within = int(np.quantile(np.repeat(counts, counts), 1 - ENOUGH, method="lower"))
    lost = 1 - _held(times_s, cadence_s, gap_threshold, length)
    log.warning(
        f"{name}: {lost:.0%} of its samples lie between gaps (steps of more than {gap_threshold * cadence_s:g} s) that "
        f"leave no room for windows of {length} samples: windows go across steps of up to {across * cadence_s:g} s, as "
        f"across nights and weekends, and learn these; a prep.clip_length of {within} or less would stay between gaps"
    )
    return {"windows_cross": across}


def cross_anew(meta: dict[str, Any], times_s: np.ndarray, length: int) -> dict[str, Any]:
    """What reel.json is to hold where windows are made anew, maybe of another length."""
    kept = {key: value for key, value in meta.items() if key != "windows_cross"}
    return kept | crossing_of(meta["name"], times_s, meta, length)
