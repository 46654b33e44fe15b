"""Rows of a series as they come, made samples; what is left out of them, and what is odd about their times."""

import time
from collections import Counter
from typing import Any

import numpy as np

from data.live.growing.clock import Clock
from data.live.series.kept_samples import KeptSamples
from data.live.series.row_form import Rows
from data.live.series.row_sources import RowSource
from data.live.series.samples import LATE, Sampling
from data.messages import logger
from data.reel.cadence import are_alike
from inference.follow.records import Records

log = logger(__name__)

AWAY = "move its folder away to begin anew"
TOLD_EACH = 5  # rows of one reason that are told one by one
MOST_REASONS = 50  # that are counted apart
MANY_LATE = 10  # rows one after the other: not some that came late, but a clock that was set back
STEPS_LOOKED_AT = 20  # by which the cadence of what comes is told


class SeriesRows:
    """Rows of a source, taken into `kept`; those that are left out are counted by their reasons, and the first told."""

    def __init__(self, source: RowSource, sampling: Sampling, kept: KeptSamples, records: Records):
        self.source, self.sampling, self.kept, self.records = source, sampling, kept, records
        self.clock = Clock(sampling.form)
        self.late_rows, self.restarts_known = 0, 0  # one after the other; of the source, at the last good row
        self.read, self.left_out = 0, Counter[str]()
        self.steps: list[float] = []

    def take(self, rows: Rows) -> None:
        self._take(self.clock.take(rows))

    def _take(self, rows: Rows) -> None:
        samples, reasons = self.sampling.add(rows)
        self.read += len(rows)
        for where, reason in zip(rows.where[reasons != ""], reasons[reasons != ""], strict=True):
            self._left_out(where, reason)
        self._look_at_cadence(samples.time_s)
        self._look_at_late(reasons)
        self.kept.append(samples, time.monotonic())

    def _left_out(self, where: str, reason: str) -> None:
        known = reason if reason in self.left_out or len(self.left_out) < MOST_REASONS else "other reasons"
        self.left_out[known] += 1
        if self.left_out[known] <= TOLD_EACH:
            self.records.write("left_out", {"source": where, "reason": reason})

    def _look_at_cadence(self, times_s: np.ndarray) -> None:
        """Tell once where samples come at another cadence than they are taken for."""
        if len(self.steps) >= STEPS_LOOKED_AT:
            return
        self.steps = [*self.steps, *np.diff(times_s).tolist()][:STEPS_LOOKED_AT]
        typical = float(np.median(self.steps)) if len(self.steps) == STEPS_LOOKED_AT else self.kept.cadence_s
        if not are_alike(typical, self.kept.cadence_s):
            log.warning(
                f"{self.source.told}: a sample every {typical:g} s, and the model was trained on one every "
                f"{self.kept.cadence_s:g} s: gaps and rates are told by the latter; prep.resample_sec makes them so"
            )

    def _look_at_late(self, reasons: np.ndarray) -> None:
        """Tell of a clock that was set back; rows of a file that is written anew are late too."""
        before = self.late_rows
        good = np.flatnonzero(reasons == "")
        if len(good):
            before, self.late_rows, self.restarts_known = 0, 0, self.source.restarts
        self.late_rows += int((reasons[good[-1] + 1 if len(good) else 0 :] == LATE).sum())
        if before < MANY_LATE <= self.late_rows and self.source.restarts == self.restarts_known:
            newest = np.datetime64(round(1000 * self.clock.newest), "ms") if self.clock.form.has_utc else ""
            log.warning(
                f"{self.source.told}: the last {self.late_rows} rows are earlier than those before, as of a clock that "
                f"was set back; they are left out until it has passed {newest or f'{self.clock.newest:g} s'} again. If "
                f"it had been ahead, stop this and {AWAY}"
            )

    def finish(self) -> None:
        """All that would still come at an end."""
        if (rows := self.source.rest()) is not None:
            self.take(rows)
        self._take(self.clock.finish())
        self.kept.append(self.sampling.finish(), time.monotonic())
        self.kept.is_finished = True

    def counts(self) -> dict[str, Any]:
        return {"rows_read": self.read, "rows_left_out": sum(self.left_out.values())}
