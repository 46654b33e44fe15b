"""Which of many windows or frames stand for all: as many from each part of them, at drawn places within it."""

import numpy as np


def one_of_each(count: int, parts: int, rng: np.random.Generator | None = None) -> np.ndarray:
    """Places in `count` things, one drawn from each of so many equal parts of them, in order; all where they are fewer.

    Every n-th would do but for what comes regularly: where n goes into its rhythm it is met at a few of its phases
    alone, and taken for new at all others. rng: None draws the same each time.
    """
    if parts >= count:
        return np.arange(count)
    edges = np.linspace(0, count, parts + 1).astype(np.int64)
    return (rng or np.random.default_rng(0)).integers(edges[:-1], edges[1:])
