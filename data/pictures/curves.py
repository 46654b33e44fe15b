"""Curves over time as few points: what the pages of prep and review and eval's timeline draw."""

from pathlib import Path

import numpy as np

CHARTS = Path(__file__).with_name("charts.js")  # the charts of the pages of review and report
MAX_POINTS = 4000  # more than a figure of this width has pixels


def curve(x: np.ndarray, scores: np.ndarray, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of the line to draw: decimated, and broken by NaN behind the frames that a gap follows."""
    kept = decimate(scores, MAX_POINTS)
    breaks = np.searchsorted(kept, gaps, side="right")
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
