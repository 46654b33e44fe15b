"""What a threshold promises of new data: so many false events a day.

Down to one event in the span of the quiet data it is counted; beyond, a tail that is fitted to the levels of events
goes on from there, but no farther than EXTRAPOLATION: what is rarer than that, quiet data do not support, and the
promise becomes the lowest rate that they do.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from data.messages import amount
from inference.calibration.quiet.events import LARGEST_STEP, NO_EVENTS, QuietEvents
from inference.calibration.tail import EXTRAPOLATION, events_above
from inference.units import DAY_S, HOUR_S

RESAMPLES, CONFIDENCE = 400, 0.95
LEAST_EXTENSION = 0.5  # of a threshold: where quiet frames hold no motion, hardly any is not the event's
NEAR = 1.1  # times the rate that was asked for: no quiet data tell such rates apart
NOTHING_SEEN = 1.0  # unit of the score: the threshold where quiet data score 0 throughout


@dataclass(frozen=True)
class Promise:
    """A threshold and the false events a day that it stands for.

    asked: by the settings. supported: the lowest rate that the quiet data bear. used: the rate that the threshold is
    for. interval: in which the true rate lies, with CONFIDENCE.
    """

    threshold: float
    asked: float
    supported: float
    used: float
    interval: tuple[float, float]


def promised(quiet: QuietEvents, per_day: float) -> Promise:
    """The threshold for so many false events a day, or for the fewest that quiet data support, or the most they give.

    The most, because events merge: an hour of smooth scores holds so many rises, and no threshold makes more of them.
    Where many events have one level, as of values in coarse steps, the rate is that of the fewer above it. Where quiet
    data score 0 throughout, as noise does that lies below the steps of a picture's grey levels, any score would pass
    what they reach: the threshold is one unit of the score, that of the noise or of what is usual.
    """
    days = quiet.span_s / DAY_S
    supported = DAY_S / (EXTRAPOLATION * quiet.worth_s)
    most = (len(quiet.levels) + quiet.apart) / days
    used = min(max(per_day, supported), max(most, supported))
    threshold = quiet.threshold_for(used) or NOTHING_SEEN
    above, tied = np.count_nonzero(quiet.levels > threshold), np.count_nonzero(quiet.levels == threshold)
    if tied > max(1, LARGEST_STEP * above):  # fewer are of thresholds that were not looked at
        used = min(used, (max(above, 1) + quiet.apart) / days)
    return Promise(threshold, per_day, supported, used, rate_interval(quiet, threshold))


def rate_interval(quiet: QuietEvents, threshold: float) -> tuple[float, float]:
    """In which the true rate of events a day above a threshold lies, with CONFIDENCE: bootstrap over blocks of time.

    At least as wide as the exact interval of a Poisson count (Garwood 1936) of the events that were seen above it: no
    block says anything of what none of them holds. It ends where it would were all usual that was taken for faults.
    """
    if threshold not in quiet.intervals:
        quiet.intervals[threshold] = _rate_interval(quiet, threshold)
    return quiet.intervals[threshold]


def _rate_interval(quiet: QuietEvents, threshold: float) -> tuple[float, float]:
    days, rng = quiet.span_s / DAY_S, np.random.default_rng(0)
    rates = [events_above(quiet.resampled(rng), threshold) for _ in range(RESAMPLES)]
    low, high = np.quantile(rates, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    seen = quiet.at_least(threshold)
    exact = poisson_interval(seen)[0], poisson_interval(seen + quiet.apart)[1]
    return float(min(low, exact[0]) / days), float(max(high + quiet.apart, exact[1]) / days)


def poisson_interval(count: int) -> tuple[float, float]:
    """The exact interval of the expectation of a Poisson count, with CONFIDENCE (Garwood 1936).

    Half a quantile of chi squared with 2 n degrees of freedom is one of the gamma distribution of shape n.
    """
    low, high = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    return float(gammaincinv(count, low)) if count else 0.0, float(gammaincinv(count + 1, high))


def extension_level(threshold: float, levels: np.ndarray, share: float, known: QuietEvents = NO_EVENTS) -> float:
    """Where an event begins and ends that passes a threshold: at the level that a share of quiet frames reach, by their
    levels (N,), but not below LEAST_EXTENSION of the threshold. At the threshold itself where no share is asked for.

    known: with a prior, its unit has a say in that level: one event of seconds is more than such a share of them.
    """
    if not share or not len(levels):
        return threshold
    reached = float(np.quantile(levels, 1 - share))
    if known.prior and known.span_s and not known.prior.is_beyond:
        reached = known.prior.joined(reached, known.span_s / known.prior.unit_s, known.span_s)
    return min(threshold, max(reached, LEAST_EXTENSION * threshold))


def shortfall(promise: Promise, events: QuietEvents) -> str:
    """What is to be told where a threshold is not for the rate that was asked for, with the way out; empty else."""
    if promise.asked <= promise.used <= NEAR * promise.asked:
        return ""
    if promise.used < promise.asked:
        return (
            f"no threshold gives {often(promise.asked)} in quiet data; the thresholds are for "
            f"{often(promise.used)}, the most below that there can be"
        )
    needed_s = DAY_S / (EXTRAPOLATION * promise.asked) - events.worth_s + events.span_s
    return (
        f"{duration(events.span_s)} of quiet data support {often(promise.supported)} at best, and the settings ask for "
        f"{often(promise.asked)}: the thresholds are for {often(promise.used)}. {duration(needed_s)} of quiet data "
        "that the model was not fitted on would do; or give eval.threshold_low and eval.threshold_high"
    )


def if_usual(promise: Promise, events: QuietEvents) -> str:
    """Where more was taken for faults than may come: what comes if it is usual, for nothing in the data tells."""
    allowed = promise.used * events.span_s / DAY_S
    if (expected := events.apart + min(allowed, 1.0)) <= allowed or not events.apart:
        return ""
    return (
        f"{amount(events.apart, 'episode')} of the quiet data stood out, set apart as faults. If such things are usual "
        f"here, expect {often(expected * DAY_S / events.span_s)} instead of "
        f"{often(promise.used)}: then train on more data, for what comes more than ten times is taken for usual"
    )


def often(per_day: float) -> str:
    """A rate of false alarms in words."""
    if per_day >= DAY_S / HOUR_S:
        return amount(per_day * HOUR_S / DAY_S, "false alarm", ".3g") + " an hour"
    return amount(per_day, "false alarm", ".3g") + " a day"


def duration(seconds: float) -> str:
    """A time span in words, in the largest unit of which it holds at least two."""
    for unit_s, unit in ((DAY_S, "day"), (HOUR_S, "hour"), (60.0, "minute")):
        if seconds >= 2 * unit_s:
            return amount(seconds / unit_s, unit, ".3g")
    return amount(seconds, "second", ".3g")
