"""Events of a stream while it runs: linked as in eval, told as JSON lines, with memory for the open ones only."""

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from data.reel.contract import AnyReel
from inference.calibration.drift import Drift
from inference.events.boxes import Box
from inference.events.events import UNEXPLAINED, Event, EventLinker
from inference.events.facts import Named, describe
from inference.events.instrument import camera_frames
from inference.events.joining.grouping import as_one
from inference.events.joining.together import Together, group_distance_px
from inference.events.source_place import source_columns
from inference.events.tables import events_json, in_order
from inference.follow.records import Records
from inference.job import Job
from inference.results.results import short_identity

COMMON_FRAMES = 2000  # frames by which an event's are judged to be the camera's
MOST_MOMENTS = 2 * UNEXPLAINED  # an event needs the times of fewer frames, however long it lasts


class LiveLinker(EventLinker):
    """An EventLinker whose open tracks can be looked at."""

    @property
    def open_tracks(self) -> list:
        """Those that are events already."""
        return [track for track in self._open if track.is_event(self.min_frames)]

    def frames_of_interest(self) -> set[int]:
        """The frames that the open tracks will be told by."""
        return {f for t in self._open for f in (*t.frames, *t.unexplained)}


@dataclass(frozen=True)
class Moments:
    """The few frames that an event of a stream is told by, numbered from 0."""

    reel: AnyReel
    times_s: np.ndarray
    times_utc: np.ndarray | None
    clock_s: np.ndarray | None = None  # a stream has none but that of its times

    @property
    def is_series(self) -> bool:
        return self.reel.is_series

    @property
    def channels(self) -> list[str]:
        return self.reel.channels

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.reel.shape

    @property
    def meta(self) -> dict[str, Any]:
        return self.reel.meta

    @property
    def to_source(self) -> np.ndarray | None:
        return self.reel.to_source

    def read_masks(self, start: int, stop: int) -> np.ndarray:
        """Nothing: a picture's values are no counts, so nothing of a video is known to be saturated."""
        return np.zeros((stop - start, *self.reel.shape[2:]), np.uint8)


class Moment(NamedTuple):
    """When a frame with boxes was, its common mode, and the thresholds that were in force."""

    time_s: float
    common: float
    low: float
    high: float


class LiveEvents:
    """Boxes of a stream's frames -> records "open" and "closed".

    "open" is written as soon as an event has `eval.min_frames` boxes, "closed" when it is over, with the columns of
    events.json; both name the event by the same number, and the thresholds in force when it opened, and at its peak.
    Tracks near each other are one event, as in eval (`Together`), which is "closed" once none of them can go on. Where
    several of them had opened before they came near to each other, "closed" has the other numbers as `joined`.
    `start_utc` is the time of the stream's second 0, if known.
    """

    def __init__(self, job: Job, log: Records, start_utc: np.datetime64 | None):
        self.job, self.log, self.start_utc = job, log, start_utc
        self.drift = self.drift_of(job)
        self.link_by(LiveLinker.of(job.reel, job.settings))
        self.common: deque[float] = deque(maxlen=COMMON_FRAMES)  # of the last frames
        self.moments: dict[int, Moment] = {}  # of frames with boxes
        self.numbers: dict[int, int] = {}  # of the linker -> of the record
        self.opened = self.joined = self.high = self.cameras = 0

    def link_by(self, linker: LiveLinker) -> None:
        """Link boxes, and tell which tracks are one event, by this linker."""
        self.linker = linker
        distance_px = group_distance_px(self.job.reel, self.job.settings)
        self.together = Together(distance_px, linker, lambda frame: self.moments[frame].time_s)

    @property
    def count(self) -> int:
        """Events so far."""
        return self.opened - self.joined

    @property
    def waiting(self) -> list[Event]:
        """Tracks that are over, of events that are not closed."""
        return self.together.tracks

    def drift_of(self, job: Job) -> Drift:
        """How the thresholds go with the stream."""
        return Drift.of(job.calibration, job.settings)

    def add(self, frame: int, boxes: list[Box], common: float, time_s: float) -> None:
        """Take in one frame's boxes; frames and times increase."""
        self.common.append(common)
        if boxes:
            self.moments[frame] = Moment(time_s, common, self.drift.low, self.drift.high)
        whole = self.together.push(self.linker.push(frame, boxes, time_s))
        for track in self.linker.open_tracks:
            if track.number not in self.numbers:
                self._open(track, frame, time_s)
        self._close(whole)
        if len(self.moments) > MOST_MOMENTS * (1 + len(self.linker.open_tracks) + len(self.waiting)):
            needed = self.frames_needed()
            self.moments = {f: moment for f, moment in self.moments.items() if f in needed}

    def frames_needed(self) -> set[int]:
        """The frames with boxes whose moments are still to be told."""
        over = {f for e in self.waiting for f in (e.frame_start, e.frame_peak, e.frame_end, *e.unexplained)}
        return self.linker.frames_of_interest() | over

    def finish(self) -> None:
        """Close the events that are still open."""
        self._close(self.together.finish(self.linker.finish()))

    def _open(self, track, frame: int, time_s: float) -> None:
        if known := [self.numbers[number] for number in self._beside(track.number) if number in self.numbers]:
            self.numbers[track.number] = min(known)  # one more part of an event that was told
            return
        self.opened += 1
        self.numbers[track.number] = self.opened
        box = track.last_box
        place = {name: getattr(box, name) for name in ("x", "y", "x0", "y0", "x1", "y1")}
        source = source_columns(pd.DataFrame([place]), np.zeros(1, int), self.job.reel)
        place |= {} if source is None else {str(k): v for k, v in source.to_dict("records")[0].items()}
        found = self.so_far(track) | {
            "score": box.peak,
            "area_px": box.area,
            "level": box.level,
            "severity": box.peak / self.drift.high,
        }
        when = {"event": self.opened, "t": self._utc(time_s), "time_s": round(time_s, 6), "frame": frame}
        self.log.write("open", when | place | found | thresholds_of(self.drift))

    def so_far(self, track) -> dict[str, Any]:
        """What more is told of an event that opens."""
        return {}

    def caption(self, time_s: float) -> str:
        """What is written over the picture of a moment."""
        when = self._utc(time_s)
        return f"{self.job.reel.name}  {f'{time_s:.2f} s' if when is None else when[:19].replace('T', ' ') + ' UTC'}"

    def keep(self, judged: int) -> None:
        """The frames before `judged` are judged; a stream can't be taken up again, so nothing is kept."""

    def _beside(self, number: int) -> Sequence[int]:
        """The tracks that are one event with this one, by what is known of them now."""
        families = self.together.with_open([track.event() for track in self.linker.open_tracks])
        return next(of for of in ([event.event for event in family] for family in families) if number in of)

    def _close(self, families: Sequence[Sequence[Event]]) -> None:
        if families:
            self._tell(families)

    def _tell(self, families: Sequence[Sequence[Event]]) -> None:
        """ "closed", for each event that families of tracks come to."""
        events = in_order(self._as_eval(families))
        numbers = self._numbers_of(events)
        done = set(numbers)
        for number, event in zip(numbers, events, strict=True):
            joined = sorted({self.numbers[track] for track in event.tracks if track in self.numbers} - done)
            done.update(joined)
            record = self.record(event) | {"event": number} | ({"joined": joined} if joined else {})
            self.joined += len(joined)
            self.high += record["level"] == "high"
            self.cameras += record["instrument"] is not None
            self.log.write("closed", record)
        # What goes on beside an event that is closed is an event of its own from then on.
        told = {event.event for family in families for event in family}
        self.numbers = {t: n for t, n in self.numbers.items() if t not in told and n not in done}

    def _numbers_of(self, events: Sequence[Event]) -> list[int]:
        """The number of each event: the first that one of its tracks has and no event before it, else a new one."""
        numbers: list[int] = []
        for event in events:
            own = sorted({self.numbers[track] for track in event.tracks if track in self.numbers} - set(numbers))
            self.opened += not own
            numbers.append(own[0] if own else self.opened)
        return numbers

    def _as_eval(self, families: Sequence[Sequence[Event]]) -> list[Event]:
        """Families of tracks as events, as eval has them."""
        return [as_one(family) for family in families]

    def record(self, event: Event) -> dict[str, Any]:
        """One event as in events.json."""
        frames = sorted({event.frame_start, event.frame_peak, event.frame_end, *event.unexplained})
        place = {frame: i for i, frame in enumerate(frames)}
        moments, peak = [self.moments[f] for f in frames], self.moments[event.frame_peak]
        times_s, common = np.array([m.time_s for m in moments]), np.array([m.common for m in moments])
        times_utc = None if self.start_utc is None else self._times_utc(times_s)
        seen = Moments(self.job.reel, times_s, times_utc)
        small = replace(
            event,
            frame_start=place[event.frame_start],
            frame_peak=place[event.frame_peak],
            frame_end=place[event.frame_end],
            unexplained=tuple(place[f] for f in event.unexplained),
        )
        camera = camera_frames(np.array([*self.common, *common]))[len(self.common) :]
        identity, zones = short_identity(self.job.identity), self.job.settings.zones
        table = describe([small], seen, None, camera, peak.high, identity, lambda _: self.named(event), zones)
        for name in ("frame_start", "frame_peak", "frame_end"):
            table[name] = getattr(event, name)
        return json.loads(events_json(table, {}))["events"][0] | thresholds_of(peak)

    def named(self, event: Event) -> list[Named]:
        """Of a series: the variables that an event is about."""
        return []

    def _times_utc(self, times_s: np.ndarray) -> np.ndarray:
        return self.start_utc + np.round(1000 * times_s).astype("timedelta64[ms]")

    def _utc(self, time_s: float) -> str | None:
        return None if self.start_utc is None else str(self._times_utc(np.array([time_s]))[0])


def thresholds_of(moment: Moment | Drift) -> dict[str, float]:
    """The thresholds in force, for a record."""
    return {"threshold_low": round(moment.low, 6), "threshold_high": round(moment.high, 6)}
