"""Scores of a series that still grows, as `eval` gives them: each as soon as what it depends on is there."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from config import EvalConfig
from data.live.series.kept_samples import KeptSamples
from inference.detection import judged_samples
from inference.job import Job
from inference.scorers.base import Reach, Scorer

MOST_AT_ONCE = 2**14  # samples that are scored at a time, so that memory does not grow with what has come


class Scored(NamedTuple):
    """Samples from `first` on: scores (n,), NaN where the stretch is shorter than a window; parts of their variables
    (n, C), or (n, 1) where nothing tells these apart; placed (n,), the scores that place events; times and ages (n,) s;
    known (n,), whether they were measured."""

    first: int
    scores: np.ndarray
    parts: np.ndarray
    placed: np.ndarray
    times_s: np.ndarray
    ages_s: np.ndarray
    known: np.ndarray


def checked_reach(scorer: Scorer, settings: EvalConfig) -> Reach:
    """How far scores look, with their smoothing. Raises ValueError for a model that looks at all of a series."""
    if scorer.no_stream:
        raise ValueError(scorer.no_stream)
    reach = scorer.reach(settings)
    if reach is None:
        raise ValueError(
            "this model looks at a series as a whole and can't follow one while it grows; train another, e.g. sub_pca, "
            "or prepare what there is and use eval"
        )
    more = settings.smooth_samples // 2
    return reach._replace(before=reach.before + more, after=reach.after + more)


def patience_of(reach: Reach) -> int:
    """Samples that a missing value is waited for."""
    return reach.after + 1


class SeriesScores:
    """Gives every sample of `kept` its score, in order. judged: the first sample that has none yet."""

    def __init__(self, job: Job, kept: KeptSamples, reach: Reach):
        self.job, self.kept, self.reach, self.judged = job, kept, reach, 0

    @property
    def looks_ahead(self) -> int:
        """Samples behind one that have to come before it is scored, where nothing is missing."""
        return self.reach.after

    def new(self, now_s: float) -> Iterator[Scored]:
        """All that can be scored by now."""
        while (found := self._next(now_s)) is not None:
            self.judged += len(found.scores)
            self.kept.forget(min(self.judged, self.kept.end) - self._kept_before)
            yield found

    @property
    def _kept_before(self) -> int:
        return self.reach.before + self.reach.step + self.reach.least + 2 * patience_of(self.reach)

    def _next(self, now_s: float) -> Scored | None:
        kept, begin = self.kept, self.judged
        if begin >= kept.end:
            return None
        stretch = kept.stretch_at(begin)
        high = stretch.end if stretch.is_over else self._whole_end(stretch.begin, stretch.end)
        high = min(high, begin + MOST_AT_ONCE + self.reach.after)
        is_all = stretch.is_over and high == stretch.end
        if is_all and high - stretch.begin < self.job.scorer.clip_length:
            unknown = np.full(high - begin, np.nan)
            return self._told(begin, unknown, np.zeros((high - begin, 1)), unknown, now_s)
        end = high if is_all else high - self.reach.after
        low = self._begin(stretch.begin, begin)
        if end <= begin or (not is_all and high - low < max(self.reach.least, self.job.scorer.clip_length)):
            return None
        return self._scored(low, high, begin, end, now_s)

    def _whole_end(self, begin: int, end: int) -> int:
        """As far as samples go that a later one changes no more: what lies behind the last whole one is waited for."""
        for high in range(end, max(begin, end - patience_of(self.reach)), -1):
            if self.kept.is_whole(high - 1):
                return high
        return end

    def _begin(self, begin: int, judged: int) -> int:
        """Where the part of the stretch begins that is looked at."""
        first, step = max(begin, self.kept.first), self.reach.step
        low = judged - self.reach.before
        low = begin + (low - begin) // step * step
        while low > first and not self.kept.is_whole(low):
            low -= step
        return low if low >= first else begin + -(-(first - begin) // step) * step

    def _scored(self, low: int, high: int, begin: int, end: int, now_s: float) -> Scored:
        job, view = self.job, self.kept.part(low, high)
        samples = job.scorer.samples(view.as_reel(), 0, len(view), job.settings)
        scores, parts, placed = (values[begin - low : end - low] for values in judged_samples(job, samples))
        return self._told(begin, scores, parts, placed, now_s)

    def _told(self, first: int, scores: np.ndarray, parts: np.ndarray, placed: np.ndarray, now_s: float) -> Scored:
        part = slice(first - self.kept.first, first - self.kept.first + len(scores))
        known = self.kept.samples.bits[part] == 0
        return Scored(first, scores, parts, placed, self.kept.samples.time_s[part], now_s - self.kept.at_s[part], known)
