"""How rare a score is in quiet data: the common unit of scores that have units of their own.

A score's surprise is -log10 of the share of quiet scores that reach it: 3 means one in a thousand, for every score.
"""

from dataclasses import dataclass

import numpy as np

GRID = 128  # points of a rarity curve
LEAST_STEP = 1e-6  # between scores that are not equal
STILL = 1e-4  # of one that never varied: by less it has not changed, and twice that is rarer than all that was seen


@dataclass(frozen=True)
class Rarity:
    """Scores (GRID,) that quiet ones exceed with probability 10^-surprise (GRID,), both increasing.

    shape: of the generalised Pareto tail beyond them; that of 0 is exponential.
    """

    scores: np.ndarray
    surprises: np.ndarray
    shape: float = 0.0

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Surprise of scores of any shape; beyond what quiet ones reached it goes on as the tail does."""
        found = np.interp(score, self.scores, self.surprises)
        last, before = self.scores[-1], self.scores[-GRID // 4]
        slope = (self.surprises[-1] - self.surprises[-GRID // 4]) / max(last - before, 1e-9)
        beyond = slope * np.maximum(score - last, 0)  # decades of an exponential tail
        if self.shape:
            beyond = np.log1p(self.shape * np.log(10) * beyond) / (self.shape * np.log(10))
        return (found + beyond).astype(np.float32)


def fit_rarity(values: np.ndarray, shape: float = 0.0) -> Rarity:
    """From quiet scores (N,): their quantiles, evenly in the logarithm of rarity, up to one in N / 10."""
    surprises = np.linspace(0, max(np.log10(len(values) / 10), 1.0), GRID)
    scores = np.quantile(values, 1 - 10.0**-surprises)
    # Equal scores, as the zeros of a still place, count as common as the most common of them.
    scores, first = np.unique(scores, return_index=True)
    has_range = scores[-1] - scores[0] > LEAST_STEP
    if not has_range:
        return Rarity(scores[0] + np.linspace(STILL, 2 * STILL, GRID), surprises, shape)
    padded = np.linspace(scores[0], scores[-1], GRID)
    return Rarity(padded, np.interp(padded, scores, surprises[first]), shape)
