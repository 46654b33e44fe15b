"""Distance of windows to the nearest of a few typical ones.

Source: KMeansAD of TSB-AD, after Yairi et al. 2001, with its default of 20 clusters; its windows of 20 samples are
`clip_length` ones here. Windows are not normalised one by one, so that shifts and other amplitudes show; the variables
share one unit, their quiet one.
"""

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances_argmin_min

from inference.methods.series.base import WindowScore

CLUSTERS, STARTS = 20, 3


class KMeansDistance(WindowScore):
    """Euclidean distance of each window to the nearest cluster centre of quiet windows."""

    def learn(self, windows: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """Centres (K, D)."""
        with warnings.catch_warnings():  # a signal that only repeats has fewer different windows than clusters
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = KMeans(min(CLUSTERS, len(windows)), n_init=STARTS, random_state=seed).fit(windows)
        return {"centres": found.cluster_centers_}

    def score(self, windows: np.ndarray) -> np.ndarray:
        return pairwise_distances_argmin_min(windows, self.arrays["centres"])[1]
