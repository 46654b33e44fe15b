"""How rare every window of a series is beside all others, in units of what is usual at its place of the rhythm.

A few samples are next to nothing in the stretches that `likeness.py` compares, which are as long as half a period and
more. But in some direction of a short window the series hardly ever moves, and there they show: the sum over principal
components of squared projections, each by its variance (Shyu et al. 2003). Steep beats never repeat to the sample, so
it is told in units of what windows most like this one have, as `sub_pca` does with quiet data.
"""

import numpy as np

from data.drawn import one_of_each
from data.series.robust import interpolated

WINDOW, LEAST_WINDOWS = 16, 8  # samples, and how many windows that share none a series has
SAMPLE = 8192  # windows, evenly, that tell what is usual
LEAST_VARIANCE = 1e-4  # of a component, in squared spreads of all windows
CLUSTERS, CLUSTER_WINDOWS, LARGEST, ROUNDS = 64, 4, 16, 8  # of windows alike, by their largest components
LEAST_TIMES = 10  # that a cluster comes, a window or more apart
USUAL_SHARE, LEAST_USUAL = 0.9, 0.3  # of the windows of a cluster, and of the median of all, which is added
RARE_SHARE = 0.99  # of all windows, beyond which one is rare
BLOCK = 2**14  # windows at a time


def rareness(rows: np.ndarray) -> np.ndarray:
    """Evidence (n, L) float32 of rows (n, L) in spreads from their centers, NaN unknown.

    The logarithm of by how much a sample's windows, in the mean, are rarer than those of all but a hundredth; 0 for
    these, for unknown samples, and in rows of less than LEAST_WINDOWS windows.
    """
    found = np.zeros(rows.shape, np.float32)
    if rows.shape[1] >= LEAST_WINDOWS * WINDOW:
        known = np.isfinite(rows)
        whole = interpolated(rows.astype(np.float64), known)
        for k, is_known in enumerate(known):
            if is_known.any():
                found[k, is_known] = of_row(whole[k])[is_known]
    return found


def of_row(row: np.ndarray) -> np.ndarray:
    """The same (L,) of a row (L,) without a gap."""
    windows = np.lib.stride_tricks.sliding_window_view(row, WINDOW)
    some = windows[one_of_each(len(windows), SAMPLE)]
    centre, spread = some.mean(axis=0), max(float(some.std()), 1e-9)
    variances, components = np.linalg.eigh(np.cov((some - centre).T / spread))
    order = np.argsort(-variances)
    scaled = components[:, order] / spread  # (WINDOW, WINDOW), the largest first
    weights = 1 / np.maximum(variances[order], LEAST_VARIANCE)
    codes = (some - centre) @ scaled
    places, usual = usual_scores(codes[:, :LARGEST], np.square(codes) @ weights, len(windows) / len(some))
    scores = np.empty(len(windows))
    for first in range(0, len(windows), BLOCK):
        codes = (windows[first : first + BLOCK] - centre) @ scaled
        scores[first : first + BLOCK] = np.square(codes) @ weights / usual[nearest(codes[:, :LARGEST], places)]
    means = mean_over(scores)
    return np.log(np.maximum(means / max(np.quantile(means, RARE_SHARE), 1e-9), 1.0))


def usual_scores(codes: np.ndarray, scores: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Centres (M, P) of clusters of windows by their largest components (N, P), one in `step` samples, and what of
    their scores (N,) is usual in each (M,). What comes a few times only has what is usual in all."""
    count = int(np.clip(len(codes) * step / (WINDOW * CLUSTER_WINDOWS), 1, CLUSTERS))
    centres = codes[np.linspace(0, len(codes) - 1, count).astype(int)]
    for _ in range(ROUNDS):  # Lloyd's k-means; what is nearest to none stays where it is
        label = nearest(codes, centres)
        held = np.bincount(label, minlength=count)
        sums = np.stack([np.bincount(label, column, count) for column in codes.T], axis=1)
        centres = np.where(held[:, None] > 0, sums / np.maximum(held, 1)[:, None], centres)
    label, usual = nearest(codes, centres), np.full(count, np.quantile(scores, USUAL_SHARE))
    for cluster in np.unique(label):
        of_it = np.flatnonzero(label == cluster)
        if np.count_nonzero(np.diff(of_it) * step > WINDOW) + 1 >= LEAST_TIMES:
            usual[cluster] = np.quantile(scores[of_it], USUAL_SHARE)
    return centres, np.maximum(usual + LEAST_USUAL * np.median(scores), 1e-9)


def nearest(codes: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Of each code (N, P) the number of the nearest centre (M, P)."""
    return (np.square(centres).sum(axis=1) / 2 - codes @ centres.T).argmin(axis=1)


def mean_over(scores: np.ndarray) -> np.ndarray:
    """Scores of all windows (N,) -> the mean of those that cover each sample (N + WINDOW - 1,)."""
    sums = np.pad(np.cumsum(scores), (1, 0))
    at = np.arange(len(scores) + WINDOW - 1)
    first, stop = np.maximum(at - WINDOW + 1, 0), np.minimum(at + 1, len(scores))
    return (sums[stop] - sums[first]) / (stop - first)
