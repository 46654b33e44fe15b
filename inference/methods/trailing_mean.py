"""Trailing mean: a frame is expected to look like the mean of those before."""

import numpy as np

from data.reel.reel import Reel
from inference.methods.base import Block, Method

FRAMES = 8


class TrailingMean(Method):
    """Difference to the mean of the FRAMES frames before; where none of them has a value, nothing can be told."""

    before = FRAMES
    in_parts = in_scatters = True

    def context(self, reel: Reel, first: int, stop: int, begin: int, end: int) -> Block:
        """Frames before the stretch are unknown, and no mirror image of later ones: no mean is of the future."""
        known = max(first - FRAMES, reel.begin_of(begin))
        frames, valid = self.read(reel, np.arange(known, stop))
        missing = ((known - first + FRAMES, 0), *((0, 0),) * 3)
        return np.pad(frames, missing), np.pad(valid, missing[:1] + missing[2:])

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, None]:
        sums = np.cumsum(np.concatenate([np.zeros_like(frames[:1]), frames]), axis=0, dtype=np.float64)
        counts = np.cumsum(np.concatenate([np.zeros_like(valid[:1]), valid]), axis=0, dtype=np.int64)
        total, count = (s[FRAMES:-1] - s[: -FRAMES - 1] for s in (sums, counts[:, None]))
        mean = (total / np.maximum(count, 1)).astype(np.float32)
        return np.where(count > 0, mean, frames[FRAMES:]), None
