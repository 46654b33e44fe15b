"""Isolation forest on windows: how few random cuts part a window from quiet ones (Liu, Ting, Zhou 2008)."""

import numpy as np
from sklearn.ensemble import IsolationForest

from inference.methods.series.base import WindowScore

TREES = 100


class WindowForest(WindowScore):
    """The forest's score of each window, 0..1.

    A forest is no array that a checkpoint could keep, so what is kept are the quiet windows and the seed that it grows
    from: in less than a second.
    """

    sample_windows, sample_values = 4096, 2**23  # a tree sees 256 of them
    _forest: IsolationForest | None = None

    def learn(self, windows: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        self._forest = None
        return {"windows": windows, "seed": np.array([seed])}

    def score(self, windows: np.ndarray) -> np.ndarray:
        forest = self._forest
        if forest is None:
            forest = IsolationForest(n_estimators=TREES, random_state=int(self.arrays["seed"][0]))
            self._forest = forest.fit(self.arrays["windows"])
        return -forest.score_samples(windows)
