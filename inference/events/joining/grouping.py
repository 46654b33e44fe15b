"""One happening, one event: what lies close together in place and time belongs to the strongest of it.

A flare is a core, ribbons, loops and the arms of its diffraction pattern, each a track of boxes of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from inference.events.course import Course
from inference.events.events import CAMERA, UNEXPLAINED, Event

AT_PLACE_PX = 2.0  # from the centre of a flare to the box of what was a precursor of it, at most


def grouped(
    events: Sequence[Event],
    distance_px: float,
    gap_frames: int,
    alone: Sequence[str] = (),
    time_of: Callable[[int], float] | None = None,
    max_gap_s: float = np.inf,
    ends: Sequence[str] = (),
    anew: Sequence[str] = (),
) -> list[Event]:
    """Events whose boxes (of their whole life) are at most `distance_px` apart and their frames at most `gap_frames`
    become one, and so on from neighbour to neighbour: that of the strongest, with the times and bounds of all.

    time_of: seconds of a frame; with it no two belong together that are more than `max_gap_s` apart, as where frames
    are missing for days. A distance of 0 leaves all as they are. Events that are the camera's as whole frames are no
    part of any group, and those of a kind in `alone` only join their like. Those of a kind in `ends` are the end of
    what was there before them: they join the strongest of that, whatever it is, and a group is what its others are. One
    of a kind in `anew` whose light was gone before a stronger one of these began, beside it, is none of it.
    """
    scene = [event for event in events if event.level != CAMERA]
    if not distance_px or len(scene) < 2:
        return list(events)
    near = near_each_other(scene, distance_px, gap_frames, time_of, max_gap_s)
    sort = _sorts(scene, near, alone, ends)
    near &= (sort[:, None] == sort) & ~_came_before(scene, anew)
    count, group = families_of(near)
    members = [[event for event, g in zip(scene, group.tolist(), strict=True) if g == k] for k in range(count)]
    return [*(as_one(some, ends) for some in members), *(event for event in events if event.level == CAMERA)]


def families_of(near: np.ndarray) -> tuple[int, np.ndarray]:
    """How many families there are, and which is that of each (N,): neighbours are of one. near: (N, N) bool."""
    from scipy.sparse import csr_array  # late: many reels have no two events
    from scipy.sparse.csgraph import connected_components

    return connected_components(csr_array(near), directed=False)


def near_each_other(
    events: Sequence[Event],
    distance_px: float,
    gap_frames: int,
    time_of: Callable[[int], float] | None = None,
    max_gap_s: float = np.inf,
    others: Sequence[Event] | None = None,
) -> np.ndarray:
    """Which are at one place and time (N, N) bool, as `grouped` has it; with others (M, N), of which each is a row."""
    sides = (events,) if others is None else (others, events)
    apart = [_apart(sides, *axis, 0) for axis in (("x0", "x1"), ("y0", "y1"))]
    near = np.linalg.norm(apart, axis=0) <= distance_px
    near &= _apart(sides, "frame_start", "frame_end", 1) - 1 <= gap_frames
    if time_of:
        near &= _apart(sides, "frame_start", "frame_end", 0, time_of) <= max_gap_s
    return near


def were_over(events: Sequence[Event]) -> np.ndarray:
    """Of each (row) the others (column) that were over when it began, elsewhere (N, N) bool: half of their light was
    gone, or where that was not measured their last box, and its centre at its peak lies beside their boxes. Its own box
    may reach over theirs by then: a flare's loops and arms fill its region."""
    begun = begun_in(events)
    halved = [
        max(event.frame_peak, event.course.onset + event.course.lasts_frames) if event.course else event.frame_end
        for event in events
    ]
    over = np.array(halved) < begun[:, None]
    return over & (np.hypot(_beside(events, "x"), _beside(events, "y")) > AT_PLACE_PX)


def _beside(events: Sequence[Event], axis: str) -> np.ndarray:
    """How far along an axis the centre of each (row) at its peak lies beside others' boxes (column): (N, N) px."""
    centre, first, last = (np.array([getattr(event, axis + of) for event in events]) for of in ("", "0", "1"))
    return between(centre, centre, 0, first, last)


def begun_in(events: Sequence[Event]) -> np.ndarray:
    """The frames (N,) in which their light had left the noise, where that is known, else of their first boxes."""
    return np.array([event.course.onset if event.course else event.frame_start for event in events])


def _came_before(scene: Sequence[Event], anew: Sequence[str]) -> np.ndarray:
    """Pairs (N, N) of which the weaker was over when the stronger began, beside it; of measured ones of some kinds."""
    some = np.array([event.kind in anew and event.course is not None for event in scene])
    strength = strength_of(scene)
    before = were_over(scene) & (strength < strength[:, None]) & some & some[:, None]
    return before | before.T


def strength_of(events: Sequence[Event]) -> np.ndarray:
    """By which the strongest is told (N,): the light that each has added or taken away, where all were measured, else
    their peak scores. A score counts in what its place does anyway: a spark in a dark place outdoes a flare's loops."""
    added = np.array([abs(event.course.added) if event.course else 0.0 for event in events])
    return added if added.all() else np.array([event.peak_score for event in events])


def _sorts(scene: Sequence[Event], near: np.ndarray, alone: Sequence[str], ends: Sequence[str]) -> np.ndarray:
    """What only joins its like (N,): a kind in `alone`, and "" of all others."""
    sort = np.array([event.kind if event.kind in alone else "" for event in scene], object)
    own = sort.copy()
    for i, event in enumerate(scene):
        if event.kind in ends:
            others = [(scene[j], own[j]) for j in np.flatnonzero(near[i]).tolist() if scene[j].kind not in ends]
            before = [(other, of) for other, of in others if other.frame_start < event.frame_start]
            sort[i] = max(before, key=lambda found: found[0].peak_score)[1] if before else ""
    return sort


def _apart(
    sides: Sequence[Sequence[Event]], first: str, last: str, within: int, value_of: Callable[[int], float] = float
) -> np.ndarray:
    """`between` by two columns of events, of all with all or of one side with another."""
    (start, end), *others = (
        [np.array([value_of(getattr(event, name)) for event in side]) for name in (first, last)] for side in sides
    )
    return between(start, end, within, *(others[0] if others else ()))


def between(
    start: np.ndarray, end: np.ndarray, within: int, starts: np.ndarray | None = None, ends: np.ndarray | None = None
) -> np.ndarray:
    """How far from the end of one to the start of the other, 0 where they overlap: (N, N), or (N, M) with `starts` and
    `ends` of others. within: 1 of inclusive ranges, whose neighbours are 1 apart, else 0."""
    starts, ends = start if starts is None else starts, end if ends is None else ends
    return np.maximum(np.maximum(start[:, None] - ends, starts - end[:, None]), within)


def as_one(events: Sequence[Event], ends: Sequence[str] = ()) -> Event:
    """One event of several, the strongest that is of no kind in `ends`, with the times and bounds of all: of those that
    change the light as the one does that stands out most.

    It begins with those that change the light its way: what gets dark before a flare is none of its rise. That may be
    something of its own, or a net that has the flare in its window and expects it in the frames before, too.
    """
    if len(events) == 1:
        return events[0]
    clearest = max(events, key=lambda event: (event.kind not in ends, event.peak_score))
    alike = [event for event in events if _way(event) * _way(clearest) >= 0]
    way, is_end = _way(clearest), clearest.kind in ends
    own = [event for event in alike if _way(event) == way and (event.kind in ends) == is_end]
    strongest = own[int(strength_of(own).argmax())]
    weights = [event.n_frames for event in events]
    first, last = min(e.frame_start for e in alike), max(e.frame_end for e in events)
    return replace(
        strongest,
        frame_start=first,
        frame_end=last,
        n_frames=min(sum(weights), last - first + 1),
        x0=min(e.x0 for e in events),
        y0=min(e.y0 for e in events),
        x1=max(e.x1 for e in events),
        y1=max(e.y1 for e in events),
        mean_score=float(np.average([e.mean_score for e in events], weights=weights)),
        level="high" if any(e.level == "high" for e in events) else strongest.level,
        reasons=tuple(sorted({reason for e in events for reason in e.reasons})),
        unexplained=tuple(sorted({frame for e in events for frame in e.unexplained}))[:UNEXPLAINED],
        parts=sum(e.parts for e in events),
        tracks=tuple(track for e in events for track in e.tracks),
        course=_earliest(strongest.course, alike),
    )


def _way(event: Event) -> float:
    """Whether an event adds light, or strength of a field, to its place (1) or takes it away (-1); 0: not known."""
    return float(np.sign(event.course.relative_change)) if event.course else 0.0


def _earliest(course: Course | None, events: Sequence[Event]) -> Course | None:
    """The course of the strongest, from the earliest onset of all on."""
    return course and replace(course, onset=min(e.course.onset for e in events if e.course))
