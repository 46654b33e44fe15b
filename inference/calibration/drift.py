"""Drift: a stream is followed for weeks, and its noise is not for ever that of the quiet data.

The thresholds of a stream go with the level that its frames have had lately: as the centre and the spread of the levels
of frames without an alarm lie to those of the quiet frames of the calibration, so do the thresholds. Streaming peaks
over threshold re-estimate theirs in the same way, with alarms left out (DSPOT, Siffer et al. 2017); here it is the bulk
that is looked at, which few frames tell well, and the tail keeps its form.
"""

import math
from collections import deque
from typing import Any

import numpy as np

from config import EvalConfig
from data.messages import logger
from inference.calibration.noise import detection_level
from inference.calibration.thresholds import Calibration
from inference.units import DAY_S

log = logger(__name__)

KEPT = 400  # levels that are looked at: their spread is known to about 5 %
LEAST_QUIET = 50  # quiet frames without an alarm, that those of the stream may be compared with
MOST_FALL = 4  # the thresholds are never lower than those of the calibration by more
LONGEST_ALARM_S = DAY_S  # what gives alarms for so much longer than it gives none is usual by then
KEPT_STATE = ("calibrated", "low", "high", "due_s", "last_s", "alarm_s")
BULK = (0.16, 0.5, 0.84)  # quantiles: the centre, and what lies between the outer ones


class Drift:
    """Thresholds (low, high) in force, from the latest KEPT levels of frames without an alarm, so many seconds apart
    that they span `memory_s`, or farther where the cadence is. They begin as the calibration's, as do the levels.

    quiet: levels (N,) of quiet frames, of which those above the low threshold are alarms as well. memory_s 0: the
    thresholds stay, as they do where fewer than LEAST_QUIET quiet frames give no alarm, or all are alike.
    """

    def __init__(self, thresholds: tuple[float, float], quiet: np.ndarray, memory_s: float):
        self.calibrated = self.low, self.high = thresholds
        quiet = np.sort(quiet[quiet <= self.low])
        first = quiet[np.linspace(0, len(quiet) - 1, KEPT).astype(int)] if len(quiet) else np.zeros(0)
        # In no order: those that go leave the others as they were.
        self.recent = deque(np.random.default_rng(0).permutation(first).tolist(), maxlen=KEPT)
        self.centre, self.spread = centre_and_spread(first)
        is_told = len(quiet) >= LEAST_QUIET and self.spread > 0
        self.memory_s = memory_s if is_told else 0.0
        self.due_s = 0.0  # when the next level is to be taken
        self.last_s = math.inf  # of the frame before
        self.alarm_s = 0.0  # by how much alarms have lasted longer than what is none

    @classmethod
    def of(cls, made: Calibration, settings: EvalConfig) -> "Drift":
        """For a stream, as the settings ask; thresholds that they fix stay."""
        memory_s = 0.0 if settings.fixed_thresholds else settings.follow_memory_s
        drift = cls(made.thresholds(settings), np.delete(made.levels, made.left_out), memory_s)
        if memory_s and not drift.memory_s:
            log.warning(
                f"the run's {len(made.levels)} quiet frames are too few, or too much alike, to follow a drift by: the "
                "thresholds stay as they are; train on more, or give eval.follow_memory_s=0"
            )
        return drift

    def add(self, time_s: float, score: np.ndarray, invalid: np.ndarray, is_alarm: bool, settings: EvalConfig) -> None:
        """Take in the score map (H, W) of a frame, and whether it gives an alarm; times increase."""
        passed_s = min(max(time_s - self.last_s, 0.0), self.memory_s)  # nothing is known of a gap
        self.last_s = time_s
        self.alarm_s = max(0.0, self.alarm_s + (passed_s if is_alarm else -passed_s))
        if not self.memory_s or time_s < self.due_s or (is_alarm and self.alarm_s <= LONGEST_ALARM_S):
            return
        self.due_s = max(self.due_s + self.memory_s / KEPT, time_s)
        self.recent.append(detection_level(score, settings.min_area, settings.iou_thresh, invalid))
        self._set()

    def state(self) -> dict[str, Any]:
        """What is to be kept, so that another one can go on from here."""
        return {name: getattr(self, name) for name in KEPT_STATE} | {"recent": list(self.recent)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from the state of a former one of the same calibration."""
        if tuple(state["calibrated"]) != self.calibrated:
            return
        for name in KEPT_STATE:
            setattr(self, name, tuple(state[name]) if name == "calibrated" else state[name])
        self.recent.extend(state["recent"])

    def _set(self) -> None:
        """The thresholds, shifted and scaled as the levels are."""
        centre, spread = centre_and_spread(np.array(self.recent))
        self.low, self.high = (
            max(centre + spread / self.spread * (threshold - self.centre), threshold / MOST_FALL)
            for threshold in self.calibrated
        )


def centre_and_spread(levels: np.ndarray) -> tuple[float, float]:
    """Median of levels (N,), and the range of their middle two thirds; both 0 of none."""
    low, centre, high = np.quantile(levels, BULK).tolist() if len(levels) else (0.0, 0.0, 0.0)
    return centre, high - low
