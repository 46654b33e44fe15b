"""Volume under the surface (VUS): ROC and precision-recall of point scores, with room for labels that are a bit off.

A label is widened by a buffer whose weight falls away from the anomaly, and the areas are averaged over all buffers
from none to `window` (Paparrizos et al. 2022, PVLDB 15, 2774). What is computed, to the rounding, is the revised
measure of 2025 (arXiv 2502.13318) as in the Python package `vus` 0.0.6 and in TSB-AD, whose tables of VUS-PR are made
with `window = period_of(first column)`:

* A normal point at distance d <= w // 2 of an anomaly weighs sqrt(1 - d / w) in the buffer w; weights of several
  anomalies add, up to 1, which two always reach.
* The thresholds are the scores at 250 evenly spaced ranks: nothing but the order of the scores matters.
* True alarms are weighted by the widened label, and so are the positives, halfway: P + (weight of alarms outside) / 2.
* Recall is multiplied by the share of anomalies, joined where their buffers touch, in which any alarm falls.
"""

from dataclasses import dataclass

import numpy as np

from inference.metrics.frame import known_points, runs

N_THRESHOLDS = 250
DEFAULT_PERIOD = 125  # TSB-AD's, where a series has no period


@dataclass(frozen=True)
class Vus:
    """Volumes under the ROC and the precision-recall surface; None when the known labels are all of one class."""

    roc: float | None
    pr: float | None


def vus(scores: np.ndarray, labels: np.ndarray, window: int) -> Vus:
    """VUS-ROC and VUS-PR, over buffers of 0 .. `window` samples in all (half of it on each side of an anomaly).

    scores: (T,), high is anomalous, NaN where a point was not scored. labels: (T,) 1 anomalous, 0 normal, NaN unknown.
    Points without a score or a label are left out, and the series closes up over them. Raises ValueError for a window
    that is no whole number >= 0 and as `known_points` does.
    """
    if window != int(window) or window < 0:
        raise ValueError(f"window is {window}; it must be a whole number of samples, 0 or more")
    scores, labels = known_points(scores, labels)
    if len(np.unique(labels)) < 2:
        return Vus(None, None)
    thresholds = -np.sort(-scores)[np.linspace(0, len(scores) - 1, N_THRESHOLDS).astype(int)]  # (K,), highest first
    ranks = np.searchsorted(-thresholds, -scores)  # (T,) the first threshold that a score reaches
    anomalous, buffers = labels == 1, np.arange(int(window) + 1)
    alarms = np.cumsum(_count(ranks))  # (K,) points at or above each threshold
    outside = _alarms_in_buffers(ranks, anomalous, int(window))  # (W + 1, K)
    found = _found_share(scores, anomalous, thresholds, int(window) // 2)[buffers // 2]  # (W + 1, K)
    true_alarms = np.cumsum(_count(ranks[anomalous])) + outside
    positives = labels.sum() + outside / 2
    tpr = np.minimum(true_alarms / positives, 1) * found
    fpr = (alarms - true_alarms) / (len(scores) - positives)
    return Vus(_area_under_roc(tpr, fpr), _area_under_pr(tpr, true_alarms / alarms))


def _count(ranks: np.ndarray) -> np.ndarray:
    return np.bincount(ranks, minlength=N_THRESHOLDS)


def _area_under_roc(tpr: np.ndarray, fpr: np.ndarray) -> float:
    """Mean over buffers of the trapezoids from (0, 0) to (1, 1)."""
    tpr, fpr = (np.pad(rate, ((0, 0), (1, 1)), constant_values=(0, 1)) for rate in (tpr, fpr))
    return float(np.trapezoid(tpr, fpr, axis=1).mean())


def _area_under_pr(tpr: np.ndarray, precision: np.ndarray) -> float:
    """Mean over buffers of precision times the step in recall."""
    return float((np.diff(tpr, axis=1, prepend=0) * precision).sum(axis=1).mean())


def _alarms_in_buffers(ranks: np.ndarray, anomalous: np.ndarray, window: int) -> np.ndarray:
    """Weight of the alarms that lie in a buffer, for every buffer and threshold: (W + 1, K).

    The weight of a point depends on its distance alone, so that points are counted by distance and rank, once. A point
    that the buffer of a second anomaly reaches as well weighs 1 from then on: it moves from `single` to `full`.
    """
    reach = window // 2
    points, near, second = _near_points(anomalous, reach)
    ranks = ranks[points]
    single = np.bincount(near * N_THRESHOLDS + ranks, minlength=(reach + 1) * N_THRESHOLDS).astype(np.float64)
    single = single.reshape(reach + 1, N_THRESHOLDS)  # number of points of each distance and rank
    by_second = np.argsort(second, kind="stable")
    edges = np.searchsorted(second[by_second], np.arange(reach + 2))
    full = np.zeros(N_THRESHOLDS)
    weight = np.empty((window + 1, N_THRESHOLDS))
    for half in range(reach + 1):
        joined = by_second[edges[half] : edges[half + 1]]
        np.subtract.at(single, (near[joined], ranks[joined]), 1)
        full += _count(ranks[joined])
        for buffer in range(2 * half, min(2 * half + 1, window) + 1):
            ramp = np.sqrt(1 - np.arange(1, half + 1) / buffer)
            weight[buffer] = ramp @ single[1 : half + 1] + full
    return np.cumsum(weight, axis=1)


def _near_points(anomalous: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normal points at most `reach` from an anomaly (N,), and their distances to the nearest and the second nearest."""
    points, anomalies = np.flatnonzero(~anomalous), runs(anomalous)
    far = 2 * (len(anomalous) + reach)  # farther than any buffer
    starts = np.concatenate([anomalies[:, 0], [far, far]])
    lasts = np.concatenate([[-far, -far], anomalies[:, 1] - 1])
    passed = np.searchsorted(anomalies[:, 0], points)  # anomalies before the point
    before = [points - lasts[passed + 1], points - lasts[passed]]
    after = [starts[passed] - points, starts[passed + 1] - points]
    near, second = np.sort(np.stack([*before, *after]), axis=0)[:2]
    close = near <= reach
    return points[close], near[close], second[close]


def _found_share(scores: np.ndarray, anomalous: np.ndarray, thresholds: np.ndarray, reach: int) -> np.ndarray:
    """Share of the anomalies, widened by 0 .. `reach`, in which a score reaches the threshold: (reach + 1, K).

    Anomalies whose widened ranges share a point are one.
    """
    first, end = runs(anomalous).T
    last, lengths = end - 1, end - first
    best = np.maximum.reduceat(scores[anomalous], np.cumsum(lengths) - lengths)
    share = np.empty((reach + 1, len(thresholds)))
    for half in range(reach + 1):
        best = np.maximum(best, scores[np.maximum(first - half, 0)])
        best = np.maximum(best, scores[np.minimum(last + half, len(scores) - 1)])
        groups = np.flatnonzero(np.append(True, last[:-1] + half < first[1:] - half))  # the first anomaly of each
        peaks = np.sort(np.maximum.reduceat(best, groups))
        share[half] = (len(peaks) - np.searchsorted(peaks, thresholds)) / len(peaks)
    return share


def period_of(values: np.ndarray) -> int:
    """Period in samples as TSB-AD estimates it: the lag of the highest local maximum of the autocorrelation.

    values: (T,), the first column of a multivariate series; NaN are left out. The first 20,000 values and the lags
    4 .. 399 are looked at. Without a local maximum, or when the highest lies outside 6 .. 303, it is 125. Raises
    ValueError for an array of another shape.
    """
    from scipy.signal import argrelextrema  # takes half a second, and few have labels

    values = np.asarray(values, np.float64)
    if values.ndim != 1:
        raise ValueError(f"values {values.shape} must be one-dimensional; give one column, TSB-AD takes the first")
    values = values[~np.isnan(values)][:20_000]
    if not len(values) or np.ptp(values) == 0:
        return DEFAULT_PERIOD
    spectrum = np.fft.rfft(values - values.mean(), n=2 * len(values))  # padded, so that nothing wraps around
    autocovariance = np.fft.irfft(np.abs(spectrum) ** 2)[: min(len(values), 401)]
    lags = argrelextrema(autocovariance[3:], np.greater)[0] + 3
    if not len(lags):
        return DEFAULT_PERIOD
    best = int(lags[np.argmax(autocovariance[lags])])
    return best if 6 <= best <= 303 else DEFAULT_PERIOD
