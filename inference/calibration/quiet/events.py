"""How many events quiet data give at every threshold: what a promise of false alarms is made of.

Levels of neighbouring frames are alike, so it is events that are counted, linked as eval links them: 64 frames above a
threshold may be 12 events. The data are cut into blocks of time, by which the scatter of the counts is known.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import numpy as np
from scipy.ndimage import binary_dilation

from inference.calibration.tail import EXTRAPOLATION, TailPrior, level_for
from inference.units import DAY_S, HOUR_S

# A threshold and the levels (N,) of frames -> the first frames (E,) of the events above it. A level of 0 hides a frame.
StartsAt = Callable[[float, np.ndarray], np.ndarray]

BLOCKS = 20
RATIO, LARGEST_STEP, MOST_THRESHOLDS = 1.5, 0.15, 150  # of places of thresholds, and of events between two of them
ENOUGH, ENOUGH_PER_HOUR = 100, 100  # events: lower thresholds are nobody's
MOST_OUTLIERS, OTHERS_EACH, RARE_SPANS = 10, 4, 50
MOST_SHARE, MOST_LEFT_OUT = 0.05, 0.1  # of the quiet frames that stand out, and with the frames around them
FAULTY_SHARE, FAULTY_LEFT_OUT, FAULTY_SPANS, MOST_HIDING = 0.25, 0.35, 200, 3  # of a series, see `faulty`


@dataclass(frozen=True)
class QuietEvents:
    """Events of quiet data of `span_s` seconds: counts (G, B) in each block of time, at thresholds (G,), highest first.

    The first threshold is the highest level that the data reach, so one below it gives an event. prior: what is known
    of the tail besides. apart: events that stood out from all of these, and were taken for faults.
    """

    thresholds: np.ndarray
    counts: np.ndarray
    span_s: float
    prior: TailPrior | None = None
    apart: int = 0

    @cached_property
    def totals(self) -> np.ndarray:
        """Events (G,) below every threshold, never fewer than at a higher one, see `monotone`."""
        return monotone(self.counts.sum(axis=1))

    @cached_property
    def levels(self) -> np.ndarray:
        """Levels (J,) of the events, highest first: the j-th is the highest threshold below which there are j."""
        return levels_of(self.thresholds, self.totals)

    @property
    def worth_s(self) -> float:
        """As much as this long a span tells of what is rare."""
        return self.span_s + (self.prior.worth_s if self.prior else 0.0)

    def of_rest(self, events: float) -> float:
        """How many of so many events may be of the quiet rest, where what stood out may be faults or usual.

        Were it usual, new data would hold as many. They come first, so that the promise holds either way, but one event
        of the rest is left: no faults may hide themselves where so few are allowed.
        """
        return max(events - self.apart, min(events, 1.0))

    def threshold_for(self, per_day: float) -> float:
        """What so many events a day exceed; where data gave none that lasts, the highest level that they reach."""
        events = self.of_rest(per_day * self.span_s / DAY_S)
        is_untold = not len(self.levels) and len(self.thresholds) > 0
        if self.prior and self.span_s and not (is_untold and self.prior.is_beyond):
            return float(self.prior.threshold(self.levels, events, self.span_s))
        return float(self.thresholds[0]) if is_untold else level_for(self.levels, events)

    def beyond(self, levels: np.ndarray) -> float:
        """What an event that stands out from the others of this span exceeds, from their levels (J,), highest first.

        Their own tail expects one in RARE_SPANS such spans; and it lies above the highest threshold that there would be
        without it, that of the rarest promise. So what is known of the tail has the say here that it has in thresholds:
        whatever they would tell as an event of new data may stand out in the quiet ones, and nothing else.
        """
        alone = level_for(levels, 1 / RARE_SPANS)
        if not self.prior or not self.span_s:
            return alone
        return max(alone, self.prior.threshold(levels, 1 / EXTRAPOLATION, self.span_s))

    @cached_property
    def intervals(self) -> dict[float, tuple[float, float]]:
        """Of rates above thresholds, as far as they were asked for: each takes longer than to score some frames."""
        return {}

    def at_least(self, threshold: float) -> int:
        """Events that quiet data give at a threshold."""
        return int(np.max(self.totals[self.thresholds > threshold], initial=0))

    def resampled(self, rng: np.random.Generator) -> np.ndarray:
        """Levels of the events of as many blocks, drawn with replacement (bootstrap over blocks)."""
        drawn = rng.integers(0, self.counts.shape[1], self.counts.shape[1])
        return levels_of(self.thresholds, monotone(self.counts[:, drawn].sum(axis=1)))


def monotone(totals: np.ndarray) -> np.ndarray:
    """Counts (G,) of events at falling thresholds without what makes them fall again.

    The top of one long event is in pieces: they count as what they are at lower thresholds. Far down, events merge
    until all is one: from where there are most, there are as many.
    """
    most = int(np.argmax(totals)) if len(totals) else 0
    return np.minimum.accumulate(np.where(np.arange(len(totals)) <= most, totals, totals.max(initial=0))[::-1])[::-1]


NO_EVENTS = QuietEvents(np.zeros(0), np.zeros((0, BLOCKS), np.int64), 0.0)


def levels_of(thresholds: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Levels (J,) of events from their totals (G,) below thresholds (G,), highest first."""
    reached = np.arange(1, totals[-1] + 1) if len(totals) else np.zeros(0, int)
    return thresholds[np.searchsorted(totals, reached)]


def count_events(levels: np.ndarray, starts_at: StartsAt, cadence_s: float) -> QuietEvents:
    """Count the events of quiet frames at thresholds that fall until there are enough, or every other frame is above.

    levels: (N,) float32 that the frames reach; those of 0 give no event. Raises ValueError without any frame.
    """
    if not len(levels):
        raise ValueError("not one quiet validation frame has a score; use more validation windows")
    edges, span_s = np.linspace(0, len(levels), BLOCKS + 1), len(levels) * cadence_s
    enough = max(ENOUGH, ENOUGH_PER_HOUR * span_s / HOUR_S)
    upper = np.sort(levels)[len(levels) // 2 :]
    distinct = np.unique(upper[upper > 0])[::-1]
    counts: dict[int, np.ndarray] = {}  # by the place of the threshold among the distinct levels

    def count(place: int) -> int:
        # Scores are compared in single precision: the next number below this level.
        starts = starts_at(float(np.nextafter(distinct[place], np.float32(0))), levels)
        counts[place] = np.histogram(starts, edges)[0]
        return int(counts[place].sum())

    for place in places(len(distinct)):
        if count(place) >= enough:
            break
    while len(counts) < MOST_THRESHOLDS and (between := unresolved(counts)) is not None:
        count(between)
    chosen = sorted(counts)
    rows = np.array([counts[place] for place in chosen], np.int64).reshape(-1, BLOCKS)
    return QuietEvents(distinct[chosen].astype(np.float64), rows, span_s)


def unresolved(counts: dict[int, np.ndarray]) -> int | None:
    """A place between two thresholds that differ by more events than they may; None where there is none."""
    chosen = sorted(counts)
    totals = monotone(np.array([counts[place].sum() for place in chosen]))
    jumps = np.diff(totals) > np.maximum(1, LARGEST_STEP * totals[:-1])
    at = np.flatnonzero(jumps & (np.diff(chosen) > 1))
    return (chosen[at[0]] + chosen[at[0] + 1]) // 2 if len(at) else None


def not_so_quiet(levels: np.ndarray, cadence_s: float, reach: int) -> np.ndarray:
    """Which of the quiet frames (N,) were not so quiet: those of episodes that stand out from all others.

    What lies within `reach` frames of each other is one episode: a flare with all that it does. In minutes of data
    there are too few that are so far apart, so nearer ones count, until there are OTHERS_EACH others for one.
    Of at most MOST_OUTLIERS, the largest number of which even the lowest lies where the tail of the others, OTHERS_EACH
    or more for each, expects one in RARE_SPANS such spans only; in at most MOST_SHARE of the frames. Those around them
    go too, as far as this leaves out at most MOST_LEFT_OUT: none of them is higher than the others, and minutes of data
    have no more to spare. What happens more often is usual, however high. levels: (N,) float32.
    """
    episodes, reach = _episodes(levels, cadence_s, reach)
    for count in range(min(MOST_OUTLIERS, len(episodes) // (OTHERS_EACH + 1)), 0, -1):
        others = episodes[count:]
        standing_out = levels > others[0]
        if standing_out.mean() <= MOST_SHARE and episodes[count - 1] > level_for(others, 1 / RARE_SPANS):
            return _widened(standing_out, reach, MOST_LEFT_OUT)
    return np.zeros(len(levels), bool)


def beside_each_other(levels: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Levels (N,) with those of each copy of a scorer brought down to what the copies' are like in the middle.

    The copy that judges an episode was fitted without it and the others with it, so that all of its frames are high
    beside theirs, and what is higher than the others is more than may stand out. None is brought up: what is usual in a
    busy hour stands out in no calm one. copies: (N,) numbers of the copies that judged the frames.
    """
    names, whose = np.unique(copies, return_inverse=True)
    usual = np.array([np.median(levels[whose == k]) for k in range(len(names))], np.float32)
    middle = np.median(usual)
    return levels * np.divide(middle, usual, out=np.ones_like(usual), where=usual > middle)[whose]


def faulty(levels: np.ndarray, cadence_s: float, reach: int) -> np.ndarray:
    """The same of a series (N,), which may be a table that nobody has looked through, with several faults in it.

    The largest hide smaller ones: with up to MOST_HIDING of the highest taken away, each that lies beyond the tail of
    the others is one; with more taken away, all of them must. The tail knows that it lacks so many. It is of what all
    the rest reaches, see `_usual_heights`: where scores are smooth there are hardly more episodes than faults. And it
    is how often an episode comes that makes it usual, not how long it lasts: a fault shows a window before and behind
    itself, and a table may be short. So at most FAULTY_SHARE stand out, FAULTY_LEFT_OUT with what is around them.
    """
    episodes, reach = _episodes(levels, cadence_s, reach)
    most = max(min(MOST_HIDING, len(episodes) - 1), min(MOST_OUTLIERS, len(episodes) // (OTHERS_EACH + 1)))
    for count, others in zip(range(most, 0, -1), _usual_heights(levels, episodes[most:0:-1], reach), strict=True):
        if len(others) < OTHERS_EACH * max(count, 2):
            continue
        limit = level_for(others, 1 / (FAULTY_SPANS * (count + 1)))
        found = np.count_nonzero(episodes[:count] > limit)
        standing_out = levels > episodes[found]
        if found >= (1 if count <= MOST_HIDING else count) and standing_out.mean() <= FAULTY_SHARE:
            return _widened(standing_out, reach, FAULTY_LEFT_OUT)
    return np.zeros(len(levels), bool)


def _usual_heights(levels: np.ndarray, limits: np.ndarray, reach: int) -> Iterator[np.ndarray]:
    """For each limit the highest levels (J,) of stretches of `reach` frames, highest first, beside what exceeds it.

    That lasts as long as its levels (N,) are above what most frames reach, and `reach` more on both sides: the slopes
    of an episode are not what is usual.
    """
    heights = np.maximum.reduceat(levels, np.arange(0, len(levels), reach))
    high = levels > np.quantile(levels, 1 - FAULTY_SHARE)
    edges = np.flatnonzero(np.diff(high, prepend=False, append=False))
    first, last = edges[::2], edges[1::2] - 1
    tops = np.maximum.reduceat(levels, first)
    for limit in limits:
        around = np.zeros(len(heights) + 1, np.int64)
        np.add.at(around, np.maximum(first[tops > limit] // reach - 1, 0), 1)
        np.add.at(around, np.minimum(last[tops > limit] // reach + 2, len(heights)), -1)
        yield np.sort(heights[np.cumsum(around[:-1]) == 0])[::-1]


def _episodes(levels: np.ndarray, cadence_s: float, reach: int) -> tuple[np.ndarray, int]:
    """Levels (J,) of episodes, highest first, and the reach by which they are told apart: less where they are few."""
    found = count_events(levels, lambda threshold, _: run_starts(levels, threshold, reach, 1), cadence_s).levels
    return (found, reach) if len(found) > OTHERS_EACH or reach <= 1 else _episodes(levels, cadence_s, reach // 2)


def _widened(standing_out: np.ndarray, reach: int, most: float) -> np.ndarray:
    """The frames (N,), and as many of those within `reach` of them as leave out no larger share."""
    for around in range(reach, 0, -1):
        if (wider := binary_dilation(standing_out, iterations=around)).mean() <= most:
            return wider
    return standing_out


def places(count: int) -> list[int]:
    """Places below `count`, ever farther apart, and the last."""
    found, place = [], 0
    while place < count:
        found.append(place)
        place = max(place + 1, int(RATIO * place))
    return sorted({*found, count - 1} - {-1})


def run_starts(scores: np.ndarray, threshold: float, max_gap: int, min_samples: int) -> np.ndarray:
    """First samples of the events of a series: runs of scores (n,) above a threshold over gaps of at most `max_gap`.

    As an EventLinker links them. Runs of fewer than `min_samples` samples above it are none.
    """
    above = np.flatnonzero(scores > threshold)
    first = np.flatnonzero(np.diff(above, prepend=-np.inf) > max_gap + 1)
    lengths = np.diff(first, append=len(above))
    return above[first[lengths >= min_samples]]


def starts_in(stretches: Sequence[np.ndarray], max_gap: int, min_samples: int) -> StartsAt:
    """What tells the events of stretches of series, each (n, K): of every column its own, linked as by `run_starts`."""
    offsets = np.cumsum([0, *map(len, stretches)])
    return partial(_starts, stretches, offsets, max_gap, min_samples)


def _starts(
    stretches: Sequence[np.ndarray],
    offsets: np.ndarray,
    max_gap: int,
    min_samples: int,
    threshold: float,
    levels: np.ndarray,
) -> np.ndarray:
    """Levels (N,) are 0 where samples are left out."""
    starts = [
        first + run_starts(np.where(levels[first:stop] > 0, column, 0), threshold, max_gap, min_samples)
        for (first, stop), stretch in zip(pairwise(offsets), stretches, strict=True)
        for column in stretch.T
    ]
    return np.concatenate(starts)
