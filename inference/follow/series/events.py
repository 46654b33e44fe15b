"""Events of a series while it grows, with the variables that stand out."""

import math
from typing import Any

import numpy as np

from inference.events.boxes import Box, pixel_boxes
from inference.events.events import Event
from inference.events.facts import Named
from inference.follow.events import thresholds_of
from inference.follow.resumed_events import ResumedEvents
from inference.follow.series.drift import SeriesDrift
from inference.follow.series.scores import Scored
from inference.job import Job
from inference.results.collected import shares_of
from inference.units import DAY_S

NO_PIXELS = np.zeros((1, 1), bool)


class SeriesEvents(ResumedEvents):
    """As `ResumedEvents`, from scored samples. A record names the variables of an event as events.csv does.

    A new level of the series is told by a record of its own kind, and again once it is twice as high, or after a day.
    """

    drift: SeriesDrift

    def __init__(self, job, log, start_utc):
        super().__init__(job, log, start_utc)
        self.variables: dict[int, list[Named]] = {}  # by sample with a box
        self.told_s, self.told_low = -math.inf, 0.0  # when a new level was told, and the low threshold then

    def drift_of(self, job: Job) -> SeriesDrift:
        return SeriesDrift.of_job(job)

    def take(self, scored: Scored) -> None:
        """Judge samples one by one: the thresholds in force go with those before."""
        each = self.job.settings.combine == "each"
        times, scores = scored.times_s.tolist(), scored.scores.tolist()
        for i, (time_s, score, known) in enumerate(zip(times, scores, scored.known.tolist(), strict=True)):
            if score != score:  # in a stretch that is shorter than a window
                continue
            boxes: list[Box] = []
            if score > self.drift.low:
                pixels = scored.parts[i][None] if each else scored.scores[i][None, None]
                places = bool(scored.placed[i] > self.drift.low)
                boxes = pixel_boxes(pixels, self.drift.low, self.drift.high, places)
                self._name(scored.first + i, scored.parts[i])
            if self.drift.spares(score):
                self._tell_new_level(scored.first + i, time_s)
            if boxes or self.linker._open:
                self.add(scored.first + i, boxes, 0.0, time_s)
            if known:
                self.drift.add(time_s, scored.scores[i][None, None], NO_PIXELS, bool(boxes), self.job.settings)

    def _tell_new_level(self, sample: int, time_s: float) -> None:
        if time_s - self.told_s >= DAY_S or self.drift.low >= 2 * self.told_low:
            self.told_s, self.told_low = time_s, self.drift.low
            when = {"t": self._utc(time_s), "time_s": round(time_s, 6), "frame": sample}
            self.log.write("new_level", when | thresholds_of(self.drift))

    def _name(self, sample: int, parts: np.ndarray) -> None:
        channels = self.job.reel.channels
        if len(parts) == len(channels) and self.job.settings.combine != "each":
            self.variables[sample] = shares_of(channels, parts)
        if len(self.variables) > 2 * len(self.moments) + 64:  # the others will not be told of
            self.variables = {n: named for n, named in self.variables.items() if n in self.moments or n == sample}

    def named(self, event: Event) -> list[Named]:
        if self.job.settings.combine == "each":
            return [Named(self.job.reel.channels[round(event.x)], 1.0)]
        return self.variables.get(event.frame_peak, [])

    def so_far(self, track) -> dict[str, Any]:
        """The variables at the peak so far."""
        named = self.named(track.event())
        return {"variables": "; ".join(n.variable for n in named), "shares": "; ".join(f"{n.share:.2f}" for n in named)}

    def state(self) -> dict[str, Any]:
        facts = super().state()
        wanted = {frame for frame, *_ in facts["frames"]}
        kept = {n: named for n, named in self.variables.items() if n in wanted}
        told = [] if self.told_s == -math.inf else [self.told_s, self.told_low]
        return facts | {
            "new_level_told": told,
            "variables": [[n, [list(one) for one in named]] for n, named in kept.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.told_s, self.told_low = state.get("new_level_told") or (-math.inf, 0.0)
        self.variables = {n: [Named(*one) for one in named] for n, named in state["variables"]}
        super().restore(state)
