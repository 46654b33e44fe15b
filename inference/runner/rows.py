"""Rows of a series as they come -> records of events with a bundle, as `eval --follow` tells them."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from data.live.live_source import name_of
from data.live.series.kept_samples import KeptSamples
from data.live.series.row_form import Rows
from data.live.series.row_sources import STDIN, RowSource, row_source
from data.live.series.samples import Sampling, SeriesForm
from data.messages import amount, logger
from inference.follow.series.events import SeriesEvents
from inference.follow.series.intake import SeriesRows
from inference.follow.series.scores import SeriesScores, checked_reach, patience_of
from inference.job import Job
from inference.runner.told import Told

log = logger(__name__)

POLL_S = 0.1  # from one look at a table to the next


def records_of_rows(
    address: str, form: SeriesForm, job_of: Callable[[Any], Job], scorer: Any, timeout_s: float
) -> Iterator[dict[str, Any]]:
    """Records of a table that grows, of `-`, standard input, or of a page of metrics, until it ends.

    job_of: what makes a job of a reel. timeout_s: a file that does not grow for so long has ended. Raises
    OSError where not one row came, ValueError for what is no table that can be followed.
    """
    name = "stdin" if address == STDIN else name_of(address)
    told, idle_s = Told(name), timeout_s if Path(address).is_file() else math.inf
    with closing(row_source(address, form.rows, POLL_S, form.cadence_s)) as source:
        kept = KeptSamples(name, Path(name), form)
        job = job_of(kept.as_reel())
        job.tell_shortfall()
        reach = checked_reach(scorer, job.settings)
        rows = SeriesRows(source, Sampling(form, patience_of(reach)), kept, told)
        judging = Judging(rows, SeriesScores(job, kept, reach), told)
        for arrived in arriving(source, idle_s):
            rows.take(arrived)
            judging.go_on()
            yield from told.taken()
        rows.finish()
        judging.end()
        yield from told.taken()
        if not rows.read:
            raise OSError(f"no row came from {source.told}: {source.problem or 'it ended'}")
        if lost := sum(rows.left_out.values()):
            log.warning(f"{source.told}: {amount(lost, 'row')} of {rows.read} were left out, see records left_out")


def arriving(source: RowSource, idle_s: float) -> Iterator[Rows]:
    """What comes of a source, until it is over, or nothing came for `idle_s`."""
    alive = time.monotonic()
    while True:
        if (rows := source.poll()) is not None:
            alive = time.monotonic()
            yield rows
        elif source.is_over or time.monotonic() - alive > idle_s:
            return
        else:
            time.sleep(min(source.poll_s, POLL_S))


class Judging:
    """Events of the samples that can be scored by now."""

    def __init__(self, rows: SeriesRows, scores: SeriesScores, told: Told):
        self.rows, self.scores, self.told = rows, scores, told
        self.events: SeriesEvents | None = None  # once the time of the first sample is known

    def go_on(self) -> None:
        first = self.rows.sampling.first
        if self.events is None and first is not None:
            start = np.datetime64(round(first), "ms") if self.rows.sampling.form.has_utc else None
            self.events = SeriesEvents(self.scores.job, self.told, start)
        for found in self.scores.new(time.monotonic()):
            assert self.events is not None  # there is a sample
            self.events.take(found)

    def end(self) -> None:
        """The rest, and events that are open yet."""
        self.go_on()
        if self.events:
            self.events.finish()
