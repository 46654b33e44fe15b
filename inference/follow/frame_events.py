"""Events of files of frames while they arrive, told as eval tells them: grouped, and on the Sun with place, kind and
the start that was back-dated."""

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.disk.damage import read_json, told
from data.disk.digests import with_digest
from data.disk.files import write_json
from data.live.kept_reel import KeptFrames, KeptReel
from inference.camera.watch import CLOUDS
from inference.events.boxes import Box
from inference.events.companions import Reach, families
from inference.events.events import CAMERA, Event, events_json, in_order, iso_utc
from inference.events.facts import describe
from inference.events.grouping import grouped
from inference.events.instrument import camera_frames
from inference.events.sky import Sky, shifts
from inference.follow.events import COMMON_FRAMES, LiveLinker, Moment, thresholds_of
from inference.follow.records import Records
from inference.follow.resumed_events import MOST_REPLAYED, ResumedEvents
from inference.job import Job
from inference.results.results import short_identity
from inference.solar.aftermath import DIMMED_WITHIN_S
from inference.solar.clouds import without_clouds
from inference.solar.columns import measured, with_solar_columns
from inference.solar.happenings import as_happenings
from inference.solar.kinds import ALONE, ENDS

STATE = "state.json"
AWAY = "move it away: events that are open are then told anew"
TOLD_SO_FAR = ("kind", "t_start", "start_resolution_s", "hpc_x_arcsec", "hpc_y_arcsec", "hgs_lon_deg", "hgs_lat_deg")
TOLD_SO_FAR += ("on_disk", "position_angle_deg", "radius_rsun", "change")
MOMENTS = ("start", "peak", "end")
HELD_S = 3600.0  # in a region that flares all day long, something that may be of it has always just begun


class FrameEvents(ResumedEvents):
    """As `LiveEvents`, from frames that are kept.

    Tracks near each other are one event (`eval.group_distance_px`), which is "closed" once none of them can go on, nor
    anything begin that would be of it (`eval.group_distance_arcsec`), but at the latest HELD_S after its end. An
    "open" record tells kind, start and place so far (`so_far`). What was judged is kept after every frame: whoever
    starts again goes on with the same open events and numbers; a kill may repeat a line, with the number it had.
    """

    def __init__(self, job: Job, log: Records, kept: KeptReel):
        super().__init__(job, log, kept.first_utc)
        self.kept = kept
        self.over: list[Event] = []  # tracks of groups of which others may go on
        self.past: deque[Event] = deque(maxlen=MOST_REPLAYED)  # tracks that were told: clouds are told by those beside
        self.clouded: deque[int] = deque(maxlen=COMMON_FRAMES)  # frames
        self.commons: dict[int, float] = {}
        self.now, self.now_s = -1, 0.0
        self.reach = Reach.of(job.settings, job.reel)
        self.linker = LiveLinker.of(job.reel, job.settings, self._carried if self._sky(kept.view()) else None)

    def add(self, frame: int, boxes: list[Box], common: float, time_s: float) -> None:
        self.now, self.now_s = frame, time_s
        self.commons[frame] = common
        if len(self.commons) > COMMON_FRAMES:
            self.commons.pop(next(iter(self.commons)))
        if any(box.level == CAMERA and box.instrument == CLOUDS for box in boxes):
            self.clouded.append(frame)
        super().add(frame, boxes, common, time_s)

    def frames_needed(self) -> set[int]:
        waiting = {f for e in self.over for f in (e.frame_start, e.frame_peak, e.frame_end, *e.unexplained)}
        return super().frames_needed() | waiting

    def finish(self) -> None:
        self.now_s = np.inf
        super().finish()

    # Restart

    @staticmethod
    def state_of(folder: Path) -> dict[str, Any] | None:
        """What was kept when it ran the last time."""
        path = folder / STATE
        if not path.is_file():
            return None
        state = read_json(path, AWAY)
        with told(path, AWAY):
            return state | {"judged": int(state["judged"])}

    def keep(self, judged: int) -> None:
        own = {"commons": [list(pair) for pair in self.commons.items()], "clouded": list(self.clouded)}
        facts = self.state() | own | {"judged": judged}
        write_json(self.kept.folder / STATE, with_digest(facts))

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where the state was kept. Raises Damaged."""
        with told(self.kept.folder / STATE, AWAY):
            super().restore(state)
            self.commons = {int(frame): common for frame, common in state["commons"]}
            self.common.extend(self.commons.values())
            self.clouded = deque(state.get("clouded", self.clouded), maxlen=COMMON_FRAMES)  # older ones have none

    def is_idle(self) -> bool:
        return super().is_idle() and not self.over

    # Groups

    def _open(self, track, frame: int, time_s: float) -> None:
        known = [self.numbers[number] for number in self._together(track.number) if number in self.numbers]
        if known:  # one more part of an event that was told
            self.numbers[track.number] = min(known)
            return
        super()._open(track, frame, time_s)

    def _groups(self) -> list[Event]:
        """All tracks that are not told yet, open ones too, as groups by place and time alone."""
        tracks = [*self.over, *(track.event() for track in self.linker._open)]
        return self._grouped(tracks)

    def _grouped(self, tracks: Sequence[Event], alone: Sequence[str] = (), first: int = 0) -> list[Event]:
        """As eval groups them. first: the number of the frame that is 0 in these tracks."""
        distance_px, gap_frames, time_of, max_gap_s = self._place_and_time(first)
        return grouped(tracks, distance_px, gap_frames, alone, time_of, max_gap_s, ENDS)

    def _place_and_time(self, first: int) -> tuple[float, int, Callable[[int], float], float]:
        """By what tracks, whose frame 0 is `first`, are at one place and time."""

        def time_of(frame: int) -> float:
            return self.moments[frame + first].time_s

        return self.job.settings.group_distance_px, self.linker.max_gap_frames, time_of, self.linker.max_gap_s

    def _together(self, number: int) -> tuple[int, ...]:
        """The tracks that are one event with this one, by what is known of them now."""
        groups = self._groups()
        (k,) = (k for k, event in enumerate(groups) if number in event.tracks)
        family = next(some for some in self._families(groups) if k in some)
        if len(family) == 1:
            return groups[k].tracks
        numbers = {track for k in family for track in groups[k].tracks}
        members = [*self.over, *(track.event() for track in self.linker._open)]
        events = self._as_eval([event for event in members if event.event in numbers])
        return next(event.tracks for event in events if number in event.tracks)

    def _families(self, groups: Sequence[Event]) -> list[list[int]]:
        """Which groups may be one event (`families`)."""
        view = self.kept.view()
        return families([clamped(shifted(event, -view.first)) for event in groups], self._sky(view), self.reach)

    def _close(self, events: list[Event]) -> None:
        self.over += events
        if not self.over:
            return
        groups = self._groups()
        waits = [self._waits(group) for group in groups]
        for family in self._families(groups):
            ready = [groups[k] for k in family if not waits[k]]
            if len(ready) < len(family) and not any(self._since_s(group) > HELD_S for group in ready):
                continue
            tracks = {track for group in ready for track in group.tracks}
            members = [event for event in self.over if event.event in tracks]
            self.over = [event for event in self.over if event.event not in tracks]
            self._tell(members)

    def _waits(self, group: Event) -> bool:
        """Whether a group can go on, or something begin that would be of it."""
        gap = self.linker.max_gap_frames if self.job.settings.group_distance_px else -1
        is_past = self.now - group.frame_end - 1 > gap or self._since_s(group) > self.linker.max_gap_s
        begun_s = self.moments[group.frame_start].time_s
        has_company = self.reach.arcsec > 0 and group.level != CAMERA and self.now_s - begun_s <= self.reach.within_s
        still = {track.number for track in self.linker._open}
        return not still.isdisjoint(group.tracks) or not is_past or has_company

    def _since_s(self, event: Event) -> float:
        return self.now_s - self.moments[event.frame_end].time_s

    def _tell(self, members: Sequence[Event]) -> None:
        """ "closed", for each event that the tracks of a group come to."""
        first_told: set[int] = set()
        for event in in_order(self._as_eval(members)):
            own = [self.numbers[track] for track in event.tracks if track in self.numbers]
            number = next((n for n in sorted(own) if n not in first_told), None)
            if number is None:
                self.opened += 1
                number = self.opened
            first_told.add(number)
            record = self.record(event) | {"event": number}
            self.high += record["level"] == "high"
            self.cameras += record["instrument"] is not None
            self.log.write("closed", record)
        told = {event.event for event in members}
        # What goes on beside an event that is closed is an event of its own from then on.
        self.numbers = {t: n for t, n in self.numbers.items() if t not in told and n not in first_told}
        self.past.extend(members)

    # What is told

    @staticmethod
    def _sky(view: KeptFrames) -> Sky | None:
        return Sky.of(view) if len(view) else None  # type: ignore[arg-type]

    def _carried(self, boxes: list[tuple[int, Box]], later: int) -> np.ndarray:
        view = self.kept.view()
        sky = self._sky(view)
        assert sky is not None  # else nothing is carried
        return shifts(sky, [(max(f - view.first, 0), box) for f, box in boxes], later - view.first)

    def _as_eval(self, tracks: Sequence[Event]) -> list[Event]:
        """Tracks as events, measured and grouped as eval does; frames as in the view of what is kept."""
        view = self.kept.view()
        moved = [shifted(event, -view.first) for event in tracks]
        if sky := self._sky(view):
            moved = measured(self._without_clouds(moved, view, sky), view, sky)  # type: ignore[arg-type]
        found = self._grouped(moved, (*ALONE, CLOUDS), view.first)
        if not sky:
            return found
        distance_px, _, time_of, max_gap_s = self._place_and_time(view.first)
        return as_happenings(found, moved, sky, self.reach, distance_px, time_of, min(max_gap_s, DIMMED_WITHIN_S))

    def _without_clouds(self, tracks: list[Event], view: KeptFrames, sky: Sky) -> list[Event]:
        """Tracks in the frames of the view, those of clouds as such; by what is known until now, the open ones too."""
        own = {event.event for event in tracks}
        others = [*self.past, *self.over, *(track.event() for track in self.linker.open_tracks)]
        beside = [shifted(event, -view.first) for event in others if event.event not in own]
        clouded, gap_frames = [frame - view.first for frame in self.clouded], self.linker.max_gap_frames
        return without_clouds([*tracks, *beside], clouded, view, sky, gap_frames)[: len(tracks)]  # type: ignore[arg-type]

    def so_far(self, track) -> dict[str, Any]:
        record = self.record(self._as_eval([track.event()])[0])
        return {name: record[name] for name in TOLD_SO_FAR if name in record} | {"so_far": True}

    def record(self, event: Event) -> dict[str, Any]:
        """An event of the view as a row of events.json."""
        view = self.kept.view()
        peak = self.moments.get(event.frame_peak + view.first, None)
        peak = peak or Moment(0.0, 0.0, self.drift.low, self.drift.high)
        common = np.array([self.commons.get(frame + view.first, np.nan) for frame in range(len(view))])
        sky = self._sky(view)
        told = clamped(event)
        identity = short_identity(self.job.identity)
        table = describe([told], view, sky, camera_frames(common), peak.high, identity, zones=self.job.settings.zones)
        if sky:
            table = with_solar_columns(table, [told], view)  # type: ignore[arg-type]
        for name in (*(f"frame_{moment}" for moment in MOMENTS), *(["frame_detected"] if sky else [])):
            table[name] += view.first
        self._as_it_was(table, event, view)
        return json.loads(events_json(table, {}))["events"][0] | thresholds_of(peak)

    def _as_it_was(self, table: pd.DataFrame, event: Event, view: KeptFrames) -> None:
        """Set the times of what is kept no more, which an event that lasts for long may have."""
        for moment in MOMENTS:
            frame = getattr(event, f"frame_{moment}")
            if frame < 0 and (then := self.moments.get(frame + view.first)):
                table[f"frame_{moment}"], table[f"time_{moment}_s"] = frame + view.first, then.time_s
                table[f"t_{moment}"] = iso_utc(self._times_utc(np.array([then.time_s])))


def shifted(event: Event, by: int) -> Event:
    """An event of frames that are numbered otherwise."""
    frames = {f"frame_{moment}": getattr(event, f"frame_{moment}") + by for moment in MOMENTS}
    return replace(event, **frames, unexplained=tuple(frame + by for frame in event.unexplained))


def clamped(event: Event) -> Event:
    """An event as far as its frames are kept."""
    frames = {f"frame_{moment}": max(getattr(event, f"frame_{moment}"), 0) for moment in MOMENTS}
    return replace(event, **frames, unexplained=tuple(max(frame, 0) for frame in event.unexplained))
