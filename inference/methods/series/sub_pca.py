"""Outlier score of windows by all their principal components.

Source: Aggarwal, Outlier Analysis (2nd edition 2017), 3.3; Shyu et al. 2003: the sum over components of the squared
projection, each divided by the component's variance. A window is judged by how rare it is, not by how large: what is
small, but in a direction that quiet windows never take, counts. (PyOD's PCA and TSB-AD's Sub-PCA, which name the same
source, sum the distances of the window to the ends of the unit vectors instead.)
"""

import numpy as np

from inference.methods.series.base import PIECE_VALUES, WholeWindows, WindowMethod
from inference.methods.series.sliding import sliding_products, sliding_squares

MOST_COMPONENTS = 512  # what is beyond shares one variance, as in probabilistic PCA (Tipping and Bishop 1999)
LEAST_VARIANCE = 1e-4  # of a component, in squared quiet spreads: smooth signals leave directions that are all rounding


class SubPca(WholeWindows, WindowMethod):
    """Sum over components of (projection)^2 / variance: about D for a quiet window."""

    def learn(self, windows: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """Centre (D,), components (K, D), their variances (K,), and the one of all other directions (1,).

        The smallest of all directions are told in double precision; the largest of far more need none.
        """
        from sklearn.decomposition import PCA  # takes a second, and only fitting needs it

        count = min(MOST_COMPONENTS, *windows.shape)
        windows = windows if min(windows.shape) > 2 * MOST_COMPONENTS else windows.astype(np.float64)
        with np.errstate(invalid="ignore"):  # windows that are all the same have no share of their variance
            pca = PCA(count, random_state=seed, copy=False).fit(windows)
        variances = np.maximum(np.append(pca.explained_variance_, pca.noise_variance_), LEAST_VARIANCE)
        parts = {"centre": pca.mean_, "components": pca.components_}
        return parts | {"variances": variances[:-1], "variance_beyond": variances[-1:]}

    def piece_samples(self, channels: int) -> int:
        """More than of those that make the windows of a piece."""
        return max(self.clip_length, PIECE_VALUES // (4 * channels))

    def of_windows(self, frames: np.ndarray) -> np.ndarray:
        return self.score(self.in_units(frames))

    def score(self, samples: np.ndarray) -> np.ndarray:
        """How unusual the windows (n - clip_length + 1,) of samples (n, C) in quiet units are, at least 0.

        What a window has beyond all components is its square less those of its projections.
        """
        components, centre = self.arrays["components"], self.arrays["centre"].astype(np.float64)
        beyond = 1 / self.arrays["variance_beyond"][0] if components.shape[0] < components.shape[1] else 0.0
        weights, usual = 1 / self.arrays["variances"] - beyond, components @ centre  # (K,)
        total = np.zeros(len(samples) - self.clip_length + 1)
        if beyond:
            total += beyond * self._squares(samples, centre)
        for windows, some, products in sliding_products(samples, components):
            total[windows] += np.square(products - usual[some]) @ weights[some]
        return np.maximum(total, 0)

    def _squares(self, samples: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """Squared distances of all windows from the centre (D,)."""
        squares = sliding_squares(samples, self.clip_length) + centre @ centre
        for windows, _, products in sliding_products(samples, centre[None]):
            squares[windows] -= 2 * products[:, 0]
        return squares
