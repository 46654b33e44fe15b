"""The thresholds of a series that is followed: those of `Drift`, or of `NewLevel` where these are higher."""

from typing import Any, Self

import numpy as np

from config import EvalConfig
from inference.calibration.drift import Drift
from inference.evidence.new_level import NewLevel
from inference.job import Job


class SeriesDrift(Drift):
    """As `Drift`; followed: what its thresholds (low, high) are by the last hours alone."""

    new_level: NewLevel
    followed: tuple[float, float]

    @classmethod
    def of_job(cls, job: Job) -> Self:
        """That of a series."""
        drift = cls.of(job.calibration, job.settings)
        drift.new_level, drift.followed = job.new_level(), (drift.low, drift.high)
        return drift

    def add(self, time_s: float, score: np.ndarray, invalid: np.ndarray, is_alarm: bool, settings: EvalConfig) -> None:
        self.low, self.high = self.followed
        super().add(time_s, score, invalid, is_alarm, settings)
        self.followed = self.low, self.high
        self.new_level.add(float(score[0, 0]))
        self._raise()

    def spares(self, score: float) -> bool:
        """Whether a score is no alarm for the sake of a new level alone."""
        return self.followed[0] < score <= self.low

    def state(self) -> dict[str, Any]:
        return super().state() | {"followed": self.followed, "new_level": self.new_level.state()}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        if "followed" not in state:  # of a version before, whose thresholds were these
            self.followed = self.low, self.high
        elif tuple(state["calibrated"]) == self.calibrated:
            self.followed = tuple(state["followed"])
            self.new_level.restore(state["new_level"])

    def _raise(self) -> None:
        by = self.new_level.raised
        self.low, self.high = (max(pair) for pair in zip(self.followed, (t + by for t in self.calibrated), strict=True))
