"""A level that scores rose to slowly: what stays there is a new level of the series, and no alarm again and again.

A plant that ages goes on where its quiet data never were. Its scores rise over many windows, and once they are above
the threshold they stay. So thresholds go up with the median of the last scores, where that is higher than it hardly
ever is in quiet data, and only with scores that are near the threshold: what is far above it has begun at once, as a
fault does, and stays an alarm for as long as it lasts. They never come below those of the calibration.

Thresholds of streams go with the scene as well (`drift.py`), but over hours, and leave all alarms out; so what has gone
beyond them slowly is an alarm for good.
"""

import bisect
from collections import deque
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

SPAN, KEPT = 2, 24  # windows whose scores are looked at, and how many of these scores
SELDOM = 0.9  # quantile of such medians in quiet data, above which thresholds go along
NEAR = 0.5  # of what the threshold is above the median of quiet scores: scores farther above it have no say


class NewLevel:
    """How far the thresholds are raised, from the latest scores; nothing, where quiet data hold less than two SPANs.

    low: the threshold. quiet: scores (N,) of quiet samples in the order of time. window: samples of one. Of all samples
    one in `step` has a say.
    """

    def __init__(self, low: float, quiet: np.ndarray, window: int):
        self.low, self.raised = low, 0.0
        self.step, self.passed = max(1, SPAN * window // KEPT), 0
        some = quiet[:: self.step].astype(np.float64)
        usual = np.sort(some[some <= low])
        self.is_told = len(some) >= 2 * KEPT <= 2 * len(usual)
        if not self.is_told:
            return
        self.centre = float(np.median(usual))
        medians = np.median(sliding_window_view(some, KEPT), axis=1)
        self.seldom = max(self.centre, float(np.quantile(medians, SELDOM)))
        first = usual[np.linspace(0, len(usual) - 1, KEPT).astype(int)]
        self._begin(np.random.default_rng(0).permutation(first).tolist())  # in no order, as in `Drift`

    def add(self, score: float) -> None:
        """Take in the score of a sample; NaN and 0, where nothing was measured, say nothing."""
        if not self.is_told or not score > 0:
            return
        self.passed += 1
        if self.passed % self.step or score > self.low + self.raised + NEAR * (self.low - self.centre):
            return
        del self.ordered[bisect.bisect_left(self.ordered, self.recent.popleft())]
        self.recent.append(score)
        bisect.insort(self.ordered, score)
        self._set()

    def of(self, scores: np.ndarray) -> np.ndarray:
        """By how much the thresholds are raised at each of the next samples (n,), NaN unknown: (n,)."""
        found = np.zeros(len(scores))
        if self.is_told:
            for i, score in enumerate(scores.tolist()):
                found[i] = self.raised
                self.add(score)
        return found

    def state(self) -> dict[str, Any]:
        """What is to be kept, so that another one can go on from here."""
        return {"low": self.low, "passed": self.passed, "recent": list(self.recent)} if self.is_told else {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from the state of a former one of the same calibration."""
        if self.is_told and state.get("low") == self.low:
            self.passed = state["passed"]
            self._begin(state["recent"])

    def _begin(self, recent: list[float]) -> None:
        self.recent, self.ordered = deque(recent), sorted(recent)
        self._set()

    def _set(self) -> None:
        median = self.ordered[KEPT // 2]
        self.raised = max(median - self.centre, 0.0) if median > self.seldom else 0.0
