"""Whether a reel is like the quiet data: a promise holds for nothing else, and the levels of its frames tell."""

import numpy as np

LOOKED_AT = 32  # frames of a reel, evenly over time: half of them say what is usual in it
LEAST = 8  # frames or samples that tell anything
SELDOM = 0.1  # share of the quiet frames


def looked_at(indices: np.ndarray) -> np.ndarray:
    """At most LOOKED_AT of the frames (n,), evenly."""
    return indices[np.unique(np.linspace(0, len(indices) - 1, min(LOOKED_AT, len(indices))).astype(int))]


def unlike(levels: np.ndarray, quiet: np.ndarray) -> tuple[float, float] | None:
    """The level that half of the frames (n,) of a reel reach and its share of the quiet ones (N,), where that is less
    than SELDOM; None where it is more, and where there are fewer than LEAST of either.
    """
    if min(len(levels), len(quiet)) < LEAST:
        return None
    level = float(np.quantile(levels, 0.5, method="lower"))
    share = float(np.mean(quiet >= level))
    return (level, share) if share < SELDOM else None
