"""How far evidence stands out from the tail of its own series.

Evidence of several kinds is added up, but a unit of one is not a unit of another: where cycles never repeat exactly,
distances of 0.3 are common, and where they do, one of 0.05 is alone. What tells both apart are the series' own
episodes. Their highest scores have a tail that is about exponential (peaks over a threshold, Pickands 1975), and of
k of these the highest is expected to be log(k) means of it above where it begins.
"""

import numpy as np

STRETCH, LEAST_STRETCHES = 200, 20  # samples, of which the highest counts as one episode, and how many tell a tail
TAIL_SHARE = 0.3  # of the stretches; the highest of them has no say, for it may be the anomaly
LEAST_MEAN = 0.01  # of what the tail's stretches are above its begin
MOST = 20.0  # means: what is farther out is alone, however far


def outlasting(evidence: np.ndarray) -> np.ndarray:
    """By how many means of its tail evidence (n, L), one row a series, is beyond what is expected of the highest:
    (n, L) float32, 0 to MOST; 0 for series that are too short to tell."""
    stretches = evidence.shape[1] // STRETCH
    if stretches < LEAST_STRETCHES:
        return np.zeros(evidence.shape, np.float32)
    highest = np.sort(evidence[:, : stretches * STRETCH].reshape(len(evidence), stretches, STRETCH).max(2), axis=1)
    count = int(stretches * TAIL_SHARE)
    begin = highest[:, -count - 1, None]
    mean = np.maximum(highest[:, -count - 1 : -1].mean(axis=1, keepdims=True) - begin, LEAST_MEAN)
    return np.clip((evidence - begin) / mean - np.log(count), 0, MOST).astype(np.float32)
