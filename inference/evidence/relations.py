"""What a variable of many is beyond what all others let expect at the same time.

A window of 96 samples of thirty variables is 2,880 numbers, of which quiet data tell no relation apart. The thirty
means over some samples are few enough: each is told from all others by ridge regression, whose coefficients are in the
inverse of their covariance (as in partial correlation; Lauritzen 1996, 5.1). A sensor that drifts, stands still or lags
leaves the others long before it leaves its own range.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

SAMPLES = 33  # of which means are taken; within the REACH of local evidence
RIDGE = 0.01  # of the variance of a variable; chosen on made-up fleets
LEAST_SPREAD = 1e-4  # of values that lie in 0..1
MOST_SPREADS = 8.0  # of quiet means, so that what stands out from them decides no relation
LEAST_KNOWN = 0.5  # of the samples of a mean


@dataclass(frozen=True)
class Relations:
    """centre, spread: (C,) of means of quiet values; matrix: (C, C), from these in spreads to what is beyond."""

    centre: np.ndarray
    spread: np.ndarray
    matrix: np.ndarray

    def beyond(self, means: np.ndarray) -> np.ndarray:
        """How far means (n, C) lie from what the others let expect, (n, C) in spreads; NaN where one is unknown."""
        return np.where(np.isfinite(means), np.abs(self._units(means) @ self.matrix), np.nan)

    def _units(self, means: np.ndarray) -> np.ndarray:
        return np.nan_to_num((means - self.centre) / self.spread)

    def as_array(self) -> np.ndarray:
        """(C + 2, C): centre, spread and matrix."""
        return np.vstack([self.centre, self.spread, self.matrix])


def relations_of(array: np.ndarray) -> Relations:
    """From what `as_array` gave."""
    return Relations(array[0], array[1], array[2:])


def fit_relations(means: np.ndarray) -> Relations:
    """From means (N, C) of quiet values, NaN unknown; a variable without any value is as one that never changes."""
    known = np.isfinite(means)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, means, 0.0).sum(axis=0) / count
    off = np.where(known, means - centre, 0.0)
    spread = np.maximum(np.sqrt(np.square(off).sum(axis=0) / count), LEAST_SPREAD)
    units = np.clip(off / spread, -MOST_SPREADS, MOST_SPREADS)
    inverse = np.linalg.inv(units.T @ units / max(len(units), 1) + RIDGE * np.eye(len(centre)))
    return Relations(centre, spread, inverse / np.diag(inverse))


def means_of(values: np.ndarray) -> np.ndarray:
    """Running means (n, C) of values (n, C), NaN unknown; of what is known, NaN where that is less than half.

    Shorter at the ends: a first value that is repeated would have its noise counted as often.
    """
    known = np.isfinite(values)
    total = uniform_filter1d(np.where(known, values, 0.0).astype(np.float64), SAMPLES, axis=0, mode="constant")
    share = uniform_filter1d(known.astype(np.float64), SAMPLES, axis=0, mode="constant")
    return np.where(share >= LEAST_KNOWN, total / np.maximum(share, 1e-9), np.nan)
