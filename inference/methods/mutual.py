"""Mutual scoring: a place is unusual when it looks like few of the other frames of the same reel.

Source: MuSc (Li et al. 2024, arXiv 2401.16753) with raw patches in place of a net's features: the score of a patch is
the mean of the lowest 30 % of its distances to the other frames, each the smallest among places near its own.
"""

import cv2
import numpy as np

from data.reel.reel import Reel
from inference.methods.base import Method, enlarged

REFERENCES = 64  # frames of the stretch that each frame is compared with
LOWEST = 0.3
CELL = 4  # a place is CELL x CELL pixels; it is described by CONTEXT x CONTEXT places around it
CONTEXT, REACH = 3, 1  # places; REACH: how far a similar place may lie


class MutualScoring(Method):
    """Needs no quiet data for its score, and sees the whole stretch: not for streams."""

    sees_all = any_cadence = True

    def open(self, reel: Reel, begin: int, end: int) -> None:
        indices = np.unique(np.linspace(begin, end - 1, REFERENCES).astype(int))
        self.references = np.stack([describe(self.read(reel, np.array([i]))[0][0]) for i in indices])  # (R, h, w, D)

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[None, np.ndarray]:
        kept = max(1, round(LOWEST * len(self.references)))
        maps = []
        for frame in frames:
            distances = nearest(describe(frame), self.references)  # (R, h, w)
            maps.append(np.partition(distances, min(kept, len(distances) - 1), axis=0)[:kept].mean(axis=0))
        return None, enlarged(np.array(maps, np.float32), frames)


def describe(frame: np.ndarray) -> np.ndarray:
    """(C, H, W) -> (h, w, D): every place by the means of the CONTEXT x CONTEXT places around it."""
    height, width = (-(-n // CELL) for n in frame.shape[1:])
    cells = np.stack([cv2.resize(channel, (width, height), interpolation=cv2.INTER_AREA) for channel in frame])
    near = np.pad(cells, ((0, 0), (CONTEXT // 2,) * 2, (CONTEXT // 2,) * 2), mode="edge")
    parts = np.lib.stride_tricks.sliding_window_view(near, (CONTEXT, CONTEXT), axis=(1, 2))  # (C, h, w, 3, 3)
    return np.ascontiguousarray(parts.transpose(1, 2, 0, 3, 4).reshape(height, width, -1))


def nearest(places: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Smallest distance of every place (h, w, D) to those of each reference (R, h, w, D) within REACH: (R, h, w)."""
    height, width = places.shape[:2]
    padded = np.pad(references, ((0, 0), (REACH, REACH), (REACH, REACH), (0, 0)), mode="edge")
    best = np.full((len(references), height, width), np.inf, np.float32)
    for dy in range(2 * REACH + 1):
        for dx in range(2 * REACH + 1):
            difference = padded[:, dy : dy + height, dx : dx + width] - places
            np.minimum(best, np.einsum("rhwd,rhwd->rhw", difference, difference), out=best)
    return np.sqrt(best)
