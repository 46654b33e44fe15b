"""`eval --follow` of a series: a table that grows, rows on standard input, or the metrics of a service.

Every sample gets the score that `eval` would give it, as soon as what that depends on has come: `looks_ahead_samples`
later. In `<run>/follow/<name>/` lie events.jsonl and summary.json as of a video, and state.npz, from which whoever
starts again goes on.
"""

import json
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from config import Config
from data.disk.damage import arrays_of
from data.disk.files import write_json
from data.disk.sealing import write_arrays
from data.live.series.kept_samples import KeptSamples
from data.live.series.row_sources import row_source
from data.live.series.samples import Sampling, SeriesForm
from data.messages import logger
from data.reel.scaled import going_across
from inference.alarms.alarm_log import AlarmLog
from inference.alarms.album import NoAlbum
from inference.alarms.destinations import destination_of
from inference.calibration.drift import memory_of
from inference.calibration.quiet.ranges import quiet_ranges
from inference.follow.events import thresholds_of
from inference.follow.frames import name_for
from inference.follow.records import now_utc
from inference.follow.series.events import SeriesEvents
from inference.follow.series.intake import AWAY, SeriesRows
from inference.follow.series.scores import SeriesScores, checked_reach, patience_of
from inference.follow.stream import POLL_S, STATUS_S, Desk, about_of, check_score, results_in, serial_of
from inference.job import Job, find_run, make_job
from inference.scorers.load import load_scorer

log = logger(__name__)

STATE = "state.npz"


def follow_series(config: Config, desk: Desk) -> Path:
    """Watch `eval.follow` until it ends, is idle for `eval.follow_idle_s`, or an interrupt; returns the folder.

    Raises ValueError for a model that can't follow a series, OSError where not one row came.
    """
    (address,), settings = config.eval.follow, replace(config.eval, follow=(), follow_options={})
    check_score(settings)
    run = find_run(config)
    with desk.starting:
        scorer, checkpoint = load_scorer(run, config.device, settings)
        reach = checked_reach(scorer, settings)
        destinations = [destination_of(where) for where in settings.follow_alarms]
        trained_on = going_across(quiet_ranges(run)[0].reel, checkpoint["data"])
    form = SeriesForm.of(trained_on, config.prep)
    source = row_source(address, form.rows, settings.follow_poll_s, form.cadence_s)
    folder = run / "follow" / name_for(config)
    with closing(source), results_in(folder, settings, destinations) as (records, outboxes):
        kept = KeptSamples(folder.name, folder, form)
        with desk.starting:
            job = make_job(kept.as_reel(), run, scorer, checkpoint["sha256"], settings)
        rows = SeriesRows(source, Sampling(form, patience_of(reach)), kept, records)
        scores = SeriesScores(job, kept, reach)
        following = Following(rows, scores, AlarmLog(records, outboxes, NoAlbum(), ""), folder / STATE)
        following.go_on()
        about = about_of(job, address, None, trained_on.cadence_s) | following.about()
        following.watch(about | {"source": source.told}, desk)
    return folder


class Following:
    """The loop over what comes; writes everything."""

    def __init__(self, rows: SeriesRows, scores: SeriesScores, alarms: AlarmLog, state: Path):
        self.rows, self.scores, self.log, self.path = rows, scores, alarms, state
        self.events: SeriesEvents | None = None  # once the time of the first sample is known
        self.scored, self.restored = 0, 0
        self.delay_s = self.longest_delay_s = 0.0
        self.kept_events: dict[str, Any] | None = None
        self.began = time.monotonic()

    @property
    def job(self) -> Job:
        return self.scores.job

    def about(self) -> dict[str, Any]:
        ahead = self.scores.looks_ahead
        return {
            "goes_on_at": self.scores.judged,
            "looks_ahead_samples": ahead,
            "looks_ahead_s": round(ahead * self.rows.kept.cadence_s, 6),
        }

    def watch(self, about: dict[str, Any], desk: Desk) -> None:
        """Until the source is over or idle, or an interrupt; then a summary."""
        about = about | {"follow_memory_s": memory_of(self.job.calibration, self.job.settings)}
        log.info(
            f"{about['source']}: each sample is judged once {about['looks_ahead_samples']} more have come, "
            f"{about['looks_ahead_s']:g} s later"
        )
        self.log.write("started", about)
        done = threading.Event()
        desk.board.show(self.log.folder.name, self.health)
        teller = threading.Thread(target=self._tell_status, args=(done,), daemon=True)
        teller.start()
        try:
            reason = self._until_over(desk)
            if reason != "interrupted":  # whose events are still open when it goes on
                self.rows.finish()
                self._judge()
                if self.events:
                    self.events.finish()
        finally:
            done.set()
            teller.join()
        self._sum_up(about, reason)
        if not self.rows.read and not self.restored and reason != "interrupted":
            raise OSError(f"no row came from {self.rows.source.told}: {self.rows.source.problem or reason}")

    def _until_over(self, desk: Desk) -> str:
        """Take what comes; returns why it ended."""
        source, alive = self.rows.source, time.monotonic()
        idle_s = self.job.settings.follow_idle_s
        while not desk.interrupt.requested:
            if (rows := source.poll()) is not None:
                alive = time.monotonic()
                self.rows.take(rows)
                self._judge()
                self._keep()
            elif source.is_over:
                return f"{source.told} ended"
            elif idle_s is not None and time.monotonic() - alive > idle_s:
                return f"no new row for {idle_s:g} s (eval.follow_idle_s)"
            else:
                self._rest_until(time.monotonic() + min(source.poll_s, idle_s or source.poll_s), desk)
        return "interrupted"

    def _rest_until(self, due: float, desk: Desk) -> None:
        while (left := due - time.monotonic()) > 0 and not desk.interrupt.requested:
            time.sleep(min(left, POLL_S))

    def _judge(self) -> None:
        if self.events is None and self.rows.sampling.first is not None:
            self._begin()
        for found in self.scores.new(time.monotonic()):
            assert self.events is not None  # there is a sample
            self.events.take(found)
            self.scored += len(found.scores)
            self.delay_s = float(found.ages_s[-1])
            self.longest_delay_s = max(self.longest_delay_s, float(found.ages_s.max()))

    def _begin(self) -> None:
        """The time of the first sample is known."""
        sampling = self.rows.sampling
        has_utc = sampling.form.has_utc and sampling.first is not None
        start = np.datetime64(round(sampling.first or 0.0), "ms") if has_utc else None
        self.log.serial = serial_of(self.job, str(start))
        self.events = SeriesEvents(self.job, self.log, start)
        if self.kept_events is not None:
            self.events.restore(self.kept_events)

    # What is kept

    def _keep(self) -> None:
        facts = {
            "judged": self.scores.judged,
            "position": self.rows.source.position(),
            "left_out": dict(self.rows.left_out),
            "read": self.rows.read,
            "channels": self.rows.kept.channels,
            "events": self.events.state() if self.events else None,
        }
        text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        write_arrays(
            self.path, facts=text, **self.rows.sampling.state(), **self.rows.clock.state(), **self.rows.kept.state()
        )

    def go_on(self) -> None:
        """From where it stopped the last time. Raises Damaged, and ValueError for another series' state."""
        if not self.path.is_file():
            return
        with arrays_of(self.path, AWAY) as saved:
            facts = json.loads(saved["facts"].tobytes())
            if facts["channels"] != self.rows.kept.channels:
                raise ValueError(f"it is of {', '.join(facts['channels'][:5])}")
            self.rows.sampling.restore(saved)
            self.rows.clock.restore(saved)
            self.rows.kept.restore(saved, time.monotonic())
            self.rows.left_out, self.rows.read = Counter(facts["left_out"]), facts["read"]
            self.scores.judged = self.restored = facts["judged"]
            self.kept_events = facts["events"]
            self.rows.source.go_to(facts["position"])
            if self.rows.sampling.first is not None:
                self._begin()

    # What is told

    def health(self) -> dict[str, Any]:
        seconds, events = max(time.monotonic() - self.began, 1e-9), self.events
        return {
            **self.rows.counts(),
            "samples_scored": self.scored,
            "samples_waiting": self.rows.kept.end - self.scores.judged,
            "problem": self.rows.source.problem or None,
            "restarts": self.rows.source.restarts,
            "delay_s": round(self.delay_s, 3),
            "longest_delay_s": round(self.longest_delay_s, 3),
            "samples_per_s": round(self.scored / seconds, 2),
            "events": events.count if events else 0,
            "events_opened": events.opened if events else 0,
            "events_open": len(set(events.numbers.values())) if events else 0,
            **(thresholds_of(events.drift) if events else {}),
            **self.log.health(),
        }

    def _tell_status(self, done: threading.Event) -> None:
        while not done.wait(STATUS_S):
            self.log.write("status", self.health(), keep=False)

    def _sum_up(self, about: dict[str, Any], reason: str) -> None:
        ended = {"reason": reason} | self.health()
        self.log.write("ended", ended)
        counts = {"events": self.events.count, "events_high": self.events.high} if self.events else {}
        more = {"left_out": dict(self.rows.left_out), "ended_utc": now_utc(), "identity": self.job.identity}
        write_json(self.log.folder / "summary.json", about | ended | counts | more)
