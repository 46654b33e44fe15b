"""Robust z-score: how far a pixel lies from its own quiet median, in units of its usual distance."""

from collections.abc import Sequence

import numpy as np

from data.reel.reel import Reel
from inference.calibration.quiet.ranges import QuietRange
from inference.methods.base import Method

SAMPLE_FRAMES = 400
SAMPLE_BYTES = 2**29


class RobustZ(Method):
    """Every pixel is expected to be as in the median of quiet frames.

    By how much it usually differs, the noise model of the calibration knows, as for every method. So what the camera
    does to a whole frame is taken off, and a scene that has turned a little all over is in the frame's own scatter.
    """

    any_cadence = True
    in_parts = in_scatters = True

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """Median (C, H, W) of at most SAMPLE_FRAMES frames."""
        count = max(8, min(SAMPLE_FRAMES, SAMPLE_BYTES // (4 * int(np.prod(quiet[0].reel.shape[1:])))))
        blocks = [np.where(valid[:, None], frames, np.nan) for frames, valid in self.sample(quiet, count)]
        values = np.concatenate(blocks)
        values[:, :, np.isnan(values).all(axis=(0, 1))] = 0  # pixels that were never valid
        self.arrays = {"median": np.nanmedian(values, axis=0)}

    def open(self, reel: Reel, begin: int, end: int) -> None:
        """Raises ValueError for a run from before 2026-11-27, whose noise and thresholds have another unit."""
        if "spread" in self.arrays:
            raise ValueError(
                "this run of robust_z is of an older version, whose scores had another unit; train it anew"
            )
        super().open(reel, begin, end)

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, None]:
        return np.broadcast_to(self.arrays["median"], frames.shape), None
