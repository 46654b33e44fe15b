"""Outlier score of windows by all their principal components.

Source: Aggarwal, Outlier Analysis (2nd edition 2017), 3.3; Shyu et al. 2003: the sum over components of the squared
projection, each divided by the component's variance. A window is judged by how rare it is, not by how large: what is
small, but in a direction that quiet windows never take, counts. (PyOD's PCA and TSB-AD's Sub-PCA, which name the same
source, sum the distances of the window to the ends of the unit vectors instead.)
"""

import numpy as np
from sklearn.decomposition import PCA

from inference.methods.series.base import WindowScore

MOST_COMPONENTS = 512  # what is beyond shares one variance, as in probabilistic PCA (Tipping and Bishop 1999)
LEAST_VARIANCE = 1e-4  # of a component, in squared quiet spreads: smooth signals leave directions that are all rounding


class SubPca(WindowScore):
    """Sum over components of (projection)^2 / variance: about D for a quiet window."""

    def learn(self, windows: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """Centre (D,), components (K, D), their variances (K,), and the one of all other directions (1,)."""
        with np.errstate(invalid="ignore"):  # windows that are all the same have no share of their variance
            pca = PCA(min(MOST_COMPONENTS, *windows.shape), random_state=seed).fit(windows.astype(np.float64))
        variances = np.maximum(np.append(pca.explained_variance_, pca.noise_variance_), LEAST_VARIANCE)
        parts = {"centre": pca.mean_, "components": pca.components_}
        return parts | {"variances": variances[:-1], "variance_beyond": variances[-1:]}

    def score(self, windows: np.ndarray) -> np.ndarray:
        centred = windows - self.arrays["centre"]
        projected = centred @ self.arrays["components"].T  # (n, K)
        total = (projected**2 / self.arrays["variances"]).sum(axis=1)
        if projected.shape[1] < windows.shape[1]:
            beyond = (centred**2).sum(axis=1) - (projected**2).sum(axis=1)
            total += np.maximum(beyond, 0) / self.arrays["variance_beyond"]
        return total
