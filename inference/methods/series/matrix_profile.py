"""Matrix profile against quiet data: how far a window is from the most similar quiet one.

Source: Yeh et al. 2016 (matrix profile I): an AB-join of the series with quiet samples, each variable for itself;
distances are Euclidean between windows of mean 0 and spread 1. A window that spreads further than any quiet one keeps
what is beyond: taken off, a spike of a million sigma would look like one of ten. As matrix products (scikit-learn) it
takes as long as stumpy's diagonals do up to windows of about 100 samples, 6 times as long at 1000, but nothing has to
be compiled first: numba needs 40 s for that in every process.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import pairwise_distances_argmin_min

from inference.calibration.quiet.ranges import QuietRange
from inference.methods.series.base import LEAST_SPREAD, WholeWindows, windows_of

# At most about; time goes with samples x quiet samples x variables, at windows up to 100 with 1e8 a second on one core.
QUIET_SAMPLES = 8192
QUIET_WINDOWS = 16  # lengths of a window in one piece of quiet data
PIECE_SAMPLES = 2**14


class MatrixProfile(WholeWindows):
    """Distance of every window to its nearest neighbour among quiet ones, mean over variables.

    The quiet data are two halves, which take turns in time: a quiet window would always find itself, so where it does,
    the other half alone counts. So one can also judge the data that were trained on.
    """

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """Both halves (n, C), NaN behind every piece. Raises ValueError for windows below 3 samples."""
        if self.clip_length < 3:
            raise ValueError(f"matrix_profile needs windows of at least 3 samples, not {self.clip_length}")
        pieces = []
        for r, begin, end in self._pieces([r for r in quiet if r.side == "train"]):
            self.open(r.reel, r.begin, r.end)
            pieces.append(np.pad(self.interpolated(r.reel, begin, end), ((0, 1), (0, 0)), constant_values=np.nan))
        halves = (pieces[side::2] or [pieces[0][:0]] for side in (0, 1))
        self.arrays = {f"half_{side}": np.concatenate(half) for side, half in enumerate(halves)}

    def piece_samples(self, channels: int) -> int:
        return max(PIECE_SAMPLES, self.clip_length)

    def of_windows(self, frames: np.ndarray) -> np.ndarray:
        return np.mean([self._distances(column, c) for c, column in enumerate(frames[:, :, 0, 0].T)], axis=0)

    def _pieces(self, train: Sequence[QuietRange]) -> list[tuple[QuietRange, int, int]]:
        """Evenly chosen pieces [begin, end) of quiet ranges: two or more where a range holds two windows."""
        span = max(2 * self.clip_length, min(QUIET_WINDOWS * self.clip_length, QUIET_SAMPLES // 4))
        found = []
        for r in train:
            size = r.end - r.begin
            edges = np.linspace(r.begin, r.end, max(size // span, min(size // self.clip_length, 2)) + 1).astype(int)
            found += [(r, begin, end) for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]
        step = -(-sum(end - begin for _, begin, end in found) // QUIET_SAMPLES)
        return found[:: max(1, min(step, len(found) // 2))]

    def _distances(self, samples: np.ndarray, channel: int) -> np.ndarray:
        """Distance of each window of one variable (n,) to the nearest quiet one that is not itself."""
        length, all_found, others = self.clip_length, [], []
        for side in (0, 1):
            half = self.arrays[f"half_{side}"][:, channel]
            if len(half):
                found, nearest = profile(samples, half, length)
                is_itself = (windows_of(half, length)[nearest] == windows_of(samples, length)).all(axis=1)
                all_found.append(found)
                others.append(np.where(is_itself, np.inf, found))
        best = np.min(others, axis=0)
        return np.where(np.isinf(best), np.min(all_found, axis=0), best)


def profile(samples: np.ndarray, quiet: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each window of samples (n,) to the nearest one of quiet (m,) without NaN, and where that begins."""
    starts = np.flatnonzero(np.isfinite(windows_of(quiet, length)).all(axis=1))
    known = windows_of(quiet, length)[starts]
    widest = max(float(known.std(axis=1, dtype=np.float64).max()), LEAST_SPREAD)
    nearest, distances = pairwise_distances_argmin_min(
        normalised(windows_of(samples, length), widest), normalised(known)
    )
    return distances, starts[nearest]


def normalised(windows: np.ndarray, widest: float = np.inf) -> np.ndarray:
    """Windows (n, length) of mean 0 and spread 1 each, but of those beyond `widest`; constant ones are 0."""
    varies = np.ptp(windows, axis=1, keepdims=True) > 0  # because the spread of a constant is seldom exactly 0
    centred = windows - windows.mean(axis=1, keepdims=True, dtype=np.float64)
    spread = np.minimum(centred.std(axis=1, keepdims=True), widest)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=varies).astype("f4")
