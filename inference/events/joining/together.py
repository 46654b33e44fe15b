"""Which tracks of boxes are one happening, as soon as nothing can join it: in eval, quiet data and streams alike."""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from config import EvalConfig
from data.reel.contract import AnyReel
from inference.events.events import CAMERA, Event, EventLinker
from inference.events.joining.grouping import families_of, grouped, near_each_other

MOST_PARTS = 1000  # that wait for each other; what goes on for ever is told in such pieces


def group_distance_px(reel: AnyReel, settings: EvalConfig) -> float:
    """`eval.group_distance_px`; 0 of a series, whose variables lie beside each other in no order of theirs."""
    return 0.0 if reel.is_series else settings.group_distance_px


class Together:
    """Tracks that are over -> families of those at one place and time (`near_each_other`), and so on to the next.

    A family is whole once no open track is near it: a track is over when nothing can begin any more that would be in
    its time. So what comes near only after that, as something that has gone on elsewhere all the while, is another
    happening. Tracks of whole frames are alone, as all are with a distance of 0.
    """

    def __init__(self, distance_px: float, linker: EventLinker, time_of: Callable[[int], float]):
        self.distance_px, self.linker, self.time_of = distance_px, linker, time_of
        self.waiting: list[list[Event]] = []  # families that are not whole
        self._before: set[int] = set()  # tracks that were open

    @property
    def tracks(self) -> list[Event]:
        """Those that are over, of families that are not whole."""
        return list(chain.from_iterable(self.waiting))

    def push(self, closed: Sequence[Event]) -> list[list[Event]]:
        """Take in what the linker has closed with its last frame; returns the families that are whole now."""
        alone, scene = self._alone(closed)
        still = self.linker.open_of_scene if self.distance_px else []
        ended, self._before = self._before, {track.number for track in still}
        if not scene and (not self.waiting or ended <= self._before):
            return alone
        self.waiting = self._families(self.waiting, scene)
        return alone + self._whole([track.event() for track in still])

    def finish(self, closed: Sequence[Event]) -> list[list[Event]]:
        """The last families, where the linker has closed all that was open."""
        whole = self.push(closed) + self.waiting
        self.waiting = []
        return whole

    def with_open(self, events: Sequence[Event]) -> list[list[Event]]:
        """The families that are not whole as they are with open tracks, that are events by now."""
        alone, scene = self._alone(events)
        return alone + self._families(self.waiting, scene)

    def _alone(self, events: Sequence[Event]) -> tuple[list[list[Event]], list[Event]]:
        """Families of those that join nothing, and the others."""
        others = [event for event in events if self.distance_px and event.level != CAMERA]
        return [[event] for event in events if not self.distance_px or event.level == CAMERA], others

    def _families(self, known: list[list[Event]], new: Sequence[Event]) -> list[list[Event]]:
        """Families of before with further tracks."""
        if not new:
            return known
        n, parts = len(new), [*known, *([event] for event in new)]
        near = np.zeros((len(parts), len(parts)), bool)
        near[-n:] = self._near(new, parts)
        count, family = families_of(near)
        return [[event for k in np.flatnonzero(family == f) for event in parts[k]] for f in range(count)]

    def _whole(self, still: Sequence[Event]) -> list[list[Event]]:
        """Take out the families that no open track is near, or all of them where they have MOST_PARTS."""
        if len(self.tracks) >= MOST_PARTS:
            is_open, known = {event.event for event in still}, self._families(self.waiting, still)
            self.waiting = []
            parts = [[event for event in family if event.event not in is_open] for family in known]
            return [family for family in parts if family]
        if not still or not self.waiting:
            whole, self.waiting = self.waiting, []
            return whole
        is_held, families = self._near(still, self.waiting).any(axis=0), self.waiting
        self.waiting = [families[k] for k in np.flatnonzero(is_held)]
        return [families[k] for k in np.flatnonzero(~is_held)]

    def _near(self, events: Sequence[Event], families: Sequence[Sequence[Event]]) -> np.ndarray:
        """Whether an event is near to one of a family (E, F)."""
        members = list(chain.from_iterable(families))
        gap = self.linker.max_gap_frames, self.time_of, self.linker.max_gap_s
        near = near_each_other(members, self.distance_px, *gap, others=events)
        first = np.cumsum([0, *(len(family) for family in families)])[:-1]
        return np.logical_or.reduceat(near, first, axis=1)


def grouped_within(
    families: Sequence[Sequence[Event]],
    tracks: Sequence[Event],
    together: Together,
    alone: Sequence[str] = (),
    ends: Sequence[str] = (),
    anew: Sequence[str] = (),
    first: int = 0,
) -> list[Event]:
    """Events of families whose tracks have kinds by now (`grouped` by `alone`, `ends` and `anew`), in their order.

    tracks: as they are by now, by their numbers; those of families that are not among them are left out. first: the
    number of the frame that is 0 in these.
    """
    link, found = together.linker, []

    def time_of(frame: int) -> float:
        return together.time_of(frame + first)

    of = {event.event: k for k, family in enumerate(families) for event in family}
    members: dict[int, list[Event]] = {}
    for event in tracks:
        members.setdefault(of[event.event], []).append(event)
    for some in members.values():
        gaps = link.max_gap_frames, alone, time_of, link.max_gap_s
        found += grouped(some, together.distance_px, *gaps, ends, anew)
    return found
