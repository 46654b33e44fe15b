"""Distance of patches to the nearest few that a memory of quiet ones holds, in a metric learnt from these.

Source: PaAno (ICLR 2026, arXiv 2602.01359) has the memory, the mean of the nearest few, and the mean over the patches
that cover a sample. Its net is not here: on planted anomalies, encoders on the shared trunk that learnt from neighbours
in time, from patches broken on purpose, or by what their nearest neighbours say were behind a linear metric, and no
help beside it (docs/results/series.md). Patches are not normalised one by one: their level and scale stay.

The metric is Mahalanobis's, as that of `sub_pca`: a small change counts where quiet patches never change. But what is
quiet is near *some* quiet patch, not near the mean of all, so that a series may have several ways to be quiet.
"""

import numpy as np

from data.drawn import one_of_each
from inference.methods.series.base import WindowScore
from inference.methods.series.sub_pca import EACH, LEAST_VARIANCE

MOST_COMPONENTS = 256  # what is beyond them is one direction more: how far a patch is from their span
MEMORY = 4096  # patches, evenly from the quiet ones
NEAREST = 3  # stretches of quiet data, of which the most similar patch counts
STRETCH = 2  # windows: a patch of the quiet data themselves finds itself and its neighbours in one stretch alone
BLOCK = 256  # patches that are compared at a time


class Patches(WindowScore):
    """Mean distance of each patch, a window, to its like in the NEAREST stretches of the memory."""

    by_variance = True

    def learn(self, windows: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """Metric: centre (D,), components (K, D), the weight of each and of what is beyond (K + 1,). Memory (M, K + 1).

        per_stretch: (1,), patches of the memory, which are in the order of time, that are one stretch. Few patches tell
        of few components, see `SubPca.learn`; a distance is a mean over these, or copies that are fitted on less would
        find everything nearer.
        """
        from sklearn.decomposition import PCA  # takes a second, and only fitting needs it

        count = max(1, min(MOST_COMPONENTS, len(windows) // EACH, windows.shape[1]))
        with np.errstate(invalid="ignore"):  # windows that are all the same have no share of their variance
            pca = PCA(count, random_state=seed).fit(windows.astype(np.float64))
        variances = np.maximum(np.append(pca.explained_variance_, pca.noise_variance_), LEAST_VARIANCE)
        weights = (variances * len(variances)) ** -0.5
        metric = {"centre": pca.mean_, "components": pca.components_, "weights": weights}
        self.arrays = self.arrays | metric
        every = -(-len(windows) // MEMORY)
        memory, step = self.codes(windows[one_of_each(len(windows), MEMORY)]), every * self.step
        per_stretch = max(1, min(STRETCH * self.clip_length // step, len(memory) // NEAREST))
        return metric | {"memory": memory, "per_stretch": np.array([per_stretch])}

    @property
    def guard(self) -> int:
        """A window: who remembers a neighbour in time is not surprised, and new data have none."""
        return self.clip_length

    def codes(self, windows: np.ndarray) -> np.ndarray:
        """Windows (n, D) where distances are Euclidean: (n, K + 1)."""
        centred = windows - self.arrays["centre"]
        projected = centred @ self.arrays["components"].T  # (n, K)
        beyond = np.maximum((centred**2).sum(axis=1) - (projected**2).sum(axis=1), 0)
        return np.column_stack([projected, np.sqrt(beyond)]) * self.arrays["weights"]

    def score(self, windows: np.ndarray) -> np.ndarray:
        parts = [self._distances(self.codes(windows[k : k + BLOCK])) for k in range(0, len(windows), BLOCK)]
        return np.concatenate(parts)

    def _distances(self, codes: np.ndarray) -> np.ndarray:
        """(n, K + 1) -> (n,). Products find the nearest; how near it is differences say, for near ones lose digits."""
        memory, size = self.arrays["memory"], int(self.arrays["per_stretch"][0])
        rough = (memory**2).sum(axis=1) - 2 * codes @ memory.T  # (n, M)
        rough = np.pad(rough, ((0, 0), (0, -len(memory) % size)), constant_values=np.inf)
        of_stretch = rough.reshape(len(codes), -1, size)  # (n, stretches, size)
        best = of_stretch.argmin(axis=2)
        lowest = np.take_along_axis(of_stretch, best[:, :, None], axis=2)[:, :, 0]
        count = min(NEAREST, lowest.shape[1])
        stretches = np.argpartition(lowest, count - 1, axis=1)[:, :count]
        nearest = stretches * size + np.take_along_axis(best, stretches, axis=1)  # (n, NEAREST)
        return np.linalg.norm(codes[:, None] - memory[nearest], axis=2).mean(axis=1)
