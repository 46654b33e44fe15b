"""`eval --follow`: watch a video while it is made, with a run's best model.

The frames of a growing file or a stream become a `LiveReel`, which the same scorers read as any reel: with nothing
dropped, the scores are those of `eval`. In `<run>/follow/<name>/`:

    events.jsonl  one line when it starts, when an event opens, when it closes, when frames were dropped, and at the end
                  (what was there before is in events.1.jsonl, events.2.jsonl ...)
    summary.json  of the last time it ran: why it ended, what was read, scored and dropped
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from config import Config, ConfigError, EvalConfig, from_dict
from config.registry import SCORES
from data.disk.files import write_json
from data.disk.lock import owned
from data.live.live_reel import Form
from data.live.live_source import LiveSource, told
from data.messages import logger
from data.reel.reel import Reel
from data.sources.times.utc import shift_utc
from inference.alarms.alarm_log import AlarmLog, outboxes_of
from inference.alarms.album import album_of
from inference.alarms.destinations import Destination, destination_of
from inference.alarms.outbox import Outbox
from inference.calibration.quiet.ranges import quiet_ranges
from inference.camera.bounds import kept_bounds
from inference.follow.board import Board
from inference.follow.events import LiveEvents, thresholds_of
from inference.follow.judging import feeding, judge, live_frames, live_reel
from inference.follow.records import JsonLines, now_utc
from inference.job import Job, find_run, make_job
from inference.scorers.base import Scorer, other_cadence
from inference.scorers.load import load_scorer
from training.interrupt import Interrupt
from training.places import path_of

log = logger(__name__)

FOLLOWED = ("residual", "standardised")  # scores that are made window by window, or block by block
STATUS_S = 5.0
POLL_S = 0.1


@dataclass
class Progress:
    """What has been done so far."""

    began: float
    scored: int = 0
    delay_s: float = 0.0
    longest_delay_s: float = 0.0


@dataclass(frozen=True)
class Desk:
    """What streams that are followed together share.

    starting: held by the one that reads the run's files, as it makes those that are missing.
    """

    interrupt: Interrupt
    board: Board
    starting: threading.Lock = field(default_factory=threading.Lock)


def follow(config: Config, desk: Desk) -> Path:
    """Watch `eval.follow` until it ends, stalls for `eval.follow_timeout_s`, or is interrupted; returns the folder.

    What is in a file when following begins is scored whole; of what comes later, and of streams, frames that would wait
    longer than `eval.follow_delay_s` are dropped. Raises OSError when not one frame could be read, ValueError when the
    model can't follow or the stream does not fit it.
    """
    # A window at a time: more would only wait for each other.
    settings = replace(config.eval, batch_size=1, follow=(), follow_options={})
    check_score(settings)
    run = find_run(config)
    with desk.starting:
        scorer, checkpoint = load_scorer(run, config.device, settings)
        check_streams(scorer)
        destinations = [destination_of(where) for where in settings.follow_alarms]
        trained_on = training_reel(run)
        form = Form.of(trained_on, from_dict(checkpoint["config"], str(path_of(run, "best"))))
        source = LiveSource(config.eval, config.prep, form.in_colour)
        reel = live_reel(source, scorer, form, trained_on.meta["gap_threshold"], config.eval)
        scorer.calibration(run, trained_on, settings)  # made now if it is missing, not while frames wait
        kept_bounds(run, trained_on.channels, scorer.scaling)
    with feeding(reel, source), watching(reel, desk.interrupt):
        if not reel.wait_for_first():
            if desk.interrupt.requested:
                raise KeyboardInterrupt
            raise reel.failure or OSError(f"no frame could be read from {told(source.address)}: {source.reason}")
        with desk.starting:
            job = make_job(reel.as_reel(), run, scorer, checkpoint["sha256"], settings)
        if unlike := other_cadence(reel, checkpoint["data"], scorer):
            log.warning(unlike)
        folder = job.run / "follow" / reel.name
        with results_in(folder, settings, destinations) as (records, outboxes):
            about = about_of(job, source.address, start_of(source, config), trained_on.cadence_s)
            start_utc = None if about["start_utc"] is None else np.datetime64(about["start_utc"])
            album = album_of(trained_on, job, reel.cadence_s, config.eval, folder)
            alarms = AlarmLog(records, outboxes, album, serial_of(job, now_utc()))
            watch(LiveEvents(job, alarms, start_utc), reel, source, about, alarms, desk)
    if reel.failure:
        raise reel.failure
    return records.folder


def check_score(settings: EvalConfig) -> None:
    """Raise ConfigError for a score of whole recordings, or a mix with such a part, before any work."""
    parts = settings.mix if settings.score == "mix" else (settings.score,)
    for part in parts:
        if part in SCORES and part not in FOLLOWED:
            way = "leave it out of eval.mix" if settings.score == "mix" else f"choose {' or '.join(FOLLOWED)}"
            raise ConfigError(f"--follow can't score by {part}, which compares latents of a whole recording; {way}")


def check_streams(scorer: Scorer) -> None:
    """Raise ValueError for a method that looks at a recording as a whole."""
    if scorer.no_stream:
        raise ValueError(scorer.no_stream)


def training_reel(run: Path) -> Reel:
    """A reel that the run was trained on, of pictures if there is one, whose form a stream's frames must have."""
    reels = [quiet.reel for quiet in quiet_ranges(run)]
    return next((reel for reel in reels if reel.meta["unit"] == "level"), reels[0])


def start_of(source: LiveSource, config: Config) -> np.datetime64 | None:
    """UTC of second 0: the arrival of a stream's first frame, or prep.start_utc of a file."""
    if not source.is_file:
        return source.first_arrival_utc
    return np.datetime64(shift_utc(config.prep.start_utc, 0.0)) if config.prep.start_utc else None


@contextmanager
def results_in(
    folder: Path, settings: EvalConfig, destinations: Sequence[Destination]
) -> Iterator[tuple[JsonLines, list[Outbox]]]:
    """Results in a folder that no other process writes into meanwhile: its events.jsonl, and alarms on their way."""
    log_bytes, alarms_bytes = (round(1e6 * mb) for mb in (settings.follow_log_mb, settings.follow_alarms_mb))
    with (
        owned(folder, "eval --follow", "give another --model-path: a copy of a run is a run"),
        closing(JsonLines(folder / "events.jsonl", log_bytes, settings.follow_log_parts)) as records,
        outboxes_of(destinations, folder, alarms_bytes, records) as outboxes,
    ):
        yield records, outboxes


@contextmanager
def watching(reel: Any, interrupt: Interrupt) -> Iterator[None]:
    """Stop the reel once an interrupt is requested: whoever waits for its frames has to be woken."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(POLL_S):
            if interrupt.requested:
                reel.stop()
                return

    thread = threading.Thread(target=watch, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def about_of(job: Job, address: str, start_utc: np.datetime64 | None, trained_cadence_s: float) -> dict:
    """What is known before the first frame is scored."""
    return {
        "source": told(address),
        "start_utc": None if start_utc is None else str(start_utc),
        "cadence_s": job.reel.cadence_s,
        "trained_cadence_s": trained_cadence_s,
        "threshold_low": job.low,
        "threshold_high": job.high,
        "model": job.identity["weights_sha256"][:12],
    }


def serial_of(job: Job, begun: str) -> str:
    """What tells the events of one following, or of one set of files, from those of all others."""
    return hashlib.sha256(f"{job.identity['weights_sha256']} {job.reel.name} {begun}".encode()).hexdigest()[:12]


def watch(events: LiveEvents, reel: Any, source: Any, about: dict, log: AlarmLog, desk: Desk) -> None:
    """The loop over frames; writes everything."""
    job, progress = events.job, Progress(time.monotonic())
    about = about | {"follow_memory_s": events.drift.memory_s}
    log.write("started", about)
    done = threading.Event()

    def health() -> dict[str, Any]:
        return status(reel, source, events, progress) | log.health()

    desk.board.show(log.folder.name, health)
    teller = threading.Thread(target=_tell_status, args=(log, health, done), daemon=True)
    teller.start()
    try:
        for scored in live_frames(job.scorer, reel, job.settings, job.bounds):
            if scored.index < reel.resume:
                continue  # of before the last start
            time_s, delay_s = reel.moment(scored.index)
            judge(events, scored, time_s, log.see)
            progress.scored += 1
            progress.delay_s, progress.longest_delay_s = delay_s, max(delay_s, progress.longest_delay_s)
            _tell_drops(log, reel)
            reel.release(scored.index + 1)
            events.keep(scored.index + 1)
        events.finish()
    finally:
        done.set()
        teller.join()
    _tell_drops(log, reel)
    reason = "interrupted" if desk.interrupt.requested else str(reel.failure or source.reason)
    ended = {"reason": reason, **health()}
    log.write("ended", ended)
    counts = {"events": events.count, "events_high": events.high, "events_instrument": events.cameras}
    write_json(log.folder / "summary.json", about | ended | counts | {"ended_utc": now_utc(), "identity": job.identity})


def status(reel: Any, source: Any, events: LiveEvents, progress: Progress) -> dict:
    """Counts so far. delay_s: from a frame's arrival to its score."""
    seconds = time.monotonic() - progress.began
    return {
        "frames_read": reel.counts["read"],
        "frames_scored": progress.scored,
        "frames_dropped": reel.counts["dropped"],
        "frames_damaged": reel.counts["damaged"],
        "frames_left_out": reel.counts["left out"],
        "problem": reel.last_problem or None,
        "delay_s": round(progress.delay_s, 3),
        "longest_delay_s": round(progress.longest_delay_s, 3),
        "frames_per_s": round(progress.scored / seconds, 2),
        "events": events.count,
        "events_opened": events.opened,
        "events_open": len(set(events.numbers.values())),
        **thresholds_of(events.drift),
        "reconnects": source.reconnects,
    }


def _tell_status(log: AlarmLog, health: Callable[[], dict[str, Any]], done: threading.Event) -> None:
    while not done.wait(STATUS_S):
        log.write("status", health(), keep=False)


def _tell_drops(log: AlarmLog, reel: Any) -> None:
    """A line for every time that frames were dropped: nobody has looked at them."""
    while reel.drops:
        log.write("dropped", reel.drops.popleft()._asdict())
