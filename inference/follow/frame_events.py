"""Events of files of frames while they arrive, told as eval tells them: grouped, and on the Sun with place, kind and
the start that was back-dated."""

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
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
from inference.events.events import CAMERA, Event
from inference.events.facts import describe
from inference.events.instrument import camera_frames
from inference.events.joining.companions import Reach
from inference.events.joining.companions import families as families_within
from inference.events.joining.grouping import as_one
from inference.events.joining.together import grouped_within
from inference.events.sky import Sky, shifts
from inference.events.tables import events_json, iso_utc
from inference.follow.events import COMMON_FRAMES, LiveLinker, Moment, thresholds_of
from inference.follow.records import Records
from inference.follow.resumed_events import MOST_REPLAYED, ResumedEvents
from inference.job import Job
from inference.results.results import short_identity
from inference.solar.aftermath import DIMMED_WITHIN_S
from inference.solar.clouds import without_clouds
from inference.solar.columns import measured, with_solar_columns
from inference.solar.happenings import as_happenings
from inference.solar.kinds import ALONE, ENDS, FLARES

STATE = "state.json"
AWAY = "move it away: events that are open are then told anew"
TOLD_SO_FAR = ("kind", "t_start", "start_resolution_s", "hpc_x_arcsec", "hpc_y_arcsec", "hgs_lon_deg", "hgs_lat_deg")
TOLD_SO_FAR += ("on_disk", "position_angle_deg", "radius_rsun", "change")
MOMENTS = ("start", "peak", "end")
HELD_S = 3600.0  # in a region that flares all day long, something that may be of it has always just begun


class FrameEvents(ResumedEvents):
    """As `LiveEvents`, from frames that are kept.

    An event is "closed" once nothing can begin that would be of it (`eval.group_distance_arcsec`), but at the latest
    HELD_S after its end. An
    "open" record tells kind, start and place so far (`so_far`). What was judged is kept after every frame: whoever
    starts again goes on with the same open events and numbers; a kill may repeat a line, with the number it had.
    """

    def __init__(self, job: Job, log: Records, kept: KeptReel):
        super().__init__(job, log, kept.first_utc)
        self.kept = kept
        self.held: list[Sequence[Event]] = []  # families that are whole, beside which others may begin
        self.past: deque[Event] = deque(maxlen=MOST_REPLAYED)  # tracks that were told: clouds are told by those beside
        self.clouded: deque[int] = deque(maxlen=COMMON_FRAMES)  # frames
        self.commons: dict[int, float] = {}
        self.now, self.now_s = -1, 0.0
        self.reach = Reach.of(job.settings, job.reel)
        if self._sky(kept.view()):
            self.link_by(LiveLinker.of(job.reel, job.settings, self._carried))

    def add(self, frame: int, boxes: list[Box], common: float, time_s: float) -> None:
        self.now, self.now_s = frame, time_s
        self.commons[frame] = common
        if len(self.commons) > COMMON_FRAMES:
            self.commons.pop(next(iter(self.commons)))
        if any(box.level == CAMERA and box.instrument == CLOUDS for box in boxes):
            self.clouded.append(frame)
        super().add(frame, boxes, common, time_s)

    @property
    def waiting(self) -> list[Event]:
        return [*super().waiting, *chain.from_iterable(self.held)]

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

    # Groups

    def _beside(self, number: int) -> Sequence[int]:
        families = [*self.held, *self.together.with_open([track.event() for track in self.linker.open_tracks])]
        (k,) = (k for k, family in enumerate(families) if number in {event.event for event in family})
        near = next(some for some in self._within_reach(families) if k in some)
        events = self._as_eval([families[j] for j in near])
        return next(event.tracks for event in events if number in event.tracks)

    def _within_reach(self, families: Sequence[Sequence[Event]]) -> list[list[int]]:
        """Which families may be one event (`eval.group_distance_arcsec`)."""
        view = self.kept.view()
        groups = [clamped(shifted(as_one(family), -view.first)) for family in families]
        return families_within(groups, self._sky(view), self.reach)

    def _close(self, families: Sequence[Sequence[Event]]) -> None:
        self.held += families
        if not self.held:
            return
        others = [*self.together.waiting, *([track.event()] for track in self.linker._open)]
        every, waits = [*self.held, *others], [*map(self._waits, self.held), *(True for _ in others)]
        told: set[int] = set()
        for near in self._within_reach(every):
            if not any(waits[k] for k in near) or any(self._since_s(every[k]) > HELD_S for k in near):
                told.update(ready := [k for k in near if not waits[k]])
                self._tell([every[k] for k in ready])
        self.held = [family for k, family in enumerate(self.held) if k not in told]

    def _waits(self, family: Sequence[Event]) -> bool:
        """Whether something can begin that would be of it (`eval.group_distance_arcsec`)."""
        begun_s = min(self.moments[event.frame_start].time_s for event in family)
        is_of_scene = family[0].level != CAMERA
        return self.reach.arcsec > 0 and is_of_scene and self.now_s - begun_s <= self.reach.within_s

    def _since_s(self, family: Sequence[Event]) -> float:
        return self.now_s - max(self.moments[event.frame_end].time_s for event in family)

    def _tell(self, families: Sequence[Sequence[Event]]) -> None:
        super()._tell(families)
        self.past.extend(chain.from_iterable(families))

    # What is told

    @staticmethod
    def _sky(view: KeptFrames) -> Sky | None:
        return Sky.of(view) if len(view) else None  # type: ignore[arg-type]

    def _carried(self, boxes: list[tuple[int, Box]], later: int) -> np.ndarray:
        view = self.kept.view()
        sky = self._sky(view)
        assert sky is not None  # else nothing is carried
        return shifts(sky, [(max(f - view.first, 0), box) for f, box in boxes], later - view.first)

    def _as_eval(self, families: Sequence[Sequence[Event]]) -> list[Event]:
        """Families of tracks as events, measured and grouped as eval does; frames as in the view of what is kept."""
        view = self.kept.view()
        moved = [[shifted(event, -view.first) for event in family] for family in families]
        if not (sky := self._sky(view)):
            return [as_one(family) for family in moved]
        tracks = self._without_clouds(list(chain.from_iterable(moved)), view, sky)
        tracks = measured(tracks, view, sky)  # type: ignore[arg-type]
        found = grouped_within(moved, tracks, self.together, (*ALONE, CLOUDS), ENDS, FLARES, view.first)

        def time_of(frame: int) -> float:
            return self.moments[frame + view.first].time_s

        within_s = min(self.linker.max_gap_s, DIMMED_WITHIN_S)
        return as_happenings(found, tracks, sky, self.reach, self.together.distance_px, time_of, within_s)

    def _without_clouds(self, tracks: list[Event], view: KeptFrames, sky: Sky) -> list[Event]:
        """Tracks in the frames of the view, those of clouds as such; by what is known until now, the open ones too."""
        own = {event.event for event in tracks}
        others = [*self.past, *self.waiting, *(track.event() for track in self.linker.open_tracks)]
        beside = [shifted(event, -view.first) for event in others if event.event not in own]
        clouded, gap_frames = [frame - view.first for frame in self.clouded], self.linker.max_gap_frames
        return without_clouds([*tracks, *beside], clouded, view, sky, gap_frames)[: len(tracks)]  # type: ignore[arg-type]

    def so_far(self, track) -> dict[str, Any]:
        record = self.record(self._as_eval([[track.event()]])[0])
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
