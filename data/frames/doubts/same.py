"""Whether two reels show the same: a film made of pictures beside it, a smaller copy, an archive beside its folder."""

from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from data.frames.doubts.names import some_of
from data.frames.doubts.small import together
from data.reel.reel import Reel

PLACES, SIDE = 9, 16  # of a reel that are compared; px of a small picture
SCENE, MOVES = 0.98, 0.95  # correlations of what all pictures of each have in common, and of what is left without it
LENGTHS = 1.1  # times as many frames, at most


def seen_at(reel: Reel) -> np.ndarray:
    """Small pictures at even places of a reel: (PLACES, SIDE, SIDE) float32, the mean of its channels."""
    rows = np.linspace(0, len(reel) - 1, PLACES).astype(int)
    frames = (np.asarray(reel.frames[row], np.float32).mean(axis=0) for row in rows)
    return np.stack([cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for frame in frames])


def told_same(seen: Mapping[str, tuple[int, np.ndarray]]) -> Iterator[str]:
    """A line for all reels by name that show the same; seen: how many frames each has, and what `seen_at` gives."""
    names, lengths = [*seen], np.array([n for n, _ in seen.values()])
    pictures = np.stack([own for _, own in seen.values()])
    scenes = pictures.mean(axis=1, keepdims=True)
    is_as_long = np.maximum.outer(lengths, lengths) <= LENGTHS * np.minimum.outer(lengths, lengths)
    is_same = is_as_long & (_alike(scenes) > SCENE) & (_alike(pictures - scenes) > MOVES)
    groups = together(is_same)
    for group in np.flatnonzero(np.bincount(groups) > 1):
        own = [name for name, number in zip(names, groups, strict=True) if number == group]
        told = f"{some_of(own)} show the same pictures"
        yield f"{told}: if they are copies, or one is a film of the other, leave all but one out"


def _alike(arrays: np.ndarray) -> np.ndarray:
    """Correlations (R, R) of arrays (R, ...); 0 of those that do not vary."""
    rows = arrays.reshape(len(arrays), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    sizes = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(sizes > 0, sizes, np.inf)
    return rows @ rows.T
