"""Plain views beside VETime's: a sample or a step that stands out more than anything that is usual in its series.

The net averages over chunks and has learnt that some series have spikes and steps of their own. So it says little of
ten sigmas in plain noise, and nothing in it makes a larger one score more. Here both are measured by what is usual.
"""

import numpy as np

from data.series.robust import robust_scale
from inference.evidence.local import LEVEL, ONSET, level_changes, spikes

USUAL_SHARE = 0.995  # of the samples, whose distance from that is usual
LEAST_SPIKE = 1e-3  # of the spread: smaller distances are usual in any case
SPIKE_RATIO, STEP_RATIO = 2.0, 2.5  # to what is usual, of a logit of 0
STEEPNESS, LARGEST = 6.0, 3.0  # of the logit for each factor e, and its end: where the net is sure, it counts
STEPS = 2  # that one anomaly can make: it begins and ends; the next largest one is usual
LEAST_STEP = 1e-2  # of the spread
STRETCH = 4096  # samples in which steps are compared


def plain_logits(values: np.ndarray, context: int | None = None) -> np.ndarray:
    """Logits (n, 1 + C) of a series (n, C), NaN unknown: of the series, which is its highest variable, then of each.

    -inf says nothing. Where the first `context` samples are to say what is usual, there are spikes alone.
    """
    spreads = robust_scale(values.T, context)[1][:, 0].tolist()
    each = np.full(values.shape, -np.inf)
    for c, (column, spread) in enumerate(zip(values.T, spreads, strict=True)):
        known = np.isfinite(column)
        if known[:context].any():
            whole = np.interp(np.arange(len(column)), np.flatnonzero(known), column[known])
            usual_ones = known[:context]
            logits = of_spikes(whole, usual_ones, spread)
            if context is None:
                logits = np.maximum(logits, of_steps(whole, spread))
            each[known, c] = logits[known]
    return np.concatenate([each.max(1, keepdims=True), each], 1)


def of_spikes(values: np.ndarray, counts: np.ndarray, spread: float) -> np.ndarray:
    """Logits (n,) of single samples of values (n,); the first ones, as far as each `counts`, say what is usual."""
    distance = spikes(values)
    usual = max(np.quantile(distance[: len(counts)][counts], USUAL_SHARE), LEAST_SPIKE * spread)
    return logit_of(distance, SPIKE_RATIO * usual)


def of_steps(values: np.ndarray, spread: float) -> np.ndarray:
    """Logits (n,) of the onsets of changes of level in values (n,), in stretches that overlap by half."""
    from scipy.signal import find_peaks  # loaded late, as few need it

    logits = np.full(len(values), -np.inf)
    for begin in range(0, max(1, len(values) - STRETCH // 2), STRETCH // 2):
        part = values[begin : begin + STRETCH]
        height = level_changes(part)
        peaks = find_peaks(np.pad(height, 1), distance=2 * LEVEL)[0] - 1
        peaks = peaks[np.argsort(-height[peaks], kind="stable")]
        if len(peaks) > STEPS:
            usual = max(float(height[peaks[STEPS]]), LEAST_STEP * spread)
            for first in peaks[:STEPS]:
                onset = slice(begin + first, begin + first + ONSET)
                logits[onset] = np.maximum(logits[onset], logit_of(height[first], STEP_RATIO * usual))
    return logits


def logit_of(size: np.ndarray | float, usual: float) -> np.ndarray:
    """0 for what is usual, STEEPNESS for each factor e above it."""
    with np.errstate(divide="ignore"):  # the logarithm of no size at all is -inf
        return np.minimum(STEEPNESS * np.log(size / usual), LARGEST)
