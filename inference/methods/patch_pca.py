"""PCA on patches: what a few components of small space-time blocks can't reproduce."""

from collections.abc import Sequence

import numpy as np

from inference.calibration.quiet.ranges import QuietRange
from inference.methods.base import Method

DEPTH, SIDE = 4, 8  # frames and pixels of a patch
COMPONENTS = 16
SAMPLE_FRAMES, SAMPLE_PATCHES = 800, 30_000


class PatchPca(Method):
    """Reconstruction of every patch of DEPTH frames and SIDE x SIDE pixels by principal components of quiet patches.

    A patch ends with the frame that it answers for, so that a score looks back only.
    """

    before = DEPTH - 1
    in_parts = in_scatters = True

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """Mean (D,) and components (K, D) of a random choice of patches."""
        from sklearn.decomposition import PCA  # takes a second, and only fitting needs it

        blocks = [patches_of(frames)[0] for frames, _ in self.sample(quiet, SAMPLE_FRAMES, DEPTH)]
        patches = np.concatenate(blocks)
        chosen = np.random.default_rng(seed).permutation(len(patches))[:SAMPLE_PATCHES]
        kept = min(COMPONENTS, len(chosen) - 1, patches.shape[1])
        pca = PCA(max(kept, 1), svd_solver="randomized", random_state=seed).fit(patches[chosen])
        self.arrays = {"mean": pca.mean_, "components": pca.components_}

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, None]:
        mean, components = self.arrays["mean"], self.arrays["components"]
        expected = []
        for last in range(DEPTH - 1, len(frames)):
            patches, shape = patches_of(frames[last - DEPTH + 1 : last + 1])
            rebuilt = (patches - mean) @ components.T @ components + mean
            expected.append(frames_of(rebuilt, shape)[-1][:, : frames.shape[2], : frames.shape[3]])
        return np.stack(expected).astype(np.float32), None


def patches_of(frames: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """(T, C, H, W) -> patches (N, T * C * SIDE * SIDE) and the padded shape; edges are repeated to whole patches."""
    rows, columns = (-n % SIDE for n in frames.shape[2:])
    padded = np.pad(frames, ((0, 0), (0, 0), (0, rows), (0, columns)), mode="edge")
    T, C, H, W = padded.shape
    cut = padded.reshape(T, C, H // SIDE, SIDE, W // SIDE, SIDE).transpose(2, 4, 0, 1, 3, 5)
    return cut.reshape(-1, T * C * SIDE * SIDE), padded.shape


def frames_of(patches: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The inverse of `patches_of`, of the padded shape."""
    T, C, H, W = shape
    cut = patches.reshape(H // SIDE, W // SIDE, T, C, SIDE, SIDE)
    return cut.transpose(2, 3, 0, 4, 1, 5).reshape(shape)
