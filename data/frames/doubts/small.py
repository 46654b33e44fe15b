"""Small pictures of a reel, and how far any two of them are apart."""

from typing import Any

import numpy as np

from data.reel.stretch import values_of

SIDE = 24  # px of a small picture's longer side, about
MOST_FRAMES, AT_ONCE = 2048, 64  # of a longer reel its begin is looked at
NOISE = 0.004  # of the range: a level of 8 bits, which rounding and coding leave


def small_pictures(frames: Any) -> np.ndarray:
    """Every n-th pixel of the first frames, stored as (T, C, H, W): (N, P) float32 of stretched values.

    No means of blocks: these would take as long as a good part of prep, and differences average over P all the same.
    """
    T, every = min(len(frames), MOST_FRAMES), max(1, max(frames.shape[2:]) // SIDE)
    parts = []
    for start in range(0, T, AT_ONCE):
        own = frames[start : min(start + AT_ONCE, T), :, every // 2 :: every, every // 2 :: every]
        parts.append(np.asarray(values_of(own), np.float32).reshape(len(own), -1))
    return np.concatenate(parts)


def apart(pictures: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Mean absolute difference (M,) of pictures (N, P) by their numbers (M,)."""
    return np.abs(pictures[one] - pictures[other]).mean(axis=1)


def steps(pictures: np.ndarray, lag: int = 1) -> np.ndarray:
    """How far each picture is from that `lag` later: (N - lag,)."""
    return np.abs(pictures[lag:] - pictures[:-lag]).mean(axis=1)


def together(is_pair: np.ndarray) -> list[int]:
    """For each of N things the first of those that pairs (N, N) join it to, one after the other."""
    joined = is_pair | is_pair.T | np.eye(len(is_pair), dtype=bool)
    while (wider := joined.astype(np.float32) @ joined > 0).sum() > joined.sum():
        joined = wider
    return joined.argmax(axis=1).tolist()
