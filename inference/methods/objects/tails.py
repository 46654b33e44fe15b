"""How rare a value is in quiet clips: decades of probability, on beyond what quiet clips reached."""

from typing import NamedTuple, Self

import numpy as np

GRID = 64  # points of a curve
TOP = 0.02  # share of the highest values, whose mean excess tells the tail
LEAST_RISE = 0.12  # of the highest value: an excess by so much is rarer by e at most, or a decade would hang on noise
FEW = 200  # values below which nothing is known of a tail
LN10 = float(np.log(10))


class Tail(NamedTuple):
    """values and surprises (GRID,), both increasing, by how much a value rises to be rarer by a decade, and by how many
    decades it can be rarer than the highest of quiet clips."""

    values: np.ndarray
    surprises: np.ndarray
    decade: float
    beyond: float

    @classmethod
    def of(cls, values: np.ndarray, usual: float, beyond: float = np.inf) -> Self:
        """From quiet values (N,) >= 0, of which about one in ten is its own. usual: what is taken for high by itself.

        Beyond the quantiles that so many values tell the tail is exponential (the excesses of many distributions are;
        Pickands 1975).
        """
        values = values[np.isfinite(values)]
        if len(values) < FEW:
            return cls(np.linspace(0, usual, GRID), np.linspace(0, 1, GRID), usual, np.inf)
        surprises = np.linspace(0, max(np.log10(len(values) / 20), 0.5), GRID)
        heights = np.maximum.accumulate(np.quantile(values, 1 - 10.0**-surprises))
        heights += np.arange(GRID) * 1e-6 * max(usual, heights[-1])  # so that they increase
        above = values[values > (start := np.quantile(values, 1 - TOP))]
        mean = float((above - start).mean()) if len(above) else 0.0
        rise = LN10 * max(mean, LEAST_RISE * max(float(heights[-1]), LEAST_RISE * usual))
        return cls(heights, surprises, rise, beyond)

    def __call__(self, value: np.ndarray) -> np.ndarray:
        """Decades of surprise of values of any shape; larger ones never have less."""
        found = np.interp(value, self.values, self.surprises)
        more = np.maximum(value - self.values[-1], 0) / self.decade
        return (found + np.minimum(more, self.beyond)).astype(np.float32)

    def packed(self) -> np.ndarray:
        """As one array (2 GRID + 2,), for the checkpoint."""
        return np.concatenate([self.values, self.surprises, [self.decade, self.beyond]])

    @classmethod
    def unpacked(cls, array: np.ndarray) -> Self:
        return cls(array[:GRID], array[GRID : 2 * GRID], float(array[-2]), float(array[-1]))
