"""Thresholds for scores of VETime: from the events of clean synthetic series, and from those of the series itself.

No label has a say, and no reel is known to be quiet. What a clean series scores at most goes with what the bulk of it
scores (their logarithms correlate by 0.5): the same multiple of the bulk is about as rare in one series as in another.
Synthetic series have no cadence. What they can promise is one false alarm in so many samples.

How far a series differs from the clean ones, its own events tell where there are more of them than anomalies can be:
so many false alarms a day of a long series are counted in it, and those that are rarer come from the clean ones.
"""

import math
from dataclasses import replace
from functools import cached_property

import numpy as np

from config import EvalConfig
from inference.calibration.noise import NoiseModel
from inference.calibration.promise import CONFIDENCE, Promise, often, poisson_interval
from inference.calibration.quiet.events import NO_EVENTS
from inference.calibration.tail import events_above, level_for
from inference.calibration.thresholds import HIGH_SHARE, Calibration, counted_series
from inference.units import DAY_S

BULK = 0.25  # quantile of the scores of a series: behind a lasting step half of it may score a little more
LEAST_BULK = 0.4  # added to it: where hardly anything is scored, multiples of it mean nothing
APART = 33  # samples between the peaks of two events
MOST_EVENTS = 64  # of a clean series that are kept
LEAST_SHARE = 0.15  # of the clean series which give the events of a promise
OWN_EVENTS = 1  # of a series say as much of how it differs from clean ones as these do
FREQUENT, MANY = 5, 50  # events of a series: more than most have anomalies, and more than any has
HALVINGS = 60
UNSCALED = Calibration(NoiseModel(np.zeros((1, 1)), np.ones((1, 1))))  # the scores are what the net says


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
    """Events of clean synthetic series, and the series itself (own): its levels and events, whatever these are of.

    stretches: of the series, each as `own_events` has it. reach: see `counted`.
    """

    def __init__(
        self, clean: CleanEvents, stretches: list[np.ndarray], settings: EvalConfig, cadence_s: float, reach: int
    ):
        own = counted_series(UNSCALED, stretches, settings, cadence_s, reach)
        span = replace(NO_EVENTS, span_s=clean.samples * cadence_s)
        super().__init__(own.noise, own.levels, span)
        self.clean, self.cadence_s, self.own = clean, cadence_s, own.events
        self.unit = bulk(own.levels)
        # Below the levels of all its events they only merge.
        self.lowest = float(self.own.levels[-1]) if len(self.own.levels) else self.unit * clean.ranked[-1]
        self.frequent = self.unit * clean.threshold(FREQUENT / max(self._samples, 1.0))

    @property
    def left_behind(self) -> np.ndarray:
        """None: thresholds are of all of the series, and what rises slowly in it is as unusual as what does at once."""
        return np.zeros(0, np.float32)

    def promises(self, settings: EvalConfig) -> tuple[Promise, Promise] | None:
        """What clean synthetic series with a bulk like this one's, and itself, exceed as often as is allowed."""
        if settings.fixed_thresholds:
            return None
        allowed = settings.allowed_per_day
        return self._promised(allowed), self._promised(HIGH_SHARE * allowed)

    def _promised(self, per_day: float) -> Promise:
        a_day = DAY_S / self.cadence_s  # samples
        supported = self.clean.supported * a_day
        used = min(max(per_day, supported), self.most)
        threshold = self._threshold(used)
        return Promise(threshold, per_day, supported, used, self._interval(threshold))

    @property
    def most(self) -> float:
        """Events a day that no threshold exceeds: as many as there are, where these are enough to tell."""
        events = len(self.own.levels)
        return events * DAY_S / self.own.span_s if events >= FREQUENT else self.rate(self.lowest)

    def rate(self, threshold: float) -> float:
        """Events a day above a threshold: those of clean series, times how many more or fewer the series itself has.

        The factor is the mean of its distribution after the own events were counted, when it was a gamma distribution
        of mean 1 and shape OWN_EVENTS before. It counts fully where FREQUENT are expected, and fades out towards the
        highest events, for these may be the anomalies: no more than FREQUENT of them, so what is beyond is false, and
        MANY are so all. The rate falls with the threshold, as the events do.
        """
        counted_at = min(threshold, self.frequent)
        factor = (OWN_EVENTS + self._own_events(counted_at)) / (OWN_EVENTS + self._expected(counted_at))
        expected, own = self._expected(threshold), self._own_events(threshold)
        weight = min(math.log1p(expected) / math.log1p(FREQUENT), 1.0)
        false = (own if own >= MANY else max(own - FREQUENT, 0)) / max(self._samples, 1.0)
        return max(self._clean_events(threshold) * factor**weight, false) * DAY_S / self.cadence_s

    def _own_events(self, threshold: float) -> float:
        return events_above(self.own.levels, threshold)

    def _expected(self, threshold: float) -> float:
        """Events above a threshold in as many samples of clean series."""
        return self._clean_events(threshold) * self._samples

    @property
    def _samples(self) -> float:
        return self.own.span_s / self.cadence_s

    def _clean_events(self, threshold: float) -> float:
        """Events a sample above a threshold in clean series with this one's bulk."""
        return events_above(self.clean.ranked, threshold / self.unit) / self.clean.samples

    def _threshold(self, per_day: float) -> float:
        """The threshold of a rate, by halving: what falls in steps has no better inverse."""
        low, high = self.lowest, self.lowest + self.unit
        while self.rate(high) > per_day:
            high *= 2
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.rate(middle) >= per_day else (low, middle)
        return high

    def _interval(self, threshold: float) -> tuple[float, float]:
        """In which the rate a day lies: that of single clean series, and of the own events, as much as each counts."""
        expected, count = self._expected(threshold), self.own.at_least(threshold)
        share = 1.0 if count >= MANY else expected / (OWN_EVENTS + expected)
        own = (events / max(self._samples, 1.0) for events in poisson_interval(count))
        clean = self.clean.interval(threshold / self.unit)
        low, high = (((1 - share) * c + share * o) * DAY_S / self.cadence_s for c, o in zip(clean, own, strict=True))
        return low, high

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
    """The unit in which the scores (n,) of a series, 0 unknown, are compared with those of others."""
    known = scores[scores > 0]
    return (float(np.quantile(known, BULK)) if len(known) else 0.0) + LEAST_BULK


def event_levels(scores: np.ndarray) -> np.ndarray:
    """The highest events of the scores (n,) of a series in units of its bulk, (MOST_EVENTS,) float32, 0 for none."""
    from scipy.signal import find_peaks  # loaded late, as few need it

    peaks = find_peaks(np.pad(scores, 1), distance=APART)[0] - 1
    highest = np.sort(scores[peaks])[::-1][:MOST_EVENTS] / bulk(scores)
    return np.pad(highest, (0, MOST_EVENTS - len(highest))).astype(np.float32)
