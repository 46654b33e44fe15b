"""The frames of a stream, scored and judged as they come; without torch, so that a bundle does it the same way."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

from config import EvalConfig
from data.live.live_reel import Form, LiveReel
from data.live.live_source import LiveSource, Picture, name_of
from inference.camera.bounds import ALL_PASS, Bounds
from inference.camera.watch import BROKEN
from inference.camera.watched import WatchedStretch, reach_of
from inference.detection import Detection, detected
from inference.events.boxes import WEAK
from inference.follow.events import LiveEvents
from inference.scorers.base import Scorer
from inference.scorers.nets.residual import ScoredFrame
from inference.scorers.streams import to_the_end


class Pictures(Protocol):
    """A source of pictures for a stream, that can be told to stop, and tells the reason why it ended."""

    stop: threading.Event
    reason: str

    def pictures(self) -> Iterator[Picture | None]: ...


See = Callable[[Detection, str], None]


def unseen(_found: Detection, _caption: str) -> None:
    """Nobody looks at the pictures."""


def live_reel(source: LiveSource, scorer: Scorer, form: Form, gap_threshold: float, settings: EvalConfig) -> LiveReel:
    """An empty reel for the pictures of a source, with room for what the scorer asks for at once."""
    room = scorer.at_once(settings), scorer.looks_back
    return LiveReel(name_of(source.address), form, gap_threshold, settings.follow_delay_s, *room)


@contextmanager
def feeding(reel: LiveReel, source: Pictures) -> Iterator[None]:
    """Read the source into the reel, in a thread of its own."""
    # A daemon, because a library that waits for a network can't be told to stop.
    thread = threading.Thread(target=reel.feed, args=(source.pictures(),), name="reader", daemon=True)
    thread.start()
    try:
        yield
    finally:
        source.stop.set()
        reel.stop()
        thread.join(2.0)


def judge(events: LiveEvents, scored: ScoredFrame, time_s: float, see: See = unseen) -> None:
    """Take in one scored frame: its boxes above the thresholds in force, and what a sound one says about these.

    see: called with it, and with what is written over its picture, before any event is told.
    """
    job, drift = events.job, events.drift
    found = detected(job.at(drift.low, drift.high), scored)
    above = [box for box in found.boxes if box.level != WEAK]
    see(replace(found, boxes=above), events.caption(time_s))
    events.add(scored.index, found.boxes, scored.common, time_s)
    if scored.camera not in BROKEN:
        drift.add(time_s, found.score, ~scored.valid, bool(above), job.settings)


def live_frames(scorer: Scorer, reel: Any, settings: EvalConfig, bounds: Bounds = ALL_PASS) -> Iterator[ScoredFrame]:
    """Every frame of every stretch that is long enough, in time order, as `watched_reel` of a finished one."""
    for begin, end in reel.each_stretch():
        if end.reached(begin + scorer.clip_length) == begin + scorer.clip_length:
            watched = WatchedStretch(reel, begin, bounds, scorer.scaling)
            frames = to_the_end(scorer, watched.as_reel(), begin, end, settings)
            yield from watched.told(frames, reach_of(scorer, settings))
