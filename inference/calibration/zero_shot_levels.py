"""Thresholds for scores of VETime: from the events of clean synthetic series, in units of the bulk of the own scores.

No label has a say, and no reel is known to be quiet. What a clean series scores at most goes with what the bulk of it
scores (their logarithms correlate by 0.5): the same multiple of the bulk is about as rare in one series as in another.
Synthetic series have no cadence. What they can promise is one false alarm in so many samples.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np
from scipy.signal import find_peaks

from config import EvalConfig
from inference.calibration.noise import NoiseModel
from inference.calibration.quiet_events import NO_EVENTS
from inference.calibration.tail import level_for
from inference.calibration.thresholds import (
    CONFIDENCE,
    HIGH_SHARE,
    Calibration,
    Promise,
    often,
    poisson_interval,
)
from inference.units import DAY_S

BULK = 0.25  # quantile of the scores of a series: behind a lasting step half of it may score a little more
LEAST_BULK = 0.4  # added to it: where hardly anything is scored, multiples of it mean nothing
APART = 33  # samples between the peaks of two events
MOST_EVENTS = 64  # of a clean series that are kept
LEAST_SHARE = 0.15  # of the clean series which give the events of a promise


class CleanEvents:
    """Events of clean synthetic series (S, K): the highest scores of each in units of its bulk, highest first."""

    def __init__(self, levels: np.ndarray, length: int):
        """length: samples of each series. Raises ValueError for levels of another form, as older runs have them."""
        if levels.ndim != 2:
            raise ValueError("the run's quiet levels are those of an older version; train it with --resume")
        self.levels, self.samples = levels, len(levels) * length

    @cached_property
    def ranked(self) -> np.ndarray:
        """All events, highest first."""
        return np.sort(self.levels, axis=None)[::-1].astype(np.float64)

    @cached_property
    def supported(self) -> float:
        """The lowest rate that can be promised, in events a sample.

        The highest events all come from a few series that look anomalous throughout. How much a user's series is like
        these nobody knows. So a promise is made of so many events that a seventh of the series have a part in them.
        """
        firsts = np.sort(self.levels[:, 0])[::-1]
        enough = firsts[max(0, int(np.ceil(LEAST_SHARE * len(firsts))) - 1)]
        return float((self.levels >= enough).sum() / self.samples)

    @property
    def most(self) -> float:
        """The highest rate that can be promised, in events a sample: events of clean series are no nearer."""
        return int((self.levels > 0).sum()) / self.samples

    def threshold(self, per_sample: float) -> float:
        """The multiple of the bulk that so many events a sample exceed."""
        return level_for(self.ranked, per_sample * self.samples)

    def interval(self, threshold: float) -> tuple[float, float]:
        """In which the rate of events a sample above a multiple lies, of one series: that of most clean ones.

        These differ more than their counts would by chance, and nobody knows which of them a user's is like.
        """
        counts = (self.levels > threshold).sum(axis=1)
        low, high = np.quantile(counts, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        each = self.samples / len(self.levels)
        return poisson_interval(int(low))[0] / each, poisson_interval(int(np.ceil(high)))[1] / each


class ZeroShotCalibration(Calibration):
    """Events of clean synthetic series, and the scores of the series itself (own)."""

    def __init__(self, clean: CleanEvents, cadence_s: float, own: np.ndarray):
        span = replace(NO_EVENTS, span_s=clean.samples * cadence_s)
        super().__init__(NoiseModel(np.zeros((1, 1)), np.ones((1, 1))), own, span)
        self.clean, self.cadence_s = clean, cadence_s

    def promises(self, settings: EvalConfig) -> tuple[Promise, Promise] | None:
        """What clean synthetic series with a bulk like this one's do not exceed more often than is allowed."""
        if settings.fixed_thresholds:
            return None
        allowed = settings.allowed_per_day
        return self._promised(allowed), self._promised(HIGH_SHARE * allowed)

    def _promised(self, per_day: float) -> Promise:
        a_day = DAY_S / self.cadence_s  # samples
        supported = self.clean.supported * a_day
        used = min(max(per_day, supported), self.clean.most * a_day)
        multiple = self.clean.threshold(used / a_day)
        low, high = (rate * a_day for rate in self.clean.interval(multiple))
        return Promise(bulk(self.levels) * multiple, per_day, supported, used, (low, high))

    def shortfall(self, settings: EvalConfig) -> str:
        """What is to be told where clean series don't support the rate that was asked for; empty where they do."""
        if (promises := self.promises(settings)) is None or promises[0].used <= promises[0].asked:
            return super().shortfall(settings)
        return (
            f"without any training no more than one false alarm in {1 / self.clean.supported:,.0f} samples can be "
            f"promised, {often(promises[0].used)} at this cadence; the settings ask for {often(promises[0].asked)}: "
            "the thresholds are for the former. Train a model with quiet data of your own for fewer "
            "(docs/series.md); or give eval.threshold_low and eval.threshold_high"
        )


def bulk(scores: np.ndarray) -> float:
    """The unit in which the scores (n,) of a series, NaN unknown, are compared with those of others."""
    return float(np.nanquantile(scores, BULK)) + LEAST_BULK


def event_levels(scores: np.ndarray) -> np.ndarray:
    """The highest events of the scores (n,) of a series in units of its bulk, (MOST_EVENTS,) float32, 0 for none."""
    peaks = find_peaks(np.pad(scores, 1), distance=APART)[0] - 1
    highest = np.sort(scores[peaks])[::-1][:MOST_EVENTS] / bulk(scores)
    return np.pad(highest, (0, MOST_EVENTS - len(highest))).astype(np.float32)
