"""Curves over time as few points: what the pages of prep and review and eval's timeline draw."""

import numpy as np

MAX_POINTS = 4000  # more than a figure of this width has pixels


def curve(x: np.ndarray, scores: np.ndarray, gap_threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Points of the line to draw: decimated, and broken by NaN at the gaps in time."""
    kept = decimate(scores, MAX_POINTS)
    breaks = np.searchsorted(kept, late_steps(x, gap_threshold), side="right")
    return np.insert(x[kept], breaks, np.nan), np.insert(scores[kept], breaks, np.nan)


def decimate(values: np.ndarray, limit: int) -> np.ndarray:
    """Indices of at most `limit` of the values (T,) that keep the picture: the extremes of equally long buckets.

    NaN is passed over; of a bucket with nothing else, one index is kept, so that the line breaks there.
    """
    if len(values) <= limit:
        return np.arange(len(values))
    size = -(-len(values) // (limit // 2))
    padded = np.full(-(-len(values) // size) * size, np.nan)
    padded[: len(values)] = values
    buckets = padded.reshape(-1, size)
    low = np.where(np.isnan(buckets), np.inf, buckets).argmin(axis=1)
    high = np.where(np.isnan(buckets), -np.inf, buckets).argmax(axis=1)
    return np.unique(np.arange(len(buckets)) * size + [low, high])


def late_steps(x: np.ndarray, gap_threshold: float) -> np.ndarray:
    """Indices i where the step from x[i] to x[i + 1] is longer than `gap_threshold` median steps; x: (T,)."""
    steps = np.diff(x)
    return np.flatnonzero(steps > gap_threshold * np.median(steps)) if len(steps) else np.empty(0, np.int64)
