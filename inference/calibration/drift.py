"""Drift: a stream is followed for weeks, and its noise is not for ever that of the quiet data.

The thresholds of a stream go with the level that its frames have had lately: as the centre and the spread of the levels
of frames without an alarm lie to those of the quiet frames of the calibration, so do the thresholds. Streaming peaks
over threshold re-estimate theirs in the same way, with alarms left out (DSPOT, Siffer et al. 2017); here it is the bulk
that is looked at, which few frames tell well, and the tail keeps its form.

What quiet data do anyway is no drift. Over an hour of a night the levels of traffic lie below those of all its quiet
days, and so would the thresholds. So the memory is at least so long that over the quiet data themselves the thresholds
hardly leave those of the calibration: a few periods of what has one, and many windows where levels are means over them.
And it holds as many levels that have nothing to do with each other as tell the thresholds that well: levels of windows
that overlap say little more than one.
"""

import math
from collections import deque
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from config import EvalConfig
from data.messages import logger
from inference.calibration.noise import detection_level
from inference.calibration.promise import duration
from inference.calibration.thresholds import Calibration
from inference.units import DAY_S

log = logger(__name__)

KEPT = 400  # levels that are looked at: their spread is known to about 5 %
LEAST_QUIET = 50  # quiet frames without an alarm, that those of the stream may be compared with
MOST_FALL = 4  # the thresholds are never lower than those of the calibration by more
STEADY = 0.1  # of the calibrated threshold: by how much, in the mean square, it may go with quiet data
BODY = 0.98  # quantile of the levels that are looked at
ALONE = 0.05  # a correlation below which levels have nothing to do with each other
STEPS = 16  # places within a memory at which these are looked at
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
    def of(cls, made: Calibration, settings: EvalConfig) -> Self:
        """For a stream, as the settings ask; thresholds that they fix stay."""
        asked_s, memory_s = settings.follow_memory_s, memory_of(made, settings)
        drift = cls(made.thresholds(settings), np.delete(made.levels, made.left_out), memory_s)
        if drift.memory_s > asked_s:
            log.info(
                f"quiet data vary over {duration(asked_s)} (eval.follow_memory_s) by themselves: thresholds go "
                f"with the level of the last {duration(memory_s)}"
            )
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


def memory_of(made: Calibration, settings: EvalConfig) -> float:
    """Over how many seconds thresholds go with a stream: as many as are asked for, or more, see `steady_memory_s`."""
    if settings.fixed_thresholds:
        return 0.0
    if not settings.follow_memory_s or not len(made.levels):
        return settings.follow_memory_s
    low, quiet = made.thresholds(settings)[0], np.delete(made.levels, made.left_out)
    quiet, cadence_s = quiet[quiet <= low], made.events.span_s / len(made.levels)
    least_s = telling_s(quiet, cadence_s)
    least_s = settings.follow_memory_s if least_s <= KEPT * cadence_s else max(settings.follow_memory_s, least_s)
    return steady_memory_s(quiet, cadence_s, low, least_s)


def telling_s(quiet: np.ndarray, cadence_s: float) -> float:
    """How long it takes for as many independent levels as tell a spread to within STEADY, by quiet ones (N,) in order.

    A level is worth one part in the integrated autocorrelation time (Sokal 1997), which is summed up to the first
    correlation below ALONE; a spread is known to one part in the root of their number. Of levels that drift, whose
    correlation does not end within an eighth of them, nothing is told so: 0.
    """
    if not len(quiet):
        return 0.0
    off = np.clip(quiet, *np.quantile(quiet, [1 - BODY, BODY]))  # a few high ones say nothing of the others
    off = off - off.mean(dtype=np.float64)
    spectrum = np.abs(np.fft.rfft(off, 2 * len(off))) ** 2
    correlations = np.fft.irfft(spectrum)[: len(off)] / max(float(np.square(off).sum()), 1e-12)
    lags = int(np.argmax(correlations[1:] < ALONE)) if len(off) > 1 else 0
    together = 1 + 2 * float(correlations[1 : 1 + lags].sum())
    return 0.0 if lags > len(quiet) / 8 else together / STEADY**2 * cadence_s


def steady_memory_s(quiet: np.ndarray, cadence_s: float, threshold: float, least_s: float) -> float:
    """The memory, `least_s` or so many times twice that, with which a threshold would have stayed within STEADY of
    itself over quiet levels (N,) in the order of time; if there is none, the span of the quiet data.

    As asked for where the quiet data are shorter than two such memories: nothing is known of how they vary over one.
    """
    span_s, memory_s = len(quiet) * cadence_s, least_s
    if max(least_s, KEPT * cadence_s) > span_s / 2:
        return least_s
    while (lasts_s := max(memory_s, KEPT * cadence_s)) <= span_s / 2:
        if unsteadiness(quiet, lasts_s / cadence_s, threshold) <= STEADY:
            return memory_s
        memory_s *= 2
    return max(least_s, span_s)


def unsteadiness(quiet: np.ndarray, memory: float, threshold: float) -> float:
    """By what share of itself a threshold goes up and down with quiet levels (N,), root mean square, if it goes with
    the last `memory` of them, of which KEPT are looked at."""
    some = quiet[np.arange(0, len(quiet), memory / KEPT).astype(int)]
    each = np.quantile(sliding_window_view(some, KEPT)[:: KEPT // STEPS], BULK, axis=1)
    low, centre, high = np.quantile(quiet, BULK)
    moved = each[1] + (each[2] - each[0]) / max(high - low, 1e-12) * (threshold - centre)
    return float(np.sqrt(np.mean(np.square(moved / max(threshold, 1e-12) - 1))))


def centre_and_spread(levels: np.ndarray) -> tuple[float, float]:
    """Median of levels (N,), and the range of their middle two thirds; both 0 of none."""
    low, centre, high = np.quantile(levels, BULK).tolist() if len(levels) else (0.0, 0.0, 0.0)
    return centre, high - low
