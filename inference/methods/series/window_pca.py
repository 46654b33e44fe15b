"""PCA of windows: what a few components of quiet windows can't rebuild."""

import numpy as np

from inference.methods.series.base import WindowMethod, mean_of_windows, windows_of

# Components that hold this much of the quiet variance are kept: more would rebuild noise, and with it the unusual.
SHARE = 0.9
MOST_COMPONENTS = 64


class WindowPca(WindowMethod):
    """Difference to the mean of the windows that cover a sample, rebuilt from principal components of quiet ones."""

    def learn(self, windows: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """Centre (D,) and components (K, D)."""
        from sklearn.decomposition import PCA  # takes a second, and only fitting needs it

        with np.errstate(invalid="ignore"):  # windows that are all the same have no share of their variance
            pca = PCA(min(MOST_COMPONENTS, *windows.shape), random_state=seed).fit(windows)
        total = windows.var(axis=0, dtype=np.float64).sum()
        kept = np.searchsorted(np.cumsum(pca.explained_variance_), SHARE * total) + 1
        return {"centre": pca.mean_, "components": pca.components_[:kept]}

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, None]:
        length, channels = self.clip_length, frames.shape[1]
        windows, centre, components = self.windows(frames), self.arrays["centre"], self.arrays["components"]
        rebuilt = (windows - centre) @ components.T @ components + centre  # (n, D)
        rebuilt = rebuilt.reshape(len(windows), length, channels)
        if self.is_loose.any():
            means = windows_of(self.in_units(frames), length).mean(axis=1, keepdims=True)
            rebuilt += np.where(self.is_loose, means, np.float32(0))
        samples = mean_of_windows(rebuilt)
        samples = samples * self.arrays["spread"] + self.arrays["mean"]
        return samples.astype(np.float32)[:, :, None, None], None
