"""The tail of event levels: what quiet data of a limited span say about rarer events than they hold."""

import math
from dataclasses import dataclass, replace

import numpy as np

EXTRAPOLATION = 10  # a promise may be so many times rarer than one event in the quiet data
MOST_PEAKS = 50
PRIOR_SHAPE, PRIOR_PEAKS = 0.1, 10
STRAIGHT = 1e-12  # a shape below is that of the exponential: its products lose their digits, and change nothing


@dataclass(frozen=True)
class TailPrior:
    """What is known of a score before a scene has shown its own tail, as much as `span_s` seconds of it would tell.

    unit_s: of a span whose highest level is 1 in the mean. What is rarer follows a Pareto tail of `shape`: that is the
    spread of the logarithm of the highest of such spans. is_beyond: whether it has a say only in what is rarer than one
    event of the quiet data, of whose tail a single one tells little; then it makes no promise any rarer.
    most_per_s: the commonest rate that it was learnt at; what is commoner is for the quiet data to count, and it knows
    of no more events there than at that rate.
    """

    unit_s: float
    shape: float
    span_s: float
    is_beyond: bool = False
    most_per_s: float = math.inf

    @property
    def worth_s(self) -> float:
        """By how much longer it makes what quiet data are worth."""
        return 0.0 if self.is_beyond else self.span_s

    def times(self, ratio: float) -> "TailPrior":
        """The same of data whose frames come so many times as far apart: it is frames that it knows of."""
        rate = self.most_per_s / ratio
        return replace(self, unit_s=self.unit_s * ratio, span_s=self.span_s * ratio, most_per_s=rate)

    def level(self, events: float, span_s: float) -> float:
        """The level that so many events of a span exceed."""
        return (events * self.unit_s / span_s) ** -self.shape

    def threshold(self, levels: np.ndarray, events: float, span_s: float) -> float:
        """What so many events of quiet data exceed, from their levels (J,), highest first, and from what is known.

        Where their own tail says nothing any more, what is rarer goes on as it does in any scene. What quiet data reach
        is passed by no prior of what lies beyond.
        """
        if self.is_beyond:
            own = level_for(levels, events)
            return own if events >= 1 or not len(levels) else max(levels[0], self.joined(own, events, span_s))
        counted = self._counted(levels, span_s)
        if 1 <= events <= len(counted):
            return level_for(counted, events)
        if not len(counted):
            return self.level(events, span_s)
        if events > 1:
            return min(self._beyond(levels, events, span_s, len(counted)), float(counted[-1]))
        return max(self._rarer(levels, events, span_s), float(counted[0]))

    def _rarer(self, levels: np.ndarray, events: float, span_s: float) -> float:
        """What less than one event exceeds: known as well as one is, up to the commonest rate that was learnt, which
        no commoner rate passes."""
        common = self.most_per_s * span_s
        if events <= common:
            return self._beyond(levels, events, span_s, events)
        return min(self._beyond(levels, events, span_s, 1.0), self._beyond(levels, common, span_s, common))

    def _beyond(self, levels: np.ndarray, events: float, span_s: float, weighed: float) -> float:
        """Beyond what was counted: their own tail as far as it says something, and what is known of as many events as
        are `weighed`."""
        told = max(events, 1 / EXTRAPOLATION)
        return self.joined(level_for(levels, told) * (told / events) ** self.shape, events, span_s, weighed)

    def _counted(self, levels: np.ndarray, span_s: float) -> np.ndarray:
        """Levels (J,) as they are with what is known, each at least as high as those of commoner events."""
        joined = np.array([self.joined(float(level), j, span_s) for j, level in enumerate(levels, 1)])
        return np.maximum.accumulate(joined[::-1])[::-1]

    def joined(self, level: float, events: float, span_s: float, weighed: float | None = None) -> float:
        """A level that as many events of so many seconds of quiet data exceed, and the prior's, by what each is worth:
        of these events, or of as many as are `weighed`.

        Their logarithms are averaged. A scene of seconds has one highest, by chance or because the copies that judge
        it have seen next to nothing: a tail that goes on from there is soon above all that ever happens.
        """
        own = span_s / (span_s + self.span_s * min(1.0, self.most_per_s * span_s / (weighed or events)))
        return level**own * self.level(events, span_s) ** (1 - own) if level > 0 else self.level(events, span_s)


@dataclass(frozen=True)
class Tail:
    """Generalised Pareto tail: `count` events exceed `start`, by `scale` and `shape` (xi)."""

    start: float
    count: int
    shape: float
    scale: float

    def level(self, events: float) -> float:
        """The level that as many events exceed; `start` for `count` of them and more."""
        rarity = -math.log(min(events / self.count, 1.0))  # of the exponential tail, to which a shape of 0 leads
        return self.start + self.scale * (
            math.expm1(self.shape * rarity) / self.shape if self.shape > STRAIGHT else rarity
        )

    def events(self, level: float) -> float:
        """How many events exceed a level of at least `start`."""
        excess = max(level - self.start, 0.0) / self.scale
        return self.count * math.exp(
            -math.log1p(self.shape * excess) / self.shape if self.shape > STRAIGHT else -excess
        )


def fit_tail(levels: np.ndarray) -> Tail | None:
    """Peaks over threshold: of the levels of events (J,), highest first, the upper half, at most MOST_PEAKS.

    Parameters from L-moments (Hosking & Wallis 1987), which bear few values. The shape of few peaks is uncertain, so a
    typical one (PRIOR_SHAPE) joins in with the weight of PRIOR_PEAKS peaks; it is kept from the exponential (0) to 0.5:
    that few values seem bounded is no promise. None for fewer than three peaks, and where all of them are equal.
    """
    k = min(MOST_PEAKS, len(levels) // 2 if len(levels) >= 2 * PRIOR_PEAKS else len(levels) - 1)
    if k < 3 or levels[0] - levels[k] <= 1e-9 * max(abs(levels[0]), 1.0):
        return None
    start = float(levels[k])
    peaks = levels[:k][::-1] - start
    mean = peaks.mean()
    half_gini = 2 * np.mean(np.arange(k) / (k - 1) * peaks) - mean  # the second L-moment
    shape = 2 - mean / half_gini if half_gini > 0 else -math.inf  # equal peaks are the narrowest there are
    shape = float(np.clip((k * shape + PRIOR_PEAKS * PRIOR_SHAPE) / (k + PRIOR_PEAKS), 0, 0.5))
    return Tail(start, k, shape, float(mean * (1 - shape)))


def level_for(levels: np.ndarray, events: float) -> float:
    """The threshold that `events` events of such quiet data exceed, from their levels (J,), highest first.

    Counted between one event and all of them, with the j-th level for j events: so many of new data, as long as these,
    exceed it in the mean, whatever the distribution. For less than one the tail goes on from the highest level: the
    threshold is continuous and falls with the events. 0 where the data gave no event at all.
    """
    if not len(levels):
        return 0.0
    if events >= 1:
        return float(np.interp(np.log(events), np.log(np.arange(1, len(levels) + 1)), levels))
    tail = fit_tail(levels)
    beyond = 0.0 if tail is None else tail.level(events) - tail.level(1)
    return float(levels[0] + beyond)


def events_above(levels: np.ndarray, threshold: float) -> float:
    """How many events of such quiet data exceed a threshold, by their levels (J,): the inverse of `level_for`."""
    if not len(levels) or threshold <= levels[-1]:
        return float(len(levels))
    if threshold <= levels[0]:
        at = np.log(np.arange(1, len(levels) + 1))
        return float(np.exp(np.interp(threshold, levels[::-1], at[::-1])))
    tail = fit_tail(levels)
    return 0.0 if tail is None else tail.events(tail.level(1) + threshold - levels[0])
