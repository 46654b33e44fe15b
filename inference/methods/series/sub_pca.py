"""Outlier score of windows by all their principal components.

Source: Aggarwal, Outlier Analysis (2nd edition 2017), 3.3; Shyu et al. 2003: the sum over components of the squared
projection, each divided by the component's variance. A window is judged by how rare it is, not by how large: what is
small, but in a direction that quiet windows never take, counts. (PyOD's PCA and TSB-AD's Sub-PCA, which name the same
source, sum the distances of the window to the ends of the unit vectors instead.)

How rare a window is goes with what it holds: steep beats never repeat to the sample, and what is small beside them is
large in the quiet between two of them. So a score is told in units of what quiet windows most like this one score, as
the local outlier factor has it (Breunig et al. 2000): those of the same cluster, by their largest components.

What a variable has to do with it is by how much the sum falls where the variable is what the others let expect
(reconstruction-based contribution, Alcala & Qin 2009): of sensors that go together as a rule, the one that left the
others, however much these seem to be off with it.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from data.drawn import one_of_each
from inference.calibration.quiet.ranges import QuietRange
from inference.methods.series.base import PIECE_VALUES, WholeWindows, WindowMethod, take_level, windows_of
from inference.methods.series.sliding import sliding_products, sliding_squares

MOST_COMPONENTS = 512  # what is beyond shares one variance, as in probabilistic PCA (Tipping and Bishop 1999)
EACH = 4  # windows for a component at least: of as many directions as windows the last have no variance but by chance
EXACT_VALUES = 1000  # of a window, whose components are told from their covariance
LEAST_VARIANCE = 1e-4  # of a component, in squared quiet spreads: smooth signals leave directions that are all rounding
MOST_CLUSTERS, CLUSTER_WINDOWS = 64, 4  # of quiet windows, and lengths of a window of quiet samples for each
LARGEST = 16  # components by which windows are alike
USUAL_SHARE, LEAST_USUAL = 0.9, 0.3  # of the windows of a cluster, and of the median of all scores, which is added
LEAST_SCORE = 1.0  # that is usual: of one direction, where quiet windows are all but equal
LEAST_TIMES = 10  # that a cluster comes, a window or more apart, to say what is usual in it
CLUSTERED_VALUES = 2**22  # of quiet windows that are clustered
BLOCK = 2**14  # windows that are compared with the clusters at a time
BORNE, LEAST_WINDOW = 12, 8  # windows that quiet samples hold side by side at least, and samples of the shortest ones
TOLD = 1.5  # times what is usual, from which a window is asked what its variables have to do with it
TOLD_VALUES = 2**22  # of windows that are asked at a time


class SubPca(WholeWindows, WindowMethod):
    """Sum over components of (projection)^2 / variance, in units of what windows like it have when it is quiet."""

    by_variance = True

    @classmethod
    def window_for(cls, clip_length: int, quiet: Sequence[QuietRange]) -> int:
        """So few that quiet samples hold BORNE of them side by side: of fewer windows than they have values, all
        directions but those few are without any variance, and everything new is a thousand times too far off."""
        return min(clip_length, max(LEAST_WINDOW, sum(map(len, quiet)) // BORNE))

    def learn(self, windows: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """Centre (D,), components (K, D), their variances (K,), and the one of all other directions (1,); and what
        `usual_scores` are.

        The smallest of all directions are told in double precision; the largest of far more need none. Of few windows
        the smallest are no directions at all: a copy that is fitted on a little less finds them a hundred times as far
        off as the one that new data meet, so thresholds would be of such copies.
        """
        from sklearn.decomposition import PCA  # takes a second, and only fitting needs it

        count = max(1, min(MOST_COMPONENTS, len(windows) // EACH, windows.shape[1]))
        every = -(-windows.size // CLUSTERED_VALUES)
        some = windows[one_of_each(len(windows), -(-len(windows) // every))]  # a copy, as fitting spoils the others
        windows = windows if min(windows.shape) > 2 * MOST_COMPONENTS else windows.astype(np.float64)
        with np.errstate(invalid="ignore"):  # windows that are all the same have no share of their variance
            solver = "covariance_eigh" if windows.shape[1] <= EXACT_VALUES else "auto"
            pca = PCA(count, svd_solver=solver, random_state=seed, copy=False).fit(windows)
        variances = np.maximum(np.append(pca.explained_variance_, pca.noise_variance_), LEAST_VARIANCE)
        shape = (-1, self.clip_length, len(self.is_loose))
        components = take_level(pca.components_.reshape(shape), self.is_loose).reshape(pca.components_.shape)
        parts = {"centre": pca.mean_, "components": components}
        vars(self).pop("from_slopes", None)  # of what it was fitted on before
        self.arrays = self.arrays | parts | {"variances": variances[:-1], "variance_beyond": variances[-1:]}
        return self.arrays | self.usual_scores(some, every * self.step, seed)

    def usual_scores(self, windows: np.ndarray, every: int, seed: int) -> dict[str, np.ndarray]:
        """Clusters (M, P) of quiet windows (N, D), so many samples apart, by their P largest components; and what is
        usual in each (M,).

        What comes a few times only may be faults of a table that nobody has looked through, and has what is usual in
        all windows.
        """
        from sklearn.cluster import MiniBatchKMeans

        looks = len(windows) * every / self.clip_length
        clusters = int(np.clip(looks / CLUSTER_WINDOWS, 1, MOST_CLUSTERS))
        centred = windows - self.arrays["centre"]
        codes = centred @ self.arrays["components"].T
        found = np.square(codes) @ self.weights + self.beyond * np.square(centred).sum(axis=1)
        made = MiniBatchKMeans(min(clusters, len(windows)), n_init=1, random_state=seed).fit(codes[:, :LARGEST])
        usual = np.full(len(made.cluster_centers_), np.quantile(found, USUAL_SHARE))
        for cluster in np.unique(made.labels_):
            of_it = np.flatnonzero(made.labels_ == cluster)
            if np.count_nonzero(np.diff(of_it) * every > self.clip_length) + 1 >= LEAST_TIMES:
                usual[cluster] = np.quantile(found[of_it], USUAL_SHARE)
        usual = np.maximum(usual + LEAST_USUAL * np.median(found), LEAST_SCORE)
        return {"clusters": made.cluster_centers_, "usual": usual}

    def piece_samples(self, channels: int) -> int:
        """More than of those that make the windows of a piece."""
        return max(self.clip_length, PIECE_VALUES // (4 * (channels + LARGEST)))

    def of_windows(self, frames: np.ndarray) -> np.ndarray:
        return self.score(self.in_units(frames))

    def of_variables(self, frames: np.ndarray, found: np.ndarray) -> np.ndarray | None:
        """Sums over the unusual ones of the windows that cover a sample."""
        samples, length = self.in_units(frames), self.clip_length
        if samples.shape[1] == 1:
            return None
        windows, centre = windows_of(samples, length), self.arrays["centre"]
        components, weights = self.arrays["components"], self.weights.astype(np.float32)
        total, unusual = np.zeros_like(samples), np.flatnonzero(found > TOLD)
        for some in np.array_split(unusual, -(-len(unusual) * centre.size // TOLD_VALUES) or 1):
            off = take_level(windows[some], self.is_loose).reshape(len(some), centre.size) - centre
            slope = ((off @ components.T) * weights) @ components + np.float32(self.beyond) * off
            slopes = slope.reshape(len(some), *windows.shape[1:]).transpose(2, 1, 0)  # (C, T, windows)
            for start, falls in zip(some, np.square(self.from_slopes @ slopes).sum(axis=1).T, strict=True):
                total[start : start + length] += falls
        return total

    @cached_property
    def from_slopes(self) -> np.ndarray:
        """For each variable the matrix (C, T, T) that makes of the slope of a window's sum the root of its fall."""
        components, length = self.arrays["components"].astype(np.float64), self.clip_length
        of_each = components.reshape(len(components), length, -1).transpose(2, 1, 0)  # (C, T, K)
        precision = (of_each * self.weights) @ of_each.transpose(0, 2, 1) + self.beyond * np.eye(length)
        precision[self.is_loose] += np.trace(precision[0]) / length  # a level has no slope, whatever it weighs
        return np.linalg.inv(np.linalg.cholesky(precision)).astype(np.float32)

    @property
    def beyond(self) -> float:
        """What the square of all that a window has beyond its components weighs."""
        components = self.arrays["components"]
        return 1 / self.arrays["variance_beyond"][0] if components.shape[0] < components.shape[1] else 0.0

    @property
    def weights(self) -> np.ndarray:
        """Of the squares of projections (K,): what a window has beyond all components is its square less those."""
        return 1 / self.arrays["variances"] - self.beyond

    def score(self, samples: np.ndarray) -> np.ndarray:
        """How unusual the windows (n - clip_length + 1,) of samples (n, C) in quiet units are, at least 0."""
        components, centre = self.arrays["components"], self.arrays["centre"].astype(np.float64)
        weights, offsets = self.weights, components @ centre  # (K,)
        total = np.zeros(len(samples) - self.clip_length + 1)
        largest = np.zeros((len(total), min(LARGEST, len(components))))
        if self.beyond:
            total += self.beyond * self._squares(samples, centre)
        for windows, some, products in sliding_products(samples, components):
            codes = products - offsets[some]
            total[windows] += np.square(codes) @ weights[some]
            largest[windows, some] = codes[:, : max(0, LARGEST - some.start)]
        return np.maximum(total, 0) / self._usual(largest)

    def _usual(self, codes: np.ndarray) -> np.ndarray | float:
        """What quiet windows like those with the largest components (n, P) score (n,); 1 in runs of before."""
        if "usual" not in self.arrays:
            return 1.0
        clusters = self.arrays["clusters"].astype(np.float64)
        half, usual = np.square(clusters).sum(axis=1) / 2, np.empty(len(codes))
        for first in range(0, len(codes), BLOCK):
            some = slice(first, first + BLOCK)
            usual[some] = self.arrays["usual"][(half - codes[some] @ clusters.T).argmin(axis=1)]
        return usual

    def _squares(self, samples: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """Squared distances of all windows from the centre (D,)."""
        squares = sliding_squares(samples, self.clip_length) + centre @ centre
        for column in samples.T[self.is_loose]:
            squares -= self.clip_length * windows_of(column.astype(np.float64), self.clip_length).mean(axis=1) ** 2
        for windows, _, products in sliding_products(samples, centre[None]):
            squares[windows] -= 2 * products[:, 0]
        return squares
