"""Matrix profile against quiet data: how far a window is from the most similar quiet one.

Source: Yeh et al. 2016 (matrix profile I), by stumpy (Law 2019): an AB-join of the series with quiet samples, each
variable for itself; distances are Euclidean between windows of mean 0 and spread 1.
"""

import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from inference.methods.series.base import SeriesMethod, mean_over_windows, windows_of
from inference.quiet import QuietRange

QUIET_SAMPLES = 8192  # at most about; time goes with samples x quiet samples x variables, 1e8 a second on one core
QUIET_WINDOWS = 16  # lengths of a window in one piece of quiet data
PIECE_SAMPLES = 2**14


class MatrixProfile(SeriesMethod):
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
            pieces.append(np.pad(self.samples(r.reel, begin, end), ((0, 1), (0, 0)), constant_values=np.nan))
        halves = (pieces[side::2] or [pieces[0][:0]] for side in (0, 1))
        self.arrays = {f"half_{side}": np.concatenate(half) for side, half in enumerate(halves)}

    def piece_samples(self, channels: int) -> int:
        return max(PIECE_SAMPLES, self.clip_length)

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[None, np.ndarray]:
        distances = [self._distances(column, c) for c, column in enumerate(frames[:, :, 0, 0].T)]
        return None, mean_over_windows(np.mean(distances, axis=0), self.clip_length)[:, None, None]

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
    # Constant windows divide by 0, and stumpy treats them apart afterwards; many distances of 0 are as it should be.
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A large number of values in `P`", UserWarning)
        found = _stump()(samples.astype(np.float64), length, T_B=quiet.astype(np.float64), ignore_trivial=False)
    return found[:, 0].astype(np.float64), found[:, 1].astype(np.int64)


@cache
def _stump() -> Callable:
    """stumpy.stump, imported only where it is used: numba compiles it anew in every process."""
    print("compiling the matrix profile, up to a minute", file=sys.stderr)
    import stumpy

    return stumpy.stump
