"""Robust z-score: how many spreads a pixel lies from its own quiet median."""

from collections.abc import Sequence

import numpy as np

from inference.calibration.quiet import QuietRange
from inference.methods.base import Method

SAMPLE_FRAMES = 400
SAMPLE_BYTES = 2**29
LEAST_SPREAD = 1 / 256  # a grey level: pixels that hardly ever change would make anything an event


class RobustZ(Method):
    """|x - median| / (1.4826 MAD) of every pixel over quiet frames, mean over channels."""

    any_cadence = True

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """Median and spread (C, H, W) from at most SAMPLE_FRAMES frames."""
        count = max(8, min(SAMPLE_FRAMES, SAMPLE_BYTES // (4 * int(np.prod(quiet[0].reel.shape[1:])))))
        blocks = [np.where(valid[:, None], frames, np.nan) for frames, valid in self.sample(quiet, count)]
        values = np.concatenate(blocks)
        values[:, :, np.isnan(values).all(axis=(0, 1))] = 0  # pixels that were never valid
        median = np.nanmedian(values, axis=0)
        spread = 1.4826 * np.nanmedian(np.abs(values - median), axis=0)
        self.arrays = {"median": median, "spread": np.maximum(spread, LEAST_SPREAD)}

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        median = self.arrays["median"]
        errors = (np.abs(frames - median) / self.arrays["spread"]).mean(axis=1)
        return np.broadcast_to(median, frames.shape), errors
