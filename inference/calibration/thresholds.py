"""From residuals to scores, and from the quiet data of a run to the thresholds of its events: see `promise`."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from scipy.ndimage import uniform_filter1d

from config import EvalConfig
from inference.calibration.noise import NoiseModel
from inference.calibration.promise import Promise, extension_level, if_usual, promised, shortfall
from inference.calibration.quiet.events import (
    NO_EVENTS,
    QuietEvents,
    StartsAt,
    beside_each_other,
    count_events,
    faulty,
    not_so_quiet,
    starts_in,
)
from inference.calibration.surprises import Surprises
from inference.events.events import gap_frames
from inference.scorers.nets.residual import Samples
from inference.zones import with_own_rate

HIGH_SHARE = 0.1  # of the allowed false alarms pass the high threshold
# How the scores (n, K) of a series' variables become one.
COMBINE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda parts: parts.mean(axis=1),
    "max": lambda parts: parts.max(axis=1),
    "rms": lambda parts: np.sqrt(np.square(parts).mean(axis=1)),
}


@dataclass(frozen=True)
class Calibration:
    """Quiet noise, the levels (N,) float32 that quiet frames reach, and the events that they give.

    left_out: numbers of the frames that were not so quiet; they give no events. surprises: of a series whose scores are
    weighed with plain evidence. watched: (H, W) where events are looked for, see `zones`, 0 where they are not, else by
    how much a score counts; None: everywhere, by 1. zones: the same of each zone that has a rate of its own, which is
    what it watches; levels and events say nothing of those.
    """

    noise: NoiseModel
    levels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    events: QuietEvents = NO_EVENTS
    left_out: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    surprises: Surprises | None = None
    watched: np.ndarray | None = None
    zones: tuple["Calibration", ...] = ()

    @property
    def left_behind(self) -> np.ndarray:
        """Levels (N,) of data that a watched reel may leave slowly: quiet ones, which it is no part of."""
        return self.levels

    def score(self, residual: np.ndarray, settings: EvalConfig) -> np.ndarray:
        """The score map (H, W) of a residual map, or of every variable of a series, as settings.score asks."""
        found = residual if settings.score in ("residual", "mix") else self.noise.standardise(residual)
        if self.watched is None:
            return found
        return np.where(self.watched > 0, found * self.watched.astype(np.float32), np.float32(0))

    def sample_scores(self, samples: Samples, settings: EvalConfig) -> tuple[np.ndarray, np.ndarray]:
        """The scores (n,) of a stretch of a series, NaN unknown, and those of its variables (n, K).

        Smoothed are the scores, or where each variable has its own events, theirs.
        """
        parts = self.score(samples.residual, settings)[:, :, 0]
        if self.surprises is not None and samples.evidence is not None:
            weight, combine = settings.plain_evidence, COMBINE.get(settings.combine, COMBINE["max"])
            parts = self.surprises(parts, samples.evidence, weight, combine)
            if samples.own is not None:
                beside = self.surprises.of_own(samples.own)
                beside = beside if beside.shape == parts.shape else combine(beside)[:, None]
                parts = parts + settings.own_evidence * beside
        if settings.combine == "each":
            parts = np.stack([smoothed(part, settings.smooth_samples) for part in parts.T], axis=1)
            return parts.max(axis=1), parts
        return smoothed(COMBINE[settings.combine](parts), settings.smooth_samples), parts

    def placed_scores(
        self, samples: Samples, scores: np.ndarray, parts: np.ndarray, settings: EvalConfig
    ) -> np.ndarray:
        """Scores (n,) that say where in an event its cause is, from what `sample_scores` gave: by the least of the
        windows instead of their mean, not smoothed. `scores` of a method that has no such, see `Samples.placed`.
        """
        if samples.placed is None:
            return scores
        mean, least = (self.score(residual, settings)[:, :, 0] for residual in (samples.residual, samples.placed))
        if self.surprises is not None and samples.evidence is not None:
            mean, least = self.surprises.of_model(mean), self.surprises.of_model(least)
        return COMBINE.get(settings.combine, COMBINE["max"])(parts + (least - mean))

    def variables(self, samples: Samples, parts: np.ndarray, settings: EvalConfig) -> np.ndarray:
        """What each variable has to do with the scores of a stretch (n, C), from `parts` (n, K) of `sample_scores`.

        Of a method with one score for all: what plain evidence says of each, and of the surprise of the score its share
        of `Samples.variables`, as squares. Without evidence, those, or `parts`.
        """
        named = samples.variables
        if parts.shape[1] > 1 or self.surprises is None or samples.evidence is None:
            return parts if named is None else named
        evident = self.surprises.beside(samples.evidence)
        if named is None:
            return evident
        of_model = self.surprises.of_model(self.score(samples.residual, settings)[:, :, 0])  # (n, 1)
        total = named.sum(axis=1, keepdims=True)
        shares = np.divide(named, total, out=np.zeros_like(named), where=total > 0)
        return np.sqrt(np.square(np.nan_to_num(evident)) + np.square(np.nan_to_num(of_model)) * shares)

    def own_events(self, samples: Samples, settings: EvalConfig) -> np.ndarray:
        """What has events of its own in a stretch, (n, K) float32, 0 unknown: the score, or those of the variables."""
        scores, parts = self.sample_scores(samples, settings)
        return np.nan_to_num(parts if settings.combine == "each" else scores[:, None]).astype(np.float32)

    def promises(self, settings: EvalConfig) -> tuple[Promise, Promise] | None:
        """What the low and the high threshold stand for: the allowed false alarms a day, and a tenth of them.

        None where the settings fix both thresholds.
        """
        if settings.fixed_thresholds:
            return None
        return promised(self.events, allowed := settings.allowed_per_day), promised(self.events, HIGH_SHARE * allowed)

    def facts(self, settings: EvalConfig) -> dict[str, Any]:
        """What summary.json says of the promises: rates are false events a day."""
        if (promises := self.promises(settings)) is None:
            return {}
        kept = {level: asdict(promise) for level, promise in zip(("low", "high"), promises, strict=True)}
        quiet = {"quiet_frames": len(self.levels), "quiet_frames_left_out": len(self.left_out)}
        own = [zone.name for zone in with_own_rate(settings.zones)] if self.zones else []
        of_zones = {n: asdict(promise) for n, promise in zip(own, self.zone_promises(settings), strict=True)}
        told = {"zones": of_zones} if own else {}
        return {"promises_per_day": kept | {"quiet_span_s": self.events.span_s} | quiet | told}

    def weighed(self, settings: EvalConfig) -> "Calibration":
        """The same with scores of zones that have a rate of their own in such a unit that one threshold is for all.

        That is one of thresholds, so of a reel's own cadence: after `at_cadence`. A zone whose quiet frames hold
        nothing has the threshold of all others.
        """
        if not self.zones or settings.fixed_thresholds:
            return self
        low, _ = self.thresholds(settings)
        weights = np.float32(1) if self.watched is None else self.watched.astype(np.float32)
        levels, left_out = self.levels, self.left_out
        for zone, promise in zip(self.zones, self.zone_promises(settings), strict=True):
            assert zone.watched is not None  # see `calibrate.where_watched`
            weight = np.float32(low / promise.threshold) if low > 0 and promise.threshold > 0 else np.float32(1)
            weights = np.where(zone.watched, weights * weight, weights)
            levels = np.maximum(levels, weight * zone.levels)
            left_out = np.union1d(left_out, zone.left_out)
        return replace(self, watched=weights, levels=levels, left_out=left_out)

    def zone_promises(self, settings: EvalConfig) -> list[Promise]:
        """What the low threshold stands for in each zone that has a rate of its own."""
        if not self.zones:
            return []
        per_day = [zone.allowed_per_day for zone in with_own_rate(settings.zones)]
        return [promised(zone.events, allowed) for zone, allowed in zip(self.zones, per_day, strict=True)]

    def at_cadence(self, cadence_s: float) -> "Calibration":
        """The same for a reel of this cadence: a faster one has more frames a day, each of which may be a false alarm.

        A slower one shows some frames of what the quiet data show, and so no more events a day.
        """
        span_s = min(self.events.span_s, len(self.levels) * cadence_s)
        zones = tuple(zone.at_cadence(cadence_s) for zone in self.zones)
        if span_s == self.events.span_s:
            return replace(self, zones=zones)
        prior = self.events.prior and self.events.prior.times(span_s / self.events.span_s)
        return replace(self, events=replace(self.events, span_s=span_s, prior=prior), zones=zones)

    def shortfall(self, settings: EvalConfig) -> str:
        """What is to be told where the thresholds are not for the rate that was asked for, or only if what stood out
        from the quiet data is not usual; empty where they are."""
        if (promises := self.promises(settings)) is None:
            return ""
        own = with_own_rate(settings.zones) if self.zones else []
        told = [shortfall(promises[0], self.events), if_usual(promises[0], self.events)]
        for zone, part, promise in zip(own, self.zones, self.zone_promises(settings), strict=True):
            told += [f"zone {zone.name}: {short}"] if (short := shortfall(promise, part.events)) else []
        return "; ".join(filter(None, told))

    def thresholds(self, settings: EvalConfig) -> tuple[float, float]:
        """(low, high): the fixed ones, or those of the promises."""
        if settings.fixed_thresholds:
            return settings.fixed_thresholds
        promises = self.promises(settings)
        assert promises is not None  # the thresholds are not fixed
        low, high = (promise.threshold for promise in promises)
        return low, max(high, low)

    def extends_to(self, settings: EvalConfig, low: float) -> float:
        """The level down to which an event that passes the low threshold goes on; see `extension_level`."""
        quiet = self.levels.copy()
        quiet[self.left_out] = 0
        return extension_level(low, quiet, settings.extend_share, self.events)


def counted(
    made: Calibration,
    levels: np.ndarray,
    starts_at: StartsAt,
    cadence_s: float,
    reach: int,
    copies: np.ndarray | None = None,
) -> Calibration:
    """A calibration with the levels (N,) float32 of its quiet frames and the events of those that were quiet.

    reach: frames by which what stands out may show beyond itself; see `not_so_quiet`. copies: (N,) which one of the
    scorer has judged them, see `beside_each_other`. A prior of the tail stays.
    """
    judged = levels if copies is None else beside_each_other(levels, copies)
    found = _counted(made, levels, starts_at, cadence_s, not_so_quiet(judged, cadence_s, reach))
    return replace(found, events=replace(found.events, prior=made.events.prior))


def _counted(
    made: Calibration, levels: np.ndarray, starts_at: StartsAt, cadence_s: float, left_out: np.ndarray
) -> Calibration:
    events = count_events(np.where(left_out, np.float32(0), levels), starts_at, cadence_s)
    return replace(made, levels=levels, events=events, left_out=np.flatnonzero(left_out))


def counted_series(
    made: Calibration, stretches: list[np.ndarray], settings: EvalConfig, cadence_s: float, reach: int
) -> Calibration:
    """The same from stretches of `own_events`, of which some may be `faulty`.

    A sample's level is its score, or its variables' highest.
    """
    levels = np.concatenate(stretches).max(axis=1) if stretches else np.zeros(0, np.float32)
    starts_at = starts_in(stretches, gap_frames(settings, cadence_s), settings.min_frames)
    return _counted(made, levels, starts_at, cadence_s, faulty(levels, cadence_s, reach))


def smoothed(scores: np.ndarray, samples: int) -> np.ndarray:
    """Running mean of scores (n,) over so many samples, shorter at the ends; NaN stays where it is."""
    if samples == 1:
        return scores
    known = np.isfinite(scores)
    total = uniform_filter1d(np.where(known, scores, 0.0), samples, mode="constant")
    share = uniform_filter1d(known.astype(np.float64), samples, mode="constant")
    return np.where(known, total / np.maximum(share, 1e-12), np.nan)
